"""What the wizard shows, as rows of words with roles: both faces print these, one of them in colours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from etpu_doctor.hotplug.places import HopLoad, Port
from etpu_doctor.remedies.model import Setup
from etpu_doctor.report.escape import cells, for_terminal, to_ascii, wrap
from etpu_doctor.report.report import PciTreeNode, Report, UsbTreeNode
from etpu_doctor.report.tree import (
    Forest,
    Part,
    TreeLine,
    delegate_text,
    fact_text,
    fit,
    place_text,
    speed_words,
    state_text,
    tree_lines,
)
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.wording import speed_text
from etpu_doctor.topology.machine import EdgeTpu
from etpu_doctor.wizard.guided import Guided
from etpu_doctor.wizard.session import Group, Session

if TYPE_CHECKING:
    from etpu_doctor.hotplug.engine import Update

BAR_CELLS = 10

_FAULT_WORDS = {
    "secondary-port": "secondary port, not for an Edge TPU",
    "bus-powered-hub": "no supply of its own, not for an Edge TPU",
    "usb2-only": "USB 2 only, slow",
}


class Span(NamedTuple):
    """Words and what they stand for: a role of ``report.tree``, a severity, ``heading``, ``quiet``, ``command``."""

    text: str
    role: str = ""


Row = tuple[Span, ...]


class MapRow(NamedTuple):
    """Rows of one node of the map; ``node`` is ``None`` for what is no node."""

    node: str | None
    rows: tuple[Row, ...]


class Style(NamedTuple):
    """How wide rows may be, and in which alphabet."""

    width: int
    ascii_only: bool = False


def plain_text(row: Row) -> str:
    """A row without its roles."""
    return "".join(span.text for span in row).rstrip()


def clean(text: str, style: Style) -> str:
    """Foreign text fit for a terminal."""
    safe = for_terminal(text)
    return to_ascii(safe) if style.ascii_only else safe


def paragraph(text: str, style: Style, *, role: str = "", mark: str = "") -> Iterator[Row]:
    """Wrapped words; lines after the first are indented below the mark."""
    shown = clean(mark, style)
    for index, line in enumerate(wrap(clean(text, style), max(style.width - cells(shown), 8))):
        yield (Span(" " * cells(shown) if index else shown), Span(line, role))


def heading(text: str, style: Style) -> Row:
    """A heading."""
    return (Span(clean(text, style), "heading"),)


def verdict_rows(session: Session, style: Style) -> Iterator[Row]:
    """The verdict, and what it is about."""
    word, sentence = session.verdict()
    lines = wrap(clean(session.labelled(sentence), style), max(style.width - len(word) - 2, 8))
    for index, line in enumerate(lines):
        yield (Span(word if not index else " " * len(word), word), Span(f"  {line}"))
    role = "replay" if session.is_replay else "quiet"
    yield from paragraph(session.source(), style, role=role)


def look_rows(session: Session, style: Style) -> Iterator[Row]:
    """What was read so far, as it comes in."""
    update = session.update
    yield from _stage_rows(update, style)
    if update is None:
        return
    yield ()
    yield from verdict_rows(session, style)
    yield ()
    yield from tpu_rows(session, style)
    missing = update.report.source.missing if session.is_whole else ()
    if missing:
        yield ()
        yield heading("Not in the evidence", style)
    for each in missing[:6]:
        yield from paragraph(f"{each.what}: {each.how or each.why}", style, role="quiet", mark="- ")


def _stage_rows(update: Update | None, style: Style) -> Iterator[Row]:
    stages = [("buses", "USB and PCI buses"), ("host", "driver, permissions, runtime, kernel log")]
    stages += [("library", "what libedgetpu lists")] if update is not None and update.asks_library else []
    reached = -1 if update is None else next((i for i, stage in enumerate(stages) if stage[0] == update.stage), 1)
    for index, (_, title) in enumerate(stages):
        done = index <= reached
        count = f": {_counts(update.report)}" if done and index == 0 and update is not None else ""
        mark = "[x]" if done else "[ ]"
        yield from paragraph(f"{title}{count}", style, role="" if done else "quiet", mark=f"{mark} ")


def _counts(report: Report) -> str:
    usb = sum(node.kind != "root-hub" for node in report.topology.usb)
    return f"{usb} USB devices, {len(report.topology.pci)} PCI functions, {len(report.edge_tpus)} Edge TPUs"


def tpu_rows(session: Session, style: Style) -> Iterator[Row]:
    """One line an Edge TPU: string, place, speed, state."""
    report = session.now.report
    places = place_text(report)
    for tpu in report.edge_tpus:
        about = [places[tpu.id], speed_words(tpu.speed_mbps), state_text(tpu)]
        # The place is put so that labels find the port: "port 4 of hub 2-1".
        yield from paragraph(
            session.labelled(f"{delegate_text(tpu)}  {tpu.id}  {', '.join(about)}"), style, role="tpu", mark="  "
        )


def map_rows(session: Session, style: Style) -> list[MapRow]:
    """The joined tree with bars, free ports and labels; a row knows its node."""
    update = session.now
    forest = Forest(update.report)
    names = iter(_in_order(forest))
    free = _free_by_hub(update)
    found: list[MapRow] = []
    for line in tree_lines(update.report, width=style.width, ascii_only=style.ascii_only):
        name = next(names, None)
        node = forest.nodes[name] if name is not None else None
        extra = () if node is None else tuple(_extras(session, node, free, style))
        whole = TreeLine(line.guide, line.under, (*line.parts, *extra))
        rows = [_as_row(row) for row in fit(whole, style.width, ascii_only=style.ascii_only)]
        found.append(MapRow(name, tuple(rows)))
    return found


def _as_row(parts: list[Part]) -> Row:
    return tuple(Span(part.text, part.role) for part in parts)


def _in_order(forest: Forest) -> Iterator[str]:
    waiting = list(reversed(forest.below(None, elide=False)[0]))
    while waiting:
        name = waiting.pop()
        yield name
        waiting += reversed(forest.below(name, elide=False)[0])


def _free_by_hub(update: Update) -> dict[str, list[Port]]:
    free: dict[str, list[Port]] = {}
    for port in update.ports:
        free.setdefault(port.hub, []).append(port)
    return free


def _extras(
    session: Session, node: UsbTreeNode | PciTreeNode, free: dict[str, list[Port]], style: Style
) -> Iterator[Part]:
    if isinstance(node, PciTreeNode):
        return
    label = session.names().get(node.id)
    if label is not None:
        yield Part(clean(f'"{label}"', style), "label")  # type: ignore[arg-type] # a role of this face
    load = session.now.loads.get(node.id)
    if load is not None:
        yield from (Part(text, "plain") for text in load_texts(load, style))
    if node.id in free:
        yield from _free_parts(free[node.id], session.names(), style)


def load_texts(load: HopLoad, style: Style) -> Iterator[str]:
    """Bandwidth and power of a hop as bars with their numbers; estimates, and said to be."""
    if load.usable_mb_s:
        share = load.demand_mb_s / load.usable_mb_s
        yield f"{bar(share, style)} about {load.demand_mb_s:.0f} of {load.usable_mb_s:.0f} MB/s"
    if load.power_ma:
        budget = load.budget_ma
        if budget:
            yield f"{bar(load.power_ma / budget, style)} {load.power_ma} of {budget} mA"
        else:
            yield f"needs {load.power_ma / 1000:.1f} A of its supply"


def bar(share: float, style: Style) -> str:
    """A bar of ten cells; more than full is marked, so that colour is not the only sign."""
    full, empty = ("#", "-") if style.ascii_only else ("█", "░")
    count = min(max(round(share * BAR_CELLS), 1 if share > 0 else 0), BAR_CELLS)
    return f"[{full * count}{empty * (BAR_CELLS - count)}]{'!' if share > 1 else ''}"


def _free_parts(ports: list[Port], names: dict[str, str], style: Style) -> Iterator[Part]:
    good = [port for port in ports if port.fault is None]
    if good:
        yield Part(f"free for an Edge TPU: port {_numbers(good, names, style)}", "good")  # type: ignore[arg-type] # as above
    for fault, words in _FAULT_WORDS.items():
        bad = [port for port in ports if port.fault == fault]
        if bad:
            yield Part(f"free: port {_numbers(bad, names, style)} ({words})", "more")


def _numbers(ports: list[Port], names: dict[str, str], style: Style) -> str:
    texts = (f'{port.number} "{names[port.name]}"' if port.name in names else str(port.number) for port in ports)
    return clean(", ".join(texts), style)


def node_rows(session: Session, name: str, style: Style) -> Iterator[Row]:
    """Everything that is known of a node: its facts, where they were read, its findings."""
    report = session.now.report
    usb = next((node for node in report.topology.usb if node.id == name), None)
    pci = next((node for node in report.topology.pci if node.id == name), None)
    if usb is None and pci is None:
        yield from paragraph(f"{name} is not there any more.", style)
        return
    facts = _usb_facts(usb) if usb is not None else _pci_facts(pci) if pci is not None else []
    tpu = next((tpu for tpu in report.edge_tpus if tpu.id == name), None)
    yield heading(session.labelled(_node_title(name, usb, tpu)), style)
    # What decides about an Edge TPU comes first: on a small screen the rest has to be scrolled to.
    for what, value in [*(_tpu_facts(tpu) if tpu is not None else []), *facts]:
        if value is not None:
            yield from paragraph(session.labelled(value), style, mark=f"{what:<16}")
    node = usb if usb is not None else pci
    where = node.where if node is not None else None
    if where is not None:
        yield from paragraph(where, style, role="quiet", mark=f"{'read from':<16}")
    yield from _findings_about(session, name, style)


def _node_title(name: str, usb: UsbTreeNode | None, tpu: EdgeTpu | None) -> str:
    if tpu is not None:
        return f"Edge TPU {name}"
    if usb is not None and usb.kind != "device":
        return f"Hub {name}" if usb.kind == "hub" else f"USB bus {name}"
    return f"Device {name}"


def _usb_facts(node: UsbTreeNode) -> list[tuple[str, str | None]]:
    supply = {True: "says it has its own supply", False: "takes its power from the bus", None: None}[node.self_powered]
    limit = node.path_limit
    return [
        ("name", node.name or node.class_name),
        ("id", node.usb_id),
        ("bus, device", f"{node.busnum}, {node.devnum}" if node.busnum is not None else None),
        ("port chain", node.port_chain),
        ("link", speed_words(node.speed_mbps)),
        ("drivers", ", ".join(node.drivers) or None),
        ("ports", str(node.port_count) if node.port_count else None),
        ("declares", None if node.max_power_ma is None else f"{node.max_power_ma} mA"),
        ("supply", supply),
        ("configured", {True: "yes", False: "no: the kernel chose no configuration", None: None}[node.configured]),
        ("other half", node.twin),
        ("controller", node.controller),
        ("narrowest", f"{speed_text(limit.mbps)} between {limit.upper} and {limit.lower}" if limit else None),
    ]


def _pci_facts(node: PciTreeNode) -> list[tuple[str, str | None]]:
    link, most = node.link_speed_gts, node.max_link_speed_gts
    return [
        ("name", node.name),
        ("id", node.pci_id),
        ("driver", node.driver or ("none bound" if node.driver_known else None)),
        ("link", f"{link:g} GT/s x{node.link_width}" if link and node.link_width else None),
        ("at most", f"{most:g} GT/s x{node.max_link_width}" if most and node.max_link_width else None),
        ("USB buses", ", ".join(node.usb_roots) or None),
    ]


def _tpu_facts(tpu: EdgeTpu) -> list[tuple[str, str | None]]:
    expected = tpu.expected_speed_mbps
    return [
        ("state", state_text(tpu)),
        ("delegate", delegate_text(tpu)),
        ("after firmware", tpu.delegate_device_after_firmware),
        ("not known why", tpu.delegate_unknown_because),
        ("expected link", None if expected is None else speed_text(expected)),
        ("path", tpu.device_path),
        ("file", tpu.device_node),
    ]


def _findings_about(session: Session, name: str, style: Style) -> Iterator[Row]:
    for finding in session.now.report.findings:
        if name in (finding.subject, *finding.concerns):
            yield ()
            yield from finding_head(session, finding, style)


def finding_head(session: Session, finding: Finding, style: Style) -> Iterator[Row]:
    """Severity and title."""
    word = finding.severity.upper()
    lines = wrap(clean(session.labelled(finding.title), style), max(style.width - 9, 8))
    for index, line in enumerate(lines):
        yield (Span(f"{word if not index else '':<9}", word), Span(line, "heading" if not index else ""))


def finding_rows(session: Session, group: Group, style: Style) -> Iterator[Row]:
    """A finding whole: what it means, why it matters, how it was seen, what to do."""
    finding = group.first
    yield from finding_head(session, finding, style)
    sure = "" if finding.confidence == "certain" else f", {finding.confidence}"
    yield (Span(f"{finding.code} {finding.rule}{sure}", "quiet"),)
    for other in group.others:
        yield from paragraph(session.labelled(other.title), style, mark="also ")
    for title, text in _documented(finding):
        yield ()
        yield heading(title, style)
        yield from paragraph(text, style)
    if finding.facts:
        yield ()
        yield heading("How it was seen", style)
    for fact in finding.facts:
        yield from paragraph(session.labelled(fact_text(fact)), style, mark="- ")
    yield from remedy_rows(session, finding, style)


def _documented(finding: Finding) -> Iterator[tuple[str, str]]:
    """What the rule's documentation says under its first two headings."""
    from etpu_doctor.rules.registry import find  # noqa: PLC0415 - a rule's text is wanted for one finding at a time

    rule = next((rule for rule in find(finding.code) if rule.info.code == finding.code), None)
    if rule is None:
        return
    title, words = "", list[str]()
    for line in [*rule.info.documentation.splitlines(), "# "]:
        if line.startswith("#"):
            if title in ("What it means", "Why it matters"):
                yield title, " ".join(words)
            title, words = line.lstrip("#").strip(), []
        elif line.strip():
            words.append(line.strip().replace("`", ""))


def remedy_rows(session: Session, finding: Finding, style: Style) -> Iterator[Row]:
    """What to do: steps, then commands, each command on lines of its own."""
    remedy = finding.remedy
    if remedy is None:
        return
    yield ()
    yield heading("What to do", style)
    yield from paragraph(session.labelled(remedy.summary), style)
    for number, step in enumerate(remedy.steps, 1):
        yield from paragraph(session.labelled(step), style, mark=f"{number}. ")
    for command in remedy.commands:
        yield from paragraph(f"{command.why}:", style, role="quiet", mark="  ")
        yield from paragraph(command.command, style, role="command", mark="  $ ")


def guide_rows(session: Session, guided: Guided, style: Style) -> Iterator[Row]:
    """A guided step: what to do, in words, and where it stands."""
    yield from finding_head(session, guided.finding, style)
    yield ()
    yield from paragraph(guided.text.ask, style, role="heading")
    remedy = guided.remedy
    for number, step in enumerate(remedy.steps or (remedy.summary,), 1):
        yield from paragraph(session.labelled(step), style, mark=f"{number}. ")
    for command in remedy.commands:
        yield from paragraph(f"{command.why}:", style, role="quiet", mark="   ")
        yield from paragraph(command.command, style, role="command", mark="   $ ")
    places = guided.places()
    if places:
        yield from paragraph("In other words:", style, role="quiet")
    for place in places:
        yield from paragraph(session.labelled(place), style, mark="- ")


def guide_state(session: Session, guided: Guided, style: Style, *, events: int = 4) -> Iterator[Row]:
    """Where a guided step stands: the last events, and the judgment of the rules."""
    for seconds, text in guided.events[-events:] if events else ():
        yield from paragraph(session.labelled(text), style, mark=f"{seconds:7.1f} s  ", role="quiet")
    roles = {"closed": "OK", "better": "OK", "worse": "ERROR", "same": "WARNING"}
    mark = "[x] " if guided.outcome == "closed" else "[ ] "
    text = session.labelled(guided.verdict())
    if session.now.is_over and guided.outcome is None and guided.phase != "away":
        text = "The recording ends here: nothing more will happen."
    yield from paragraph(text, style, role=roles.get(guided.outcome or "", "heading"), mark=mark)


def setup_rows(setup: Setup, style: Style) -> Iterator[Row]:
    """A configuration: notes, files, commands, the way back. Files are not wrapped: they are copied."""
    devices = ", ".join(setup.devices) or "none found here: this is the general one"
    yield from paragraph(f"Edge TPUs: {devices}", style, role="quiet")
    for note in setup.text:
        yield from paragraph(note, style, mark="- ")
    for file in setup.files:
        yield ()
        yield heading(f"{'Add to ' if file.fragment else ''}{file.path}", style)
        for line in file.content.rstrip("\n").split("\n"):
            yield (Span(clean(line.replace("\t", "    "), style), "command"),)
    if setup.commands:
        yield ()
        yield heading("Then run" if setup.files else "Run", style)
    for command in setup.commands:
        yield from paragraph(f"{command.why}:", style, role="quiet")
        yield (Span("$ "), Span(clean(command.command, style), "command"))
    for step in setup.undo:
        yield from paragraph(step, style, role="quiet", mark="undo: ")


def copyable(setup: Setup) -> str:
    """What of a configuration goes onto the clipboard: its files, or its commands where it has no file."""
    if setup.files:
        return "\n".join(file.content for file in setup.files)
    return "\n".join(command.command for command in setup.commands) + "\n"


def group_rows(session: Session, group: Group, style: Style) -> Iterator[Row]:
    """A finding in the list: severity and title, and how many more the same steps mend."""
    yield from finding_head(session, group.first, style)
    if group.others:
        yield (Span(f"{'':<9}and {len(group.others)} more of the same", "quiet"),)


def log_rows(session: Session, style: Style, lines: int = 12) -> Iterator[Row]:
    """The last things that happened."""
    if session.log:
        yield ()
        yield heading("What happened since", style)
    for seconds, text in list(session.log)[-lines:]:
        yield from paragraph(text, style, mark=f"{seconds:7.1f} s  ")
