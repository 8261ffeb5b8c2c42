"""Everything that a thread shows has a name: listings, values, and what follows from them."""

from __future__ import annotations

import pytest

from tests.support.tickets import signs_of

CARD = "02:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]\n"
STICK_4 = "Bus 002 Device 004: ID 18d1:9302 Google Inc.\n"
NODE = "crw-rw---- 1 root apex 120, 0 Jan  6 18:22 /dev/apex_0\n"
RESETS = [f"[ {second}.1] usb 2-1: reset SuperSpeed USB device number 2 using xhci_hcd\n" for second in range(4)]
RARE = [line.replace(".1]", "000.1]") for line in (*RESETS, *(each.replace("[ ", "[ 9") for each in RESETS))]
MAPS = "docker run --device='/dev/apex_0' frigate\n"
LOADS = "Attempting to load TPU as pci:1\n"
FIRMWARE = "[ 9.1] usb 2-1: device firmware changed\n"
GONE = "[ 9.2] usb 2-1: USB disconnect, device number 2\n"
BACK = "[ 9.5] usb 2-1: new SuperSpeed USB device number 3 using xhci_hcd\n"


def test_filters_for_both_identities_are_no_fault() -> None:
    """Of VirtualBox's filters one for each identity lets the stick through."""
    text = "VendorId:                    1a6e\nVendorId:                    18d1\n"
    assert "vm-usb-by-one-id" not in signs_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CARD, {"pci-tpu", "tpu", "one-pci-tpu", "pci-listing"}),
        (CARD + "\tKernel driver in use: apex\n", {"apex-bound"}),
        (CARD + "\tKernel driver in use: vfio-pci\n", {"vfio-bound"}),
        ("Bus 002 Device 002: ID 1a6e:089a Global Unichip Corp.\n", {"usb-tpu", "dfu", "usb-listing"}),
        ("Bus 002 Device 002: ID 046d:c52b Logitech\n", {"nothing-listed"}),
        ("1a6e:089a first, 18d1:9302 later\n", {"both-identities"}),
        ("throttled=0x50005\n", {"pi-undervoltage-bit"}),
        ("Python 3.12.3\n", {"python-too-new"}),
        ("load_delegate('x', {'device': '/dev/apex_0'})\n", {"bad-device-string"}),
        ("Attempting to load TPU as pci:0\n", {"wants-pci"}),
        ("Attempting to load TPU as usb\n", {"wants-usb"}),
        ("8.9 ms\n", {"fast", "well"}),
        ("45 ms\n", {"slow-inference"}),
        ("apex 0000:03:00.0: enabling device (0000 -> 0002)\n", {"pci-tpu"}),
        ("usb0: host=1a6e:089a\nusb1: host=18d1:9302\n", {"vm-usb-both-ids", "in-vm"}),
        ("No EdgeTPU was detected.\n", {"attempt-failed", "complaint"}),
        ("Segmentation fault\n", {"crashed"}),
        ("    devices:\n", {"in-container"}),
        ("[ 1.1] apex 0000:03:00.0: Process 44 is opening a node held by 22.\n", {"k:apex-held"}),
        ("[ 1.1] usb 2-1: USB disconnect, device number 3\n", {"kernel-drop"}),
        ("".join(RESETS), {"many-resets"}),
        (f"dev0: /dev/bus/usb/002/003\n{STICK_4}", {"mapped-node-moved"}),
        (f"{FIRMWARE}{GONE}", {"firmware-changed", "gone-after-firmware"}),
        ("Bus 002 Device 002: ID 18d1:9302 Google Inc.\n", {"usb-only"}),
        (f"gasket/1.0, 6.8.12-4-pve, x86_64: installed\n$ uname -r\n6.8.12-8-pve\n{CARD}", {"driver-of-other-kernel"}),
        (f"{NODE}otto adm cdrom sudo plugdev\n", {"user-not-in-group"}),
        ("detectors:\n  coral:\n    type: edgetpu\n    device: usb\n" + NODE, {"wrong-bus"}),
        (f"{NODE}{NODE.replace('apex_0', 'apex_1').replace('120, 0', '120, 1')}{MAPS}{LOADS}", {"mapped-too-few"}),
        (f"{NODE}{LOADS}", {"bad-device-string"}),
        ("".join(RARE), {"repeated-resets"}),
        ("\u63a8\u7406 7\u6beb\u79d2\n", {"fast"}),
        ("\u0437\u0430 45 \u043c\u0441.\n", {"slow-inference"}),
        ('    "inference_speed": 8.71,\n', {"fast"}),
        ("VendorId:                    1a6e\nProductId:                   089a\n", {"vm-usb-by-one-id"}),
        ('It repeats "device descriptor read/8, error -71" here.\n', {"k:usb-descriptor-unreadable"}),
    ],
)
def test_signs_follow_from_the_text(text: str, expected: set[str]) -> None:
    """Each of these lines gives its signs."""
    assert expected <= signs_of(text).keys()


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("throttled=0x80000\n", "pi-undervoltage-bit"),
        ("Python 3.11.2\n", "python-too-new"),
        ("load_delegate('x', {'device': 'usb:0'})\n", "bad-device-string"),
        ("load_delegate('x', {'device': ''})\n", "bad-device-string"),
        ("8.9 ms\nFailed to load delegate from libedgetpu.so.1\n", "well"),
        ("18d1:9302\n", "both-identities"),
        ("[ 1.0] usb 2-1: device firmware changed\n[ 1.1] usb 2-1: USB disconnect, device number 3\n", "kernel-drop"),
    ],
)
def test_signs_that_do_not_follow(text: str, absent: str) -> None:
    """What does not hold gives no sign."""
    assert absent not in signs_of(text)


def test_an_index_beyond_the_listed_sticks_is_a_bad_string() -> None:
    """``usb:1`` needs two."""
    listing = "Bus 002 Device 002: ID 18d1:9302 Google Inc.\n"
    asked = "load_delegate('x', {'device': 'usb:1'})\n"
    assert "bad-device-string" in signs_of(listing + asked)
    assert "bad-device-string" not in signs_of(asked)
    assert "bad-device-string" not in signs_of(listing + listing.replace("Device 002", "Device 003") + asked)


def test_trouble_of_another_device_is_not_counted() -> None:
    """An error on the port of a webcam gives no sign."""
    text = (
        "[ 3.9] usb 1-5: New USB device found, idVendor=046d, idProduct=0825, bcdDevice= 0.12\n"
        "Bus 001 Device 004: ID 046d:0825 Logitech, Inc. Webcam\n"
        "/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 480M\n"
        "    |__ Port 5: Dev 4, If 0, Class=Video, Driver=uvcvideo, 480M\n"
        "[ 4.9] usb 1-5: USB disconnect, device number 4\n"
    )
    assert "kernel-drop" not in signs_of(text)


def test_signs_of_listings_name_their_lines() -> None:
    """A sign of a device says where the device was listed."""
    assert "ticket.txt:1" == signs_of(CARD)["pci-tpu"][0].where


def test_a_configuration_gives_the_detectors() -> None:
    """Frigate's detectors say what they ask for."""
    text = "detectors:\n  coral:\n    type: edgetpu\n    device: pci\nmodel:\n  path: /config/yolo.tflite\n"
    assert {"detector-edgetpu", "detector-pci", "plain-model"} <= signs_of(text).keys()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("".join(RESETS[:3]), "many-resets"),
        ("".join(RARE), "many-resets"),
        (f"dev0: /dev/bus/usb/002/004\n{STICK_4}", "mapped-node-moved"),
        (f"dev0: /dev/bus/usb/001/003\n{STICK_4}", "mapped-node-moved"),
        (f"{FIRMWARE}{GONE}{BACK}", "gone-after-firmware"),
        (GONE, "gone-after-firmware"),
        (f"Bus 002 Device 002: ID 18d1:9302 Google Inc.\n{CARD}", "usb-only"),
        ("gasket/1.0, 6.8.12-8-pve, x86_64: installed\n$ uname -r\n6.8.12-8-pve\n", "driver-of-other-kernel"),
        ("gasket/1.0, 6.8.12-8-pve, x86_64: installed\n", "driver-of-other-kernel"),
        (f"{NODE}otto adm cdrom sudo apex\n", "user-not-in-group"),
        ("otto adm cdrom sudo plugdev\n", "user-not-in-group"),
    ],
)
def test_what_does_not_follow(text: str, name: str) -> None:
    """Few or rare resets, a stick that came back, a card beside it, and fitting kernels and groups are no sign."""
    assert name not in signs_of(text)


ROOT_HUB = "crw-rw-r-- 1 root root 189, 384 Feb  3 17:20 001\n"
STICK_NODE = "crw-rw-r-- 1 root root 189, 391 Feb  3 17:41 008\n"


def test_nodes_of_root_hubs_say_nothing_of_the_stick() -> None:
    """The minor of a node tells bus and device: ``ls`` of a bus prints the root hub as well."""
    assert "node-of-root-group" not in signs_of(ROOT_HUB)
    assert "node-of-root-group" in signs_of(STICK_NODE)


def test_errors_of_another_card_are_not_those_of_the_edge_tpu() -> None:
    """A line of the log that names a disk is about the disk."""
    listing = (
        "01:00.0 Non-Volatile memory controller [0108]: Samsung [144d:a808]\n"
        "03:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]\n"
    )
    error = "[ 1.1] nvme 0000:01:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)\n"
    assert "k:pcie-bus-error" not in signs_of(listing + error)
    assert "k:pcie-bus-error" in signs_of(listing + error.replace("nvme 0000:01", "apex 0000:03"))


def test_what_the_library_did_not_find_is_no_failure_where_it_goes_on() -> None:
    """With results below, "no device of type Apex (PCIe)" is chatter."""
    chatter = "I tflite/edgetpu_manager_direct.cc:471] No device of type Apex (PCIe) is available.\n"
    assert "attempt-failed" in signs_of(chatter)
    assert "attempt-failed" not in signs_of(f"{chatter}-------RESULTS--------\n")
