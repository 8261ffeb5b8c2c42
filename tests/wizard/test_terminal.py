"""The real program in a real terminal (tmux), driven by keys, its screen read back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LIMIT_SECONDS = 60.0


class Terminal:
    """A tmux session with one shell in it."""

    def __init__(self, folder: Path, *, columns: int = 80, rows: int = 24, term: str = "screen-256color") -> None:
        self._socket = str(folder / "tmux")
        (folder / "tmux.conf").write_text(f'set -g default-terminal "{term}"\nset -g status off\n', encoding="utf-8")
        self._folder = folder
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "env -i HOME=/tmp sh", new=True)

    def _tmux(self, *arguments: str, new: bool = False) -> str:
        configuration = ["-f", str(self._folder / "tmux.conf")] if new else []
        command = ["tmux", "-S", self._socket, *configuration, *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LANG": "C.UTF-8", "TERM": "screen"}  # noqa: S108 - no file
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    def run(self, command: str, **variables: str) -> None:
        """Type a command into the shell; afterwards it says the exit status."""
        paths = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **variables}
        setting = " ".join(f"{name}={value}" for name, value in paths.items())
        self._tmux("send-keys", "-l", f"env {setting} {sys.executable} -m etpu_doctor {command}; echo status=$?")
        self.keys("Enter")

    def keys(self, *keys: str) -> None:
        """Press keys."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        """Another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """What stands on the screen."""
        return self._tmux("capture-pane", "-p")

    def until(self, wanted: str) -> str:
        """Wait until a text stands on the screen."""
        limit = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < limit:
            text = self.screen()
            if wanted in text:
                return text
            time.sleep(0.05)
        raise AssertionError(f"{wanted!r} did not come:\n{self.screen()}")

    def pid(self) -> int:
        """The process of the wizard."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        found = Path(f"/proc/{shell}/task/{shell}/children").read_text(encoding="ascii").split()
        return int(found[0])

    def is_alternate(self) -> bool:
        """Whether the program has the screen for itself."""
        return "1" == self._tmux("display-message", "-p", "#{alternate_on}").strip()

    def close(self) -> None:
        """End it."""
        self._tmux("kill-server")


@pytest.fixture
def terminal(tmp_path: Path, needs_program: Callable[..., str]) -> Iterator[Terminal]:
    """A terminal of 80 x 24."""
    needs_program("tmux", package="tmux")
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def restored(terminal: Terminal) -> None:
    """The shell has its screen back, and echoes what is typed."""
    assert not terminal.is_alternate()
    terminal.keys("echo still", "Enter")
    assert "\nstill\n" in terminal.until("\nstill\n")
    assert "[<" not in terminal.screen()


def test_a_stick_is_moved_and_the_wizard_left(terminal: Terminal) -> None:
    """From the verdict to the ticked finding and back to the shell."""
    terminal.run("wizard --demo")
    terminal.until("ERROR  sub-hub-secondary-port (likely): 2 Edge TPUs, 1 error")
    assert terminal.is_alternate()
    terminal.keys("3")
    terminal.until("What it means")
    terminal.keys("Enter")
    terminal.until("Unplugged. Now plug it in.")
    text = terminal.until("[x] Done: the rules find no sub-hub-secondary-port any more (5 Gb/s now).")
    assert "REPLAY, not this machine" in text
    terminal.keys("Escape")
    terminal.until("[3 Findings]")
    terminal.keys("q")
    terminal.until("status=0")
    restored(terminal)


def test_the_live_machine_is_shown(terminal: Terminal) -> None:
    """Through the child that looks; it ends with the wizard."""
    terminal.run("wizard --no-probe", XDG_CONFIG_HOME="/nonexistent")
    terminal.until("[x] driver, permissions, runtime, kernel log")
    tasks = Path(f"/proc/{terminal.pid()}/task").glob("*/children")
    child = [pid for task in tasks for pid in task.read_text(encoding="ascii").split()]
    terminal.keys("q")
    terminal.until("status=0")
    assert child
    assert not Path(f"/proc/{child[0]}").exists()


@pytest.mark.parametrize(("signal", "status"), [("TERM", 143), ("HUP", 129), ("INT", 130)])
def test_a_signal_restores_the_terminal(terminal: Terminal, signal: str, status: int) -> None:
    """Whatever ends the wizard."""
    terminal.run("wizard --demo")
    terminal.until("[x] driver")
    subprocess.run(["kill", f"-{signal}", str(terminal.pid())], check=True)
    terminal.until(f"status={status}")
    restored(terminal)


def test_a_crash_restores_the_terminal_and_leaves_a_log_and_a_report(terminal: Terminal, tmp_path: Path) -> None:
    """A screen whose module cannot be loaded is a bug of ours."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sys\nsys.modules['etpu_doctor.wizard.screens.map'] = None\n", encoding="utf-8"
    )
    terminal.run("wizard --demo", PYTHONPATH=f"{broken}:{ROOT}", TMPDIR=str(tmp_path))
    terminal.until("[x] driver")
    terminal.keys("2")
    text = "".join(terminal.until("status=70").split())
    assert "Pleaseopenanissuewiththecontentof" in text
    assert "thereportasfarasitcame" in text
    (log,) = tmp_path.glob("etpu-doctor-*.md")
    assert "wizard --demo" in log.read_text(encoding="utf-8")
    assert (tmp_path / "etpu-doctor-report.json").is_file()
    restored(terminal)


def test_too_small_a_terminal_recovers(terminal: Terminal) -> None:
    """A window that is made smaller and larger again."""
    terminal.run("wizard --demo")
    terminal.until("[x] driver")
    terminal.resize(40, 10)
    terminal.until("40 x 10 is too small")
    terminal.resize(100, 30)
    terminal.until("[x] driver")
    terminal.keys("q")
    terminal.until("status=0")


@pytest.mark.parametrize("term", ["screen", "linux", "vt100"])
def test_terminals_of_few_colours_or_none_show_the_same_words(
    tmp_path: Path, needs_program: Callable[..., str], term: str
) -> None:
    """16 colours, 8, and none; ASCII where it is asked for."""
    needs_program("tmux", package="tmux")
    terminal = Terminal(tmp_path)
    try:
        terminal.run("wizard --demo --encoding ascii", TERM=term, **({"NO_COLOR": "1"} if term == "vt100" else {}))
        terminal.until("[x] driver")
        terminal.keys("2")
        text = terminal.until("|-- usb1  USB 2 bus")
        assert "[2 Map]" in text
        assert text.isascii()
        terminal.keys("q")
        terminal.until("status=0")
    finally:
        terminal.close()


def test_a_dumb_terminal_is_sent_to_the_plain_mode(terminal: Terminal) -> None:
    """It can only print lines."""
    terminal.run("wizard --demo", TERM="dumb")
    assert "use wizard --plain" in terminal.until("status=2")


def test_the_plain_mode_waits_for_enter(terminal: Terminal) -> None:
    """Somebody at a keyboard ends a wait with Enter."""
    terminal.run("wizard --plain --demo")
    for answer, wanted in (("3", "Where to?"), ("2", "REPLAY Findings"), ("1", "Do it now?")):
        terminal.until(wanted)
        terminal.until("? [")
        terminal.keys(answer, "Enter")
    terminal.until("Enter ends")
    terminal.keys("Enter")
    terminal.until("[ ] Waiting for it to leave its port")
    terminal.keys("q", "Enter")
    terminal.until("status=0")
