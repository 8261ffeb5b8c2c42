"""A small language for hardware that is not bought yet, and the machine that it describes.

    usb3 usb3 pci; hub(usb3 usb3)

* ``usb3``, ``usb2``: a USB Accelerator on a socket of that kind; ``pci``: an M.2 or Mini PCIe one on PCIe Gen2 x1,
  ``pci1`` on a Gen1 link.
* ``dual``: the Dual Edge TPU on a slot or adapter that reaches both chips.
* ``hub(...)``: a USB 3 hub, ``hub2(...)`` a USB 2 one; hubs in hubs are allowed.
* ``3*usb3``: three of them. Blanks, commas and semicolons separate; after a semicolon comes another USB controller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.pci import ApexNode, PciFunction
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.build import build
from etpu_doctor.topology.delegate_index import readdir_order
from etpu_doctor.topology.identity import PCI_ID, READY_ID
from etpu_doctor.topology.machine import Machine, Options

MOST_TPUS = 64
"""What one plan may have; more is a slip of the keyboard."""

_DEEPEST = 5
"""The kernel stops below five hubs (``MAX_TOPO_LEVEL``)."""

_MOST_PORTS = 32
_HIGH, _SUPER = 480.0, 5000.0
_LEAVES = ("usb3", "usb2", "pci", "pci1", "dual")
_HUBS = ("hub", "hub2")
_TOKEN = re.compile(r"[a-z]+[0-9]?|[0-9]+|[*();,]")
_BLANKS = re.compile(r"\s*")


class WhatIfError(ValueError):
    """What is wrong with a description; ``position`` counts characters from 0."""

    def __init__(self, text: str, spec: str, position: int) -> None:
        super().__init__(f"{text}, at character {position + 1}")
        self.spec = spec
        self.position = position


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A word of the language with what hangs on it."""

    kind: str
    position: int
    below: tuple[Part, ...] = ()


class _Word(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    position: int


def machine_of(spec: str, options: Options | None = None) -> Machine:
    """The machine that a description means. Raises ``WhatIfError``."""
    return build(_Bench().evidence(parse(spec), spec), options)


def parse(spec: str) -> tuple[tuple[Part, ...], ...]:
    """The parts of each USB controller. Raises ``WhatIfError``."""
    return _Reader(spec).read()


class _Reader:
    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._words = list(_words(spec))
        self._at = 0
        self._tpus = 0

    def read(self) -> tuple[tuple[Part, ...], ...]:
        """The whole description."""
        controllers: list[list[Part]] = [[]]
        while (word := self._peek()) is not None:
            if word.text == ";":
                self._at += 1
                controllers.append([])
            elif word.text == ")":
                raise self._error("there is no hub to close", word)
            else:
                controllers[-1] += self._items(0)
        if not self._tpus:
            raise WhatIfError("no Edge TPU is described", self._spec, len(self._spec))
        return tuple(tuple(parts) for parts in controllers if parts)

    def _peek(self) -> _Word | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def _take(self) -> _Word:
        word = self._peek()
        if word is None:
            raise WhatIfError("it ends too early", self._spec, len(self._spec))
        self._at += 1
        return word

    def _error(self, text: str, word: _Word) -> WhatIfError:
        return WhatIfError(text, self._spec, word.position)

    def _items(self, depth: int) -> list[Part]:
        """One item, as often as it says; nothing for a comma."""
        word = self._take()
        if word.text == ",":
            return []
        times = 1
        if word.text.isdecimal():
            times = int(word.text) if len(word.text) < 4 else MOST_TPUS + 1
            if not 1 <= times <= MOST_TPUS:
                raise self._error(f"a number from 1 to {MOST_TPUS} is wanted", word)
            star = self._take()
            if star.text != "*":
                raise self._error(f"* is wanted after {word.text}", star)
            word = self._take()
        before = self._tpus
        part = self._part(word, depth)
        self._count((self._tpus - before) * (times - 1), word)
        return [part] * times

    def _part(self, word: _Word, depth: int) -> Part:
        if word.text in _HUBS:
            return Part(kind=word.text, position=word.position, below=self._below(word, depth + 1))
        if word.text not in _LEAVES:
            known = ", ".join((*_LEAVES, *(f"{hub}(...)" for hub in _HUBS)))
            raise self._error(f"{word.text} is not known here; there are {known}", word)
        if depth and word.text in ("pci", "pci1", "dual"):
            raise self._error(f"{word.text} cannot hang on a USB hub", word)
        self._count(2 if word.text == "dual" else 1, word)
        return Part(kind=word.text, position=word.position)

    def _count(self, more: int, word: _Word) -> None:
        self._tpus += more
        if self._tpus > MOST_TPUS:
            raise self._error(f"more than {MOST_TPUS} Edge TPUs", word)

    def _below(self, hub: _Word, depth: int) -> tuple[Part, ...]:
        if depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} hubs in a row do not work", hub)
        opening = self._peek()
        if opening is None or opening.text != "(":
            raise WhatIfError(f"( is wanted after {hub.text}", self._spec, hub.position + len(hub.text))
        self._at += 1
        parts: list[Part] = []
        while True:
            word = self._peek()
            if word is None:
                raise self._error("this hub is not closed with )", hub)
            if word.text == ")":
                self._at += 1
                break
            if word.text == ";":
                raise self._error("a semicolon cannot stand inside a hub", word)
            parts += self._items(depth)
        if len(parts) > _MOST_PORTS:
            raise self._error(f"a hub has at most {_MOST_PORTS} ports here", hub)
        return tuple(parts)


def _words(spec: str) -> Iterator[_Word]:
    position = 0
    text = spec.lower()
    while True:
        blanks = _BLANKS.match(text, position)
        position = blanks.end() if blanks is not None else position
        if position == len(text):
            return
        token = _TOKEN.match(text, position)
        if token is None:
            raise WhatIfError(f"{spec[position]!r} means nothing here", spec, position)
        yield _Word(text=token.group(), position=position)
        position = token.end()


class _Bench:
    """Puts the parts together as a kernel would show them."""

    def __init__(self) -> None:
        self._usb: list[UsbDevice] = []
        self._pci: list[PciFunction] = []
        self._apex: list[str] = []

    def evidence(self, controllers: tuple[tuple[Part, ...], ...], spec: str) -> Evidence:
        """The facts. Raises ``WhatIfError`` where there are more sockets than a controller has."""
        for number, parts in enumerate(controllers):
            usb = [part for part in parts if not _is_pci(part)]
            if len(usb) > _MOST_PORTS:
                raise WhatIfError("too many sockets for one USB controller", spec, usb[_MOST_PORTS].position)
            if usb:
                self._controller(number, usb)
            for part in filter(_is_pci, parts):
                self._card(part)
        order = {name: place for place, name in enumerate(readdir_order([f"apex_{n}" for n in range(len(self._apex))]))}
        nodes = [ApexNode(name=f"apex_{n}", pci_address=address) for n, address in enumerate(self._apex)]
        return Evidence(
            kind="text",
            usb=tuple(self._usb),
            pci=tuple(self._pci),
            apex=tuple(sorted(nodes, key=lambda node: order[node.name])),
            covers=("apex", "pci", "pci-links", "pci-tree", "usb", "usb-ids", "usb-tree"),
        )

    def _controller(self, number: int, parts: list[Part]) -> None:
        address = f"0000:00:{0x14 + number:02x}.0"
        path = f"/devices/pci0000:00/{address}"
        self._pci.append(PciFunction(address=address, class_code=0x0C03, prog_if=0x30, sysfs_devpath=path))
        halves = []
        for busnum, speed in ((2 * number + 1, _HIGH), (2 * number + 2, _SUPER)):
            root = UsbDevice(
                busnum=busnum,
                devnum=1,
                port_chain=(),
                device_class=9,
                speed_mbps=speed,
                port_count=_MOST_PORTS,
                root_driver="xhci_hcd",
                controller=address,
                sysfs_devpath=f"{path}/usb{busnum}",
            )
            self._usb.append(root)
            halves.append(root)
        self._fill(halves[0], halves[1], parts)

    def _fill(self, slow: UsbDevice, fast: UsbDevice | None, parts: list[Part] | tuple[Part, ...]) -> None:
        for port, part in enumerate(parts, start=1):
            if part.kind == "hub":
                lower = self._hub(slow, port, len(part.below))
                upper = None if fast is None else self._hub(fast, port, len(part.below))
                self._fill(lower, upper, part.below)
            elif part.kind == "hub2":
                self._fill(self._hub(slow, port, len(part.below)), None, part.below)
            else:
                half = fast if part.kind == "usb3" and fast is not None else slow
                self._usb.append(_plugged(half, port, *READY_ID))

    def _hub(self, half: UsbDevice, port: int, ports: int) -> UsbDevice:
        hub = msgspec.structs.replace(_plugged(half, port, None, None), device_class=9, port_count=max(4, ports))
        self._usb.append(hub)
        return hub

    def _card(self, part: Part) -> None:
        speed = 2.5 if part.kind == "pci1" else 5.0
        for _ in range(2 if part.kind == "dual" else 1):
            number = len(self._apex) + 1
            bridge = PciFunction(
                address=f"0001:00:{number:02x}.0" if number < 0x20 else f"0002:00:{number - 0x20:02x}.0",
                class_code=0x0604,
                max_link_speed_gts=8.0,
                max_link_width=1,
            )
            card = PciFunction(
                address=f"{bridge.address[:4]}:{number:02x}:00.0",
                vendor_id=PCI_ID[0],
                device_id=PCI_ID[1],
                class_code=0x0880,
                driver="apex",
                driver_known=True,
                current_link_speed_gts=speed,
                current_link_width=1,
                max_link_speed_gts=5.0,
                max_link_width=1,
                parent=bridge.address,
                parent_known=True,
            )
            self._pci += [bridge, card]
            self._apex.append(card.address)


def _is_pci(part: Part) -> bool:
    return part.kind in ("pci", "pci1", "dual")


def _plugged(half: UsbDevice, port: int, vendor: int | None, product: int | None) -> UsbDevice:
    chain = (*(half.port_chain or ()), port)
    name = f"{half.busnum}-{'.'.join(map(str, chain))}"
    return UsbDevice(
        busnum=half.busnum,
        port_chain=chain,
        vendor_id=vendor,
        product_id=product,
        speed_mbps=half.speed_mbps,
        configured=True,
        port_count=0,
        controller=half.controller,
        sysfs_devpath=f"{half.sysfs_devpath}/{name}",
    )
