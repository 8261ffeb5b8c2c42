"""``etpu-doctor setup``: what it prints, refuses and writes."""

from __future__ import annotations

import io
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from etpu_doctor.cli import main
from etpu_doctor.demos import folder_of
from etpu_doctor.remedies import APPLICABLE, TARGETS
from etpu_doctor.remedies.model import Setup
from tests.cli.command_line import run, valid

Captured = pytest.CaptureFixture[str]

RULES = "etc/udev/rules.d/60-etpu-doctor.rules"
DEMO = folder_of("two-sticks-on-a-7-port-hub")


class Terminal(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture(name="host")
def fixture_host(tmp_path: Path) -> Path:
    """The root of a host without Edge TPUs, with the folders that may be written to."""
    for folder in ("sys", "etc/udev/rules.d", "etc/modprobe.d"):
        (tmp_path / "host" / folder).mkdir(parents=True)
    return tmp_path / "host"


def printed(capsys: Captured, *arguments: str, status: int = 0) -> str:
    """What the command prints, with nothing on standard error."""
    assert status == main(["setup", *arguments])
    captured = capsys.readouterr()
    assert "" == captured.err
    return captured.out


def refused(capsys: Captured, *arguments: str) -> str:
    """What the command says when it refuses, with nothing on standard output."""
    assert 2 == main(["setup", *arguments])
    captured = capsys.readouterr()
    assert "" == captured.out
    return captured.err


def typed(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Have somebody type an answer at a terminal."""
    monkeypatch.setattr(sys, "stdin", Terminal(answer))


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_prints(capsys: Captured, target: str) -> None:
    """Each target answers in text, and says how to undo it."""
    text = printed(capsys, target, "--from", DEMO)
    assert text.startswith(f"# etpu-doctor setup {target}: ")
    assert "# undo: " in text
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_answers_in_json(target: str) -> None:
    """Each target answers with a setup in JSON, in a process of its own."""
    result = run("setup", target, "--json", "--from", DEMO)
    assert (0, b"") == (result.returncode, result.stderr)
    assert target == msgspec.json.decode(result.stdout, type=Setup).target


@pytest.mark.parametrize("target", TARGETS)
def test_without_an_edge_tpu(capsys: Captured, host: Path, target: str) -> None:
    """Where none is found the general configuration comes, with a remark, and it is no failure."""
    assert "none found here" in printed(capsys, target, "--root", str(host))


@pytest.mark.parametrize("target", ["compose", "frigate"])
def test_text_can_be_redirected_into_a_file(capsys: Captured, target: str) -> None:
    """Everything beside the file is a comment: the whole answer is YAML."""
    value = yaml.safe_load(printed(capsys, target, "--from", DEMO))
    assert ["services" if target == "compose" else "detectors"] == list(value)


@pytest.mark.parametrize("target", ["udev", "modprobe"])
def test_text_is_the_file_and_comments(capsys: Captured, target: str) -> None:
    """The lines that are no comments are those of the file."""
    text = printed(capsys, target, "--from", DEMO)
    setup = msgspec.json.decode(run("setup", target, "--json", "--from", DEMO).stdout, type=Setup)
    (file,) = setup.files
    assert _uncommented(file.content) == _uncommented(text)


def _uncommented(text: str) -> list[str]:
    return [line for line in text.split("\n") if line and not line.startswith("#")]


@pytest.mark.parametrize("target", ["docker", "podman", "wsl"])
def test_commands_stand_alone_where_there_is_no_file(capsys: Captured, target: str) -> None:
    """Where the answer is a command, it is the line that is no comment."""
    commands = _uncommented(printed(capsys, target, "--from", DEMO))
    assert all(shlex.split(command)[0] in (target, "sudo", "usbipd") for command in commands)


def test_the_list(capsys: Captured) -> None:
    """The targets can be listed, as text and as JSON."""
    assert list(TARGETS) == [line.split()[0] for line in printed(capsys, "--list").splitlines()]
    listed = msgspec.json.decode(run("setup", "--list", "--json").stdout)
    assert list(TARGETS) == [target["name"] for target in listed["targets"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "needs a target"),
        (["bogus"], "no such target: bogus"),
        (["../cli/check"], "no such target"),
        (["model"], "no such target"),
        (["udev", "--yes"], "--yes says nothing without --apply"),
        (["docker", "--apply", "--yes"], "--apply is for modprobe and udev only"),
        (["udev", "--apply"], "add --yes"),
        (["udev", "--apply", "--json"], "add --yes"),
        (["udev", "--from", "/nonexistent"], "No such file"),
    ],
)
def test_usage_errors(capsys: Captured, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str) -> None:
    """What cannot be carried out is refused with the reason."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert 2 == main(["setup", *arguments])
    captured = capsys.readouterr()
    assert expected in (captured.err or captured.out)


@pytest.mark.parametrize("target", sorted(set(TARGETS) - APPLICABLE))
def test_only_two_targets_write(capsys: Captured, host: Path, target: str) -> None:
    """No other target writes, whatever is asked."""
    before = sorted(host.rglob("*"))
    assert "only" in refused(capsys, target, "--apply", "--yes", "--root", str(host))
    assert before == sorted(host.rglob("*"))


def test_errors_are_json_too() -> None:
    """With ``--json`` a refusal is a report with an error."""
    result = run("setup", "bogus", "--json")
    assert 2 == result.returncode
    assert "usage" == valid(result.stdout)["error"]["kind"]


@pytest.mark.parametrize("target", sorted(APPLICABLE))
def test_printing_writes_nothing(capsys: Captured, host: Path, target: str) -> None:
    """Without ``--apply`` nothing is written."""
    before = sorted(host.rglob("*"))
    printed(capsys, target, "--root", str(host))
    assert before == sorted(host.rglob("*"))


@pytest.mark.parametrize(("target", "path"), [("udev", RULES), ("modprobe", "etc/modprobe.d/etpu-doctor.conf")])
def test_applying(capsys: Captured, host: Path, target: str, path: str) -> None:
    """The difference is shown, the file written, and the way back and the next commands are told."""
    text = printed(capsys, target, "--apply", "--yes", "--root", str(host))
    content = (host / path).read_text()
    assert "--- /dev/null" in text
    assert all(f"+{line}" in text for line in content.splitlines())
    assert f"wrote {host / path}" in text
    assert f"undo: sudo rm -- {shlex.quote(str(host / path))}" in text
    assert "then run:" in text


def test_applying_twice(capsys: Captured, host: Path) -> None:
    """The second time there is nothing to do, and no backup is made."""
    printed(capsys, "udev", "--apply", "--yes", "--root", str(host))
    text = printed(capsys, "udev", "--apply", "--yes", "--root", str(host))
    assert "already as it should be" in text
    assert "wrote" not in text
    assert [host / RULES] == list((host / "etc/udev/rules.d").iterdir())


def test_applying_over_another_file(capsys: Captured, host: Path) -> None:
    """What was there is kept, and its place is told."""
    (host / RULES).write_text("# mine\n")
    text = printed(capsys, "udev", "--apply", "--yes", "--root", str(host))
    assert "-# mine" in text
    (backup,) = [path for path in (host / RULES).parent.iterdir() if path != host / RULES]
    assert f"kept  {backup}" in text
    assert "# mine\n" == backup.read_text()


def test_what_is_shown_cannot_act(capsys: Captured, host: Path) -> None:
    """A file that others wrote may hold anything; on the terminal it is text."""
    (host / RULES).write_bytes(b"\x1b[2Jgone\t\xff\r\n")
    text = printed(capsys, "udev", "--apply", "--yes", "--root", str(host))
    assert "\\x1b[2Jgone\t" in text
    assert "\x1b" not in text
    assert "\r" not in text


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "yes\n", " yes \n"])
def test_agreeing(capsys: Captured, monkeypatch: pytest.MonkeyPatch, host: Path, answer: str) -> None:
    """At a terminal it asks, and a yes writes."""
    typed(monkeypatch, answer)
    text = printed(capsys, "udev", "--apply", "--root", str(host))
    assert text.index("+++ ") < text.index("[y/N]") < text.index("wrote ")
    assert (host / RULES).exists()


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n", "no\n"])
def test_declining(capsys: Captured, monkeypatch: pytest.MonkeyPatch, host: Path, answer: str) -> None:
    """Anything but a yes writes nothing, and the exit status says that it was not done."""
    typed(monkeypatch, answer)
    text = printed(capsys, "udev", "--apply", "--root", str(host), status=1)
    assert text.endswith("Nothing was written.\n")
    assert not (host / RULES).exists()


def test_nobody_is_asked_for_nothing(capsys: Captured, monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    """Where the file is done there is no question."""
    printed(capsys, "udev", "--apply", "--yes", "--root", str(host))
    typed(monkeypatch, "")
    assert "[y/N]" not in printed(capsys, "udev", "--apply", "--root", str(host))


def test_a_change_while_asking(capsys: Captured, monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    """What is written while the question stands is not overwritten."""

    class Slow(Terminal):
        def readline(self, *_: Any) -> str:  # type: ignore[override] # typeshed has io.StringIO inherit two of them
            (host / RULES).write_text("theirs\n")
            return "y\n"

    monkeypatch.setattr(sys, "stdin", Slow())
    assert 2 == main(["setup", "udev", "--apply", "--root", str(host)])
    assert "has changed since its difference was shown" in capsys.readouterr().err
    assert "theirs\n" == (host / RULES).read_text()


def test_a_symbolic_link(capsys: Captured, host: Path, tmp_path: Path) -> None:
    """A link in the file's place stops it, and what it points to is as it was."""
    (tmp_path / "target").write_text("old\n")
    (host / RULES).symlink_to(tmp_path / "target")
    assert "is a symbolic link" in refused(capsys, "udev", "--apply", "--yes", "--root", str(host))
    assert "old\n" == (tmp_path / "target").read_text()


def test_without_rights(capsys: Captured, monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    """Without the rights nothing is written, and the very command with the rights is printed."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    message = refused(capsys, "udev", "--apply", "--yes", "--root", str(host))
    command = shlex.split(message.partition("Run it with the rights:")[2])
    assert ["sudo", sys.executable, "-m", "etpu_doctor", "setup", "udev", "--apply", "--yes"] == command[:8]
    assert ["--root", str(host)] == command[8:]
    assert not (host / RULES).exists()


def test_the_command_with_the_rights_is_quoted(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No path is more than a word of it."""
    root = tmp_path / "a b; $(id)'"
    for folder in ("sys", "etc/udev/rules.d"):
        (root / folder).mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    message = refused(capsys, "udev", "--apply", "--yes", "--root", str(root), "--from", DEMO)
    command = shlex.split(message.partition("Run it with the rights:")[2])
    assert ["--root", str(root), "--from", DEMO] == command[8:]


def test_applying_as_json(host: Path) -> None:
    """As JSON it gives the setup, the differences, and what was written."""
    result = run("setup", "udev", "--apply", "--yes", "--json", "--root", str(host))
    assert (0, b"") == (result.returncode, result.stderr)
    answer = msgspec.json.decode(result.stdout)
    assert "udev" == answer["setup"]["target"]
    assert [f"/{RULES}"] == [planned["path"] for planned in answer["planned"]]
    assert [str(host / RULES)] == [written["path"] for written in answer["written"]]
    assert (host / RULES).exists()


def test_devices_are_those_of_the_report() -> None:
    """The setup is for exactly the devices that the other commands show."""
    devices = msgspec.json.decode(run("devices", "--json", "--from", DEMO).stdout)
    setup = msgspec.json.decode(run("setup", "frigate", "--json", "--from", DEMO).stdout, type=Setup)
    assert [tpu["id"] for tpu in devices["edge_tpus"]] == list(setup.devices)


def test_a_closed_standard_input(host: Path) -> None:
    """Without any standard input nobody can be asked, and that is said."""
    script = f"exec {shlex.quote(sys.executable)} -m etpu_doctor setup udev --apply --root {shlex.quote(str(host))} <&-"
    import subprocess

    from tests.cli.command_line import PACKAGE

    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    result = subprocess.run(["bash", "-c", script], check=False, capture_output=True, env=environment)
    assert 2 == result.returncode
    assert b"add --yes" in result.stderr
