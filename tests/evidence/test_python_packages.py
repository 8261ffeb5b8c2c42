"""The packages of interpreters, read without starting one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.python_packages import SCRIPT, UNKNOWN_VERSION, own_packages, packages_of, record, scan
from etpu_doctor.facts.runtime import PythonPackages
from tests.support.elf import GLIBC, MUSL, elf, files_below

PROGRAM = elf(loader=GLIBC)
VENV = "/home/me/venv"
SITE = f"{VENV}/lib/python3.11/site-packages"
Contents = dict[str, bytes | str]


@pytest.fixture(autouse=True)
def _no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see nothing of the real user's folder."""
    monkeypatch.delenv("HOME", raising=False)


def venv(**more: bytes | str) -> Contents:
    """A virtual environment over the system's Python 3.11."""
    return {
        "/usr/bin/python3.11": PROGRAM,
        f"{VENV}/bin/python3": "->../../../../usr/bin/python3.11",
        f"{VENV}/bin/python": "->python3",
        f"{VENV}/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n",
        f"{SITE}/pip-23.0.dist-info/METADATA": "",
        **more,
    }


def installed(*names: str, folder: str = SITE) -> Contents:
    """Package records in a folder."""
    return {f"{folder}/{name}/METADATA": "" for name in names}


def system(*names: str) -> Contents:
    """Debian's Python 3.11 with these records in its own folder."""
    return {
        "/usr/bin/python3.11": PROGRAM,
        "/usr/bin/python3": "->python3.11",
        "/usr/lib/python3.11/os.py": "",
        **installed(*names, folder="/usr/lib/python3/dist-packages"),
    }


def read(root: Path, contents: Contents, path: str) -> PythonPackages:
    """What is read of an interpreter below a root."""
    return packages_of(files_below(root, contents), path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tflite_runtime-2.14.0.dist-info", ("tflite_runtime", "2.14.0")),
        ("tflite_runtime-2.5.0.post1-py3.9.egg-info", ("tflite_runtime", "2.5.0.post1")),
        ("tflite_runtime_nightly-2.20.0.dev20250409.dist-info", ("tflite_runtime", "2.20.0.dev20250409")),
        ("ai_edge_litert-2.3.0.dist-info", ("ai_edge_litert", "2.3.0")),
        ("ai.edge.litert-2.3.0.dist-info", ("ai_edge_litert", "2.3.0")),
        ("tensorflow_cpu-2.16.1.dist-info", ("tensorflow", "2.16.1")),
        ("numpy-1.24.2.egg-info", ("numpy", "1.24.2")),
        ("NumPy-1.24.2.dist-info", ("numpy", "1.24.2")),
        ("pycoral-0.2.0.dist-info", ("pycoral", "0.2.0")),
        ("pycoral.egg-info", ("pycoral", None)),
        ("numpydoc-1.5.dist-info", (None, "1.5")),
        ("numpy", (None, None)),
        ("numpy-1.24.2.libs", (None, None)),
        ("-1.dist-info", (None, "1")),
        ("", (None, None)),
    ],
)
def test_records(name: str, expected: tuple[str | None, str | None]) -> None:
    """Both kinds of record, any spelling of a name, and the packages that another one provides."""
    assert expected == record(name)


@given(st.text(max_size=40))
def test_any_name(name: str) -> None:
    """No name of a file makes it raise."""
    for ending in ("", ".dist-info", ".egg-info"):
        record(name + ending)


def test_a_virtual_environment(tmp_path: Path) -> None:
    """Its own packages count, its version is the one it was made with, and nothing of the system is seen."""
    contents = venv(
        **installed("tflite_runtime-2.14.0.dist-info", "numpy-2.0.1.dist-info"), **system("numpy-1.24.2.egg-info")
    )
    found = read(tmp_path, contents, f"{VENV}/bin/python")
    assert (
        PythonPackages(
            executable=f"{VENV}/bin/python",
            version="3.11.2",
            implementation="CPython",
            machine="x86_64",
            bits=64,
            tflite_runtime="2.14.0",
            numpy="2.0.1",
            asked_for=True,
            libc="glibc",
        )
        == found
    )


def test_the_folder_of_an_environment(tmp_path: Path) -> None:
    """The folder itself may be named."""
    found = read(tmp_path, venv(**installed("numpy-1.26.4.dist-info")), VENV)
    assert (f"{VENV}/bin/python", "1.26.4") == (found.executable, found.numpy)


def test_an_environment_that_sees_the_system(tmp_path: Path) -> None:
    """Its own packages come first, then those of the interpreter that it was made from."""
    contents = venv(**installed("numpy-2.0.1.dist-info"), **system("numpy-1.24.2.egg-info", "pycoral-2.0.0.egg-info"))
    contents[f"{VENV}/pyvenv.cfg"] = (
        "home = /usr/bin\ninclude-system-site-packages = TRUE\nversion_info = 3.11.2.final.0\n"
    )
    contents["/usr/lib/python3/dist-packages/pycoral/utils/edgetpu.py"] = ""
    found = read(tmp_path, contents, f"{VENV}/bin/python")
    assert ("2.0.1", "2.0.0", True, "3.11.2") == (found.numpy, found.pycoral, found.pycoral_is_google, found.version)


def test_a_copied_interpreter(tmp_path: Path) -> None:
    """An environment made with --copies is told by its only folder."""
    contents: Contents = {
        f"{VENV}/bin/python3": PROGRAM,
        f"{VENV}/pyvenv.cfg": "home = /usr/bin\n",
        **installed("ai_edge_litert-2.3.0.dist-info"),
    }
    found = read(tmp_path, contents, f"{VENV}/bin/python3")
    assert ("3.11", "2.3.0") == (found.version, found.ai_edge_litert)


def test_debians_own_python(tmp_path: Path) -> None:
    """Packages of the distribution lie in dist-packages, those of pip in /usr/local."""
    contents = {
        **system("numpy-1.24.2.egg-info", "tflite_runtime-2.5.0.post1-py3.9.egg-info"),
        **installed("numpy-2.0.1.dist-info", folder="/usr/local/lib/python3.11/dist-packages"),
    }
    found = read(tmp_path, contents, "/usr/bin/python3")
    assert ("3.11", "2.0.1", "2.5.0.post1") == (found.version, found.numpy, found.tflite_runtime)


def test_packages_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user installed for themselves comes before all others; an environment does not see it."""
    monkeypatch.setenv("HOME", "/home/me")
    own = installed("numpy-2.1.0.dist-info", folder="/home/me/.local/lib/python3.11/site-packages")
    files = files_below(tmp_path, {**venv(), **system("numpy-1.24.2.egg-info"), **own})
    assert ("2.1.0", None) == (
        packages_of(files, "/usr/bin/python3.11").numpy,
        packages_of(files, f"{VENV}/bin/python").numpy,
    )


def test_pypy(tmp_path: Path) -> None:
    """PyPy has folders of its own, and none of the wheels."""
    contents: Contents = {
        "/opt/pypy/bin/pypy3": "->pypy3.10",
        "/opt/pypy/bin/pypy3.10": PROGRAM,
        **installed("numpy-1.26.4.dist-info", folder="/opt/pypy/lib/pypy3.10/site-packages"),
    }
    found = read(tmp_path, contents, "/opt/pypy/bin/pypy3")
    assert ("PyPy", "3.10", "1.26.4") == (found.implementation, found.version, found.numpy)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (elf("aarch64", loader=GLIBC), ("aarch64", 64, "glibc")),
        (elf("arm", bits=32, loader="/lib/ld-linux-armhf.so.3"), ("arm", 32, "glibc")),
        (elf(loader=MUSL), ("x86_64", 64, "musl")),
        (elf(), ("x86_64", 64, None)),
    ],
)
def test_for_what_it_was_built(tmp_path: Path, program: bytes, expected: tuple[str, int, str | None]) -> None:
    """The executable tells its processor and its C library."""
    found = read(tmp_path, {"/usr/bin/python3.11": program}, "/usr/bin/python3.11")
    assert expected == (found.machine, found.bits, found.libc)


@pytest.mark.parametrize(
    ("contents", "path", "failure"),
    [
        ({}, "/usr/bin/python3", "no such file"),
        ({}, "python3.99", "no such program in PATH"),
        ({"/opt/x": "#!/bin/sh\nexec python\n"}, "/opt/x", SCRIPT),
        ({"/opt/x": "text"}, "/opt/x", "no program of Linux"),
        ({"/opt/x": ""}, "/opt/x", "no program of Linux"),
        ({"/opt/x/y": ""}, "/opt/x", "no program and no virtual environment"),
        ({"/opt/bin/python": PROGRAM}, "/opt/bin/python", UNKNOWN_VERSION),
        (
            {"/opt/bin/python": PROGRAM, "/opt/lib/python3.9/x": "", "/opt/lib/python3.10/x": ""},
            "/opt/bin/python",
            UNKNOWN_VERSION,
        ),
        ({"/opt/a": "->b", "/opt/b": "->a"}, "/opt/a", "too many levels of symbolic links"),
    ],
)
def test_what_is_no_interpreter(tmp_path: Path, contents: Contents, path: str, failure: str) -> None:
    """The reason is said, and nothing else is."""
    assert PythonPackages(executable=path, failure=failure, asked_for=True) == read(tmp_path, contents, path)


def test_a_name_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a folder is looked for as a shell does."""
    monkeypatch.setenv("PATH", "/none:/usr/bin")
    assert "/usr/bin/python3" == read(tmp_path, system(), "python3").executable


def test_the_first_record_counts(tmp_path: Path) -> None:
    """An interpreter takes a package from the first folder that has it."""
    files = files_below(
        tmp_path, {**installed("numpy-2.0.1.dist-info", folder="/a"), **installed("numpy-1.0.dist-info", folder="/b")}
    )
    assert {"numpy": "2.0.1"} == scan(files, ["/a", "/b", "/a", "/none"]).versions


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("/a/pycoral.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: pycoral\nVersion: 2.0.0\n", "2.0.0"),
        ("/a/pycoral.egg-info", "Name: pycoral\nVersion: 2.0.1\n", "2.0.1"),
        ("/a/pycoral.egg-info/PKG-INFO", "Version:\n", None),
        ("/a/pycoral.egg-info/other", "", None),
    ],
)
def test_a_record_without_a_version_in_its_name(tmp_path: Path, path: str, content: str, expected: str | None) -> None:
    """The version then stands in the record."""
    assert {"pycoral": expected} == scan(files_below(tmp_path, {path: content}), ["/a"]).versions


@pytest.mark.parametrize(("module", "google"), [("/a/pycoral/utils/edgetpu.py", True), ("/a/pycoral/cli.py", False)])
def test_whose_pycoral(tmp_path: Path, module: str, google: bool) -> None:
    """Google's PyCoral has pycoral.utils.edgetpu, the package of PyPI has not."""
    files = files_below(tmp_path, {module: "", **installed("pycoral-0.2.0.dist-info", folder="/a")})
    assert google is scan(files, ["/a"]).pycoral_is_google


def test_no_pycoral(tmp_path: Path) -> None:
    """Without the package nobody's it is."""
    assert scan(files_below(tmp_path, {"/a/x": ""}), ["/a"]).pycoral_is_google is None


def test_a_folder_that_may_not_be_listed(tmp_path: Path) -> None:
    """It holds nothing that could be seen, and the reader goes on."""
    files = files_below(tmp_path, {"/file": "", **installed("numpy-1.0.dist-info", folder="/b")})
    assert {"numpy": "1.0"} == scan(files, ["/file", "/b"]).versions


def test_this_interpreter() -> None:
    """The running interpreter is known without being named."""
    found = own_packages(Files("/"))
    assert (sys.executable, ".".join(map(str, sys.version_info[:3])), False) == (
        found.executable,
        found.version,
        found.asked_for,
    )
    assert found.failure is None


def test_this_interpreter_when_named() -> None:
    """Named, it shows the same packages as pip does, from whichever environment the tests run in."""
    found = packages_of(Files("/"), sys.executable)
    assert found.failure is None
    assert found.version is not None
    assert ".".join(map(str, sys.version_info[:3])).startswith(found.version)
    script = "import importlib.metadata as m\ntry: print(m.version('numpy'))\nexcept m.PackageNotFoundError: pass"
    known = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert (known.stdout.strip() or None) == found.numpy


def test_an_environment_without_a_name_of_its_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded interpreter has no executable; its packages are read all the same."""
    monkeypatch.setattr(sys, "executable", None)
    assert "python3" == own_packages(Files("/")).executable


@given(st.text(max_size=30).filter(lambda text: "\0" not in text))
def test_any_path(path: str) -> None:
    """No name that a person could give makes it raise."""
    packages_of(Files("/nonexistent"), path)


@given(st.binary(max_size=200))
def test_any_configuration(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No ``pyvenv.cfg`` makes it raise."""
    contents = venv()
    contents[f"{VENV}/pyvenv.cfg"] = b"include-system-site-packages = true\n" + content
    found = read(tmp_path_factory.mktemp("any"), contents, f"{VENV}/bin/python")
    assert "CPython" == found.implementation
