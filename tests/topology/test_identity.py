"""Which devices are Edge TPUs."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.identity import id_text, is_pci_edge_tpu, pci_state, usb_in_use, usb_state
from tests.support.facts import card, hub, interface, maybe, pci, tpu, usb


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (tpu("2-1"), "ready"),
        (tpu("2-1", dfu=True), "dfu"),
        (tpu("2-1", configured=None), "ready"),
        (tpu("2-1", configured=False), "unconfigured"),
        (tpu("2-1", dfu=True, configured=False), "unconfigured"),
        (maybe("2-1"), "possible"),
        (maybe("2-1", interfaces=(interface(0xFE),)), "possible"),
        (maybe("2-1", interfaces=(interface(0xFF, "usbfs"),)), "possible"),
        (usb("2-1", "18d1:4ee7"), None),
        (usb("2-1", "1a6e:0001"), None),
        (hub("2-1"), None),
    ],
)
def test_states(device: UsbDevice, expected: str | None) -> None:
    """The two ids tell the state; without ids a device may be one."""
    assert expected == usb_state(device)


@pytest.mark.parametrize(
    "device",
    [
        maybe("2-1", interfaces=(interface(0xFF, "ftdi_sio"),)),
        maybe("2-1", interfaces=(interface(0xFF, driver_known=False),)),
        maybe("2-1", interfaces=(interface(0x08),)),
        maybe("2-1", interfaces=(interface(0xFF), interface(0xFF, number=1))),
        maybe("2-1", interfaces=()),
        maybe("2-1", interfaces=None),
        maybe("2-1", port_count=4),
        maybe("2-1", vendor_id=0x0403),
    ],
)
def test_what_cannot_be_one(device: UsbDevice) -> None:
    """A bound kernel driver, another class, more interfaces, a hub, and a known maker rule it out."""
    assert usb_state(device) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"interfaces": (interface(0xFF, "usbfs"),)}, True),
        ({"interfaces": (interface(0xFF),)}, False),
        ({"interfaces": (interface(0xFF, driver_known=False),)}, None),
        ({"interfaces": None}, None),
        ({"interfaces": ()}, None),
    ],
)
def test_in_use(fields: dict[str, Any], expected: bool | None) -> None:
    """``usbfs`` on the interface means that a program holds it; where no driver could be shown, it is not known."""
    assert expected is usb_in_use(tpu("2-1", **fields))


@pytest.mark.parametrize(
    ("vendor", "product", "expected"),
    [(0x18D1, 0x9302, "18d1:9302"), (1, 2, "0001:0002"), (None, 2, None), (1, None, None), (0, 0, "0000:0000")],
)
def test_ids_as_lsusb_prints_them(vendor: int | None, product: int | None, expected: str | None) -> None:
    """Four digits each; a half is no id."""
    assert expected == id_text(vendor, product)


@pytest.mark.parametrize("class_code", [0x0880, 0x0000, None])
def test_cards_are_known_by_id(class_code: int | None) -> None:
    """The class is rewritten on the way and does not matter."""
    assert is_pci_edge_tpu(card("0000:01:00.0", class_code=class_code))
    assert not is_pci_edge_tpu(pci("0000:01:00.0", "1ac1:0001", class_code=class_code))


@pytest.mark.parametrize(
    ("driver", "known", "expected"),
    [("apex", True, "ready"), (None, True, "unconfigured"), ("vfio-pci", True, "unconfigured"), (None, False, None)],
)
def test_states_of_cards(driver: str | None, known: bool, expected: str | None) -> None:
    """Only the apex driver makes a card usable; an unknown driver leaves it open."""
    assert expected == pci_state(card("0000:01:00.0", driver=driver, driver_known=known))
