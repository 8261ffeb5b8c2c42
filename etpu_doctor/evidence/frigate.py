"""Frigate's configuration on the live host or in its container, and the files of the models that it names.

Only the detectors are kept: the rest of a configuration holds passwords. Source of the places: Frigate's documentation
(installation, configuration), its add-on for Home Assistant, and its snap.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.application import Application, DetectorConfig, DetectorModel
from etpu_doctor.facts.evidence import Missing

_NAMES = ("config.yml", "config.yaml", "frigate.yml")
_FOLDERS = (
    "/config",
    "/opt/frigate/config",
    "/opt/frigate",
    "/etc/frigate",
    "/var/snap/frigate/current/config",
    "/addon_configs/ccab4aaf_frigate",
    "/addon_configs/ccab4aaf_frigate-fa",
)
CONTAINER_FOLDER = "/config/"
"""Where a container has its configuration; a path below is one of the configuration's own folder on the host."""

CONTAINER_MODEL = "/edgetpu_model.tflite"
"""What an Edge TPU detector takes where the configuration names no model."""

_CONFIG_LIMIT_BYTES = 1 << 20
_MODEL_LIMIT_BYTES = 64 << 20
_OPERATORS_LIMIT = 50


def read_frigate(files: Files) -> tuple[Application | None, list[Missing]]:
    """The detectors of the first configuration in each of the usual folders; ``None`` where there is none."""
    detectors: list[DetectorConfig] = []
    missing: list[Missing] = []
    for folder in _FOLDERS:
        # Of two files in one folder, Frigate takes the first.
        path = next((path for name in _NAMES if files.exists(path := f"{folder}/{name}")), None)
        if path is None:
            continue
        content = files.text(path, _CONFIG_LIMIT_BYTES)
        if content is None:
            missing.append(_unread(path, files.refused.get(path)))
            continue
        found, ignored_count = read_config(path, content)
        detectors += [_with_model(files, folder, each) for each in found]
        missing += [_not_understood(path, ignored_count)] if ignored_count else []
    return Application(detectors=tuple(detectors)) if detectors else None, missing


def read_config(path: str, content: str) -> tuple[Sequence[DetectorConfig], int]:
    """The detectors of a configuration, and how many lines among them could not be read."""
    # Imported here: hardly any machine has such a file.
    from etpu_doctor.evidence.collector import Collector  # noqa: PLC0415 - see above
    from etpu_doctor.evidence.formats.base import Line  # noqa: PLC0415 - see above
    from etpu_doctor.evidence.formats.frigate_config import FrigateConfig  # noqa: PLC0415 - see above

    sink = Collector()
    reader = FrigateConfig(sink)
    is_open = False
    for number, text in enumerate(content.split("\n"), start=1):
        is_open = is_open or reader.starts(text)
        if is_open:
            reader.feed(Line(path, number, text.rstrip("\r")))
    reader.close()
    application = sink.application()
    return application.detectors if application is not None else (), sink.ignored_count


def _unread(path: str, why: str | None) -> Missing:
    return Missing(what=f"the configuration of Frigate in {path}", why=why or "it is no file", how=f"sudo cat {path}")


def _not_understood(path: str, count: int) -> Missing:
    lines = "1 line" if count == 1 else f"{count} lines"
    why = f"{lines} among the detectors are in a form of YAML that is not read here"
    return Missing(what=f"all detectors in {path}", why=why)


def _with_model(files: Files, folder: str, detector: DetectorConfig) -> DetectorConfig:
    """The detector with what the file of its model is, if that can be read from here."""
    if detector.type != "edgetpu":
        return detector
    named = detector.model_path or CONTAINER_MODEL
    places = [named]
    if named.startswith(CONTAINER_FOLDER) and folder != CONTAINER_FOLDER.rstrip("/"):
        places.insert(0, f"{folder}/{named.removeprefix(CONTAINER_FOLDER)}")
    for place in places:
        model = read_model_file(files, place) if place.startswith("/") else None
        if model is not None:
            return msgspec.structs.replace(detector, model=model)
    return detector


def read_model_file(files: Files, path: str) -> DetectorModel | None:
    """What the file of a model is; ``None`` if it is missing, may not be read, or is too large to judge."""
    status = files.stat(path)
    if status is None or not 0 <= status.st_size <= _MODEL_LIMIT_BYTES:
        return None
    content = files.read(path, _MODEL_LIMIT_BYTES)
    if content is None:
        return None
    from etpu_doctor.evidence.compiled_model import ModelError, read_model  # noqa: PLC0415 - where there is a model

    try:
        model = read_model(content)
    except ModelError as error:
        return DetectorModel(path=path, size_bytes=len(content), fault=str(error))
    return DetectorModel(
        path=path,
        size_bytes=len(content),
        compiled=model.compiled,
        cpu_operators={each.name: each.count for each in model.cpu_operators[:_OPERATORS_LIMIT]},
    )
