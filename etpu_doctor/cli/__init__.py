"""The command line: a table of commands, each in a module of its own that is imported only when it is chosen."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Protocol

from etpu_doctor import __version__
from etpu_doctor.cli import exit_codes
from etpu_doctor.cli.errors import UsageError, handled

COMMANDS: dict[str, str] = {
    "wizard": "the guided way on the terminal, from plugged in to proven",
    "check": "judge this machine, a capture, or pasted lsusb/lspci text",
    "tree": "the joined USB and PCI tree, Edge TPUs and limiting hops marked",
    "devices": "one line per Edge TPU: delegate string and physical port",
    "smoke": "prove that each Edge TPU computes, and measure how fast",
    "ticket": "read a pasted thread: what it shows, the cause, what to ask next",
    "setup": "a ready configuration for the Edge TPUs found here: udev, docker, frigate, python and more",
    "watch": "print what changes on the buses, and the findings that each change opens or closes",
    "model": "what a .tflite model is; fetch the smoke model",
    "plan": "which model on which Edge TPU, what it will cost, and the code for it",
    "capture": "write a redacted, replayable bundle of this machine's evidence",
    "rules": "list all rules",
    "explain": "what a rule means, by code or name",
    "demo": "replay a capture that ships inside the package",
}

DEFAULT_COMMAND = "check"


class CommandModule(Protocol):
    """What a command's module offers."""

    def run(self, arguments: Sequence[str]) -> int:
        """Do it; returns the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status and never raises but for ``SystemExit`` of ``--help``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return handled(lambda: _dispatch(arguments), as_json="--json" in arguments or _asks_for_json(arguments))


def _asks_for_json(arguments: Sequence[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _dispatch(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help", "help"):
        print(_help())
        return exit_codes.OK
    if first in ("-V", "--version"):
        print(f"etpu-doctor {__version__}")
        return exit_codes.OK
    if not arguments and _is_a_person_there():
        return _load("wizard").run([])
    if not first or first.startswith("-"):
        return _load(DEFAULT_COMMAND).run(arguments)
    if first not in COMMANDS:
        raise UsageError(f"no such command: {first} (see etpu-doctor --help)")
    return _load(first).run(arguments[1:])


def _is_a_person_there() -> bool:
    """Whether somebody sits at a terminal that can show a screen; Textual draws on standard error."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    at_terminal = all(stream is not None and stream.isatty() for stream in streams)
    return at_terminal and os.environ.get("TERM", "dumb") != "dumb"


def _load(command: str) -> CommandModule:
    module: CommandModule = import_module(f"etpu_doctor.cli.{command}")
    return module


def _help() -> str:
    width = max(len(name) for name in COMMANDS) + 2
    lines = [f"  {name:{width}}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: etpu-doctor [COMMAND] [OPTIONS]",
            "",
            "What is wrong with the Edge TPUs of a machine, where on the bus, and how to fix it.",
            "Without a command: the wizard on a terminal, else check.",
            "",
            *lines,
            "",
            "etpu-doctor COMMAND --help shows a command's options.",
            "exit status: 0 nothing at or above --fail-on, 1 something, 2 usage or unreadable evidence, 70 a bug",
        ]
    )
