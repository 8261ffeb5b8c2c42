"""The text face."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import unicodedata
from typing import TextIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.evidence import Missing
from etpu_doctor.report import text
from etpu_doctor.report.escape import cells
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.registry import all_rules
from tests.report.machines import (
    device,
    devices_shown,
    edge_tpu,
    hub,
    pasted_tree,
    pci_only,
    refused,
    report,
    root_hub,
    secondary_port,
    shown,
    slow_cable,
    tree_shown,
    unnamed_leaf,
    with_findings,
)

RULES = all_rules()

WIDTHS = [24, 40, 80, 120]
MACHINES = [secondary_port, slow_cable, pasted_tree, pci_only, report]
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
INFO = RuleInfo(
    code="ETD199",
    name="a-rule",
    severity="warning",
    summary="Says something.",
    documentation="""\
## What it means
One
paragraph. It is long enough to need a second line at eighty columns, as most do.

- an item that is
  long enough to need a second line at eighty columns, as some do
- another

## Source
A [bold] book.
""",
)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Descriptor(Terminal):
    """A terminal with a file descriptor."""

    def fileno(self) -> int:
        return 1


def test_secondary_port_at_80_columns() -> None:
    """The documented case: verdict, replay mark, tree, and the finding in eight lines."""
    expected = """\
ERROR  sub-hub-secondary-port (likely): 2 Edge TPUs, 1 error
REPLAY of capture "hub7-secondary-port" - not this machine

0000:00:1c.0  PCI bridge  8086:a110  PCIe 2.5 GT/s x1 (2 Gb/s)
└── 0000:01:00.0  USB controller  1912:0014  PCIe 2.5 GT/s x1 (2 Gb/s)
    ├── usb1  USB 2 bus (xhci_hcd)  4 ports  480 Mb/s  twin usb2
    └── usb2  USB 3 bus (xhci_hcd)  4 ports  5 Gb/s  twin usb1
        │   <- limited to 2 Gb/s by 0000:00:1c.0 -> 0000:01:00.0
        └── port 1: 2-1  VIA Labs, Inc. USB3.0 Hub  2109:0817  5 Gb/s
            ├── port 2: 2-1.2  18d1:9302  5 Gb/s  [Edge TPU usb:1 ready]
            │     <- limited to 2 Gb/s by 0000:00:1c.0 -> 0000:01:00.0
            └── port 4: 2-1.4  VIA Labs, Inc. USB3.0 Hub  2109:0817  5 Gb/s
                └── port 3: 2-1.4.3  18d1:9302  5 Gb/s  [Edge TPU usb:0 ready]
                      <- limited to 2 Gb/s by 0000:00:1c.0 -> 0000:01:00.0
+ 1 other PCI function

ERROR  Edge TPU 2-1.4.3 is on port 3 of a hub behind a hub (2-1.4): a secondary
       port
       ETD113 sub-hub-secondary-port, likely  (more: etpu-doctor explain ETD113)
       seen   port chain 1.4.3 (paste.txt:7)
       do     Move it to a primary port; Coral documents that none of the others
              can be used.
              1. This is one hub with 7 sockets made of two chips: 2-1.4 sits …
              2. Plug it into port 1 of hub 2-1.4 (2109:0817).
"""
    assert expected == shown(secondary_port())


def test_slow_cable_at_80_columns() -> None:
    """A warning with two steps, and an information in a few words."""
    expected = """\
WARNING  usb2-link (likely): 2 Edge TPUs, 1 warning
This machine: Raspberry Pi 5 Model B, Linux 6.6.31, aarch64

usb1  USB 2 bus (xhci_hcd)  4 ports  on 0000:01:00.0  480 Mb/s  twin usb2
└── port 2: 1-2  18d1:9302  480 Mb/s  [Edge TPU usb:1 ready]
usb2  USB 3 bus (xhci_hcd)  4 ports  on 0000:01:00.0  5 Gb/s  twin usb1
└── port 1: 2-1  1a6e:089a  5 Gb/s  [Edge TPU usb:0 dfu]

WARNING  Edge TPU 1-2 runs at 480 Mb/s: socket or cable; the evidence does not
       show which
       ETD110 usb2-link, likely
       seen   speed 480 Mb/s (sysfs 1-2/speed)
       do     Try the socket, then the cable.
              1. Check that the socket is a USB 3 one (blue, SS).
              2. Use a short USB 3 cable, pushed fully home.

INFO  Edge TPU 2-1 waits in its boot loader (1a6e:089a): normal before its first
       use. Nothing to do: the first program that opens it loads the firmware
       (ETD112)
"""
    assert expected == shown(slow_cable())


def test_slow_cable_at_40_columns() -> None:
    """On a narrow terminal the same, with less indentation and whole words."""
    expected = """\
WARNING  usb2-link (likely): 2 Edge
  TPUs, 1 warning
This machine: Raspberry Pi 5 Model B,
  Linux 6.6.31, aarch64

usb1  USB 2 bus (xhci_hcd)  4 ports
│   on 0000:01:00.0  480 Mb/s  twin usb2
└ port 2: 1-2  18d1:9302  480 Mb/s
    [Edge TPU usb:1 ready]
usb2  USB 3 bus (xhci_hcd)  4 ports
│   on 0000:01:00.0  5 Gb/s  twin usb1
└ port 1: 2-1  1a6e:089a  5 Gb/s
    [Edge TPU usb:0 dfu]

WARNING  Edge TPU 1-2 runs at 480 Mb/s:
  socket or cable; the evidence does not
  show which
  ETD110 usb2-link, likely
  seen speed 480 Mb/s (sysfs 1-2/speed)
  do   Try the socket, then the cable.
  (more: etpu-doctor explain ETD110)

INFO  Edge TPU 2-1 waits in its boot
  loader (1a6e:089a): normal before its
  first use. Nothing to do: the first
  program that opens it loads the
  firmware (ETD112)
"""
    assert expected == shown(slow_cable(), width=40)


def test_pasted_text_at_80_columns() -> None:
    """A paste that decides little says so: possible, what is missing, what was not understood."""
    expected = """\
OK  1 device that may be an Edge TPU found, nothing wrong with the place on the
       bus (not certain)
From pasted text

usb2  USB 3 bus (xhci_hcd)  4 ports  5 Gb/s
└── port 1: 2-1  vendor specific  5 Gb/s  [possible Edge TPU]

UNKNOWN  Could not tell whether hub 2-1 has its own power supply (ETD201)

       next   lsusb (shows USB vendor and product ids)

Not in the evidence: USB vendor and product ids (lsusb); PCI devices (the
  evidence holds no PCI listing)
12 lines were not understood (see --json, source.ignored)
"""
    assert expected == shown(pasted_tree())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("make", MACHINES)
def test_no_line_is_too_wide(make: object, width: int) -> None:
    """Every line of every view fits the width, and none ends in blanks."""
    assert callable(make)
    made = make()
    lines = (shown(made, width=width) + devices_shown(made, width=width) + tree_shown(made, width=width)).splitlines()
    assert [] == [line for line in lines if cells(line) > width or line != line.rstrip()]


@pytest.mark.parametrize("make", MACHINES)
def test_ascii_only(make: object) -> None:
    """With ASCII only, everything is ASCII and says the same."""
    assert callable(make)
    made = make()
    plain = shown(made, ascii_only=True) + devices_shown(made, ascii_only=True) + tree_shown(made, ascii_only=True)
    assert plain.isascii()
    assert len(shown(made).splitlines()) == len(shown(made, ascii_only=True).splitlines())


@pytest.mark.parametrize("make", MACHINES)
def test_colour_changes_nothing_but_colours(make: object) -> None:
    """Without colours there is no escape sequence, and with them the words are the same."""
    assert callable(make)
    plain, colored = shown(make()), shown(make(), color="always")
    assert "\x1b" not in plain
    assert "\x1b[" in colored
    assert plain == ESCAPE_SEQUENCE.sub("", colored)


def test_sixteen_colours() -> None:
    """Only the colours and attributes that every terminal has are used."""
    colored = "".join(shown(make(), color="always") for make in (secondary_port, slow_cable, pasted_tree))
    codes = {code for found in ESCAPE_SEQUENCE.findall(colored) for code in found[2:-1].split(";")}
    assert codes <= {"0", "1", "2", *map(str, range(30, 38))}


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal, {"TERM": "xterm"}, True),
        (Terminal, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (Terminal, {}, True),
        (io.StringIO, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
    ],
)
def test_automatic_colour(
    stream: type[io.StringIO], environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Colours appear on a terminal only, and never with NO_COLOR or a dumb one."""
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = stream()
    text.render(slow_cable(), color="auto", ascii_only=False, width=80, stream=out)
    assert expected == ("\x1b[" in out.getvalue())


def test_colour_on_demand_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``always`` is the person's word, whatever NO_COLOR says."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" in shown(slow_cable(), color="always")


@pytest.mark.parametrize(
    ("stream", "columns", "widest"),
    [(io.StringIO(), 100, 80), (Descriptor(), 100, 100), (Descriptor(), 500, 120), (Descriptor(), 0, 80)],
)
def test_width_of_the_terminal(stream: TextIO, columns: int, widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a given width it is the terminal's, at most 120; 80 in a pipe and where the terminal does not say."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    page = text._Page(stream, color="never", ascii_only=False, width=None)
    assert widest == page.width


def test_terminal_without_a_size() -> None:
    """A terminal that has no file descriptor is 80 columns wide."""
    assert 80 == text._Page(Terminal(), color="never", ascii_only=False, width=None).width


def test_error_is_one_line() -> None:
    """A report that could not be made is one line with file and line, on every view."""
    expected = "etpu-doctor: a\\x1b[31m.tar.gz:3: not a gzip file\n"
    assert [expected] * 3 == [shown(refused()), devices_shown(refused()), tree_shown(refused())]


@pytest.mark.parametrize("show", [shown, devices_shown, tree_shown])
def test_replay_is_marked_on_every_view(show: object) -> None:
    """Nobody takes a replay for this machine."""
    assert callable(show)
    assert 'REPLAY of capture "hub7-secondary-port" - not this machine\n' in show(secondary_port())


def test_live_views_have_no_source_line() -> None:
    """The tree and the devices of this machine stand alone."""
    assert "This machine" not in tree_shown(slow_cable()) + devices_shown(slow_cable())


def test_devices() -> None:
    """One line an Edge TPU in the order of the delegate strings, with columns where they fit."""
    assert (
        "usb:0  2-1  root port 1 of bus 2  5 Gb/s    dfu    /dev/bus/usb/002/004\n"
        "usb:1  1-2  root port 2 of bus 1  480 Mb/s  ready  /dev/bus/usb/001/002\n"
    ) == devices_shown(slow_cable())


def test_devices_that_do_not_fit() -> None:
    """Where a line would be too long its end moves down, indented."""
    expected = """\
REPLAY of capture "hub7-secondary-port" - not this machine
usb:0  2-1.4.3  port 3 of hub 2-1.4 (2109:0817)  5 Gb/s  ready
       /dev/bus/usb/002/007
usb:1  2-1.2  port 2 of hub 2-1 (2109:0817)  5 Gb/s  ready  /dev/bus/usb/002/005
"""
    assert expected == devices_shown(secondary_port())


def test_devices_without_a_number() -> None:
    """Where the number is not known a question mark stands, and the reason once below."""
    usb = (root_hub(2, 1, 5000, controller=None), unnamed_leaf("2-1", 2), unnamed_leaf("2-2", 3))
    lines = devices_shown(report(usb, kind="text", covers=("usb", "usb-tree"))).splitlines()
    assert ["usb:?  2-1", "usb:?  2-2"] == [line[:10] for line in lines[1:3]]
    assert all("  possible  " in line for line in lines[1:3])
    assert lines[3].startswith("not known: the evidence shows no USB ids")
    assert 1 == sum("not known" in line for line in lines)


def test_devices_that_will_change_their_number() -> None:
    """A number that moves once a stick has its firmware is announced."""
    usb = (root_hub(1, 1, 480), edge_tpu("1-1", 2, 480, dfu=True), edge_tpu("1-2", 3, 480))
    lines = devices_shown(report(usb), width=120).splitlines()
    assert ["usb:0  1-1", "usb:1  1-2"] == [line[:10] for line in lines]
    assert lines[0].endswith("  after firmware load: usb:1")


def test_no_devices() -> None:
    """Without Edge TPUs it says so, or that it cannot tell."""
    assert "No Edge TPU was found.\n" == devices_shown(report())
    assert "does not decide" in devices_shown(report(covers=()))


def test_tree_is_whole() -> None:
    """The tree view leaves nothing out, the report does."""
    mice = [device(f"2-{port}", port + 5, product_name="Mouse", speed_mbps=12.0) for port in range(1, 250)]
    made = report((root_hub(2, 1, 5000), *mice))
    assert 250 == len(tree_shown(made).splitlines())
    assert "└── ... 249 more devices\n" in shown(made)


def test_tree_of_all_pci_functions() -> None:
    """``tree --all`` shows the PCI functions that have nothing to do with Edge TPUs."""
    assert "SATA" not in tree_shown(pci_only())
    assert "SATA controller" in tree_shown(pci_only(), show_all=True)


def test_findings_worst_first_and_open_questions_before_notes() -> None:
    """Faults come with their steps; what could not be told and what is good to know are short."""
    findings = (
        _finding(severity="error", title="First"),
        _finding(severity="warning", title="Second", confidence="possible"),
        _finding(severity="unknown", title="Third", remedy=Remedy(summary="Not said.")),
        _finding(severity="info", title="Fourth", remedy=Remedy(summary="Said.")),
    )
    expected = """\

ERROR  First
       ETD110 usb2-link

WARNING  Second
       ETD110 usb2-link, possible

UNKNOWN  Third (ETD110)
INFO  Fourth. Said (ETD110)
"""
    assert shown(with_findings(*findings)).endswith(expected)


def test_whole_finding() -> None:
    """What fits into eight lines is shown in full, without a pointer."""
    remedy = Remedy(
        summary="Do it.",
        steps=("This first.", "Then that."),
        commands=(Command(command="lsusb -t", why="shows the speed"),),
    )
    facts = (
        Fact(name="speed", value=480, unit="Mb/s", where="/sys/bus/usb/devices/2-1/speed"),
        Fact(name="b", value=1),
    )
    expected = """\

ERROR  A title
       ETD110 usb2-link
       seen   speed 480 Mb/s (sysfs 2-1/speed); b 1
       do     Do it.
              1. This first.
              2. Then that.
              $ lsusb -t  # shows the speed
"""
    made = with_findings(_finding(severity="error", title="A title", facts=facts, remedy=remedy))
    assert shown(made).endswith(expected)


def test_long_finding_points_to_more() -> None:
    """What does not fit is cut at whole steps where possible, and the rule's name tells where more is."""
    steps = tuple(f"Step {number} " + "word " * 20 for number in range(1, 6))
    made = with_findings(_finding(severity="error", title="T " * 90, remedy=Remedy(summary="Do it.", steps=steps)))
    block = shown(made).split("\n\n")[-1].splitlines()
    assert len(block) <= 8
    assert "(more: etpu-doctor explain ETD110)" in block[2]
    assert block[1].endswith("…")
    assert "1. Step 1 word" in block[4]


def test_unknown_facts_are_not_shown_beside_known_ones() -> None:
    """A fact that is not known is left out unless it is the only one."""
    unknown, known = Fact(name="a", value=None), Fact(name="b", value=2)
    both = shown(with_findings(_finding(facts=(unknown, known))))
    assert "seen   b 2\n" in both
    assert "seen   a not known\n" in shown(with_findings(_finding(facts=(unknown,))))


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (20, ["              $ " + "x" * 20 + "  # why"]),
        (60, ["              $ " + "x" * 60]),
        (70, ["$ " + "x" * 70]),
        (90, ["$ " + "x" * 78, "  " + "x" * 12]),
    ],
)
def test_commands_can_be_copied(length: int, expected: list[str]) -> None:
    """A command stands on one line as long as the terminal is wide enough for it."""
    remedy = Remedy(summary="Do.", commands=(Command(command="x" * length, why="why"),))
    lines = shown(with_findings(_finding(remedy=remedy))).splitlines()
    assert expected == [line for line in lines if "xx" in line]


def test_what_is_missing_takes_three_lines() -> None:
    """Many things that are missing are counted, in three lines at most."""
    missing = tuple(Missing(what=f"thing number {number}", why="no reason at all") for number in range(40))
    made = report(missing=missing)
    block = shown(made).split("\n\n")[-1].splitlines()
    assert block[0].startswith("Not in the evidence: thing number 0 (no reason at all); thing number 1")
    assert re.search(r"and \d+ more \(see --json,\s+source.missing\)$", "\n".join(block))
    assert len(block) <= 3


def test_one_long_missing_thing() -> None:
    """One thing that needs more than three lines is cut."""
    block = shown(report(missing=(Missing(what="w " * 300, why="x"),))).split("\n\n")[-1].splitlines()
    assert 3 == len(block)
    assert block[-1].endswith("…")


def test_one_ignored_line() -> None:
    """One line is one line."""
    assert shown(report(ignored_count=1)).endswith("1 line was not understood (see --json, source.ignored)\n")


def test_markup_is_printed_as_it_stands() -> None:
    """Neither rich's markup nor its emoji codes act in a product name, with and without colours."""
    usb = (root_hub(2, 1, 5000), hub("2-1", 2, product_name="[bold]x[/] :cat: [/red]"))
    assert "[bold]x[/] :cat:" in tree_shown(report(usb), width=120)
    assert "[bold]x[/] :cat:" in shown(report(usb), width=120, color="always")


ANY = st.text(st.characters(exclude_categories=()), max_size=80)
MAYBE = st.none() | ANY
FACTS = st.builds(Fact, name=ANY, value=st.none() | st.booleans() | st.floats() | ANY, unit=MAYBE, where=MAYBE)
COMMANDS = st.builds(Command, command=ANY, why=ANY, needs_root=st.booleans())
REMEDIES = st.builds(
    Remedy,
    summary=ANY,
    steps=st.lists(ANY, max_size=6).map(tuple),
    commands=st.lists(COMMANDS, max_size=3).map(tuple),
)
FINDINGS = st.builds(
    Finding,
    code=st.just("ETD110") | ANY.map("E{}".format),
    rule=st.just("usb2-link") | ANY,
    severity=st.sampled_from(["error", "warning", "unknown", "info"]),
    confidence=st.sampled_from(["certain", "likely", "possible"]),
    title=ANY,
    subject=ANY,
    facts=st.lists(FACTS, max_size=5).map(tuple),
    remedy=st.none() | REMEDIES,
)


@given(FINDINGS, st.integers(24, 130), st.booleans())
def test_any_finding(finding: Finding, width: int, ascii_only: bool) -> None:
    """A finding takes at most eight lines that fit, whatever it says, and nothing in it acts."""
    printed = shown(with_findings(finding), width=width, ascii_only=ascii_only)
    block = printed.split("\n\n")[-1].splitlines()
    assert 1 <= len(block) <= text.FINDING_LINES
    assert [] == [line for line in block if cells(line) > min(width, 120)]
    assert printed.replace("\n", "").isprintable()
    assert printed.isascii() or not ascii_only


@given(FINDINGS)
def test_nothing_acts_with_colours_either(finding: Finding) -> None:
    """The only control characters on a coloured page are line ends and the face's own colours."""
    printed = ESCAPE_SEQUENCE.sub("", shown(with_findings(finding), color="always"))
    assert {"Cc", "Cf", "Zl", "Zp"}.isdisjoint(map(unicodedata.category, printed.replace("\n", "")))
    assert shown(with_findings(finding)) == printed


@pytest.mark.parametrize("width", WIDTHS)
def test_findings_of_the_rules(width: int) -> None:
    """What the rules really say takes at most eight lines each, and fits."""
    usb = (*(root_hub(bus, bus, 480) for bus in (1, 3)), root_hub(2, 4, 5000), hub("2-1", 5), hub("2-1.4", 6))
    made = report((*usb, edge_tpu("2-1.4.3", 7), edge_tpu("1-2", 8, 480), edge_tpu("3-1", 9, 12), edge_tpu("2-2", 10)))
    assert made.findings
    for finding in made.findings:
        block = shown(with_findings(finding), width=width).split("\n\n")[-1].splitlines()
        assert len(block) <= text.FINDING_LINES
        assert max(map(cells, block)) <= width


@given(ANY, ANY)
def test_any_device_name(vendor: str, product: str) -> None:
    """A device's name never brings a control character to the terminal."""
    made = report((root_hub(2, 1, 5000), device("2-1", 2, vendor_name=vendor, product_name=product)))
    assert (shown(made) + tree_shown(made)).replace("\n", "").isprintable()


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(0, 8))
def test_rows_are_shared(heights: list[int], room: int) -> None:
    """Rows given to blocks never exceed the room, none gets more than it needs, and the first goes first."""
    sizes = text._share(heights, room)
    assert sum(sizes) <= room
    assert all(size <= height for size, height in zip(sizes, heights, strict=True))
    assert sizes == sorted(sizes, key=lambda size: size == 0)
    assert sum(heights) > room or sizes == heights


def test_rules() -> None:
    """A rule is listed with its code, its severity in words, its name and what it says."""
    out = io.StringIO()
    text.render_rules([INFO], color="never", ascii_only=False, width=80, stream=out)
    assert "ETD199  WARNING  a-rule\n        Says something.\n" == out.getvalue()


def test_explain() -> None:
    """The documentation keeps its headings and items, and its paragraphs are wrapped anew."""
    out = io.StringIO()
    text.render_explain(INFO, color="never", ascii_only=False, width=80, stream=out)
    expected = """\
ETD199 a-rule (warning)
Says something.

What it means
One paragraph. It is long enough to need a second line at eighty columns, as
most do.
- an item that is long enough to need a second line at eighty columns, as some
  do
- another

Source
A [bold] book.
"""
    assert expected == out.getvalue()


def test_headings_are_bold() -> None:
    """With colours the headings of an explanation are bold."""
    out = io.StringIO()
    text.render_explain(INFO, color="always", ascii_only=False, width=80, stream=out)
    assert "\x1b[1mWhat it means\x1b[0m\n" in out.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
def test_documentation_of_every_rule(width: int) -> None:
    """What every rule says of itself fits any terminal and is ASCII where that is wanted."""
    out = io.StringIO()
    text.render_rules([rule.info for rule in RULES], color="never", ascii_only=True, width=width, stream=out)
    for rule in RULES:
        text.render_explain(rule.info, color="never", ascii_only=True, width=width, stream=out)
    lines = out.getvalue().splitlines()
    names = [line for line in lines if re.match(r"ETD\d+ ", line)]
    assert len(names) >= len(RULES)
    # The table of codes and names is not wrapped: it is for searching.
    assert [] == [line for line in lines if cells(line) > width and line not in names]
    assert out.getvalue().isascii()


def test_rich_is_needed_by_this_face_alone() -> None:
    """The other faces load no rich: their users do not wait for it."""
    code = "import sys, etpu_doctor.report.markdown, etpu_doctor.report.tree; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


def test_view_of_a_hundred_edge_tpus() -> None:
    """Edge TPUs are never elided, and ten stand after nine."""
    sticks = [edge_tpu(f"2-{port}", port + 1) for port in range(1, 101)]
    mice = [device(f"1-{port}", port + 1, product_name="Mouse", speed_mbps=12.0) for port in range(1, 201)]
    made = report((root_hub(1, 1, 480), *mice, root_hub(2, 1, 5000), *sticks), findings=())
    assert 100 == shown(made).count("[Edge TPU usb:")
    assert [f"usb:{index}" for index in range(100)] == [line.split()[0] for line in devices_shown(made).splitlines()]


def test_edge_tpu_in_use() -> None:
    """A device that a program holds right now is said to be in use."""
    made = report((root_hub(2, 1, 5000), edge_tpu("2-1", 2)), findings=())
    made.edge_tpus[0].in_use = True
    assert "  ready, in use  " in devices_shown(made)


def test_edge_tpu_about_which_little_is_known() -> None:
    """State and speed that the evidence does not tell are called unknown."""
    made = report((root_hub(2, 1, 5000), edge_tpu("2-1", 2)), findings=())
    made.edge_tpus[0].state = made.edge_tpus[0].speed_mbps = None
    assert "  speed unknown  state unknown\n" in devices_shown(made)
    assert "  speed unknown  [Edge TPU usb:0]\n" in tree_shown(made)


@pytest.mark.parametrize(
    ("heights", "room", "expected"),
    [
        ([], 4, []),
        ([1, 1, 1], 4, [1, 1, 1]),
        ([2, 2, 2, 2], 4, [2, 2, 0, 0]),
        ([2, 3, 1, 1], 4, [2, 1, 1, 0]),
        ([5], 3, [3]),
        ([1, 9], 1, [1, 0]),
        ([1, 1], 0, [0, 0]),
    ],
)
def test_whole_steps_are_preferred(heights: list[int], room: int, expected: list[int]) -> None:
    """As many steps as possible are whole; where that is the same, the first have more."""
    assert expected == text._share(heights, room)


def _finding(**fields: object) -> Finding:
    base = Finding(code="ETD110", rule="usb2-link", severity="warning", title="t", subject="2-1")
    return msgspec.structs.replace(base, **fields)


def test_reports_are_structs() -> None:
    """A face takes a Report and nothing else."""
    assert isinstance(secondary_port(), Report)
