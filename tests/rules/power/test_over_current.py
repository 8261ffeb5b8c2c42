"""ETD202: over-current that the kernel counted."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.power.over_current import check
from tests.support.facts import hub, judged, port, root, steps, storage, tpu, values


def tripped(*numbers: int, count: int = 4, **fields: Any) -> tuple[Any, ...]:
    """Ports of which some counted an over-current."""
    return tuple(
        port(number, connect_type=None, over_current_count=numbers.count(number), **fields)
        for number in range(1, count + 1)
    )


def test_on_the_port_of_a_stick() -> None:
    """It is a warning that names the stick, the port and the file of the counter."""
    (found,) = judged(check, root(2), hub("2-1", ports=tripped(3)), tpu("2-1.3"))
    assert ("warning", "certain", "2-1", ("2-1.3",)) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert "Over-current once on port 3 of hub 2-1 (2109:0817), which feeds 2-1.3" == found.title
    assert {"over-current events since boot": 1} == values(found)
    assert "/sys/bus/usb/devices/2-1:1.0/2-1-port3/over_current_count" == found.facts[0].where


def test_on_a_port_above() -> None:
    """A port further up feeds all that hangs below."""
    (found,) = judged(check, root(2, ports=tripped(1, 1)), hub("2-1"), tpu("2-1.1"), tpu("2-1.2"))
    assert "Over-current 2 times on root port 1 of bus 2, which feeds 2-1.1 and 2-1.2" == found.title
    assert "/sys/bus/usb/devices/2-0:1.0/usb2-port1/over_current_count" == found.facts[0].where


def test_on_the_other_half_of_the_socket() -> None:
    """The supply is that of the socket: the counter of its USB 2 half counts as well, whatever its number."""
    high = root(1, 480, ports=(port(1), port(2, "usb2-port1", over_current_count=1)))
    fast = root(2, ports=(port(1, "usb1-port2"),))
    (found,) = judged(check, high, fast, tpu("2-1"))
    assert ("warning", "usb1", ("2-1",)) == (found.severity, found.subject, found.concerns)


def test_on_the_other_half_of_a_hub_by_number() -> None:
    """Where the kernel's links are missing, the halves of an external hub share their numbers."""
    halves = [hub("1-1", 480, ports=tripped(3, peer_known=False)), hub("2-1")]
    (found,) = judged(check, root(1, 480), root(2), *halves, tpu("2-1.3"))
    assert ("1-1", ("2-1.3",)) == (found.subject, found.concerns)


def test_on_a_port_of_something_else() -> None:
    """An over-current elsewhere is a note, and nobody is told to move an Edge TPU."""
    (found,) = judged(check, root(2), hub("2-1", ports=tripped(2)), tpu("2-1.3"), storage("2-1.2"))
    assert ("info", ()) == (found.severity, found.concerns)
    assert found.remedy is not None
    assert ("No Edge TPU is fed by it.", ()) == (found.remedy.summary, found.remedy.steps)


def test_the_remedy_names_another_port() -> None:
    """The step names a free port, not the one that tripped."""
    (found,) = judged(check, root(2), hub("2-1", ports=tripped(1)), tpu("2-1.1"))
    assert "Plug it into port 2, 3 or 4 of hub 2-1 (2109:0817)." == steps(found)[1]


def test_a_link_that_is_damaged() -> None:
    """A peer link that names no port is passed over."""
    (found,) = judged(check, root(2, ports=(port(1, "usb1-port²", over_current_count=1),)), tpu("2-1"))
    assert ("2-1",) == found.concerns


@pytest.mark.parametrize("hub_ports", [None, tripped(), (port(1, over_current_count=None),)])
def test_silent(hub_ports: Any) -> None:
    """Silent without ports, with counters at 0, and with counters that could not be read."""
    assert [] == judged(check, root(2), hub("2-1", ports=hub_ports), tpu("2-1.1"))
