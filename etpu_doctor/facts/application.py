"""What an application asks for: device strings and models in its configuration or its log."""

from __future__ import annotations

import msgspec


class DetectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One Edge TPU detector of a Frigate configuration. ``device`` is the string as written, ``None`` if absent."""

    name: str
    device: str | None = None
    model_path: str | None = None
    where: str | None = None


class RuntimeMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a program that a pattern of ``knowledge/runtime_messages.toml`` recognised; see ``KernelMessage``."""

    message: str
    cause: str | None = None
    text: str
    values: dict[str, str] = {}
    where: str | None = None


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the applications that use the Edge TPUs."""

    detectors: tuple[DetectorConfig, ...] = ()
    messages: tuple[RuntimeMessage, ...] = ()
