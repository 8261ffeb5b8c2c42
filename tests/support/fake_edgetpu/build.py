"""Builds the test double of libedgetpu that lies beside this file."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "fake_edgetpu.c"
FLAGS = ("-std=c99", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-soname,libedgetpu.so.1")


def build_library(compiler: str, folder: Path, *macros: str) -> Path:
    """The library, built into a folder; ``FAKE_EDGETPU_NO_C_API`` and the like leave parts of it out."""
    library = folder / "libedgetpu.so.1"
    defined = [f"-D{macro}" for macro in macros]
    subprocess.run([compiler, *FLAGS, *defined, "-o", library, SOURCE], check=True, capture_output=True, timeout=120)
    return library


def build_source(compiler: str, folder: Path, source: str, *, name: str = "libedgetpu.so.1") -> Path:
    """A library of a few lines of C, for what the double does not do."""
    library = folder / name
    file = folder / f"{name}.c"
    file.write_text(source, encoding="utf-8")
    subprocess.run([compiler, *FLAGS, "-o", library, file], check=True, capture_output=True, timeout=120)
    return library
