"""What applications ask for, as several rules name it: detectors of Frigate, and lines that programs printed."""

from __future__ import annotations

from etpu_doctor.facts.application import DetectorConfig
from etpu_doctor.rules.finding import Command, Confidence, Fact
from etpu_doctor.rules.wording import place_text, tpu_text
from etpu_doctor.topology.device_string import strings_on_host
from etpu_doctor.topology.machine import EdgeTpu, Machine

EDGE_TPU = "edgetpu"
"""The type of a detector that Frigate runs on an Edge TPU."""

SETUP_FRIGATE = Command(command="etpu-doctor setup frigate", why="prints the detectors for the Edge TPUs found here")
DEVICES = Command(command="etpu-doctor devices", why="shows which string means which Edge TPU")

_FACTS_LIMIT = 4
_STRINGS_LIMIT = 16
_TEXT_LIMIT = 160


def detectors(machine: Machine, kind: str | None = EDGE_TPU) -> list[DetectorConfig]:
    """The detectors of a type, in the order of their configurations; ``None`` is all."""
    application = machine.evidence.application
    if application is None:
        return []
    return [detector for detector in application.detectors if kind is None or detector.type == kind]


def detector_fact(detector: DetectorConfig, key: str) -> Fact:
    """One value of a detector (``type``, ``device``, ``model``) and its place in the configuration."""
    value = detector.model_path if key == "model" else getattr(detector, key)
    where = detector.value_where.get(key, detector.where)
    return Fact(name=f"detector {detector.name}: {key}", value="(none)" if value is None else value, where=where)


def printed(machine: Machine, cause: str) -> tuple[Fact, ...]:
    """Lines of programs that speak for a cause, each kind once."""
    application = machine.evidence.application
    facts: dict[str, Fact] = {}
    for message in application.messages if application is not None else ():
        if message.cause == cause and message.kind == "fault":
            text = message.text if len(message.text) <= _TEXT_LIMIT else f"{message.text[: _TEXT_LIMIT - 1]}…"
            facts.setdefault(message.message, Fact(name="message", value=text, where=message.where))
    return tuple(facts.values())[:_FACTS_LIMIT]


def confidence(machine: Machine) -> Confidence:
    """How sure it is that a configuration is about this machine: a text may hold those of several."""
    return "certain" if machine.evidence.kind == "live" else "likely"


def configuration(detector: DetectorConfig) -> str:
    """The file that a detector is in."""
    return (detector.where or "").rpartition(":")[0]


def string_steps(machine: Machine, strings: list[tuple[str, EdgeTpu]]) -> list[str]:
    """A line for each Edge TPU: its string and where it sits; says where Frigate counts otherwise than this host."""
    on_host = {tpu.id: string for string, tpu in strings_on_host(machine)}
    differs = any(string != on_host.get(tpu.id, string) for string, tpu in strings)
    inside = "In Frigate's container " if differs else ""
    steps = [f"{inside}{string} is {tpu_text(tpu)}{_place(machine, tpu)}." for string, tpu in strings[:_STRINGS_LIMIT]]
    if sum(tpu.transport == "usb" for _, tpu in strings) > 1 and any(tpu.state == "dfu" for _, tpu in strings):
        steps.append("These numbers hold once every stick has its firmware, i.e. was opened since it got its power.")
    return steps


def _place(machine: Machine, tpu: EdgeTpu) -> str:
    if tpu.transport == "pci":
        return f" ({tpu.device_node})" if tpu.device_node else ""
    return f", on {place_text(machine, tpu)}"
