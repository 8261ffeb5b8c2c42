"""The rows that both faces show."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.hotplug.places import HopLoad
from etpu_doctor.remedies import TARGETS, load
from etpu_doctor.report.escape import cells
from etpu_doctor.wizard import configure, views
from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.views import Row, Style
from tests.support import builder, strategies
from tests.support.sequences import TWO_STICKS, device_at, evidence_of, with_device, without
from tests.support.sessions import looked, passed, session, take, take_all

WIDE = Style(width=100)
EVIL = "\x1b[31mred\x1b[0m [bold]x[/] \u202egnp.exe \x07"


def texts(rows: Iterable[Row]) -> list[str]:
    """Rows as plain lines."""
    return [views.plain_text(row) for row in rows]


def map_texts(walk: Session, style: Style = WIDE) -> list[str]:
    """The map as plain lines."""
    return [text for row in views.map_rows(walk, style) for text in texts(row.rows)]


def everything(walk: Session, style: Style) -> list[str]:
    """All that any screen shows of a session."""
    rows = [*views.look_rows(walk, style), *views.log_rows(walk, style)]
    topology = walk.now.report.topology
    for name in (*(node.id for node in topology.usb), *(node.id for node in topology.pci)):
        rows += views.node_rows(walk, name, style)
    for group in walk.groups():
        rows += views.finding_rows(walk, group, style)
        rows += views.group_rows(walk, group, style)
        if walk.can_guide(group.first):
            guided = walk.guide(group.first)
            rows += [*views.guide_rows(walk, guided, style), *views.guide_state(walk, guided, style)]
            walk.end_guide()
    return [*texts(rows), *map_texts(walk, style)]


def test_before_the_first_look_the_stages_are_open() -> None:
    """What will be read stands there from the first moment."""
    shown = texts(views.look_rows(session(), WIDE))
    assert ["[ ] USB and PCI buses", "[ ] driver, permissions, runtime, kernel log"] == shown[:2]


def test_stages_are_ticked_as_they_come_in() -> None:
    """First the buses with their counts, then the rest; a replay has no library to ask."""
    walk = session()
    take(walk)
    first = texts(views.look_rows(walk, WIDE))
    assert "[x] USB and PCI buses: 8 USB devices, 1 PCI functions, 2 Edge TPUs" == first[0]
    assert first[1].startswith("[ ]")
    take(walk)
    assert all(line.startswith("[x]") for line in texts(views.look_rows(walk, WIDE))[:2])


def test_the_look_says_the_verdict_and_each_edge_tpu() -> None:
    """In words, with the delegate string and the port."""
    shown = "\n".join(texts(views.look_rows(looked(session()), WIDE)))
    assert "ERROR  sub-hub-secondary-port (likely): 2 Edge TPUs, 1 error" in shown
    assert "usb:0 2-2.4.3 port 3 of hub 2-2.4 (2109:0817), 5 Gb/s, ready" in shown


def test_what_is_not_in_the_evidence_is_said() -> None:
    """With the command that would show it."""
    assert "Not in the evidence" in texts(views.look_rows(looked(session("paste-half")), WIDE))


def test_the_map_says_which_free_ports_suit() -> None:
    """And of those that do not, why."""
    shown = map_texts(looked(session()))
    assert any("free for an Edge TPU: port 2, 3" in line for line in shown)
    assert any("free: port 2, 4 (secondary port, not for an Edge TPU)" in line for line in shown)
    assert any("about 190 of 350 MB/s" in line for line in shown)


def test_the_map_shows_labels_at_devices_and_at_free_ports() -> None:
    """Every message names the port as the user does."""
    walk = looked(session())
    walk.name_port("2-2.4.3", "inner")
    walk.name_port("2-2.3", "spare")
    shown = "\n".join(map_texts(walk))
    assert '"inner"' in shown
    assert 'port 2, 3 "spare"' in shown


def test_each_node_of_the_tree_is_one_row_of_the_map() -> None:
    """So that it can be chosen."""
    walk = looked(session())
    names = [row.node for row in views.map_rows(walk, WIDE)]
    assert {node.id for node in walk.now.report.topology.usb} < set(names)
    assert len(names) == len(set(names))


@settings(max_examples=25, deadline=None)
@given(strategies.notations(most_devices=8, most_controllers=2), st.integers(40, 120), st.booleans())
def test_rows_fit_their_width_on_every_machine(text: str, width: int, ascii_only: bool) -> None:
    """In columns and in the alphabet; only commands and files to be copied may be longer."""
    walk = looked(session(builder.machine(text).evidence(), ()))
    for line in everything(walk, Style(width, ascii_only)):
        assert cells(line) <= max(width, 50)
        assert not ascii_only or line.isascii()


def test_names_with_control_sequences_and_markup_are_text() -> None:
    """What a device calls itself moves no cursor, colours nothing, and turns no line."""
    start = evidence_of(TWO_STICKS)
    evil = msgspec.structs.replace(device_at(start, "2-5"), vendor_name=EVIL, product_name=EVIL)
    walk = looked(session(with_device(without(start, "2-5"), evil, "2-5"), ()))
    shown = "\n".join(everything(walk, WIDE))
    assert all(character.isprintable() for character in shown.replace("\n", ""))
    assert r"\x1b[31mred" in shown
    assert r"\u202e" in shown


def test_a_node_says_where_it_was_read_and_what_concerns_it() -> None:
    """Facts, the path, and its findings."""
    walk = looked(session())
    shown = texts(views.node_rows(walk, "2-2.4.3", WIDE))
    assert "Edge TPU 2-2.4.3" == shown[0]
    assert any(line.startswith("read from       /sys/devices/") for line in shown)
    assert any(line.startswith("ERROR    Edge TPU 2-2.4.3 is on a secondary port") for line in shown)


def test_a_pci_function_has_facts_of_its_own() -> None:
    """Driver, link, and the USB buses below."""
    shown = texts(views.node_rows(looked(session()), "0000:00:14.0", WIDE))
    assert "driver          xhci_hcd" in shown
    assert "USB buses       usb1, usb2" in shown


def test_a_node_that_left_is_told() -> None:
    """It was chosen, and it is gone now."""
    assert ["9-9 is not there any more."] == texts(views.node_rows(looked(session()), "9-9", WIDE))


def test_a_finding_says_all_that_the_issue_asks_for() -> None:
    """What it means, why it matters, how it was seen, and the steps."""
    walk = looked(session())
    shown = texts(views.finding_rows(walk, walk.groups()[0], WIDE))
    assert ["What it means", "Why it matters", "How it was seen", "What to do"] == [
        line for line in shown if line in ("What it means", "Why it matters", "How it was seen", "What to do")
    ]
    assert any(line.startswith("1. Plug it into port 1") for line in shown)


def test_a_guided_step_says_where_it_stands() -> None:
    """The last events, and the tick."""
    walk = looked(session())
    guided = walk.guide(walk.groups()[0].first)
    assert ["[ ] Waiting for it to leave its port, and to come back in another ..."] == texts(
        views.guide_state(walk, guided, WIDE)
    )
    take_all(walk)
    shown = texts(views.guide_state(walk, guided, WIDE))
    assert "[x] Done: the rules find no sub-hub-secondary-port any more (5 Gb/s now)." == shown[-1]


def test_a_recording_that_ends_without_a_change_says_so() -> None:
    """Nobody waits for what cannot come."""
    walk = looked(session(TWO_STICKS, ()))
    guided = walk.guide(walk.groups()[0].first)
    take_all(walk)
    assert "[ ] The recording ends here: nothing more will happen." == texts(views.guide_state(walk, guided, WIDE))[-1]


@pytest.mark.parametrize(
    ("share", "ascii_only", "expected"),
    [
        (0.0, True, "[----------]"),
        (0.001, True, "[#---------]"),
        (0.5, True, "[#####-----]"),
        (1.0, True, "[##########]"),
        (2.0, True, "[##########]!"),
        (0.5, False, "[█████░░░░░]"),
    ],
)
def test_bars_are_full_in_proportion_and_marked_beyond(share: float, ascii_only: bool, expected: str) -> None:
    """Too much is marked, because colours may be missing."""
    assert expected == views.bar(share, Style(80, ascii_only))


def test_a_budget_that_is_not_known_is_no_bar() -> None:
    """A hub's own supply cannot be read; what it has to deliver can be said."""
    load_ = HopLoad(demand_mb_s=95, usable_mb_s=None, power_ma=1500, budget_ma=None)
    assert ["needs 1.5 A of its supply"] == list(views.load_texts(load_, WIDE))
    bus_powered = msgspec.structs.replace(load_, budget_ma=900)
    assert ["[██████████]! 1500 of 900 mA"] == list(views.load_texts(bus_powered, WIDE))


@pytest.mark.parametrize("target", TARGETS)
def test_each_configuration_is_shown_whole(target: str) -> None:
    """Every line of its files, and every command, so that it can be copied from the screen."""
    walk = looked(session())
    setup = configure.setup_of(walk, target)
    shown = "\n".join(texts(views.setup_rows(setup, Style(400))))
    for file in setup.files:
        assert all(line.rstrip() in shown for line in file.content.replace("\t", "    ").split("\n"))
    assert all(command.command in shown for command in setup.commands)
    copied = views.copyable(setup)
    assert (setup.files[0].content if setup.files else setup.commands[0].command) in copied
    assert load(target).SUMMARY


def test_smoke_results_show_at_their_edge_tpu() -> None:
    """Through the report, like everything."""
    walk = looked(session(is_replay=False))
    walk.feed.tested((passed("2-2.1"),))
    take(walk)
    assert ["2-2.1"] == [result.id for result in walk.now.report.smoke]
