"""ETD604 device-busy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from etpu_doctor.facts.access import Access, Holder
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import edge_tpu_lines, line_facts, usb_places
from etpu_doctor.rules.wording import join_words, tpu_text
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD604",
    name="device-busy",
    severity="info",
    summary="A process holds the Edge TPU, or two do.",
    documentation="""\
## What it means
One process at a time can use an Edge TPU. A USB one in use has the driver `usbfs` on its interface; a PCIe one names
its owner in `device_owner`. In use by the program that is meant to use it, all is well.

## Why it matters
A second program is not told so. On USB, libedgetpu resets the port before it claims the device: the program that had it
is aborted, with "USB transfer error 5". On PCIe the second open is refused, except for root.

## How to fix
Stop one of the two, or give each its own Edge TPU: by device path, or after all have their firmware by index.

## What it cannot see
Processes of other users, without root; processes outside, from within a container. A program that only looks (`lsusb
-v`) may have a node open for a moment. A child process may share what its parent opened.

## Source
libedgetpu `driver/usb/usb_driver.cc`; Linux `drivers/usb/core/devio.c`; gasket-driver `src/gasket_core.c`
(`gasket_open`).
""",
)

_STOLEN, _REFUSED = ("usb-interface-not-claimed",), ("apex-held",)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU that is in use, and one for each that the log shows to have been fought over."""
    fights = dict(_fights(machine))
    access = machine.evidence.access
    for tpu in machine.edge_tpus:
        lines = fights.pop(tpu.id, [])
        holders = _holders(access, tpu) if access is not None else []
        in_use = tpu.in_use or bool(holders)
        if lines:
            yield _fight(tpu, tpu.id, holders, lines)
        if in_use and access is not None and not (lines and len(_pids(holders)) > 1):
            yield _in_use(access, tpu, holders)
    for place, lines in fights.items():
        yield _fight(None, place, [], lines)


def _fights(machine: Machine) -> Iterator[tuple[str, list[KernelMessage]]]:
    for place in usb_places(machine, _STOLEN):
        if place.standing == "edge-tpu":
            yield place.node, list(place.lines)
    groups: dict[str, list[KernelMessage]] = {}
    for line in edge_tpu_lines(machine, _REFUSED):
        groups.setdefault(line.pci_address or "machine", []).append(line)
    yield from groups.items()


def _holders(access: Access, tpu: EdgeTpu) -> list[Holder]:
    paths = {node.path for node in access.nodes if node.edge_tpu == tpu.id}
    return [holder for holder in access.holders if holder.path in paths]


def _pids(holders: list[Holder]) -> set[int]:
    return {holder.pid for holder in holders}


def _holder_text(holder: Holder) -> str:
    return f"{holder.name or 'a program without a name here'} (PID {holder.pid})"


def _holder_facts(holders: list[Holder]) -> tuple[Fact, ...]:
    facts = []
    for holder in holders[:8]:
        source = f"/proc/{holder.pid}/fd"
        if holder.alive is not None or holder.name is None:
            source = f"/sys/class/apex/{holder.path.rpartition('/')[2]}/device_owner"
        facts.append(Fact(name="held by", value=_holder_text(holder), where=source))
    return tuple(facts)


def _in_use(access: Access, tpu: EdgeTpu, holders: list[Holder]) -> Finding:
    dead = [holder for holder in holders if holder.alive is False]
    severity: Severity = "info"
    confidence: Confidence = "certain"
    if len(_pids(holders)) > 1:
        severity = "warning"
        # A child process shares what its parent opened, and mostly its name.
        confidence = "possible" if len({holder.name for holder in holders}) == 1 else "likely"
        names = join_words([_holder_text(holder) for holder in holders[:4]])
        title = f"{tpu_text(tpu)} is open in {len(_pids(holders))} processes: {names}"
    elif dead:
        severity, confidence = "warning", "likely"
        title = f"{tpu_text(tpu)} is owned by process {dead[0].pid}, which no longer runs: a child of it has the node"
    elif holders:
        title = f"{tpu_text(tpu)} is in use by {_holder_text(holders[0])}"
    else:
        title = f"{tpu_text(tpu)} is in use by a program that is not seen from here"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=title,
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=(*_holder_facts(holders), *_state_facts(access, tpu, holders)),
        remedy=_remedy_two(tpu) if severity == "warning" else _remedy_one(tpu),
    )


def _state_facts(access: Access, tpu: EdgeTpu, holders: list[Holder]) -> Iterator[Fact]:
    if tpu.in_use and tpu.device_path is not None:
        yield Fact(name="driver", value="usbfs", where=f"{tpu.device_path}:1.0/driver")
    if not holders and access.holders_hidden is not None:
        yield Fact(name="processes that do not show their files", value=access.holders_hidden, where="/proc/*/fd")


def _look(tpu: EdgeTpu | None) -> tuple[Command, ...]:
    if tpu is None or tpu.device_node is None:
        return ()
    command = f"sudo fuser -v {shlex.quote(tpu.device_node)}"
    return (Command(command=command, why="shows who has the node open", needs_root=True),)


def _remedy_one(tpu: EdgeTpu) -> Remedy:
    if tpu.transport == "usb":
        warning = "Do not start a second program on it, nor a test: that would abort the first."
    else:
        warning = "Do not start a second program on it, least of all as root, whom the driver does not refuse."
    return Remedy(
        summary="Nothing to do if that is the program that is meant to use it (Frigate, for example).",
        steps=(warning, "To use it for something else, stop that program first."),
        commands=_look(tpu),
    )


def _remedy_two(tpu: EdgeTpu | None) -> Remedy:
    return Remedy(
        summary="Leave the Edge TPU to one program.",
        steps=(
            "See whether the processes belong together (a parent and its child), and stop the one that is not meant.",
            "Give each program an Edge TPU of its own; etpu-doctor devices shows their strings and paths.",
        ),
        commands=_look(tpu),
    )


def _fight(tpu: EdgeTpu | None, place: str, holders: list[Holder], lines: list[KernelMessage]) -> Finding:
    name = tpu_text(tpu) if tpu is not None else f"Edge TPU {place}" if place != "machine" else "An Edge TPU"
    last = lines[-1].values
    if lines[-1].message in _REFUSED:
        title = f"{name}: process {last.get('pid', '?')} was refused, because {last.get('owner', '?')} held it"
    else:
        who = f"{last.get('process', 'a program')} (PID {last.get('pid', '?')})"
        title = f"{name} was reset by another program while {who} used it"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="likely",
        title=title,
        subject=place if tpu is not None else "machine",
        concerns=(tpu.id,) if tpu is not None else (),
        facts=(*line_facts(lines), *_holder_facts(holders)),
        remedy=_remedy_two(tpu),
    )
