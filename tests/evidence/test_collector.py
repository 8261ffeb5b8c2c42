"""Joining what several listings say: later listings supersede, nothing counts twice, what is sure stays sure."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.collector import IGNORED_RUNS_LIMIT, Collector, join_pci, join_usb
from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.text import read_lines
from etpu_doctor.facts.evidence import Ignored
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface
from tests.support.lsusb_text import render, usb_devices

LIST = """\
Bus 002 Device 007: ID 18d1:9302 Google Inc.
Bus 002 Device 002: ID 2109:0817 VIA Labs, Inc.
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
"""
TREE = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/2p, 5000M
    |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M
        |__ Port 4: Dev 7, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
"""
VERBOSE = """\
Bus 002 Device 007: ID 18d1:9302 Google Inc.
Device Descriptor:
  bLength                18
  bDescriptorType         1
  bcdUSB               3.10
  bNumConfigurations      1
  Configuration Descriptor:
    bLength                 9
    bDescriptorType         2
    bNumInterfaces          1
    bConfigurationValue     1
    bmAttributes         0xc0
      Self Powered
    MaxPower               96mA
"""


def collected(*texts: str) -> Collector:
    """A collector that was fed some texts, called a, b, c ..."""
    collector = Collector()
    for name, text in zip("abcdef", texts, strict=False):
        read_lines(name, text.splitlines(keepends=True), collector)
    return collector


def places(collector: Collector) -> dict[int | None, tuple[int, ...] | None]:
    """Device number to port chain."""
    return {device.devnum: device.port_chain for device in collector.usb_devices()}


def device(busnum: int | None, devnum: int | None, kind: str = "lsusb", **fields: object) -> UsbDevice:
    """A partial record."""
    return msgspec.structs.replace(UsbDevice(busnum=busnum, devnum=devnum, seen=(Seen(kind, "x", 1),)), **fields)  # type: ignore[arg-type]


class TestListings:
    """Listings one after the other."""

    def test_all_kinds_are_joined(self) -> None:
        """The tree gives the place, the list the ids, the verbose list the power; whatever comes first."""
        for texts in permutations((LIST, TREE, VERBOSE)):
            collector = collected(*texts)
            assert {1: (), 2: (1,), 7: (1, 4)} == places(collector)
            tpu = next(one for one in collector.usb_devices() if one.devnum == 7)
            assert (0x18D1, 0x9302, 5000, 96, True) == (
                tpu.vendor_id,
                tpu.product_id,
                tpu.speed_mbps,
                tpu.max_power_ma,
                tpu.self_powered,
            )
            assert {"lsusb", "lsusb-t", "lsusb-v"} == {place.kind for place in tpu.seen}
            assert {"usb", "usb-ids", "usb-power", "usb-tree"} == collector.covers
            assert 0 == collector.ignored_count

    def test_a_later_list_supersedes_an_earlier_one(self) -> None:
        """Before and after in one paste: the devices of after are there."""
        after = LIST.replace("Device 007", "Device 008")
        assert {1, 2, 8} == set(places(collected(LIST, after)))
        assert {1, 2, 8} == set(places(collected(LIST + "\n" + after)))

    @pytest.mark.parametrize("turned", [True, False])
    def test_lists_without_a_line_between_them(self, turned: bool) -> None:
        """Whether lsusb lists backwards (the new device first) or forwards, the second of two lists is told apart."""
        lines = (LIST + "Bus 001 Device 001: ID 1d6b:0002 Linux Foundation 2.0 root hub\n").splitlines(keepends=True)
        before = "".join(reversed(lines) if turned else lines)
        collector = collected(before + before.replace("Device 007", "Device 008"))
        assert {(1, 1), (2, 1), (2, 2), (2, 8)} == {(one.busnum, one.devnum) for one in collector.usb_devices()}
        assert ["bus 2 device 7"] == [run.text for run in collector.ignored]

    def test_a_later_tree_supersedes_the_bus_alone(self) -> None:
        """A listing that begins anew replaces what was said of its bus and of no other."""
        other = "/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 480M\n"
        after = TREE.replace("Port 4: Dev 7", "Port 3: Dev 8")
        devices = collected(TREE + other, after).usb_devices()
        assert {(1, 1), (2, 1), (2, 2), (2, 8)} == {(one.busnum, one.devnum) for one in devices}

    def test_a_filtered_list_supersedes_nothing(self) -> None:
        """``lsusb -d`` repeats devices of the whole list before it, which stays."""
        assert {1, 2, 7} == set(places(collected(LIST, LIST.splitlines()[0])))

    def test_the_same_listing_twice_changes_nothing(self) -> None:
        """Pasting a thing twice makes no device twice."""
        once = collected(LIST + TREE).usb_devices()
        twice = collected(LIST + TREE + "\n" + LIST + TREE).usb_devices()
        strip = [msgspec.structs.replace(one, seen=()) for one in twice]
        assert [msgspec.structs.replace(one, seen=()) for one in once] == strip


class TestUnprinted:
    """Devices that lsusb lists and lsusb -t leaves out."""

    def test_a_device_without_a_configuration(self) -> None:
        """Where both listings agree on all else, the device that the tree lacks is not configured."""
        tree = "".join(line for line in TREE.splitlines(keepends=True) if "Dev 7" not in line)
        states = {one.devnum: one.configured for one in collected(LIST, tree).usb_devices()}
        assert states[7] is False
        assert False not in (states[1], states[2])

    def test_not_if_the_listings_are_of_different_moments(self) -> None:
        """A tree with a device that the list lacks is of another moment and proves nothing."""
        tree = TREE.replace("Dev 7", "Dev 6")
        assert {None} >= {one.configured for one in collected(LIST, tree).usb_devices() if one.devnum == 7}

    def test_not_without_the_root_of_the_tree(self) -> None:
        """A part of a tree proves nothing."""
        tree = "".join(TREE.splitlines(keepends=True)[1:2])
        assert {None} >= {one.configured for one in collected(LIST, tree).usb_devices() if one.devnum == 7}

    def test_not_on_another_bus(self) -> None:
        """A tree says nothing of buses that it does not show."""
        listed = LIST + "Bus 001 Device 005: ID 18d1:9302 Google Inc.\n"
        (other,) = [one for one in collected(listed, TREE).usb_devices() if one.busnum == 1]
        assert other.configured is None


class TestIgnored:
    """Lines that are set aside."""

    def test_neighbours_are_one_run(self) -> None:
        """Lines that follow each other for one reason are one run, and each is counted."""
        collector = Collector()
        for number in (3, 4, 5, 5, 9):
            collector.ignore(Line("x", number, f"  line {number} "), "why")
        collector.ignore(Line("x", 10, "other"), "because")
        collector.ignore(Line("y", 11, "other"), "because")
        assert [
            Ignored(file="x", line=3, last_line=5, text="line 3", why="why"),
            Ignored(file="x", line=9, last_line=9, text="line 9", why="why"),
            Ignored(file="x", line=10, last_line=10, text="other", why="because"),
            Ignored(file="y", line=11, last_line=11, text="other", why="because"),
        ] == collector.ignored
        assert 7 == collector.ignored_count

    def test_the_list_is_bounded_and_the_count_is_not(self) -> None:
        """A thousand runs are counted and two hundred listed."""
        collector = Collector()
        for number in range(1000):
            collector.ignore(Line("x", 2 * number, "y"), "why")
        assert (1000, IGNORED_RUNS_LIMIT) == (collector.ignored_count, len(collector.ignored))

    def test_a_long_line_is_shortened(self) -> None:
        """Of a line of a megabyte the beginning is listed."""
        collector = Collector()
        collector.ignore(Line("x", 1, "y" * (1 << 20)), "why")
        assert "y" * 119 + "…" == collector.ignored[0].text


class TestJoinUsb:
    """Records of one device."""

    def test_what_comes_first_wins(self) -> None:
        """Of two names the first is kept, and what only the second knows is added."""
        (joined,) = join_usb([device(1, 2, vendor_name="a"), device(1, 2, vendor_name="b", product_name="c")])
        assert ("a", "c") == (joined.vendor_name, joined.product_name)

    def test_devices_without_numbers_stay_apart_by_place(self) -> None:
        """Where no number is known the place tells devices apart."""
        partial = [device(1, None, port_chain=(1,)), device(1, None, port_chain=(2,)), device(1, None, port_chain=(1,))]
        assert [(1,), (2,)] == [one.port_chain for one in join_usb(partial)]

    def test_places_are_not_repeated(self) -> None:
        """A record that comes twice was seen at one place."""
        (joined,) = join_usb([device(1, 2), device(1, 2), device(1, 2, "lsusb-v")])
        assert ["lsusb", "lsusb-v"] == [place.kind for place in joined.seen]

    def test_how_sure_a_place_is_goes_with_the_place(self) -> None:
        """A guessed place stays a guess whichever record comes first."""
        guessed = device(1, 2, "lsusb-t", port_chain=(3,), chain_certain=False)
        for order in ([guessed, device(1, 2)], [device(1, 2), guessed]):
            (joined,) = join_usb(order)
            assert ((3,), False) == (joined.port_chain, joined.chain_certain)
        (known,) = join_usb([device(1, 2, port_chain=(3,)), guessed])
        assert known.chain_certain

    def test_how_sure_a_speed_is_goes_with_the_speed(self) -> None:
        """An inferred speed stays inferred whichever record comes first."""
        inferred = device(1, 2, speed_mbps=480, speed_inferred=True)
        for order in ([inferred, device(1, 2)], [device(1, 2), inferred]):
            assert [True] == [joined.speed_inferred for joined in join_usb(order)]
        assert [False] == [joined.speed_inferred for joined in join_usb([device(1, 2, speed_mbps=480), inferred])]

    def test_drivers_of_interfaces(self) -> None:
        """A driver is taken from the record that shows drivers, and no driver is an answer too."""
        plain = device(1, 2, "lsusb-v", interfaces=(UsbInterface(number=0, class_code=255),))
        for name in ("usbfs", None):
            driven = UsbInterface(number=0, class_name="Vendor Specific Class", driver=name, driver_known=True)
            expected = UsbInterface(
                number=0, class_code=255, class_name="Vendor Specific Class", driver=name, driver_known=True
            )
            for order in ([plain, device(1, 2, interfaces=(driven,))], [device(1, 2, interfaces=(driven,)), plain]):
                assert [(expected,)] == [joined.interfaces for joined in join_usb(order)]

    def test_interfaces_that_one_record_lacks(self) -> None:
        """A listing that was cut short does not hide the interfaces of a whole one."""
        one, two = UsbInterface(number=0), UsbInterface(number=1)
        whole, cut = device(1, 2, interfaces=(one, two)), device(1, 2, interfaces=(two,))
        for order in ([whole, cut], [cut, whole], [device(1, 2), whole]):
            assert [(one, two)] == [joined.interfaces for joined in join_usb(order)]

    def test_no_interfaces_are_kept(self) -> None:
        """A device that has none is not one of which none are known."""
        (joined,) = join_usb([device(1, 2, interfaces=()), device(1, 2)])
        assert () == joined.interfaces


_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "vendor_id": st.integers(0, 3),
        "vendor_name": st.sampled_from(["a", "b"]),
        "speed_mbps": st.sampled_from([480, 5000]),
        "speed_inferred": st.booleans(),
        "port_chain": st.sampled_from([(), (1,), (1, 2)]),
        "chain_certain": st.booleans(),
        "configured": st.booleans(),
        "interfaces": st.lists(
            st.builds(UsbInterface, number=st.integers(0, 2)), max_size=2, unique_by=lambda i: i.number
        ).map(tuple),
    },
)
_RECORD = st.builds(
    lambda busnum, devnum, kind, fields: device(busnum, devnum, kind, **fields),
    st.sampled_from([1, 2, None]),
    st.sampled_from([1, 2, None]),
    st.sampled_from(["lsusb", "lsusb-t", "lsusb-v", "sysfs"]),
    _FIELDS,
)


@given(st.lists(_RECORD, max_size=8))
def test_joining_twice_changes_nothing(partial: list[UsbDevice]) -> None:
    """What was joined is joined, and giving every record twice changes nothing."""
    joined = join_usb(partial)
    assert joined == join_usb(joined)
    assert joined == join_usb([*partial, *partial])


@given(st.lists(_RECORD, max_size=8), st.randoms())
def test_the_same_devices_in_any_order(partial: list[UsbDevice], random: object) -> None:
    """Which devices there are, and where they were seen, does not depend on the order of the records."""

    def facts(devices: list[UsbDevice]) -> set[tuple[object, ...]]:
        known = [one for one in devices if one.busnum is not None and one.devnum is not None]
        return {
            (one.busnum, one.devnum, frozenset(one.seen), one.vendor_id is None, one.interfaces is None)
            for one in known
        }

    shuffled = list(partial)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # what hypothesis gives is a Random
    assert facts(join_usb(partial)) == facts(join_usb(shuffled))


@given(usb_devices(), st.booleans())
def test_listings_of_a_machine_are_joined_in_any_order(devices: list[UsbDevice], padded: bool) -> None:
    """A tree and a list of the same machine give the same devices whichever comes first."""
    tree = render(devices, padded=padded)
    listed = "".join(f"Bus {one.busnum:03} Device {one.devnum:03}: ID 1234:5678 \n" for one in devices)

    def facts(*texts: str) -> set[tuple[object, ...]]:
        found = collected(*texts).usb_devices()
        return {(one.busnum, one.devnum, one.port_chain, one.vendor_id, one.speed_mbps) for one in found}

    assert facts(tree, listed) == facts(listed, tree) == facts(tree + listed, tree)


def function(address: str, kind: str = "lspci", **fields: object) -> PciFunction:
    """A partial record."""
    return msgspec.structs.replace(PciFunction(address=address, seen=(Seen(kind, "x", 1),)), **fields)  # type: ignore[arg-type]


class TestJoinPci:
    """Records of one function."""

    def test_listings_are_joined_by_address(self) -> None:
        """Ids from one, the driver from another, the parent from a third."""
        records = [
            function("0000:01:00.0", domain_assumed=True, vendor_id=0x1AC1),
            function(
                "0000:01:00.0", "lspci-v", domain_assumed=True, driver="apex", driver_known=True, modules=("apex",)
            ),
            function("0000:01:00.0", "lspci-t", domain_assumed=True, parent="0000:00:1c.0", parent_known=True),
        ]
        for order in permutations(records):
            (joined,) = join_pci(order)
            assert (0x1AC1, "apex", ("apex",), "0000:00:1c.0", True) == (
                joined.vendor_id,
                joined.driver,
                joined.modules,
                joined.parent,
                joined.domain_assumed,
            )
            assert {"lspci", "lspci-v", "lspci-t"} == {place.kind for place in joined.seen}

    @pytest.mark.parametrize("domain", ["0000", "0001", "10000"])
    def test_an_assumed_domain_gives_way_to_a_printed_one(self, domain: str) -> None:
        """A listing without domains is of the one domain that has the slot."""
        printed = function(f"{domain}:01:00.0", "sysfs", vendor_id=1)
        assumed = function("0000:01:00.0", domain_assumed=True, vendor_name="x")
        for order in ([printed, assumed], [assumed, printed]):
            (joined,) = join_pci(order)
            assert (f"{domain}:01:00.0", False, "x") == (joined.address, joined.domain_assumed, joined.vendor_name)

    def test_a_slot_of_several_domains_stays_apart(self) -> None:
        """Where two domains have the slot and neither is the first, nothing tells which is meant."""
        printed = [function("0001:01:00.0"), function("0002:01:00.0")]
        joined = join_pci([*printed, function("0000:01:00.0", domain_assumed=True)])
        assert ["0001:01:00.0", "0002:01:00.0", "0000:01:00.0"] == [one.address for one in joined]

    def test_the_first_domain_is_preferred(self) -> None:
        """Domain 0000 is the one that lspci leaves out."""
        printed = [function("0001:01:00.0"), function("0000:01:00.0")]
        joined = join_pci([function("0000:01:00.0", "lspci-v", domain_assumed=True), *printed])
        assert {"0001:01:00.0": 1, "0000:01:00.0": 2} == {one.address: len(one.seen) for one in joined}

    def test_no_driver_is_an_answer(self) -> None:
        """That no driver is bound is known, and is not filled from a record that does not show drivers."""
        (joined,) = join_pci([function("0000:01:00.0", driver_known=True), function("0000:01:00.0", driver="x")])
        assert (None, True) == (joined.driver, joined.driver_known)

    @given(
        st.lists(
            st.builds(
                lambda slot, assumed: function(f"000{slot % 3}:0{slot}:00.0", domain_assumed=assumed and slot % 3 == 0),
                st.integers(0, 6),
                st.booleans(),
            ),
            max_size=8,
        )
    )
    def test_joining_twice_changes_nothing(self, partial: list[PciFunction]) -> None:
        """What was joined is joined, and giving every record twice changes nothing."""
        joined = join_pci(partial)
        assert joined == join_pci(joined)
        assert {one.address for one in joined} == {one.address for one in join_pci([*partial, *partial])}
        assert len(joined) == len({one.address for one in joined})

    def test_thousands_of_functions(self) -> None:
        """A listing without domains of many thousand functions is joined one by one."""
        functions = [
            function(f"0000:{index >> 8:02x}:{index >> 3 & 31:02x}.{index & 7}", domain_assumed=True)
            for index in range(20_000)
        ]
        assert 20_000 == len(join_pci(functions))


class TestCollectorPci:
    """PCI listings through the collector."""

    def test_a_later_listing_of_a_kind_replaces_the_earlier(self) -> None:
        """The last word of each kind of listing counts, and kinds are joined."""
        collector = Collector()
        collector.pci(function("0000:01:00.0", driver="old", driver_known=True))
        collector.pci(function("0000:01:00.0", driver="new", driver_known=True))
        collector.pci(function("0000:01:00.0", "lspci-v", vendor_id=1))
        (joined,) = collector.pci_functions()
        assert ("new", 1) == (joined.driver, joined.vendor_id)
