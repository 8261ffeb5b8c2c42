"""Every command, as text and as JSON."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import etpu_doctor.cli
from etpu_doctor import __version__
from etpu_doctor.cli import COMMANDS, main
from etpu_doctor.cli import output as cli_output
from etpu_doctor.demos import DEFAULT, demos
from etpu_doctor.rules import registry
from etpu_doctor.rules.registry import all_rules
from tests.cli import command_line
from tests.cli.command_line import run, valid

RULES = all_rules()

Captured = pytest.CaptureFixture[bytes]


def output(capture: Captured, *arguments: str, status: int = 0) -> bytes:
    """What a command prints, after a look at its exit status and at a silent standard error."""
    assert status == main(arguments)
    captured = capture.readouterr()
    assert b"" == captured.err
    return captured.out


def decoded(capture: Captured, *arguments: str, status: int = 0) -> Any:
    """What a command prints as JSON."""
    return msgspec.json.decode(output(capture, *arguments, status=status))


def test_the_helper_knows_all_commands() -> None:
    """The tests name every command."""
    assert set(command_line.COMMANDS) == set(COMMANDS)


@pytest.mark.parametrize("command", ["check", "tree", "devices"])
def test_text_of_a_listing(capfdbinary: Captured, slow: str, command: str) -> None:
    """Commands that print facts name the Edge TPU."""
    printed = output(capfdbinary, command, "--from", slow, status=1 if command == "check" else 0)
    assert b"1-1" in printed


@pytest.mark.parametrize("arguments", [["--json"], ["--format", "json"], ["--format=json"]])
@pytest.mark.parametrize("command", [["check"], []])
def test_check_as_json(capfdbinary: Captured, slow: str, command: list[str], arguments: list[str]) -> None:
    """All ways of asking for JSON give a valid report of the same findings, with or without the command's name."""
    report = valid(output(capfdbinary, *command, *arguments, "--from", slow, status=1))
    assert ("usb2-link", ["ETD110"]) == (
        report["diagnosis"]["cause"],
        [found["code"] for found in report["findings"] if found["severity"] == "warning"],
    )
    assert "text" == report["source"]["kind"]


def test_check_as_markdown(capfdbinary: Captured, slow: str) -> None:
    """The report can be Markdown."""
    assert b"usb2-link" in output(capfdbinary, "check", "--format", "markdown", "--from", slow, status=1)


def test_json_is_the_last_word(capfdbinary: Captured, slow: str) -> None:
    """``--json`` wins over another format."""
    valid(output(capfdbinary, "check", "--json", "--format", "markdown", "--from", slow, status=1))


def test_devices_as_json(capfdbinary: Captured, slow: str) -> None:
    """``devices --json`` is the report's list of Edge TPUs under its key."""
    devices = decoded(capfdbinary, "devices", "--json", "--from", slow)
    report = valid(output(capfdbinary, "check", "--json", "--from", slow, status=1))
    assert report["edge_tpus"] == devices["edge_tpus"]
    assert report["schema"] == devices["schema"]


def test_tree_as_json(capfdbinary: Captured, slow: str) -> None:
    """``tree --json`` is the report's topology and its Edge TPUs."""
    tree = decoded(capfdbinary, "tree", "--json", "--from", slow)
    report = valid(output(capfdbinary, "check", "--json", "--from", slow, status=1))
    assert (report["topology"], report["edge_tpus"]) == (tree["topology"], tree["edge_tpus"])


def test_several_files(capfdbinary: Captured, tmp_path: Path) -> None:
    """Evidence of several files is joined, whether ``--from`` is given once or twice."""
    lines = command_line.SLOW.splitlines(keepends=True)
    tree, listing = tmp_path / "tree.txt", tmp_path / "list.txt"
    tree.write_text("".join(lines[:3]), encoding="utf-8")
    listing.write_text("".join(lines[3:]), encoding="utf-8")
    for arguments in (["--from", str(tree), str(listing)], ["--from", str(tree), "--from", str(listing)]):
        (stick,) = decoded(capfdbinary, "devices", "--json", *arguments)["edge_tpus"]
        assert ("1", "18d1:9302") == (stick["port_chain"], stick["identity"])


def test_standard_input(slow: str) -> None:
    """``-`` is standard input."""
    result = run("check", "--json", "--from", "-", stdin=None, input=Path(slow).read_bytes())
    assert (1, b"") == (result.returncode, result.stderr)
    assert "usb2-link" == valid(result.stdout)["diagnosis"]["cause"]


def test_rules_as_text(capfdbinary: Captured) -> None:
    """Every rule is listed with its name."""
    printed = output(capfdbinary, "rules").decode()
    for rule in RULES:
        assert rule.info.code in printed
        assert rule.info.name in printed


def test_rules_as_json(capfdbinary: Captured) -> None:
    """So they are in JSON, with their documentation."""
    listed = decoded(capfdbinary, "rules", "--json")["rules"]
    assert [rule.info.code for rule in RULES] == [entry["code"] for entry in listed]
    assert all(entry["documentation"] for entry in listed)


@pytest.mark.parametrize(
    ("name", "codes"),
    [("ETD113", ["ETD113"]), ("etd113", ["ETD113"]), ("no-device-visible", ["ETD101", "ETD102", "ETD917"])],
)
def test_explain(capfdbinary: Captured, name: str, codes: list[str]) -> None:
    """A code or a name explains every rule it stands for."""
    printed = output(capfdbinary, "explain", name).decode()
    assert all(code in printed for code in codes)
    assert codes == [entry["code"] for entry in decoded(capfdbinary, "explain", name, "--json")["rules"]]


def test_explain_an_old_code(capfdbinary: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that was renamed leads to the rule it is now."""
    monkeypatch.setitem(registry.REDIRECTS, "ETD100", "ETD110")
    (entry,) = decoded(capfdbinary, "explain", "ETD100", "--json")["rules"]
    assert "ETD110" == entry["code"]


@pytest.mark.parametrize("name", sorted(demos()))
def test_demos_are_marked_as_replays(capfdbinary: Captured, name: str) -> None:
    """Every demo gives a valid report that says what it is, in JSON, text and Markdown."""
    report = valid(output(capfdbinary, "demo", name, "--json", "--fail-on", "never"))
    assert ("demo", name) == (report["source"]["kind"], report["source"]["name"])
    for form in ("text", "markdown"):
        printed = output(capfdbinary, "demo", name, "--format", form, "--fail-on", "never").decode()
        assert name in printed
        assert "replay" in printed.lower()


def test_the_default_demo(capfdbinary: Captured) -> None:
    """Without a name the default demo is replayed, with the exit status of its findings."""
    assert DEFAULT == valid(output(capfdbinary, "demo", "--json", status=1))["source"]["name"]


def test_list_of_demos(capfdbinary: Captured) -> None:
    """The list names every demo and says what machine it is."""
    printed = output(capfdbinary, "demo", "--list").decode()
    listed = decoded(capfdbinary, "demo", "--list", "--json")["demos"]
    assert sorted(demos()) == [entry["name"] for entry in listed]
    for entry in listed:
        assert entry["machine"]
        assert f"{entry['name']:28}{entry['machine']}" in printed


def test_options_of_a_demo(capfdbinary: Captured) -> None:
    """A demo is judged with the options of a check."""
    report = valid(output(capfdbinary, "demo", "healthy-usb3", "--json", "--expect-tpus", "3", status=1))
    assert "no-device-visible" == report["diagnosis"]["cause"]


def test_a_live_host_without_buses(capfdbinary: Captured, bare_host: str) -> None:
    """Without ``--from`` this machine is read; one without buses is no fault and no crash."""
    report = valid(output(capfdbinary, "check", "--json", "--root", bare_host))
    assert ("live", "unknown") == (report["source"]["kind"], report["diagnosis"]["cause"])
    assert {"USB devices", "PCI devices"} <= {missing["what"] for missing in report["source"]["missing"]}


def test_capture_and_replay(capfdbinary: Captured, bare_host: str, tmp_path: Path) -> None:
    """A capture is written, says what is in it, and can be checked."""
    bundle = str(tmp_path / "a b.tar.gz")
    printed = output(capfdbinary, "capture", "-o", bundle, "--root", bare_host).decode()
    assert f"wrote {bundle}" in printed
    assert f"etpu-doctor check --from '{bundle}'" in printed
    assert "capture" == valid(output(capfdbinary, "check", "--json", "--from", bundle))["source"]["kind"]


def test_capture_as_json(capfdbinary: Captured, bare_host: str, tmp_path: Path) -> None:
    """``capture --json`` names the file and its members."""
    bundle = str(tmp_path / "x.tar.gz")
    written = decoded(capfdbinary, "capture", "--json", "--output", bundle, "--root", bare_host)
    assert bundle == written["file"]
    assert "host.json" in written["members"]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help(capfdbinary: Captured, arguments: list[str]) -> None:
    """The help lists every command with a line, and the exit statuses."""
    printed = output(capfdbinary, *arguments).decode()
    for name, summary in COMMANDS.items():
        assert f"  {name} " in printed
        assert summary in printed
    assert "exit status: 0" in printed


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_of_every_command(capfdbinary: Captured, command: str) -> None:
    """Every command explains its options, in lines of 80 columns."""
    with pytest.raises(SystemExit) as leaving:
        main([command, "--help"])
    assert 0 == leaving.value.code
    printed = capfdbinary.readouterr().out.decode()
    assert printed.startswith(f"usage: etpu-doctor {command}")
    # The wizard talks with a person; what a machine reads of it is the report that it saves.
    assert "--json" in printed or command == "wizard"
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("argument", ["--version", "-V"])
def test_version(capfdbinary: Captured, argument: str) -> None:
    """The version is that of the package."""
    assert f"etpu-doctor {__version__}\n".encode() == output(capfdbinary, argument)


def test_alone_in_a_pipe(slow: str) -> None:
    """``etpu-doctor`` without a command, not on a terminal, is the text report."""
    plain = run("--from", slow)
    named = run("check", "--from", slow, "--format", "text")
    assert (1, b"") == (plain.returncode, plain.stderr)
    assert named.stdout == plain.stdout
    assert b"usb2-link" in plain.stdout
    assert b"\x1b" not in plain.stdout


def test_json_without_a_byte_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard output is no file (a test, a notebook), JSON is written as text."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    cli_output.write_json({"name": "é"})
    assert '{\n  "name": "é"\n}\n' == stream.getvalue()


def test_redaction(capfdbinary: Captured, bare_host: str) -> None:
    """The host's name is replaced unless told otherwise."""
    live = ["check", "--json", "--root", bare_host]
    assert "host-1" == decoded(capfdbinary, *live)["host"]["hostname"]
    assert os.uname().nodename == decoded(capfdbinary, *live, "--no-redact")["host"]["hostname"]


@pytest.mark.parametrize(
    ("term", "at_terminal", "arguments", "expected"),
    [
        ("xterm-256color", True, [], "wizard"),
        ("xterm-256color", True, ["--json"], "check"),
        ("xterm-256color", False, [], "check"),
        ("dumb", True, [], "check"),
        (None, True, [], "check"),
    ],
)
def test_who_sits_at_a_terminal_gets_the_wizard(
    term: str | None, at_terminal: bool, arguments: list[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments on a terminal that can show a screen; a pipe, a dumb terminal or any option gets the report."""

    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return at_terminal

    class Command:
        def run(self, _arguments: Sequence[str]) -> int:
            return 0

    loaded: list[str] = []

    def load(name: str) -> Command:
        loaded.append(name)
        return Command()

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Stream())
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(etpu_doctor.cli, "_load", load)
    assert (0, [expected]) == (etpu_doctor.cli.main(arguments), loaded)
