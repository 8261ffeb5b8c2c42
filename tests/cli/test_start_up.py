"""What a command imports before it answers: start-up is what the user waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etpu_doctor.cli import COMMANDS
from etpu_doctor.demos import folder_of
from tests.cli.command_line import PACKAGE
from tests.support.plans import write_models

IMPORTED = """\
import contextlib, io, os, sys
from etpu_doctor.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    try:
        main(sys.argv[1:])
    except SystemExit:
        pass
print("\\n".join(sys.modules))
"""

# What msgspec or the interpreter's own start-up may bring, and tomli, which is tomllib before Python 3.11.
ALLOWED = {"etpu_doctor", "msgspec", "typing_extensions", "tomli", "__main__", "sitecustomize", "usercustomize"}

SLOW_MODULES = ("asyncio", "dataclasses", "email", "inspect", "logging", "pathlib", "subprocess", "tempfile", "tomllib")
"""Modules of the standard library that the default path must do without."""


def imported(*arguments: str) -> set[str]:
    """Names of all modules that a command line has imported when it has answered."""
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {PACKAGE!r})\n{IMPORTED}", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert "" == result.stderr
    return set(result.stdout.split())


def third_party(modules: set[str]) -> set[str]:
    """Top-level names that are neither ours nor of the standard library; editable installs add finders, not imports."""
    names = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - ALLOWED
    return {name for name in names if not name.startswith(("_", "distutils-precedence"))}


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--from", folder_of("two-sticks-on-a-7-port-hub")],
        ["check", "--from", folder_of("dual-pcie"), "--only", "pcie-link-or-slot"],
        ["tree", "--from", folder_of("healthy-usb3")],
        ["devices", "--from", folder_of("healthy-usb3")],
        ["demo"],
        ["demo", "--list"],
        ["rules"],
        ["explain", "ETD110"],
        ["check", "--bogus"],
        ["check", "--from", "/nonexistent"],
    ],
    ids=" ".join,
)
def test_json_needs_no_third_party_module_but_msgspec(arguments: list[str]) -> None:
    """No command that answers in JSON imports rich, or anything else that is not our own, msgspec or Python's."""
    assert set() == third_party(imported(*arguments, "--json"))


def test_a_live_check_needs_no_third_party_module_but_msgspec(tmp_path: Path) -> None:
    """Nor does the check of a live host, with and without Edge TPUs, nor a capture and the check of it."""
    (tmp_path / "sys").mkdir()
    bundle = str(tmp_path / "x.tar.gz")
    assert set() == third_party(imported("check", "--json", "--root", str(tmp_path)))
    assert set() == third_party(imported("capture", "--json", "-o", bundle, "--root", str(tmp_path)))
    assert set() == third_party(imported("check", "--json", "--from", bundle))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_needs_no_third_party_module_but_msgspec(command: str) -> None:
    """The help of a command imports no more than its JSON does."""
    assert set() == third_party(imported(command, "--help"))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_general_help_loads_no_command(arguments: list[str]) -> None:
    """Help and version answer without any command, and without msgspec."""
    modules = imported(*arguments)
    assert "msgspec" not in modules
    assert not {f"etpu_doctor.cli.{command}" for command in COMMANDS} & modules


def test_the_default_path_avoids_slow_modules() -> None:
    """A JSON report of a capture with Edge TPUs imports none of the standard library's slow modules."""
    modules = imported("check", "--json", "--from", folder_of("healthy-usb3"))
    before = set(
        subprocess.run(
            [sys.executable, "-I", "-c", 'import sys, msgspec; print("\\n".join(sys.modules))'],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
    )
    assert [] == [name for name in SLOW_MODULES if name in modules - before]


def test_only_a_check_with_models_imports_what_plans() -> None:
    """Nor does the start of the wizard, or any help."""
    planning = ("etpu_doctor.placement", "etpu_doctor.remedies", "etpu_doctor.report.plan")
    check = ["check", "--json", "--from", folder_of("healthy-usb3")]
    walk = ["wizard", "--plain", "--demo", "--answers", os.devnull]
    for arguments in (check, ["check", "--help"], ["plan", "--help"], ["wizard", "--help"]):
        assert [] == [name for name in imported(*arguments) if name.startswith(planning)]
    assert [] == [
        name for name in imported(*walk) if name.startswith(("etpu_doctor.placement", "etpu_doctor.report.plan"))
    ]


def test_a_check_with_models_needs_no_third_party_module_but_msgspec(tmp_path: Path) -> None:
    """Its JSON is as light as that of ``plan``."""
    (model,) = write_models(tmp_path, "a")
    arguments = ["check", "--json", "--from", folder_of("healthy-usb3"), "--model", model]
    assert set() == third_party(imported(*arguments))
