"""Random USB trees, and the text in which ``lsusb -t`` would print them.

The printer follows usbutils ``lsusb-t.c``: version 015 and older with ``padded=False``, later ones with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, groupby

from hypothesis import strategies as st

from etpu_doctor.facts.usb import UsbDevice, UsbInterface

_CLASSES = (
    (0xFF, "Vendor Specific Class"),
    (0xFE, "Application Specific Interface"),
    (0x08, "Mass Storage"),
    (0x03, "Human Interface Device"),
    (0x0B, "Chip/SmartCard"),
    (None, None),
)
_DRIVERS = (None, "usbfs", "usb-storage", "snd-usb-audio", "ax88179_178a")
_NAMES = (None, "Google Inc.", "Global Unichip Corp.", "Microchip Technology, Inc. (formerly SMSC) USB 2.0 Hub")
_ROOTS = (("xhci_hcd", 480), ("xhci_hcd", 5000), ("xhci-hcd", 10000), ("xhci_hcd", 20000), ("uhci_hcd", 12))
_MAX_LEVELS = 6


def render(devices: Iterable[UsbDevice], *, padded: bool, verbose: int = 0) -> str:
    """Print devices, root hubs among them, as ``lsusb -t`` does with that many ``-v``."""
    ordered = sorted(devices, key=lambda device: (device.busnum or 0, device.port_chain or ()))
    buses = [list(bus) for _, bus in groupby(ordered, key=lambda device: device.busnum)]
    lines = [
        line
        for bus in (buses if padded else reversed(buses))
        for device in bus
        for line in _lines(device, padded=padded, verbose=verbose)
    ]
    return "".join(f"{line}\n" for line in lines)


def _lines(device: UsbDevice, *, padded: bool, verbose: int) -> Iterator[str]:
    notes = list(_notes(device, verbose))
    for entry in _entries(device, padded=padded):
        yield entry
        yield from notes


def _entries(device: UsbDevice, *, padded: bool) -> Iterator[str]:
    width = 3 if padded else 1
    speed = f"{device.speed_mbps:g}M{_lanes(device)}"
    if not device.port_chain:
        yield (
            f"/:  Bus {device.busnum:0{width if padded else 2}}.Port {1:0{width}}: Dev {device.devnum:0{width}}, "
            f"Class=root_hub, Driver={device.root_driver or ''}/{device.port_count}p, {speed}"
        )
        return
    head = f"{'    ' * len(device.port_chain)}|__ Port {device.port_chain[-1]:0{width}}: Dev {device.devnum:0{width}}, "
    if padded and not device.interfaces:
        yield head + speed
    for interface in device.interfaces or ():
        name = interface.class_name or ("[unknown]" if padded else "")
        driver = interface.driver or ("[none]" if padded else "")
        ports = f"/{device.port_count}p" if interface.class_code == 0x09 else ""
        yield f"{head}If {interface.number}, Class={name}, Driver={driver}{ports}, {speed}"


def _lanes(device: UsbDevice) -> str:
    if device.tx_lanes != device.rx_lanes:
        return f"/Tx{device.tx_lanes}+Rx{device.rx_lanes}"
    return f"/x{device.tx_lanes}" if (device.tx_lanes or 1) > 1 else ""


def _notes(device: UsbDevice, verbose: int) -> Iterator[str]:
    chain = device.port_chain or ()
    indent = "    " * (len(chain) + 1)
    name = f"{device.busnum}-{'.'.join(map(str, chain))}" if chain else f"usb{device.busnum}"
    if verbose >= 1:
        yield f"{indent}ID {device.vendor_id or 0:04x}:{device.product_id or 0:04x} {device.vendor_name or ''} "
    if verbose >= 2:
        yield f"{indent}/sys/bus/usb/devices/{name}  /dev/bus/usb/{device.busnum:03}/{device.devnum:03}"
    if verbose >= 3:
        strings = f"Product={device.product_name or ''} Serial={device.serial or ''}"
        yield f"{indent}Manufacturer=[unknown] {strings}"


@st.composite
def usb_devices(draw: st.DrawFn, *, unconfigured: bool = False) -> list[UsbDevice]:
    """Random buses with all their devices; with ``unconfigured``, some have no interfaces."""
    buses = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True))
    return [device for busnum in buses for device in draw(_bus(busnum, unconfigured=unconfigured))]


@st.composite
def _bus(draw: st.DrawFn, busnum: int, *, unconfigured: bool) -> list[UsbDevice]:
    driver, speed = draw(st.sampled_from(_ROOTS))
    root = draw(_identified(UsbDevice(busnum=busnum, devnum=1, port_chain=(), speed_mbps=speed, root_driver=driver)))
    devices = [_with(root, port_count=draw(st.integers(1, 12)))]
    numbers = count(2)
    hubs = [devices[0]]
    budget = draw(st.integers(0, 14))
    while hubs and budget > len(devices):
        hub = hubs.pop()
        for port in draw(st.lists(st.integers(1, hub.port_count or 1), max_size=4, unique=True)):
            chain = (*(hub.port_chain or ()), port)
            child = UsbDevice(busnum=busnum, devnum=next(numbers), port_chain=chain, speed_mbps=hub.speed_mbps)
            devices.append(draw(_device(child, unconfigured=unconfigured)))
            if devices[-1].port_count:
                hubs.append(devices[-1])
    return devices


@st.composite
def _device(draw: st.DrawFn, device: UsbDevice, *, unconfigured: bool) -> UsbDevice:
    """Say what is connected there: a hub, or something else."""
    device = draw(_identified(_with(device, speed_mbps=draw(st.sampled_from(_slower(device.speed_mbps or 12))))))
    if len(device.port_chain or ()) < _MAX_LEVELS and draw(st.booleans()):
        hub = UsbInterface(number=0, class_code=0x09, class_name="Hub", driver="hub", driver_known=True)
        return _with(device, port_count=draw(st.integers(1, 7)), interfaces=(hub,), configured=True)
    interface_count = draw(st.integers(0 if unconfigured else 1, 3))
    interfaces = tuple(draw(_interface(number)) for number in range(interface_count))
    return _with(device, port_count=0, interfaces=interfaces, configured=bool(interfaces))


@st.composite
def _interface(draw: st.DrawFn, number: int) -> UsbInterface:
    code, name = draw(st.sampled_from(_CLASSES))
    driver = draw(st.sampled_from(_DRIVERS))
    return UsbInterface(number=number, class_code=code, class_name=name, driver=driver, driver_known=True)


@st.composite
def _identified(draw: st.DrawFn, device: UsbDevice) -> UsbDevice:
    """Give a device ids, names and lanes."""
    ids = st.integers(0, 0xFFFF)
    return _with(
        device,
        vendor_id=draw(ids),
        product_id=draw(ids),
        vendor_name=draw(st.sampled_from(_NAMES)),
        product_name=draw(st.sampled_from((None, "USB3.1 Hub"))),
        serial=draw(st.sampled_from((None, "0000:00:14.0"))),
        rx_lanes=draw(st.integers(1, 2)),
        tx_lanes=draw(st.integers(1, 2)),
    )


def _slower(mbps: float) -> list[float]:
    """The speeds that a device behind such a hub can have."""
    speeds: list[float] = [5000, 10000, 20000] if mbps >= 5000 else [1.5, 12, 480]
    return [speed for speed in speeds if speed <= mbps]


def _with(device: UsbDevice, **changes: object) -> UsbDevice:
    fields = {name: getattr(device, name) for name in device.__struct_fields__}
    return UsbDevice(**{**fields, **changes})
