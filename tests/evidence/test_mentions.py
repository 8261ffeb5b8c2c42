"""What people write of devices in their own words is found, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.mentions import MENTIONS_LIMIT, Mentions, _matches, _patterns, _ports

DFU, READY = (0x1A6E, 0x089A), (0x18D1, 0x9302)


def mentions_of(*lines: str) -> list[tuple[object, ...]]:
    """Identity, bus, device and ports of each mention."""
    mentions = Mentions()
    for number, text in enumerate(lines, 1):
        mentions.feed(Line("t", number, text))
    return [(each.identity, each.bus, each.device, each.chain) for each in mentions.found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bus 003 Device 002 (1a6e:089a)", (DFU, 3, 2, None)),
        ("`18d1:9302`, node /dev/bus/usb/004/017", (READY, 4, 17, None)),
        ("TPU = Dev 5 (18D1:9302)", (READY, None, 5, None)),
        ("bus 2, dev 5: 18d1:9302", (READY, 2, 5, None)),
        ("`03-sysfs.sh`: 3-1.4, speed 5000", (None, 3, None, (1, 4))),
        ("echo 0 > /sys/bus/usb/devices/2-5/authorized", (None, 2, None, (5,))),
        ("an 18d1:9302 somewhere", (READY, None, None, None)),
    ],
)
def test_places_and_identities_are_found(text: str, expected: tuple[object, ...]) -> None:
    """The usual ways to write of a stick."""
    assert expected in mentions_of(text)


@pytest.mark.parametrize(
    "text", ["2026-03-04 10:00", "USB 3 port", "0000:02-1", "device 5", "python-3.11", "99-1 of all"]
)
def test_other_numbers_are_no_places(text: str) -> None:
    """Dates, versions and counts are not taken for ports."""
    assert [] == mentions_of(text)


def test_two_identities_in_one_line_leave_it_open() -> None:
    """Who writes of both says nothing of the one that is there."""
    assert all(identity is None for identity, *_ in mentions_of("1a6e:089a becomes 18d1:9302 at Bus 001 Device 002"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("crw-rw---- 1 root apex 120, 1 Jan  6 18:22 /dev/apex_1", {1}),
        ("(crw-rw---- 1 root apex 120, 0 /dev/apex_0, crw-rw---- 1 root apex 120, 1 /dev/apex_1)", {0, 1}),
        ("apex_0 61300  apex_1 63550", {0, 1}),
        ("ls: cannot access '/dev/apex_0': No such file", set()),
        ("- /dev/apex_0:/dev/apex_0", set()),
    ],
)
def test_nodes_that_exist_are_told_from_those_that_are_only_named(text: str, expected: set[int]) -> None:
    """A node counts where ls shows it, or a value was read from it."""
    mentions = Mentions()
    mentions.feed(Line("t", 1, text))
    assert expected == set(mentions.apex_numbers)


def test_the_number_of_mentions_is_bounded() -> None:
    """A thread of nothing but ids does not fill the memory."""
    assert MENTIONS_LIMIT >= len(mentions_of(*["18d1:9302"] * 1000)) > 0


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789-.: devbus/usbapex_18d1:9302", max_size=200))
def test_any_line_is_read(text: str) -> None:
    """Whatever stands there, ports are between 1 and 31 and buses below 40."""
    for _, _, _, chain in mentions_of(text):
        assert chain is None or all(0 < port < 32 for port in chain)  # type: ignore[attr-defined] # a tuple of ports


WORDS = st.sampled_from(
    [
        *(
            "bus ",
            "dev ",
            "dev. ",
            "device 4",
            "/dev/bus/usb/001/002",
            "2-1.4",
            "port ",
            "usb ",
            "3",
            "-",
            " ",
            ":",
            "\u0663",
        )
    ]
)


@given(st.lists(WORDS, max_size=8).map("".join))
def test_nothing_that_a_pattern_matches_is_missed(text: str) -> None:
    """Trying a pattern only where its fixed words are finds the same as trying it everywhere."""
    everywhere = [match.span() for pattern in (*_patterns(), _ports()) for match in pattern.finditer(text)]
    assert everywhere == [match.span() for match in _matches(text)]
