"""The indented lines below a device in ``lspci -k``, ``-v``, ``-vv`` and ``-vvv``.

Source of the shapes: pciutils ``lspci.c``, ``ls-caps.c``, ``ls-kernel.c``, releases 2.2 to 3.13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from etpu_doctor.evidence.formats.lspci_common import hex_after, hex_value, parse_named
from etpu_doctor.facts.pci import PciBar, PciFunction

if TYPE_CHECKING:
    from collections.abc import Callable

_LAST_BAR = 5
_SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_PORT_TYPES = (
    "Endpoint",
    "Legacy Endpoint",
    "Root Port",
    "Upstream Port",
    "Downstream Port",
    "PCI-Express to PCI/PCI-X Bridge",
    "PCI/PCI-X to PCI-Express Bridge",
    "Root Complex Integrated Endpoint",
    "Root Complex Event Collector",
)
# First words that carry no fact wanted here, but tell a detail line whose indentation was lost.
_PLAIN_STARTS = (
    *("DeviceName:", "Physical Slot:", "Latency:", "Interrupt:", "NUMA node:", "IOMMU group:", "BIST "),
    *("Expansion ROM at", "I/O behind bridge", "I/O window", "Memory behind bridge", "Memory window"),
    *("Prefetchable memory", "Secondary status:", "BridgeCtl:", "PriDiscTmr", "16-bit legacy interface"),
    *("DevCap:", "DevCtl:", "DevSta:", "DevCap2:", "DevCtl2:", "LnkCap2:", "LnkCtl2:", "LnkSta2:"),
    *("SltCap:", "SltCtl:", "SltSta:", "RootCap:", "RootCtl:", "RootSta:", "RootCmd:", "AtomicOpsC", "Slot #"),
    *("Vector table:", "PBA:", "Address:", "Masking:", "Bridge:", "UESta:", "UEMsk:", "UESvrt:", "CESta:"),
    *("CEMsk:", "AERCap:", "HeaderLog:", "ErrorSrc:", "ACSCap:", "ACSCtl:", "L1SubCap:", "L1SubCtl", "VC0:"),
    *("Transmit Margin:", "Compliance Preset", "EqualizationPhase", "MaxPayload", "Changed:", "Control:", "Status:"),
)


class Details(msgspec.Struct):
    """What the lines below one header said so far; ``None`` where they said nothing.

    * ``any_line``: a detail was seen, so the listing was made with -k or -v.
    * ``began``: a line was seen that opens an unfiltered block, so that the lack of a later line means something.
    * ``kernel_line``: a line about driver or modules was seen; the driver is printed before the modules.
    * ``good_header``: the configuration space gave sensible values; ``bad_header``: it read all ones.
    * ``virtual_bars``: the device had forgotten its addresses, after which lspci prints no ``[disabled]``.
    """

    any_line: bool = False
    began: bool = False
    kernel_line: bool = False
    capabilities: bool = False
    link_status: bool = False
    good_header: bool = False
    bad_header: bool = False
    virtual_bars: bool = False
    next_bar: int = 0
    bars: dict[int, PciBar] = {}
    memory_decoded: bool | None = None
    memory_enabled: bool | None = None
    bus_master: bool | None = None
    subsystem_vendor_id: int | None = None
    subsystem_device_id: int | None = None
    secondary_bus: int | None = None
    subordinate_bus: int | None = None
    port_type: str | None = None
    current_link_speed_gts: float | None = None
    current_link_width: int | None = None
    max_link_speed_gts: float | None = None
    max_link_width: int | None = None
    aspm: tuple[str, ...] | None = None
    msix_enabled: bool | None = None
    msix_vector_count: int | None = None
    driver: str | None = None
    modules: tuple[str, ...] = ()

    def take(self, text: str) -> bool:
        """Read one stripped, non-empty line; false if it is not known to be a detail line."""
        word, _, rest = text.expandtabs(1).partition(" ")
        handler = _HANDLERS.get(word)
        if handler is None and ":" in word:  # the tab behind the colon was lost
            name, _, rest = text.partition(":")
            handler = _HANDLERS.get(f"{name}:")
        if handler is not None and handler(self, rest.lstrip()):
            self.any_line = True
            return True
        if text.startswith(_PLAIN_STARTS) or _is_flag(word):
            self.any_line = True
            return True
        return _is_dump_offset(word)

    def apply(self, header: PciFunction, *, complete: bool) -> PciFunction:
        """Join the header with these details.

        ``complete`` says that the block is known to be whole, so that a missing driver line means "no driver".
        """
        all_ones = self._all_ones(header)
        memory_enabled = self.memory_decoded if self.memory_enabled is None else self.memory_enabled
        bars = tuple(self.bars[index] for index in sorted(self.bars)) if self.bars else None
        if all_ones and bars is not None:  # the command register was not readable: the lack of [disabled] says nothing
            memory_enabled = None
            bars = tuple(msgspec.structs.replace(bar, enabled=None) for bar in bars)
        return msgspec.structs.replace(
            header,
            config_all_ones=all_ones,
            subsystem_vendor_id=self.subsystem_vendor_id,
            subsystem_device_id=self.subsystem_device_id,
            driver=self.driver,
            driver_known=self.kernel_line or complete,
            modules=self.modules,
            current_link_speed_gts=self.current_link_speed_gts,
            current_link_width=self.current_link_width,
            max_link_speed_gts=self.max_link_speed_gts,
            max_link_width=self.max_link_width,
            aspm=self.aspm,
            secondary_bus=self.secondary_bus,
            subordinate_bus=self.subordinate_bus,
            port_type=self.port_type,
            bars=bars,
            memory_enabled=memory_enabled,
            bus_master=self.bus_master,
            msix_enabled=self.msix_enabled,
            msix_vector_count=self.msix_vector_count,
        )

    def _all_ones(self, header: PciFunction) -> bool | None:
        if self.bad_header:
            return True
        return False if self.good_header else header.config_all_ones


def _is_flag(word: str) -> bool:
    """Whether a word looks like ``ExtTag-``: lines that a terminal wrapped begin so."""
    return len(word) > len("D1-") and word[-1] in "+-" and word[:-1].isalnum()


def _is_dump_offset(word: str) -> bool:
    """Whether a word looks like the ``f0:`` before a row of ``lspci -x``."""
    return word.endswith(":") and (hex_value(word[:-1], 2) is not None or hex_value(word[:-1], 3) is not None)


def _subsystem(details: Details, rest: str) -> bool:
    _, details.subsystem_vendor_id, details.subsystem_device_id = parse_named(rest)
    details.began = True
    return True


def _control(details: Details, rest: str) -> bool:
    """``Control: I/O- Mem+ BusMaster+ ...``; a slot's ``Control: AttnInd Off`` has no ``Mem``."""
    flags = rest.split()
    if "Mem+" not in flags and "Mem-" not in flags:
        return False
    details.memory_enabled = "Mem+" in flags
    details.bus_master = _either(flags, "BusMaster")
    details.good_header |= any(flag.endswith("-") for flag in flags)
    details.began = True
    return True


def _status(details: Details, rest: str) -> bool:
    """``Status: Cap+ 66MHz- ...``; the power management's ``Status: D0`` says nothing of the header."""
    details.good_header |= rest.startswith(("Cap+", "Cap-")) and "DEVSEL=" in rest and "66MHz-" in rest
    return True


def _flags(details: Details, rest: str) -> bool:
    """``Flags: bus master, fast devsel, latency 0, IRQ 16`` of -v; power management has ``Flags: PMEClk-``."""
    if "devsel" in rest:
        details.bus_master = "bus master" in rest
        details.good_header = True
        details.began = True
    return True


def _complaint(details: Details, rest: str) -> bool:
    if rest.startswith("Unknown header type 7f"):
        details.bad_header = True
        details.began = True
    return True


def _dump_row(details: Details, rest: str) -> bool:
    """The first row of ``lspci -x``; it is no detail line, as -x alone prints no driver."""
    details.bad_header |= rest.startswith("ff ff ff ff")
    return False


def _region(details: Details, rest: str) -> bool:
    number, _, where = rest.partition(":")
    index = int(number) if number.isdecimal() and number.isascii() and len(number) == 1 else None
    if index is None or index > _LAST_BAR:
        return False
    _add_bar(details, index, where)
    return True


def _memory(details: Details, rest: str) -> bool:
    return rest.startswith("at ") and _count_bar(details, f"Memory {rest}")


def _ports(details: Details, rest: str) -> bool:
    return rest.startswith("ports at ") and _count_bar(details, f"I/O {rest}")


def _virtual(details: Details, rest: str) -> bool:
    return rest.startswith(("Memory at ", "I/O ports at ")) and _count_bar(details, f"[virtual] {rest}")


def _count_bar(details: Details, where: str) -> bool:
    """With a single -v the number is not printed: count, which is right unless a lower register is unused."""
    if details.next_bar <= _LAST_BAR:
        _add_bar(details, details.next_bar, where)
    details.next_bar += 2 if "(64-bit" in where else 1
    return True


def _add_bar(details: Details, index: int, where: str) -> None:
    """Add a register. Those printed below a capability are the SR-IOV ones of virtual functions: leave them out.

    ``<unassigned>`` and ``<ignored>``: the kernel gave no address. ``[virtual]``: it did, but the device lost it.
    """
    if details.capabilities or index in details.bars:
        return
    virtual, disabled = "[virtual]" in where, "[disabled]" in where
    details.virtual_bars |= virtual
    if "Memory at" in where and (disabled or not details.virtual_bars):
        details.memory_decoded = not disabled
    assigned = "<unassigned>" not in where and "<ignored>" not in where
    enabled = None if details.virtual_bars else True
    if virtual or disabled or not assigned:
        enabled = False
    details.bars[index] = PciBar(index=index, size_bytes=_size_bytes(where), assigned=assigned, enabled=enabled)


def _size_bytes(text: str) -> int | None:
    _, found, rest = text.partition("[size=")
    number = rest[:16].partition("]")[0]
    digits = number.rstrip("KMGT")
    unit = _SIZE_UNITS.get(number[len(digits) :])
    if not found or unit is None or not (digits.isdecimal() and digits.isascii()):
        return None
    return int(digits) * unit


def _bus(details: Details, rest: str) -> bool:
    """``Bus: primary=00, secondary=01, subordinate=04``; a secondary bus 00 is a bridge that nobody set up."""
    if "secondary=" not in rest:
        return False
    details.secondary_bus = hex_after(rest, "secondary=") or None
    details.subordinate_bus = hex_after(rest, "subordinate=") if details.secondary_bus else None
    return True


def _capabilities(details: Details, rest: str) -> bool:
    details.capabilities = True
    text = rest.partition("] ")[2]
    if text.startswith("Express "):
        _express(details, text)
    elif text.startswith("MSI-X:"):
        flags = text[:200].split()
        details.msix_enabled = _either(flags, "Enable")
        counts = [flag.partition("=")[2] for flag in flags if flag.startswith(("Count=", "TabSize="))]
        details.msix_vector_count = int(counts[0]) if counts and counts[0].isdecimal() else None
    return True


def _express(details: Details, text: str) -> None:
    kind = text.removeprefix("Express ").lstrip()
    if kind.startswith("(v"):
        kind = kind.partition(") ")[2]
    details.port_type = next((name for name in _PORT_TYPES if kind.startswith(name)), details.port_type)


def _link_capability(details: Details, rest: str) -> bool:
    details.max_link_speed_gts, details.max_link_width = _link(rest)
    return True


def _link_control(details: Details, rest: str) -> bool:
    """``ASPM L0s L1 Enabled; RCB 64 bytes``, ``ASPM Disabled; ...``; releases differ in what follows."""
    words = rest.partition(";")[0].split()
    if words[:1] == ["ASPM"] and words[-1] in ("Enabled", "Disabled"):
        states = tuple(word for word in words[1:-1] if word in ("L0s", "L1"))
        details.aspm = states if words[-1] == "Enabled" else ()
    return True


def _link_status(details: Details, rest: str) -> bool:
    details.current_link_speed_gts, details.current_link_width = _link(rest)
    details.link_status = True
    return True


def _link(text: str) -> tuple[float | None, int | None]:
    """Speed in GT/s and width in lanes; ``unknown`` and ``x0`` (no link) are ``None``."""
    speed = text.partition("Speed ")[2][:16].partition("GT/s")[0].strip()
    width = text.partition("Width x")[2][:3].partition(",")[0].partition(" ")[0]
    known = speed.isascii() and speed.replace(".", "", 1).isdecimal()
    return float(speed) if known else None, (int(width) or None) if width.isascii() and width.isdecimal() else None


def _kernel(details: Details, rest: str) -> bool:
    what, colon, names = rest.partition(":")
    if not colon or what not in {"driver in use", "modules"}:
        return False
    words = [name.split(None, 1)[0] for name in names.split(",") if name.strip()]
    if words and what == "modules":
        details.modules = tuple(words)
    elif words:
        details.driver = words[0]
    details.kernel_line |= bool(words)
    return True


def _either(flags: list[str], name: str) -> bool | None:
    if f"{name}+" in flags:
        return True
    return False if f"{name}-" in flags else None


_HANDLERS: dict[str, Callable[[Details, str], bool]] = {
    "Subsystem:": _subsystem,
    "Control:": _control,
    "Status:": _status,
    "Flags:": _flags,
    "!!!": _complaint,
    "00:": _dump_row,
    "Region": _region,
    "Memory": _memory,
    "I/O": _ports,
    "[virtual]": _virtual,
    "Bus:": _bus,
    "Capabilities:": _capabilities,
    "LnkCap:": _link_capability,
    "LnkCtl:": _link_control,
    "LnkSta:": _link_status,
    "Kernel": _kernel,
}
