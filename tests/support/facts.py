"""Facts by hand, a call a device, for tests that need one detail and no whole machine.

The places are those of sysfs (``usb2``, ``2-1.4``). Unless told otherwise the facts look as if sysfs had shown them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from etpu_doctor.facts.evidence import Evidence, Missing
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.pci import ApexNode, PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface, UsbPort
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import EdgeTpu, Machine, Options

LIVE = ("apex", "host", "pci", "pci-links", "pci-tree", "usb", "usb-ids", "usb-ports", "usb-power", "usb-tree")
TEXT = ("usb", "usb-ids", "usb-tree")
XHCI = "0000:00:14.0"

Fact = UsbDevice | PciFunction | ApexNode | Host | Missing


def ids(text: str) -> tuple[int, int]:
    """``18d1:9302`` as two numbers."""
    vendor, _, product = text.partition(":")
    return int(vendor, 16), int(product, 16)


def usb(place: str, identity: str | None = None, speed: float | None = 5000, **fields: Any) -> UsbDevice:
    """A USB device in a place of sysfs, as sysfs shows it."""
    is_root = place.startswith("usb")
    bus, _, ports = place.removeprefix("usb").partition("-")
    vendor, product = ids(identity) if identity else (None, None)
    known: dict[str, Any] = {
        "busnum": int(bus),
        "devnum": 1 if is_root else 2,
        "port_chain": tuple(map(int, ports.split("."))) if ports else (),
        "vendor_id": vendor,
        "product_id": product,
        "speed_mbps": speed,
        "seen": (Seen("sysfs", f"/devices/{place}"),),
    }
    return UsbDevice(**{**known, **fields})


def interface(class_code: int | None, driver: str | None = None, **fields: Any) -> UsbInterface:
    """Interface 0 with a driver, or with none."""
    return UsbInterface(**{"number": 0, "class_code": class_code, "driver": driver, "driver_known": True, **fields})


def tpu(place: str, speed: float | None = 5000, *, dfu: bool = False, **fields: Any) -> UsbDevice:
    """An Edge TPU, idle; with ``dfu`` before its first use."""
    known: dict[str, Any] = {
        "configured": True,
        "interfaces": (interface(0xFE if dfu else 0xFF),),
        "max_power_ma": 896 if dfu else 96,
        "self_powered": None if dfu else True,
        "port_count": 0,
    }
    return usb(place, "1a6e:089a" if dfu else "18d1:9302", speed, **{**known, **fields})


def maybe(place: str, speed: float | None = 5000, **fields: Any) -> UsbDevice:
    """What ``lsusb -t`` alone shows of an Edge TPU."""
    return usb(place, None, speed, **{"interfaces": (interface(0xFF),), "port_count": 0, **fields})


def hub(place: str, speed: float | None = 5000, port_count: int | None = 4, **fields: Any) -> UsbDevice:
    """An external hub with a power supply of its own."""
    identity = "2109:0817" if speed is not None and speed >= 5000 else "2109:2817"
    known = {"device_class": 9, "port_count": port_count, "self_powered": True, "max_power_ma": 0}
    return usb(place, fields.pop("identity", identity), speed, **{**known, **fields})


def root(bus: int, speed: float | None = 5000, port_count: int | None = 4, **fields: Any) -> UsbDevice:
    """A root hub of an xHCI controller."""
    identity = "1d6b:0003" if speed is not None and speed >= 5000 else "1d6b:0002"
    known = {"device_class": 9, "port_count": port_count, "root_driver": "xhci_hcd", "controller": XHCI}
    return usb(f"usb{bus}", fields.pop("identity", identity), speed, **{**known, **fields})


def port(number: int, peer: str | None = None, **fields: Any) -> UsbPort:
    """A hub port as sysfs shows it: no ``peer`` means that the kernel knows none."""
    return UsbPort(**{"number": number, "peer": peer, "peer_known": True, "connect_type": "hotplug", **fields})


def ports(*peers: str | None, **fields: Any) -> tuple[UsbPort, ...]:
    """Ports from 1 on with their peers."""
    return tuple(port(number, peer, **fields) for number, peer in enumerate(peers, start=1))


def storage(place: str, speed: float | None = 5000, **fields: Any) -> UsbDevice:
    """A disk."""
    return usb(
        place, "0951:1666", speed, **{"interfaces": (interface(0x08, "usb-storage"),), "port_count": 0, **fields}
    )


def pci(address: str, identity: str = "8086:a36d", **fields: Any) -> PciFunction:
    """A PCI function as sysfs shows it."""
    vendor, device = ids(identity)
    known: dict[str, Any] = {
        "vendor_id": vendor,
        "device_id": device,
        "driver_known": True,
        "parent_known": True,
        "seen": (Seen("sysfs", f"/devices/{address}"),),
    }
    return PciFunction(address=address, **{**known, **fields})


def bridge(address: str, secondary: int | None = None, **fields: Any) -> PciFunction:
    """A PCI bridge."""
    return pci(
        address, fields.pop("identity", "8086:a340"), secondary_bus=secondary, **{"class_code": 0x0604, **fields}
    )


def xhci(address: str = XHCI, **fields: Any) -> PciFunction:
    """A USB 3 controller."""
    return pci(address, **{"class_code": 0x0C03, "prog_if": 0x30, "driver": "xhci_hcd", **fields})


def card(address: str, parent: str | None = None, **fields: Any) -> PciFunction:
    """A PCIe Edge TPU with its driver bound and the link it should have."""
    known: dict[str, Any] = {
        "class_code": 0x0880,
        "driver": "apex",
        "parent": parent,
        **link(5, 1, 5, 1),
    }
    return pci(address, "1ac1:089a", **{**known, **fields})


def link(speed: float, width: int, max_speed: float, max_width: int) -> dict[str, Any]:
    """The fields of a PCIe link: now, and at most."""
    return {
        "current_link_speed_gts": speed,
        "current_link_width": width,
        "max_link_speed_gts": max_speed,
        "max_link_width": max_width,
    }


def apex(number: int, address: str, **attributes: str) -> ApexNode:
    """The kernel's node of a card."""
    return ApexNode(name=f"apex_{number}", pci_address=address, attributes=attributes)


def evidence(*facts: Fact, covers: tuple[str, ...] = LIVE, **fields: Any) -> Evidence:
    """Facts as evidence, in the given order."""
    return Evidence(
        kind=fields.pop("kind", "live"),
        usb=tuple(fact for fact in facts if isinstance(fact, UsbDevice)),
        pci=tuple(fact for fact in facts if isinstance(fact, PciFunction)),
        apex=tuple(fact for fact in facts if isinstance(fact, ApexNode)),
        host=next((fact for fact in facts if isinstance(fact, Host)), Host()),
        missing=tuple(fact for fact in facts if isinstance(fact, Missing)),
        covers=covers,
        **fields,
    )


def machine(*facts: Fact, covers: tuple[str, ...] = LIVE, **options: Any) -> Machine:
    """The machine that the facts make; ``clock`` and ``expect_tpus`` are what the person said."""
    return build(evidence(*facts, covers=covers), Options(**options))


def only_tpu(built: Machine) -> EdgeTpu:
    """The one Edge TPU of a machine."""
    (found,) = built.edge_tpus
    return found


def judged(check: Callable[[Machine], Iterator[Finding]], *facts: Fact, **options: Any) -> list[Finding]:
    """What a rule says of a machine made of facts."""
    return list(check(machine(*facts, **options)))


def strings(finding: Finding) -> str:
    """Everything that a finding says, in one string."""
    steps = finding.remedy.steps if finding.remedy else ()
    summary = finding.remedy.summary if finding.remedy else ""
    return "\n".join([finding.title, summary, *steps, *(f"{fact.name}: {fact.value}" for fact in finding.facts)])


def values(finding: Finding) -> dict[str, object]:
    """A finding's facts by name."""
    return {fact.name: fact.value for fact in finding.facts}


def steps(finding: Finding) -> tuple[str, ...]:
    """The steps of a finding's remedy."""
    assert finding.remedy is not None
    return finding.remedy.steps
