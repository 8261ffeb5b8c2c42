"""The live check on machines that umockdev mocks: real udev paths, real libusb tools, the same answers as a replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "enumeration.json").read_text(encoding="utf-8")
)

IDS = {"dfu": ("1a6e", "089a"), "app": ("18d1", "9302"), "hub": ("2109", "2817"), "other": ("046d", "c31c")}

SITUATIONS = (
    "autosuspend-on",
    "bus-powered-hub-refuses-fresh-tpu",
    "four-tpus-two-controllers",
    "hub10-three-chips",
    "hub7-second-chip",
    "over-current-on-the-tpus-port",
    "pcie-gen1-link",
    "usb2-cable",
    "usb2-hub",
    "vm-hub-in-hub-secondary-port",
    "vm-short-configuration",
)

BUS_FAMILIES = ("ETD1", "ETD2", "ETD3", "ETD4")


def run(description: str, *command: str) -> str:
    """Run a program on the mocked machine."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["umockdev-run", "-d", description, "--", *command],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def doctor(description: str, *arguments: str) -> dict[str, Any]:
    """What the doctor says, live, of the mocked machine."""
    found: dict[str, Any] = json.loads(run(description, sys.executable, "-m", "etpu_doctor", *arguments))
    return found


def on_the_buses(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Findings that rest on the buses alone: what stands around them is this host's."""
    codes = [(one["code"], one["severity"], one["subject"]) for one in report["findings"]]
    return [each for each in codes if each[0].startswith(BUS_FAMILIES)]


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_live_check_says_what_the_replay_says(name: str, needs_program: Callable[..., str]) -> None:
    """The same Edge TPUs, in the same order, with the same findings, whether read live or from the file."""
    needs_program("umockdev-run", package="umockdev")
    live = doctor(str(FIXTURES / name / "sysfs.umockdev"), "check", "--json", "--no-probe")
    expected = json.loads((FIXTURES / name / "expected.json").read_text(encoding="utf-8"))
    assert expected["edge_tpus"] == live["edge_tpus"]
    assert on_the_buses(expected) == [one for one in on_the_buses(live) if one in on_the_buses(expected)]
    assert "live" == live["source"]["kind"]


def test_lsusb_of_the_mocked_machine_gives_the_same_places(needs_program: Callable[..., str]) -> None:
    """What the real ``lsusb`` prints on the mocked machine names the same sticks as sysfs does."""
    needs_program("umockdev-run", package="umockdev")
    needs_program("lsusb", package="usbutils")
    description = str(FIXTURES / "vm-hub-in-hub-secondary-port" / "sysfs.umockdev")
    tree = run(description, "lsusb", "-t")
    live = doctor(description, "devices", "--json")["edge_tpus"]
    for tpu in live:
        last = tpu["port_chain"].rpartition(".")[2]
        assert f"Port {last}: Dev {tpu['devnum']}," in tree.replace("Port 00", "Port ").replace("Dev 00", "Dev ")


def described(vector: dict[str, Any]) -> str:
    """A machine of the observed orders as a description for umockdev."""
    tops = {path.split("/usb")[0] for path in vector["devices"]}
    paths = {top.rpartition("/")[2]: top for top in tops}
    blocks = [
        block(f"{paths[controller]}/usb{bus}", "1d6b", "0002", number=1)
        for controller, buses in vector["controllers"].items()
        if controller in paths
        for bus in buses
    ]
    blocks += [
        block(path, *IDS[kind], number=number) for number, (path, kind) in enumerate(vector["devices"].items(), 2)
    ]
    return "\n".join(blocks)


def block(path: str, vendor: str, product: str, *, number: int) -> str:
    """One USB device of a description."""
    attributes = {"idVendor": vendor, "idProduct": product, "speed": "480", "devnum": str(number)}
    lines = [f"A: {name}={value}\\n" for name, value in attributes.items()]
    return "\n".join([f"P: /devices/{path}", "E: SUBSYSTEM=usb", "E: DEVTYPE=usb_device", *lines, ""])


def test_devices_live_in_the_order_of_the_real_library(needs_program: Callable[..., str], tmp_path: Path) -> None:
    """Orders that the real libedgetpu gave over Debian's libusb, reproduced by ``devices --json`` on the same mocks."""
    needs_program("umockdev-run", package="umockdev")
    for vector in VECTORS:
        description = tmp_path / "machine.umockdev"
        description.write_text(described(vector), encoding="ascii")
        found = doctor(str(description), "devices", "--json")["edge_tpus"]
        order = sorted(found, key=lambda tpu: int(tpu["delegate_device"].partition(":")[2]))
        assert vector["order"] == [tpu["id"] for tpu in order]
