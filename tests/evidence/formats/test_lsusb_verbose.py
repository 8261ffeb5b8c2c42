"""``lsusb -v``: whole blocks, blocks without indentation, blocks cut down with grep."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.lsusb_list import Lsusb
from etpu_doctor.evidence.formats.lsusb_verbose import VerboseBlock
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface
from tests.support.recorder import Recorder, fed

HEADER = "Bus 002 Device 002: ID 1a6e:089a Global Unichip Corp. "
BOOT_LOADER = f"""\
{HEADER}
Device Descriptor:
  bLength                18
  bDescriptorType         1
  bcdUSB               3.10
  bDeviceClass            0 
  bDeviceSubClass         0 
  bDeviceProtocol         0 
  bMaxPacketSize0         9
  idVendor           0x1a6e Global Unichip Corp.
  idProduct          0x089a 
  bcdDevice            1.00
  iManufacturer           0 
  iProduct                0 
  iSerial                 0 
  bNumConfigurations      1
  Configuration Descriptor:
    bLength                 9
    bDescriptorType         2
    wTotalLength       0x001b
    bNumInterfaces          1
    bConfigurationValue     1
    iConfiguration          0 
    bmAttributes         0x80
      (Bus Powered)
    MaxPower              896mA
    Interface Descriptor:
      bLength                 9
      bDescriptorType         4
      bInterfaceNumber        0
      bAlternateSetting       0
      bNumEndpoints           0
      bInterfaceClass       254 Application Specific Interface
      bInterfaceSubClass      1 Device Firmware Update
      bInterfaceProtocol      2 
      iInterface              0 
      Device Firmware Upgrade Interface Descriptor:
        bLength                             9
        bDescriptorType                    33
        bmAttributes                       15
          Will Detach
          Manifestation Tolerant
        wDetachTimeout                   1000 milliseconds
        bcdDFUVersion                   1.01
Binary Object Store Descriptor:
  bLength                 5
  bDescriptorType        15
  wTotalLength       0x0016
  bNumDeviceCaps          2
  USB 2.0 Extension Device Capability:
    bLength                 7
    bDescriptorType        16
    bDevCapabilityType      2
    bmAttributes   0x00000006
      BESL Link Power Management (LPM) Supported
  SuperSpeed USB Device Capability:
    bLength                10
    bDescriptorType        16
    bDevCapabilityType      3
    bmAttributes         0x00
    wSpeedsSupported   0x000e
      Device can operate at Full Speed (12Mbps)
      Device can operate at SuperSpeed (5Gbps)
    bFunctionalitySupport   1
      Lowest fully-functional device speed is Full Speed (12Mbps)
    bU1DevExitLat           0 micro seconds
Device Status:     0x0000
  (Bus Powered)
"""  # noqa: W291 - as lsusb prints it
EXPECTED = UsbDevice(
    busnum=2,
    devnum=2,
    vendor_id=0x1A6E,
    product_id=0x089A,
    vendor_name="Global Unichip Corp.",
    bcd_usb=0x0310,
    bcd_device=0x0100,
    device_class=0,
    device_protocol=0,
    max_power_ma=896,
    self_powered=False,
    interfaces=(UsbInterface(number=0, class_code=254, subclass_code=1, protocol_code=2, endpoint_count=0),),
    superspeed_capable=True,
    seen=(Seen("lsusb-v", "paste.txt", 1),),
)
HUB = """\
Bus 001 Device 002: ID 2109:2817 VIA Labs, Inc. USB2.0 Hub
Negotiated speed: High Speed (480Mbps)
Device Descriptor:
  bcdUSB               2.10
  bDeviceClass            9 Hub
  bDeviceProtocol         2 TT per port
  bcdDevice           12.74
  iManufacturer           1 VIA Labs, Inc.
  iProduct                2 USB2.0 Hub
  iSerial                 3 000000001
  bNumConfigurations      1
  Configuration Descriptor:
    bNumInterfaces          1
    bmAttributes         0xe0
      Self Powered
      Remote Wakeup
    MaxPower                0mA
    Interface Descriptor:
      bInterfaceNumber        0
      bAlternateSetting       0
      bNumEndpoints           1
      bInterfaceClass         9 Hub
      bInterfaceProtocol      1 Single TT
      Endpoint Descriptor:
        bmAttributes            3
    Interface Descriptor:
      bInterfaceNumber        0
      bAlternateSetting       1
      bNumEndpoints           1
      bInterfaceClass         9 Hub
      bInterfaceProtocol      2 TT per port
Hub Descriptor:
  bLength               9
  bDescriptorType      41
  nNbrPorts             4
  wHubCharacteristic 0x00e9
 Hub Port Status:
   Port 1: 0000.0507 highspeed power suspend enable connect
   Port 2: 0000.0100 power
Binary Object Store Descriptor:
  Container ID Device Capability:
    bReserved               0
    ContainerID             {30eef35c-07d5-2549-b001-802d79434c30}
Device Qualifier (for other device speed):
  bcdUSB               2.00
  bDeviceClass            0
can't get debug descriptor: Resource temporarily unavailable
Device Status:     0x0000
  (Bus Powered)
"""


def read(text: str) -> tuple[Recorder, list[str]]:
    """Feed a text; give the sink and the lines that were not taken."""
    sink = fed(Lsusb, text)
    return sink, sink.left


def one(text: str) -> UsbDevice:
    """The only device of a text."""
    (device,) = read(text)[0].devices
    return device


def below(*lines: str) -> UsbDevice:
    """The device that a header line and these lines describe."""
    return one("\n".join((HEADER, *lines)))


def test_block_is_read() -> None:
    """Every line of a block is understood, and its fields come out."""
    sink, refused = read(BOOT_LOADER)
    assert ([EXPECTED], []) == (sink.devices, refused)
    assert {"usb", "usb-ids", "usb-power"} == sink.covers


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(line.strip() for line in BOOT_LOADER.split("\n")),
        BOOT_LOADER.replace("\n", "\n    ").replace(HEADER, "    " + HEADER, 1),
        BOOT_LOADER.replace("\n", "\n\n"),
        BOOT_LOADER.replace(
            "Device Descriptor:", "Couldn't open device, some information will be missing\nDevice Descriptor:", 1
        ),
        "\n".join(" ".join(line.split()) for line in BOOT_LOADER.split("\n")),
        BOOT_LOADER.replace("  ", "\t"),
    ],
    ids=["no indentation", "more indentation", "blank lines", "error within", "single blanks", "tabs"],
)
def test_layout_does_not_matter(text: str) -> None:
    """A block reads the same however the paste treated its white space."""
    assert EXPECTED == one(text)


def test_hub_is_read() -> None:
    """A hub's ports, strings, speed and Container ID come out; its alternate setting and its qualifier do not."""
    sink, refused = read(HUB)
    (device,) = sink.devices
    assert [] == refused
    assert ("VIA Labs, Inc. USB2.0 Hub", "USB2.0 Hub", "000000001") == (
        device.vendor_name,
        device.product_name,
        device.serial,
    )
    assert (0x0210, 0x1274, 9, 2) == (device.bcd_usb, device.bcd_device, device.device_class, device.device_protocol)
    assert (480, 4, 0) == (device.speed_mbps, device.port_count, device.max_power_ma)
    assert "30eef35c07d52549b001802d79434c30" == device.container_id
    assert [(0, 1)] == [(each.number, each.protocol_code) for each in device.interfaces or ()]


def test_hub_says_itself_how_it_is_powered_now() -> None:
    """A hub that declares to be self-powered and answers that it is not, is not."""
    assert False is one(HUB).self_powered
    assert True is one(HUB.replace("0x0000", "0x0001")).self_powered
    assert True is one(HUB.partition("Device Status")[0]).self_powered


def test_other_devices_keep_what_they_declare() -> None:
    """Status decides for what is no hub only where no configuration was seen."""
    configuration = ("Configuration Descriptor:", "bmAttributes 0xc0")
    assert below(*configuration, "Device Status:     0x0000").self_powered is True
    assert below("Device Status:     0x0001").self_powered is True


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("SuperSpeed++ (20Gbps)", 20000),
        ("SuperSpeed+ (10Gbps)", 10000),
        ("SuperSpeed (5Gbps)", 5000),
        ("High Speed (480Mbps)", 480),
        ("Full Speed (12Mbps)", 12),
        ("Low Speed (1Mbps)", 1.5),
        ("Low Speed (1.5Mbps)", 1.5),
        ("Unknown", None),
        ("", None),
    ],
)
def test_negotiated_speed_is_read(printed: str, expected: float | None) -> None:
    """The speed is the one in parentheses; without it there is none."""
    assert expected == below(f"Negotiated speed: {printed}").speed_mbps


def test_speed_is_not_guessed() -> None:
    """What a device could do says nothing of the speed it runs at."""
    assert one(BOOT_LOADER).speed_mbps is None


UNREADABLE = "Couldn't get configuration descriptor 0, some information will be missing"


def test_kernels_choice_is_not_guessed() -> None:
    """A configuration is printed whether the kernel chose or refused it, so the choice stays unknown."""
    assert one(BOOT_LOADER).configured is None
    assert below("Device Descriptor:", "bNumConfigurations 1").configured is None


def test_configuration_that_cannot_be_used_is_none() -> None:
    """A configuration that cannot be read, or that has no interfaces, does not serve the device."""
    assert below(UNREADABLE, "Device Descriptor:").configured is False
    assert below("Device Descriptor:", "Configuration Descriptor:", "bNumInterfaces 0").configured is False


@pytest.mark.parametrize(
    "lines",
    [
        (UNREADABLE, "Device Descriptor:", "Configuration Descriptor:", "bNumInterfaces 1"),
        (UNREADABLE.replace("0", "1"), "Device Descriptor:"),
        ("Configuration Descriptor:", "bNumInterfaces 0", "Configuration Descriptor:", "bNumInterfaces 1"),
    ],
    ids=["another device's error", "another configuration", "a second configuration"],
)
def test_usable_configuration_is_not_denied(lines: tuple[str, ...]) -> None:
    """An error that belongs elsewhere, or a further configuration, leaves the matter open."""
    assert below(*lines).configured is None


def test_only_the_first_configuration_counts() -> None:
    """Interfaces and power of a second configuration are left out."""
    device = below(
        "  Configuration Descriptor:",
        "    bNumInterfaces          1",
        "    Interface Descriptor:",
        "      bInterfaceNumber        0",
        "      bInterfaceClass       255 Vendor Specific Class",
        "  Configuration Descriptor:",
        "    bNumInterfaces          2",
        "    bmAttributes         0xc0",
        "    MaxPower              100mA",
        "    Interface Descriptor:",
        "      bInterfaceNumber        1",
        "      bInterfaceClass         2 Communications",
    )
    assert (UsbInterface(number=0, class_code=255),) == device.interfaces
    assert (None, None) == (device.max_power_ma, device.self_powered)


def test_alternate_setting_before_the_default_one_is_left_out() -> None:
    """The default setting is found wherever it stands."""
    device = below(
        "bInterfaceNumber 3", "bAlternateSetting 1", "bInterfaceClass 1", "bInterfaceNumber 3", "bInterfaceClass 2"
    )
    assert (UsbInterface(number=3, class_code=2),) == device.interfaces


def test_no_interfaces_and_unknown_interfaces_differ() -> None:
    """Only a configuration that says so has none."""
    assert () == below("Configuration Descriptor:", "bNumInterfaces 0").interfaces
    assert below("Configuration Descriptor:", "bNumInterfaces 1").interfaces is None
    assert below("Device Descriptor:").interfaces is None


def test_text_cut_down_with_grep_is_read() -> None:
    """Single fields without their headings still count."""
    sink, _ = read(f"{HEADER}\n    MaxPower              896mA\n      bInterfaceClass       254 Application")
    (device,) = sink.devices
    assert (896, "lsusb-v") == (device.max_power_ma, device.seen[0].kind)
    assert "usb-power" in sink.covers


def test_attributes_of_an_endpoint_are_not_those_of_the_configuration() -> None:
    """Attributes count only right below the heading of a configuration."""
    assert below("bmAttributes 0xc0").self_powered is None
    assert below("Configuration Descriptor:", "Endpoint Descriptor:", "bmAttributes 0xc0").self_powered is None


def test_root_hub_names_its_controller() -> None:
    """A root hub's serial number is the address of its controller."""
    device = one("Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub\n  iSerial 1 0000:00:14.0")
    assert ((), "0000:00:14.0", "0000:00:14.0") == (device.port_chain, device.serial, device.controller)


@pytest.mark.parametrize("value", ["0", "0 x", "1", "1 (error)", "", "x y", "1 "])
def test_unreadable_string_stays_unknown(value: str) -> None:
    """Index 0, no text and an error of reading are all no serial number."""
    assert below(f"  iSerial {value}").serial is None


@pytest.mark.parametrize(
    "line",
    [
        "bcdUSB 3.1x",
        "bcdUSB 3",
        "bcdUSB ...",
        "bcdUSB 999.99",
        "bDeviceClass 256",
        "bDeviceClass -1",
        "bDeviceClass \u00b2",
        "MaxPower mA",
        "MaxPower 99999999mA",
        "MaxPower " + "9" * 5000,
        "Device Status: 1_0",
        "bNbrPorts",
        "ContainerID {}",
    ],
)
def test_damaged_values_stay_unknown(line: str) -> None:
    """A value that cannot be is no value, and no error."""
    device = below("Device Descriptor:", line)
    assert below("Device Descriptor:") == device


def test_superspeed_capability_without_its_bit() -> None:
    """A capability that leaves 5 Gb/s out says no; without a capability nothing is known."""
    heading = "SuperSpeed USB Device Capability:"
    assert below(heading).superspeed_capable is True
    assert below(heading, "wSpeedsSupported 0x0006").superspeed_capable is False
    assert below("Device Descriptor:").superspeed_capable is None


@pytest.mark.parametrize("word", ["bNbrPorts", "nNbrPorts"])
def test_number_of_ports_is_read(word: str) -> None:
    """Either spelling of the field counts ports."""
    assert 4 == below(f"  {word}             4").port_count


@pytest.mark.parametrize(
    "line",
    [
        "dwMaxVideoFrameSize 614400",
        "bmaControls( 0) 0x03",
        "guidFormat {32595559-0000-0010-8000-00aa00389b71}",
        "can't get debug descriptor: Resource temporarily unavailable",
        "cannot read device status, Resource temporarily unavailable (11)",
        "Self Powered",
    ],
)
def test_known_words_need_no_indentation(line: str) -> None:
    """Fields, notes and errors of lsusb are understood in the first column."""
    assert VerboseBlock().feed(line)


@pytest.mark.parametrize(
    "line",
    ["Then I rebooted.", "Here is what I tried:", "Device is warm", "Port 1 is dead", "iPhone works", "# uname -r"],
)
def test_prose_after_a_block_is_not_swallowed(line: str) -> None:
    """Text in the column of the header, and that is no field, is left to others."""
    sink, refused = read(f"{BOOT_LOADER}{line}")
    assert ([EXPECTED], [line]) == (sink.devices, refused)
    indented = "\n".join("  " + each for each in (BOOT_LOADER + line).split("\n"))
    assert ["  " + line] == read(indented)[1]


def test_memory_is_bounded_by_the_block() -> None:
    """However long a block is, only so many values are kept of it."""
    block = VerboseBlock()
    for number in range(5000):
        block.feed(f"bInterfaceNumber {number}")
        block.feed(f"bOddField{number} 1")
    interfaces = block.describe(UsbDevice()).interfaces
    assert interfaces is not None
    assert 256 == len(interfaces)


FRAGMENTS = [*BOOT_LOADER.split("\n"), *HUB.split("\n")]


@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=40)), max_size=60))
def test_any_text_is_survived(lines: list[str]) -> None:
    """Lines of lsusb in any order, with any text between them, do not raise."""
    for device in read("\n".join(lines))[0].devices:
        assert device.vendor_id is not None


words = st.sampled_from(sorted({line.split()[0] for line in FRAGMENTS if line.split()}))


@given(st.lists(st.tuples(words, st.text(max_size=20)), max_size=30))
def test_any_value_is_survived(fields: list[tuple[str, str]]) -> None:
    """Known words with any value behind them do not raise."""
    below(*(f"{word} {value}" for word, value in fields))


@given(st.integers(0, 2**32))
def test_other_devices_fields_never_leak(seed: int) -> None:
    """Blocks in any order give each device the same facts."""
    blocks = [BOOT_LOADER, HUB, "Bus 009 Device 009: ID 0000:0001\n"]
    random.Random(seed).shuffle(blocks)  # noqa: S311
    expected = {block: one(block) for block in blocks}
    found = read("".join(blocks))[0].devices
    assert [expected[block].interfaces for block in blocks] == [each.interfaces for each in found]
    assert [expected[block].max_power_ma for block in blocks] == [each.max_power_ma for each in found]
