"""Options of the PCIe driver, and what keeps the kernel's old one from loading.

Parameters: gasket-driver ``src/gasket_page_table.c`` and ``src/apex_driver.c``; the advice for HIB errors and for a
pre-built driver is Coral's documentation (troubleshooting, and "Get started with the M.2 or Mini PCIe Accelerator").
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import ids, pci_tpus
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command, Finding

NAME = "modprobe"
SUMMARY = "options of the PCIe driver, and the old in-tree one kept away"

PATH = "/etc/modprobe.d/etpu-doctor.conf"

POLL_MS = 1000
"""A fifth of the default: how long a hot chip runs on at full clock is at most this."""


def build(report: Report) -> Setup:
    """Options that the report gives a reason for are set; the others stand there as comments."""
    return Setup(
        target=NAME,
        devices=tuple(tpu.id for tpu in pci_tpus(report)),
        files=(SetupFile(path=PATH, content=_content(report)),),
        text=(*_none_here(report), *_reasons(report), *_NOTES),
        commands=_COMMANDS,
        undo=(f"sudo rm {PATH} and load the driver again as above, or reboot.",),
    )


def _none_here(report: Report) -> tuple[str, ...]:
    if pci_tpus(report):
        return ()
    usb = " Edge TPUs on USB have no kernel driver, and none of this is for them." if ids(report) else ""
    return (f"No Edge TPU on PCIe was found here: this is the general configuration.{usb}",)


def _reasons(report: Report) -> tuple[str, ...]:
    why = []
    if has_hib_error(report):
        why.append("The evidence shows HIB errors, so the DMA mask is set.")
    if has_in_tree_driver(report):
        why.append(
            "The evidence shows the kernel's old in-tree driver, so both names are blacklisted. Reboot, install "
            "gasket-dkms, then delete the two blacklist lines: the new driver has the same names."
        )
    return tuple(why)


def has_hib_error(report: Report) -> bool:
    """Whether a finding speaks of an error of the host interface block."""
    return any("HIB" in text for finding in report.findings for text in _texts(finding))


def has_in_tree_driver(report: Report) -> bool:
    """Whether the old staging driver was found in the way."""
    return any(
        finding.rule == "in-tree-driver-conflict" and finding.severity in ("error", "warning")
        for finding in report.findings
    )


def _texts(finding: Finding) -> list[str]:
    return [finding.title, *(f"{fact.name} {fact.value}" for fact in finding.facts)]


def _content(report: Report) -> str:
    hib = "" if has_hib_error(report) else "#"
    old = "" if has_in_tree_driver(report) else "#"
    return "\n".join(
        [
            "# The driver of PCIe Edge TPUs. Written by etpu-doctor (etpu-doctor setup modprobe).",
            "",
            "# How often the driver reads the temperature and sets the clock by it, in ms (its default: 5000)",
            f"options apex temp_poll_interval={POLL_MS}",
            "",
            "# Against HIB errors in the kernel log: DMA addresses of 32 bits (default: 64)",
            f"{hib}options gasket dma_bit_mask=32",
            "",
            "# Against the old driver that kernels 4.19 to 5.12 and some vendors' bring. The new one has its names:",
            "# once gasket-dkms is installed, these lines must go.",
            f"{old}blacklist gasket",
            f"{old}blacklist apex",
            "",
        ]
    )


_NOTES = (
    (
        "The options count when the driver is loaded: at the next boot, or after unloading it, for which no program "
        "may use the Edge TPU."
    ),
    (
        "Where the driver is part of the initial RAM disk, that must be made anew: sudo update-initramfs -u (Debian, "
        "Ubuntu), sudo dracut -f (Fedora)."
    ),
    (
        "temp_poll_interval exists in the driver of gasket-dkms only; 0 switches the driver's throttling off: do not "
        "use it."
    ),
)

_COMMANDS = (
    Command(
        command="sudo modprobe -r apex gasket",
        why="unloads the driver; stop the programs that use it first",
        needs_root=True,
    ),
    Command(command="sudo modprobe apex", why="loads it with the options", needs_root=True),
    Command(
        command="cat /sys/module/apex/parameters/temp_poll_interval /sys/module/gasket/parameters/dma_bit_mask",
        why="shows what is in force",
    ),
)
