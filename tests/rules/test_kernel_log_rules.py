"""What holds for every rule that reads the kernel's log."""

from __future__ import annotations

import re
from types import ModuleType
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.driver import Driver
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.knowledge import load
from etpu_doctor.knowledge.kernel_messages import KnownMessage
from etpu_doctor.report.report import Cause
from etpu_doctor.rules.bandwidth import no_bandwidth
from etpu_doctor.rules.finding import Finding, Severity
from etpu_doctor.rules.pci import aspm, msi_x_interrupts, probe_errors
from etpu_doctor.rules.power import over_current_log, power_refused, undervoltage
from etpu_doctor.rules.usb import cable_or_port_signal, hardware_defective, resets
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Machine, Options
from tests.support.facts import LIVE, bridge, card, evidence, hub, machine, port, root, storage, tpu, xhci
from tests.support.kernel_log import HAND_OVER, log

RULES = (
    cable_or_port_signal,
    resets,
    hardware_defective,
    over_current_log,
    power_refused,
    undervoltage,
    no_bandwidth,
    msi_x_interrupts,
    aspm,
    probe_errors,
)
ENTRIES = msgspec.convert(load("kernel_messages.toml")["message"], list[KnownMessage])
NORMAL = [text for entry in ENTRIES if not entry.causes for text in entry.matches]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.INFO.code)

SOCKETS = (port(1, "usb2-port1"), port(2, "usb2-port2"), port(3), port(4))
HEALTHY = evidence(
    xhci(),
    bridge("0000:00:1c.0", 2),
    card("0000:02:00.0", "0000:00:1c.0", msix_enabled=True),
    root(1, 480, ports=SOCKETS),
    root(2),
    tpu("2-1"),
    hub("2-2"),
    tpu("2-2.4"),
    storage("2-3"),
)
MACHINES = {
    "healthy": HEALTHY,
    "no Edge TPU": evidence(root(1, 480), root(2), storage("2-3")),
    "a log alone": evidence(covers=()),
    "no ports": evidence(tpu("2-1", port_chain=None, devnum=7), covers=("usb", "usb-ids")),
    "ASPM off": msgspec.structs.replace(HEALTHY, driver=Driver(command_line=("pcie_aspm=off", "pci=nomsi"))),
}
every_machine = pytest.mark.parametrize("name", MACHINES)


def with_log(facts: Evidence, text: str) -> Machine:
    """The machine with a log."""
    return build(msgspec.structs.replace(facts, kernel_log=log(text)), Options())


def findings(built: Machine) -> list[Finding]:
    """What all these rules say."""
    return [finding for rule in RULES for finding in rule.check(built)]


@every_rule
def test_the_documentation_is_complete(rule: ModuleType) -> None:
    """Each rule explains itself under the five headings, in their order, and names a cause of the closed list."""
    headings = re.findall(r"^## (.+)$", rule.INFO.documentation, re.MULTILINE)
    assert ["What it means", "Why it matters", "How to fix", "What it cannot see", "Source"] == headings
    assert rule.INFO.name in get_args(Cause)
    assert rule.INFO.severity in get_args(Severity)


def test_codes_are_in_order() -> None:
    """No code is used twice, and the list follows them."""
    codes = [rule.INFO.code for rule in RULES]
    assert sorted(set(codes)) == codes


@every_machine
def test_no_log_no_finding(name: str) -> None:
    """Without a log these rules are silent, whatever the machine."""
    assert [] == findings(build(MACHINES[name], Options()))
    assert [] == findings(machine(covers=LIVE))


def test_normal_lines_make_no_finding() -> None:
    """All that is normal together says nothing on a machine where everything is there."""
    text = "\n".join(line for line in NORMAL if "disconnect" not in line)
    assert [] == findings(with_log(HEALTHY, f"{HAND_OVER}\n{text}"))


@every_machine
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_finding_rests_on_lines_that_speak_for_it(name: str, entry: KnownMessage) -> None:
    """A single line makes a finding of its own causes only; a normal line makes none."""
    for text in entry.matches:
        found = {finding.rule for finding in findings(with_log(MACHINES[name], text))}
        gone = {"autosuspend-or-reset"} if entry.name == "usb-disconnect" else set()
        assert found <= {*entry.causes, *gone}


LINES = st.lists(st.sampled_from([*(text for entry in ENTRIES for text in entry.matches), *HAND_OVER.splitlines()]))


@given(st.sampled_from(sorted(MACHINES)), LINES)
def test_any_log(name: str, lines: list[str]) -> None:
    """Whatever the lines and their order: no rule fails, and each finding is whole."""
    built = with_log(MACHINES[name], "\n".join(lines))
    known = {each.id for each in built.edge_tpus}
    for finding in findings(built):
        assert finding.title
        assert finding.subject
        assert set(finding.concerns) <= known
        assert finding.remedy is not None
        assert finding.remedy.summary
        assert finding.severity in ("error", "warning", "info")
        assert [] == [fact.name for fact in finding.facts if fact.name.startswith("kernel log") and not fact.where]


@given(LINES)
def test_commands_are_as_they_were_written(lines: list[str]) -> None:
    """No line of a log finds its way into a command."""
    allowed = {
        "sudo dmesg --follow",
        "lsusb -t",
        "vcgencmd get_throttled",
        "sudo lspci -vv -d 1ac1:089a",
        "cat /proc/interrupts",
        "cat /sys/module/pcie_aspm/parameters/policy",
    }
    for finding in findings(with_log(HEALTHY, "\n".join(lines))):
        assert finding.remedy is not None
        commands = {command.command for command in finding.remedy.commands}
        assert {each for each in commands - allowed if not re.fullmatch(POWER_FILE, each)} == set()


POWER_FILE = r"cat /sys/bus/usb/devices/[\d.-]+/power/control"
