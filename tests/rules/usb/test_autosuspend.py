"""ETD114: runtime power management."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.usb.autosuspend import check
from tests.support.facts import card, judged, root, storage, tpu, values


@pytest.mark.parametrize("delay", [0, 2000, None])
def test_autosuspend_on(delay: int | None) -> None:
    """``auto`` with a delay of 0 or more, or an unknown one, may put the stick to sleep."""
    stick = tpu("2-1", runtime_control="auto", runtime_status="suspended", autosuspend_delay_ms=delay)
    (found,) = judged(check, root(2), stick)
    assert ("warning", "likely", "2-1") == (found.severity, found.confidence, found.subject)
    assert {"power/control": "auto", "autosuspend delay": delay, "state now": "suspended"} == values(found)
    assert [
        "/sys/bus/usb/devices/2-1/power/control",
        "/sys/bus/usb/devices/2-1/power/autosuspend_delay_ms",
        "/sys/bus/usb/devices/2-1/power/runtime_status",
    ] == [fact.where for fact in found.facts]


def test_the_command() -> None:
    """The command writes into the file of this stick and says that it needs root."""
    (found,) = judged(check, root(2), tpu("2-1", runtime_control="auto"))
    assert found.remedy is not None
    (command,) = found.remedy.commands
    assert "echo on | sudo tee /sys/bus/usb/devices/2-1/power/control" == command.command
    assert command.needs_root


@pytest.mark.parametrize(
    "fact",
    [
        tpu("2-1", runtime_control="on", autosuspend_delay_ms=2000),
        tpu("2-1"),
        tpu("2-1", runtime_control="auto", autosuspend_delay_ms=-1000),
        storage("2-1", runtime_control="auto"),
        card("0000:01:00.0"),
    ],
)
def test_silent(fact: Any) -> None:
    """Silent where it is off, not known, switched off by a negative delay, and for other devices."""
    assert [] == judged(check, root(2), fact)
