"""The text face: a Report on a terminal or in a pipe, with rich.

Calm and short: a verdict, the tree, the findings worst first. Words carry the meaning, colours only repeat it. Every
text passes ``_Page.clean`` before it is laid out, and reaches rich as ``Text``, never as markup.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TextIO

import msgspec
from rich.console import Console
from rich.text import Text

from etpu_doctor.report.escape import cells, for_terminal, shorten, to_ascii, wrap
from etpu_doctor.report.report import Report
from etpu_doctor.report.smoke import smoke_texts, soak_rows, tools_text
from etpu_doctor.report.styles import STYLES
from etpu_doctor.report.tree import (
    GAP,
    Part,
    delegate_text,
    error_text,
    fact_text,
    fit,
    ignored_text,
    missing_text,
    place_parts,
    place_text,
    source_text,
    speed_words,
    state_text,
    tree_lines,
    verdict,
)
from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.topology.machine import EdgeTpu

Color = Literal["auto", "always", "never"]

FINDING_LINES = 8
"""A finding never takes more lines than this, its next steps included."""

_WIDEST, _NARROWEST, _USUAL = 120, 24, 80
_NARROW = 60
_TREE_LINES = 200
_MISSING_LINES = 3
_TITLE_LINES = 2
_SMOKE_LINES = 3
_SOAK_CELLS = 34
"""What stands beside the bars of a soak: its name and its range."""

_SMOKE_FAMILY = "ETD9"
_SECONDARY_PORT = "ETD113"
"""The finding that a smoke test confirms or takes back."""


class _Span(NamedTuple):
    text: str
    style: str = ""


Row = Sequence[_Span]


class _Page:
    """Where lines go: knows the width, the alphabet and whether colours are wanted."""

    def __init__(self, stream: TextIO, *, color: Color, ascii_only: bool, width: int | None) -> None:
        self.ascii_only = ascii_only
        self.width = max(_NARROWEST, min(width or _terminal_width(stream), _WIDEST))
        self._stream = stream
        self._console = _console(stream, self.width) if _wants_color(stream, color) else None

    def clean(self, text: str) -> str:
        """The text fit for this page."""
        safe = for_terminal(text)
        return to_ascii(safe) if self.ascii_only else safe

    def wrap(self, text: str, indent: int, *, first: int | None = None, limit: int | None = None) -> list[str]:
        """Wrapped lines without their indent; ``first`` is the indent of the first. Cut after ``limit`` lines."""
        room = self.width - indent
        lines = wrap(self.clean(text), room, first=None if first is None else self.width - first)
        if limit is None or len(lines) <= limit:
            return lines
        return [*lines[: limit - 1], self._cut(lines[limit - 1], room)]

    def _cut(self, line: str, room: int) -> str:
        """A line with the mark that something follows, after a whole word where there is one."""
        dots = "..." if self.ascii_only else "…"
        while cells(line) + 1 + len(dots) > room and " " in line:
            line = line.rpartition(" ")[0]
        return shorten(f"{line} {dots}", room, ascii_only=self.ascii_only)

    def put(self, *spans: _Span) -> None:
        """Print one row."""
        if self._console is None:
            # Without colours rich has nothing to add, and a long tree in a pipe is ten times as fast.
            self._stream.write("".join(span.text for span in spans).rstrip() + "\n")
            return
        text = Text()
        for span in spans:
            text.append(span.text, STYLES.get(span.style))
        text.rstrip()
        self._console.print(text, soft_wrap=True)

    def rows(self, rows: Iterable[Row]) -> None:
        """Print rows as they are."""
        for row in rows:
            self.put(*row)

    def paragraph(self, text: str, *, style: str = "", hang: int = 2) -> None:
        """Print wrapped text; lines after the first are indented by ``hang`` columns."""
        for index, line in enumerate(self.wrap(text, hang, first=0)):
            self.put(_Span(" " * hang if index else ""), _Span(line, style))

    def gap(self) -> None:
        """Print an empty line."""
        self.put()


def _console(stream: TextIO, width: int) -> Console:
    """A console that colours what it is told to and nothing else: no markup, no emoji codes, no guessed highlights."""
    return Console(
        file=stream,
        width=width,
        force_terminal=True,
        force_jupyter=False,
        color_system="standard",
        no_color=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )


def _wants_color(stream: TextIO, color: Color) -> bool:
    """``auto``: a terminal that is no dumb one, and no ``NO_COLOR`` (no-color.org: set and not empty)."""
    if color != "auto":
        return color == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _terminal_width(stream: TextIO) -> int:
    if not stream.isatty():
        return _USUAL
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (OSError, ValueError):
        return _USUAL


def render(report: Report, *, color: Color, ascii_only: bool, width: int | None, stream: TextIO) -> None:
    """Print the report."""
    page = _Page(stream, color=color, ascii_only=ascii_only, width=width)
    if _refused(page, report):
        return
    word, sentence = verdict(report)
    _labelled(page, word, sentence)
    _source(page, report)
    page.gap()
    _tree(page, report, max_lines=_TREE_LINES)
    _smoke(page, report)
    _findings(page, report)
    _next(page, report)
    _plan(page, report)
    _limits(page, report)


def render_smoke(report: Report, *, color: Color, ascii_only: bool, width: int | None, stream: TextIO) -> None:
    """Print the smoke tests, and the findings that came of them or that they confirm."""
    page = _Page(stream, color=color, ascii_only=ascii_only, width=width)
    if _refused(page, report):
        return
    _smoke(page, report, heading=False)
    broken = {result.id for result in report.smoke if result.verdict not in ("pass", "slow")}
    concerned = [one for one in report.findings if one.code.startswith(_SMOKE_FAMILY) or _explains(one, broken)]
    _findings(page, msgspec.structs.replace(report, findings=tuple(concerned)))


def render_tree(  # noqa: PLR0913 - the four options of every text face and one of its own
    report: Report, *, color: Color, ascii_only: bool, width: int | None, stream: TextIO, show_all: bool = False
) -> None:
    """Print the whole tree; ``show_all`` adds the PCI functions that have nothing to do with Edge TPUs."""
    page = _Page(stream, color=color, ascii_only=ascii_only, width=width)
    if _refused(page, report):
        return
    if report.source.kind != "live":
        _source(page, report)
    _tree(page, report, show_all=show_all)


def render_devices(report: Report, *, color: Color, ascii_only: bool, width: int | None, stream: TextIO) -> None:
    """Print a line for each Edge TPU: from the delegate string to the port it is plugged into."""
    page = _Page(stream, color=color, ascii_only=ascii_only, width=width)
    if _refused(page, report):
        return
    if report.source.kind != "live":
        _source(page, report)
    if not report.edge_tpus:
        unknown = report.diagnosis.cause == "unknown"
        page.paragraph(report.diagnosis.summary if unknown else "No Edge TPU was found.")
    table = [_device_parts(page, tpu, place) for tpu, place in _in_delegate_order(report)]
    for parts in _aligned(table, page.width):
        page.rows(_styled(row) for row in place_parts(parts, page.width, under=" " * 7))
    reasons = [tpu.delegate_unknown_because for tpu in report.edge_tpus if tpu.delegate_device is None]
    for reason in dict.fromkeys(reasons):
        page.paragraph(f"not known: {reason or 'the order in which libedgetpu counts'}", style="quiet")


def render_rules(
    rules: Iterable[RuleInfo], *, color: Color, ascii_only: bool, width: int | None, stream: TextIO
) -> None:
    """Print a list of rules: code, severity, name, and what each says."""
    page = _Page(stream, color=color, ascii_only=ascii_only, width=width)
    for info in rules:
        word = info.severity.upper()
        code, name = page.clean(info.code), page.clean(info.name)
        page.put(_Span(code), _Span(f"{GAP}{word:<7}", word), _Span(f"{GAP}{name}", "heading"))
        for line in page.wrap(info.summary, 8):
            page.put(_Span(" " * 8 + line))


def render_explain(info: RuleInfo, *, color: Color, ascii_only: bool, width: int | None, stream: TextIO) -> None:
    """Print the documentation of a rule: headings bold, paragraphs wrapped."""
    page = _Page(stream, color=color, ascii_only=ascii_only, width=width)
    page.paragraph(f"{info.code} {info.name} ({info.severity})", style="heading")
    page.paragraph(info.summary, hang=0)
    for style, text in _blocks(info.documentation):
        if style == "heading":
            page.gap()
        page.paragraph(text, style=style, hang=2 if text.startswith(("- ", "* ")) else 0)


def _blocks(markdown: str) -> Iterator[tuple[str, str]]:
    """Headings, list items and paragraphs of the plain Markdown that rules are documented in."""
    words: list[str] = []
    for line in markdown.splitlines():
        starts = not line.strip() or line.startswith(("#", "- ", "* "))
        if starts and words:
            yield "", " ".join(words)
            words = []
        if line.startswith("#"):
            yield "heading", line.lstrip("#").strip()
        elif line.strip():
            words.append(line.strip())
    if words:
        yield "", " ".join(words)


def _refused(page: _Page, report: Report) -> bool:
    """Whether there is no report; says why in one line."""
    if report.error is None:
        return False
    page.put(_Span(page.clean(error_text(report))))
    return True


def _source(page: _Page, report: Report) -> None:
    page.paragraph(source_text(report), style="replay" if report.source.kind == "demo" else "quiet")


def _tree(page: _Page, report: Report, *, show_all: bool = False, max_lines: int | None = None) -> None:
    empty = True
    for line in tree_lines(
        report, width=page.width, ascii_only=page.ascii_only, show_all=show_all, max_lines=max_lines
    ):
        empty = False
        page.rows(_styled(row) for row in fit(line, page.width, ascii_only=page.ascii_only))
    if empty:
        page.paragraph("The evidence shows no USB or PCI device.")


def _explains(finding: Finding, broken: Collection[str]) -> bool:
    """Whether a finding may say why an Edge TPU failed, or is the one that a smoke test confirms or takes back."""
    may_explain = finding.subject in broken and finding.severity in ("error", "warning")
    return may_explain or finding.code == _SECONDARY_PORT


def _smoke(page: _Page, report: Report, *, heading: bool = True) -> None:
    """A verdict for each Edge TPU, with its times below."""
    texts = smoke_texts(report)
    if texts and heading:
        page.gap()
    for result, each in zip(report.smoke, texts, strict=True):
        _labelled(page, each.word, each.sentence, limit=_SMOKE_LINES)
        rows = soak_rows(result, page.width - _indent(page) - _SOAK_CELLS, ascii_only=page.ascii_only)
        for text in (*each.lines, *rows):
            for line in page.wrap(text, _indent(page) + 2, first=_indent(page)):
                page.put(_Span(" " * _indent(page)), _Span(line, "quiet"))
    with_what = tools_text(report)
    if with_what is not None:
        page.paragraph(f"Tested with {with_what}", style="quiet")


def _styled(row: list[Part]) -> list[_Span]:
    return [_Span(part.text, part.role) for part in row]


def _labelled(page: _Page, word: str, text: str, *, limit: int | None = None) -> int:
    """Print a severity word and a text beside it; returns how many lines that took."""
    lines = page.wrap(text, _indent(page), first=len(word) + 2, limit=limit)
    page.put(_Span(word, word), _Span(GAP + lines[0]))
    for line in lines[1:]:
        page.put(_Span(" " * _indent(page) + line))
    return len(lines)


def _indent(page: _Page) -> int:
    return 2 if page.width < _NARROW else 7


def _text_indent(page: _Page) -> int:
    """Where the words beside ``seen`` and ``do`` begin."""
    return _indent(page) + (5 if page.width < _NARROW else 7)


def _findings(page: _Page, report: Report) -> None:
    for first, others in _grouped(report.findings):
        page.gap()
        _fault(page, first)
        for other in others:
            page.put(*_hanging(page, "also", _one_line(page, other.title)))
    short = [finding for finding in report.findings if finding.severity in ("unknown", "info")]
    if short:
        page.gap()
    for finding in sorted(short, key=lambda finding: finding.severity == "info"):
        _note(page, finding)


def _next(page: _Page, report: Report) -> None:
    """What to collect where the evidence does not decide."""
    commands = report.diagnosis.next_evidence
    if commands:
        page.gap()
    for command in commands:
        text = f"{command.command} ({command.why})"
        page.put(*_hanging(page, "next", _one_line(page, text)))


def _plan(page: _Page, report: Report) -> None:
    """Which model belongs on which Edge TPU, where models were given."""
    if report.plan is msgspec.UNSET:
        return
    from etpu_doctor.report.plan_brief import brief_in, command_lines  # noqa: PLC0415 - only where there is a plan

    told = brief_in(report)
    page.gap()
    _labelled(page, "Plan", told.sentence)
    for each in told.placed:
        _block_of(page, "runs", f"{each.model} -> {each.device}: {each.forecast}")
    _block_of(page, "limit", told.limit or "")
    for text in told.left_out:
        _block_of(page, "out", text)
    room = page.width - _text_indent(page) - 2
    for index, line in enumerate(command_lines(page.clean(told.command or ""), room)):
        head, mark = ("", GAP) if index else ("code", "$ ")
        page.put(*_hanging(page, head, "")[:2], _Span(mark), _Span(line, "command"))


def _block_of(page: _Page, head: str, text: str) -> None:
    """A text with its head, where there is one."""
    for index, line in enumerate(page.wrap(text, _text_indent(page)) if text else ()):
        page.put(*_hanging(page, "" if index else head, line))


def _one_line(page: _Page, text: str) -> str:
    return shorten(page.clean(text), page.width - _text_indent(page), ascii_only=page.ascii_only)


def _grouped(findings: Sequence[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """Faults, each with those behind it that the same steps mend: four sticks on one hub are one thing to do."""
    groups: dict[tuple[str, str, Remedy | None], list[Finding]] = {}
    for finding in findings:
        if finding.severity in ("error", "warning"):
            groups.setdefault((finding.code, finding.severity, finding.remedy), []).append(finding)
    return [(group[0], group[1:]) for group in groups.values()]


def _note(page: _Page, finding: Finding) -> None:
    """A finding that is no fault, in a sentence or two."""
    remedy = f". {finding.remedy.summary}" if finding.remedy is not None and finding.severity == "info" else ""
    text = f"{finding.title}{remedy.removesuffix('.')} ({_with_confidence(finding.code, finding)})"
    _labelled(page, finding.severity.upper(), text, limit=FINDING_LINES)


def _with_confidence(name: str, finding: Finding) -> str:
    return name if finding.confidence == "certain" else f"{name}, {finding.confidence}"


def _fault(page: _Page, finding: Finding) -> None:
    limit = _TITLE_LINES if page.width >= _NARROW else _TITLE_LINES + 1
    used = _labelled(page, finding.severity.upper(), finding.title, limit=limit)
    name = page.clean(_with_confidence(f"{finding.code} {finding.rule}", finding))
    pointer = f"{GAP}(more: etpu-doctor explain {page.clean(finding.code)})"
    beside = _indent(page) + cells(name) + cells(pointer) <= page.width
    rows, cut = _body(page, finding, FINDING_LINES - used - 1)
    if cut and not beside:
        rows, cut = _body(page, finding, FINDING_LINES - used - 2)
    room = page.width - _indent(page)
    name = shorten(name, room, ascii_only=page.ascii_only)
    page.put(_Span(" " * _indent(page)), _Span(name, "quiet"), _Span(pointer if cut and beside else "", "quiet"))
    page.rows(rows)
    if cut and not beside:
        text = shorten(pointer.strip(), room, ascii_only=page.ascii_only)
        page.put(_Span(" " * _indent(page)), _Span(text, "quiet"))


def _body(page: _Page, finding: Finding, room: int) -> tuple[list[Row], bool]:
    """Facts and remedy in at most ``room`` rows, and whether something was left out. The remedy goes first."""
    blocks = _remedy(page, finding)
    wanted = sum(_height(page, block) for block in blocks)
    for_facts = max(1, room - wanted) if finding.facts else 0
    facts, cut = _facts(page, finding, for_facts)
    sizes = _share([_height(page, block) for block in blocks], room - len(facts))
    remedy = [row for block, size in zip(blocks, sizes, strict=True) for row in _lay(page, block, size)]
    return [*facts, *remedy], cut or len(remedy) < wanted


def _share(heights: list[int], room: int) -> list[int]:
    """How many rows each block gets: as many blocks whole as possible, the first ones rather than the last."""
    best: list[int] = [0] * len(heights)
    for count in range(1, min(len(heights), room) + 1):
        sizes = _sizes(heights, count, room)
        if not any(best) or _whole(sizes, heights) > _whole(best, heights):
            best = sizes
    return best


def _sizes(heights: list[int], count: int, room: int) -> list[int]:
    """One row for each of the first ``count`` blocks; what is left goes to those that need the least to be whole."""
    sizes = [int(index < count) for index in range(len(heights))]
    left = room - count
    for index in sorted(range(count), key=lambda index: heights[index]):
        more = min(heights[index] - 1, left)
        sizes[index] += more
        left -= more
    return sizes


def _whole(sizes: list[int], heights: list[int]) -> int:
    return sum(size == height for size, height in zip(sizes, heights, strict=True))


def _facts(page: _Page, finding: Finding, limit: int) -> tuple[list[Row], bool]:
    """As many whole facts as fit into ``limit`` rows, and whether some did not."""
    known = [fact for fact in finding.facts if fact.value is not None] or finding.facts
    texts = [_short_origin(page.clean(fact_text(fact))) for fact in known]
    if not texts or limit < 1:
        return [], bool(texts)
    indent = _text_indent(page)
    shown, lines = _longest_start(texts, limit, lambda text: page.wrap(text, indent))
    lines = lines or page.wrap(texts[0], indent, limit=limit)
    rows = [_hanging(page, "seen" if not index else "", line) for index, line in enumerate(lines)]
    return rows, shown < len(texts)


def _longest_start(texts: list[str], limit: int, lay: Callable[[str], list[str]]) -> tuple[int, list[str]]:
    """How many of the first texts fit into ``limit`` lines, and these lines; a text is never cut."""
    best: tuple[int, list[str]] = (0, [])
    for count in range(1, len(texts) + 1):
        lines = lay("; ".join(texts[:count]))
        if len(lines) > limit:
            break
        best = (count, lines)
    return best


def _short_origin(text: str) -> str:
    """Files of sysfs by the part that tells them apart."""
    return text.replace("(/sys/bus/usb/devices/", "(sysfs ").replace("(/sys/bus/pci/devices/", "(sysfs ")


def _hanging(page: _Page, head: str, line: str) -> Row:
    return (_Span(" " * _indent(page)), _Span(f"{head:<{_text_indent(page) - _indent(page)}}", "quiet"), _Span(line))


class _Block(NamedTuple):
    """Something to do: a sentence with its head and its number, or a command."""

    head: str
    mark: str
    text: str
    command: Command | None = None


def _remedy(page: _Page, finding: Finding) -> list[_Block]:
    """What to do: the summary, each step, each command."""
    remedy = finding.remedy
    if remedy is None:
        return []
    steps = [_Block("", f"{number}. ", step) for number, step in enumerate(remedy.steps, 1)]
    commands = [_Block("", "", page.clean(command.command), command) for command in remedy.commands]
    return [_Block("do", "", remedy.summary), *steps, *commands]


def _height(page: _Page, block: _Block) -> int:
    """Rows that the whole block takes."""
    if block.command is not None:
        return len(_command(page, block.text, block.command))
    return len(page.wrap(block.text, _text_indent(page) + len(block.mark)))


def _lay(page: _Page, block: _Block, size: int) -> list[Row]:
    """The block in at most ``size`` rows; a command whole or not at all."""
    if size < 1:
        return []
    if block.command is not None:
        rows = _command(page, block.text, block.command)
        return rows if len(rows) <= size else []
    lines = page.wrap(block.text, _text_indent(page) + len(block.mark), limit=size)
    marks = [block.mark, *[" " * len(block.mark)] * (len(lines) - 1)]
    heads = [block.head, *[""] * (len(lines) - 1)]
    return [_hanging(page, head, mark + line) for head, mark, line in zip(heads, marks, lines, strict=True)]


def _command(page: _Page, text: str, command: Command) -> list[Row]:
    """A command on one line, if need be further to the left, so that it can be copied whole."""
    indent = _text_indent(page)
    why = page.clean(f"{GAP}# {command.why}")
    if indent + 2 + cells(text) > page.width:
        lines = [text] if 2 + cells(text) <= page.width else page.wrap(text, 2)
        return [(_Span("$ " if not index else GAP), _Span(line, "command")) for index, line in enumerate(lines)]
    beside = why if indent + 2 + cells(text) + cells(why) <= page.width else ""
    return [(_Span(" " * indent + "$ "), _Span(text, "command"), _Span(beside, "quiet"))]


def _limits(page: _Page, report: Report) -> None:
    """What the report cannot say: evidence that is missing, lines that were not understood."""
    missing, ignored = missing_text(report), ignored_text(report)
    if missing or ignored:
        page.gap()
    if missing:
        for index, line in enumerate(_missing_lines(page, missing)):
            page.put(_Span((GAP if index else "") + line, "quiet"))
    if ignored:
        page.paragraph(ignored, style="quiet")


def _missing_lines(page: _Page, missing: list[str]) -> list[str]:
    """As many whole items as three lines hold."""
    for shown in range(min(len(missing), 3 * _MISSING_LINES), 0, -1):
        rest = len(missing) - shown
        more = f"; and {rest} more (see --json, source.missing)" if rest else ""
        lines = page.wrap(f"Not in the evidence: {'; '.join(missing[:shown])}{more}", 2, first=0)
        if len(lines) <= _MISSING_LINES:
            return lines
    return page.wrap(f"Not in the evidence: {missing[0]}", 2, first=0, limit=_MISSING_LINES)


def _in_delegate_order(report: Report) -> list[tuple[EdgeTpu, str]]:
    """Edge TPUs with their places: as libedgetpu counts them, those without a number last."""
    places = place_text(report)

    def key(tpu: EdgeTpu) -> tuple[bool, str, int]:
        kind, _, number = delegate_text(tpu).partition(":")
        return (tpu.delegate_device is None, kind, int(number) if number.isdecimal() else 0)

    return [(tpu, places[tpu.id]) for tpu in sorted(report.edge_tpus, key=key)]


def _device_parts(page: _Page, tpu: EdgeTpu, place: str) -> tuple[Part, ...]:
    later = tpu.delegate_device_after_firmware
    moves = later is not None and tpu.delegate_device is not None and later != tpu.delegate_device
    texts: list[tuple[str, str]] = [
        (delegate_text(tpu), "tpu"),
        (tpu.id, "plain"),
        (place, "plain"),
        (speed_words(tpu.speed_mbps), "plain"),
        (state_text(tpu), "possible" if tpu.state == "possible" else "plain"),
        (tpu.device_node or "", "plain"),
        (f"after firmware load: {later}" if moves else "", "limit"),
    ]
    return tuple(Part(page.clean(text), role) for text, role in texts)  # type: ignore[arg-type] # closed list above


def _aligned(table: list[tuple[Part, ...]], width: int) -> list[tuple[Part, ...]]:
    """Rows with their columns made equally wide where that fits into one line each; empty parts left out elsewhere."""
    columns = [max(cells(part.text) for part in column) for column in zip(*table, strict=True)]
    columns = [size for size in columns if size]
    if sum(columns) + len(GAP) * (len(columns) - 1) > width:
        return [tuple(part for part in row if part.text) for row in table]
    sizes = [max(cells(part.text) for part in column) for column in zip(*table, strict=True)]
    return [
        tuple(
            Part(part.text + " " * (size - cells(part.text)), part.role)
            for part, size in zip(row, sizes, strict=True)
            if size
        )
        for row in table
    ]
