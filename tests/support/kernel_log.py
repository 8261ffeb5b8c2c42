"""Kernel logs for tests: lines as ``dmesg`` prints them, and machines that have such a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from etpu_doctor.evidence.kernel_log import match_line
from etpu_doctor.facts.kernel_log import KernelLog
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Machine, Options
from tests.support.facts import LIVE, Fact, evidence

HAND_OVER = """\
[    3.4] usb 2-1: new SuperSpeed USB device number 2 using xhci_hcd
[    3.4] usb 2-1: LPM exit latency is zeroed, disabling LPM.
[    3.4] usb 2-1: New USB device found, idVendor=1a6e, idProduct=089a, bcdDevice= 1.00
[    5.9] usb 2-1: reset SuperSpeed USB device number 2 using xhci_hcd
[    6.9] usb 2-1: reset SuperSpeed USB device number 2 using xhci_hcd
[    6.9] usb 2-1: LPM exit latency is zeroed, disabling LPM.
[    6.9] usb 2-1: device firmware changed
[    6.9] usb 2-1: USB disconnect, device number 2
[    7.1] usb 2-1: new SuperSpeed USB device number 3 using xhci_hcd
[    7.1] usb 2-1: LPM exit latency is zeroed, disabling LPM.
[    7.1] usb 2-1: New USB device found, idVendor=18d1, idProduct=9302, bcdDevice= 1.00
[    9.1] usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd
"""
"""What the first use after power-on looks like: all of it is normal."""


def log(text: str, file: str = "dmesg") -> KernelLog:
    """A log of these lines; those that are recognised say where they stand."""
    lines = text.splitlines()
    found = [match_line(line, f"{file}:{number}") for number, line in enumerate(lines, start=1)]
    messages = tuple(message for message in found if message is not None)
    return KernelLog(origin=file, line_count=len(lines), messages=messages)


def logged(text: str | KernelLog, *facts: Fact, covers: tuple[str, ...] = LIVE, **fields: Any) -> Machine:
    """The machine that the facts make, with a log. ``expect_tpus`` is what the person said; the rest is evidence."""
    options = Options(expect_tpus=fields.pop("expect_tpus", None))
    kernel_log = log(text) if isinstance(text, str) else text
    return build(evidence(*facts, covers=covers, kernel_log=kernel_log, **fields), options)


def said(
    check: Callable[[Machine], Iterator[Finding]], text: str | KernelLog, *facts: Fact, **fields: Any
) -> list[Finding]:
    """What a rule says of a machine with a log."""
    return list(check(logged(text, *facts, **fields)))


def verdict(finding: Finding) -> tuple[str, str, str, tuple[str, ...]]:
    """Severity, confidence, subject and the Edge TPUs concerned."""
    return finding.severity, finding.confidence, finding.subject, finding.concerns
