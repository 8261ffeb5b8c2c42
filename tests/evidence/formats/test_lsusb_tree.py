"""Listings of lsusb -t, as they come and as people paste them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.formats.lsusb_tree import LsusbTree
from etpu_doctor.evidence.formats.lsusb_tree_depth import Item, place
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface
from tests.support.lsusb_text import render, usb_devices
from tests.support.recorder import Recorder, fed

ROOT = "/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/7p, 5000M"
OLD = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/8p, 10000M
    |__ Port 2: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M
        |__ Port 1: Dev 6, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
        |__ Port 4: Dev 3, If 0, Class=Hub, Driver=hub/4p, 5000M
            |__ Port 2: Dev 4, If 0, Class=Application Specific Interface, Driver=, 5000M
/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/16p, 480M
    |__ Port 3: Dev 2, If 0, Class=Hub, Driver=hub/4p, 480M
        |__ Port 4: Dev 3, If 0, Class=Hub, Driver=hub/4p, 480M
"""
NEW = """\
/:  Bus 001.Port 001: Dev 001, Class=root_hub, Driver=xhci_hcd/16p, 480M
    |__ Port 003: Dev 002, If 0, Class=Hub, Driver=hub/4p, 480M
        |__ Port 004: Dev 003, If 0, Class=Hub, Driver=hub/4p, 480M
/:  Bus 002.Port 001: Dev 001, Class=root_hub, Driver=xhci_hcd/8p, 10000M
    |__ Port 002: Dev 002, If 0, Class=Hub, Driver=hub/4p, 5000M
        |__ Port 001: Dev 006, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
        |__ Port 004: Dev 003, If 0, Class=Hub, Driver=hub/4p, 5000M
            |__ Port 002: Dev 004, If 0, Class=Application Specific Interface, Driver=[none], 5000M
"""
CHAINS = {
    (2, 1): (),
    (2, 2): (2,),
    (2, 6): (2, 1),
    (2, 3): (2, 4),
    (2, 4): (2, 4, 2),
    (1, 1): (),
    (1, 2): (3,),
    (1, 3): (3, 4),
}
# A page of documentation lost the newlines, most bars and some of the indentation of a listing.
GLUED = (
    "/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/7p, 5000M"
    "    | Port 3: Dev 36, If 0, Class=Hub, Driver=hub/4p, 5000M"
    "    | Port 1: Dev 51, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M  # WORKS"
    "    | Port 2: Dev 40, If 0, Class=Hub, Driver=hub/4p, 5000M"
    "        | Port 1: Dev 41, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M  # WORKS"
    "        |__ Port 2: Dev 39, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M  # DOESN'T WORK"
)
UNGLUED = re.sub(r"( {4,}\|)", r"\n\1", GLUED)
GLUED_CHAINS = {36: (3,), 51: (3, 1), 40: (3, 2), 41: (3, 2, 1), 39: (3, 2, 2)}


def read(text: str) -> tuple[Recorder, list[str]]:
    """Feed a text; give the sink and the lines that were not taken."""
    sink = fed(LsusbTree, text)
    return sink, sink.left


def devices(text: str) -> list[UsbDevice]:
    """The devices of a text of which every line must be understood."""
    sink, refused = read(text)
    assert ([], []) == (sink.ignored, refused)
    return sink.devices


def chains(found: list[UsbDevice]) -> dict[tuple[int | None, int | None], tuple[int, ...] | None]:
    """Where every device is."""
    return {(device.busnum, device.devnum): device.port_chain for device in found}


def below(root: str, *entries: str) -> UsbDevice:
    """The last device of a listing."""
    return devices("\n".join([root, *entries]))[-1]


def facts(device: UsbDevice) -> tuple[object, ...]:
    """What a listing without -v says of a device."""
    return (
        device.busnum,
        device.devnum,
        device.port_chain,
        device.chain_certain,
        device.speed_mbps,
        (device.rx_lanes, device.tx_lanes),
        device.port_count,
        device.root_driver,
        device.configured,
        device.interfaces,
    )


class TestDialects:
    """What the two generations of usbutils print."""

    @pytest.mark.parametrize("text", [OLD, NEW])
    def test_both_dialects_say_the_same(self, text: str) -> None:
        """Old and new listings of one machine give the same places, all certain."""
        found = devices(text)
        assert CHAINS == chains(found)
        assert all(device.chain_certain for device in found)

    @pytest.mark.parametrize("text", [OLD, NEW])
    def test_one_machine_is_one_set_of_devices(self, text: str) -> None:
        """Apart from the lines they were read in, the devices do not depend on the dialect."""
        assert sorted(map(facts, devices(OLD)), key=repr) == sorted(map(facts, devices(text)), key=repr)

    def test_a_root_hub_has_its_driver_and_ports(self) -> None:
        """A root line gives bus, driver of the controller, number of ports, speed, and no interface."""
        expected = UsbDevice(
            busnum=2,
            devnum=1,
            port_chain=(),
            speed_mbps=5000,
            rx_lanes=1,
            tx_lanes=1,
            port_count=7,
            root_driver="xhci_hcd",
            seen=(Seen("lsusb-t", "paste.txt", 1),),
        )
        assert [expected] == devices(ROOT)

    def test_a_device_has_its_interface(self) -> None:
        """An entry gives place, speed, class and driver."""
        interface = UsbInterface(
            number=0, class_code=0xFF, class_name="Vendor Specific Class", driver="usbfs", driver_known=True
        )
        expected = UsbDevice(
            busnum=2,
            devnum=6,
            port_chain=(4,),
            speed_mbps=5000,
            rx_lanes=1,
            tx_lanes=1,
            port_count=0,
            configured=True,
            interfaces=(interface,),
            seen=(Seen("lsusb-t", "paste.txt", 2),),
        )
        line = "    |__ Port 4: Dev 6, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M"
        assert expected == below(ROOT, line)

    def test_interfaces_make_one_device(self) -> None:
        """Lines with the same port and device number are interfaces of one device, sorted by their number."""
        device = below(
            ROOT,
            "    |__ Port 3: Dev 4, If 1, Class=Wireless, Driver=btusb, 5000M",
            "    |__ Port 3: Dev 4, If 0, Class=Video, Driver=uvcvideo, 5000M",
        )
        interfaces = device.interfaces or ()
        assert [(0, 0x0E, "uvcvideo"), (1, 0xE0, "btusb")] == [(i.number, i.class_code, i.driver) for i in interfaces]

    @pytest.mark.parametrize("driver", ["", "[none]"])
    def test_no_driver_is_known(self, driver: str) -> None:
        """An empty driver means that none is bound, which is not the same as not knowing."""
        (interface,) = below(ROOT, f"    |__ Port 3: Dev 4, If 0, Class=Hub, Driver={driver}, 5000M").interfaces or ()
        assert (None, True) == (interface.driver, interface.driver_known)

    @pytest.mark.parametrize("driver", ["", "[none]"])
    def test_an_unbound_hub_has_ports(self, driver: str) -> None:
        """The number of ports is read also where no driver stands before it."""
        assert 4 == below(ROOT, f"    |__ Port 3: Dev 4, If 0, Class=Hub, Driver={driver}/4p, 5000M").port_count

    @pytest.mark.parametrize("name", ["", "[unknown]"])
    def test_an_unknown_class_is_unknown(self, name: str) -> None:
        """A class that usbutils could not name stays unknown."""
        line = f"    |__ Port 3: Dev 4, If 0, Class={name}, Driver=usbfs, 5000M"
        (interface,) = below(ROOT, line).interfaces or ()
        assert (None, None) == (interface.class_code, interface.class_name)

    def test_a_device_without_interfaces_is_not_configured(self) -> None:
        """A line without interface, class and driver is that of a device without a configuration."""
        device = below(ROOT, "    |__ Port 001: Dev 005, 5000M")
        assert (False, ()) == (device.configured, device.interfaces)

    @pytest.mark.parametrize(
        ("printed", "mbps", "rx", "tx"),
        [
            ("1.5M", 1.5, 1, 1),
            ("5000M", 5000, 1, 1),
            ("20000M/x2", 20000, 2, 2),
            ("10000M/Tx2+Rx1", 10000, 1, 2),
            ("unknownM", None, 1, 1),
        ],
    )
    def test_speed_and_lanes(self, printed: str, mbps: float | None, rx: int, tx: int) -> None:
        """Speeds are in Mb/s, lanes are one each way unless a suffix says otherwise."""
        device = below(ROOT, f"    |__ Port 1: Dev 2, If 0, Class=Video, Driver=, {printed}")
        assert (mbps, rx, tx) == (device.speed_mbps, device.rx_lanes, device.tx_lanes)
        assert type(mbps) is type(device.speed_mbps)

    def test_a_root_line_covers_the_tree(self) -> None:
        """A listing shows the devices and their tree, but no ids."""
        assert {"usb", "usb-tree"} == read(OLD)[0].covers


class TestVerbose:
    """What -v, -vv and -vvv add."""

    TEXT = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M
    ID 1d6b:0003 Linux Foundation 3.0 root hub
    /sys/bus/usb/devices/usb2  /dev/bus/usb/002/001
    |__ Port 1: Dev 5, If 0, Class=Vendor Specific Class, Driver=, 5000M
        ID 18d1:9302 Google Inc. 
        /sys/bus/usb/devices/2-1.4.1  /dev/bus/usb/002/005
        Manufacturer=[unknown] Product=My Stick Serial=A1
"""  # noqa: W291 - usbutils leaves a blank where it knows no product

    def test_ids_belong_to_the_entry_above(self) -> None:
        """The line of ids names the device, or the root hub, that was printed before it."""
        root, device = devices(self.TEXT)
        assert (0x1D6B, 0x0003, "Linux Foundation 3.0 root hub") == (root.vendor_id, root.product_id, root.vendor_name)
        assert (0x18D1, 0x9302, "Google Inc.") == (device.vendor_id, device.product_id, device.vendor_name)

    def test_the_path_overrules_the_indentation(self) -> None:
        """The name in sysfs tells the ports, whatever the indentation says."""
        assert ((1, 4, 1), True) == ((device := devices(self.TEXT)[1]).port_chain, device.chain_certain)

    def test_the_path_tells_bus_and_place_without_a_root_line(self) -> None:
        """Half a listing is placed by its paths."""
        _, _, _, *half = self.TEXT.splitlines()
        assert {(2, 5): (1, 4, 1)} == chains(devices("\n".join(half)))

    def test_some_paths_place_some_devices(self) -> None:
        """A device with a path is placed by it while those without are placed by the rest of the listing."""
        entry = "\n    |__ Port 3: Dev 9, If 0, Class=Video, Driver=, 5000M"
        assert {(2, 1): (), (2, 5): (1, 4, 1), (2, 9): (3,)} == chains(devices(self.TEXT.rstrip() + entry))

    def test_strings_of_the_device(self) -> None:
        """The device's own strings give product and serial; what is not there stays unknown."""
        device = devices(self.TEXT)[1]
        assert ("Google Inc.", "My Stick", "A1") == (device.vendor_name, device.product_name, device.serial)

    def test_the_manufacturer_names_the_vendor_without_ids(self) -> None:
        """Where usb.ids knows no name, the device's own string does."""
        strings = "Manufacturer=ACME Product=[none] Serial="
        device = below(ROOT, "    |__ Port 1: Dev 5, 5000M", "        ID 18d1:9302  ", f"        {strings}")
        assert ("ACME", None, None) == (device.vendor_name, device.product_name, device.serial)

    def test_ids_are_covered(self) -> None:
        """With -v the listing shows ids, too."""
        assert {"usb", "usb-tree", "usb-ids"} == read(self.TEXT)[0].covers

    def test_a_glued_verbose_listing(self) -> None:
        """All lines on one line say the same."""
        expected = [facts(device) for device in devices(self.TEXT)]
        assert expected == [facts(device) for device in devices(self.TEXT.replace("\n", " "))]

    @pytest.mark.parametrize(
        "line",
        [
            "        /sys/bus/usb/devices/2-1.3  /dev/bus/usb/002/005",
            "        /sys/bus/usb/devices/2-1  /dev/bus/usb/002/006",
            "        /sys/bus/usb/devices/usb2  /dev/bus/usb/002/001",
            "        /sys/bus/usb/devices/",
            "        ID 18d1:93 Google",
            "        ID +8d1:9302 Google",
        ],
    )
    def test_a_line_that_does_not_fit_is_not_taken(self, line: str) -> None:
        """Paths of another device and broken ids are left to the reader to be ignored."""
        sink, refused = read(f"{ROOT}\n    |__ Port 1: Dev 5, If 0, Class=Video, Driver=, 5000M\n{line}")
        assert [line] == refused
        assert (None, (1,)) == (sink.devices[1].vendor_id, sink.devices[1].port_chain)

    @pytest.mark.parametrize("comment", ["  # the stick", " <-- this", "\t(in use)"])
    def test_a_comment_is_no_name(self, comment: str) -> None:
        """What somebody wrote behind the name does not become part of it."""
        line = f"        ID 18d1:9302 Google Inc.{comment}"
        assert "Google Inc." == below(ROOT, "    |__ Port 1: Dev 5, 5000M", line).vendor_name


class TestMangled:
    """Listings that went through forums, mails and clipboards."""

    @pytest.mark.parametrize("text", [GLUED, UNGLUED])
    @pytest.mark.parametrize("padded", [False, True])
    def test_a_documentation_page(self, text: str, padded: bool) -> None:
        """Port order and port counts alone give back the tree of a listing whose indentation is wrong."""
        if padded:
            text = re.sub(r"(Bus|Port|Dev) (\d+)", lambda match: f"{match[1]} {int(match[2]):03}", text)
        root, *found = devices(text)
        assert () == root.port_chain
        assert GLUED_CHAINS == {device.devnum: device.port_chain for device in found}
        assert all(device.chain_certain for device in found)

    def test_lost_indentation_leaves_a_doubt(self) -> None:
        """A device that may be beside a hub or below it is not certain, the hub is."""
        _, hub, device = devices(
            f"{ROOT}\n|__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M\n|__ Port 2: Dev 3, 5000M"
        )
        assert (True, False) == (hub.chain_certain, device.chain_certain)

    def test_a_doubt_ends_with_the_next_certain_hub(self) -> None:
        """Entries behind one that is not certain are certain if every tree has them in the same place."""
        text = f"""{ROOT}
|__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/2p, 5000M
|__ Port 2: Dev 3, 5000M
|__ Port 5: Dev 4, If 0, Class=Hub, Driver=hub/4p, 5000M
|__ Port 1: Dev 5, 5000M"""
        found = {device.devnum: device for device in devices(text)}
        assert {2: True, 3: False, 4: True, 5: True} == {n: found[n].chain_certain for n in (2, 3, 4, 5)}
        assert ((5,), (5, 1)) == (found[4].port_chain, found[5].port_chain)

    @pytest.mark.parametrize("cut", [1, 3])
    def test_a_missing_line_leaves_a_doubt(self, cut: int) -> None:
        """Where a hub's line was cut out, what seems to fit elsewhere is not certain."""
        lines = OLD.splitlines()
        del lines[cut]
        found = {(device.busnum, device.devnum): device for device in read("\n".join(lines))[0].devices}
        assert not found[(2, 4)].chain_certain

    def test_a_missing_hub_above_everything_leaves_a_doubt(self) -> None:
        """A first entry that is two levels deep may have lost its hub."""
        assert not below(ROOT, "        |__ Port 1: Dev 5, If 0, Class=Video, Driver=, 5000M").chain_certain

    @pytest.mark.parametrize("bar", ["|__ ", "|_ ", "| ", "\\|__ ", "└─ ", "+-- ", "`-- ", "* |__ ", "|__"])
    def test_bars_do_not_matter(self, bar: str) -> None:
        """Whatever became of the bars, the listing is the same."""
        assert CHAINS == chains(devices(OLD.replace("|__ ", bar)))

    def test_missing_bars_do_not_matter(self) -> None:
        """Blanks in place of the bars keep the indentation."""
        assert CHAINS == chains(devices(OLD.replace("|__ ", "    ")))

    def test_a_prompt_before_the_root_does_not_matter(self) -> None:
        """A listing that starts behind the command is read."""
        found = devices(f"$ lsusb -t {OLD}")
        assert CHAINS == chains(found)
        assert all(device.chain_certain for device in found)

    def test_a_cut_line_keeps_what_it_says(self) -> None:
        """Of a line that the terminal cut, complete fields count and the rest is unknown."""
        sink, _ = read(
            f"{ROOT}\n    |__ Port 1: Dev 2, If 0, Class=Hub, Driv\n        |__ Port 3: Dev 4, If 0, Class=Vid"
        )
        _, hub, device = sink.devices
        assert ((1,), None, None, True) == (hub.port_chain, hub.port_count, hub.speed_mbps, hub.configured)
        assert ((1, 3), None, False) == (device.port_chain, device.speed_mbps, device.interfaces == ())
        (interface,) = device.interfaces or ()
        assert (None, False) == (interface.class_name, interface.driver_known)

    def test_a_cut_root_line_keeps_its_bus(self) -> None:
        """A root line that was cut, with a comment behind it, still tells bus and controller, but no wrong driver."""
        text = "/:  Bus 05.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/10  (the TPU, in use)"
        root, device = devices(f"{text}\n    |__ Port 1: Dev 2, 480M")
        assert (5, None, None, None) == (root.busnum, root.root_driver, root.port_count, root.speed_mbps)
        assert (5, (1,)) == (device.busnum, device.port_chain)

    def test_a_wrapped_driver_is_joined(self) -> None:
        """A line that breaks behind an empty driver goes on with the speed."""
        device = below(ROOT, "    |__ Port 1: Dev 2, If 0, Class=Vendor Specific", "Class, Driver=,", "5000M  # here")
        (interface,) = device.interfaces or ()
        assert (0xFF, None, True, 5000) == (
            interface.class_code,
            interface.driver,
            interface.driver_known,
            device.speed_mbps,
        )

    def test_blank_lines_do_not_end_an_entry(self) -> None:
        """A broken entry goes on behind the blank lines of a double spaced text."""
        assert (5000, (1,)) == (
            (device := below(ROOT, "    |__ Port 1: Dev 2,", "", "5000M")).speed_mbps,
            device.port_chain,
        )

    def test_a_wrapped_verbose_entry(self) -> None:
        """What -v prints below a cut entry ends it, and still belongs to it."""
        sink, _ = read(f"{ROOT}\n    |__ Port 1: Dev 2, If 0, Class=Vend\n        ID 18d1:9302 Google Inc.")
        assert (0x18D1, (1,)) == (sink.devices[1].vendor_id, sink.devices[1].port_chain)

    def test_a_cut_device_number_is_not_believed(self) -> None:
        """``Dev 5`` at the end of a cut line may have been ``Dev 51``."""
        sink, _ = read(f"{ROOT}\n    |__ Port 1: Dev 5\n    |__ Port 2: Dev 6, 5000M")
        assert [1, 6] == [device.devnum for device in sink.devices]

    def test_an_entry_that_never_ends_is_given_up(self) -> None:
        """Prose behind a cut line is set aside, and the entry keeps what is certain."""
        text = f"{ROOT}\n    |__ Port 1: Dev 5, If 0, Class=Vend\nwhat\nis\nthis\n    |__ Port 2: Dev 6, 5000M"
        sink, refused = read(text)
        assert {(2, 1): (), (2, 5): (1,), (2, 6): (2,)} == chains(sink.devices)
        assert (["this"], [3, 4]) == (refused, [number for number, _ in sink.ignored])

    def test_prose_is_not_taken(self) -> None:
        """Sentences about ports are no entries."""
        prose = ["the one at Port 2: Dev 40, which is new,", "Port", "hello", "Bus 002 Device 006: ID 18d1:9302 Google"]
        assert prose == read("\n".join(prose))[1]

    def test_prose_that_breaks_off_like_an_entry_is_set_aside(self) -> None:
        """Within a listing a line may be the start of an entry; if it is not, it is ignored visibly."""
        sink, refused = read(f"{ROOT}\nit is the left Port\nhello")
        assert ([(2, "an entry that breaks off")], ["hello"]) == (sink.ignored, refused)


class TestOrphans:
    """Entries whose root line was not pasted."""

    def test_places_without_a_root_line(self) -> None:
        """The bus is unknown; the places follow from the indentation."""
        lines = OLD.splitlines()[1:5]
        expected = {(None, 2): (2,), (None, 6): (2, 1), (None, 3): (2, 4), (None, 4): (2, 4, 2)}
        assert expected == chains(devices("\n".join(lines)))

    def test_a_missing_ancestor_hides_the_place(self) -> None:
        """Without the hub's line, the ports above are unknown until the indentation is back at a known hub."""
        text = "            |__ Port 2: Dev 4, 5000M\n    |__ Port 3: Dev 5, 5000M"
        assert {(None, 4): None, (None, 5): (3,)} == chains(devices(text))

    @pytest.mark.parametrize("indent", ["", "  ", "     "])
    def test_odd_indentation_hides_the_place(self, indent: str) -> None:
        """Without a root line only whole levels of indentation are believed."""
        assert {(None, 4): None} == chains(devices(f"{indent}|__ Port 2: Dev 4, 5000M"))

    def test_they_cover_nothing(self) -> None:
        """Half a listing does not tell what else there is."""
        assert set() == read("    |__ Port 2: Dev 4, 5000M")[0].covers


class TestContradictions:
    """Entries that cannot be true."""

    def test_a_port_beyond_the_hub_is_set_aside(self) -> None:
        """In a listing that is otherwise whole, the entry with the impossible port is ignored, and what is below it."""
        text = OLD.replace(
            "Port 4: Dev 3, If 0, Class=Hub, Driver=hub/4p, 5000M",
            "Port 9: Dev 3, If 0, Class=Hub, Driver=hub/4p, 5000M",
        )
        sink, _ = read(text)
        assert [(4, "port 9 on a hub with 4 ports"), (5, "below an entry that was set aside")] == sink.ignored
        assert {key: chain for key, chain in CHAINS.items() if key not in {(2, 3), (2, 4)}} == chains(sink.devices)
        assert all(device.chain_certain for device in sink.devices)

    def test_an_entry_that_fits_nowhere_is_set_aside(self) -> None:
        """Without indentation, an entry that no hub can hold is ignored, and nothing after it is certain."""
        sink, _ = read(
            f"{ROOT}\n|__ Port 3: Dev 2, 5000M\n|__ Port 9: Dev 3, 5000M"
            "\n|__ Port 1: Dev 4, 5000M\n|__ Port 4: Dev 5, 5000M"
        )
        expected = [(3, "port 9 on a hub with 7 ports"), (4, "port 1 does not fit below any hub above it")]
        assert expected == sink.ignored
        assert [(), (3,), (4,)] == [device.port_chain for device in sink.devices]
        assert [True, False, False] == [device.chain_certain for device in sink.devices]

    def test_a_used_device_number_is_set_aside(self) -> None:
        """The first device with a number is kept, another one at another port is not."""
        sink, _ = read(
            f"{ROOT}\n    |__ Port 1: Dev 2, 5000M\n    |__ Port 2: Dev 2, 5000M\n        ID 18d1:9302 Google Inc."
        )
        assert [(3, "device number 2 is taken by an entry above")] == sink.ignored
        assert [None, None] == [device.vendor_id for device in sink.devices]

    def test_children_of_a_used_number_keep_their_place(self) -> None:
        """What is below an entry that was set aside does not slip to another hub."""
        hub = "    |__ Port {}: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M"
        sink, _ = read(f"{ROOT}\n{hub.format(1)}\n{hub.format(2)}\n        |__ Port 1: Dev 3, 5000M")
        assert [(3, "device number 2 is taken by an entry above")] == sink.ignored
        assert {(2, 1): (), (2, 2): (1,), (2, 3): (2, 1)} == chains(sink.devices)

    def test_the_number_of_the_root_hub_is_used(self) -> None:
        """No device has the number of the root hub."""
        assert [(2, "device number 1 is taken by an entry above")] == read(f"{ROOT}\n    |__ Port 1: Dev 1, 5000M")[
            0
        ].ignored

    def test_a_repeated_interface_is_set_aside(self) -> None:
        """The same interface twice is ignored."""
        line = "    |__ Port 3: Dev 4, If 0, Class=Video, Driver=uvcvideo, 5000M"
        assert [(3, "device 4 is printed twice")] == read(f"{ROOT}\n{line}\n{line}")[0].ignored

    def test_there_is_no_port_zero(self) -> None:
        """Ports count from 1."""
        assert [(2, "ports count from 1")] == read(f"{ROOT}\n    |__ Port 0: Dev 4, 5000M")[0].ignored

    def test_endless_nesting_is_set_aside(self) -> None:
        """Crafted depth neither recurses nor is believed."""
        hubs = [
            f"{'    ' * level}|__ Port 1: Dev {level + 1}, If 0, Class=Hub, Driver=hub/4p, 5000M"
            for level in range(1, 40)
        ]
        sink, _ = read("\n".join([ROOT, *hubs]))
        assert 17 == len(sink.devices)
        assert 23 == len(sink.ignored)
        assert (1,) * 16 == sink.devices[-1].port_chain

    def test_a_later_listing_supersedes(self) -> None:
        """A second listing of a bus is handed over after the first, whose root line is set aside."""
        entry = "    |__ Port {}: Dev 5, 5000M"
        sink, _ = read("\n".join([ROOT, entry.format(1), "", ROOT, entry.format(2)]))
        assert [(1, "superseded by a later listing of the same bus")] == sink.ignored
        assert [(), (1,), (), (2,)] == [device.port_chain for device in sink.devices]

    def test_a_later_block_supersedes(self) -> None:
        """The buses handed over are remembered over the end of a block."""
        sink = Recorder()
        parser = LsusbTree(sink)
        for number in (1, 2):
            parser.feed(Line("paste.txt", number, ROOT))
            parser.close()
        assert [(1, "superseded by a later listing of the same bus")] == sink.ignored


class TestStarts:
    """What begins a block."""

    @pytest.mark.parametrize(
        "text",
        [
            ROOT,
            f"  {ROOT}",
            f"$ lsusb -t {ROOT}",
            "/:",
            "/:  Bus",
            "/:  Bus 02.Port 1: Dev 1,",
            "    |__ Port 2: Dev 4, 5000M",
        ],
    )
    def test_root_lines_and_entries(self, text: str) -> None:
        """Root lines begin a block, also cut ones, and so do entries without one."""
        assert LsusbTree(Recorder()).starts(text)

    @pytest.mark.parametrize(
        "text", ["", "Port", "/: x", "Bus 002 Device 006: ID 18d1:9302", "at Port 2: Dev 40, which", "|__"]
    )
    def test_other_lines(self, text: str) -> None:
        """Prose, other listings and bare bars begin none."""
        assert not LsusbTree(Recorder()).starts(text)

    def test_entries_continue_an_open_listing(self) -> None:
        """Within a listing only the next root line begins anew."""
        parser = LsusbTree(Recorder())
        parser.feed(Line("paste.txt", 1, ROOT))
        assert (False, True) == (parser.starts("    |__ Port 2: Dev 4, 5000M"), parser.starts(ROOT))


def _wrapped(text: str, data: st.DataObject) -> str:
    """Break entries at one or two of their blanks."""
    lines = []
    for line in text.splitlines():
        blanks = [match.start() for match in re.finditer(r"(?<=\S) ", line)]
        breaks = data.draw(st.lists(st.sampled_from(blanks), max_size=2, unique=True))
        lines.append("".join("\n" if offset in breaks else character for offset, character in enumerate(line)))
    return "\n".join(lines)


def _commented(text: str, data: st.DataObject) -> str:
    comments = st.sampled_from(["", "  # WORKS", " <-- this", "  (the TPU, in use)", " DOESN'T WORK"])
    return "\n".join(line + data.draw(comments) for line in text.splitlines())


def _each_line(change: Callable[[str], str]) -> Callable[[str, st.DataObject], str]:
    return lambda text, _: "\n".join(map(change, text.splitlines()))


def _doubled(line: str) -> str:
    return " " * (len(line) - len(line.lstrip())) + line


def _tabbed(line: str) -> str:
    return re.sub(r"^(?: {8})+", lambda blanks: "\t" * (len(blanks[0]) // 8), line)


def _partly_stripped(text: str, data: st.DataObject) -> str:
    """Take the indentation from some lines."""
    return "\n".join(line.lstrip() if data.draw(st.booleans()) else line for line in text.splitlines())


HARMLESS: dict[str, Callable[[str, st.DataObject], str]] = {
    "wrapped": _wrapped,
    "commented": _commented,
    "shifted": _each_line(lambda line: f"   {line}"),
    "tabs": _each_line(_tabbed),
    "double spaced": lambda text, _: text.replace("\n", "\n\n"),
    "glued": lambda text, _: text.strip().replace("\n", ""),
    "glued with blanks": lambda text, _: text.strip().replace("\n", " "),
}
HARMFUL: dict[str, Callable[[str, st.DataObject], str]] = {
    "doubled": _each_line(_doubled),
    "halved": lambda text, _: text.replace("    ", "  "),
    "stripped": _each_line(str.strip),
    "collapsed": _each_line(lambda line: re.sub(r" +", " ", line)),
    "without bars": lambda text, _: text.replace("|__ ", ""),
    "cut": _each_line(lambda line: line[:60]),
    "first line shifted": lambda text, _: f"    {text}",
    "first line stripped": lambda text, _: "\n".join(f"    {line}" for line in text.splitlines()).lstrip(),
    "partly stripped": _partly_stripped,
    "blanks gone": _each_line(lambda line: re.sub(r"^ {4}", "", line)),
}


class TestRoundTrip:
    """Random trees, printed and read again."""

    @settings(deadline=None)
    @given(usb_devices(unconfigured=True), st.integers(0, 3))
    def test_new_dialect(self, tree: list[UsbDevice], verbose: int) -> None:
        """Everything that new usbutils print is read."""
        self._same(tree, render(tree, padded=True, verbose=verbose), verbose)

    @settings(deadline=None)
    @given(usb_devices(), st.integers(0, 3))
    def test_old_dialect(self, tree: list[UsbDevice], verbose: int) -> None:
        """Everything that old usbutils print is read."""
        self._same(tree, render(tree, padded=False, verbose=verbose), verbose)

    @settings(max_examples=40, deadline=None)
    @pytest.mark.parametrize("kind", HARMLESS)
    @given(tree=usb_devices(), padded=st.booleans(), data=st.data())
    def test_harmless_changes(self, kind: str, tree: list[UsbDevice], padded: bool, data: st.DataObject) -> None:
        """What leaves the indentation alone changes nothing."""
        text = HARMLESS[kind](render(tree, padded=padded), data)
        assert _sorted_facts(tree) == _sorted_facts(read(text)[0].devices)

    @settings(max_examples=40, deadline=None)
    @pytest.mark.parametrize("kind", HARMFUL)
    @given(tree=usb_devices(), padded=st.booleans(), data=st.data())
    def test_harmful_changes(self, kind: str, tree: list[UsbDevice], padded: bool, data: st.DataObject) -> None:
        """What harms the indentation may leave doubts, but never a wrong place that is said to be certain."""
        found = read(HARMFUL[kind](render(tree, padded=padded), data))[0].devices
        places = chains(tree)
        assert places.keys() == chains(found).keys()
        certain = [device for device in found if device.chain_certain]
        assert [places[device.busnum, device.devnum] for device in certain] == [d.port_chain for d in certain]

    @settings(deadline=None)
    @given(tree=usb_devices(), lost=st.sets(st.integers(0, 40), max_size=3))
    def test_lost_lines(self, tree: list[UsbDevice], lost: set[int]) -> None:
        """Lines that were cut out take only their own devices with them."""
        lines = render(tree, padded=True).splitlines()
        kept = [line for number, line in enumerate(lines) if number not in lost or line.startswith("/")]
        found = chains(read("\n".join(kept))[0].devices)
        assert found.keys() <= chains(tree).keys()

    @staticmethod
    def _same(tree: list[UsbDevice], text: str, verbose: int) -> None:
        found = devices(text)
        assert _sorted_facts(tree) == _sorted_facts(found)
        if verbose:
            ids = [(device.vendor_id, device.product_id, device.vendor_name) for device in _sorted(tree)]
            assert ids == [(device.vendor_id, device.product_id, device.vendor_name) for device in _sorted(found)]
        if verbose > 2:
            strings = [(device.product_name, device.serial) for device in _sorted(tree)]
            assert strings == [(device.product_name, device.serial) for device in _sorted(found)]


def _sorted(found: list[UsbDevice]) -> list[UsbDevice]:
    return sorted(found, key=lambda device: (device.busnum or 0, device.port_chain or ()))


def _sorted_facts(found: list[UsbDevice]) -> list[tuple[object, ...]]:
    return [facts(device) for device in _sorted(found)]


_PIECES = st.sampled_from(
    (
        *("|__ ", "/:  ", "Bus 02.", "Port 1: ", "Port 02: ", "Dev 2, ", "Dev 003, ", "If 0, ", "Class=Hub, "),
        *("Driver=hub/4p, ", "Driver=", "5000M", "480M/x2", "\t", "    ", "ID 18d1:9302 ", "Serial=", "x", "\n", "M"),
        "/sys/bus/usb/devices/2-1.4  ",
    )
)


class TestAnyInput:
    """Input that is no listing."""

    @settings(deadline=None)
    @given(st.lists(st.text() | st.lists(_PIECES).map("".join)))
    def test_never_raises(self, lines: list[str]) -> None:
        """Any lines in any order are read without an error, and every entry gets its place or a reason."""
        sink = Recorder()
        parser = LsusbTree(sink)
        for number, text in enumerate(lines):
            parser.starts(text)
            parser.feed(Line("paste.txt", number, text))
        parser.close()
        assert all(why for _, why in sink.ignored)

    @settings(deadline=None)
    @given(st.lists(_PIECES, max_size=30).map("".join))
    def test_closing_twice_is_harmless(self, text: str) -> None:
        """Nothing is handed over twice."""
        sink = Recorder()
        parser = LsusbTree(sink)
        parser.feed(Line("paste.txt", 1, text))
        parser.close()
        count = len(sink.devices)
        parser.close()
        assert count == len(sink.devices)

    @pytest.mark.parametrize(
        "piece", [" ", "|", "Port ", "Port 1: Dev 2, ", ",", "Port 1: Dev 2, Class=", "ID ", "Bus "]
    )
    def test_a_long_line(self, piece: str) -> None:
        """A line of half a megabyte is read like any other."""
        sink, _ = read(f"{ROOT}\n{piece * (500_000 // len(piece))}\n    |__ Port 7: Dev 9, 5000M")
        assert 9 in [device.devnum for device in sink.devices]

    def test_ten_thousand_entries(self) -> None:
        """The size of a listing is not limited."""
        entries = [f"    |__ Port {n}: Dev {n}, If 0, Class=Video, Driver=, 5000M" for n in range(2, 9_999)]
        found = devices("\n".join([ROOT.replace("/7p", "/9999p"), *entries]))
        assert (9_998, (9_998,), True) == (len(found), found[-1].port_chain, found[-1].chain_certain)

    def test_too_many_trees_leave_doubts(self) -> None:
        """Where more trees fit than are looked at, nothing is certain."""
        hubs = [f"|__ Port {n}: Dev {n + 1}, If 0, Class=Hub, Driver=hub/99p, 5000M" for n in range(1, 60)]
        found = devices("\n".join([ROOT.replace("/7p", "/99p"), *hubs]))
        assert [False] * 59 == [device.chain_certain for device in found[1:]]


class TestPlace:
    """The search alone."""

    def test_nothing_to_place(self) -> None:
        """A bus without devices has no places."""
        assert [] == place([], Item(0, 1, hub=True, ports=4, speed_mbps=480))

    def test_nothing_is_faster_than_its_hub(self) -> None:
        """Without indentation, a high speed device cannot be below a full speed hub, so its place is certain."""
        root = Item(0, 1, hub=True, ports=4, speed_mbps=480)
        hub = Item(0, 1, hub=True, ports=4, speed_mbps=12)
        spots = place([hub, Item(0, 2, hub=False, ports=None, speed_mbps=480)], root)
        assert [((1,), True), ((2,), True)] == [(spot.chain, spot.certain) for spot in spots]
