"""ETD603 vm-passthrough-id-change."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import usb_origin
from etpu_doctor.facts.access import Access
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.device_nodes import USB_IDENTITIES
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.kernel_lines import line_facts, log_lines, usb_place
from etpu_doctor.rules.wording import tpu_text
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD603",
    name="vm-passthrough-id-change",
    severity="warning",
    summary="A virtual machine was given one identity of the USB Edge TPU, or may have been.",
    documentation="""\
## What it means
The first program that opens a USB Edge TPU loads its firmware. The stick then leaves the bus as 1a6e:089a and comes
back as 18d1:9302: to a hypervisor that passes devices by identity this is another device, which stays on the host
unless it is passed as well. After a power cut it is 1a6e:089a again.

## Why it matters
The stick vanishes from the virtual machine in the middle of the first open, or after each power cut.

## How to fix
Pass both identities, or the physical port, or best the whole USB controller. For WSL 2, `usbipd bind` once in each
identity. `etpu-doctor setup libvirt`, `proxmox` and `wsl` print it.

## What it cannot see
What the hypervisor is told to pass: only its host knows. From inside, a controller that is a real one is taken as
passed as a whole, and then nothing is said.

## Source
Frigate documentation, hardware and installation; usbipd-win pull requests 351 and 592; QEMU `docs/specs/pci-ids.rst`;
pci.ids (VMware).
""",
)

_NAMES = {
    "kvm": "KVM",
    "vmware": "VMware",
    "oracle": "VirtualBox",
    "xen": "Xen",
    "microsoft": "Hyper-V",
    "parallels": "Parallels",
    "bhyve": "bhyve",
}

_QEMU_VENDOR, _VMWARE_VENDOR, _QEMU_SUBSYSTEM_VENDOR, _INTEL_VENDOR = 0x1B36, 0x15AD, 0x1AF4, 0x8086
_USBIP = "vhci_hcd"


def check(machine: Machine) -> Iterator[Finding]:
    """What the log shows to have happened, or else what may happen to each stick that was passed by itself."""
    access = machine.evidence.access
    if access is None:
        return
    lost = _lost(machine) if access.vm is not None or _has_usbip(machine) else {}
    for place, lines in lost.items():
        yield _gone(access, place, lines)
    for tpu in machine.edge_tpus:
        if tpu.transport == "usb" and tpu.id not in lost and _is_passed_alone(machine, access, tpu):
            yield _may_go(machine, access, tpu)


def _has_usbip(machine: Machine) -> bool:
    return any(machine.usb[root].device.root_driver == _USBIP for root in machine.usb_roots)


def _is_passed_alone(machine: Machine, access: Access, tpu: EdgeTpu) -> bool:
    """Whether a stick hangs on a controller that only exists in the virtual machine, as far as can be told."""
    root = machine.usb.get(f"usb{tpu.busnum}")
    if root is not None and root.device.root_driver == _USBIP:
        return True
    if access.vm is None:
        return False
    node = machine.pci.get(tpu.controller or "")
    if node is None:
        return access.is_wsl is True or access.vm == "microsoft"
    function = node.function
    if function.vendor_id in (_QEMU_VENDOR, _VMWARE_VENDOR) or function.subsystem_vendor_id == _QEMU_SUBSYSTEM_VENDOR:
        return True
    # VirtualBox shows its controllers as Intel's.
    return access.vm == "oracle" and function.vendor_id == _INTEL_VENDOR


def _lost(machine: Machine) -> dict[str, list[KernelMessage]]:
    """Places where a stick left the bus as 1a6e:089a, after which none came: the last lines about each."""
    here: dict[str, str] = {}
    lines: dict[str, list[KernelMessage]] = {}
    lost: dict[str, list[KernelMessage]] = {}
    for line in log_lines(machine, ("usb-device-found", "usb-reset", "usb-firmware-changed", "usb-disconnect")):
        place = usb_place(line)
        if place is None:
            continue
        if line.message == "usb-device-found":
            identity = f"{line.values.get('vendor', '')}:{line.values.get('product', '')}"
            here[place], lines[place] = identity, [line]
            if identity in USB_IDENTITIES and lost:
                # It came back, be it to another port of the virtual hub.
                lost.pop(place if place in lost else next(iter(lost)))
        elif line.message != "usb-disconnect":
            lines.setdefault(place, []).append(line)
        elif here.pop(place, None) == USB_IDENTITIES[0]:
            lost[place] = [*lines.pop(place, []), line]
    present = {tpu.id for tpu in machine.edge_tpus}
    return {place: found for place, found in lost.items() if place not in present}


def _kind_text(access: Access) -> str:
    if access.is_wsl:
        return "WSL"
    if access.vm is None:
        return "USB/IP"
    name = _NAMES.get(access.vm)
    return f"virtual machine ({name})" if name else "virtual machine"


def _gone(access: Access, place: str, lines: list[KernelMessage]) -> Finding:
    was_opened = any(line.message in ("usb-reset", "usb-firmware-changed") for line in lines)
    confidence: Confidence = "likely" if was_opened else "possible"
    why = "after a program opened it" if was_opened else "by a first use, or by hand"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence=confidence,
        title=f"An Edge TPU left this {_kind_text(access)} as 1a6e:089a {why}, and did not come back",
        subject="machine",
        facts=(
            Fact(name="runs in", value=_kind_text(access)),
            Fact(name="was at", value=place, where=lines[0].where),
            *line_facts(lines),
        ),
        remedy=_remedy(access),
    )


def _may_go(machine: Machine, access: Access, tpu: EdgeTpu) -> Finding:
    fresh = tpu.state == "dfu" or tpu.identity == USB_IDENTITIES[0]
    change = "its first use changes its identity" if fresh else "it is another device after a power cut"
    device = machine.usb[tpu.id].device
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="info",
        confidence="possible",
        title=f"{tpu_text(tpu)} was passed to this {_kind_text(access)}; {change}: both identities must be passed",
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=(
            Fact(name="runs in", value=_kind_text(access)),
            Fact(name="identity", value=tpu.identity, where=usb_origin(device, "vendor_id")),
        ),
        remedy=_remedy(access),
    )


def _remedy(access: Access) -> Remedy:
    watch = Command(
        command="sudo dmesg --follow", why="shows whether it comes back when a program opens it", needs_root=True
    )
    if access.is_wsl or access.vm is None:
        return Remedy(
            summary="Bind the stick twice: once in each identity.",
            steps=(
                "In a PowerShell on Windows as administrator: usbipd list, then usbipd bind --busid BUSID.",
                "Attach it and leave this running: usbipd attach --wsl --busid BUSID --auto-attach",
                "Start a program that opens it once; it fails, and usbipd list now shows 18d1:9302.",
                "Bind it again, in that identity: usbipd bind --busid BUSID. From then on it comes back by itself.",
            ),
            commands=(Command(command="etpu-doctor setup wsl", why="prints the commands"), watch),
        )
    return Remedy(
        summary="Pass both identities, or the port, or the whole USB controller.",
        steps=(
            "On the host, see which identity the stick has now: lsusb",
            "Pass 1a6e:089a and 18d1:9302 both; by port or by controller one entry is enough.",
            "Stop the virtual machine and start it again: a restart from inside is not enough for new devices.",
        ),
        commands=(
            Command(command="etpu-doctor setup libvirt", why="prints the entries for libvirt"),
            Command(command="etpu-doctor setup proxmox", why="prints the entries for Proxmox"),
            watch,
        ),
    )
