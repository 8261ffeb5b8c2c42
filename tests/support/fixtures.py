"""Reads the folders in ``fixtures/``: one machine each, in the format that ``etpu-doctor capture`` writes."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import Options
from tests.support.builder import BuiltMachine, machine

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
DEMOS = ROOT / "etpu_doctor" / "demos"
UPDATE = "ETPU_DOCTOR_UPDATE_FIXTURES"
"""Set to 1, this environment variable rewrites ``expected.json`` and the files of built machines."""


class CaseOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person said on the command line."""

    clock: Literal["standard", "maximum"] | None = None
    expect_tpus: int | None = None


class Built(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine made with the test builder: its notation, and which files show it."""

    notation: str
    files: tuple[str, ...] = ("sysfs",)


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``case.toml``.

    ``fires`` lists rules that must find something (``ETD201``, or ``ETD201 error``), ``silent`` those that must not;
    ``cause`` is what the diagnosis must say. All three are an opinion, not a recording. ``review`` says what of the
    recording is in doubt.
    """

    machine: str
    origin: str
    cause: str | None = None
    fires: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    review: str | None = None
    options: CaseOptions = CaseOptions()
    built: Built | None = None


def names(folder: Path = FIXTURES) -> list[str]:
    """Names of all fixtures."""
    return sorted(path.parent.name for path in folder.glob("*/case.toml"))


@cache
def case_of(folder: Path) -> Case:
    """A folder's ``case.toml``."""
    content = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    return msgspec.convert(content, Case)


def report_of(path: Path, case: Case) -> Report:
    """The report of a folder or a bundle."""
    options = Options(clock=case.options.clock, expect_tpus=case.options.expect_tpus)
    return examine(read_sources([str(path)]), Request(options=options))


def normalised(report: Report) -> dict[str, Any]:
    """A report as JSON holds it, without what differs from run to run."""
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report))
    content["generated_at"] = "*"
    content["tool"]["version"] = "*"
    return content


def pretty(content: object) -> str:
    """JSON that a person can review."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def bundle(folder: Path, output: Path) -> Path:
    """The folder as ``etpu-doctor capture`` packs it."""
    with tarfile.open(output, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            data = path.read_bytes()
            member = tarfile.TarInfo(path.name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return output


def built_files(built: Built) -> dict[str, str]:
    """Names and contents of the files that a built machine consists of."""
    whole = machine(built.notation)
    files = dict(_file(whole, kind) for kind in built.files)
    if whole.host is not None:
        files["host.json"] = pretty(whole.host)
    return files


def _file(whole: BuiltMachine, kind: str) -> tuple[str, str]:
    makers = {
        "sysfs": ("sysfs.umockdev", whole.umockdev),
        "lsusb-t": ("lsusb-t.txt", whole.lsusb_t),
        "lsusb-t-padded": ("lsusb-t.txt", lambda: whole.lsusb_t(padded=True)),
        "lsusb-tv": ("lsusb-tv.txt", lambda: whole.lsusb_t(padded=True, verbose=2)),
        "lsusb": ("lsusb.txt", whole.lsusb),
        "lsusb-v": ("lsusb-v.txt", whole.lsusb_v),
        "lspci-nn": ("lspci-nn.txt", whole.lspci_nn),
        "lspci-vv": ("lspci-vv.txt", whole.lspci_vv),
        "lspci-tv": ("lspci-tv.txt", whole.lspci_tv),
        "lspci-vmm": ("lspci-vmm.txt", whole.lspci_vmm),
    }
    name, make = makers[kind]
    return name, make()


def updating() -> bool:
    """Whether fixtures are to be rewritten."""
    return os.environ.get(UPDATE) == "1"
