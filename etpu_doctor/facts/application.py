"""What an application asks for: device strings and models in its configuration or its log."""

from __future__ import annotations

from typing import Literal

import msgspec

from etpu_doctor.facts.model import Compiled

DetectorFault = Literal["flat", "indentation", "tab", "empty-device", "colon"]
"""What keeps Frigate from reading a detector as it is meant: no line is indented (as in a paste); its lines do not
stand where YAML takes them for its own, or are indented with tabs; ``device:`` has no value; a value holds a colon and
a blank without quotes."""


class DetectorModel(msgspec.Struct, frozen=True, kw_only=True):
    """What the file of a detector's model is; see ``facts.model.CompiledModel``.

    ``cpu_operators`` are those that stay on the CPU, with how often each occurs. ``fault`` tells why the file is no
    sound model, and then nothing else is known.
    """

    path: str
    size_bytes: int
    compiled: Compiled | None = None
    cpu_operators: dict[str, int] = {}
    fault: str | None = None


class DetectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One detector of a Frigate configuration.

    ``type`` and ``device`` are the words as written, ``None`` where the configuration has none (``device`` may be "").
    ``model_path`` is the detector's own, else the one that the configuration gives to all (``model_is_own`` false).
    ``where`` is file and line of its name, ``value_where`` those of its values. ``model`` is the file, if it was read.
    """

    name: str
    type: str | None = None
    device: str | None = None
    model_path: str | None = None
    model_is_own: bool = False
    faults: tuple[DetectorFault, ...] = ()
    where: str | None = None
    value_where: dict[str, str] = {}
    model: DetectorModel | None = None


class RuntimeMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a program that a pattern of ``knowledge/messages.toml`` recognised; see ``KernelMessage``.

    ``causes`` is all it may speak for, the likeliest first; ``cause`` the first of them where the line alone decides.
    ``kind``: ``fault``, ``benign`` (looks bad and is not), or ``fact`` (a reading that is neither alone).
    """

    message: str
    cause: str | None = None
    causes: tuple[str, ...] = ()
    kind: Literal["fault", "fact", "benign"] = "fault"
    text: str
    values: dict[str, str] = {}
    where: str | None = None


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the applications that use the Edge TPUs."""

    detectors: tuple[DetectorConfig, ...] = ()
    messages: tuple[RuntimeMessage, ...] = ()
