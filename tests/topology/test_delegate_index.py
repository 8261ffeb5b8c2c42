"""Which device ``usb:N``, ``pci:N`` and ``:N`` mean: orders that were observed, and what holds for every machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.build import build
from etpu_doctor.topology.delegate_index import readdir_order
from etpu_doctor.topology.identity import DFU_ID, READY_ID
from etpu_doctor.topology.machine import EdgeTpu, Machine
from tests.support.builder import APEX_ORDER, machine
from tests.support.fixtures import ROOT
from tests.support.strategies import notations

many = settings(deadline=None)

ONE_CONTROLLER = "pci 0000:00:14.0 xhci\n  root usb2=16 usb3=16\n"
TWO_CONTROLLERS = """
pci 0000:00:14.0 xhci
  root usb2=16 usb3=16
    1: hub usb3 ports=10
      1: tpu
      2: tpu
      4: hub usb3 ports=4
        3: tpu
      10: tpu
    2: tpu
    2: tpu dfu at=480
    3: tpu at=480
    10: tpu at=480
pci 0000:00:1c.0 bridge
  pci 0000:03:00.0 xhci
    root usb2=4 usb3=4
      1: tpu
      2: tpu dfu
"""
SMALL_MACHINES = {
    "both ready": ("    1: tpu\n    2: tpu\n", ["2-2", "2-1"]),
    "the higher port fresh": ("    1: tpu\n    2: tpu dfu\n", ["2-2", "2-1"]),
    "the lower port fresh": ("    1: tpu dfu\n    2: tpu\n", ["2-1", "2-2"]),
    "port 10 sorts before port 2": (
        "    1: hub usb3 ports=10\n      1: tpu\n      2: tpu\n      10: tpu\n",
        ["2-1.2", "2-1.10", "2-1.1"],
    ),
    "bus 2 before bus 1": ("    3: tpu at=480\n    1: hub usb3\n      4: tpu\n", ["2-1.4", "1-3"]),
}
APEX_NODES_OF_16 = (15, 8, 13, 6, 11, 4, 2, 0, 9, 14, 7, 12, 5, 10, 3, 1)
KINDS = {"app": READY_ID, "dfu": DFU_ID, "hub": (0x2109, 0x0817), "other": (0x152D, 0x0578)}


def usb_order(whole: Machine, field: str = "delegate_device") -> list[str]:
    """Ids of the USB Edge TPUs in the order of their ``usb:N``."""
    indexed = {getattr(tpu, field): tpu.id for tpu in whole.edge_tpus if tpu.transport == "usb"}
    return [indexed[f"usb:{index}"] for index in range(len(indexed))]


def built(notation: str) -> Machine:
    """The tree of a built machine."""
    return build(machine(notation).evidence())


def observed() -> list[dict[str, Any]]:
    """Orders that were observed.

    Each entry holds the controllers with their USB 2 and USB 3 bus, the devices with their path below
    ``/sys/devices`` and their kind, and the order in which ``edgetpu_list_devices`` of the real libedgetpu gave the
    Edge TPUs. It ran over Debian's libusb 1.0.26 (built with udev), with mocked devices.
    """
    content: list[dict[str, Any]] = json.loads((ROOT / "tests" / "data" / "enumeration.json").read_text("utf-8"))
    return content


def seen_machine(entry: dict[str, Any]) -> Machine:
    """The tree of an observed machine."""
    devices = [_device(path, kind) for path, kind in entry["devices"].items()]
    tops = {path.split("/usb")[0] for path in entry["devices"]}
    paths = {top.rpartition("/")[2]: top for top in tops}
    for controller, buses in entry["controllers"].items():
        devices += [_root(f"/devices/{paths.get(controller, controller)}/usb{bus}") for bus in buses]
    return build(Evidence(kind="capture", usb=tuple(devices), covers=("usb", "usb-tree", "usb-ids", "pci", "apex")))


def _root(path: str) -> UsbDevice:
    controller, _, name = path.rpartition("/")
    return UsbDevice(
        busnum=int(name[3:]),
        devnum=1,
        port_chain=(),
        controller=controller.rpartition("/")[2],
        sysfs_devpath=path,
        port_count=16,
    )


def _device(path: str, kind: str) -> UsbDevice:
    name = path.rpartition("/")[2]
    bus, _, chain = name.partition("-")
    return UsbDevice(
        busnum=int(bus),
        devnum=2,
        port_chain=tuple(map(int, chain.split("."))),
        vendor_id=KINDS[kind][0],
        product_id=KINDS[kind][1],
        sysfs_devpath=f"/devices/{path}",
        port_count=8 if kind == "hub" else 0,
    )


@pytest.mark.parametrize("entry", observed(), ids=[str(number) for number in range(len(observed()))])
def test_observed_orders_are_reproduced(entry: dict[str, Any]) -> None:
    """The numbers are those that the real library gave the same machine."""
    assert entry["order"] == usb_order(seen_machine(entry))


def test_the_order_over_two_controllers_is_the_observed_one() -> None:
    """Fresh devices first, then by the path of the controller and not by bus number, the highest port first."""
    expected = ["4-2", "1-2", "4-1", "2-2", "2-1.4.3", "2-1.2", "2-1.10", "2-1.1", "1-3", "1-10"]
    assert expected == usb_order(built(TWO_CONTROLLERS))


@pytest.mark.parametrize("name", SMALL_MACHINES)
def test_the_order_on_one_controller(name: str) -> None:
    """Two or three sticks on one controller are numbered as the real library does."""
    ports, expected = SMALL_MACHINES[name]
    assert expected == usb_order(built(ONE_CONTROLLER + ports))


def test_the_controllers_address_decides_before_the_bus_number() -> None:
    """The bridge at 1c.0 sorts after the controller at 14.0, so what hangs there comes first."""
    notation = ONE_CONTROLLER + "    1: tpu\npci 0000:00:1c.0 bridge\n  pci 0000:03:00.0 xhci\n"
    notation += "    root usb2=4 usb3=4\n      1: tpu\n"
    assert ["4-1", "2-1"] == usb_order(built(notation))


def test_numbers_change_when_a_stick_gets_its_firmware() -> None:
    """The fresh stick at a lower port is first now and last once both have their firmware."""
    whole = built(ONE_CONTROLLER + "    1: tpu dfu\n    2: tpu\n")
    assert ["2-1", "2-2"] == usb_order(whole)
    assert ["2-2", "2-1"] == usb_order(whole, "delegate_device_after_firmware")


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ("".join(f"    {port}: tpu\n" for port in range(1, 5)), ["2-2", "2-4", "2-1", "2-3"]),
        (
            "    1: hub usb3\n" + "".join(f"      {port}: tpu\n" for port in range(1, 5)),
            ["2-1.4", "2-1.1", "2-1.3", "2-1.2"],
        ),
    ],
    ids=["root ports", "one hub"],
)
def test_without_udev_the_order_is_that_of_the_kernels_hash(ports: str, expected: list[str]) -> None:
    """A libusb built without udev takes the raw order of the directory, reversed."""
    assert expected == usb_order(built(ONE_CONTROLLER + ports), "delegate_device_without_udev")


@pytest.mark.parametrize("count", [*APEX_ORDER, 16])
def test_apex_nodes_are_listed_by_the_kernels_hash(count: int) -> None:
    """``/sys/class/apex`` is listed in the order that was seen on running kernels, whatever the probe order."""
    expected = APEX_NODES_OF_16 if count == 16 else APEX_ORDER[count]
    assert [f"apex_{index}" for index in expected] == readdir_order([f"apex_{index}" for index in range(count)])


def test_pci_numbers_follow_the_listing_and_not_the_node_names() -> None:
    """With four cards ``pci:0`` is ``/dev/apex_2``."""
    cards = (f"pci 0000:00:1c.{n} bridge\n  pci 0000:0{n + 2}:00.0 edgetpu driver=apex apex={n}\n" for n in range(4))
    tpus = {tpu.delegate_device: tpu.device_node for tpu in built("".join(cards)).edge_tpus}
    assert {"pci:0": "/dev/apex_2", "pci:1": "/dev/apex_0", "pci:2": "/dev/apex_3", "pci:3": "/dev/apex_1"} == tpus


def test_pcie_is_counted_before_usb() -> None:
    """``:N`` counts PCIe chips first, then USB sticks."""
    card = "pci 0000:00:1c.0 bridge\n  pci 0000:02:00.0 edgetpu driver=apex apex=0\n"
    notation = card + ONE_CONTROLLER + "    1: tpu\n"
    tpus = {tpu.id: tpu.delegate_device_any for tpu in built(notation).edge_tpus}
    assert {"0000:02:00.0": ":0", "2-1": ":1"} == tpus


def test_a_card_without_driver_is_not_counted() -> None:
    """A PCIe chip that no apex driver serves is invisible to libedgetpu."""
    notation = "pci 0000:00:1c.0 bridge\n  pci 0000:02:00.0 edgetpu\n" + ONE_CONTROLLER + "    1: tpu\n"
    tpus = {tpu.id: tpu.delegate_device_any for tpu in built(notation).edge_tpus}
    assert {"0000:02:00.0": None, "2-1": ":0"} == tpus


@many
@given(notations())
def test_numbers_are_a_permutation(notation: str) -> None:
    """Every Edge TPU has one number of each kind, and no number is given twice."""
    whole = built(notation)
    usb = [tpu for tpu in whole.edge_tpus if tpu.transport == "usb"]
    numbers = {f"usb:{index}" for index in range(len(usb))}
    for field in ("delegate_device", "delegate_device_after_firmware", "delegate_device_without_udev"):
        assert numbers == {getattr(tpu, field) for tpu in usb}
    everything = {f":{index}" for index in range(len(whole.edge_tpus))}
    assert everything == {tpu.delegate_device_any for tpu in whole.edge_tpus}


@many
@given(notations())
def test_fresh_sticks_come_first_and_paths_descend(notation: str) -> None:
    """All boot loaders stand before all others; within each group the sysfs paths descend, part by part."""
    whole = built(notation)
    by_id = {tpu.id: tpu for tpu in whole.edge_tpus}
    ordered = [by_id[name] for name in usb_order(whole)]
    fresh = [_is_fresh(tpu) for tpu in ordered]
    assert sorted(fresh, reverse=True) == fresh
    for group in (True, False):
        paths = [_path_of(whole, tpu) for tpu in ordered if _is_fresh(tpu) is group]
        assert sorted(paths, reverse=True) == paths


def _is_fresh(tpu: EdgeTpu) -> bool:
    return tpu.identity == "1a6e:089a"


def _path_of(whole: Machine, tpu: EdgeTpu) -> list[str]:
    return (whole.usb[tpu.id].device.sysfs_devpath or "").split("/")


@many
@given(notations(most_controllers=1, pci=False))
def test_one_controller_needs_no_path(notation: str) -> None:
    """On the buses of one controller the order follows from bus and ports alone."""
    evidence = machine(notation).evidence()
    whole = build(evidence)
    blind = Evidence(kind="text", usb=tuple(map(_without_path, evidence.usb)), covers=evidence.covers)
    assert usb_order(whole) == usb_order(build(blind))


def _without_path(device: UsbDevice) -> UsbDevice:
    fields = {name: getattr(device, name) for name in device.__struct_fields__}
    return UsbDevice(**(fields | {"sysfs_devpath": None}))
