"""A machine and its findings become a report."""

from __future__ import annotations

import re
from typing import Any

import pytest

import etpu_doctor
from etpu_doctor.facts.evidence import Ignored, Missing
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.report.make import error_report, make_report, timestamp
from etpu_doctor.report.report import PciTreeNode, Report, ReportError, UsbTreeNode
from etpu_doctor.rules.registry import all_rules
from etpu_doctor.rules.run import run_rules
from etpu_doctor.topology.build import build
from etpu_doctor.topology.link import PathLimit
from tests.support.facts import (
    bridge,
    card,
    evidence,
    hub,
    interface,
    link,
    machine,
    maybe,
    pci,
    root,
    storage,
    tpu,
    usb,
    xhci,
)

RULES = all_rules()


def report(*facts: Any) -> Report:
    """The report of facts, with all findings."""
    built = machine(*facts)
    return make_report(built, run_rules(built, RULES))


def usb_node(*facts: UsbDevice, name: str = "2-1") -> UsbTreeNode:
    """A node of the USB tree."""
    return next(node for node in report(*facts).topology.usb if node.id == name)


def pci_node(*facts: Any, name: str = "0000:01:00.0") -> PciTreeNode:
    """A node of the PCI tree."""
    return next(node for node in report(*facts).topology.pci if node.id == name)


def test_the_time_is_utc() -> None:
    """The time is to the second and in UTC."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", timestamp())


def test_what_the_evidence_says_of_itself() -> None:
    """Source and host are those of the evidence."""
    missing, ignored = Missing(what="a", why="b"), Ignored(file="a", line=1, last_line=2, text="x", why="y")
    gathered = evidence(missing, Host(kernel_release="6.1"), kind="capture", ignored=(ignored,), ignored_count=2)
    made = make_report(build(gathered), [])
    assert ("capture", (missing,), (ignored,), 2) == (
        made.source.kind,
        made.source.missing,
        made.source.ignored,
        made.source.ignored_count,
    )
    assert ("6.1", gathered.covers) == (made.host.kernel_release, made.source.covers)
    assert ("etpu-doctor", etpu_doctor.__version__) == (made.tool.name, made.tool.version)


def test_a_replay_is_marked() -> None:
    """The kind and the name of a replay are what the caller says."""
    made = make_report(machine(root(2)), [], kind="demo", name="two-sticks")
    assert ("demo", "two-sticks") == (made.source.kind, made.source.name)


def test_an_error_has_nothing_else() -> None:
    """A report of an error is empty but for the error, and its cause is unknown."""
    made = error_report(ReportError(code=2, kind="usage", message="no such option"))
    assert ((), (), (), "unknown", "no such option") == (
        made.findings,
        made.edge_tpus,
        made.topology.usb,
        made.diagnosis.cause,
        made.diagnosis.summary,
    )
    assert made.error is not None
    assert 2 == made.error.code


def test_a_stick_in_the_tree() -> None:
    """A device carries its place, identity, speed, drivers and state."""
    node = usb_node(root(2), hub("2-1"), tpu("2-1.4", interfaces=(interface(0xFF, "usbfs"),)), name="2-1.4")
    assert ("2-1", "device", 2, 2, 4, "1.4", "18d1:9302") == (
        node.parent,
        node.kind,
        node.busnum,
        node.devnum,
        node.port,
        node.port_chain,
        node.usb_id,
    )
    assert ("vendor specific", ("usbfs",), 5000, "ready") == (
        node.class_name,
        node.drivers,
        node.speed_mbps,
        node.edge_tpu,
    )
    assert ("/sys/devices/2-1.4", PathLimit(upper="2-1", lower="2-1.4", mbps=5000, payload_mbps=4000)) == (
        node.where,
        node.path_limit,
    )


@pytest.mark.parametrize(
    ("device", "kind", "chain"),
    [(root(2), "root-hub", ""), (hub("2-1"), "hub", "1"), (storage("2-1"), "device", "1")],
)
def test_kinds_of_nodes(device: UsbDevice, kind: str, chain: str) -> None:
    """Root hubs, hubs and devices are told apart."""
    (node,) = report(device).topology.usb
    assert (kind, chain) == (node.kind, node.port_chain)


def test_halves_name_each_other() -> None:
    """A hub's other half is named with the reason."""
    node = usb_node(root(1, 480), root(2), hub("1-1", 480), hub("2-1"))
    assert ("1-1", "position") == (node.twin, node.twin_basis)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"vendor_name": "Google Inc.", "product_name": "TPU"}, "Google Inc. TPU"),
        ({"product_name": "TPU"}, "TPU"),
        ({"vendor_name": ""}, None),
        ({}, None),
    ],
)
def test_names(fields: dict[str, Any], expected: str | None) -> None:
    """Vendor and product make the name; without either there is none."""
    assert expected == usb_node(root(2), tpu("2-1", **fields)).name


@pytest.mark.parametrize(
    ("interfaces", "expected"),
    [
        ((interface(0x08),), "mass storage"),
        ((interface(0x0E),), "video"),
        ((interface(0x42),), "class 42"),
        ((interface(None, class_name="Vendor Specific Class"),), "vendor specific class"),
        ((interface(None), interface(0x03)), "human interface"),
        ((interface(None),), None),
        ((), None),
        (None, None),
    ],
)
def test_classes(interfaces: Any, expected: str | None) -> None:
    """The first interface that says something names the class."""
    assert expected == usb_node(root(2), usb("2-1", interfaces=interfaces)).class_name


def test_drivers() -> None:
    """Each driver once, in the order of the interfaces; a root hub's is its controller's."""
    many = tuple(interface(1, driver) for driver in ("a", "b", None, "a"))
    assert ("a", "b") == usb_node(root(2), usb("2-1", interfaces=many)).drivers
    assert ("xhci_hcd",) == usb_node(root(2), name="usb2").drivers


def test_a_possible_stick_in_the_tree() -> None:
    """What may be an Edge TPU is marked so, and has no id."""
    node = usb_node(root(2), maybe("2-1"))
    assert ("possible", None) == (node.edge_tpu, node.usb_id)


def test_where_a_listing_shows_it() -> None:
    """A device of a text is where its line is."""
    assert "paste.txt:7" == usb_node(root(2), tpu("2-1", seen=(Seen("lsusb-t", "paste.txt", 7),))).where
    assert usb_node(root(2), tpu("2-1", seen=())).where is None


def test_a_card_in_the_tree() -> None:
    """A function carries its ids, driver and link."""
    slot = bridge("0000:00:1c.0", 1, **link(5, 1, 8, 4))
    node = pci_node(slot, card("0000:01:00.0", "0000:00:1c.0", vendor_name="Global Unichip Corp.", device_name="TPU"))
    assert ("0000:00:1c.0", "1ac1:089a", "0880", "Global Unichip Corp. TPU") == (
        node.parent,
        node.pci_id,
        node.class_code,
        node.name,
    )
    assert ("apex", True, 5, 1, 4000, True) == (
        node.driver,
        node.driver_known,
        node.link_speed_gts,
        node.link_width,
        node.link_mbps,
        node.is_edge_tpu,
    )


def test_a_function_without_names_or_link() -> None:
    """Without names the class names it; without a link there is no rate."""
    node = pci_node(pci("0000:01:00.0", class_name="System peripheral"))
    assert ("System peripheral", None, None, None) == (node.name, node.class_code, node.link_mbps, node.path_limit)


def test_a_controller_names_its_buses() -> None:
    """A USB controller lists the root hubs it has."""
    node = pci_node(xhci(), root(1, 480), root(2), name="0000:00:14.0")
    assert ("usb1", "usb2") == node.usb_roots


def test_parents_come_before_children() -> None:
    """Both lists can be read in one pass."""
    made = report(
        xhci(), bridge("0000:00:1c.0", 3), pci("0000:03:00.0", parent="0000:00:1c.0"), root(2), hub("2-1"), tpu("2-1.4")
    )
    for nodes in (made.topology.usb, made.topology.pci):
        seen: set[str | None] = {None}
        for node in nodes:
            assert node.parent in seen
            seen.add(node.id)
