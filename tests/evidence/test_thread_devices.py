"""Each stick of a thread is counted once, at its last place."""

from __future__ import annotations

import pytest

from etpu_doctor.evidence.thread_devices import log_sticks
from tests.support.tickets import evidence_of, sticks_of

FRESH = "Bus 004 Device 002: ID 1a6e:089a Global Unichip Corp.\n"
READY = "Bus 004 Device 003: ID 18d1:9302 Google Inc.\n"
LOG = """\
[ 1.1] usb 4-1: new SuperSpeed USB device number 2 using xhci_hcd
[ 1.2] usb 4-1: New USB device found, idVendor=1a6e, idProduct=089a, bcdDevice= 1.00
"""


def test_both_identities_in_one_thread_are_one_stick() -> None:
    """First the boot loader, later the firmware, on one bus: one stick, ready."""
    assert [(4, None, "ready", None)] == sticks_of(f"{FRESH}\nand later\n\n{READY}")


def test_both_identities_in_one_listing_are_two_sticks() -> None:
    """In one run of lines each line is a device of its own."""
    assert [(4, None, "dfu", None), (4, None, "ready", None)] == sticks_of(FRESH + READY)


def test_the_log_tells_the_port_of_a_listed_stick() -> None:
    """The number of the device joins listing and log."""
    assert [(4, "1", "dfu", 5000)] == sticks_of(f"{LOG}\n{FRESH}")


def test_a_stick_of_the_log_alone_is_shown() -> None:
    """Without any listing the log places the stick, also when it left the bus."""
    assert [(4, "1", "dfu", 5000)] == sticks_of(LOG)
    assert [(4, "1", "dfu", 5000)] == sticks_of(LOG + "[ 9.9] usb 4-1: USB disconnect, device number 2\n")


def test_a_stick_that_moved_is_where_it_is_now() -> None:
    """Of two places in the log, the one that was left does not count."""
    moved = LOG + (
        "[ 9.9] usb 4-1: USB disconnect, device number 2\n"
        "[11.1] usb 4-3: new SuperSpeed USB device number 3 using xhci_hcd\n"
        "[11.2] usb 4-3: New USB device found, idVendor=18d1, idProduct=9302, bcdDevice= 1.00\n"
    )
    assert [(4, "3", "ready", 5000)] == sticks_of(moved)


def test_high_speed_in_the_log_is_480() -> None:
    """The kernel's word for 480 Mb/s."""
    text = LOG.replace("SuperSpeed", "high-speed").replace("4-1", "1-6")
    assert [(1, "6", "dfu", 480)] == sticks_of(text)


@pytest.mark.parametrize(
    "words",
    [
        "Coral found at Bus 003 Device 002 (1a6e:089a)\n",
        "the stick is 1a6e:089a and the node /dev/bus/usb/003/002\n",
        "it is 1a6e:089a.\n\nls -l: crw-rw-r-- 1 root root 189, 257 /dev/bus/usb/003/002\n",
    ],
)
def test_words_place_a_stick_that_no_listing_shows(words: str) -> None:
    """An identity with a bus and a number is a stick."""
    assert [(3, None, "dfu", None)] == sticks_of(words)


def test_a_port_that_words_name_is_taken_for_the_only_stick_of_the_bus() -> None:
    """``2-5`` beside a stick on bus 2 is its port."""
    assert [(2, "5", "ready", None)] == sticks_of(
        "Bus 002 Device 009: ID 18d1:9302 Google Inc.\n- power/control of 2-5 on the host: auto\n"
    )


def test_dates_are_no_ports() -> None:
    """2026-03-04 names no port 3 of bus 2026, nor 03-04 one of bus 3."""
    assert [(3, None, "ready", None)] == sticks_of(
        "Bus 003 Device 009: ID 18d1:9302 Google\n2026-03-04 on 03-04-2026\n"
    )


def test_a_device_of_the_tree_gets_the_identity_that_words_give_it() -> None:
    """``Dev 9 is 18d1:9302`` names the leaf of the tree."""
    tree = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 5000M
    |__ Port 3: Dev 9, If 0, Class=Vendor Specific Class, Driver=, 5000M
    |__ Port 4: Dev 5, If 0, Class=Vendor Specific Class, Driver=r8152, 5000M
"""
    assert [(2, "3", "ready", 5000)] == sticks_of(tree + "\nDev 9 is 18d1:9302\n")


def test_a_slow_leaf_beside_a_fast_one_is_no_stick() -> None:
    """A fingerprint reader at 12 Mb/s has the class of a stick, but not its speed."""
    tree = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 5000M
    |__ Port 3: Dev 9, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 480M
    |__ Port 9: Dev 4, If 0, Class=Vendor Specific Class, Driver=, 12M
"""
    assert (2, "3", "ready", 5000) in sticks_of(tree)
    assert [] == [stick for stick in sticks_of(tree) if stick[2] == "ready" and stick[3] == 12]


def test_places_of_the_log_follow_each_other() -> None:
    """A place keeps the identity of an Edge TPU that it had, and forgets it when something else comes."""
    log = evidence_of(
        LOG + "[ 5.1] usb 4-1: USB disconnect, device number 2\n"
        "[ 6.1] usb 4-1: new SuperSpeed USB device number 3 using xhci_hcd\n"
        "[ 6.2] usb 4-1: New USB device found, idVendor=0bc2, idProduct=2344, bcdDevice= 1.00\n"
    ).kernel_log
    assert log is not None
    (place,) = log_sticks(log.messages)
    assert ((0x0BC2, 0x2344), 3, False) == (place.identity, place.number, place.gone)


@pytest.mark.parametrize(("root", "expected"), [("1d6b:0001", 12), ("1d6b:0002", 480), ("1d6b:0003", 5000)])
def test_the_bus_tells_the_speed(root: str, expected: float) -> None:
    """A bus of USB 2 carries nothing faster, one of USB 3 nothing slower."""
    listing = f"Bus 003 Device 001: ID {root} Linux Foundation root hub\nBus 003 Device 002: ID 18d1:9302 Google\n"
    assert [(3, None, "ready", expected)] == sticks_of(listing)


@pytest.mark.parametrize(
    "words", ["`03-sysfs.sh`: 3-1, speed 5000\n", "Bus 003 Device 002, 5000M in the tree\n", "it runs at 5000M\n"]
)
def test_words_tell_the_speed_of_the_only_stick(words: str) -> None:
    """Beside the place, or where there is only one stick."""
    (stick,) = sticks_of(f"found at Bus 003 Device 002 (1a6e:089a)\n\n{words}")
    assert 5000 == stick[3]


def test_the_speed_of_a_hub_is_not_that_of_a_stick() -> None:
    """A sentence about a hub says nothing of the stick."""
    (stick,) = sticks_of("Bus 003 Device 002: ID 1a6e:089a Global\n\nthe hub runs at 480M\n")
    assert stick[3] is None


def test_ports_that_words_name_with_an_identity_are_sticks() -> None:
    """Paths below /sys name the place, and the hubs on the way are there because the place is."""
    words = "bad: /sys/bus/usb/devices/2-1.4.2, good: /sys/bus/usb/devices/2-1.1. Both 18d1:9302.\n"
    assert [(2, "1.1", "ready", None), (2, "1.4.2", "ready", None)] == sticks_of(words)
    assert {(1,), (1, 4)} == {device.port_chain for device in evidence_of(words).usb if device.device_class == 9}


def test_names_of_both_identities_are_both_identities() -> None:
    """usb.ids calls the stick after its maker first, and after Google once it has its firmware."""
    thread = evidence_of("It turns from Global Unichip into Google Inc.\n").thread
    assert thread is not None
    assert ("18d1:9302", "1a6e:089a") == thread.identities


def test_the_one_device_of_the_log_is_the_one_stick_that_words_name() -> None:
    """Resets of a port, and an identity in a sentence."""
    resets = "".join(f"[{n}.1] usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd\n" for n in range(10, 20))
    assert [(2, "1", "ready", 5000)] == sticks_of(f"{resets}\nit is an 18d1:9302\n")


TREE_WITHOUT_INDENTATION = """\
/:  Bus 04.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M
|__ Port 2: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M
|__ Port 4: Dev 3, If 0, Class=Hub, Driver=hub/4p, 5000M
|__ Port 3: Dev 9, If 0, Class=Vendor Specific Class, Driver=, 5000M
"""


def test_words_put_a_stick_of_a_flattened_tree_in_its_place() -> None:
    """Where a forum ate the indentation, the path that somebody names decides, and the hub goes with it."""
    text = f"{TREE_WITHOUT_INDENTATION}\nthe path is 4-2.4.3\n"
    assert [(4, "2.4.3", "ready", 5000)] == sticks_of(text)
    assert (2, 4) in {device.port_chain for device in evidence_of(text).usb}


def test_the_library_names_the_port() -> None:
    """At its highest verbosity libedgetpu prints what it looks for, then where it found it."""
    log = (
        "I driver/usb/local_usb_device.cc:944] EnumerateDevices: vendor:0x1a6e, product:0x89a\n"
        "I driver/usb/local_usb_device.cc:979] EnumerateDevices: checking bus[2] port[3]\n"
        "I driver/usb/local_usb_device.cc:944] EnumerateDevices: vendor:0x18d1, product:0x9302\n"
        "I driver/usb/local_usb_device.cc:998] EnumerateDevices: found [/sys/bus/usb/devices/2-3.1]\n"
    )
    assert [(2, "3.1", "ready", None)] == sticks_of(log)


def test_files_of_sysfs_place_a_stick() -> None:
    """Values below ``cat`` are joined by the path."""
    text = "$ cd /sys/bus/usb/devices/4-1; cat idVendor idProduct speed\n18d1\n9302\n5000\n"
    assert [(4, "1", "ready", 5000)] == sticks_of(text)


def test_a_loop_over_sysfs_places_a_stick() -> None:
    """A path, an identity and a speed in one line, as small systems without lsusb give them."""
    text = "/sys/bus/usb/devices/2-1.1 05e3:0626 5000\n/sys/bus/usb/devices/2-1.1.4 18d1:9302 5000\n"
    assert [(2, "1.1.4", "ready", 5000)] == sticks_of(text)


def test_sticks_that_were_there_together_are_two() -> None:
    """Two that both left the bus are two, one that was moved is one."""
    log = "".join(
        f"[ {port}.1] usb 2-{port}: new SuperSpeed USB device number {port + 4} using xhci_hcd\n"
        f"[ {port}.2] usb 2-{port}: New USB device found, idVendor=18d1, idProduct=9302, bcdDevice= 1.00\n"
        for port in (1, 2)
    )
    log += "[ 8.1] usb 2-2: USB disconnect, device number 6\n[ 9.1] usb 2-1: USB disconnect, device number 5\n"
    assert [(2, "1", "ready", 5000), (2, "2", "ready", 5000)] == sticks_of(log)


def test_the_one_reset_device_of_a_thread_about_a_stick_is_the_stick() -> None:
    """Without an identity it is only taken for one where the thread speaks of an Edge TPU, and of one device."""
    resets = "".join(f"[{n}.1] usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd\n" for n in range(10, 14))
    assert [(2, "1", "ready", 5000)] == sticks_of(f"my Coral restarts\n\n{resets}")
    assert [] == sticks_of(resets)
    assert [] == sticks_of(f"my Coral restarts\n\n{resets}{resets.replace('2-1', '2-4')}")


def test_others_of_the_bus_tell_that_it_is_fast() -> None:
    """A bus that carries something at 5 Gb/s is one of USB 3, and carries nothing slower."""
    text = (
        "[ 1.1] usb 2-4: new SuperSpeed USB device number 6 using xhci_hcd\n"
        "[ 1.2] usb 2-4: New USB device found, idVendor=2109, idProduct=0813, bcdDevice=90.11\n\n"
        "Bus 002 Device 006: ID 2109:0813 VIA Labs, Inc. Hub\nBus 002 Device 003: ID 18d1:9302 Google Inc.\n"
    )
    assert [] == [stick for stick in sticks_of(text) if stick[3] not in (None, 5000)]
