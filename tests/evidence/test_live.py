"""USB, PCI and apex facts out of sysfs, field by field."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.live import is_pci_address, number, port_chain_of, read_apex, read_pci, read_usb
from etpu_doctor.evidence.sysfs import MemoryTree
from etpu_doctor.facts.pci import ApexNode, PciBar, PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface, UsbPort
from tests.support.facts import link
from tests.support.sysfs_folder import (
    APEX,
    BRIDGE,
    CARD,
    CONFIG,
    FILES,
    HUB,
    LINKS,
    ROOT,
    TPU,
    UNIQUE,
    XHCI,
    memory_tree,
)


def usb(tree: MemoryTree, port_chain: tuple[int, ...]) -> UsbDevice:
    """The device at a place."""
    return next(device for device in read_usb(tree) if device.port_chain == port_chain)


def tpu(**changes: bytes | None) -> UsbDevice:
    """The Edge TPU with some attributes changed (``None``: missing); ``power__control`` is ``power/control``."""
    return usb(memory_tree({f"{TPU}/{name.replace('__', '/')}": value for name, value in changes.items()}), (1, 4))


def card(**changes: bytes | None) -> PciFunction:
    """The PCIe Edge TPU with some attributes changed (``None``: missing)."""
    functions = read_pci(memory_tree({f"{CARD}/{name}": value for name, value in changes.items()}))
    return next(function for function in functions if function.address == "0000:01:00.0")


def bare(path: str, **attributes: bytes) -> UsbDevice | None:
    """The only device of a tree that holds nothing else."""
    tree = MemoryTree()
    name = path.rpartition("/")[2]
    tree.add_link(f"/bus/usb/devices/{name}", path)
    for attribute, content in attributes.items():
        tree.add_file(f"{path}/{attribute}", content)
    return next(iter(read_usb(tree)), None)


class TestUsb:
    """USB devices."""

    def test_root_hub(self) -> None:
        """A root hub has its controller, the controller's driver and its ports."""
        expected = UsbDevice(
            busnum=2,
            devnum=1,
            port_chain=(),
            vendor_id=0x1D6B,
            product_id=3,
            vendor_name="Linux 6.1.0-18-amd64 xhci-hcd",
            product_name="xHCI Host Controller",
            serial="0000:00:14.0",
            speed_mbps=5000,
            configured=True,
            max_power_ma=0,
            self_powered=True,
            interfaces=(UsbInterface(number=0, class_code=9, driver_known=True),),
            port_count=2,
            ports=(
                UsbPort(
                    number=1,
                    connect_type="hotplug",
                    location=0x80000101,
                    over_current_count=3,
                    peer="usb1-port3",
                    peer_known=True,
                    state="configured",
                ),
                UsbPort(number=2, connect_type="not used", peer_known=True),
            ),
            root_driver="xhci_hcd",
            controller="0000:00:14.0",
            sysfs_devpath=ROOT,
            seen=(Seen("sysfs", ROOT),),
        )
        assert expected == usb(memory_tree(), ())

    def test_hub(self) -> None:
        """A hub has names, power management and ports, those without attributes too."""
        expected = UsbDevice(
            busnum=2,
            devnum=2,
            port_chain=(1,),
            vendor_id=0x2110,
            product_id=0x0817,
            vendor_name="Größe & Söhne",
            product_name="USB3.0 Hub",
            serial="SN0123456789AB",
            bcd_usb=0x0300,
            bcd_device=0x0090,
            device_class=9,
            device_protocol=3,
            speed_mbps=5000,
            configured=True,
            authorized=True,
            max_power_ma=0,
            self_powered=True,
            interfaces=(
                UsbInterface(
                    number=0,
                    class_code=9,
                    subclass_code=0,
                    protocol_code=0,
                    endpoint_count=1,
                    driver="hub",
                    driver_known=True,
                ),
            ),
            port_count=4,
            ports=(UsbPort(number=4, connect_type="hotplug", over_current_count=0, peer_known=True),),
            removable="removable",
            runtime_control="auto",
            runtime_status="active",
            autosuspend_delay_ms=2000,
            controller="0000:00:14.0",
            sysfs_devpath=HUB,
            seen=(Seen("sysfs", HUB),),
        )
        assert expected == usb(memory_tree(), (1,))

    def test_edge_tpu(self) -> None:
        """An Edge TPU has ids, speed, lanes, declared power and the driver of its interface, and no strings."""
        expected = UsbDevice(
            busnum=2,
            devnum=7,
            port_chain=(1, 4),
            vendor_id=0x18D1,
            product_id=0x9302,
            bcd_usb=0x0310,
            bcd_device=0x0100,
            device_class=0,
            device_protocol=0,
            speed_mbps=5000,
            rx_lanes=1,
            tx_lanes=1,
            configured=True,
            max_power_ma=96,
            self_powered=True,
            interfaces=(
                UsbInterface(
                    number=0,
                    class_code=0xFF,
                    subclass_code=0xFF,
                    protocol_code=0xFF,
                    endpoint_count=0,
                    driver="usbfs",
                    driver_known=True,
                ),
            ),
            port_count=0,
            controller="0000:00:14.0",
            sysfs_devpath=TPU,
            seen=(Seen("sysfs", TPU),),
        )
        assert expected == usb(memory_tree(), (1, 4))

    def test_the_order_of_the_listing_is_kept(self) -> None:
        """Devices come in the kernel's order."""
        assert [(), (1,), (1, 4)] == [device.port_chain for device in read_usb(memory_tree())]

    def test_no_bus(self) -> None:
        """Without a listing there are no devices."""
        assert [] == read_usb(MemoryTree())

    def test_without_descriptors_the_attributes_tell(self) -> None:
        """Where the descriptors cannot be read, ids, classes and power come from the attributes."""
        device = tpu(
            descriptors=None,
            idVendor=b"1a6e\n",
            idProduct=b"089a\n",
            bDeviceClass=b"00\n",
            bDeviceProtocol=b"00\n",
            bMaxPower=b"500mA\n",
            bmAttributes=b"80\n",
        )
        assert (0x1A6E, 0x089A, 0, 0) == (
            device.vendor_id,
            device.product_id,
            device.device_class,
            device.device_protocol,
        )
        assert (500, False) == (device.max_power_ma, device.self_powered)
        assert (None, None) == (device.bcd_usb, device.bcd_device)
        assert device.interfaces == (
            UsbInterface(number=0, class_code=0xFF, endpoint_count=6, driver="usbfs", driver_known=True),
        )

    def test_without_attributes_the_descriptors_tell(self) -> None:
        """Where an unconfigured device leaves its power empty, what its first configuration declares is taken."""
        device = tpu(bMaxPower=b"\n", bmAttributes=b"\n", bConfigurationValue=b"\n", bNumInterfaces=b"\n")
        assert (96, True) == (device.max_power_ma, device.self_powered)

    def test_declared_power_at_high_speed_is_in_smaller_units(self) -> None:
        """The unit of a raw descriptor follows from the speed of the link, not from the version of the device."""
        device = tpu(speed=b"480\n", bMaxPower=b"\n")
        assert (24, 480) == (device.max_power_ma, device.speed_mbps)

    def test_nothing_at_all(self) -> None:
        """A device without a single attribute is known by its place alone."""
        path = "/devices/pci0000:00/0000:00:14.0/usb1/1-3"
        expected = UsbDevice(
            busnum=1,
            port_chain=(3,),
            interfaces=(),
            controller="0000:00:14.0",
            sysfs_devpath=path,
            seen=(Seen("sysfs", path),),
        )
        assert expected == bare(path)

    @pytest.mark.parametrize(
        ("value", "interfaces", "expected"),
        [
            (b"1\n", b" 1\n", True),
            (b"\n", b"\n", False),
            (b"", None, False),
            (b"1\n", b" 0\n", False),
            (b"1\n", None, True),
            (None, b" 1\n", None),
            (None, None, None),
        ],
    )
    def test_configured(self, value: bytes | None, interfaces: bytes | None, *, expected: bool | None) -> None:
        """No configuration, or one without interfaces, makes a device unusable; a missing attribute says nothing."""
        path = "/devices/x/usb1/1-1"
        attributes = {"bConfigurationValue": value, "bNumInterfaces": interfaces}
        device = bare(path, **{name: content for name, content in attributes.items() if content is not None})
        assert device is not None
        assert expected == device.configured

    def test_interfaces_are_in_the_order_of_their_numbers(self) -> None:
        """Interface 10 follows interface 2, and the configuration of an interface's name does not matter."""
        tree = MemoryTree()
        names = [f"1-1:1.{number}" for number in (10, 2, 0, 11, 1)] + ["1-1:1.x"]
        for name in ("1-1", *names):
            tree.add_link(f"/bus/usb/devices/{name}", f"/devices/usb1/{name}")
        (device,) = read_usb(tree)
        assert device.interfaces is not None
        assert [0, 1, 2, 10, 11] == [interface.number for interface in device.interfaces]

    def test_interfaces_without_a_device_are_passed_over(self) -> None:
        """A device that went away between the listing of it and of its interface is not there."""
        tree = MemoryTree()
        tree.add_link("/bus/usb/devices/1-1:1.0", "/devices/usb1/1-1/1-1:1.0")
        assert [] == read_usb(tree)

    def test_ports_are_read_where_there_are_some(self) -> None:
        """A hub without interface, and one whose folder shows no port, has ports that are not known."""
        path = "/devices/x/usb1/1-1"
        hub = bare(path, maxchild=b"4\n")
        assert hub is not None
        assert (4, None) == (hub.port_count, hub.ports)

    def test_entries_that_are_no_ports_are_passed_over(self) -> None:
        """Only ``-portN`` names a port."""
        files = {f"{HUB}/2-1:1.0/{name}/connect_type": b"hotplug\n" for name in ("ep_81", "2-1-portx", "2-1-port10")}
        ports = usb(memory_tree(files), (1,)).ports
        assert ports is not None
        assert [4, 10] == [port.number for port in ports]

    @pytest.mark.parametrize(
        ("content", "expected"), [(b"1\n", True), (b"0\n", False), (b"", False), (None, None), (b"\n", None)]
    )
    def test_authorized(self, content: bytes | None, *, expected: bool | None) -> None:
        """A device is authorized, is not, or nobody knows."""
        assert (expected if content != b"" else None) == tpu(authorized=content).authorized

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("/devices/pci0000:00/0000:00:14.0/usb1/1-1", "0000:00:14.0"),
            ("/devices/pci0000:00/0000:00:1c.0/0000:02:00.0/usb3", "0000:02:00.0"),
            ("/devices/pci10000:e0/10000:e0:06.0/usb1", "10000:e0:06.0"),
            ("/devices/platform/axi/1000120000.pcie/1f00200000.usb/xhci-hcd.0/usb1", "xhci-hcd.0"),
            ("/devices/platform/soc/3f980000.usb/usb1/1-1", "3f980000.usb"),
            ("/devices/platform/vhci_hcd.0/usb2", "vhci_hcd.0"),
            ("/devices/somewhere/1-1", None),
        ],
    )
    def test_controller(self, path: str, expected: str | None) -> None:
        """The controller is what stands before the bus in the device's path, on PCI, SoCs and USB/IP."""
        device = bare(path)
        assert device is not None
        assert expected == device.controller

    def test_root_driver_of_a_platform_controller(self) -> None:
        """A controller on the chip has a driver as one on PCI has."""
        tree = MemoryTree()
        path = "/devices/platform/soc/3f980000.usb"
        tree.add_link("/bus/usb/devices/usb1", f"{path}/usb1")
        tree.add_link(f"{path}/driver", "/bus/platform/drivers/dwc_otg")
        assert ["dwc_otg"] == [device.root_driver for device in read_usb(tree)]

    def test_only_root_hubs_have_a_root_driver(self) -> None:
        """The driver of a hub's parent is none of a controller."""
        assert usb(memory_tree(), (1,)).root_driver is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("1.5", 1.5),
        ("12", 12),
        ("20000", 20000),
        ("2.5", 2.5),
        ("", None),
        ("Unknown", None),
        ("0", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e300", None),
    ],
)
def test_speeds(value: str | None, expected: float | None) -> None:
    """A speed is a positive number of a sensible size, whole where it is whole."""
    assert expected == number(value)
    assert isinstance(number("480"), int)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("usb2", (2, ())),
        ("usb12", (12, ())),
        ("2-1", (2, (1,))),
        ("2-1.4.10", (2, (1, 4, 10))),
        ("1-1.1.1.1.1.1.1", (1, (1,) * 7)),
        ("usb", None),
        ("usbx", None),
        ("usb-1", None),
        ("usb1_0", None),
        ("usb²", None),
        ("2", None),
        ("2-", None),
        ("-1", None),
        ("2-1.", None),
        ("2-1.-4", None),
        ("2-1_0", None),
        ("x-1", None),
        ("", None),
        ("usb" + "9" * 5000, None),
        ("1-" + "9" * 5000, None),
    ],
)
def test_places(name: str, expected: tuple[int, tuple[int, ...]] | None) -> None:
    """A sysfs name gives bus and port chain, or is none of a device."""
    assert expected == port_chain_of(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0000:00:14.0", True),
        ("10000:e1:00.0", True),
        ("00:14.0", False),
        ("0000:00:14", False),
        ("0000:00:1g.0", False),
        ("0000::14.0", False),
        ("0000:00:14.x", False),
        ("usb1", False),
        ("", False),
    ],
)
def test_pci_addresses(name: str, *, expected: bool) -> None:
    """A PCI address has a domain, which may be longer than four digits."""
    assert expected == is_pci_address(name)


class TestPci:
    """PCI functions."""

    def test_controller(self) -> None:
        """A USB controller has ids, class and driver, and no link where it has none."""
        expected = PciFunction(
            address="0000:00:14.0",
            vendor_id=0x8086,
            device_id=0xA36D,
            class_code=0x0C03,
            prog_if=0x30,
            driver="xhci_hcd",
            driver_known=True,
            parent_known=True,
            sysfs_devpath=XHCI,
            seen=(Seen("sysfs", XHCI),),
        )
        assert expected == read_pci(memory_tree())[0]

    def test_bridge(self) -> None:
        """A bridge has the buses below it and its link."""
        expected = PciFunction(
            address="0000:00:1c.0",
            vendor_id=0x8086,
            device_id=0xA338,
            class_code=0x0604,
            prog_if=0,
            driver_known=True,
            **link(5, 1, 8, 4),
            parent_known=True,
            secondary_bus=1,
            subordinate_bus=1,
            sysfs_devpath=BRIDGE,
            seen=(Seen("sysfs", BRIDGE),),
        )
        assert expected == read_pci(memory_tree())[1]

    def test_edge_tpu(self) -> None:
        """Of an Edge TPU the registers are read too."""
        expected = PciFunction(
            address="0000:01:00.0",
            vendor_id=0x1AC1,
            device_id=0x089A,
            subsystem_vendor_id=0x1AC1,
            subsystem_device_id=0x089A,
            class_code=0x0880,
            prog_if=0xFF,
            revision=0,
            driver="apex",
            driver_known=True,
            **link(5, 1, 5, 1),
            parent="0000:00:1c.0",
            parent_known=True,
            bars=(
                PciBar(index=0, size_bytes=16384, assigned=True),
                PciBar(index=2, size_bytes=1 << 20, assigned=True),
            ),
            memory_enabled=True,
            bus_master=True,
            msix_enabled=True,
            config_all_ones=False,
            sysfs_devpath=CARD,
            seen=(Seen("sysfs", CARD),),
        )
        assert expected == card()

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"2.5 GT/s PCIe\n", 2.5),
            (b"5.0 GT/s PCIe\n", 5),
            (b"5 GT/s\n", 5),
            (b"32.0 GT/s PCIe\n", 32),
            (b"Unknown\n", None),
            (b"Unknown speed\n", None),
            (b"\n", None),
            (None, None),
        ],
    )
    def test_link_speeds(self, content: bytes | None, expected: float | None) -> None:
        """Kernels of all ages print a link's speed in their own way; an unknown one stays unknown."""
        assert expected == card(current_link_speed=content).current_link_speed_gts

    @pytest.mark.parametrize(
        ("content", "expected"),
        [(b"1\n", 1), (b"16\n", 16), (b"0\n", None), (b"63\n", None), (b"255\n", None), (b"\n", None), (None, None)],
    )
    def test_link_widths(self, content: bytes | None, expected: int | None) -> None:
        """No link, a register of all ones and the kernel's "unknown" are no widths."""
        assert expected == card(current_link_width=content).current_link_width
        assert expected == card(max_link_width=content).max_link_width

    @pytest.mark.parametrize(
        ("l0s", "l1", "expected"),
        [
            (b"1\n", b"1\n", ("L0s", "L1")),
            (b"0\n", b"1\n", ("L1",)),
            (None, b"0\n", ()),
            (b"0\n", b"0\n", ()),
            (None, None, None),
        ],
    )
    def test_aspm(self, l0s: bytes | None, l1: bytes | None, expected: tuple[str, ...] | None) -> None:
        """What sleeps on the link; nothing is known where the kernel shows no such file."""
        assert expected == card(**{"link/l0s_aspm": l0s, "link/l1_aspm": l1}).aspm

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (None, None),
            (b"", None),
            (b"garbage\n", None),
            (b"0x1000 0x1fff 0x0\n", (PciBar(index=0, size_bytes=4096, assigned=True),)),
            (b"0x0 0x0 0x0\n" * 13, (PciBar(index=0, assigned=False), PciBar(index=2, assigned=False))),
            (b"0x0 0x3fff 0x140204\n", (PciBar(index=0, size_bytes=16384, assigned=False),)),
            (b"0x1000\n", None),
            (b"0x1000 x 0x0\n\n0x2000 0x1000 0x0\n", (PciBar(index=2, assigned=True),)),
        ],
    )
    def test_bars(self, content: bytes | None, expected: tuple[PciBar, ...] | None) -> None:
        """A BAR without an address is unassigned; its size is known where the kernel says it."""
        assert expected == card(resource=content).bars

    def test_all_ones(self) -> None:
        """A card that fell off the bus reads all ones, and then its registers say nothing."""
        function = card(config=b"\xff" * 256)
        assert function.config_all_ones is True
        assert (None, None, None) == (function.memory_enabled, function.bus_master, function.msix_enabled)

    @pytest.mark.parametrize("config", [None, b"", b"\xff\xff"])
    def test_no_configuration_space(self, config: bytes | None) -> None:
        """Without the configuration space nothing is known of its registers."""
        function = card(config=config)
        assert (None,) * 4 == (
            function.config_all_ones,
            function.memory_enabled,
            function.bus_master,
            function.msix_enabled,
        )

    def test_command_register(self) -> None:
        """Memory access and bus mastering are bits 1 and 2 of the command register."""
        function = card(config=CONFIG[:4] + b"\x02\x00" + CONFIG[6:])
        assert (True, False) == (function.memory_enabled, function.bus_master)

    def test_msix_is_unknown_without_root(self) -> None:
        """A user sees 64 bytes of the configuration space, and the capabilities lie beyond."""
        function = card(config=CONFIG[:64])
        assert (False, True, None) == (function.config_all_ones, function.memory_enabled, function.msix_enabled)

    @pytest.mark.parametrize(
        ("capabilities", "expected"),
        [
            ({0x40: b"\x11\x00\x7f\x80"}, True),
            ({0x40: b"\x11\x00\x7f\x00"}, False),
            ({0x40: b"\x01\x50\x00\x00", 0x50: b"\x11\x00\x7f\x80"}, True),
            ({0x40: b"\x01\x00\x00\x00"}, None),
            ({0x40: b"\x01\x40\x00\x00"}, None),
            ({0x40: b"\x01\x50\x00\x00", 0x50: b"\x05\x40\x00\x00"}, None),
            ({0x40: b"\x01\xff\x00\x00", 0xFC: b"\x05\xff\x00\x00"}, None),
            ({0x40: b"\x01\x10\x00\x00"}, None),
        ],
    )
    def test_msix(self, capabilities: dict[int, bytes], *, expected: bool | None) -> None:
        """MSI-X is found along the list of capabilities, which may end, lead astray or run in a circle."""
        config = bytearray(CONFIG[:64] + bytes(192))
        for position, content in capabilities.items():
            config[position : position + 4] = content
        assert expected is card(config=bytes(config)).msix_enabled

    def test_no_list_of_capabilities(self) -> None:
        """The status register says whether there is a list."""
        assert card(config=CONFIG[:6] + b"\0\0" + CONFIG[8:]).msix_enabled is None

    def test_only_of_an_edge_tpu_the_registers_are_read(self) -> None:
        """To read a sleeping function's configuration space would wake it."""
        function = card(device=b"0x1234\n")
        assert (None, None, None, None) == (
            function.bars,
            function.config_all_ones,
            function.revision,
            function.subsystem_vendor_id,
        )

    def test_names_that_are_no_addresses_are_passed_over(self) -> None:
        """Only functions are listed."""
        tree = MemoryTree()
        tree.add_link("/bus/pci/devices/something", "/devices/something")
        assert [] == read_pci(tree)

    def test_nothing_at_all(self) -> None:
        """A function without a single attribute is known by its address and place."""
        tree = MemoryTree()
        tree.add_link("/bus/pci/devices/0000:02:00.0", "/devices/pci0000:00/0000:00:1c.4/0000:02:00.0")
        (function,) = read_pci(tree)
        assert ("0000:00:1c.4", None, None) == (function.parent, function.vendor_id, function.class_code)


class TestApex:
    """The kernel's nodes of PCIe Edge TPUs."""

    def test_node(self) -> None:
        """A node has the address of its card and the attributes that there are."""
        expected = ApexNode(
            name="apex_0",
            pci_address="0000:01:00.0",
            attributes={"pci_address": "0000:01:00.0", "temp": "41800", "status": "ALIVE", "unique_id": UNIQUE},
            seen=(Seen("sysfs", APEX),),
        )
        assert [expected] == read_apex(memory_tree())

    def test_without_its_attribute_the_path_gives_the_address(self) -> None:
        """Older drivers do not say which card a node belongs to, its path does."""
        (node,) = read_apex(memory_tree({f"{APEX}/pci_address": None}))
        assert "0000:01:00.0" == node.pci_address

    def test_no_address_at_all(self) -> None:
        """A node elsewhere belongs to no card."""
        tree = MemoryTree()
        tree.add_link("/class/apex/apex_0", "/devices/virtual/apex/apex_0")
        assert [(None, {})] == [(node.pci_address, node.attributes) for node in read_apex(tree)]


ATTRIBUTES = sorted({path.rpartition("/")[2] for path in FILES})


@given(st.dictionaries(st.sampled_from(sorted(FILES)), st.binary(max_size=80) | st.none(), max_size=12))
def test_any_content_gives_devices_that_can_be_reported(changes: dict[str, bytes | None]) -> None:
    """Whatever attributes hold, or that they are missing, every device is there and can be written as JSON."""
    tree = memory_tree(changes)
    devices, functions, nodes = read_usb(tree), read_pci(tree), read_apex(tree)
    assert (3, 3, 1) == (len(devices), len(functions), len(nodes))
    for found in (devices, functions, nodes):
        assert found == msgspec.json.decode(msgspec.json.encode(found), type=list[type(found[0])])  # type: ignore[misc]


@given(st.lists(st.text(alphabet="usb0123-.:x", max_size=10), max_size=8))
def test_any_listing_is_read(names: list[str]) -> None:
    """Whatever stands in a listing, reading it raises nothing."""
    tree = MemoryTree()
    for name in names:
        for bus in ("usb", "pci"):
            tree.add_link(f"/bus/{bus}/devices/{name}", f"/devices/{name}")
    assert len(read_usb(tree)) <= len(names)
    assert len(read_pci(tree)) <= len(names)


def test_every_link_of_the_machine_leads_somewhere() -> None:
    """The hand-written machine is sound: what its listings name has attributes."""
    for path in (*LINKS,):
        if path.startswith("/bus"):
            assert memory_tree().entries(memory_tree().link(*path.rsplit("/", 1)) or "")
