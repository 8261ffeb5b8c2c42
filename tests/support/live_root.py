"""A built machine as files, so that a live look with another root reads it."""

from __future__ import annotations

import os
from pathlib import Path

from etpu_doctor.evidence.umockdev import read_description


def write_machine(description: str, sysfs: Path) -> Path:
    """The files and links of a umockdev description below a folder; returns the folder."""
    tree = read_description(description.splitlines())
    for folder, files in tree._files.items():
        for name, content in files.items():
            path = Path(f"{sysfs}{folder}/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for folder, links in tree._links.items():
        for name, target in links.items():
            path = Path(f"{sysfs}{folder}/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(os.path.relpath(f"{sysfs}{target}", path.parent))
    return sysfs
