"""The joined tree as lines, and the words for places and facts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.host import Host
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.report.escape import cells
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report
from etpu_doctor.report.tree import (
    Forest,
    Part,
    count_text,
    fact_text,
    fit,
    is_slow,
    place_parts,
    place_text,
    source_text,
    speed_words,
    tree_lines,
    verdict,
)
from etpu_doctor.rules.finding import Fact
from etpu_doctor.topology.link import PathLimit
from etpu_doctor.topology.machine import EdgeTpu, Hop
from tests.report.machines import (
    BRIDGE,
    CONTROLLER,
    DISK,
    PCI_TPU,
    USB_CONTROLLER,
    device,
    edge_tpu,
    hub,
    pasted_tree,
    pci,
    pci_only,
    report,
    root_hub,
    secondary_port,
    slow_cable,
)
from tests.support.facts import evidence, root
from tests.support.facts import hub as usb_hub
from tests.support.facts import tpu as usb_tpu


def drawn(made: Report, *, width: int = 100, show_all: bool = False, max_lines: int | None = None) -> list[str]:
    """The rows of the tree as text."""
    return [
        "".join(part.text for part in row)
        for line in tree_lines(made, width=width, show_all=show_all, max_lines=max_lines)
        for row in fit(line, width)
    ]


def crowd(count: int, *, tpu: bool) -> Report:
    """A hub full of other devices beside one Edge TPU."""
    others = [device(f"2-1.{port}", port + 10, product_name="Mouse", speed_mbps=12.0) for port in range(1, count + 1)]
    stick = (edge_tpu("2-2", 3),) if tpu else ()
    return report((root_hub(2, 1, 5000), hub("2-1", 2), *stick, *others))


def test_joined_tree() -> None:
    """Bridges stand above the controller, root hubs below it, and other PCI functions are only counted."""
    wide = PathLimit(upper="0000:00:1c.0", lower=CONTROLLER, mbps=2000, payload_mbps=2000)
    assert wide == secondary_port().topology.usb[-1].path_limit
    assert [
        "0000:00:1c.0  PCI bridge  8086:a110  PCIe 2.5 GT/s x1 (2 Gb/s)",
        "└── 0000:01:00.0  USB controller  1912:0014  PCIe 2.5 GT/s x1 (2 Gb/s)",
        "    ├── usb1  USB 2 bus (xhci_hcd)  4 ports  480 Mb/s  twin usb2",
        "    └── usb2  USB 3 bus (xhci_hcd)  4 ports  5 Gb/s  twin usb1",
        "        │   <- limited to 2 Gb/s by 0000:00:1c.0 -> 0000:01:00.0",
        "        └── port 1: 2-1  VIA Labs, Inc. USB3.0 Hub  2109:0817  5 Gb/s",
        "            ├── port 2: 2-1.2  18d1:9302  5 Gb/s  [Edge TPU usb:1 ready]",
        "            │     <- limited to 2 Gb/s by 0000:00:1c.0 -> 0000:01:00.0",
        "            └── port 4: 2-1.4  VIA Labs, Inc. USB3.0 Hub  2109:0817  5 Gb/s",
        "                └── port 3: 2-1.4.3  18d1:9302  5 Gb/s  [Edge TPU usb:0 ready]",
        "                      <- limited to 2 Gb/s by 0000:00:1c.0 -> 0000:01:00.0",
        "+ 1 other PCI function",
    ] == drawn(secondary_port(), width=90)


def test_all_pci_functions() -> None:
    """With all of them shown, none is counted, and each has its name or its class."""
    made = report((), (BRIDGE, DISK, pci("0000:00:1f.3", class_code=0x0C05), pci("0000:00:1f.4"), PCI_TPU))
    rows = drawn(made, show_all=True)
    assert "0000:00:1f.2  SATA controller  8086:2922" in rows
    assert "0000:00:1f.3  class 0c05" in rows
    assert "0000:00:1f.4  PCI function" in rows
    assert not any(row.startswith("+") for row in rows)


def test_pcie_edge_tpu_below_its_speed() -> None:
    """A PCIe link below what both ends can is marked at the hop."""
    row = drawn(pci_only(), width=110)[1]
    assert "└── 0000:02:00.0  1ac1:089a  PCIe 2.5 GT/s x1 (2 Gb/s) (!)  [Edge TPU pci:? ready]" == row


def test_usb_edge_tpu_below_its_speed() -> None:
    """A USB link below what the place allows is marked at the hop; where that is not known it is not."""
    usb = (root_hub(1, 1, 480), root_hub(2, 2, 5000), hub("2-1", 3), hub("1-1", 4, 480), edge_tpu("1-1.2", 5, 480))
    made = report(usb)
    assert is_slow(made.edge_tpus[0])
    assert any("18d1:9302  480 Mb/s (!)  [Edge TPU" in row for row in drawn(made))
    assert not any("(!)" in row for row in drawn(slow_cable()))


def test_possible_edge_tpu() -> None:
    """A device that may be an Edge TPU is marked as possible and keeps its name."""
    assert "└── port 1: 2-1  vendor specific  5 Gb/s  [possible Edge TPU]" == drawn(pasted_tree())[-1]


def test_root_hubs_without_controller_stand_on_top() -> None:
    """A root hub whose controller is not in the evidence starts a tree of its own and names a known platform device."""
    rows = drawn(report((root_hub(1, 1, 480, controller="fe980000.usb"), root_hub(3, 2, 12, controller=None))))
    assert "usb1  USB 2 bus (xhci_hcd)  4 ports  on fe980000.usb  480 Mb/s" == rows[0]
    assert "usb3  USB 1.1 bus (xhci_hcd)  4 ports  12 Mb/s" == rows[1]


def test_unknown_facts() -> None:
    """What the evidence lacks is said or left out, never made up."""
    usb = (UsbDevice(busnum=1, port_chain=()), UsbDevice(busnum=1, port_chain=(2,)), UsbDevice(busnum=1, devnum=9))
    rows = drawn(report(usb, covers=()))
    assert "usb1  USB bus  speed unknown" == rows[0]
    assert "├── port 2: 1-2  unnamed device  speed unknown" == rows[1]
    assert "└── port ?: bus1-dev9  unnamed device  speed unknown" == rows[2]


def test_root_hub_speed_by_its_id() -> None:
    """Where no speed is known, the id of a Linux root hub tells which USB it is."""
    usb = UsbDevice(busnum=1, port_chain=(), vendor_id=0x1D6B, product_id=3)
    assert "usb1  USB 3 bus  speed unknown" == drawn(report((usb,)))[0]


def test_no_limit_where_gen2_carries_usb3() -> None:
    """PCIe Gen2 x1 carries as much as one 5 Gb/s USB link: both are 8b/10b coded, so nothing is limited."""
    bridge = msgspec.structs.replace(BRIDGE, max_link_speed_gts=5.0)
    controller = msgspec.structs.replace(USB_CONTROLLER, current_link_speed_gts=5.0)
    made = report((root_hub(2, 1, 5000), edge_tpu("2-1", 2)), (bridge, controller))
    assert 4000 == getattr(made.topology.usb[-1].path_limit, "payload_mbps", None)
    assert not any("limited" in row for row in drawn(made))


def test_limit_is_said_where_it_begins() -> None:
    """A narrower link is named at the first node below it and at Edge TPUs, not at everything between."""
    rows = drawn(secondary_port(), width=160)
    assert [False, False, False, True, False, True, False, True, False] == ["limited to 2 Gb/s" in row for row in rows]


def test_no_nodes() -> None:
    """An empty evidence has no lines."""
    assert [] == drawn(report())


@pytest.mark.parametrize(
    ("width", "ascii_only", "expected"),
    [(80, False, "└── port 1"), (80, True, "`-- port 1"), (40, False, "└ port 1"), (40, True, "`-port 1")],
)
def test_guides(width: int, ascii_only: bool, expected: str) -> None:
    """Guides are lines or ASCII, and narrow where the terminal is."""
    line = list(tree_lines(pasted_tree(), width=width, ascii_only=ascii_only))[-1]
    assert "".join(part.text for part in fit(line, width)[0]).startswith(expected)


def test_long_trees_are_elided() -> None:
    """Beyond the limit, devices without an Edge TPU below them become one line at each place."""
    rows = drawn(crowd(30, tpu=True), max_lines=20)
    assert 3 == len(rows)
    assert "├── port 2: 2-2  18d1:9302  5 Gb/s  [Edge TPU usb:0 ready]" == rows[1]
    assert "└── ... 31 more devices" == rows[2]


def test_elision_keeps_the_buses() -> None:
    """Without any Edge TPU the root hubs stay."""
    rows = drawn(crowd(30, tpu=False), max_lines=20)
    assert ["└── ... 31 more devices"] == rows[1:]
    assert rows[0].startswith("usb2")


def test_short_trees_are_whole() -> None:
    """Up to the limit, and without one, nothing is left out."""
    assert 33 == len(drawn(crowd(30, tpu=True), max_lines=33))
    assert 33 == len(drawn(crowd(30, tpu=True)))


def test_chains_beyond_any_real_machine() -> None:
    """A chain of hundreds of hubs ends, and its lines do not grow without end."""
    usb = (root_hub(1, 1, 480), *(device(f"1-{'.'.join('1' * depth)}", depth) for depth in range(1, 300)))
    rows = drawn(report(usb), width=80)
    assert "unnamed device" in rows[5]
    assert max(map(cells, rows)) <= 80
    assert len(rows) <= 4 * 300


def test_parents_that_are_no_parents() -> None:
    """A circle, a parent that is missing and one that stands too late make tops of their own."""
    made = report((root_hub(1, 1, 480), device("1-1", 2), device("1-2", 3)))
    root, first, second = made.topology.usb
    broken = (
        msgspec.structs.replace(root, parent="usb1"),
        msgspec.structs.replace(first, parent="1-2"),
        msgspec.structs.replace(second, parent="gone", controller=None),
    )
    topology = msgspec.structs.replace(made.topology, usb=broken)
    forest = Forest(msgspec.structs.replace(made, topology=topology))
    assert {"usb1": None, "1-1": None, "1-2": None} == forest.parent


def test_names_are_cut() -> None:
    """A long name gives way before anything else does."""
    usb = (root_hub(2, 1, 5000), device("2-1", 2, product_name="N" * 70, vendor_id=1, product_id=2, speed_mbps=12.0))
    made = report(usb)
    assert f"└── port 1: 2-1  {'N' * 31}…  0001:0002  12 Mb/s" == drawn(made)[-1]
    assert f"└── port 1: 2-1  {'N' * 24}…  0001:0002  12 Mb/s" == drawn(made, width=62)[-1]
    assert ["└ port 1: 2-1  NNNNNNN…", "    0001:0002  12 Mb/s"] == drawn(made, width=24)[-2:]


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
@pytest.mark.parametrize("make", [secondary_port, slow_cable, pasted_tree, pci_only])
def test_rows_fit(make: object, width: int) -> None:
    """No row is wider than it may be."""
    assert callable(make)
    assert max(map(cells, drawn(make(), width=width))) <= width


NAMES = st.text(st.characters(exclude_categories=()), max_size=60)


@given(NAMES, NAMES, st.integers(24, 120), st.booleans())
def test_any_name(vendor: str, product: str, width: int, ascii_only: bool) -> None:
    """Whatever a device calls itself, its rows fit, are printable, and are ASCII where that is wanted."""
    usb = (root_hub(2, 1, 5000), device("2-1", 2, vendor_name=vendor, product_name=product, speed_mbps=480.0))
    for line in tree_lines(report(usb), width=width, ascii_only=ascii_only):
        for row in fit(line, width, ascii_only=ascii_only):
            text = "".join(part.text for part in row)
            assert cells(text) <= width
            assert text.isprintable()
            assert text.isascii() or not ascii_only


@given(st.lists(st.text("ab c", min_size=1, max_size=50), min_size=1, max_size=6), st.integers(20, 60))
def test_parts_in_rows(texts: list[str], width: int) -> None:
    """Parts keep their order and their letters, and no row is too wide."""
    rows = place_parts(tuple(Part(text, "plain") for text in texts), width)
    shown = ["".join(part.text for part in row) for row in rows]
    assert "".join("".join(texts).split()) == "".join("".join(shown).split())
    assert max(map(cells, shown)) <= width


def test_places() -> None:
    """A place is a port of a hub, a root port, a bridge, or not in the evidence."""
    bare = pci("0000:00:02.0", vendor_id=0x1AC1, device_id=0x089A, driver_known=True)
    usb = (root_hub(2, 1, 5000), edge_tpu("2-1", 2), hub("2-3", 3), edge_tpu("2-3.2", 4), edge_tpu("3-1", 5))
    assert {
        "0000:00:02.0": "on a PCI root bus",
        "0000:02:00.0": "below bridge 0000:00:1c.0",
        "2-1": "root port 1 of bus 2",
        "2-3.2": "port 2 of hub 2-3 (2109:0817)",
        "3-1": "port not in the evidence",
    } == place_text(report(usb, (BRIDGE, bare, PCI_TPU)))


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (Fact(name="speed", value=480.0, unit="Mb/s", where="paste.txt:7"), "speed 480 Mb/s (paste.txt:7)"),
        (Fact(name="speed", value=1.5, unit="Mb/s"), "speed 1.5 Mb/s"),
        (Fact(name="count", value=123456789), "count 123456789"),
        (Fact(name="powered", value=True), "powered yes"),
        (Fact(name="powered", value=False, where="x"), "powered no (x)"),
        (Fact(name="speed", value=None, unit="Mb/s"), "speed not known"),
        (Fact(name="on", value="port 1"), "on port 1"),
    ],
)
def test_facts(fact: Fact, expected: str) -> None:
    """A fact has its unit and where it was read; an unknown one is not a number."""
    assert expected == fact_text(fact)


def test_fact_without_origin() -> None:
    """The origin can be left to the caller."""
    assert "a b" == fact_text(Fact(name="a", value="b", where="c"), with_origin=False)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (secondary_port, ("ERROR", "sub-hub-secondary-port (likely): 2 Edge TPUs, 1 error")),
        (pci_only, ("WARNING", "pcie-link-or-slot: 1 Edge TPU, 1 warning")),
        (report, ("ERROR", "no-device-visible: no Edge TPU, 1 error")),
    ],
)
def test_verdict(make: object, expected: tuple[str, str]) -> None:
    """The verdict is the worst severity, the cause with how sure it is, and the counts."""
    assert callable(make)
    assert expected == verdict(make())


def test_verdict_without_fault() -> None:
    """A possible Edge TPU is never called certain, and an open question is no fault."""
    assert "OK" == verdict(pasted_tree())[0]
    assert verdict(pasted_tree())[1].endswith("(not certain)")
    assert "UNKNOWN" == verdict(report(covers=()))[0]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (report(kind="demo", name="pi5-hub2"), 'REPLAY of capture "pi5-hub2" - not this machine'),
        (report(kind="capture", name="x.tar.gz"), 'From a capture "x.tar.gz"'),
        (report(kind="text"), "From pasted text"),
        (report(), "This machine"),
        (report(host=Host(os_name="Debian 12", kernel_release="6.1")), "This machine: Debian 12, Linux 6.1"),
    ],
)
def test_source(made: Report, expected: str) -> None:
    """Every report says what it was made from; a replay says that it is not this machine."""
    assert expected == source_text(made)


def test_words() -> None:
    """Speeds and counts as a person says them."""
    assert ["speed unknown", "5 Gb/s", "1.5 Mb/s"] == [speed_words(speed) for speed in (None, 5000, 1.5)]
    assert ["1 port", "0 ports", "2 ports"] == [count_text(count, "port") for count in (1, 0, 2)]


@pytest.mark.parametrize(("negotiated", "role"), [(5000.0, "full"), (480.0, "limit"), (None, "plain")])
def test_each_link_on_the_way_to_an_edge_tpu_is_told_by_its_role(negotiated: float | None, role: str) -> None:
    """A hub's link that is as fast as both ends can is full, a slower one is marked, an unknown one is neither."""
    uplink = Hop(upper="usb2", lower="2-1", bus="usb", negotiated_mbps=negotiated, capable_mbps=5000.0)
    own = Hop(upper="2-1", lower="2-1.2", bus="usb", negotiated_mbps=5000.0, capable_mbps=5000.0)
    tpu = EdgeTpu(id="2-1.2", transport="usb", speed_mbps=5000.0, expected_speed_mbps=5000.0, hops=[own, uplink])
    facts = evidence(root(2), usb_hub("2-1"), usb_tpu("2-1.2"))
    made = msgspec.structs.replace(examine(facts), edge_tpus=(tpu,))
    parts = {line.parts[0].text: line.parts for line in tree_lines(made, width=100)}
    speeds = {place: [part.role for part in found if part.text == "5 Gb/s"] for place, found in parts.items()}
    assert ([role], ["full"]) == (speeds["port 1: 2-1"], speeds["port 2: 2-1.2"])
