"""Random machines, as the notation of the builder: what hypothesis shrinks is what a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from hypothesis import strategies as st

_DEEPEST_HUB = 5
"""Hubs in a chain below a root hub, as USB allows."""

_SLOW_KINDS = ("keyboard", "serial", "webcam", "tpu at=480", "tpu dfu at=480", "tpu at=12", "movidius")
_FAST_KINDS = ("tpu", "tpu dfu", "tpu used", "tpu dfu refused", "tpu auto=-1000", "storage", "nic")
_HUB_IDS = ("", " ids=05e3:0610/05e3:0626")
_POWER = ("", " power=bus")


class _Writer:
    """Writes the lines of one machine; ``left`` is how many more devices it may have."""

    def __init__(self, draw: st.DrawFn, most: int) -> None:
        self.draw = draw
        self.left = most
        self.lines: list[str] = []

    def hub(self, indent: int, depth: int, slow: int, fast: int) -> None:
        """Devices on the ports of a hub with that many ports of either kind; the first are both in one socket."""
        ports = range(1, max(slow, fast) + 1)
        for port in sorted(self.draw(st.lists(st.sampled_from(ports), max_size=3, unique=True))):
            if self.left <= 0:
                return
            self.left -= 1
            self.port(indent, depth, port, has_slow=port <= slow, has_fast=port <= fast)

    def port(self, indent: int, depth: int, port: int, *, has_slow: bool, has_fast: bool) -> None:
        """One port: a hub with what hangs on it, or a device."""
        if depth < _DEEPEST_HUB and has_slow and self.draw(st.booleans()):
            both = has_fast and self.draw(st.booleans())
            options = self.draw(st.sampled_from(_HUB_IDS)) if both else ""
            power = self.draw(st.sampled_from(_POWER))
            size = self.draw(st.integers(1, 7))
            self.write(indent, f"{port}: hub {'usb3' if both else 'usb2'} ports={size}{options}{power}")
            self.hub(indent + 1, depth + 1, size, size if both else 0)
            return
        kinds = (*(_SLOW_KINDS if has_slow else ()), *(_FAST_KINDS if has_fast else ()))
        self.write(indent, f"{port}: {self.draw(st.sampled_from(kinds))}")

    def write(self, indent: int, line: str) -> None:
        """One line."""
        self.lines.append("  " * indent + line)


@st.composite
def notations(draw: st.DrawFn, *, most_devices: int = 10, most_controllers: int = 3, pci: bool = True) -> str:
    """Machines with one to three USB controllers, up to five hubs in a chain, and with ``pci`` some PCIe Edge TPUs."""
    writer = _Writer(draw, most_devices)
    slots = count(0x14)
    for _ in range(draw(st.integers(1, most_controllers))):
        _controller(draw, writer, next(slots))
    if pci:
        writer.lines += _cards(draw)
    return "\n".join(writer.lines) + "\n"


def _controller(draw: st.DrawFn, writer: _Writer, slot: int) -> None:
    """A controller with its buses, on the root complex or behind a bridge."""
    indent = 0
    address = f"0000:00:{slot:02x}.0"
    if draw(st.booleans()):
        link = draw(st.sampled_from((" link=2x1", " link=1x1/2x1", " link=3x4")))
        writer.write(0, f"pci {address} bridge{link}")
        indent, address = 1, f"0000:{slot:02x}:00.0"
        address += " xhci" + link
    else:
        address += " xhci"
    fast = draw(st.integers(1, 8))
    slow = fast + draw(st.integers(0, 4))
    writer.write(indent, f"pci {address}")
    writer.write(indent + 1, f"root usb2={slow} usb3={fast} connect={draw(st.sampled_from(('hotplug', 'unknown')))}")
    writer.hub(indent + 2, 0, slow, fast)


def _cards(draw: st.DrawFn) -> Iterator[str]:
    """PCIe Edge TPUs, each in a slot of its own."""
    for index in range(draw(st.integers(0, 4))):
        slot, card = draw(st.sampled_from((("2x1", "2x1"), ("1x1/3x4", "1x1/2x1"), ("2x1/3x4", "2x1"))))
        yield f"pci 0000:00:1c.{index} bridge link={slot}"
        yield f"  pci 0000:4{index}:00.0 edgetpu link={card} driver=apex apex={index}"
