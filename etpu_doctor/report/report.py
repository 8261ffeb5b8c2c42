"""The Report: everything a face needs, and the wire format of ``--json``.

Version ``etpu-doctor/report/1``; within a major version fields are only added.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from etpu_doctor.facts.evidence import Ignored, Missing, SourceKind
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.rules.finding import Command, Confidence, Finding, Severity
from etpu_doctor.topology.link import PathLimit
from etpu_doctor.topology.machine import EdgeTpu, TpuState

SCHEMA = "etpu-doctor/report/1"

Cause = Literal[
    "healthy",
    "unknown",
    "not-an-edge-tpu",
    "no-device-visible",
    "usb2-link",
    "full-speed-link",
    "dfu-not-initialised",
    "sub-hub-secondary-port",
    "hub-power-budget",
    "over-current",
    "undervoltage",
    "cable-or-port-signal",
    "bus-bandwidth",
    "autosuspend-or-reset",
    "pcie-link-or-slot",
    "dual-tpu-single-lane",
    "msi-x-interrupts",
    "aspm",
    "page-size-16k",
    "gasket-not-installed",
    "gasket-build-failure",
    "apex-module-not-loaded",
    "in-tree-driver-conflict",
    "secure-boot-module-signing",
    "permissions-udev",
    "container-no-access",
    "vm-passthrough-id-change",
    "device-busy",
    "runtime-missing",
    "runtime-mismatch",
    "python-unsupported",
    "architecture-cpu-unsupported",
    "model-not-compiled",
    "wrong-device-string",
    "frigate-config",
    "thermal",
    "hardware-defective",
]
"""The closed list of causes: names of rules, and of what a diagnosis may say."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """The program that made the report."""

    name: str = "etpu-doctor"
    version: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What the report was made from. ``name`` names a demo or a capture; ``ignored_count`` counts lines."""

    kind: SourceKind
    name: str | None = None
    covers: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    ignored_count: int = 0


class UsbTreeNode(msgspec.Struct, frozen=True, kw_only=True):
    """A USB device in the tree. ``path_limit`` is the narrowest link between it and the root complex."""

    id: str
    parent: str | None
    kind: Literal["root-hub", "hub", "device"]
    busnum: int | None
    devnum: int | None
    port: int | None
    port_chain: str | None
    usb_id: str | None
    name: str | None
    class_name: str | None
    drivers: tuple[str, ...]
    speed_mbps: float | None
    port_count: int | None
    max_power_ma: int | None
    self_powered: bool | None
    configured: bool | None
    twin: str | None
    twin_basis: str | None
    controller: str | None
    edge_tpu: TpuState | None
    path_limit: PathLimit | None
    where: str | None


class PciTreeNode(msgspec.Struct, frozen=True, kw_only=True):
    """A PCI function in the tree. ``usb_roots`` are the root hubs of a USB controller."""

    id: str
    parent: str | None
    pci_id: str | None
    class_code: str | None
    name: str | None
    driver: str | None
    driver_known: bool
    link_speed_gts: float | None
    link_width: int | None
    max_link_speed_gts: float | None
    max_link_width: int | None
    link_mbps: float | None
    usb_roots: tuple[str, ...]
    is_edge_tpu: bool
    path_limit: PathLimit | None
    where: str | None


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """The joined tree, as two lists with parents before children."""

    usb: tuple[UsbTreeNode, ...] = ()
    pci: tuple[PciTreeNode, ...] = ()


class RankedCause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause that the findings support, with the codes that do."""

    cause: Cause
    severity: Severity
    confidence: Confidence
    codes: tuple[str, ...]
    subjects: tuple[str, ...]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The one cause that stands first, how sure that is, and what would decide where it is open."""

    cause: Cause
    confidence: Confidence
    summary: str
    ranked: tuple[RankedCause, ...] = ()
    next_evidence: tuple[Command, ...] = ()


class ReportError(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no report: a usage error, unreadable evidence, or a bug. ``code`` is the exit status."""

    code: int
    kind: Literal["usage", "evidence", "bug"]
    message: str
    file: str | None = None
    line: int | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report. With ``error`` set, everything else is empty.

    ``plan`` is there only where models were given: what ``etpu-doctor plan --json`` prints, ``etpu-doctor/plan/1``.
    """

    schema: str = SCHEMA
    tool: Tool
    generated_at: str
    source: Source
    host: Host = Host()
    topology: Topology = Topology()
    edge_tpus: tuple[EdgeTpu, ...] = ()
    findings: tuple[Finding, ...] = ()
    diagnosis: Diagnosis
    smoke: tuple[SmokeResult, ...] = ()
    error: ReportError | None = None
    # Not by its type, report.plan.PlanReport: a report without a plan imports nothing of placement.
    plan: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
