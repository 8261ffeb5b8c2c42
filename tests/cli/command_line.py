"""Runs the command line in a process of its own, and checks what it says against the schema."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec

import etpu_doctor
from etpu_doctor.report.schema import generate

PACKAGE = str(Path(etpu_doctor.__file__).parent.parent)
VALIDATOR = jsonschema.Draft202012Validator(msgspec.json.decode(generate()))

COMMANDS = (
    "wizard",
    "check",
    "tree",
    "devices",
    "smoke",
    "setup",
    "ticket",
    "watch",
    "model",
    "plan",
    "capture",
    "rules",
    "explain",
    "demo",
)

SLOW = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M
/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 480M
    |__ Port 1: Dev 2, If 0, Class=Vendor Specific Class, Driver=, 480M
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
Bus 001 Device 002: ID 18d1:9302 Google Inc.
Bus 001 Device 001: ID 1d6b:0002 Linux Foundation 2.0 root hub
"""
"""A listing of an Edge TPU at 480 Mb/s: one warning."""

FINE = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M
    |__ Port 1: Dev 2, If 0, Class=Vendor Specific Class, Driver=, 5000M
Bus 002 Device 002: ID 18d1:9302 Google Inc.
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
"""
"""A listing of an Edge TPU with which nothing is wrong."""

NONE = """\
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
00:14.0 USB controller [0c03]: Intel Corporation Device [8086:a36d]
"""
"""A listing without any Edge TPU: an error."""


def run(
    *arguments: str, environment: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """``etpu-doctor`` with arguments; ``environment`` replaces the whole environment."""
    variables = dict(os.environ) if environment is None else dict(environment)
    known: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True}
    command = [sys.executable, "-m", "etpu_doctor", *arguments]
    return subprocess.run(command, check=False, env={**variables, "PYTHONPATH": PACKAGE}, **{**known, **options})


def shell(script: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A shell script in which ``$DOCTOR`` is the command."""
    variables = {**os.environ, "PYTHONPATH": PACKAGE, "DOCTOR": f"{sys.executable} -m etpu_doctor"}
    return subprocess.run(["bash", "-c", script], env=variables, capture_output=True, check=False, **options)


def valid(output: bytes) -> dict[str, Any]:
    """A whole report, checked against the schema."""
    decoded: dict[str, Any] = msgspec.json.decode(output)
    VALIDATOR.validate(decoded)
    return decoded
