"""Exit statuses, and what decides them."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etpu_doctor.cli import check as check_command
from etpu_doctor.cli import exit_codes, main
from etpu_doctor.cli.common import status_of
from etpu_doctor.report.examine import examine
from tests.cli.command_line import FINE, NONE, PACKAGE, SLOW, run, shell, valid
from tests.support.facts import evidence, root, tpu

Captured = pytest.CaptureFixture[bytes]


def test_names() -> None:
    """The statuses are those that are documented."""
    assert (0, 1, 2, 70, 130, 141) == (
        exit_codes.OK,
        exit_codes.FOUND,
        exit_codes.USAGE,
        exit_codes.BUG,
        exit_codes.INTERRUPTED,
        exit_codes.CLOSED_PIPE,
    )


@pytest.mark.parametrize(
    ("listing", "fail_on", "expected"),
    [
        (FINE, "warning", 0),
        (SLOW, "warning", 1),
        (SLOW, "error", 0),
        (SLOW, "never", 0),
        (NONE, "error", 1),
        (NONE, "warning", 1),
        (NONE, "never", 0),
    ],
)
def test_fail_on(tmp_path: Path, listing: str, fail_on: str, expected: int) -> None:
    """A finding at or above ``--fail-on`` makes it 1, in JSON and in text."""
    path = tmp_path / "listing.txt"
    path.write_text(listing, encoding="utf-8")
    assert expected == main(["check", "--from", str(path), "--fail-on", fail_on, "--json"])
    assert expected == main(["check", "--from", str(path), "--fail-on", fail_on])


def test_what_could_not_be_told_is_no_fault(capfdbinary: Captured, bare_host: str) -> None:
    """A finding that says "could not tell" does not fail a check."""
    assert 0 == main(["check", "--json", "--root", bare_host])
    assert ["unknown"] == [found["severity"] for found in valid(capfdbinary.readouterr().out)["findings"]]


@pytest.mark.parametrize(("fail_on", "expected"), [("error", 0), ("warning", 0), ("never", 0)])
def test_notes_never_fail(fail_on: str, expected: int) -> None:
    """A note is no fault at any level."""
    report = examine(evidence(root(2), tpu("2-1", dfu=True)))
    assert ["info"] == [found.severity for found in report.findings]
    assert expected == status_of(report, fail_on)


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        (["--only", "ETD110"], {"ETD110"}),
        (["--only", "etd110"], {"ETD110"}),
        (["--only", "usb2-link"], {"ETD110"}),
        (["--only", "ETD112,usb2-link"], {"ETD110"}),
        (["--only", " ETD112 , usb2-link ,"], {"ETD110"}),
        (["--only", "ETD112", "--only", "usb2-link"], {"ETD110"}),
        (["--only", "usb2-link,no-device-visible", "--expect-tpus", "2"], {"ETD102", "ETD110"}),
        (["--skip", "usb2-link"], set()),
        (["--skip", "ETD101,ETD110"], set()),
        (["--only", "usb2-link", "--skip", "ETD110"], set()),
    ],
)
def test_only_and_skip(capfdbinary: Captured, slow: str, arguments: list[str], codes: set[str]) -> None:
    """Rules are chosen by code and name, with commas and by repetition; what is skipped does not fail the check."""
    status = main(["check", "--json", "--from", slow, *arguments])
    assert codes == {found["code"] for found in valid(capfdbinary.readouterr().out)["findings"]}
    assert int(bool(codes)) == status


def test_expected_number(fine: str) -> None:
    """A machine with fewer Edge TPUs than expected fails the check."""
    assert 0 == main(["check", "--json", "--from", fine, "--expect-tpus", "1"])
    assert 1 == main(["check", "--json", "--from", fine, "--expect-tpus", "2"])


def test_clock(capfdbinary: Captured, slow: str) -> None:
    """At the maximum clock a USB 2 port does not suffice."""
    main(["check", "--json", "--from", slow, "--clock", "maximum"])
    assert "ETD201" in {found["code"] for found in valid(capfdbinary.readouterr().out)["findings"]}


def breaking(error: BaseException) -> Callable[..., Any]:
    """A function that fails."""

    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise error

    return fail


def test_interrupted(capfdbinary: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped by the user: 130, and silence."""
    monkeypatch.setattr(check_command, "write_report", breaking(KeyboardInterrupt()))
    assert 130 == main(["check", "--from", "/dev/null"])
    assert (b"", b"") == tuple(capfdbinary.readouterr())


@pytest.mark.parametrize(
    "command",
    [
        "check --json --from {0}",
        "check --from {0}",
        "tree --from {0}",
        "devices --json --from {0}",
        "rules",
        "--help",
        "check --help",
        "explain ETD110",
        "demo --list",
        "--json --bogus",
        "--version",
    ],
)
def test_the_reader_left(slow: str, command: str) -> None:
    """A closed pipe is 141 without a word, whatever was to be written; a traceback is no answer."""
    script = f"(sleep 0.3; exec $DOCTOR {command.format(slow)}) | true; echo ${{PIPESTATUS[0]}}"
    result = shell(script)
    assert b"" == result.stderr
    assert b"141\n" == result.stdout


@pytest.mark.parametrize("command", ["check --json --from {0}", "check --from {0}", "rules", "--help"])
def test_a_full_disk(slow: str, command: str) -> None:
    """Output that cannot be written is said in one line and is no bug."""
    result = shell(f"exec $DOCTOR {command.format(slow)} > /dev/full")
    assert (2, b"etpu-doctor: the output cannot be written: No space left on device\n") == (
        result.returncode,
        result.stderr,
    )


@pytest.mark.parametrize(
    ("redirection", "status"),
    [("<&-", 1), (">&-", 1), ("2>&-", 1), ("<&- >&- 2>&-", 1)],
)
@pytest.mark.parametrize("form", ["--json", "--format text"])
def test_closed_streams(slow: str, redirection: str, status: int, form: str) -> None:
    """A service may run with its standard streams closed: the status is the same."""
    result = shell(f"exec $DOCTOR check {form} --from {slow} {redirection}")
    assert (status, b"") == (result.returncode, result.stderr)


def test_a_refusal_with_closed_standard_error(slow: str) -> None:
    """A message for a closed standard error does not land in the output."""
    result = shell(f"exec $DOCTOR check --from {slow}.missing 2>&-")
    assert (2, b"") == (result.returncode, result.stdout)


def test_closed_standard_input_is_an_error_only_if_asked_for() -> None:
    """``-`` with a closed standard input is unreadable evidence."""
    result = shell("exec $DOCTOR check --json --from - <&-")
    assert 2 == result.returncode
    assert "-: standard input is closed" == valid(result.stdout)["error"]["message"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LANG": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"},
        {"NO_COLOR": "1"},
        {"NO_COLOR": ""},
        {"TERM": "dumb", "COLUMNS": "0"},
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_bare_environments(slow: str, environment: dict[str, str], form: str) -> None:
    """No variable has to be set, and no locale makes it fail; JSON is UTF-8 and the same in all."""
    result = run("check", "--from", slow, "--format", form, environment=environment)
    assert (1, b"") == (result.returncode, result.stderr)
    if form == "json":
        valid(result.stdout)
    assert b"usb2-link" in result.stdout


def test_ascii_by_locale(slow: str) -> None:
    """Where the encoding can do no more, text is ASCII."""
    for environment in ({"PYTHONIOENCODING": "ascii:strict"}, {"PYTHONIOENCODING": "latin-1"}):
        assert run("check", "--from", slow, environment=environment).stdout.isascii()
    assert not run("check", "--from", slow, environment={"PYTHONIOENCODING": "utf-8"}).stdout.isascii()


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        (["--color", "always"], {}, True),
        (["--color", "never"], {}, False),
        ([], {}, False),
        ([], {"NO_COLOR": "1"}, False),
    ],
)
def test_color(slow: str, arguments: list[str], environment: dict[str, str], colored: bool) -> None:
    """Colour is for terminals, or for those who ask for it."""
    result = run("check", "--from", slow, *arguments, environment={"TERM": "xterm-256color", **environment})
    assert colored is (b"\x1b[" in result.stdout)


def on_a_terminal(*arguments: str, **environment: str) -> bytes:
    """What a command prints on a terminal."""
    controller, terminal = pty.openpty()
    variables = {"TERM": "xterm-256color", "PYTHONPATH": PACKAGE, **environment}
    command = [sys.executable, "-m", "etpu_doctor", *arguments]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=variables) as process:
        os.close(terminal)
        printed = b""
        # Linux answers the read of a terminal that nobody holds any more with an error, not with an end of file.
        with contextlib.suppress(OSError):
            while piece := os.read(controller, 65536):
                printed += piece
    os.close(controller)
    assert 1 == process.returncode
    return printed


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        (["--color", "never"], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
    ],
)
def test_color_on_a_terminal(slow: str, arguments: list[str], environment: dict[str, str], colored: bool) -> None:
    """On a terminal the report is coloured, unless NO_COLOR is set to something or the option says otherwise."""
    assert colored is (b"\x1b[" in on_a_terminal("check", "--from", slow, *arguments, **environment))
