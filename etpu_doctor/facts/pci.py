"""PCI functions and the kernel's apex nodes as the evidence shows them."""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.seen import Seen


class PciBar(msgspec.Struct, frozen=True, kw_only=True):
    """One base address register. ``assigned`` is false where firmware and kernel gave it no address."""

    index: int
    size_bytes: int | None = None
    assigned: bool | None = None
    enabled: bool | None = None


class PciFunction(msgspec.Struct, frozen=True, kw_only=True):
    """One PCI function.

    * ``address``: always with domain, lower case: ``0000:02:00.0``; the domain may be longer (VMD: ``10000:``).
      ``domain_assumed`` where the listing printed none and 0000 was taken.
    * ``class_code``: base class and subclass (0x0880); ``prog_if`` the byte below.
    * ``driver`` is meaningful only with ``driver_known``: ``None`` then means that no driver is bound.
    * link speeds in GT/s (2.5, 5, 8, 16, 32, 64), widths in lanes; ``None`` where the function has no PCIe link.
    * ``aspm``: the sleep states that are enabled on the link (``L0s``, ``L1``), empty where it is disabled.
    * ``parent``: address of the bridge above, ``None`` on a root bus; meaningful only with ``parent_known``.
    * ``secondary_bus``, ``subordinate_bus``: bus range below a bridge.
    * ``port_type``: ``Root Port``, ``Upstream Port``, ``Downstream Port``, ``Endpoint`` ... as ``lspci -vv`` says.
    * ``config_all_ones``: the configuration space reads all ones, i.e. the card fell off the bus.
    """

    address: str
    domain_assumed: bool = False
    vendor_id: int | None = None
    device_id: int | None = None
    subsystem_vendor_id: int | None = None
    subsystem_device_id: int | None = None
    class_code: int | None = None
    prog_if: int | None = None
    revision: int | None = None
    class_name: str | None = None
    vendor_name: str | None = None
    device_name: str | None = None
    driver: str | None = None
    driver_known: bool = False
    modules: tuple[str, ...] = ()
    current_link_speed_gts: float | None = None
    current_link_width: int | None = None
    max_link_speed_gts: float | None = None
    max_link_width: int | None = None
    aspm: tuple[str, ...] | None = None
    parent: str | None = None
    parent_known: bool = False
    secondary_bus: int | None = None
    subordinate_bus: int | None = None
    port_type: str | None = None
    bars: tuple[PciBar, ...] | None = None
    memory_enabled: bool | None = None
    bus_master: bool | None = None
    msix_enabled: bool | None = None
    msix_vector_count: int | None = None
    config_all_ones: bool | None = None
    sysfs_devpath: str | None = None
    seen: tuple[Seen, ...] = ()


class ApexNode(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``/sys/class/apex``: the kernel's node of a PCIe Edge TPU.

    ``attributes`` maps file names to their content without the final newline (``temp``: ``41800`` in m°C ...).
    """

    name: str
    pci_address: str | None = None
    attributes: dict[str, str] = {}
    seen: tuple[Seen, ...] = ()
