"""What DKMS's own files tell of gasket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.dkms import error_line, log_kernel, read_dkms
from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.driver import DkmsState
from tests.support.elf import files_below

TREE = "/var/lib/dkms/gasket"
BUILD_LOG = f"{TREE}/1.0/build/make.log"
NO_LLSEEK = f"{TREE}/1.0/build/gasket_core.c:1376:19: error: 'no_llseek' undeclared here (not in a function)"
LOG = f"""DKMS make.log for gasket-1.0 for kernel 6.12.0-custom (x86_64)
Mon Nov 18 01:51:31 PM AWST 2024
make: Entering directory '/usr/src/linux-headers-6.12.0-custom'
  CC [M]  /var/lib/dkms/gasket/1.0/build/gasket_core.o
{NO_LLSEEK}; did you mean 'noop_llseek'?
 1376 |         .llseek = no_llseek,
make[2]: *** [scripts/Makefile.build:229: /var/lib/dkms/gasket/1.0/build/gasket_core.o] Error 1
"""


def state(tmp_path: Path, contents: dict[str, bytes | str]) -> DkmsState:
    """What is read below a root with these files."""
    found, missing = read_dkms(files_below(tmp_path, contents))
    assert (True, []) == (found is not None, missing)
    return found or DkmsState()


def kernels(*names: str, linked: tuple[str, ...] = ()) -> dict[str, bytes | str]:
    """A tree of DKMS in which gasket is built for some kernels and installed for those that are linked."""
    built: dict[str, bytes | str] = {f"{TREE}/1.0/{name}/x86_64/module/apex.ko": b"" for name in names}
    links = {f"{TREE}/kernel-{name}-x86_64": f"->1.0/{name}/x86_64" for name in linked}
    return {**built, **links, f"{TREE}/1.0/source": "->/usr/src/gasket-1.0"}


def test_no_dkms(tmp_path: Path) -> None:
    """A machine without DKMS has no sources of gasket: that is known."""
    assert DkmsState(source_present=False) == state(tmp_path, {})


def test_built_and_installed(tmp_path: Path) -> None:
    """A kernel is installed where its link stands beside the version's folder, else only built."""
    found = state(tmp_path, kernels("6.1.0-18-amd64", "6.1.0-17-amd64", linked=("6.1.0-18-amd64",)))
    assert {"6.1.0-18-amd64": "installed", "6.1.0-17-amd64": "built"} == found.status
    assert found.source_present


def test_only_added(tmp_path: Path) -> None:
    """Sources that were never built leave no kernel."""
    found = state(tmp_path, {f"{TREE}/1.0/source": "->/usr/src/gasket-1.0"})
    assert ({}, True) == (found.status, found.source_present)


@pytest.mark.parametrize("arch_last", [True, False])
def test_two_architectures(tmp_path: Path, arch_last: bool) -> None:
    """A kernel that is installed for one architecture is installed."""
    other = "zz" if arch_last else "aa"
    contents = kernels("6.1", linked=("6.1",))
    contents[f"{TREE}/1.0/6.1/{other}/module/apex.ko"] = b""
    assert {"6.1": "installed"} == state(tmp_path, contents).status


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("Status: install ok installed\nVersion: 1.0-18\n", "1.0-18"),
        ("Status: install ok half-configured\nVersion: 1.0-18\n", "1.0-18"),
        ("Status: deinstall ok config-files\nVersion: 1.0-18\n", None),
        ("Status: install ok installed\n", None),
    ],
)
def test_the_package(tmp_path: Path, block: str, expected: str | None) -> None:
    """The version counts where the package is installed, if only in part."""
    status = f"Package: adduser\nVersion: 3\n\nPackage: gasket-dkms\n{block}Description: x\n"
    contents: dict[str, bytes | str] = {"/var/lib/dpkg/info/gasket-dkms.list": "", "/var/lib/dpkg/status": status}
    assert expected == state(tmp_path, contents).package_version


def test_no_package(tmp_path: Path) -> None:
    """Without the package's list, dpkg's status is not even read."""
    contents: dict[str, bytes | str] = {"/var/lib/dpkg/status": "Package: gasket-dkms\nVersion: 1.0-18\n"}
    assert state(tmp_path, contents).package_version is None


def test_a_failed_build(tmp_path: Path) -> None:
    """The line that explains it, its place, and the kernel that the log is about."""
    found = state(tmp_path, {BUILD_LOG: LOG})
    assert f"{NO_LLSEEK}; did you mean 'noop_llseek'?" == found.build_error
    assert (f"{BUILD_LOG}:5", "6.12.0-custom") == (found.build_error_where, found.build_kernel)


def test_another_version_and_name(tmp_path: Path) -> None:
    """The rpm's version, and a module named like the package, are looked into as well."""
    path = "/var/lib/dkms/gasket-dkms/0.0.git.264.d1a28bc0/build/make.log"
    assert f"{path}:5" == state(tmp_path, {path: LOG}).build_error_where


def test_a_build_under_way(tmp_path: Path) -> None:
    """A log without an error is of no failed build."""
    found = state(
        tmp_path, {BUILD_LOG: "DKMS make.log for gasket-1.0 for kernel 6.1 (x86_64)\n  CC [M]  gasket_core.o\n"}
    )
    assert (None, None, None) == (found.build_error, found.build_error_where, found.build_kernel)


def test_a_long_line_is_shortened(tmp_path: Path) -> None:
    """The evidence keeps no megabyte of one line."""
    error = state(tmp_path, {BUILD_LOG: "x: error: " + "y" * 100_000}).build_error
    assert error is not None
    assert (300, "…") == (len(error), error[-1])


def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be read is unknown, not empty, and says which command shows it."""
    listdir = os.listdir

    def refuse(path: Any) -> list[str]:
        if str(path).startswith(f"{tmp_path}/var/lib/dkms"):
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    found, missing = read_dkms(Files(str(tmp_path)))
    assert found is None
    assert ["sudo dkms status"] == [each.how for each in missing]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (LOG, "6.12.0-custom"),
        (
            "DKMS (dkms-3.3.0) make.log for gasket/0.0.git.264 for kernel 6.19.7-200.fc43.x86_64 (x86_64)\n",
            "6.19.7-200.fc43.x86_64",
        ),
        ("DKMS make.log for gasket-1.0 for kernel \n", None),
        ("make: for kernel 6.1\n", None),
        ("", None),
    ],
)
def test_the_kernel_of_a_log(log: str, expected: str | None) -> None:
    """The first line names it, in the words of either generation of DKMS."""
    assert expected == log_kernel(log)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a.c:1: error: something", NO_LLSEEK], (2, NO_LLSEEK)),
        (["make: *** stop", "a.c:1: error: something"], (2, "a.c:1: error: something")),
        (["a.o", "make[1]: *** [Makefile:1: a] Error 2"], (2, "make[1]: *** [Makefile:1: a] Error 2")),
        (["warning: no error here"], None),
        ([], None),
    ],
)
def test_the_line_that_explains(lines: list[str], expected: tuple[int, str] | None) -> None:
    """A known reason goes before the first error of the compiler, and that before make's own."""
    assert expected == error_line("\n".join(lines))


@given(st.text())
def test_any_log_is_answered(log: str) -> None:
    """No text makes the reading fail, and what is found is in the text."""
    found = error_line(log)
    assert found is None or found[1] in log
    kernel = log_kernel(log)
    assert kernel is None or kernel in log
