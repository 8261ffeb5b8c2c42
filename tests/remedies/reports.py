"""Reports for the tests of remedies: made through the real pipeline, or by hand where no kernel would make them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.host import Host
from etpu_doctor.report.make import make_report
from etpu_doctor.report.report import Diagnosis, Report, Source, Tool
from etpu_doctor.rules.finding import Fact, Finding
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import EdgeTpu, Options
from tests.support import facts

BOTH = ("1a6e:089a", "18d1:9302")
"""The identities of a USB Edge TPU."""


def report_of(evidence: Evidence, findings: tuple[Finding, ...] = ()) -> Report:
    """The report of evidence, with findings of the test's choice."""
    return make_report(build(evidence, Options()), findings)


def nothing() -> Report:
    """A machine without an Edge TPU."""
    return report_of(facts.evidence(facts.root(1), facts.xhci()))


def one_stick(*, dfu: bool = False) -> Report:
    """A machine with one USB Edge TPU, on port 2-1."""
    return report_of(facts.evidence(facts.xhci(), facts.root(2), facts.tpu("2-1", dfu=dfu)))


def sticks(*places: str, fresh: tuple[str, ...] = ()) -> Report:
    """USB Edge TPUs on the ports of one root hub; those in ``fresh`` have no firmware."""
    devices = [facts.tpu(place, dfu=place in fresh, devnum=number) for number, place in enumerate(places, start=2)]
    return report_of(facts.evidence(facts.xhci(), facts.root(2), *devices))


def cards(count: int = 1, findings: tuple[Finding, ...] = ()) -> Report:
    """PCIe Edge TPUs at 0000:01:00.0 and so on, with their nodes."""
    places = [f"0000:{number:02x}:00.0" for number in range(1, count + 1)]
    nodes = [facts.apex(number, place) for number, place in enumerate(places)]
    return report_of(facts.evidence(*map(facts.card, places), *nodes), findings)


def mixed() -> Report:
    """Two sticks and a card."""
    return report_of(
        facts.evidence(
            facts.xhci(),
            facts.root(2),
            facts.tpu("2-1", devnum=2),
            facts.tpu("2-2", devnum=3),
            facts.card("0000:01:00.0"),
            facts.apex(0, "0000:01:00.0"),
        )
    )


def card_without_driver() -> Report:
    """A PCIe Edge TPU that no driver serves."""
    return report_of(facts.evidence(facts.card("0000:01:00.0", driver=None)))


def by_hand(*tpus: EdgeTpu, host: Host | None = None, findings: tuple[Finding, ...] = ()) -> Report:
    """A report of Edge TPUs as they are given."""
    return Report(
        tool=Tool(version="0"),
        generated_at="2026-01-01T00:00:00Z",
        source=Source(kind="text"),
        host=host or Host(),
        edge_tpus=tpus,
        findings=findings,
        diagnosis=Diagnosis(cause="unknown", confidence="certain", summary="by hand"),
    )


def finding(rule: str, title: str = "something", severity: Any = "error", **values: str) -> Finding:
    """A finding of a rule."""
    known = tuple(Fact(name=name, value=value) for name, value in values.items())
    return Finding(code="ETD500", rule=rule, severity=severity, title=title, subject="machine", facts=known)


SHELL_TRAPS = (
    "; rm -rf ~",
    "$(id)",
    "`id`",
    "a b",
    "'",
    '"',
    "\n",
    "\\",
    "*",
    "#",
    "--",
    "*/",
    "]]>",
    ": ",
    "\x1b[2J",
    "\u202e",
    "é",
    "\udc80",
    "\ud800",
    "🙂",
)
"""What ends, opens or hides something in one of the languages that a configuration is written in."""

HOSTILE = st.one_of(
    st.text(max_size=20),
    st.sampled_from(SHELL_TRAPS),
    st.builds("/dev/apex_0{}".format, st.sampled_from(SHELL_TRAPS)),
    st.builds("2-1{}".format, st.sampled_from(SHELL_TRAPS)),
    st.builds("/sys/bus/usb/devices/2-1{}".format, st.sampled_from(SHELL_TRAPS)),
    st.builds("usb:0{}".format, st.sampled_from(SHELL_TRAPS)),
    st.builds("/home/{}/lib/libedgetpu.so.1".format, st.sampled_from(SHELL_TRAPS)),
    st.sampled_from(["/dev/apex_0", "2-1.4", "0000:01:00.0", "usb:0", "pci:1", "/sys/bus/usb/devices/2-1"]),
)
"""Names as no kernel gives them, and some that it does."""

_MAYBE = st.none() | HOSTILE

HOSTILE_TPUS = st.builds(
    EdgeTpu,
    id=HOSTILE,
    transport=st.sampled_from(["usb", "pci"]),
    state=st.sampled_from(["dfu", "ready", "unconfigured", "possible", None]),
    identity=st.sampled_from([*BOTH, None]) | HOSTILE,
    place_certain=st.booleans(),
    controller=_MAYBE,
    delegate_device=_MAYBE,
    delegate_device_any=_MAYBE,
    delegate_device_after_firmware=_MAYBE,
    delegate_device_without_udev=_MAYBE,
    delegate_unknown_because=_MAYBE,
    device_path=_MAYBE,
    device_node=_MAYBE,
)

HOSTILE_REPORTS = st.builds(
    lambda tpus, path: by_hand(*tpus, host=Host(libedgetpu_path=path)), st.lists(HOSTILE_TPUS, max_size=4), _MAYBE
)
"""Reports whose every name was written by an enemy."""
