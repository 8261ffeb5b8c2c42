"""DKMS's own files about gasket (``dkms(8)``): what is built for which kernel, and why a build failed."""

from __future__ import annotations

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.library_package import INFO, STATUS, field, status_block
from etpu_doctor.facts.driver import DkmsState
from etpu_doctor.facts.evidence import Missing

TREE = "/var/lib/dkms"

PACKAGE = "gasket-dkms"
_MODULES = ("gasket", "gasket-dkms")
"""Google's package and the rpm call it gasket; who builds from the sources by hand may name it like the package."""

_STATUS_LIMIT_BYTES = 64 << 20
_ENTRIES_LIMIT = 64
CANDIDATES_LIMIT = 200
_LINE_LIMIT = 300
_OWN_FOLDERS = frozenset({"build", "source", "original_module"})


def read_dkms(files: Files) -> tuple[DkmsState | None, list[Missing]]:
    """What DKMS knows of gasket; ``None`` where its folder may not be looked into."""
    status: dict[str, str] = {}
    failed: DkmsState | None = None
    source = False
    for module in _MODULES:
        folder = f"{TREE}/{module}"
        names = (files.names(folder) or [])[:_ENTRIES_LIMIT]
        linked = {name for name in names if name.startswith("kernel-")}
        for version in (name for name in names if name not in linked and name not in _OWN_FOLDERS):
            source = True
            status.update(_kernels(files, f"{folder}/{version}", linked))
            failed = failed or _build_error(files, f"{folder}/{version}/build/make.log")
    if not source and any(path.startswith(TREE) for path in files.refused):
        return None, [Missing(what="DKMS state of gasket", why=f"{TREE} may not be read", how="sudo dkms status")]
    failed = failed or DkmsState()
    state = DkmsState(
        package_version=_package_version(files),
        source_present=source,
        status=status,
        build_error=failed.build_error,
        build_error_where=failed.build_error_where,
        build_kernel=failed.build_kernel,
    )
    return state, []


def _kernels(files: Files, version: str, linked: set[str]) -> dict[str, str]:
    """State by kernel. What is installed has a link ``kernel-RELEASE-ARCHITECTURE`` beside the version's folder."""
    found: dict[str, str] = {}
    for kernel in (files.names(version) or [])[:_ENTRIES_LIMIT]:
        if kernel in _OWN_FOLDERS:
            continue
        for architecture in files.names(f"{version}/{kernel}") or ():
            installed = f"kernel-{kernel}-{architecture}" in linked
            if installed or kernel not in found:
                found[kernel] = "installed" if installed else "built"
    return found


def _package_version(files: Files) -> str | None:
    """The version of the Debian package. The large status file is only read where the package left its list."""
    if not files.exists(f"{INFO}/{PACKAGE}.list"):
        return None
    block = status_block(files.read(STATUS, _STATUS_LIMIT_BYTES) or b"", PACKAGE)
    if block is None or b"\nStatus: deinstall" in block or b" not-installed\n" in block:
        return None
    return field(block, "Version")


def _build_error(files: Files, path: str) -> DkmsState | None:
    """The line that tells why the last build failed; DKMS clears the folder away after one that did not."""
    log = files.text(path)
    if log is None:
        return None
    found = error_line(log)
    if found is None:
        return None
    number, line = found
    return DkmsState(build_error=shortened(line), build_error_where=f"{path}:{number}", build_kernel=log_kernel(log))


def shortened(line: str) -> str:
    """A line of make.log as it is kept: compilers are called with very long ones."""
    return line if len(line) <= _LINE_LIMIT else f"{line[: _LINE_LIMIT - 1]}…"


def log_kernel(log: str) -> str | None:
    """The kernel that a make.log was written for, from its first line.

    ``DKMS make.log for gasket-1.0 for kernel 6.1.0-18-amd64 (x86_64)``.
    """
    first = log[:1000].partition("\n")[0]
    _, mark, rest = first.partition(" for kernel ")
    return next(iter(rest.split()), None) if mark and first.startswith("DKMS ") else None


def error_line(log: str) -> tuple[int, str] | None:
    """Number and text of the line that explains a failed build: a known one, else the first error."""
    candidates: list[tuple[int, str]] = []
    for number, line in enumerate(log.split("\n"), start=1):
        if may_explain(line):
            candidates.append((number, line.strip()))
            if len(candidates) == CANDIDATES_LIMIT:
                break
    return telling_line(candidates)


def may_explain(line: str) -> bool:
    """Whether a line of make.log can be the reason of a failure."""
    return "rror" in line or "***" in line or "missing binary" in line


def telling_line(candidates: list[tuple[int, str]]) -> tuple[int, str] | None:
    """Of the lines that can be the reason: a known one, else the first error."""
    if not candidates:
        return None
    # Imported here: parsing the table costs more than everything else, and most machines have no failed build.
    from etpu_doctor.knowledge.gasket_breakage import breakage_of  # noqa: PLC0415 - see above

    known = (each for each in candidates if breakage_of(each[1]) is not None)
    compiler = (each for each in candidates if "error:" in each[1] or "ERROR:" in each[1])
    stopped = (each for each in candidates if "***" in each[1])
    return next(known, None) or next(compiler, None) or next(stopped, None)
