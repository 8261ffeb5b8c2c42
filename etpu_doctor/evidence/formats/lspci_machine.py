"""``lspci -vmm`` and the old ``-vm``: records of tagged lines.

Shape: pciutils ``lspci.c`` (``show_machine``) and ``ls-kernel.c``; tags are listed in its manual page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etpu_doctor.evidence.formats.lspci_common import (
    Slot,
    edge_tpu_ids,
    hex_value,
    parse_class,
    parse_id_name,
    parse_slot,
)
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen

if TYPE_CHECKING:
    from etpu_doctor.evidence.formats.base import Line, Sink

_TAGS = frozenset(
    {
        *("Class", "Vendor", "Device", "SVendor", "SDevice", "PhySlot", "Rev", "ProgIf", "Driver", "Module"),
        *("NUMANode", "IOMMUGroup", "DTNode", "Label"),
    }
)


def _record_slot(text: str) -> Slot | None:
    """The slot of a line that opens a record; ``-vm`` calls it ``Device:`` as it does the device's name."""
    stripped = text.lstrip()
    if not stripped.startswith(("Slot:", "Device:")):
        return None
    words = stripped[:40].partition(":")[2].split()
    return parse_slot(words[0]) if words else None


class LspciMachine:
    """Parser of tagged records. ``Module`` may occur several times, all other tags once."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._line: Line | None = None
        self._slot: Slot | None = None
        self._tags: dict[str, str] = {}
        self._modules: list[str] = []
        self._kernel_shown = False
        self._ended = False

    def starts(self, text: str) -> bool:
        """Whether the line opens a record."""
        return _record_slot(text) is not None

    def feed(self, line: Line) -> bool:
        """Take a line of a record, or the blank line behind one."""
        slot = _record_slot(line.text)
        if slot is not None:
            self._open(line, slot)
            return True
        if self._slot is None:
            return False
        # Blank lines end a record, but pastes also double every line: other text is the surer sign.
        if not line.text.strip():
            return True
        self._ended = self._ended or not self._take_tag(line.text)
        return not self._ended

    def close(self) -> None:
        """Hand over the record in hand."""
        if self._line is None or self._slot is None:
            return
        self._sink.cover("pci")
        self._sink.pci(self._function(self._line, self._slot))
        self._slot = None

    def _open(self, line: Line, slot: Slot) -> None:
        self.close()
        if self._line is not None and self._line.file != line.file:
            self._kernel_shown = False
        self._line, self._slot = line, slot
        self._tags, self._modules, self._ended = {}, [], False

    def _take_tag(self, text: str) -> bool:
        tag, colon, value = text.strip().partition(":")
        if not colon or tag not in _TAGS:
            return False
        value = value.strip()
        if tag == "Module":
            self._modules.extend(value.split()[:1])
        else:
            self._tags.setdefault(tag, value)
        self._kernel_shown |= tag in {"Driver", "Module"}
        return True

    def _function(self, line: Line, slot: Slot) -> PciFunction:
        """Build the facts. Once any record showed driver or module, a record without ``Driver`` has none.

        A record cut before its device's name proves nothing.
        """
        tags = self._tags
        class_name, class_code = parse_class(tags.get("Class", ""))
        vendor_name, vendor_id = parse_id_name(tags.get("Vendor", ""))
        device_name, device_id = parse_id_name(tags.get("Device", ""))
        if vendor_id is None or device_id is None:
            vendor_id, device_id = edge_tpu_ids(f"{tags.get('Vendor')} {tags.get('Device')}")
        revision = hex_value(tags.get("Rev", ""), 2)
        return PciFunction(
            address=slot.address,
            domain_assumed=slot.domain_assumed,
            vendor_id=vendor_id,
            device_id=device_id,
            subsystem_vendor_id=parse_id_name(tags.get("SVendor", ""))[1],
            subsystem_device_id=parse_id_name(tags.get("SDevice", ""))[1],
            class_code=class_code,
            prog_if=hex_value(tags.get("ProgIf", ""), 2),
            revision=None if revision == 0xFF else revision,
            class_name=class_name,
            vendor_name=vendor_name,
            device_name=device_name,
            driver=next(iter(tags.get("Driver", "").split()), None),
            driver_known=self._kernel_shown and "Device" in tags,
            modules=tuple(self._modules),
            # All ones where there should be a revision: the card is off the bus.
            config_all_ones=True if revision == 0xFF else None,
            seen=(Seen("lspci-vmm", line.file, line.number),),
        )
