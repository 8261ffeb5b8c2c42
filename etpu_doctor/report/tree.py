"""The joined USB and PCI tree as lines, and the words for places and facts that the faces for people share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from etpu_doctor.report.escape import cells, for_terminal, shorten, to_ascii, wrap
from etpu_doctor.report.report import PciTreeNode, Report, UsbTreeNode
from etpu_doctor.rules.finding import Fact
from etpu_doctor.rules.wording import speed_text
from etpu_doctor.topology.link import PathLimit, usb_payload_mbps
from etpu_doctor.topology.machine import EdgeTpu

Role = Literal["guide", "place", "name", "plain", "full", "slow", "tpu", "possible", "limit", "more"]

GAP = "  "
_NAME_CELLS = 32
_PLACE_CELLS, _LIMIT_CELLS = 48, 96
"""More than the longest that USB's seven tiers allow, so that a damaged listing cannot make lines without end."""

_SHORTEST_NAME_CELLS = 8
_NARROW_CELLS = 60
_PCI_BRIDGE = "0604"
_USB_CONTROLLER = "0c03"
_ROOT_HUB_IDS = {"1d6b:0001": 12.0, "1d6b:0002": 480.0, "1d6b:0003": 5000.0}
"""Linux root hubs by the speed of their bus, for listings that give ids but no speeds."""


class Part(NamedTuple):
    """A piece of a line and what it stands for; a face may colour it by its role."""

    text: str
    role: Role


class TreeLine(NamedTuple):
    """One node: the guide before it, the guide before what does not fit into one line, and the parts."""

    guide: str
    under: str
    parts: tuple[Part, ...]


class _Guides(NamedTuple):
    tee: str
    corner: str
    bar: str
    blank: str


_GUIDES = {
    (False, False): _Guides("├── ", "└── ", "│   ", "    "),
    (False, True): _Guides("├ ", "└ ", "│ ", "  "),
    (True, False): _Guides("|-- ", "`-- ", "|   ", "    "),
    (True, True): _Guides("|-", "`-", "| ", "  "),
}
"""By whether only ASCII may be used, and whether the lines are narrow."""

Node = UsbTreeNode | PciTreeNode


class Forest:
    """The nodes to show, their children in order, and what hangs below each. Parents stand before children.

    ``hidden_pci`` counts the PCI functions that are left out.
    """

    def __init__(self, report: Report, *, show_all: bool = False) -> None:
        self.nodes: dict[str, Node] = {}
        self.parent: dict[str, str | None] = {}
        shown_pci = _pci_to_show(report, show_all=show_all)
        for pci in shown_pci:
            self._add(pci, pci.parent)
        self.hidden_pci = len(report.topology.pci) - len(shown_pci)
        controllers = {root: pci.id for pci in shown_pci for root in pci.usb_roots}
        for usb in report.topology.usb:
            # A device whose port is not known is at least shown with its bus.
            bus = f"usb{usb.busnum}" if usb.port_chain is None else None
            self._add(usb, usb.parent or bus or controllers.get(usb.id) or usb.controller)
        self.children: dict[str | None, list[str]] = {}
        for name, parent in self.parent.items():
            self.children.setdefault(parent, []).append(name)
        self._count()

    def _add(self, node: Node, parent: str | None) -> None:
        # A parent that does not stand before its child is none: so there are no circles.
        self.parent[node.id] = parent if parent in self.nodes and parent != node.id else None
        self.nodes[node.id] = node

    def _count(self) -> None:
        self.size = dict.fromkeys(self.nodes, 1)
        self.marked = {name: _is_edge_tpu(node) for name, node in self.nodes.items()}
        for name in reversed(self.nodes):
            parent = self.parent[name]
            if parent is not None:
                self.size[parent] += self.size[name]
                self.marked[parent] = self.marked[parent] or self.marked[name]

    def below(self, name: str | None, *, elide: bool) -> tuple[list[str], int]:
        """Children to show, and how many devices are left out with the others."""
        children = self.children.get(name, [])
        if not elide:
            return children, 0
        kept = [child for child in children if self.marked[child] or not self._is_leaf_side(child)]
        left = set(children).difference(kept)
        return kept, sum(self.size[child] for child in left)

    def _is_leaf_side(self, name: str) -> bool:
        """Controllers and root hubs stay: they say which buses there are."""
        node = self.nodes[name]
        return isinstance(node, UsbTreeNode) and node.kind != "root-hub"


def _is_edge_tpu(node: Node) -> bool:
    return node.edge_tpu is not None if isinstance(node, UsbTreeNode) else node.is_edge_tpu


def _pci_to_show(report: Report, *, show_all: bool) -> list[PciTreeNode]:
    """USB controllers with buses, PCIe Edge TPUs, and the bridges above both."""
    if show_all:
        return list(report.topology.pci)
    wanted = {node.controller for node in report.topology.usb if node.kind == "root-hub"}
    keep: set[str | None] = set()
    for node in reversed(report.topology.pci):
        if node.id in keep or node.usb_roots or node.is_edge_tpu or node.id in wanted:
            keep.update((node.id, node.parent))
    return [node for node in report.topology.pci if node.id in keep]


def tree_lines(
    report: Report, *, width: int, ascii_only: bool = False, show_all: bool = False, max_lines: int | None = None
) -> Iterator[TreeLine]:
    """The tree, a line a node. Beyond ``max_lines`` subtrees without Edge TPUs become ``... 37 more devices``."""
    forest = Forest(report, show_all=show_all)
    elide = max_lines is not None and len(forest.nodes) > max_lines
    describe = _Describer(report, forest, ascii_only=ascii_only)
    yield from _walk(forest, describe, _guides(width, ascii_only=ascii_only), elide=elide, width=width)
    if forest.hidden_pci:
        text = f"+ {count_text(forest.hidden_pci, 'other PCI function')}"
        yield TreeLine("", GAP, (Part(text, "more"),))


def _guides(width: int, *, ascii_only: bool) -> _Guides:
    return _GUIDES[(ascii_only, width < _NARROW_CELLS)]


class _Step(NamedTuple):
    """A node (or a number of nodes left out) that waits for its turn, with the guides before it and below it."""

    what: str | int
    guide: str
    prefix: str
    depth: int


def _walk(forest: Forest, describe: _Describer, guides: _Guides, *, elide: bool, width: int) -> Iterator[TreeLine]:
    deepest = max(1, width * 3 // 5 // len(guides.blank))
    stack = _steps(forest.below(None, elide=elide), guides, None)
    while stack:
        step = stack.pop()
        if isinstance(step.what, int):
            text = f"... {count_text(step.what, 'more device')}"
            yield TreeLine(step.guide, step.prefix, (Part(text, "more"),))
            continue
        below = forest.below(step.what, elide=elide)
        # Deeper than any real machine goes, lines are no longer indented, so that long chains stay linear.
        above = step if step.depth < deepest else step._replace(prefix=step.prefix[: -len(guides.blank)])
        stack += _steps(below, guides, above)
        under = step.prefix + (guides.bar if any(below) else GAP)
        yield TreeLine(step.guide, under, describe.parts(step.what))


def _steps(below: tuple[list[str], int], guides: _Guides, above: _Step | None) -> list[_Step]:
    """Steps for the children of a node, the last first, as a stack wants them."""
    names, left = below
    waiting: list[str | int] = [*names, left] if left else [*names]
    if above is None:
        return [_Step(what, "", "", 0) for what in reversed(waiting)]
    steps: list[_Step] = []
    for what in reversed(waiting):
        last = not steps
        guide = above.prefix + (guides.corner if last else guides.tee)
        steps.append(_Step(what, guide, above.prefix + (guides.blank if last else guides.bar), above.depth + 1))
    return steps


class _Describer:
    """Says what a node is."""

    def __init__(self, report: Report, forest: Forest, *, ascii_only: bool) -> None:
        self._forest = forest
        self._tpus = {tpu.id: tpu for tpu in report.edge_tpus}
        self._links = _links(report)
        self._ascii_only = ascii_only

    def parts(self, name: str) -> tuple[Part, ...]:
        """The parts of a node's line, fit for a terminal."""
        node = self._forest.nodes[name]
        parts = self._usb(node) if isinstance(node, UsbTreeNode) else self._pci(node)
        return tuple(Part(self._clean(part), part.role) for part in parts)

    def _clean(self, part: Part) -> str:
        text = for_terminal(part.text)
        text = to_ascii(text) if self._ascii_only else text
        most = {"name": _NAME_CELLS, "place": _PLACE_CELLS, "limit": _LIMIT_CELLS}.get(part.role)
        return text if most is None else shorten(text, most, ascii_only=self._ascii_only)

    def _usb(self, node: UsbTreeNode) -> Iterator[Part]:
        if node.kind == "root-hub":
            yield from self._root_hub(node)
        else:
            port = "?" if node.port is None else node.port
            yield Part(f"port {port}: {node.id}", "place")
            if node.edge_tpu in (None, "possible"):
                yield Part(node.name or node.class_name or "unnamed device", "name")
            elif node.name is not None:
                yield Part(node.name, "name")
            if node.usb_id is not None:
                yield Part(node.usb_id, "plain")
        yield self._speed(node)
        if node.twin is not None:
            yield Part(f"twin {node.twin}", "plain")
        yield from self._mark(node.id, certain=node.edge_tpu != "possible", present=node.edge_tpu is not None)
        yield from self._limit(node)

    def _root_hub(self, node: UsbTreeNode) -> Iterator[Part]:
        driver = f" ({', '.join(node.drivers)})" if node.drivers else ""
        yield Part(node.id, "place")
        yield Part(f"{_bus_kind(node)}{driver}", "plain")
        if node.port_count:
            yield Part(count_text(node.port_count, "port"), "plain")
        if node.controller is not None and self._forest.parent[node.id] is None:
            yield Part(f"on {node.controller}", "plain")

    def _speed(self, node: UsbTreeNode) -> Part:
        tpu = self._tpus.get(node.id)
        speed = tpu.speed_mbps if tpu is not None else node.speed_mbps
        role = ("slow" if is_slow(tpu) else "full") if tpu is not None else self._links.get(node.id, "plain")
        return Part(f"{speed_words(speed)} (!)" if role == "slow" else speed_words(speed), role)

    def _pci(self, node: PciTreeNode) -> Iterator[Part]:
        yield Part(node.id, "place")
        if not node.is_edge_tpu or node.name is not None:
            yield Part(_pci_name(node), "name")
        if node.pci_id is not None:
            yield Part(node.pci_id, "plain")
        if node.link_mbps is not None:
            tpu = self._tpus.get(node.id)
            role = ("slow" if is_slow(tpu) else "full") if tpu is not None else self._links.get(node.id, "plain")
            text = f"PCIe {node.link_speed_gts or 0:g} GT/s x{node.link_width} ({speed_text(node.link_mbps)})"
            yield Part(f"{text} (!)" if role == "slow" else text, role)
        yield from self._mark(node.id, certain=True, present=node.is_edge_tpu)
        yield from self._limit(node)

    def _mark(self, name: str, *, certain: bool, present: bool) -> Iterator[Part]:
        if not present:
            return
        tpu = self._tpus.get(name)
        if not certain:
            yield Part("[possible Edge TPU]", "possible")
        elif tpu is None:
            yield Part("[Edge TPU]", "tpu")
        else:
            words = ["Edge TPU", delegate_text(tpu), tpu.state or ""]
            yield Part(f"[{' '.join(word for word in words if word)}]", "tpu")

    def _limit(self, node: Node) -> Iterator[Part]:
        """The narrower link above: where it begins to hold, and again at each Edge TPU."""
        limit = _narrower(node)
        if limit is None:
            return
        parent = self._forest.parent[node.id]
        said = parent is not None and _narrower(self._forest.nodes[parent]) == limit
        if not said or _is_edge_tpu(node):
            text = f"<- limited to {speed_text(limit.mbps)} by {limit.upper} -> {limit.lower}"
            yield Part(text, "limit")


def _links(report: Report) -> dict[str, Role]:
    """How the link above each node on the way to an Edge TPU does, beside what both of its ends can.

    Where a slower one matters, words say so as well (``limited to``, ``(!)``).
    """
    found: dict[str, Role] = {}
    for tpu in report.edge_tpus:
        for hop in tpu.hops:
            if hop.negotiated_mbps is not None and hop.capable_mbps is not None:
                found[hop.lower] = "limit" if hop.negotiated_mbps < hop.capable_mbps else "full"
    return found


def _narrower(node: Node) -> PathLimit | None:
    """The limit above a node where it is below what the node's own link carries."""
    limit = node.path_limit
    if limit is None or limit.lower == node.id:
        return None
    if isinstance(node, PciTreeNode):
        own = node.link_mbps
    else:
        own = None if node.speed_mbps is None else usb_payload_mbps(node.speed_mbps)
    return limit if own is not None and limit.payload_mbps < own else None


def _bus_kind(node: UsbTreeNode) -> str:
    speed = node.speed_mbps if node.speed_mbps is not None else _ROOT_HUB_IDS.get(node.usb_id or "")
    if speed is None:
        return "USB bus"
    return f"USB {'3' if speed >= 5000 else '2' if speed >= 480 else '1.1'} bus"


def _pci_name(node: PciTreeNode) -> str:
    if node.class_code == _PCI_BRIDGE:
        return "PCI bridge"
    if node.class_code == _USB_CONTROLLER:
        return "USB controller"
    return node.name or (f"class {node.class_code}" if node.class_code else "PCI function")


def fit(line: TreeLine, width: int, *, ascii_only: bool = False) -> list[list[Part]]:
    """A tree line as rows of at most ``width`` columns: the name gives way first, then whole parts move down."""
    room = width - cells(line.guide)
    parts = _shorten_name(line.parts, room, ascii_only=ascii_only)
    under = line.under if line.under.endswith(GAP) else f"{line.under}{GAP}"
    return place_parts(parts, width, guide=line.guide, under=under)


def place_parts(parts: tuple[Part, ...], width: int, *, guide: str = "", under: str = GAP) -> list[list[Part]]:
    """Parts in rows, two spaces between them; a part that is too long for a row is wrapped."""
    rows = [[Part(guide, "guide")]]
    used = cells(guide)
    for part in parts:
        gap = GAP if len(rows[-1]) > 1 else ""
        size = len(gap) + cells(part.text)
        if used + size > width and gap:
            rows.append([Part(under, "guide")])
            gap, used, size = "", cells(under), cells(part.text)
        pieces = [part.text] if used + size <= width else wrap(part.text, width - cells(under), first=width - used)
        for index, piece in enumerate(pieces):
            if index:
                rows.append([Part(under, "guide")])
                gap, used = "", cells(under)
            rows[-1].append(Part(gap + piece, part.role))
            used += len(gap) + cells(piece)
    return rows


def _shorten_name(parts: tuple[Part, ...], room: int, *, ascii_only: bool) -> tuple[Part, ...]:
    over = sum(cells(part.text) for part in parts) + len(GAP) * (len(parts) - 1) - room
    if over <= 0:
        return parts
    shortened = []
    for part in parts:
        if part.role == "name":
            least = max(cells(part.text) - over, _SHORTEST_NAME_CELLS)
            shortened.append(Part(shorten(part.text, least, ascii_only=ascii_only), part.role))
        else:
            shortened.append(part)
    return tuple(shortened)


def is_slow(tpu: EdgeTpu) -> bool:
    """Whether the link of an Edge TPU is below what its place allows."""
    speed, expected = tpu.speed_mbps, tpu.expected_speed_mbps
    return speed is not None and expected is not None and speed < expected


def speed_words(speed_mbps: float | None) -> str:
    """``5 Gb/s``, ``480 Mb/s``, ``speed unknown``."""
    return "speed unknown" if speed_mbps is None else speed_text(speed_mbps)


def count_text(count: int, noun: str) -> str:
    """``1 port``, ``4 ports``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def delegate_text(tpu: EdgeTpu) -> str:
    """The string for ``load_delegate`` that means this device now; ``usb:?`` where it is not known."""
    return tpu.delegate_device or f"{tpu.transport}:?"


def state_text(tpu: EdgeTpu) -> str:
    """``ready``, ``possible``, ``ready, in use``."""
    state = tpu.state or "state unknown"
    return f"{state}, in use" if tpu.in_use else state


def place_text(report: Report) -> dict[str, str]:
    """Where each Edge TPU is plugged, by its id: ``port 4 of hub 2-1 (2109:0817)``."""
    usb = {node.id: node for node in report.topology.usb}
    pci = {node.id: node for node in report.topology.pci}
    places = {}
    for tpu in report.edge_tpus:
        if tpu.transport == "usb":
            places[tpu.id] = _usb_place(usb, usb.get(tpu.id))
        else:
            bridge = pci[tpu.id].parent if tpu.id in pci else None
            places[tpu.id] = f"below bridge {bridge}" if bridge else "on a PCI root bus"
    return places


def _usb_place(usb: dict[str, UsbTreeNode], node: UsbTreeNode | None) -> str:
    hub = usb.get(node.parent) if node is not None and node.parent else None
    if node is None or hub is None:
        return "port not in the evidence"
    port = "?" if node.port is None else node.port
    if hub.kind == "root-hub":
        return f"root port {port} of bus {'?' if hub.busnum is None else hub.busnum}"
    return f"port {port} of hub {hub.id}" + (f" ({hub.usb_id})" if hub.usb_id else "")


def fact_text(fact: Fact, *, with_origin: bool = True) -> str:
    """``speed 480 Mb/s (paste.txt:7)``."""
    value = fact.value
    if value is None:
        shown = "not known"
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    else:
        shown = value if isinstance(value, str) else f"{value:.10g}"
        shown = f"{shown} {fact.unit}" if fact.unit else shown
    return f"{fact.name} {shown} ({fact.where})" if fact.where and with_origin else f"{fact.name} {shown}"


def verdict(report: Report) -> tuple[str, str]:
    """The word and the sentence that stand first: ``ERROR`` and the cause, ``OK``, or ``UNKNOWN``."""
    diagnosis = report.diagnosis
    if diagnosis.cause in ("healthy", "unknown"):
        word = "OK" if diagnosis.cause == "healthy" else "UNKNOWN"
        hedge = " (not certain)" if word == "OK" and diagnosis.confidence == "possible" else ""
        return word, f"{diagnosis.summary}{hedge}"
    severities: list[str] = [finding.severity for finding in report.findings]
    word = "ERROR" if "error" in severities else "WARNING"
    sure = "" if diagnosis.confidence == "certain" else f" ({diagnosis.confidence})"
    return word, f"{diagnosis.cause}{sure}: {', '.join(_counts(report, severities))}"


def _counts(report: Report, severities: list[str]) -> Iterator[str]:
    sure = sum(tpu.state != "possible" for tpu in report.edge_tpus)
    possible = len(report.edge_tpus) - sure
    if sure or not possible:
        yield count_text(sure, "Edge TPU") if sure else "no Edge TPU"
    if possible:
        yield count_text(possible, "possible Edge TPU")
    for severity in ("error", "warning"):
        if severity in severities:
            yield count_text(severities.count(severity), severity)


def source_text(report: Report) -> str:
    """What the report was made from; a replay is never to be taken for this machine."""
    source, host = report.source, report.host
    name = f' "{source.name}"' if source.name else ""
    if source.kind == "demo":
        return f"REPLAY of capture{name} - not this machine"
    origins = {"live": "This machine", "capture": f"From a capture{name}", "text": f"From pasted text{name}"}
    origin = origins[source.kind]
    system = [host.os_name, f"Linux {host.kernel_release}" if host.kernel_release else None, host.architecture]
    about = [each for each in (host.board_model, *system) if each]
    return f"{origin}: {', '.join(about)}" if about else origin


def missing_text(report: Report) -> list[str]:
    """What the evidence does not show, each with the command that would show it, else the reason."""
    return [f"{each.what} ({each.how or each.why})" for each in report.source.missing]


def ignored_text(report: Report) -> str | None:
    """How many lines of the input were not understood."""
    count = report.source.ignored_count
    if not count:
        return None
    return f"{count_text(count, 'line')} {'was' if count == 1 else 'were'} not understood (see --json, source.ignored)"


def error_text(report: Report) -> str:
    """Why there is no report, in one line with file and line."""
    error = report.error
    if error is None:
        return ""
    place = "" if error.file is None else error.file if error.line is None else f"{error.file}:{error.line}"
    prefix = f"{place}: " if place and not error.message.startswith(place) else ""
    return f"{report.tool.name}: {prefix}{error.message}"
