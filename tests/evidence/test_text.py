"""Texts of any origin: each kind of output is found by its content, and nothing is dropped in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.collector import Collector
from etpu_doctor.evidence.formats.base import NOT_UNDERSTOOD
from etpu_doctor.evidence.text import Watcher, formats, read_lines
from tests.evidence.test_cleaning import OUTPUT
from tests.evidence.test_collector import LIST, TREE

VMM = """\
Slot:\t01:00.0
Class:\tSystem peripheral [0880]
Vendor:\tGlobal Unichip Corp. [1ac1]
Device:\tCoral Edge TPU [089a]

"""
TV = """\
-[0000:00]-+-00.0  Intel Corporation Host bridge
           \\-1c.0-[01]----00.0  Global Unichip Corp. Coral Edge TPU
"""
NN = "01:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]\n"
VV = NN + "\tSubsystem: Global Unichip Corp. Coral Edge TPU [1ac1:089a]\n\tKernel driver in use: apex\n"


def fed(text: str) -> tuple[Collector, int]:
    """A collector that was fed a text, and how many lines were understood."""
    collector = Collector()
    return collector, read_lines("paste", text.splitlines(keepends=True), collector)


@pytest.mark.parametrize(
    ("text", "usb", "pci", "covers"),
    [
        (LIST, 3, 0, {"usb", "usb-ids"}),
        (TREE, 3, 0, {"usb", "usb-tree"}),
        (NN, 0, 1, {"pci"}),
        (VMM, 0, 1, {"pci"}),
        (TV, 0, 3, {"pci", "pci-tree"}),
    ],
)
def test_kinds_are_found_by_content(text: str, usb: int, pci: int, covers: set[str]) -> None:
    """Each kind of listing is recognised, and says what it covers."""
    collector, understood = fed(text)
    assert (usb, pci) == (len(collector.usb_devices()), len(collector.pci_functions()))
    assert covers <= collector.covers
    assert 0 == collector.ignored_count
    assert len([line for line in text.splitlines() if line]) <= understood <= len(text.splitlines())


def test_all_kinds_in_one_text() -> None:
    """Listings follow each other with prompts and fences between them."""
    collector, _ = fed(
        f"$ lsusb\n{LIST}user@host:~$ lsusb -t\n{TREE}```\n\n# lspci -nnk\n{VV}\n$ lspci -tv\n{TV}\n$ lspci -vmm\n{VMM}"
    )
    assert (3, {"0000:00:00.0", "0000:00:1c.0", "0000:01:00.0"}) == (
        len(collector.usb_devices()),
        {function.address for function in collector.pci_functions()},
    )
    assert {"usb", "usb-ids", "usb-tree", "pci", "pci-tree"} <= collector.covers
    assert [] == collector.ignored


def test_what_is_not_understood_is_listed() -> None:
    """Lines of no known kind are listed with their numbers, blank ones and fences are not."""
    collector, understood = fed(f"Hello,\nthis is it:\n\n```\n{LIST}```\nThanks!\n")
    assert 3 == understood
    assert [(1, 2, "Hello,", NOT_UNDERSTOOD), (9, 9, "Thanks!", NOT_UNDERSTOOD)] == [
        (run.line, run.last_line, run.text, run.why) for run in collector.ignored
    ]
    assert 3 == collector.ignored_count


def test_lines_of_one_pasted_line_share_its_number() -> None:
    """What a web page broke within a line is several lines of the same number."""
    collector, understood = fed("first<br>Bus 001 Device 002: ID 18d1:9302 Google Inc.<br>last\n")
    assert 1 == understood
    assert (2, [(1, 1)]) == (collector.ignored_count, [(run.line, run.last_line) for run in collector.ignored])
    (device,) = collector.usb_devices()
    assert ("paste", 1) == (device.seen[0].file, device.seen[0].line)


@pytest.mark.parametrize("mangle", ["> {}", "&gt; {}", "\x1b[1m{}\x1b[0m", "{}\r", "> > {}"])
@pytest.mark.parametrize("text", [LIST, TREE, VV, TV, VMM])
def test_mangled_listings_read_as_the_clean_ones(text: str, mangle: str) -> None:
    """Quotes, entities, colours and line ends of Windows change nothing of what is read."""
    mangled = "".join(mangle.format(line) + "\n" for line in text.splitlines())
    (clean, _), (dirty, _) = fed(text), fed(mangled)
    assert clean.usb_devices() == dirty.usb_devices()
    assert clean.pci_functions() == dirty.pci_functions()
    assert [] == dirty.ignored


def test_nothing() -> None:
    """An empty text has no lines."""
    collector, understood = fed("")
    assert (0, 0, []) == (understood, collector.ignored_count, collector.usb_devices())


def test_what_was_open_is_closed_at_the_end() -> None:
    """The last device of a text is there though nothing follows it."""
    assert [7] == [device.devnum for device in fed(LIST.splitlines()[0])[0].usb_devices()]


def test_every_format_is_asked() -> None:
    """Each kind of listing has one parser."""
    assert 8 == len({type(parser) for parser in formats(Collector())})


@given(
    st.lists(
        st.sampled_from([*OUTPUT, *TREE.splitlines(), *VMM.splitlines(), *TV.splitlines()]) | st.text(), max_size=20
    )
)
def test_every_line_is_understood_ignored_or_wrapping(lines: list[str]) -> None:
    """No text makes reading fail, and no more lines are accounted for than there are."""
    collector = Collector()
    understood = read_lines("x", lines, collector)
    assert 0 <= understood
    collector.usb_devices()
    collector.pci_functions()
    assert all(1 <= run.line <= run.last_line <= max(len(lines), 1) for run in collector.ignored)


LOG = [
    "[    1.100000] usb 2-1: new SuperSpeed USB device number 2 using xhci_hcd",
    "[    2.100000] eth0: renamed from veth0b6c9",
    "[    3.100000] audit: type=1400 apparmor=DENIED operation=open",
    "[    4.100000] ata3: SATA link up 6.0 Gbps",
    "[    5.100000] us\x1b[0mb 2-1: USB disconnect, device number 2",
]


def test_lines_of_a_log_that_say_nothing_are_passed_over() -> None:
    """They are counted as understood, and only their number is told to whoever watches."""
    shown: list[int] = []
    passed: list[int] = []
    collector = Collector()
    watcher = Watcher(lambda line, _taken_by: shown.append(line.number), ("DENIED",), passed.append)
    assert len(LOG) == read_lines("x", LOG, collector, watcher)
    assert ([1, 3, 5], [2]) == (shown, passed)
    assert len(LOG) == collector.kernel_line_count
    assert ["usb-new-device", "usb-disconnect"] == [message.message for message in collector.kernel_messages]


@given(st.lists(st.sampled_from([*LOG, "lsusb", "Bus 002 Device 003: ID 18d1:9302 Google", "", "width: 640"])))
def test_passing_over_lines_changes_nothing(lines: list[str]) -> None:
    """What is read is the same where every line is shown, whatever stands between the lines of a log."""
    quick, slow = Collector(), Collector()
    understood = read_lines("x", lines, quick)
    assert understood == read_lines("x", lines, slow, Watcher(lambda _line, _by: None, ("[",), lambda _count: None))
    assert quick.kernel_messages == slow.kernel_messages
    assert (quick.kernel_line_count, quick.usb_devices()) == (slow.kernel_line_count, slow.usb_devices())


@pytest.mark.parametrize("text", ["width: 640", "  - path: '/x'", "detectors:", "    type: edgetpu", "on: true"])
def test_a_setting_starts_nothing_but_a_configuration(text: str) -> None:
    """The other parsers need not be asked about it, for none of them would take it."""
    names = [type(parser).__name__ for parser in formats(Collector()) if parser.starts(text)]
    assert set(names) <= {"FrigateConfig"}
