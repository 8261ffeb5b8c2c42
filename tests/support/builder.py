"""Makes machines from a few lines, as facts and as every text that shows them.

    built = machine('''
        host "Intel NUC" arch=x86_64
        pci 0000:00:14.0 xhci
          root usb2=16 usb3=8
            3: hub usb3 ports=4
              1: tpu
              4: hub usb3 ports=4
                2: tpu dfu
            5: storage
            9: tpu
        pci 0000:00:1c.0 bridge link=2x1/3x4
          pci 0000:02:00.0 edgetpu link=2x1 driver=apex apex=0
    ''')

Indentation is what hangs on what; ``#`` begins a comment; values with blanks are quoted.

* ``host MODEL kernel= arch= page= os=``: the machine around the buses.
* ``pci ADDRESS KIND``: a function; kinds are those of ``catalogue.PCI_PARTS``. ``id=1b21:1182``, ``driver=apex`` (or
  ``driver=none``), ``link=2x1`` or ``link=1x1/2x1`` (PCIe generation and lanes: now, and at most), ``bus=03`` for a
  bridge with nothing below, ``under=platform/...`` for a root complex that hangs on a platform device. For an Edge
  TPU: ``apex=0`` (with it ``temp=92300``, ``status=DEAD``, ``staging`` for the kernel's old driver),
  ``bars=unassigned``, ``ones`` (configuration space all ones), ``msix=on`` or ``off``.
* ``platform PATH DRIVER``: a controller that is no PCI function (``platform soc/3f980000.usb dwc_otg``).
* ``root usb2=16 usb3=8``: the buses of a controller with that many ports each; ``usb1=2`` for a full-speed one.
  Port N of both is one socket; ``shift=2`` pairs USB 3 port N with USB 2 port N+2. ``speed=10000`` of the USB 3 bus,
  ``bus=5`` the first bus number, ``connect=hotplug`` what the firmware says of the ports.
* ``PORT: hub usb3``: both halves of a USB 3 hub; ``usb2`` and ``usb1`` have one. ``ports=4``, ``power=self`` or
  ``bus``, ``ids=2109:2817/2109:0817``, ``at=480`` for a USB 3 hub on a USB 2 link, ``mA=``, ``container=`` (32 digits).
* ``PORT: tpu``, ``tpu dfu``, and the other kinds of ``catalogue.USB_PARTS``. ``at=480`` is the link's speed (without
  it: the best of device and port), ``refused`` (the kernel chose no configuration), ``used`` (a program holds it),
  ``auto`` or ``auto=-1000`` (runtime power management, delay in ms), ``id=``, ``mA=``, ``driver=``, ``product=``.
* ``PORT: empty``: for what only a port has. All lines with a port take ``over-current=2`` and ``connect="not used"``.
* A port's number is that of the USB 3 half for what runs there and for USB 3 hubs, else of the USB 2 half.
"""

from __future__ import annotations

import msgspec

from etpu_doctor.evidence.sources import missing_from
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.pci import ApexNode, PciBar, PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface, UsbPort
from tests.support import machine_texts, sysfs_text
from tests.support.catalogue import HUB_IDS, PCI_PARTS, USB_PARTS, PciPart, UsbPart
from tests.support.notation import Entry, NotationError, parse

SUPERSPEED_MBPS = 5000
GENERATIONS_GTS = {"1": 2.5, "2": 5, "3": 8, "4": 16, "5": 32}
APEX_ORDER = {
    1: (0,),
    2: (0, 1),
    3: (2, 0, 1),
    4: (2, 0, 3, 1),
    5: (4, 2, 0, 3, 1),
    6: (4, 2, 0, 5, 3, 1),
    8: (6, 4, 2, 0, 7, 5, 3, 1),
}
"""The order in which a 64-bit kernel lists ``/sys/class/apex``, by the number of nodes; seen on running kernels."""


def machine(text: str) -> BuiltMachine:
    """The machine that a notation describes. Raises ``NotationError``."""
    builder = _Builder()
    for entry in parse(text):
        builder.add(entry)
    return builder.finish()


class BuiltMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as sysfs would show it, and the texts that tools would print of it.

    ``drivers`` are those of platform controllers, by their path.
    """

    usb: tuple[UsbDevice, ...]
    pci: tuple[PciFunction, ...]
    apex: tuple[ApexNode, ...]
    drivers: dict[str, str]
    host: Host | None

    def evidence(self) -> Evidence:
        """The facts, as reading a capture of the machine gives them."""
        covers = {"usb", "usb-tree", "usb-ids", "usb-power", "usb-ports"} if self.usb else set()
        covers |= {"pci", "pci-links", "pci-tree", "apex"} if self.pci else set()
        missing = tuple(missing_from(covers))
        covers |= {"host"} if self.host is not None else set()
        return Evidence(
            kind="capture",
            usb=self.usb,
            pci=self.pci,
            apex=self.apex,
            host=self.host or Host(),
            covers=tuple(sorted(covers)),
            missing=missing,
        )

    def umockdev(self) -> str:
        """The sysfs tree as a umockdev device description."""
        return sysfs_text.describe(self.usb, self.pci, self.apex, self.drivers)

    def lsusb_t(self, *, padded: bool = False, verbose: int = 0) -> str:
        """``lsusb -t`` of usbutils up to 015; with ``padded`` of the later ones."""
        return machine_texts.lsusb_t(self.usb, padded=padded, verbose=verbose)

    def lsusb(self) -> str:
        """``lsusb``."""
        return machine_texts.lsusb(self.usb)

    def lsusb_v(self) -> str:
        """``lsusb -v``, reduced."""
        return machine_texts.lsusb_v(self.usb)

    def lspci_nn(self) -> str:
        """``lspci -nn``."""
        return machine_texts.lspci_nn(self.pci)

    def lspci_vv(self) -> str:
        """``sudo lspci -nnvv``, reduced."""
        return machine_texts.lspci_vv(self.pci)

    def lspci_tv(self) -> str:
        """``lspci -tvnn``."""
        return machine_texts.lspci_tv(self.pci)

    def lspci_vmm(self) -> str:
        """``lspci -vmmnnk``."""
        return machine_texts.lspci_vmm(self.pci)


class _Half:
    """One logical hub while its ports fill up."""

    def __init__(self, device: UsbDevice) -> None:
        self.device = device
        self.speed = device.speed_mbps or 0
        self.taken: set[int] = set()
        self.over_current: dict[int, int] = {}
        self.connect: dict[int, str] = {}
        self.peers: dict[int, str] = {}
        self.usual_connect = "unknown"

    @property
    def name(self) -> str:
        """The name in sysfs."""
        return (self.device.sysfs_devpath or "").rpartition("/")[2]

    def finish(self) -> UsbDevice:
        """The device with its ports."""
        ports = tuple(self._port(number) for number in range(1, (self.device.port_count or 0) + 1))
        return msgspec.structs.replace(self.device, ports=ports or None)

    def _port(self, number: int) -> UsbPort:
        connect = self.connect.get(number, self.usual_connect)
        return UsbPort(
            number=number,
            connect_type=connect,
            location=0x80000000 + number if connect == "hotplug" else 0,
            over_current_count=self.over_current.get(number, 0),
            peer=self.peers.get(number),
            peer_known=True,
            state="configured" if number in self.taken else "not attached",
        )


class _Sockets:
    """A hub as a person sees it: its USB 2 half and its USB 3 half, one of which may be missing."""

    def __init__(self, slow: _Half | None, fast: _Half | None, shift: int = 0) -> None:
        self.slow, self.fast, self.shift = slow, fast, shift
        if slow is None or fast is None:
            return
        for number in range(1, (fast.device.port_count or 0) + 1):
            if number + shift <= (slow.device.port_count or 0):
                fast.peers[number] = f"{slow.name}-port{number + shift}"
                slow.peers[number + shift] = f"{fast.name}-port{number}"

    def fits_fast(self, port: int) -> bool:
        """Whether a port has a USB 3 half."""
        return self.fast is not None and port <= (self.fast.device.port_count or 0)

    def half(self, port: int, *, fast: bool) -> _Half:
        """The half that a link of that kind uses."""
        half = self.fast if fast and self.fits_fast(port) else self.slow
        if half is None or port > (half.device.port_count or 0):
            raise NotationError(f"there is no port {port} of that kind")
        return half


class _Builder:
    def __init__(self) -> None:
        self._devices: list[UsbDevice] = []
        self._halves: list[_Half] = []
        self._functions: list[PciFunction] = []
        self._apex: dict[int, ApexNode] = {}
        self._drivers: dict[str, str] = {}
        self._host: Host | None = None
        self._next_bus = 1
        self._next_device: dict[int, int] = {}

    def finish(self) -> BuiltMachine:
        """Everything that was added, in the order of places."""
        usb = [*self._devices, *(half.finish() for half in self._halves)]
        usb.sort(key=lambda device: (device.busnum or 0, device.port_chain or ()))
        order = APEX_ORDER.get(len(self._apex), tuple(self._apex))
        return BuiltMachine(
            usb=tuple(usb),
            pci=tuple(self._functions),
            apex=tuple(self._apex[index] for index in order if index in self._apex),
            drivers=self._drivers,
            host=self._host,
        )

    def add(self, entry: Entry) -> None:
        """A line at the top."""
        if entry.kind == "host":
            self._add_host(entry)
        elif entry.kind == "pci":
            self._add_function(entry, None)
        elif entry.kind == "platform":
            self._add_platform(entry)
        else:
            raise NotationError(f"line {entry.number}: what is {entry.kind}?")

    def _add_host(self, entry: Entry) -> None:
        self._host = Host(
            board_model=entry.word(),
            kernel_release=entry.option("kernel") or "6.12.9",
            architecture=entry.option("arch") or "x86_64",
            os_name=entry.option("os") or "Debian GNU/Linux 13 (trixie)",
            page_size_bytes=entry.number_of("page", 4096),
        )
        entry.done()

    def _add_platform(self, entry: Entry) -> None:
        path = f"/devices/platform/{entry.word()}"
        self._drivers[path] = entry.word()
        entry.done()
        for child in entry.children:
            self._add_root(child, path, self._drivers[path])

    def _add_function(self, entry: Entry, parent: PciFunction | None) -> None:
        address = entry.word()
        part = PCI_PARTS[entry.word()]
        domain, bus, _ = address.split(":")
        under = entry.option("under")
        top = f"/devices/{f'{under}/' if under else ''}pci{domain}:{bus}"
        path = f"{parent.sysfs_devpath if parent else top}/{address}"
        function = _function(entry, address, path, part, parent)
        self._functions.append(function)
        if (apex := entry.option("apex")) is not None:
            self._add_apex(int(apex), function, entry)
        entry.done()
        for child in entry.children:
            if child.kind == "pci":
                self._add_function(child, function)
            else:
                self._add_root(child, path, function.driver or "")

    def _add_apex(self, index: int, function: PciFunction, entry: Entry) -> None:
        path = f"{function.sysfs_devpath}/apex/apex_{index}"
        status = entry.option("status") or "ALIVE"
        attributes = {"pci_address": function.address, "status": status, "is_device_owned": "0"}
        # The staging driver says 1.0 and has no temperature.
        known = {"driver_version": "1.0"} if entry.flag("staging") else {"temp": entry.option("temp") or "41800"}
        attributes |= known
        seen = (Seen("sysfs", path),)
        self._apex[index] = ApexNode(
            name=f"apex_{index}", pci_address=function.address, attributes=attributes, seen=seen
        )

    def _add_root(self, entry: Entry, controller: str, driver: str) -> None:
        if entry.kind != "root":
            raise NotationError(f"line {entry.number}: a controller has roots, not {entry.kind}")
        self._next_bus = entry.number_of("bus", self._next_bus)
        speed, connect = float(entry.option("speed") or SUPERSPEED_MBPS), entry.option("connect")
        halves: dict[str, _Half] = {}
        for name, mbps in (("usb1", 12.0), ("usb2", 480.0), ("usb3", speed)):
            ports = entry.number_of(name)
            if ports:
                halves[name] = self._open_half(_root_hub(self._next_bus, controller, driver, mbps, ports))
                halves[name].usual_connect = connect or "unknown"
                self._next_bus += 1
        sockets = _Sockets(halves.get("usb2") or halves.get("usb1"), halves.get("usb3"), entry.number_of("shift"))
        entry.done()
        self._fill(entry, sockets)

    def _open_half(self, device: UsbDevice) -> _Half:
        half = _Half(device)
        self._halves.append(half)
        self._next_device.setdefault(device.busnum or 0, 2)
        return half

    def _fill(self, entry: Entry, sockets: _Sockets) -> None:
        for child in entry.children:
            if child.port is None:
                raise NotationError(f"line {child.number}: on which port?")
            self._plug(child, sockets, child.port)
            child.done()

    def _plug(self, entry: Entry, sockets: _Sockets, port: int) -> None:
        if entry.kind == "empty":
            half = sockets.half(port, fast=sockets.fits_fast(port))
        elif entry.kind == "hub":
            half = self._plug_hub(entry, sockets, port)
        else:
            half = self._plug_device(entry, sockets, port)
        if (count := entry.number_of("over-current")) > 0:
            half.over_current[port] = count
        if (connect := entry.option("connect")) is not None:
            half.connect[port] = connect

    def _plug_device(self, entry: Entry, sockets: _Sockets, port: int) -> _Half:
        part = USB_PARTS["tpu-dfu" if entry.kind == "tpu" and entry.flag("dfu") else entry.kind]
        at = entry.option("at")
        fast = part.most_mbps >= SUPERSPEED_MBPS if at is None else float(at) >= SUPERSPEED_MBPS
        half = sockets.half(port, fast=fast)
        speed = min(part.most_mbps, half.speed) if at is None else float(at)
        self._devices.append(_usb_device(entry, part, self._place(half, port, speed)))
        return half

    def _place(self, half: _Half, port: int, speed: float) -> UsbDevice:
        """A device of that speed on a port: bus, number, chain and path."""
        if port in half.taken:
            raise NotationError(f"port {port} of {half.name} is taken")
        half.taken.add(port)
        hub = half.device
        busnum, chain = hub.busnum or 0, (*(hub.port_chain or ()), port)
        number = self._next_device[busnum]
        self._next_device[busnum] = number + 1
        path = f"{hub.sysfs_devpath}/{busnum}-{'.'.join(map(str, chain))}"
        return UsbDevice(
            busnum=busnum,
            devnum=number,
            port_chain=chain,
            speed_mbps=speed,
            rx_lanes=1,
            tx_lanes=1,
            configured=True,
            authorized=True,
            runtime_control="on",
            runtime_status="active",
            autosuspend_delay_ms=2000,
            controller=hub.controller,
            sysfs_devpath=path,
            seen=(Seen("sysfs", path),),
        )

    def _plug_hub(self, entry: Entry, sockets: _Sockets, port: int) -> _Half:
        version = entry.word()
        slow_id, fast_id = _two_ids(entry.option("ids")) or HUB_IDS[version]
        ports, self_powered = entry.number_of("ports", 4), entry.option("power") != "bus"
        shape = _HubShape(version, ports, self_powered, entry.option("mA"), entry.option("container"))
        at = float(entry.option("at") or SUPERSPEED_MBPS)
        fast = version == "usb3" and sockets.fits_fast(port) and at >= SUPERSPEED_MBPS
        slow_port = port + sockets.shift if fast else port
        slow_half = sockets.half(slow_port, fast=False)
        speed = min(12.0 if version == "usb1" else 480.0, slow_half.speed)
        slow = self._open_half(shape.hub(self._place(slow_half, slow_port, speed), slow_id))
        used, upper = slow_half, None
        if fast:
            used = sockets.half(port, fast=True)
            upper = self._open_half(shape.hub(self._place(used, port, SUPERSPEED_MBPS), fast_id))
        self._fill(entry, _Sockets(slow, upper))
        return used


class _HubShape(msgspec.Struct, frozen=True):
    """What both halves of a hub have in common."""

    version: str
    ports: int
    self_powered: bool
    power_ma: str | None
    container: str | None

    def hub(self, place: UsbDevice, identity: tuple[int, int]) -> UsbDevice:
        """One half."""
        fast = (place.speed_mbps or 0) >= SUPERSPEED_MBPS
        usb3 = self.version == "usb3"
        usual = 0 if self.self_powered else 96 if fast else 100
        protocol = 3 if fast else 1 if place.speed_mbps == 480 else 0
        return msgspec.structs.replace(
            place,
            vendor_id=identity[0],
            product_id=identity[1],
            bcd_usb=0x0310 if fast else 0x0210 if usb3 else 0x0200 if self.version == "usb2" else 0x0110,
            bcd_device=0x1274,
            device_class=9,
            device_protocol=protocol,
            max_power_ma=usual if self.power_ma is None else int(self.power_ma),
            self_powered=self.self_powered,
            interfaces=(_hub_interface(),),
            port_count=self.ports,
            container_id=self.container if usb3 else None,
            superspeed_capable=True if usb3 else None,
            runtime_control="auto",
            autosuspend_delay_ms=0,
        )


def _hub_interface() -> UsbInterface:
    return UsbInterface(
        number=0, class_code=9, subclass_code=0, protocol_code=0, endpoint_count=1, driver="hub", driver_known=True
    )


def _root_hub(busnum: int, controller: str, driver: str, mbps: float, ports: int) -> UsbDevice:
    path = f"{controller}/usb{busnum}"
    name = controller.rpartition("/")[2]
    fast = mbps >= SUPERSPEED_MBPS
    version = 3 if fast else 2 if mbps == 480 else 1
    return UsbDevice(
        busnum=busnum,
        devnum=1,
        port_chain=(),
        vendor_id=0x1D6B,
        product_id=version,
        vendor_name=f"Linux 6.12.9 {driver}",
        product_name="xHCI Host Controller" if driver.startswith("xhci") else "Host Controller",
        serial=name,
        bcd_usb={3: 0x0310, 2: 0x0200, 1: 0x0110}[version],
        bcd_device=0x0612,
        device_class=9,
        device_protocol={3: 3, 2: 1, 1: 0}[version],
        speed_mbps=mbps,
        rx_lanes=1,
        tx_lanes=1,
        configured=True,
        authorized=True,
        max_power_ma=0,
        self_powered=True,
        interfaces=(_hub_interface(),),
        port_count=ports,
        root_driver=driver or None,
        superspeed_capable=True if fast else None,
        runtime_control="auto",
        runtime_status="active",
        autosuspend_delay_ms=0,
        controller=name,
        sysfs_devpath=path,
        seen=(Seen("sysfs", path),),
    )


def _usb_device(entry: Entry, part: UsbPart, place: UsbDevice) -> UsbDevice:
    fast = (place.speed_mbps or 0) >= SUPERSPEED_MBPS
    refused = entry.flag("refused")
    used = "usbfs" if entry.flag("used") else entry.option("driver")
    delay = "2000" if entry.flag("auto") else entry.option("auto")
    identity = entry.option("id")
    usb_id = _one_id(identity) if identity else part.usb_id
    maker, product, serial = part.strings
    superspeed = part.most_mbps >= SUPERSPEED_MBPS
    return msgspec.structs.replace(
        place,
        vendor_id=usb_id[0],
        product_id=usb_id[1],
        vendor_name=maker,
        product_name=entry.option("product") or product,
        serial=serial,
        bcd_usb=0x0310 if fast else 0x0210 if superspeed else 0x0200 if part.most_mbps == 480 else 0x0110,
        bcd_device=part.bcd_device,
        device_class=0,
        device_protocol=0,
        configured=not refused,
        max_power_ma=entry.number_of("mA", part.power_ma[fast]),
        self_powered=part.self_powered,
        interfaces=() if refused else _interfaces(part, used),
        port_count=0,
        superspeed_capable=superspeed or None,
        runtime_control="on" if delay is None else "auto",
        autosuspend_delay_ms=2000 if delay is None else int(delay),
    )


def _interfaces(part: UsbPart, driver: str | None) -> tuple[UsbInterface, ...]:
    return tuple(
        UsbInterface(
            number=number,
            class_code=interface.codes[0],
            subclass_code=interface.codes[1],
            protocol_code=interface.codes[2],
            endpoint_count=interface.endpoints,
            driver=driver or interface.driver,
            driver_known=True,
        )
        for number, interface in enumerate(part.interfaces)
    )


def _one_id(text: str) -> tuple[int, int]:
    vendor, _, product = text.partition(":")
    return int(vendor, 16), int(product, 16)


def _two_ids(text: str | None) -> tuple[tuple[int, int], tuple[int, int]] | None:
    if text is None:
        return None
    slow, _, fast = text.partition("/")
    return _one_id(slow), _one_id(fast or slow)


def _function(entry: Entry, address: str, path: str, part: PciPart, parent: PciFunction | None) -> PciFunction:
    now, most = _link(entry.option("link"))
    is_tpu = part.pci_id == PCI_PARTS["edgetpu"].pci_id
    identity = entry.option("id")
    pci_id = _one_id(identity) if identity else part.pci_id
    buses = _buses(entry) if part.class_code == 0x0604 else (None, None)
    driver = entry.option("driver") or part.driver
    function = PciFunction(
        address=address,
        vendor_id=pci_id[0],
        device_id=pci_id[1],
        class_code=part.class_code,
        prog_if=part.prog_if,
        driver=None if driver == "none" else driver,
        driver_known=True,
        current_link_speed_gts=now[0],
        current_link_width=now[1],
        max_link_speed_gts=most[0],
        max_link_width=most[1],
        parent=parent.address if parent is not None else None,
        parent_known=True,
        secondary_bus=buses[0],
        subordinate_bus=buses[1],
        sysfs_devpath=path,
        seen=(Seen("sysfs", path),),
    )
    return _edge_tpu(entry, function) if is_tpu else function


def _edge_tpu(entry: Entry, function: PciFunction) -> PciFunction:
    """What sysfs is asked of an Edge TPU alone."""
    ones = entry.flag("ones")
    unassigned = entry.option("bars") == "unassigned"
    msix = entry.option("msix")
    enabled = None if ones else not unassigned
    return msgspec.structs.replace(
        function,
        subsystem_vendor_id=function.vendor_id,
        subsystem_device_id=function.device_id,
        revision=0,
        current_link_speed_gts=None if ones else function.current_link_speed_gts,
        current_link_width=None if ones else function.current_link_width,
        bars=(
            PciBar(index=0, size_bytes=16384, assigned=True),
            PciBar(index=2, size_bytes=1 << 20, assigned=not unassigned),
        ),
        memory_enabled=enabled,
        bus_master=enabled,
        msix_enabled=None if msix is None or ones else msix == "on",
        config_all_ones=ones,
    )


def _link(text: str | None) -> tuple[tuple[float | None, int | None], tuple[float | None, int | None]]:
    if text is None:
        return (None, None), (None, None)
    now, _, most = text.partition("/")
    return _one_link(now), _one_link(most or now)


def _one_link(text: str) -> tuple[float, int]:
    generation, _, lanes = text.partition("x")
    return GENERATIONS_GTS[generation], int(lanes)


def _buses(entry: Entry) -> tuple[int, int]:
    """The range of buses below a bridge: what its lines say, and ``bus=`` where it has none."""
    own = entry.option("bus")
    below = _buses_below(entry)
    if own is not None:
        below.append(int(own, 16))
    if not below:
        raise NotationError(f"line {entry.number}: a bridge with nothing below needs bus=")
    return min(below), max(below)


def _buses_below(entry: Entry) -> list[int]:
    found = []
    for child in entry.children:
        if child.kind == "pci":
            found.append(int(child.flags[0].split(":")[1], 16))
            found += _buses_below(child)
            if "bus" in child.options:
                found.append(int(child.options["bus"], 16))
    return found
