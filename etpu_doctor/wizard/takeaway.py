"""What a user takes away: the report as JSON or Markdown, and the redacted bundle, with a look into it first."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.remedies.model import SetupFile
from etpu_doctor.report.report import Report

if TYPE_CHECKING:  # placement is imported only where a plan is made
    from etpu_doctor.report.plan import PlanReport

JSON_NAME, MARKDOWN_NAME, BUNDLE_NAME = "etpu-doctor-report.json", "etpu-doctor-report.md", "etpu-doctor-bundle.tar.gz"

ACTIONS = {
    "json": "save the report as JSON",
    "markdown": "save the report as Markdown, for a ticket",
    "bundle": "save the redacted bundle, after a look into it",
    "plan": "which model on which Edge TPU, and the code for it",
    "setup": "the configuration for your application: step 4",
    "quit": "leave the wizard",
}
"""What can be done in the last step, in words."""

_PREVIEW_LINES = 40
_PREVIEW_BYTES = 64 << 10


class SaveError(Exception):
    """Why something was not saved."""


class Member(NamedTuple):
    """A file of a bundle: its name, its size, and its first lines."""

    name: str
    size_bytes: int
    lines: tuple[str, ...]


def free_path(path: str) -> str:
    """The path, or with a number before its ending where something is there already: nothing is overwritten."""
    folder, name = os.path.split(path)
    stem, dot, ending = name.partition(".")
    number = 1
    while os.path.lexists(path):
        number += 1
        path = os.path.join(folder, f"{stem}-{number}{dot}{ending}")
    return path


def save_json(report: Report, path: str) -> str:
    """Write the report as ``check --json`` prints it; returns the path. Raises ``SaveError``."""
    from etpu_doctor.hotplug.wire import json_line  # noqa: PLC0415 - only when something is saved

    return _save(msgspec.json.format(json_line(report), indent=2).rstrip() + b"\n", path)


def save_markdown(report: Report, path: str, comparison: list[str] | None = None) -> str:
    """Write the report for a ticket, with what changed while the wizard ran. Raises ``SaveError``."""
    from etpu_doctor.report.escape import fence  # noqa: PLC0415 - only when something is saved
    from etpu_doctor.report.markdown import render  # noqa: PLC0415 - as above

    text = render(report)
    if comparison:
        text = "\n".join([text.rstrip("\n"), "", "What changed while the wizard ran:", "", *fence(comparison), ""])
    return _save(text.encode("utf-8", "replace"), path)


def saved_text(path: str, report: Report, *, wants_plan: bool) -> str:
    """That a report was saved, and whether the plan that belongs into it could not be made."""
    lacks = wants_plan and report.plan is msgspec.UNSET
    return f"Saved {path}{' (without the plan: devices come and go just now)' if lacks else ''}"


def save_code(plan: PlanReport, folder: str) -> Iterator[str]:
    """Write the files of a plan into a folder, and give the path of each that is there. Raises ``SaveError``."""
    for file in plan.code:
        yield _save(file.content.encode("utf-8", "replace"), os.path.join(folder, code_name(file)))


def told_of_code(plan: PlanReport, folder: str) -> list[str]:
    """Write the files of a plan into a folder; returns what to tell, a refusal and what one must know included."""
    told = []
    try:
        for path in save_code(plan, folder.strip()):
            told.append(f"Saved {path}")  # noqa: PERF401 - what was written before a refusal is told
    except SaveError as error:
        return [*told, f"Not saved: {error}"]
    return [*told, *plan.code_notes]


def code_name(file: SetupFile) -> str:
    """What a file of a plan is called; a part is not to be taken for the whole of what it belongs into."""
    return f"part-of-{file.path}" if file.fragment else file.path


def _save(content: bytes, path: str) -> str:
    path = free_path(os.path.expanduser(path))
    try:
        with open(path, "xb") as handle:
            handle.write(content)
    except OSError as error:
        raise SaveError(f"{path}: {error.strerror or error}") from None
    return path


def save_bundle(path: str, *, root: str = "/") -> str:
    """Write the redacted bundle of this machine; returns its path. Raises ``SaveError``."""
    from etpu_doctor.evidence.capture import capture_live  # noqa: PLC0415 - only when something is saved

    path = free_path(os.path.expanduser(path))
    try:
        capture_live(path, root=root)
    except EvidenceError as error:
        raise SaveError(str(error)) from None
    return path


def look_into(bundle: str) -> list[Member]:
    """The files of a bundle with their first lines. Raises ``SaveError``."""
    try:
        with tarfile.open(bundle, "r:gz") as tar:
            return [_member(tar, member) for member in tar if member.isfile()]
    except (OSError, tarfile.TarError) as error:
        raise SaveError(f"{bundle}: {error}") from None


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Member:
    handle = tar.extractfile(member)
    content = handle.read(_PREVIEW_BYTES) if handle is not None else b""
    lines = content.decode("utf-8", "replace").split("\n")
    return Member(member.name, member.size, tuple(lines[:_PREVIEW_LINES]))


def preview_texts(members: list[Member]) -> Iterator[str]:
    """A bundle's content as lines."""
    for member in members:
        yield f"== {member.name} ({member.size_bytes} bytes)"
        yield from member.lines
        yield ""
