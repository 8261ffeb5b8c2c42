"""Steps that name a port to plug an Edge TPU into."""

from __future__ import annotations

from etpu_doctor.rules.advice import where_to_plug
from tests.support.facts import hub, machine, port, root, tpu


def test_one_port() -> None:
    """A single free port is named with its hub."""
    built = machine(root(2, port_count=1), hub("2-1", port_count=2), tpu("2-1.1"))
    assert ["Plug it into port 2 of hub 2-1 (2109:0817)."] == where_to_plug(built, built.usb["2-1.1"])


def test_several_ports_of_several_hubs() -> None:
    """Ports are grouped by hub, the nearest hub first."""
    built = machine(root(2, port_count=3, ports=(port(1), port(2), port(3))), hub("2-1"), tpu("2-1.1"), tpu("2-1.3"))
    assert [
        "Plug it into port 2 or 4 of hub 2-1 (2109:0817).",
        "Plug it into root port 2 or 3 of bus 2.",
    ] == where_to_plug(built, built.usb["2-1.1"])


def test_a_port_that_may_have_no_socket() -> None:
    """Where the firmware does not describe the ports, the step says so."""
    built = machine(root(2, port_count=2), tpu("2-1"))
    assert ["Plug it into root port 2 of bus 2 (if that port leads to a socket)."] == where_to_plug(
        built, built.usb["2-1"]
    )


def test_no_port_at_all() -> None:
    """Where nothing is free, the step says what else to do."""
    built = machine(root(2, port_count=1), tpu("2-1"))
    (fast,) = where_to_plug(built, built.usb["2-1"])
    (any_port,) = where_to_plug(built, built.usb["2-1"], fast=False)
    assert fast.startswith("No free USB 3 socket was found in the evidence")
    assert any_port.startswith("No free socket was found in the evidence")


def test_no_more_than_three_hubs() -> None:
    """A list of every free port of the machine helps nobody."""
    built = machine(*(root(bus, controller=f"0000:0{bus}:00.0") for bus in range(1, 8)), tpu("1-1"))
    assert 3 == len(where_to_plug(built, built.usb["1-1"]))


def test_no_more_than_eight_ports() -> None:
    """Nor does a list of all ports of a large hub."""
    built = machine(root(2, port_count=1), hub("2-1", port_count=16), tpu("2-1.1"))
    (step,) = where_to_plug(built, built.usb["2-1.1"])
    assert "port 2, 3, 4, 5, 6, 7, 8 or 9 of hub" in step


def test_hubs_to_stay_away_from() -> None:
    """Neither half of a hub that is to be avoided, nor what hangs behind it, is named."""
    devices = [hub("1-1", 480), hub("2-1"), hub("2-1.2"), hub("2-2"), tpu("2-1.2.1")]
    built = machine(root(1, 480, port_count=2), root(2, port_count=2), *devices)
    steps = where_to_plug(built, built.usb["2-1.2.1"], not_below="2-1")
    assert ["Plug it into port 1, 2, 3 or 4 of hub 2-2 (2109:0817)."] == steps


def test_an_unknown_bus() -> None:
    """A bus without a number is a question mark and not a None."""
    built = machine(root(2, busnum=None), tpu("2-1", busnum=None))
    assert ["Plug it into root port 2, 3 or 4 of bus ? (if that port leads to a socket)."] == where_to_plug(
        built, built.usb["?-1"]
    )
