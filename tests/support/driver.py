"""Machines with what is known of the PCIe driver, for the rules that judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from etpu_doctor.facts.application import Application, RuntimeMessage
from etpu_doctor.facts.driver import DkmsState, Driver, KernelModule, ModuleOrigin
from etpu_doctor.facts.evidence import Missing
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.kernel_log import KernelLog, KernelMessage
from etpu_doctor.facts.pci import ApexNode, PciFunction
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Machine, Options
from tests.support.facts import LIVE, card, evidence

RELEASE = "6.1.0-18-amd64"
FOLDER = f"/lib/modules/{RELEASE}"
ADDRESS = "0000:03:00.0"
HOST = Host(kernel_release=RELEASE, page_size_bytes=4096)

Fact = UsbDevice | PciFunction | ApexNode | Host | Missing


def idle(address: str = ADDRESS, **fields: Any) -> PciFunction:
    """A card that no driver has."""
    return card(address, driver=None, **fields)


def absent(name: str = "apex") -> KernelModule:
    """A module that is not there for the running kernel."""
    return KernelModule(name=name, loaded=False, in_modules_dep=False)


def installed(
    name: str = "apex", *, loaded: bool = False, origin: ModuleOrigin = "dkms", **fields: Any
) -> KernelModule:
    """A module that modprobe would find."""
    folder = "kernel/drivers/staging/gasket" if origin == "in-tree" else "updates/dkms"
    known = {"in_modules_dep": True, "file": f"{FOLDER}/{folder}/{name}.ko", "origin": origin}
    return KernelModule(name=name, loaded=loaded, **{**known, **fields})


def driver(*modules: KernelModule, **fields: Any) -> Driver:
    """Facts of the driver; without modules both are absent."""
    return Driver(modules=modules or (absent("gasket"), absent()), **fields)


def dkms(error: str | None = None, kernel: str | None = RELEASE, **fields: Any) -> DkmsState:
    """DKMS with the sources of gasket; with an error, after a build that failed."""
    where = "/var/lib/dkms/gasket/1.0/build/make.log:12" if error else None
    known = {"source_present": True, "build_error": error, "build_error_where": where}
    return DkmsState(build_kernel=kernel if error else None, **{**known, **fields})


def log(*messages: tuple[str, str | None], address: str | None = None) -> KernelLog:
    """A kernel's log with lines of these names and causes."""
    lines = [
        KernelMessage(message=name, cause=cause, text=f"the line {name}", pci_address=address, where=f"dmesg:{number}")
        for number, (name, cause) in enumerate(messages, start=1)
    ]
    return KernelLog(origin="/dev/kmsg", line_count=len(lines), messages=tuple(lines))


def program(message: str, cause: str, text: str | None = None) -> Application:
    """What a program printed."""
    line = RuntimeMessage(message=message, cause=cause, text=text or f"the line {message}", where="paste:1")
    return Application(messages=(line,))


def machine(*facts: Fact, covers: tuple[str, ...] = LIVE, expect_tpus: int | None = None, **fields: Any) -> Machine:
    """The machine of facts and of the parts around the bus; the host has a kernel release unless one is given."""
    hosts = () if any(isinstance(fact, Host) for fact in facts) else (HOST,)
    return build(evidence(*facts, *hosts, covers=covers, **fields), Options(expect_tpus=expect_tpus))


def judged(check: Callable[[Machine], Iterator[Finding]], *facts: Fact, **fields: Any) -> list[Finding]:
    """What a rule says of such a machine."""
    return list(check(machine(*facts, **fields)))
