"""ETD801 thermal."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.evidence.sysfs import integer
from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.rules.finding import Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import line_facts, log_lines, pci_concerns, times
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD801",
    name="thermal",
    severity="warning",
    summary="A PCIe Edge TPU is so hot that the driver slowed it down, or it is near to that.",
    documentation="""\
## What it means
The driver reads the chip's temperature every five seconds and sets the clock: 500 MHz below 85 °C, 250 MHz from 85,
125 MHz from 90, 62.5 MHz from 95. At 100 °C the chip raises an alarm, and boards wired for it switch it off. The sensor
counts in steps of a quarter degree, so these limits read back as 84.8, 89.8, 94.8 and 99.8: that is as it should be.

## Why it matters
At a quarter of the clock an inference takes up to four times as long. A chip that is switched off is gone until the
machine is powered off and on.

## How to fix
Carry the heat away: a heat sink with a thermal pad on the shield, or the case as heat sink, and moving air. A chip
turns about 2 W into heat at full rate, and the modules have no heat spreader of their own.

## What it cannot see
USB Edge TPUs have no sensor that can be read: of their temperature nothing is known. The kernel's old staging driver
shows none either. The reading is of this moment; the load may be low now.

## Source
gasket-driver `src/apex_driver.c`; Coral documentation, "PCIe driver parameters" and data sheets;
google-coral/edgetpu issue 102.
""",
)

COLDEST_MC, HOTTEST_MC = -40_000, 130_000
"""Beyond these a reading is none: a card that no longer answers reads as -89.7 °C."""

_DEFAULT_TRIPS_MC = (85_000, 90_000, 95_000)
_CLOCKS_MHZ = (500.0, 250.0, 125.0, 62.5)
_DEFAULT_ALARM_MC = 100_000
_DEFAULT_POLL_MS = 5000
_CLOSE_MC = 5000
_LOG = frozenset({"apex-throttled"})
_BAD_TRIPS = frozenset({"apex-bad-trip-points"})


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """What a node shows of temperature, in m°C; limits as they were set, not as they read back.

    ``step`` counts from 0 (full clock) to 3; ``clock_mhz`` is what the driver sets for it. ``poll_ms`` 0: the driver
    does not look.
    """

    temperature_mc: int
    trips_mc: tuple[int, ...]
    alarm_mc: int
    switches_off: bool
    poll_ms: int
    step: int

    @property
    def clock_mhz(self) -> float:
        """The clock that the driver sets at this temperature."""
        return _CLOCKS_MHZ[self.step]

    @property
    def margin_mc(self) -> int:
        """How far below the first limit; negative above it."""
        return self.trips_mc[0] - self.temperature_mc


def as_set(reading_mc: int) -> int:
    """A limit as it was set: whole degrees read back 200 m°C lower, by the sensor's steps.

    The driver turns m°C into steps by ``(662 - adc) * 250 + 550`` and back, without the remainder.
    """
    return reading_mc + 200 if (reading_mc + 200) % 1000 == 0 else reading_mc


def reading(node: ApexNode) -> int | None:
    """The temperature that a node shows, in m°C, whatever it is worth."""
    return integer(node.attributes.get("temp"))


def is_alive(reading_mc: int) -> bool:
    """Whether a reading can be a temperature."""
    return COLDEST_MC <= reading_mc <= HOTTEST_MC


def heat_of(node: ApexNode) -> Heat | None:
    """What a node shows; ``None`` without a temperature, or with a reading that is none."""
    now = reading(node)
    if now is None or not is_alive(now):
        return None
    read = [integer(node.attributes.get(f"trip_point{index}_temp")) for index in range(3)]
    trips = [default if got is None else as_set(got) for got, default in zip(read, _DEFAULT_TRIPS_MC, strict=True)]
    alarm = integer(node.attributes.get("hw_temp_warn2"))
    poll = integer(node.attributes.get("temp_poll_interval"))
    # Compared with what the driver compares with, the limits as they read back.
    raw = [default - 200 if got is None else got for got, default in zip(read, _DEFAULT_TRIPS_MC, strict=True)]
    return Heat(
        temperature_mc=now,
        trips_mc=tuple(trips),
        alarm_mc=_DEFAULT_ALARM_MC if alarm is None else as_set(alarm),
        switches_off=node.attributes.get("hw_temp_warn2_en", "1") not in ("0", "N"),
        poll_ms=_DEFAULT_POLL_MS if poll is None else poll,
        step=max((index for index, limit in enumerate(raw, start=1) if now >= limit), default=0),
    )


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each card that is hot, near to it, or was; and one for limits that the driver refused."""
    hot = set()
    for node in machine.evidence.apex:
        heat = heat_of(node)
        if heat is not None and (finding := _judge(machine, node, heat)) is not None:
            hot.add(node.pci_address)
            yield finding
    yield from _logged(machine, hot)
    lines = log_lines(machine, _BAD_TRIPS)
    if lines:
        yield _bad_trips(machine)


def _judge(machine: Machine, node: ApexNode, heat: Heat) -> Finding | None:
    name = f"Edge TPU {node.pci_address or node.name} is at {_degrees(heat.temperature_mc)}"
    if heat.temperature_mc >= heat.alarm_mc - 200:
        end = "its board may switch it off at any moment" if heat.switches_off else "far too hot"
        return _finding(machine, node, heat, "error", f"{name}: {end}")
    if heat.step and heat.poll_ms:
        return _finding(
            machine, node, heat, "warning", f"{name}: the driver slowed it to {heat.clock_mhz:g} MHz of 500"
        )
    if heat.step:
        title = f"{name}, and the driver was told not to look (temp_poll_interval is 0)"
        return _finding(machine, node, heat, "warning", title)
    if heat.margin_mc < _CLOSE_MC:
        title = f"{name}, {_degrees(heat.margin_mc)} below the point where it is slowed down"
        return _finding(machine, node, heat, "info", title)
    if heat.trips_mc[0] > _DEFAULT_TRIPS_MC[0]:
        first = _degrees(heat.trips_mc[0])
        title = f"Edge TPU {node.pci_address or node.name} is slowed down only at {first}, not at 85 °C"
        return _finding(machine, node, heat, "info", title)
    return None


def _degrees(value_mc: int) -> str:
    return f"{value_mc / 1000:.1f} °C".replace(".0 ", " ")


def _finding(machine: Machine, node: ApexNode, heat: Heat, severity: Severity, title: str) -> Finding:
    where = first_seen(node.seen)
    address = node.pci_address or "machine"
    limits = ", ".join(f"{limit / 1000:g}" for limit in heat.trips_mc)
    lines = [line for line in log_lines(machine, _LOG) if line.pci_address in (None, node.pci_address)]
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        title=title,
        subject=address,
        concerns=pci_concerns(machine, address),
        facts=(
            Fact(name="temperature", value=heat.temperature_mc / 1000, unit="°C", where=_file(where, "temp")),
            Fact(name="slowed down from", value=limits, unit="°C", where=_file(where, "trip_point0_temp")),
            Fact(name="margin to the first limit", value=heat.margin_mc / 1000, unit="K"),
            Fact(
                name="clock at this temperature", value=heat.clock_mhz, unit="MHz", where="gasket-driver apex_driver.c"
            ),
            Fact(name="alarm at", value=heat.alarm_mc / 1000, unit="°C", where=_file(where, "hw_temp_warn2")),
            *line_facts(lines),
        ),
        remedy=_COOL,
    )


def _file(folder: str | None, name: str) -> str | None:
    return None if folder is None else f"{folder}/{name}" if folder.startswith("/") else folder


_COOL = Remedy(
    summary="Carry the heat away.",
    steps=(
        "Put a heat sink with a thermal pad on the shield of the module, or lead its heat into the case.",
        "Give it moving air, and keep it away from SSDs and radio cards.",
        "Until then spread the load: less pictures a second, or another Edge TPU.",
    ),
)


def _logged(machine: Machine, reported: set[str | None]) -> Iterator[Finding]:
    """Cards that the log calls throttled and that are not hot now."""
    lines = [line for line in log_lines(machine, _LOG) if line.pci_address not in reported]
    for address in dict.fromkeys(line.pci_address for line in lines):
        own = [line for line in lines if line.pci_address == address]
        confidence: Confidence = "certain" if address is not None else "likely"
        yield Finding(
            code=INFO.code,
            rule=INFO.name,
            severity="warning",
            confidence=confidence,
            title=f"Edge TPU {address or ''} was slowed down by heat {times(len(own))}".replace("  ", " "),
            subject=address or "machine",
            concerns=pci_concerns(machine, address),
            facts=line_facts(own),
            remedy=_COOL,
        )


def _bad_trips(machine: Machine) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="info",
        title="The driver refused the temperature limits that it was given, and uses its own",
        subject="machine",
        concerns=tuple(tpu.id for tpu in machine.edge_tpus if tpu.transport == "pci"),
        facts=line_facts(log_lines(machine, _BAD_TRIPS)),
        remedy=Remedy(
            summary="Give the limits in ascending order.",
            steps=("Correct trip_point0_temp, trip_point1_temp and trip_point2_temp in /etc/modprobe.d/*.conf.",),
        ),
    )
