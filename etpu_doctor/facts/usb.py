"""USB devices, interfaces and hub ports as the evidence shows them.

Terms are those of the USB specification and of the kernel's ``Documentation/ABI/testing/sysfs-bus-usb``.
"""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.seen import Seen


class UsbInterface(msgspec.Struct, frozen=True, kw_only=True):
    """One interface of the active configuration.

    ``driver`` is meaningful only with ``driver_known``: ``None`` then means that no driver is bound.
    ``class_name`` is the name ``lsusb -t`` prints where the code is not known.
    """

    number: int
    class_code: int | None = None
    subclass_code: int | None = None
    protocol_code: int | None = None
    class_name: str | None = None
    endpoint_count: int | None = None
    driver: str | None = None
    driver_known: bool = False


class UsbPort(msgspec.Struct, frozen=True, kw_only=True):
    """One downstream port of a hub (``/sys/bus/usb/devices/<hub>:1.0/<hub>-portN``).

    ``connect_type`` is ``hotplug``, ``hardwired``, ``not used`` or ``unknown``; ``location`` the ACPI physical
    location (0 = none given); ``peer`` the name of the other half of the same physical port (``usb2-port1``),
    ``peer_known`` whether the evidence would have shown one.
    """

    number: int
    connect_type: str | None = None
    location: int | None = None
    over_current_count: int | None = None
    peer: str | None = None
    peer_known: bool = False
    state: str | None = None


class UsbDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One USB device, root hubs included.

    * ``port_chain``: port numbers from the root hub down, ``()`` for a root hub, ``None`` if not known.
      ``chain_certain`` is false where the place was rebuilt from a listing whose indentation was lost and more
      than one tree fits.
    * ``speed_mbps``: the *negotiated* speed; 1.5, 12, 480, 5000, 10000, 20000. ``speed_inferred`` where it
      follows from the bus and was not itself printed.
    * ``bcd_usb``, ``bcd_device``: binary-coded decimal as in the descriptor (0x0310 = 3.10).
    * ``max_power_ma``, ``self_powered``: what the active configuration *declares*, in mA after scaling
      (2 mA units at USB 2, 8 mA at SuperSpeed).
    * ``configured``: false if the kernel chose no configuration, or one without a single interface.
    * ``port_count``: number of downstream ports, 0 for what is no hub.
    * ``root_driver``: host controller driver, on root hubs only (``xhci_hcd``, ``ehci-pci``, ``vhci_hcd`` ...).
    * ``sysfs_devpath``: the device's full path below ``/sys`` (``/devices/pci0000:00/.../usb2/2-1``).
    * ``controller``: PCI address of the host controller, or the name of a platform device.
    * ``runtime_control``: ``on`` or ``auto``; ``runtime_status``: ``active``, ``suspended`` ...
    * ``ports``: for hubs, ``None`` if not known.
    """

    busnum: int | None = None
    devnum: int | None = None
    port_chain: tuple[int, ...] | None = None
    chain_certain: bool = True
    vendor_id: int | None = None
    product_id: int | None = None
    vendor_name: str | None = None
    product_name: str | None = None
    serial: str | None = None
    bcd_usb: int | None = None
    bcd_device: int | None = None
    device_class: int | None = None
    device_protocol: int | None = None
    speed_mbps: float | None = None
    speed_inferred: bool = False
    rx_lanes: int | None = None
    tx_lanes: int | None = None
    configured: bool | None = None
    authorized: bool | None = None
    max_power_ma: int | None = None
    self_powered: bool | None = None
    interfaces: tuple[UsbInterface, ...] | None = None
    port_count: int | None = None
    ports: tuple[UsbPort, ...] | None = None
    root_driver: str | None = None
    container_id: str | None = None
    superspeed_capable: bool | None = None
    removable: str | None = None
    runtime_control: str | None = None
    runtime_status: str | None = None
    autosuspend_delay_ms: int | None = None
    controller: str | None = None
    sysfs_devpath: str | None = None
    seen: tuple[Seen, ...] = ()
