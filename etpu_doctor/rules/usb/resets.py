"""ETD116 autosuspend-or-reset: an Edge TPU resets or drops off the bus again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.kernel_lines import (
    CONTROLLER_DEATHS,
    WATCH,
    Place,
    hub_above,
    line_facts,
    log_lines,
    times,
    usb_places,
)
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD116",
    name="autosuspend-or-reset",
    severity="warning",
    summary="The kernel's log shows an Edge TPU resetting or disconnecting while it should be in use.",
    documentation="""\
## What it means
The stick left the bus without having been given new firmware, or was reset far more often than programs start.

## Why it matters
A program that uses it at that moment fails with a transfer error and has to open it again.

## How to fix
Mostly power: give the hub its own supply, use the computer's own sockets, a shorter cable, the standard clock. Then
power management: keep `power/control` at `on`. If resets come without disconnects, see whether a program restarts.

## What it cannot see
Who caused it. Each start of a program resets the port once or twice, and the first start after power-on ends in
"device firmware changed", a disconnect and a new device number: all that is normal and not counted. A stick that was
unplugged by hand looks like one that dropped off.

## Source
libedgetpu `driver/usb/usb_driver.cc`; Linux `drivers/usb/core/hub.c`.
""",
)

_NAMES = frozenset({"usb-reset", "usb-disconnect", "usb-firmware-changed", "usb-device-found", "usb-new-device"})
_RESETS, _WITHIN_SECONDS = 5, 60
_RESETS_WITHOUT_TIME = 15
_DROPS = 2
_CLEANED_UP_SECONDS = 10


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU that drops off repeatedly, vanished at the end, or is reset in a loop."""
    lost = _lost_with_controller(machine)
    for place in usb_places(machine, _NAMES):
        if place.standing != "edge-tpu":
            continue
        drops = [line for line in _drops(place.lines) if id(line) not in lost]
        resets = _reset_loop(place.lines)
        if len(drops) >= _DROPS or (drops and resets):
            yield _finding(machine, place, drops + resets, f"dropped off the bus {times(len(drops))}", "likely")
        elif drops and _is_gone(machine, place, drops):
            yield _finding(machine, place, drops, "left the bus and did not come back", "possible")
        elif resets:
            yield _finding(machine, place, resets, f"was reset {times(len(resets))} in short order", "possible")


def _lost_with_controller(machine: Machine) -> set[int]:
    """Disconnects, by their identity, that the death of a USB controller just before explains."""
    lost: set[int] = set()
    death: KernelMessage | None = None
    for line in log_lines(machine):
        if line.message in CONTROLLER_DEATHS:
            death = line
        elif line.message == "usb-disconnect" and death is not None and _hung_on(machine, line, death):
            lost.add(id(line))
    return lost


def _hung_on(machine: Machine, line: KernelMessage, death: KernelMessage) -> bool:
    if line.seconds is not None and death.seconds is not None:
        within = 0 <= line.seconds - death.seconds <= _CLEANED_UP_SECONDS
        if not within:
            return False
    root = machine.usb.get(f"usb{line.usb_bus}")
    controller = root.device.controller if root is not None else None
    return None in (controller, death.pci_address) or controller == death.pci_address


def _drops(lines: Sequence[KernelMessage]) -> list[KernelMessage]:
    """Disconnects that no change of firmware announced."""
    drops, announced = [], False
    for line in lines:
        if line.message == "usb-firmware-changed":
            announced = True
        elif line.message == "usb-disconnect":
            if not announced:
                drops.append(line)
            announced = False
        elif line.message == "usb-device-found":
            announced = False
    return drops


def _reset_loop(lines: Sequence[KernelMessage]) -> list[KernelMessage]:
    """Resets that come faster than programs start; empty if they do not."""
    return next((run for run in _runs(lines) if _is_loop(run)), [])


def _runs(lines: Sequence[KernelMessage]) -> Iterator[list[KernelMessage]]:
    """Resets in a row: a change of firmware explains those before it, and a restart of the machine ends a row."""
    run: list[KernelMessage] = []
    last = 0.0
    for line in lines:
        if line.message == "usb-firmware-changed":
            run = []
        if line.seconds is not None:
            if line.seconds < last:
                yield run
                run = []
            last = line.seconds
        if line.message == "usb-reset":
            run.append(line)
    yield run


def _is_loop(run: list[KernelMessage]) -> bool:
    seconds = [line.seconds for line in run if line.seconds is not None]
    if len(seconds) < len(run):
        return len(run) >= _RESETS_WITHOUT_TIME
    pairs = zip(seconds, seconds[_RESETS - 1 :], strict=False)
    return any(last - first <= _WITHIN_SECONDS for first, last in pairs)


def _is_gone(machine: Machine, place: Place, drops: list[KernelMessage]) -> bool:
    """Whether the last thing heard of it was the disconnect, and no Edge TPU is there now."""
    last = [line for line in place.lines if line.message != "usb-reset"][-1]
    elsewhere = any(tpu.transport == "usb" for tpu in machine.edge_tpus)
    return last is drops[-1] and not elsewhere


def _finding(machine: Machine, place: Place, lines: list[KernelMessage], what: str, confidence: Confidence) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence=confidence,
        title=f"Edge TPU {place.node} {what}",
        subject=place.node,
        concerns=place.concerns,
        facts=(*line_facts(lines), *_span(lines)),
        remedy=_remedy(machine, place, lines),
    )


def _span(lines: list[KernelMessage]) -> Iterator[Fact]:
    seconds = [line.seconds for line in lines if line.seconds is not None]
    if len(seconds) > 1:
        yield Fact(name="between first and last", value=round(max(seconds) - min(seconds)), unit="s")


def _remedy(machine: Machine, place: Place, lines: list[KernelMessage]) -> Remedy:
    hub = hub_above(machine, place.node)
    steps = ["Compare the times with the program's own log: a program that starts anew resets the stick each time."]
    if any(line.message == "usb-disconnect" for line in lines):
        steps.append("If nobody unplugged it: it is the supply or the cable. Use a short cable and a powered hub.")
    if hub is not None:
        steps += where_to_plug(machine, hub, failed_port=place.node)[:1]
    commands = [WATCH]
    if place.present and place.node in machine.usb and "-" in place.node and not place.node.startswith("bus"):
        path = f"/sys/bus/usb/devices/{place.node}/power/control"
        commands.append(Command(command=f"cat {path}", why="auto means that the kernel may put it to sleep"))
    return Remedy(
        summary="Find out whether a program restarts or the link drops.", steps=tuple(steps), commands=tuple(commands)
    )
