"""Any thread is read, in any encoding and however mangled; time and memory stay bounded."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.ticket import read_ticket
from etpu_doctor.report.reply import render
from etpu_doctor.report.report import Report
from etpu_doctor.report.ticket import triage
from tests.support.tickets import cases, evidence_of, report_of, signs_of, sticks_of

TREE = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 5000M
    |__ Port 2: Dev 3, If 0, Class=Hub, Driver=hub/4p, 5000M
        |__ Port 1: Dev 4, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
"""
TEXTS = [case.text for case in cases()]
FRAGMENTS = st.sampled_from([line for text in TEXTS for line in text.splitlines()])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_windows_are_read(encoding: str) -> None:
    """A file of Notepad says the same as one of vi."""
    assert [(2, "2.1", "ready", 5000)] == sticks_of_bytes(TREE.encode(encoding))


def sticks_of_bytes(content: bytes) -> list[tuple[object, ...]]:
    """The sticks of a thread given as bytes."""
    report = triage(evidence_of(content))
    return [(tpu.busnum, tpu.port_chain, tpu.state, tpu.speed_mbps) for tpu in report.edge_tpus]


@pytest.mark.parametrize(
    "mangled",
    [
        TREE.replace("\n", "\r\n"),
        "".join(f">> > {line}\n" for line in TREE.splitlines()),
        f"```\n{TREE}```\n",
        TREE.replace("|", "&#124;").replace("\n", "<br/>\n"),
        "".join(f"| `{line.replace('|', chr(92) + '|')}` |\n" for line in TREE.splitlines()),
        f"user@host:~$ lsusb -t\n{TREE}user@host:~$ \n",
        TREE.replace("Class", "\x1b[1mClass\x1b[0m"),
    ],
    ids=["crlf", "quoted", "fenced", "html", "table", "prompt", "colours"],
)
def test_wrapping_does_not_hide_a_tree(mangled: str) -> None:
    """Whatever mail programs, forums and terminals put around a listing, the tree is the same."""
    assert [(2, "2.1", "ready", 5000)] == sticks_of(mangled)


def test_latin_bytes_do_not_stop_the_reading() -> None:
    """Bytes that are no UTF-8 are shown as such, the rest is read."""
    assert "usb2-link" == report_of("Größe: 29 ms, 480M\nGrü".encode("latin-1")).diagnosis.cause


def test_a_value_below_its_command_is_read() -> None:
    """A bare value belongs to the command above it."""
    assert "apex-temperature-high" in signs_of("cat /sys/class/apex/apex_0/temp\n96050\n")
    assert "runtime-control-auto" in signs_of("$ cat /sys/bus/usb/devices/2-1/power/control\nauto\n")
    assert "speed-480-said" in signs_of("cat /sys/bus/usb/devices/1-4/speed\n480\n")


def test_a_value_far_from_a_command_says_nothing() -> None:
    """A number alone is only a number."""
    assert "apex-temperature-high" not in signs_of("96050\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8,9 ms", ["8.9"]), ("31ms and 33 ms", ["31", "33"]), ("v1.2.3ms", []), ("12 msgs", [])],
)
def test_times_are_read(text: str, expected: list[str]) -> None:
    """Times of inference are numbers with ms behind, in the notation of any country."""
    assert expected == [sign.values["ms"] for sign in signs_of(text).get("inference-ms", [])]


@pytest.mark.parametrize("text", ["from 10 to 45 ms", "10 -> 45 ms", "von 10 ms auf 45 ms", "10ms a 45 ms"])
def test_a_rise_of_latency_is_seen(text: str) -> None:
    """People write a rise in many ways."""
    assert "latency-rises" in signs_of(text)


def test_a_fall_of_latency_is_no_rise() -> None:
    """Faster is not slower."""
    assert "latency-rises" not in signs_of("from 45 to 10 ms")


def test_empty_and_blank_threads_are_unknown() -> None:
    """Nothing shows nothing."""
    for text in ("", "\n\n  \n\t\n", "\x00\x00"):
        report = report_of(text)
        assert ("unknown", ()) == (report.diagnosis.cause, report.edge_tpus)


def test_a_missing_file_is_named() -> None:
    """A path that does not exist is an error that names it, without its folder."""
    with pytest.raises(EvidenceError) as error:
        read_ticket(["/nowhere/thread.txt"])
    assert "thread.txt" == error.value.file


def test_a_folder_is_told_from_a_file(tmp_path: Path) -> None:
    """Who gives a folder is told which option reads one."""
    with pytest.raises(EvidenceError, match="--batch"):
        read_ticket([str(tmp_path)])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_give_a_report(content: bytes) -> None:
    """No input is refused and none crashes; the report is valid, and its faces hold no control character."""
    report = triage(evidence_of(content))
    assert report == msgspec.json.decode(msgspec.json.encode(report), type=Report)
    assert all(character.isprintable() or character == "\n" for character in render(report))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(FRAGMENTS, st.text(max_size=60)), max_size=30))
def test_any_mixture_of_lines_gives_a_report(lines: list[str]) -> None:
    """Lines of many threads in any order are read like any other."""
    report = report_of("\n".join(lines))
    assert report.error is None
    assert all(character.isprintable() or character == "\n" for character in render(report))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TEXTS), st.sampled_from(TEXTS))
def test_reading_is_repeatable(first: str, second: str) -> None:
    """The same thread gives the same diagnosis, whatever was read before."""
    expected = report_of(first).diagnosis
    report_of(second)
    assert expected == report_of(first).diagnosis


HOSTILE = {
    "one-line": b"a" * 1_000_000,
    "spaces": b" " * 1_000_000 + b"x",
    "quotes": b"> " * 500_000,
    "brackets": b"[" * 1_000_000,
    "colons": b"usb 2-1: " * 110_000,
    "numbers": b"1 to 2 " * 140_000,
    "dashes": b"2-1.1.1.1" * 110_000,
    "sentences": b"no cable other works and " * 40_000,
    "glued": "没有散热线换".encode() * 50_000,
    "tags": b"<br>" * 250_000,
    "entities": b"&#124;" * 160_000,
    "ids": b"18d1:9302 Bus 001 Device 002 " * 35_000,
    "dev": b"dev 5 " * 160_000,
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_line_of_a_megabyte_costs_no_time(name: str) -> None:
    """No line makes the reading go back over it."""
    started = time.process_time()
    triage(evidence_of(HOSTILE[name]))
    assert time.process_time() - started < 5


def test_time_grows_with_the_length_only() -> None:
    """Four times the lines cost about four times the time."""
    lines = "".join(TEXTS).encode()

    def seconds(times: int) -> float:
        started = time.process_time()
        triage(evidence_of(lines * times))
        return time.process_time() - started

    seconds(1)
    assert seconds(12) < 12 * max(min(seconds(3) for _ in range(3)), 0.01)


def test_memory_stays_bounded() -> None:
    """A thread of five megabytes does not take ten times that."""
    content = b"".join(
        b"[%8d.000001] usb 1-%d: New USB device found, idVendor=05e3, idProduct=0610\n" % (n, n % 9)
        for n in range(70_000)
    )
    tracemalloc.start()
    triage(evidence_of(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(content)
