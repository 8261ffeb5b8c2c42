"""What is built, what it asks for, and what it imports when it starts."""

from __future__ import annotations

import configparser
import email
import os
import subprocess
import sys
import textwrap
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import etpu_doctor

LISTING = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M
    |__ Port 1: Dev 2, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
Bus 002 Device 002: ID 18d1:9302 Google Inc.
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
01:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]
"""

# Runs the default path and prints the top-level names of what it imported beyond what msgspec alone needs.
IMPORTS_OF_CHECK = """\
import contextlib, io, sys
import msgspec
before = set(sys.modules)
from etpu_doctor.cli import main
with contextlib.redirect_stdout(io.StringIO()) as output:
    status = main(["check", "--json", "--from", sys.argv[1]])
assert '"schema"' in output.getvalue(), output.getvalue()
assert status in (0, 1), status
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print("\\n".join(sorted(names - set(sys.stdlib_module_names))))
"""


@pytest.fixture(scope="module")
def wheel(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    result = subprocess.run(
        build, cwd=project_root, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert 0 == result.returncode, result.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """The wheel's METADATA."""
    return email.message_from_string(read(wheel, "METADATA"))


def read(wheel: Path, name: str) -> str:
    """One text file of the wheel's dist-info folder."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"etpu_doctor-{etpu_doctor.__version__}.dist-info/{name}").decode()


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs this Python on the tree's package, from another folder and without a terminal."""
    environment = {**os.environ, "PYTHONPATH": str(Path(etpu_doctor.__file__).parent.parent)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def runtimes(metadata: Message, **machine: str) -> set[str]:
    """The TFLite runtimes, and NumPy, that an installation on the given machine asks for."""
    requirements = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    environment = {"platform_python_implementation": "CPython", "extra": "", **machine}
    wanted = {each.name for each in requirements if each.marker is None or each.marker.evaluate(environment)}
    return wanted & {"ai-edge-litert", "numpy", "tflite-runtime"}


def test_version_is_the_packages_own(metadata: Message) -> None:
    """The version of the distribution is the one the package says."""
    assert ("etpu-doctor", etpu_doctor.__version__) == (metadata["Name"], metadata["Version"])


def test_license_is_named_and_shipped(metadata: Message, names: set[str]) -> None:
    """The wheel is Apache-2.0 and carries the licence's text."""
    assert "Apache-2.0" == metadata["License-Expression"]
    assert f"etpu_doctor-{etpu_doctor.__version__}.dist-info/licenses/LICENSE" in names


def test_license_text_is_the_apache_license(project_root: Path) -> None:
    """LICENSE holds the whole Apache License, Version 2.0."""
    text = (project_root / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_python_range(metadata: Message) -> None:
    """Python 3.10 and later are accepted."""
    assert ">=3.10" == metadata["Requires-Python"]


def test_wheel_is_typed(metadata: Message, names: set[str]) -> None:
    """The marker that makes type checkers read the annotations is shipped and announced."""
    assert "etpu_doctor/py.typed" in names
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_wheel_holds_every_file_of_the_package(project_root: Path, names: set[str]) -> None:
    """Whatever lies in the package's folder is shipped: modules, knowledge, schema, styles."""
    files = (path for path in (project_root / "etpu_doctor").rglob("*") if path.is_file())
    expected = {str(path.relative_to(project_root)) for path in files if "__pycache__" not in path.parts}
    assert set() == expected - names


def test_wheel_holds_nothing_beside_the_package(names: set[str]) -> None:
    """Tests, fixtures and papers of the project do not land in site-packages."""
    dist_info = f"etpu_doctor-{etpu_doctor.__version__}.dist-info"
    assert {"etpu_doctor", dist_info} == {name.partition("/")[0] for name in names}


def test_entry_point(wheel: Path) -> None:
    """The command etpu-doctor is the command line's main function, and nothing else is installed."""
    entry_points = configparser.ConfigParser()
    entry_points.read_string(read(wheel, "entry_points.txt"))
    assert {"etpu-doctor": "etpu_doctor.cli:main"} == dict(entry_points["console_scripts"])


def test_entry_point_can_be_called() -> None:
    """What the entry point names exists."""
    from etpu_doctor.cli import main

    assert callable(main)


@pytest.mark.parametrize("python", ["3.10", "3.11"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_old_pythons_get_both_runtimes(metadata: Message, python: str, machine: str) -> None:
    """Up to Python 3.11 on 64-bit Linux both runtimes come, and with them a NumPy that tflite-runtime can use."""
    linux = {"python_version": python, "sys_platform": "linux", "platform_machine": machine}
    assert {"ai-edge-litert", "numpy", "tflite-runtime"} == runtimes(metadata, **linux)


@pytest.mark.parametrize("python", ["3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_new_pythons_get_the_new_runtime(metadata: Message, python: str, machine: str) -> None:
    """From Python 3.12 on only ai-edge-litert has wheels, and NumPy is left to it."""
    linux = {"python_version": python, "sys_platform": "linux", "platform_machine": machine}
    assert {"ai-edge-litert"} == runtimes(metadata, **linux)


@pytest.mark.parametrize(
    ("python", "platform", "machine", "expected"),
    [
        ("3.11", "linux", "armv7l", set()),
        ("3.15", "linux", "x86_64", set()),
        ("3.11", "darwin", "x86_64", set()),
        ("3.11", "darwin", "arm64", {"ai-edge-litert"}),
        ("3.11", "win32", "AMD64", {"ai-edge-litert"}),
        ("3.11", "win32", "ARM64", set()),
    ],
)
def test_other_machines_still_install(
    metadata: Message, python: str, platform: str, machine: str, expected: set[str]
) -> None:
    """Where a runtime has no wheel it is not asked for, so that the rest of the product installs."""
    wanted = runtimes(metadata, python_version=python, sys_platform=platform, platform_machine=machine)
    assert expected == wanted


def test_other_interpreters_get_no_runtime(metadata: Message) -> None:
    """PyPy has no wheels of either runtime."""
    pypy = {"platform_python_implementation": "PyPy", "python_version": "3.11"}
    assert set() == runtimes(metadata, sys_platform="linux", platform_machine="x86_64", **pypy)


def test_numpy_two_is_kept_away_from_tflite_runtime(metadata: Message) -> None:
    """Wherever tflite-runtime is installed, NumPy stays below 2."""
    requirements = {each.name: each for each in map(Requirement, metadata.get_all("Requires-Dist", []))}
    assert str(requirements["tflite-runtime"].marker) == str(requirements["numpy"].marker)
    assert not requirements["numpy"].specifier.contains("2.0.0")


def test_check_imports_nothing_but_msgspec(tmp_path: Path) -> None:
    """A JSON report made from text imports no third-party module but msgspec."""
    listing = tmp_path / "listing.txt"
    listing.write_text(LISTING, encoding="utf-8")
    result = run(["-c", textwrap.dedent(IMPORTS_OF_CHECK), str(listing)], tmp_path)
    assert ("", 0) == (result.stderr, result.returncode)
    # msgspec looks for typing_extensions when it resolves the annotations of a struct.
    assert set() == set(result.stdout.split()) - {"etpu_doctor", "typing_extensions"}


def test_module_runs_as_a_command(tmp_path: Path) -> None:
    """``python -m etpu_doctor --version`` says the version from any folder."""
    result = run(["-m", "etpu_doctor", "--version"], tmp_path)
    assert ("", 0) == (result.stderr, result.returncode)
    assert etpu_doctor.__version__ in result.stdout
