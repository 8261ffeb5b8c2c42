"""Random PCI trees, the text in which lspci would print them, and a reader of such text.

The printers follow pciutils ``lspci.c`` and ``ls-tree.c``; ``hex_dump`` gives what ``lspci -F`` reads, so that a real
lspci can be asked to print the same tree.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from etpu_doctor.evidence.formats.base import Format, Line, Sink
from etpu_doctor.facts.pci import PciBar, PciFunction
from tests.support.recorder import Recorder

_BRIDGE_CLASS = 0x0604
_CLASSES = {
    0x0000: "Non-VGA unclassified device",
    0x0106: "SATA controller",
    0x0200: "Ethernet controller",
    0x0604: "PCI bridge",
    0x0880: "System peripheral",
    0x0C03: "USB controller",
}
_NAMES = (
    ("Global Unichip Corp.", "Coral Edge TPU"),
    ("Intel Corporation", "82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode]"),
    ("Micro-Star International Co., Ltd. [MSI]", "PCI Express Root Port #1"),
    ("Realtek Semiconductor Co., Ltd.", "RTL8111/8168/8411 PCI Express Gigabit Ethernet Controller"),
    ("ASMedia Technology Inc.", "ASM1182e 2-Port PCIe x1 Gen2 Packet Switch"),
)
_DEEPEST = 3
_UNITS = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"), (1, ""))

_SPEEDS = (2.5, 5.0, 8.0, 16.0, 32.0, 64.0)
_WIDTHS = (1, 2, 4, 8, 16)
_DRIVERS = (None, "apex", "vfio-pci", "pcieport", "xhci_hcd")
_MODULES: tuple[tuple[str, ...], ...] = ((), ("apex",), ("apex", "gasket"), ("xhci_pci",))


def read(parser: Callable[[Sink], Format], *texts: str) -> Recorder:
    """Feed texts to a new parser as the reader of tickets does; each text is a file of its own."""
    recorder = Recorder()
    form = parser(recorder)
    for number, text in enumerate(texts, 1):
        for at, content in enumerate(text.split("\n"), 1):
            if form.starts(content):
                form.close()
            if not form.feed(Line(f"text-{number}", at, content)):
                recorder.left.append(content)
    form.close()
    return recorder


def _bars(random: Random) -> tuple[PciBar, ...]:
    """One to three 64-bit registers, with the facts that -vv prints."""
    indices = sorted(random.sample((0, 2, 4), random.randint(1, 3)))
    states = [random.random() < 0.5 for _ in indices]
    return tuple(
        PciBar(index=index, size_bytes=1 << random.randint(4, 38), assigned=good, enabled=good)
        for index, good in zip(indices, states, strict=True)
    )


def _facts(random: Random, address: str, parent: str | None, buses: tuple[int, int] | None) -> PciFunction:
    """One function with everything that the -vv listing prints of it."""
    vendor_name, device_name = random.choice(_NAMES)
    class_code = _BRIDGE_CLASS if buses else random.choice([code for code in _CLASSES if code != _BRIDGE_CLASS])
    return PciFunction(
        address=address,
        vendor_id=random.randint(1, 0xFFFE),
        device_id=random.randint(1, 0xFFFE),
        subsystem_vendor_id=random.randint(1, 0xFFFE),
        subsystem_device_id=random.randint(1, 0xFFFE),
        class_code=class_code,
        class_name=_CLASSES[class_code],
        prog_if=random.randint(1, 0xFF),
        revision=random.randint(1, 0xFE),
        vendor_name=vendor_name,
        device_name=device_name,
        driver=random.choice(_DRIVERS),
        driver_known=True,
        modules=random.choice(_MODULES),
        current_link_speed_gts=random.choice(_SPEEDS),
        current_link_width=random.choice(_WIDTHS),
        max_link_speed_gts=random.choice(_SPEEDS),
        max_link_width=random.choice(_WIDTHS),
        parent=parent,
        parent_known=True,
        secondary_bus=buses[0] if buses else None,
        subordinate_bus=buses[1] if buses else None,
        port_type="Downstream Port" if buses else random.choice(("Endpoint", "Legacy Endpoint")),
        bars=None if buses else _bars(random),
        memory_enabled=random.random() < 0.5,
        bus_master=random.random() < 0.5,
        msix_enabled=random.random() < 0.5,
        msix_vector_count=random.randint(1, 2048),
        config_all_ones=False,
    )


class _Domain(NamedTuple):
    """What grows the tree of one domain."""

    draw: st.DrawFn
    random: Random
    name: str

    def grow(self, number: int, parent: str | None, depth: int = 0) -> tuple[list[PciFunction], int]:
        """The functions on a bus and below, and the highest bus number they use."""
        slot = st.tuples(st.integers(0, 0x1F), st.integers(0, 7))
        functions: list[PciFunction] = []
        last = number
        for device, function in sorted(self.draw(st.lists(slot, min_size=1, max_size=3, unique=True))):
            address = f"{self.name}:{number:02x}:{device:02x}.{function}"
            if depth == _DEEPEST or not self.draw(st.booleans()):
                functions.append(_facts(self.random, address, parent, None))
                continue
            below, end = self.grow(last + 1, address, depth + 1)
            functions += [_facts(self.random, address, parent, (last + 1, end)), *below]
            last = end
        return functions, last


@st.composite
def machines(draw: st.DrawFn) -> list[PciFunction]:
    """The functions of one machine, in the order of their addresses, with one to three domains."""
    domains = draw(st.lists(st.sampled_from((0x0000, 0x0001, 0x10000)), min_size=1, unique=True))
    # Drawing every fact takes hypothesis long.
    random = Random(draw(st.integers(0, 1 << 32)))  # noqa: S311 - test data
    functions: list[PciFunction] = []
    for domain in sorted(domains):
        functions += _Domain(draw, random, f"{domain:04x}").grow(0, None)[0]
    return sorted(functions, key=_order)


def _order(function: PciFunction) -> tuple[int, ...]:
    domain, bus, rest = function.address.split(":")
    return int(domain, 16), int(bus, 16), int(rest[:2], 16), int(rest[3:])


def short_slot(function: PciFunction, functions: Sequence[PciFunction]) -> str:
    """The slot as lspci prints it: without domain if no function has another than 0000."""
    plain = all(each.address.startswith("0000:") for each in functions)
    return function.address.removeprefix("0000:") if plain else function.address


def header(function: PciFunction, slot: str) -> str:
    """The line of ``lspci -nn``."""
    return (
        f"{slot} {function.class_name} [{function.class_code:04x}]: {function.vendor_name} {function.device_name} "
        f"[{function.vendor_id:04x}:{function.device_id:04x}] (rev {function.revision:02x})"
    )


def list_nn(functions: Sequence[PciFunction]) -> str:
    """``lspci -nn``."""
    return "".join(f"{header(each, short_slot(each, functions))}\n" for each in functions)


def list_nnk(functions: Sequence[PciFunction]) -> str:
    """``lspci -nnk``."""
    return "".join(
        f"{header(each, short_slot(each, functions))}\n\t{_subsystem(each)}\n{_kernel(each)}" for each in functions
    )


def list_vv(functions: Sequence[PciFunction]) -> str:
    """``lspci -nnvv``, reduced to the lines that matter and some that must not confuse."""
    return "".join(f"{_verbose(each, short_slot(each, functions))}\n" for each in functions)


def _verbose(function: PciFunction, slot: str) -> str:
    lines = [
        f"{header(function, slot)} (prog-if {function.prog_if:02x})",
        f"\t{_subsystem(function)}",
        f"\tControl: I/O- Mem{_sign(function.memory_enabled)} BusMaster{_sign(function.bus_master)} SpecCycle-",
        "\tStatus: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-",
        *(_bar(bar) for bar in function.bars or ()),
    ]
    if function.secondary_bus is not None:
        lines.append(
            f"\tBus: primary={function.address[-7:-5]}, secondary={function.secondary_bus:02x}, "
            f"subordinate={function.subordinate_bus:02x}, sec-latency=0"
        )
    lines += [
        f"\tCapabilities: [80] Express (v2) {function.port_type}, MSI 00",
        f"\t\tLnkCap:\tPort #0, {_link(function.max_link_speed_gts, function.max_link_width)}, ASPM L0s L1",
        f"\t\tLnkSta:\t{_link(function.current_link_speed_gts, function.current_link_width)}",
        "\t\t\tTrErr- Train- SlotClk+ DLActive- BWMgmt- ABWMgmt-",
        "\t\tLnkCtl2: Target Link Speed: 5GT/s, EnterCompliance- SpeedDis-",
        f"\tCapabilities: [d0] MSI-X: Enable{_sign(function.msix_enabled)} Count={function.msix_vector_count} Masked-",
        "\tCapabilities: [f8] Power Management version 3",
        "\t\tFlags: PMEClk- DSI- D1- D2- AuxCurrent=0mA PME(D0-,D1-,D2-,D3hot-,D3cold-)",
        "\t\tStatus: D0 NoSoftRst+ PME-Enable- DSel=0 DScale=0 PME-",
    ]
    return "\n".join(lines) + "\n" + _kernel(function)


def _subsystem(function: PciFunction) -> str:
    return f"Subsystem: A Maker Device [{function.subsystem_vendor_id:04x}:{function.subsystem_device_id:04x}]"


def _kernel(function: PciFunction) -> str:
    driver = f"\tKernel driver in use: {function.driver}\n" if function.driver else ""
    return driver + (f"\tKernel modules: {', '.join(function.modules)}\n" if function.modules else "")


def _bar(bar: PciBar) -> str:
    size = next(f"{bar.size_bytes // unit}{name}" for unit, name in _UNITS if bar.size_bytes and bar.size_bytes >= unit)
    where = "90000000" if bar.assigned else "<unassigned>"
    disabled = "" if bar.enabled else " [disabled]"
    return f"\tRegion {bar.index}: Memory at {where} (64-bit, prefetchable){disabled} [size={size}]"


def _link(speed: float | None, width: int | None) -> str:
    return f"Speed {speed:g}GT/s, Width x{width}"


def _sign(value: bool | None) -> str:
    return "+" if value else "-"


def records_vmmnnk(functions: Sequence[PciFunction], *, first_tag: str = "Slot") -> str:
    """``lspci -vmmnnk``; with ``first_tag="Device"`` the old ``-vm``."""
    return "".join(f"{_record(each, first_tag, short_slot(each, functions))}\n" for each in functions)


def _record(function: PciFunction, first_tag: str, slot: str) -> str:
    lines = [
        f"{first_tag}:\t{slot}",
        f"Class:\t{function.class_name} [{function.class_code:04x}]",
        f"Vendor:\t{function.vendor_name} [{function.vendor_id:04x}]",
        f"Device:\t{function.device_name} [{function.device_id:04x}]",
        f"SVendor:\tA Maker [{function.subsystem_vendor_id:04x}]",
        f"SDevice:\tDevice [{function.subsystem_device_id:04x}]",
        f"Rev:\t{function.revision:02x}",
        f"ProgIf:\t{function.prog_if:02x}",
        *([f"Driver:\t{function.driver}"] if function.driver else []),
        *(f"Module:\t{module}" for module in function.modules),
        "IOMMUGroup:\t7",
    ]
    return "".join(f"{line}\n" for line in lines)


def quoted_mm(functions: Sequence[PciFunction]) -> str:
    """``lspci -mmnn``."""
    return "".join(
        f'{short_slot(each, functions)} "{each.class_name} [{each.class_code:04x}]" '
        f'"{each.vendor_name} [{each.vendor_id:04x}]" "{each.device_name} [{each.device_id:04x}]" '
        f"-r{each.revision:02x} -p{each.prog_if:02x} "
        f'"A Maker [{each.subsystem_vendor_id:04x}]" "Device [{each.subsystem_device_id:04x}]"\n'
        for each in functions
    )


def tree_tv(functions: Sequence[PciFunction]) -> str:
    """``lspci -tvnn``."""
    domains = sorted({each.address.split(":")[0] for each in functions}, key=lambda text: int(text, 16))
    roots = [[each for each in functions if each.parent is None and each.address.startswith(f"{d}:")] for d in domains]
    forest = [(f"[{root[0].address[:-5]}]-", root) for root in roots]
    lines: list[str] = []
    margin = "-"
    for number, (label, root) in enumerate(forest):
        mark = "" if len(forest) == 1 else ("\\-" if number == len(forest) - 1 else "+-")
        margin = _print_bus(lines, margin + mark + label, root, functions)[: len(margin)]
    return "".join(f"{line}\n" for line in lines)


def _print_bus(lines: list[str], line: str, bus: Sequence[PciFunction], functions: Sequence[PciFunction]) -> str:
    """Print a bus behind ``line``; gives what the next line starts with, as ``print_it`` in ls-tree.c leaves it."""
    margin = line
    for number, each in enumerate(bus):
        mark = "--" if len(bus) == 1 else ("\\-" if number == len(bus) - 1 else "+-")
        start = f"{margin}{mark}{each.address[-4:]}"
        if each.secondary_bus is None:
            margin = _print_line(lines, f"{start}  {_tree_name(each)}")
        else:
            last = "" if each.secondary_bus == each.subordinate_bus else f"-{each.subordinate_bus:02x}"
            below = [child for child in functions if child.parent == each.address]
            margin = _print_bus(lines, f"{start}-[{each.secondary_bus:02x}{last}]--", below, functions)
        margin = margin[: len(line)]
    return margin


def _print_line(lines: list[str], text: str) -> str:
    lines.append(text)
    return "".join("|" if mark in "+|" else " " for mark in text)


def _tree_name(function: PciFunction) -> str:
    return f"{function.vendor_name} {function.device_name} [{function.vendor_id:04x}:{function.device_id:04x}]"


def hex_dump(functions: Sequence[PciFunction]) -> str:
    """What ``lspci -xxx`` prints and ``lspci -F`` reads: the configuration space as far as these facts fill it."""
    return "\n".join("\n".join(_dump(each)) for each in functions) + "\n"


def _dump(function: PciFunction) -> Iterator[str]:
    space = _config_space(function)
    yield f"{function.address} Device"
    for at in range(0, len(space), 16):
        yield f"{at:02x}: {space[at : at + 16].hex(' ')}"
    yield ""


def _config_space(function: PciFunction) -> bytes:
    """A type 0 or type 1 header with an Express and an MSI-X capability."""
    space = bytearray(256)
    command = 2 * bool(function.memory_enabled) | 4 * bool(function.bus_master)
    struct.pack_into("<HHHH", space, 0, function.vendor_id or 0, function.device_id or 0, command, 0x10)
    struct.pack_into("<BBH", space, 8, function.revision or 0, function.prog_if or 0, function.class_code or 0)
    if function.secondary_bus is None:
        struct.pack_into("<HH", space, 0x2C, function.subsystem_vendor_id or 0, function.subsystem_device_id or 0)
        kind = {"Endpoint": 0, "Legacy Endpoint": 1}[function.port_type or "Endpoint"]
    else:
        own_bus = int(function.address[-7:-5], 16)
        struct.pack_into("<B9xBBB", space, 0x0E, 1, own_bus, function.secondary_bus, function.subordinate_bus or 0)
        kind = 6
    codes = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}
    maximum = codes[function.max_link_speed_gts or 2.5] | (function.max_link_width or 1) << 4
    current = codes[function.current_link_speed_gts or 2.5] | (function.current_link_width or 1) << 4
    space[0x34] = 0x80
    struct.pack_into("<BBH8xIxxH", space, 0x80, 0x10, 0xD0, 2 | kind << 4, maximum, current)
    control = (function.msix_vector_count or 1) - 1 | 0x8000 * bool(function.msix_enabled)
    struct.pack_into("<BBH", space, 0xD0, 0x11, 0, control)
    return bytes(space)
