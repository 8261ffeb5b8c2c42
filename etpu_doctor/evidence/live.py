"""USB, PCI and apex evidence from sysfs. Opens no device, needs no root, waits for nothing."""

from __future__ import annotations

from etpu_doctor.evidence.descriptors import Configuration, Descriptors, parse_bos, parse_descriptors
from etpu_doctor.evidence.sysfs import SysfsTree, integer, text
from etpu_doctor.facts.pci import ApexNode, PciBar, PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface, UsbPort

EDGE_TPU_PCI_ID = (0x1AC1, 0x089A)

_DIGITS_LIMIT = 6
_LINK_WIDTHS = frozenset({1, 2, 4, 8, 12, 16, 32})

_APEX_ATTRIBUTES = (
    "pci_address",
    "status",
    "is_device_owned",
    "device_owner",
    "write_open_count",
    "reset_count",
    "driver_version",
    "framework_version",
    "temp",
    "trip_point0_temp",
    "trip_point1_temp",
    "trip_point2_temp",
    "hw_temp_warn1",
    "hw_temp_warn1_en",
    "hw_temp_warn2",
    "hw_temp_warn2_en",
    "temp_poll_interval",
    "unique_id",
    "revision",
    "interrupt_counts",
)
"""gasket-driver ``apex_driver.c`` and ``gasket_core.c``."""


def number(value: str | None) -> float | None:
    """A speed as sysfs prints it (``480``, ``1.5``); whole numbers stay whole."""
    try:
        parsed = float(value) if value is not None else None
    except ValueError:
        return None
    if parsed is None or not 0 < parsed < 1e7:
        return None
    return int(parsed) if parsed == int(parsed) else parsed


def read_usb(tree: SysfsTree) -> list[UsbDevice]:
    """Every USB device, root hubs included, in the kernel's listing order."""
    devices: list[tuple[str, str]] = []
    interfaces: dict[str, list[tuple[str, str]]] = {}
    for name, devpath in tree.devices("bus/usb"):
        owner, colon, _ = name.partition(":")
        if colon:
            interfaces.setdefault(owner, []).append((name, devpath))
        else:
            devices.append((name, devpath))
    found = []
    for name, devpath in devices:
        # The interface of root hub usb2 is called 2-0:1.0.
        key = f"{name[3:]}-0" if name.startswith("usb") else name
        device = _read_usb_device(tree, name, devpath, sorted(interfaces.get(key, ())))
        if device is not None:
            found.append(device)
    return found


def port_chain_of(name: str) -> tuple[int, tuple[int, ...]] | None:
    """Bus number and port chain from a sysfs name (``usb2``, ``2-1.4``); ``None`` if it is neither."""
    bus, _, chain = name.partition("-")
    words = [name[3:]] if name.startswith("usb") else [bus, *chain.split(".")]
    if not all(word.isascii() and word.isdigit() and len(word) < _DIGITS_LIMIT for word in words):
        return None
    number, *ports = map(int, words)
    return number, tuple(ports)


def _read_usb_device(tree: SysfsTree, name: str, devpath: str, interfaces: list[tuple[str, str]]) -> UsbDevice | None:
    place = port_chain_of(name)
    if place is None:
        return None

    def attribute(what: str) -> str | None:
        return text(tree.read(devpath, what))

    busnum, chain = place
    speed = number(attribute("speed"))
    superspeed = None if speed is None else speed >= 5000
    descriptors = parse_descriptors(tree.read(devpath, "descriptors") or b"", superspeed=superspeed)
    bos = parse_bos(tree.read(devpath, "bos_descriptors") or b"")
    configuration_value = tree.read(devpath, "bConfigurationValue")
    active = _active_configuration(descriptors, integer(text(configuration_value)))
    port_count = integer(attribute("maxchild"))
    found = _read_interfaces(tree, interfaces, active)
    return UsbDevice(
        busnum=busnum,
        devnum=integer(attribute("devnum")),
        port_chain=chain,
        vendor_id=descriptors.vendor_id if descriptors else integer(attribute("idVendor"), 16),
        product_id=descriptors.product_id if descriptors else integer(attribute("idProduct"), 16),
        vendor_name=attribute("manufacturer"),
        product_name=attribute("product"),
        serial=attribute("serial"),
        bcd_usb=descriptors.bcd_usb if descriptors else None,
        bcd_device=descriptors.bcd_device if descriptors else None,
        device_class=descriptors.device_class if descriptors else integer(attribute("bDeviceClass"), 16),
        device_protocol=descriptors.device_protocol if descriptors else integer(attribute("bDeviceProtocol"), 16),
        speed_mbps=speed,
        rx_lanes=integer(attribute("rx_lanes")),
        tx_lanes=integer(attribute("tx_lanes")),
        configured=_configured(tree, devpath, configuration_value, found),
        authorized=_flag(attribute("authorized")),
        max_power_ma=_milliampere(attribute("bMaxPower"), active),
        self_powered=_self_powered(attribute("bmAttributes"), active),
        interfaces=found,
        port_count=port_count,
        ports=_read_ports(tree, interfaces) if port_count else None,
        root_driver=(tree.link(devpath.rpartition("/")[0], "driver") or "").rpartition("/")[2] or None
        if not chain
        else None,
        container_id=bos.container_id,
        superspeed_capable=bos.superspeed_capable or None,
        removable=attribute("removable"),
        runtime_control=attribute("power/control"),
        runtime_status=attribute("power/runtime_status"),
        autosuspend_delay_ms=integer(attribute("power/autosuspend_delay_ms")),
        controller=_controller(devpath),
        sysfs_devpath=devpath,
        seen=(Seen("sysfs", devpath),),
    )


def _configured(
    tree: SysfsTree, devpath: str, value: bytes | None, interfaces: tuple[UsbInterface, ...]
) -> bool | None:
    """Whether the device can be used: it has a configuration, and that has interfaces.

    An empty ``bConfigurationValue`` is the kernel's way to say that it chose none; a missing one says nothing.
    """
    if value is None:
        return None
    if text(value) is None:
        return False
    return bool(interfaces) or integer(text(tree.read(devpath, "bNumInterfaces"))) != 0


def _flag(value: str | None) -> bool | None:
    return None if value is None else value == "1"


def _active_configuration(descriptors: Descriptors | None, value: int | None) -> Configuration | None:
    """The configuration in force, or the first one where none is: that is what the device asks for."""
    if descriptors is None or not descriptors.configurations:
        return None
    for configuration in descriptors.configurations:
        if configuration.value == value:
            return configuration
    return descriptors.configurations[0]


def _milliampere(value: str | None, active: Configuration | None) -> int | None:
    if value is not None and value.endswith("mA"):
        return integer(value[:-2])
    return active.max_power_ma if active else None


def _self_powered(attributes: str | None, active: Configuration | None) -> bool | None:
    bits = integer(attributes, 16)
    if bits is not None:
        return bool(bits & 0x40)
    return active.self_powered if active else None


def _read_interfaces(
    tree: SysfsTree, interfaces: list[tuple[str, str]], active: Configuration | None
) -> tuple[UsbInterface, ...]:
    described = {interface.number: interface for interface in active.interfaces} if active else {}
    found = []
    for name, devpath in interfaces:
        index = integer(name.rpartition(".")[2])
        if index is None:
            continue
        known = described.get(index)
        driver = tree.link(devpath, "driver")
        found.append(
            UsbInterface(
                number=index,
                class_code=_code(tree, devpath, "bInterfaceClass", known.class_code if known else None),
                subclass_code=_code(tree, devpath, "bInterfaceSubClass", known.subclass_code if known else None),
                protocol_code=_code(tree, devpath, "bInterfaceProtocol", known.protocol_code if known else None),
                endpoint_count=_code(tree, devpath, "bNumEndpoints", known.endpoint_count if known else None),
                driver=driver.rpartition("/")[2] if driver else None,
                driver_known=True,
            )
        )
    return tuple(sorted(found, key=lambda interface: interface.number))


def _code(tree: SysfsTree, devpath: str, attribute: str, known: int | None) -> int | None:
    # The descriptors hold the same value; a file is only read where they could not be parsed.
    return known if known is not None else integer(text(tree.read(devpath, attribute)), 16)


def _read_ports(tree: SysfsTree, interfaces: list[tuple[str, str]]) -> tuple[UsbPort, ...] | None:
    ports: list[UsbPort] = []
    for _, devpath in interfaces[:1]:
        for entry in tree.entries(devpath):
            _, dash, index = entry.rpartition("-port")
            port = integer(index) if dash else None
            if port is not None:
                ports.append(_read_port(tree, f"{devpath}/{entry}", port))
    return tuple(sorted(ports, key=lambda port: port.number)) or None


def _read_port(tree: SysfsTree, path: str, index: int) -> UsbPort:
    peer = tree.link(path, "peer")
    return UsbPort(
        number=index,
        connect_type=text(tree.read(path, "connect_type")),
        location=integer(text(tree.read(path, "location")), 16),
        over_current_count=integer(text(tree.read(path, "over_current_count"))),
        peer=peer.rpartition("/")[2] if peer else None,
        peer_known=True,
        state=text(tree.read(path, "state")),
    )


def is_pci_address(name: str) -> bool:
    """Whether a path component is a PCI address (``0000:00:14.0``)."""
    head, dot, function = name.rpartition(".")
    parts = head.split(":")
    return bool(dot) and function.isdigit() and len(parts) == 3 and all(_is_hex(part) for part in parts)


def _is_hex(value: str) -> bool:
    return bool(value) and all(character in "0123456789abcdef" for character in value)


def _controller(devpath: str) -> str | None:
    """The host controller: what stands before ``usbN`` in the device's path."""
    above = None
    for part in devpath.split("/"):
        if part.startswith("usb") and part[3:].isdigit():
            return above
        above = part
    return None


def read_pci(tree: SysfsTree) -> list[PciFunction]:
    """Every PCI function in the kernel's listing order."""
    return [_read_function(tree, name, devpath) for name, devpath in tree.devices("bus/pci") if is_pci_address(name)]


def _read_function(tree: SysfsTree, address: str, devpath: str) -> PciFunction:
    def hexadecimal(what: str) -> int | None:
        return integer(text(tree.read(devpath, what)), 16)

    code = hexadecimal("class")
    vendor, device = hexadecimal("vendor"), hexadecimal("device")
    is_edge_tpu = (vendor, device) == EDGE_TPU_PCI_ID
    is_bridge = code is not None and code >> 8 == 0x0604
    driver = tree.link(devpath, "driver")
    above = devpath.rpartition("/")[0].rpartition("/")[2]
    # Reading the configuration space wakes a sleeping function, so only that of an Edge TPU is read.
    header = tree.read(devpath, "config") if is_edge_tpu else None
    command = int.from_bytes(header[4:6], "little") if header and len(header) >= 64 else None
    all_ones = header[:4] == b"\xff\xff\xff\xff" if header and len(header) >= 4 else None
    return PciFunction(
        address=address,
        vendor_id=vendor,
        device_id=device,
        subsystem_vendor_id=hexadecimal("subsystem_vendor") if is_edge_tpu else None,
        subsystem_device_id=hexadecimal("subsystem_device") if is_edge_tpu else None,
        class_code=None if code is None else code >> 8,
        prog_if=None if code is None else code & 0xFF,
        revision=hexadecimal("revision") if is_edge_tpu else None,
        driver=driver.rpartition("/")[2] if driver else None,
        driver_known=True,
        current_link_speed_gts=_link_speed(tree, devpath, "current_link_speed"),
        current_link_width=_link_width(tree, devpath, "current_link_width"),
        max_link_speed_gts=_link_speed(tree, devpath, "max_link_speed"),
        max_link_width=_link_width(tree, devpath, "max_link_width"),
        aspm=_aspm(tree, devpath) if is_edge_tpu else None,
        parent=above if is_pci_address(above) else None,
        parent_known=True,
        secondary_bus=integer(text(tree.read(devpath, "secondary_bus_number"))) if is_bridge else None,
        subordinate_bus=integer(text(tree.read(devpath, "subordinate_bus_number"))) if is_bridge else None,
        bars=_bars(text(tree.read(devpath, "resource"))) if is_edge_tpu else None,
        memory_enabled=None if command is None or all_ones else bool(command & 2),
        bus_master=None if command is None or all_ones else bool(command & 4),
        msix_enabled=None if all_ones or header is None else _msix_enabled(header),
        config_all_ones=all_ones,
        sysfs_devpath=devpath,
        seen=(Seen("sysfs", devpath),),
    )


def _link_speed(tree: SysfsTree, devpath: str, attribute: str) -> float | None:
    """``5.0 GT/s PCIe`` (older kernels ``5 GT/s``) as 5; ``Unknown`` as ``None``."""
    value = text(tree.read(devpath, attribute))
    return number(value.partition(" ")[0]) if value else None


def _link_width(tree: SysfsTree, devpath: str, attribute: str) -> int | None:
    """Lanes; ``None`` for 0 (no link), 63 (a register of all ones) and 255 (``PCIE_LNK_WIDTH_UNKNOWN``)."""
    width = integer(text(tree.read(devpath, attribute)))
    return width if width in _LINK_WIDTHS else None


def _aspm(tree: SysfsTree, devpath: str) -> tuple[str, ...] | None:
    """The sleep states that are enabled on the link above; ``None`` where the kernel shows none.

    Linux ``Documentation/ABI/testing/sysfs-bus-pci``: since 5.5, a file each for the states that both ends support.
    """
    states = {state: text(tree.read(devpath, f"link/{state.lower()}_aspm")) for state in ("L0s", "L1")}
    known = {state: value for state, value in states.items() if value is not None}
    return tuple(state for state, value in known.items() if value == "1") if known else None


def _bars(resource: str | None) -> tuple[PciBar, ...] | None:
    """BAR 0 and 2, the two that an Edge TPU has; ``0 0 0`` in sysfs means that no address was assigned."""
    if resource is None:
        return None
    lines = resource.split("\n")
    bars = []
    for index in (0, 2):
        words = lines[index].split() if index < len(lines) else []
        values = [integer(word, 16) for word in words]
        start, end = [*values, None, None][:2]
        if start is None or end is None:
            continue
        bars.append(PciBar(index=index, size_bytes=end - start + 1 if end > start else None, assigned=start != 0))
    return tuple(bars) or None


def _msix_enabled(header: bytes) -> bool | None:
    """MSI-X enable bit from the capability list; ``None`` where only the first 64 bytes could be read (no root)."""
    if len(header) < 256 or not header[6] & 0x10:
        return None
    position = header[0x34] & 0xFC
    for _ in range(48):
        if position < 0x40 or position + 4 > len(header):
            return None
        if header[position] == 0x11:
            return bool(header[position + 3] & 0x80)
        position = header[position + 1] & 0xFC
    return None


def read_apex(tree: SysfsTree) -> list[ApexNode]:
    """The kernel's nodes of PCIe Edge TPUs, in readdir order: libedgetpu counts ``pci:N`` in it."""
    nodes = []
    for name, devpath in tree.devices("class/apex"):
        attributes = {what: text(tree.read(devpath, what)) for what in _APEX_ATTRIBUTES}
        known = {what: value for what, value in attributes.items() if value is not None}
        parts = [part for part in devpath.split("/") if is_pci_address(part)]
        address = known.get("pci_address") or (parts[-1] if parts else None)
        nodes.append(ApexNode(name=name, pci_address=address, attributes=known, seen=(Seen("sysfs", devpath),)))
    return nodes


__all__ = ["is_pci_address", "port_chain_of", "read_apex", "read_pci", "read_usb"]
