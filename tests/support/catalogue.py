"""The devices that built machines are made of: ids, interfaces, declared power, names in usb.ids and pci.ids.

The Edge TPU's entries follow the descriptors in the firmware that libedgetpu ships; what a fresh one declares at high
speed is not documented, 500 mA is an assumption.
"""

from __future__ import annotations

from typing import NamedTuple

CLASS_NAMES = {
    0x01: "Audio",
    0x03: "Human Interface Device",
    0x08: "Mass Storage",
    0x09: "Hub",
    0x0E: "Video",
    0xFE: "Application Specific Interface",
    0xFF: "Vendor Specific Class",
}
"""USB class names as ``lsusb -t`` prints them."""


class InterfacePart(NamedTuple):
    """One interface: class, subclass, protocol, number of endpoints, driver."""

    codes: tuple[int, int, int]
    endpoints: int
    driver: str | None = None


class UsbPart(NamedTuple):
    """A USB device. ``power_ma`` is declared below and at SuperSpeed; ``strings`` are maker, product and serial."""

    usb_id: tuple[int, int]
    listed: str
    interfaces: tuple[InterfacePart, ...]
    most_mbps: float
    power_ma: tuple[int, int]
    self_powered: bool = False
    strings: tuple[str | None, str | None, str | None] = (None, None, None)
    bcd_device: int = 0x0100


USB_PARTS = {
    "tpu": UsbPart(
        (0x18D1, 0x9302), "Google Inc.", (InterfacePart((0xFF, 0xFF, 0xFF), 6),), 5000, (98, 96), self_powered=True
    ),
    "tpu-dfu": UsbPart((0x1A6E, 0x089A), "Global Unichip Corp.", (InterfacePart((0xFE, 1, 2), 0),), 5000, (500, 896)),
    "storage": UsbPart(
        (0x152D, 0x0578),
        "JMicron Technology Corp. / JMicron USA Technology Corp. JMS578 SATA 6Gb/s",
        (InterfacePart((8, 6, 0x62), 4, "uas"),),
        5000,
        (500, 896),
        strings=("JMicron", "External Disk", "DB98765432100"),
    ),
    "webcam": UsbPart(
        (0x046D, 0x0825),
        "Logitech, Inc. Webcam C270",
        (
            InterfacePart((0x0E, 1, 0), 1, "uvcvideo"),
            InterfacePart((0x0E, 2, 0), 0, "uvcvideo"),
            InterfacePart((1, 1, 0), 0, "snd-usb-audio"),
            InterfacePart((1, 2, 0), 0, "snd-usb-audio"),
        ),
        480,
        (500, 500),
        strings=(None, None, "F9E8D7C6"),
    ),
    "nic": UsbPart(
        (0x0BDA, 0x8153),
        "Realtek Semiconductor Corp. RTL8153 Gigabit Ethernet Adapter",
        (InterfacePart((0xFF, 0xFF, 0), 3, "r8152"),),
        5000,
        (200, 288),
        strings=("Realtek", "USB 10/100/1000 LAN", "000001"),
    ),
    "smsc95xx": UsbPart(
        (0x0424, 0xEC00),
        "Microchip Technology, Inc. (formerly SMSC) SMSC9512/9514 Fast Ethernet Adapter",
        (InterfacePart((0xFF, 0, 0xFF), 3, "smsc95xx"),),
        480,
        (2, 2),
        self_powered=True,
    ),
    "keyboard": UsbPart(
        (0x046D, 0xC31C),
        "Logitech, Inc. Keyboard K120",
        (InterfacePart((3, 1, 1), 1, "usbhid"), InterfacePart((3, 0, 0), 1, "usbhid")),
        1.5,
        (90, 90),
        strings=("Logitech", "USB Keyboard", None),
    ),
    "serial": UsbPart(
        (0x0403, 0x6001),
        "Future Technology Devices International, Ltd FT232 Serial (UART) IC",
        (InterfacePart((0xFF, 0xFF, 0xFF), 2, "ftdi_sio"),),
        12,
        (90, 90),
        strings=("FTDI", "FT232R USB UART", "A50285BI"),
    ),
    "movidius": UsbPart(
        (0x03E7, 0x2485),
        "Intel Movidius MyriadX",
        (InterfacePart((0xFF, 0, 0), 2),),
        480,
        (500, 500),
        strings=("Movidius Ltd.", "Movidius MyriadX", "03e72485"),
    ),
}
"""By the word of the notation."""

HUB_IDS = {
    "usb3": ((0x2109, 0x2817), (0x2109, 0x0817)),
    "usb2": ((0x05E3, 0x0608), (0x05E3, 0x0608)),
    "usb1": ((0x0409, 0x55AA), (0x0409, 0x55AA)),
}
"""Default ids of hubs: of the USB 2 half, and of the USB 3 half."""

USB_NAMES = {
    (0x2109, 0x2817): "VIA Labs, Inc. USB2.0 Hub",
    (0x2109, 0x0817): "VIA Labs, Inc. USB3.0 Hub",
    (0x2109, 0x3431): "VIA Labs, Inc. Hub",
    (0x05E3, 0x0608): "Genesys Logic, Inc. Hub",
    (0x05E3, 0x0610): "Genesys Logic, Inc. Hub",
    (0x05E3, 0x0626): "Genesys Logic, Inc. USB3.1 Hub",
    (0x0409, 0x55AA): "NEC Corp. Hub",
    (0x0424, 0x9514): "Microchip Technology, Inc. (formerly SMSC) SMC9514 Hub",
    (0x1D6B, 0x0001): "Linux Foundation 1.1 root hub",
    (0x1D6B, 0x0002): "Linux Foundation 2.0 root hub",
    (0x1D6B, 0x0003): "Linux Foundation 3.0 root hub",
}
"""Names that ``lsusb`` prints for hubs."""


class PciPart(NamedTuple):
    """A PCI function: ids, class and programming interface, the usual driver, and what pci.ids calls it."""

    pci_id: tuple[int, int]
    class_code: int
    prog_if: int
    driver: str | None
    vendor_name: str
    device_name: str


PCI_PARTS = {
    "bridge": PciPart((0x8086, 0xA338), 0x0604, 0, "pcieport", "Intel Corporation", "PCI Express Root Port"),
    "xhci": PciPart((0x8086, 0xA36D), 0x0C03, 0x30, "xhci_hcd", "Intel Corporation", "USB 3.1 xHCI Host Controller"),
    "ehci": PciPart((0x8086, 0x1E26), 0x0C03, 0x20, "ehci-pci", "Intel Corporation", "USB Enhanced Host Controller"),
    "ohci": PciPart((0x1022, 0x7807), 0x0C03, 0x10, "ohci-pci", "AMD", "FCH USB OHCI Controller"),
    "uhci": PciPart((0x8086, 0x2934), 0x0C03, 0x00, "uhci_hcd", "Intel Corporation", "USB UHCI Controller"),
    "edgetpu": PciPart((0x1AC1, 0x089A), 0x0880, 0xFF, None, "Global Unichip Corp.", "Coral Edge TPU"),
    "hailo": PciPart((0x1E60, 0x2864), 0x0B40, 0, "hailo", "Hailo Technologies Ltd.", "Hailo-8 AI Processor"),
    "nic": PciPart((0x10EC, 0x8168), 0x0200, 0, "r8169", "Realtek Semiconductor Co., Ltd.", "RTL8111/8168/8411"),
    "nvme": PciPart((0x144D, 0xA808), 0x0108, 2, "nvme", "Samsung Electronics Co Ltd", "NVMe SSD Controller"),
}
"""By the word of the notation."""

PCI_CLASS_NAMES = {
    0x0108: "Non-Volatile memory controller",
    0x0200: "Ethernet controller",
    0x0604: "PCI bridge",
    0x0880: "System peripheral",
    0x0B40: "Co-processor",
    0x0C03: "USB controller",
}
"""Class names as ``lspci`` prints them."""
