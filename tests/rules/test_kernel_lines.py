"""Which node, and which Edge TPU, a line of the kernel's log is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.rules import kernel_lines
from etpu_doctor.rules.kernel_lines import (
    controller_lines,
    edge_tpu_lines,
    hub_above,
    line_facts,
    log_lines,
    may_be_missing,
    on_controller,
    pci_concerns,
    times,
    tpus_below,
    usb_place,
    usb_places,
)
from tests.support.facts import (
    TEXT,
    XHCI,
    bridge,
    card,
    hub,
    machine,
    port,
    root,
    storage,
    tpu,
    usb,
    xhci,
)
from tests.support.kernel_log import HAND_OVER, log, logged

ERROR = "usb {}: device descriptor read/64, error -71"
FOUND = "usb {}: New USB device found, idVendor={}, idProduct={}, bcdDevice= 1.00"
READ = {"usb-descriptor-unreadable"}


def error(place: str) -> str:
    """An error at a place."""
    return ERROR.format(place)


def found(place: str, identity: str) -> str:
    """A device that appears at a place."""
    return FOUND.format(place, *identity.split(":"))


def gone(place: str) -> str:
    """A device that leaves a place."""
    return f"usb {place}: USB disconnect, device number 4"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("usb 2-1.4: USB disconnect, device number 5", "2-1.4"),
        ("usb 2-1-port4: attempt power cycle", "2-1.4"),
        ("usb 2-1.4-port2: attempt power cycle", "2-1.4.2"),
        ("usb usb2-port1: attempt power cycle", "2-1"),
        ("hub 3-0:1.0: Cannot enable port 1.  Maybe the USB cable is bad?", "3-1"),
        ("hub 2-1:1.0: insufficient power available to use all downstream ports", "2-1"),
        ("usb usb2: USB disconnect, device number 1", "usb2"),
        ("apex 0000:02:00.0: Device is dead.", None),
    ],
)
def test_a_port_is_about_what_is_plugged_in(line: str, place: str | None) -> None:
    """A line about a port is about the device on it, a line about a device about itself."""
    (message,) = log(line).messages
    assert place == usb_place(message)


def test_without_a_log_there_are_no_lines() -> None:
    """Where the evidence has no kernel log nothing is said of any place."""
    built = machine(root(2), tpu("2-1"))
    assert ([], [], {}, []) == (
        log_lines(built),
        usb_places(built, READ),
        controller_lines(built, READ),
        edge_tpu_lines(built, READ),
    )


def test_lines_by_name() -> None:
    """All lines, or those with a name."""
    built = logged(HAND_OVER)
    assert 12 == len(log_lines(built))
    assert ["usb-firmware-changed"] == [line.message for line in log_lines(built, {"usb-firmware-changed"})]


def test_an_edge_tpu_in_the_tree() -> None:
    """The tree says what is at a place of which the log says nothing."""
    (place,) = usb_places(logged(error("2-1"), root(2), tpu("2-1")), READ)
    assert ("2-1", "edge-tpu", ("2-1",), True, 1) == (
        place.node,
        place.standing,
        place.concerns,
        place.present,
        len(place.lines),
    )


def test_a_hub_that_leads_to_an_edge_tpu() -> None:
    """A hub concerns the Edge TPUs behind it, a hub without any concerns none."""
    tree = (root(2), hub("2-1"), hub("2-2"), hub("2-1.4"), tpu("2-1.4.1"), tpu("2-1.2"))
    first, second = usb_places(logged(f"{error('2-1')}\n{error('2-2')}", *tree), READ)
    assert ("feeds", ("2-1.2", "2-1.4.1")) == (first.standing, first.concerns)
    assert ("other", ()) == (second.standing, second.concerns)


def test_the_other_half_of_a_hub_counts() -> None:
    """Both halves of a hub lead to what hangs on either."""
    roots = (root(1, 480, ports=(port(1, "usb2-port1"),)), root(2, ports=(port(1, "usb1-port1"),)))
    built = logged(error("1-1"), *roots, hub("1-1", 480), hub("2-1"), tpu("2-1.1"))
    (place,) = usb_places(built, READ)
    assert ("feeds", ("2-1.1",)) == (place.standing, place.concerns)
    assert ("2-1.1",) == tpus_below(built, built.usb["1-1"])


def test_another_device_in_the_tree() -> None:
    """A disk is another device."""
    (place,) = usb_places(logged(error("2-1"), root(2), storage("2-1")), READ)
    assert ("other", True) == (place.standing, place.present)


def test_an_empty_place() -> None:
    """Where neither tree nor log knows what is there, nobody does."""
    (place,) = usb_places(logged(error("1-4"), root(1, 480), root(2), tpu("2-1")), READ)
    assert ("unknown", (), False) == (place.standing, place.concerns, place.present)


def test_the_log_knows_what_was_there() -> None:
    """An Edge TPU that the log found at a place is meant, though the tree has it no more."""
    (place,) = usb_places(logged(f"{found('2-1', '1a6e:089a')}\n{error('2-1')}", root(2)), READ)
    assert ("edge-tpu", (), False) == (place.standing, place.concerns, place.present)


def test_errors_before_a_device_appears_are_its_own() -> None:
    """What is found at the place after the errors is what had them."""
    (place,) = usb_places(logged(f"{error('2-1')}\n{found('2-1', '18d1:9302')}", root(2)), READ)
    assert "edge-tpu" == place.standing


def test_errors_of_a_predecessor() -> None:
    """Errors of a disk that was there before are not the Edge TPU's."""
    text = "\n".join([error("2-1"), found("2-1", "0951:1666"), gone("2-1"), found("2-1", "18d1:9302"), error("2-1")])
    first, second = usb_places(logged(text, root(2), tpu("2-1")), READ)
    assert [("other", 1), ("edge-tpu", 1)] == [(each.standing, len(each.lines)) for each in (first, second)]


def test_an_error_after_an_unplugging_is_of_the_last_known() -> None:
    """A stick that drops off and fails to come back is still meant, as long as nothing else appeared there."""
    text = "\n".join([found("2-1", "18d1:9302"), gone("2-1"), error("2-1")])
    (place,) = usb_places(logged(text, root(2)), READ)
    assert "edge-tpu" == place.standing


def test_a_disconnect_is_of_what_was_there() -> None:
    """What appears afterwards did not disconnect."""
    text = "\n".join([found("2-1", "0951:1666"), gone("2-1"), found("2-1", "18d1:9302")])
    (place,) = usb_places(logged(text, root(2), tpu("2-1")), {"usb-disconnect"})
    assert "other" == place.standing


def test_a_listing_without_ports() -> None:
    """Where a listing shows numbers and no ports, the number in the log tells the device."""
    text = f"usb 2-1.2: reset SuperSpeed USB device number 7 using xhci_hcd\n{error('2-1.2')}"
    stick = usb("2-1.2", "18d1:9302", None, devnum=7, port_chain=None)
    (place,) = usb_places(logged(text, stick, covers=TEXT), READ)
    assert ("bus2-dev7", "edge-tpu", ("bus2-dev7",)) == (place.node, place.standing, place.concerns)


def test_the_other_half_of_a_socket() -> None:
    """A stick whose SuperSpeed link fails is heard of on the USB 2 half of its socket."""
    roots = (root(1, 480, ports=(port(4, "usb2-port1"),)), root(2, ports=(port(1, "usb1-port4"),)))
    (place,) = usb_places(logged(error("1-4"), *roots, tpu("2-1")), READ)
    assert ("2-1", "edge-tpu", ("2-1",)) == (place.node, place.standing, place.concerns)


def test_the_other_half_of_a_socket_on_a_hub() -> None:
    """The same on a hub's port."""
    hubs = (hub("1-1", 480, ports=(port(2, "2-1-port2"),)), hub("2-1"))
    built = logged(error("1-1.2"), root(1, 480), root(2), *hubs, tpu("2-1.2"))
    assert ["2-1.2"] == [place.node for place in usb_places(built, READ)]


def test_the_hub_above_a_place() -> None:
    """The hub is found whether or not something is on its port."""
    built = machine(root(2), hub("2-1"))
    assert ["usb2", "2-1", None] == [
        node.id if node is not None else None for node in (hub_above(built, name) for name in ("2-3", "2-1.4", "3-1"))
    ]
    assert [None, None] == [hub_above(built, name) for name in ("", "usb2")]


@pytest.mark.parametrize(
    ("facts", "expected", "missing"),
    [
        ((), None, True),
        ((tpu("2-1"),), None, False),
        ((tpu("2-1"),), 2, True),
        ((), 0, False),
        ((tpu("2-1"),), 1, False),
    ],
)
def test_whether_one_may_be_missing(facts: tuple[object, ...], expected: int | None, missing: bool) -> None:
    """One is missing if there is none, or fewer than the person expects."""
    assert missing == may_be_missing(machine(root(2), *facts, expect_tpus=expected))  # type: ignore[arg-type] # facts


CARD = (bridge("0000:00:1c.0", 2), bridge("0000:00:1d.0", 3), card("0000:02:00.0", "0000:00:1c.0"))
AER = "pcieport {}: AER: Corrected error received: {}"
SEEN = {"pcie-error-received"}


def test_the_card_and_the_bridges_above() -> None:
    """Card and bridges concern the card, other functions concern none."""
    built = machine(*CARD)
    assert [("0000:02:00.0",), ("0000:02:00.0",), (), ()] == [
        pci_concerns(built, address) for address in ("0000:02:00.0", "0000:00:1c.0", "0000:00:1d.0", None)
    ]


def test_lines_about_the_card() -> None:
    """Errors of the card and of the port it hangs on are taken, those of another port are not."""
    lines = [
        AER.format("0000:00:1c.0", each) for each in ("0000:02:00.0", "0000:00:1c.0", "0000:00:1d.0", "0000:09:00.0")
    ]
    taken = edge_tpu_lines(logged("\n".join(lines), *CARD), SEEN)
    assert ["0000:02:00.0", "0000:00:1c.0"] == [line.pci_address for line in taken]


def test_lines_about_a_card_that_no_listing_shows() -> None:
    """Without a tree, errors of a port count if the Edge TPU's driver speaks in the same log."""
    line = AER.format("0000:00:00.0", "0000:00:00.0")
    assert [] == edge_tpu_lines(logged(line, covers=()), SEEN)
    spoken = f"{line}\napex 0000:01:00.0: Apex performance not throttled due to temperature"
    assert 1 == len(edge_tpu_lines(logged(spoken, covers=()), SEEN))
    assert [] == edge_tpu_lines(logged(spoken, *CARD), SEEN)


def test_the_drivers_own_lines_need_no_listing() -> None:
    """What the apex driver says is about an Edge TPU, listed or not."""
    bus_error = "apex 0000:05:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)"
    text = f"apex 0000:05:00.0: Device is dead.\n{bus_error}"
    assert 2 == len(edge_tpu_lines(logged(text, *CARD), {"apex-unhealthy", "pcie-bus-error"}))


def test_lines_about_a_controller() -> None:
    """Lines that name a controller go by its address, and concern the sticks on it."""
    text = f"xhci_hcd {XHCI}: HC died; cleaning up\nxhci-hcd xhci-hcd.0: HC died; cleaning up\n{error('1-4')}"
    built = logged(text, xhci(), root(2), tpu("2-1"))
    groups = controller_lines(built, {"usb-controller-given-up", *READ})
    assert {XHCI: 1, "machine": 1} == {address: len(lines) for address, lines in groups.items()}
    assert (("2-1",), ()) == (on_controller(built, XHCI), on_controller(built, "0000:05:00.0"))


def test_facts_say_each_kind_of_line_once() -> None:
    """The first line of each kind is told with its place, and how often it came."""
    text = f"{error('1-4')}\n{error('1-4')}\nusb usb1-port4: attempt power cycle"
    first, second = line_facts(log_lines(logged(text)))
    assert ("kernel log, 2 times", error("1-4"), "dmesg:1") == (first.name, first.value, first.where)
    assert ("kernel log", "dmesg:3") == (second.name, second.where)


def test_facts_stay_short() -> None:
    """A long line is cut."""
    (fact,) = line_facts(log_lines(logged(error("1-4") + " x" * 200)))
    assert isinstance(fact.value, str)
    assert (160, "…") == (len(fact.value), fact.value[-1])


def test_how_often() -> None:
    """Small numbers are words."""
    assert ["once", "twice", "3 times"] == [times(count) for count in (1, 2, 3)]


PLACES = st.sampled_from(["2-1", "2-1.4", "1-4", "usb2", "2-1-port2", "usb1-port4"])
LINES = st.sampled_from(
    [
        *(
            f"usb {{}}: {text}"
            for text in ("attempt power cycle", "USB disconnect, device number 3", "device firmware changed")
        ),
        "usb {}: reset SuperSpeed USB device number 2 using xhci_hcd",
        ERROR,
        FOUND.format("{}", "18d1", "9302"),
        FOUND.format("{}", "1a6e", "089a"),
        FOUND.format("{}", "0951", "1666"),
    ]
)


@given(st.lists(st.tuples(LINES, PLACES), max_size=20))
def test_any_order_of_lines(lines: list[tuple[str, str]]) -> None:
    """Whatever the order, each line is of one place, and only Edge TPUs of the tree are concerned."""
    text = "\n".join(line.format(place) for line, place in lines)
    built = logged(text, root(1, 480), root(2), hub("2-1"), tpu("2-1.4"))
    names = {line.message for line in log_lines(built)}
    places = usb_places(built, names)
    assert len(log_lines(built)) == sum(len(place.lines) for place in places)
    assert {tpu for place in places for tpu in place.concerns} <= {"2-1.4"}
    assert len(places) == len({(place.node, place.standing) for place in places})


def test_a_flood_is_read_in_time() -> None:
    """Thousands of lines about one place are sorted out in one pass."""
    text = "\n".join(["usb 2-1: reset SuperSpeed USB device number 2 using xhci_hcd"] * 2000)
    (place,) = usb_places(logged(text, root(2), tpu("2-1")), {"usb-reset"})
    assert 2000 == len(place.lines)
    assert kernel_lines.EDGE_TPU_IDS == {"1a6e:089a", "18d1:9302"}
