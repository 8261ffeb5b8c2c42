"""The host around the buses: kernel log, driver, access, runtime, board. Each reader lives in a module of its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etpu_doctor.evidence.access import read_access
from etpu_doctor.evidence.board import read_board
from etpu_doctor.evidence.driver import read_driver
from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.frigate import read_frigate
from etpu_doctor.evidence.kernel_log import read_kernel_log
from etpu_doctor.evidence.runtime import probe_target, read_runtime
from etpu_doctor.evidence.sysfs import SysfsTree
from etpu_doctor.facts.evidence import Evidence, Missing
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.runtime import Runtime


class HostRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at besides the machine itself: other interpreters, and whether the library may be probed.

    ``around`` false leaves out everything but the buses.
    """

    pythons: Sequence[str] = ()
    probe: bool = True
    around: bool = True


def read_around(
    evidence: Evidence, files: Files, tree: SysfsTree, request: HostRequest
) -> tuple[Evidence, list[Missing]]:
    """The evidence with everything that can be read of the host around the buses, and what could not be read.

    The only child process is the probe of the library; it runs beside the other readers and has a limit of its own.
    """
    if not request.around:
        return evidence, []
    runtime, missing = read_runtime(files, request.pythons)
    evidence = msgspec.structs.replace(evidence, host=_with_library(evidence.host, runtime))
    library = probe_target(runtime) if request.probe and not files.root else None
    if library is None:
        around, more = _read_rest(evidence, files, tree)
        return msgspec.structs.replace(around, runtime=runtime), [*missing, *more]
    from etpu_doctor.evidence.runtime_probe import start_probe  # noqa: PLC0415 - where there is a library to ask

    handle = start_probe(library)
    try:
        around, more = _read_rest(evidence, files, tree)
        runtime = msgspec.structs.replace(runtime, probe=handle.result())
    finally:
        handle.stop()
    return msgspec.structs.replace(around, runtime=runtime), [*missing, *more]


def _with_library(host: Host, runtime: Runtime) -> Host:
    """The host with the library that the loader takes, or the first that lies where it might."""
    if not runtime.libraries:
        return host
    found = next((library for library in runtime.libraries if library.first), runtime.libraries[0])
    return msgspec.structs.replace(host, libedgetpu_path=found.path, libedgetpu_clock=found.clock)


def _read_rest(evidence: Evidence, files: Files, tree: SysfsTree) -> tuple[Evidence, list[Missing]]:
    log, log_missing = read_kernel_log(files)
    driver, driver_missing = read_driver(files, evidence.host.kernel_release)
    access, access_missing = read_access(files, evidence)
    application, application_missing = read_frigate(files)
    covers = evidence.covers if log is None else tuple(sorted({*evidence.covers, "kernel-log"}))
    around = msgspec.structs.replace(
        evidence,
        kernel_log=log,
        driver=driver,
        access=access,
        board=read_board(files, tree, evidence.host.board_model),
        application=application,
        covers=covers,
    )
    return around, [*log_missing, *driver_missing, *access_missing, *application_missing]
