"""Writes captures: what a report is made from, small, redacted, and the same format as a fixture."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable

import msgspec

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.evidence.redact import Redactor
from etpu_doctor.evidence.redact import redact as redact_evidence
from etpu_doctor.evidence.sysfs import DirectoryTree, RecordingTree, text
from etpu_doctor.evidence.umockdev import write_description
from etpu_doctor.facts.evidence import CaptureNotes, Evidence

DESCRIPTION = "sysfs.umockdev"
HOST = "host.json"
NOTES = "evidence.json"
CASE = "case.toml"

_SECRET_ATTRIBUTES = ("serial", "unique_id")
_NAME_ATTRIBUTES = ("product", "manufacturer")


def capture_live(output: str, *, root: str = "/", redact: bool = True, force: bool = False) -> list[str]:
    """Gather, and write the bundle; returns the names in it.

    Raises ``EvidenceError`` if the file exists (without ``force``) or cannot be written.
    """
    if not force and os.path.lexists(output):
        raise EvidenceError(output, "exists already (overwrite it with --force)")
    record = RecordingTree(DirectoryTree(root.rstrip("/") + "/sys", contained=root != "/"))
    evidence = gather_live(root, record)
    redactor = Redactor()
    if redact:
        evidence = redact_evidence(evidence, redactor)
        redact_record(record, redactor)
    files = {
        CASE: _case(redact=redact),
        HOST: _json(evidence.host),
        NOTES: _json(_notes(evidence)),
        DESCRIPTION: "\n".join(write_description(record)) + "\n",
    }
    _write(output, files.items())
    return list(files)


def _notes(evidence: Evidence) -> CaptureNotes:
    return CaptureNotes(
        covers=evidence.covers,
        missing=evidence.missing,
        kernel_log=evidence.kernel_log,
        driver=evidence.driver,
        access=evidence.access,
        runtime=evidence.runtime,
        board=evidence.board,
        application=evidence.application,
    )


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _case(*, redact: bool) -> str:
    state = "serial numbers and names replaced by tokens" if redact else "not redacted"
    return f'machine = "say in a sentence what machine this is"\norigin = "etpu-doctor capture; {state}"\n'


def redact_record(record: RecordingTree, redactor: Redactor) -> None:
    """Replace serial numbers and names in what was recorded. A root hub's serial is a PCI address and stays."""
    for path, files in record.files.items():
        is_root_hub = path.rpartition("/")[2].startswith("usb")
        for name in _SECRET_ATTRIBUTES:
            secret = None if is_root_hub else text(files.get(name))
            if secret is not None:
                files[name] = redactor.token("serial", secret).encode() + b"\n"
        for name in _NAME_ATTRIBUTES:
            value = text(files.get(name))
            if value is not None:
                files[name] = redactor.name(value).encode() + b"\n"


def _write(output: str, files: Iterable[tuple[str, str]]) -> None:
    """Atomically: a bundle is whole or not there. The archive holds no times and no owners."""
    temporary = f"{output}.{os.getpid()}.tmp"
    try:
        with (
            open(temporary, "xb") as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            for name, content in files:
                _add(tar, name, content.encode("utf-8", "replace"))
        os.replace(temporary, output)
    except OSError as error:
        raise EvidenceError(output, f"cannot be written: {error.strerror}") from None
    finally:
        # Also when the user stops it half-way.
        if os.path.lexists(temporary):
            os.unlink(temporary)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
