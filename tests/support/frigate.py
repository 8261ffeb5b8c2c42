"""Detectors by hand, for the rules about what an application asks for, and the texts of configurations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from etpu_doctor.facts.application import Application, DetectorConfig, RuntimeMessage
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.machine import Machine
from tests.support.facts import Fact, apex, card, machine, root, tpu

FILE = "config.yml"
STICKS = (root(2), tpu("2-1"), tpu("2-2"))
ONE_STICK = (root(2), tpu("2-1"))
CARD = (card("0000:01:00.0"), apex(0, "0000:01:00.0"))


def detector(name: str = "coral", device: str | None = None, **fields: Any) -> DetectorConfig:
    """An Edge TPU detector in line 2 of the configuration."""
    known: dict[str, Any] = {"type": "edgetpu", "device": device, "where": f"{FILE}:2"}
    return DetectorConfig(name=name, **{**known, **fields})


def message(cause: str | None = None, name: str = "x", text: str = "it says", **fields: Any) -> RuntimeMessage:
    """A line that a program printed."""
    return RuntimeMessage(message=name, cause=cause, text=text, where="log:1", **fields)


def asking(*wishes: DetectorConfig | RuntimeMessage, facts: tuple[Fact, ...] = STICKS, **fields: Any) -> Machine:
    """A machine whose application asks for that; ``kind`` is that of the evidence, ``covers`` what it shows."""
    kind = fields.pop("kind", "live")
    built = machine(*facts, **fields)
    application = Application(
        detectors=tuple(each for each in wishes if isinstance(each, DetectorConfig)),
        messages=tuple(each for each in wishes if isinstance(each, RuntimeMessage)),
    )
    built.evidence = msgspec.structs.replace(built.evidence, application=application, kind=kind)
    return built


def found(
    check: Callable[[Machine], Iterator[Finding]], *wishes: DetectorConfig | RuntimeMessage, **fields: Any
) -> list[Finding]:
    """What a rule says of such a machine."""
    return list(check(asking(*wishes, **fields)))
