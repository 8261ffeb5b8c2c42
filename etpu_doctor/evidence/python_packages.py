"""The packages of a Python interpreter, read from its folders: no interpreter is started and nothing is imported.

``importlib.metadata`` would tell the same of the running interpreter, but costs more at start-up than all of this.
Not seen: packages that reach an interpreter only by ``PYTHONPATH`` or a ``.pth`` file.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from typing import NamedTuple

from etpu_doctor.evidence.elf import HEADER_BYTES, read_elf
from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.runtime import PythonPackages

_WANTED = {
    "tflite-runtime": "tflite_runtime",
    "tflite-runtime-nightly": "tflite_runtime",
    "ai-edge-litert": "ai_edge_litert",
    "ai-edge-litert-nightly": "ai_edge_litert",
    "tensorflow": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "tensorflow-aarch64": "tensorflow",
    "numpy": "numpy",
    "pycoral": "pycoral",
}
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}
SCRIPT = "a script that starts an interpreter"
UNKNOWN_VERSION = "which version it is cannot be told without running it"
_LINKS_LIMIT = 40
_METADATA_LIMIT_BYTES = 8192
_CONFIGURATION_LIMIT_BYTES = 65536


class _Place(NamedTuple):
    """Where an interpreter is: as it was named, where that leads, and its folder in ``lib`` (``python3.11``)."""

    path: str
    real: str
    prefix: str
    folder: str
    configuration: dict[str, str]


class Scanned(NamedTuple):
    """Versions by the fields of ``PythonPackages``, and whether ``pycoral`` is Google's."""

    versions: dict[str, str | None]
    pycoral_is_google: bool | None


def own_packages(files: Files) -> PythonPackages:
    """The interpreter that runs this program."""
    header = read_elf(files.read("/proc/self/exe", HEADER_BYTES) or b"")
    standard = os.path.dirname(os.__file__)
    scanned = scan(files, [path for path in sys.path if path.startswith("/") and path != standard])
    return PythonPackages(
        executable=os.fsencode(sys.executable or "python3").decode("utf-8", "replace"),
        version=".".join(map(str, sys.version_info[:3])),
        implementation=_IMPLEMENTATIONS.get(sys.implementation.name, sys.implementation.name),
        machine=header.machine if header else None,
        bits=header.bits if header else None,
        libc=header.libc if header else None,
        asked_for=False,
        pycoral_is_google=scanned.pycoral_is_google,
        **scanned.versions,
    )


def packages_of(files: Files, path: str) -> PythonPackages:
    """The interpreter that a person named: a path, a name to look up, or the folder of a virtual environment."""
    place = _locate(files, path)
    if isinstance(place, str):
        return PythonPackages(executable=path, failure=place, asked_for=True)
    header = read_elf(files.read(place.real, HEADER_BYTES) or b"")
    scanned = scan(files, _folders(files, place))
    return PythonPackages(
        executable=place.path,
        version=_version(place),
        implementation="PyPy" if place.folder.startswith("pypy") else "CPython",
        machine=header.machine if header else None,
        bits=header.bits if header else None,
        libc=header.libc if header else None,
        asked_for=True,
        pycoral_is_google=scanned.pycoral_is_google,
        **scanned.versions,
    )


def scan(files: Files, folders: Iterable[str]) -> Scanned:
    """What the package records in folders say; of several records of a package the first counts."""
    found: dict[str, str | None] = {}
    google: bool | None = None
    for folder in dict.fromkeys(folders):
        for name in files.names(folder) or ():
            field, version = record(name)
            if field is None or field in found:
                continue
            found[field] = version or _written_version(files, f"{folder}/{name}")
            if field == "pycoral":
                google = files.exists(f"{folder}/pycoral/utils/edgetpu.py")
    return Scanned(found, google)


def record(name: str) -> tuple[str | None, str | None]:
    """Field and version that the name of a ``.dist-info`` or ``.egg-info`` gives; Debian's packages use the latter."""
    stem, dot, ending = name.rpartition(".")
    if not dot or ending not in ("dist-info", "egg-info"):
        return None, None
    package, _, rest = stem.partition("-")
    # tflite_runtime-2.5.0.post1-py3.9.egg-info
    version = rest.partition("-py")[0]
    return _WANTED.get(package.lower().replace("_", "-").replace(".", "-")), version or None


def _written_version(files: Files, path: str) -> str | None:
    for name in ("/METADATA", "/PKG-INFO", ""):
        for line in (files.text(path + name, _METADATA_LIMIT_BYTES) or "").splitlines():
            if line.startswith("Version:"):
                return line.partition(":")[2].strip() or None
    return None


def _locate(files: Files, path: str) -> _Place | str:
    """The interpreter, or why it is none that can be read."""
    named = _on_search_path(files, path) if "/" not in path else os.path.abspath(path)
    if named is None:
        return "no such program in PATH"
    named = _inside(files, named)
    real = _resolve(files, named)
    status = files.stat(real)
    if status is None:
        return files.refused.get(real, "no such file").lower()
    if not stat.S_ISREG(status.st_mode):
        return "no program and no virtual environment"
    header = files.read(real, HEADER_BYTES)
    if header is None:
        return files.refused.get(real, "cannot be read").lower()
    if read_elf(header) is None:
        return SCRIPT if header.startswith(b"#!") else "no program of Linux"
    prefix = os.path.dirname(os.path.dirname(named))
    configuration = _configuration(files, f"{prefix}/pyvenv.cfg")
    prefix = prefix if configuration else os.path.dirname(os.path.dirname(real))
    folder = _folder(files, prefix, real)
    return folder if folder == UNKNOWN_VERSION else _Place(named, real, prefix.rstrip("/"), folder, configuration)


def _on_search_path(files: Files, name: str) -> str | None:
    return next((f"{folder}/{name}" for folder in os.get_exec_path() if files.exists(f"{folder}/{name}")), None)


def _inside(files: Files, path: str) -> str:
    """The interpreter of a folder that is a virtual environment, else the path itself."""
    return next((f"{path}/bin/{name}" for name in ("python", "python3") if files.exists(f"{path}/bin/{name}")), path)


def _resolve(files: Files, path: str) -> str:
    """Where a path leads. Below another root only its last part is followed: a link may lead out of the root."""
    if not files.root:
        return os.path.realpath(path)
    for _ in range(_LINKS_LIMIT):
        target = files.link(path)
        if target is None:
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return path


def _configuration(files: Files, path: str) -> dict[str, str]:
    """``pyvenv.cfg`` (PEP 405)."""
    pairs = (line.partition("=") for line in (files.text(path, _CONFIGURATION_LIMIT_BYTES) or "").splitlines())
    return {key.strip().lower(): value.strip() for key, mark, value in pairs if mark}


def _folder(files: Files, prefix: str, real: str) -> str:
    """Name of the interpreter's folder in ``lib``: its own name, or the only one there; else why it is not known."""
    name = os.path.basename(real)
    stem = name.rstrip("0123456789").removesuffix(".")
    names = files.names(f"{prefix}/lib") or ()
    present = [each for each in names if each.startswith(("python3.", "pypy3.")) and each[-1:].isdigit()]
    if name in present or (stem in ("python3", "pypy3") and "." in name):
        return name
    if len(present) == 1:
        return present[0]
    return UNKNOWN_VERSION


def _version(place: _Place) -> str | None:
    written = place.configuration.get("version_info") or place.configuration.get("version") or ""
    numbers = written.split(".")[:3]
    if len(numbers) > 1 and all(number.isdigit() for number in numbers):
        return ".".join(numbers)
    return place.folder.lstrip("abcdefghijklmnopqrstuvwxyz") or None


def _folders(files: Files, place: _Place) -> list[str]:
    """Folders of packages in the order in which the interpreter searches them."""
    prefix, folder = place.prefix, place.folder
    own = [f"{prefix}/{lib}/{folder}/site-packages" for lib in ("lib", "lib64")]
    if not place.configuration:
        return [*_user_folder(folder), *own, *_system_folders(prefix, folder)]
    if place.configuration.get("include-system-site-packages", "").lower() != "true":
        return own
    home = place.configuration.get("home", "")
    base = _resolve(files, home).rstrip("/") if home.startswith("/") else os.path.dirname(place.real)
    system = os.path.dirname(base).rstrip("/")
    return [*own, *_user_folder(folder), f"{system}/lib/{folder}/site-packages", *_system_folders(system, folder)]


def _user_folder(folder: str) -> list[str]:
    home = os.environ.get("HOME", "")
    return [f"{home}/.local/lib/{folder}/site-packages"] if home.startswith("/") else []


def _system_folders(prefix: str, folder: str) -> list[str]:
    """Debian's: of pip, of the distribution, and the latter's older name."""
    return [
        f"{prefix}/local/lib/{folder}/dist-packages",
        f"{prefix}/lib/python3/dist-packages",
        f"{prefix}/lib/{folder}/dist-packages",
    ]
