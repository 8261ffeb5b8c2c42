"""A machine, shown by any tool, reads as the same machine.

Each text knows less than sysfs does; what it does show must come back as it was.
"""

from __future__ import annotations

import html
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.capture import capture_live
from etpu_doctor.evidence.collector import Collector
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.evidence.live import read_apex, read_pci, read_usb
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.evidence.text import read_lines
from etpu_doctor.evidence.umockdev import looks_like_description, read_description
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.report import markdown, text
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.support.builder import BuiltMachine, machine
from tests.support.fixtures import ROOT, normalised, pretty
from tests.support.notation import NotationError
from tests.support.strategies import notations
from tests.support.sysfs_text import write_folder

many = settings(deadline=None)
few = settings(deadline=None, max_examples=20)  # they write files and judge, or come in many forms
both_dialects = pytest.mark.parametrize("padded", [False, True], ids=["old", "new"])

EVERYTHING = """
host "A Board" kernel=6.6.31 arch=aarch64 page=16384
pci 0000:00:14.0 xhci
  root usb2=16 usb3=8 shift=2 connect=hotplug speed=10000
    1: hub usb3 ports=4 container=0123456789abcdef0123456789abcdef
      1: tpu over-current=3
      2: tpu dfu refused
      4: hub usb3 ports=4 power=bus
        2: tpu dfu
    5: storage connect=hardwired
    6: empty over-current=1
    12: webcam
    13: keyboard
    14: hub usb1 ports=4
      3: tpu
platform soc/usb dwc2
  root usb2=1
    1: serial
pci 0001:00:00.0 bridge link=1x1/3x4 under=platform/pcie
  pci 0001:01:00.0 edgetpu link=1x1/2x1 driver=apex apex=0 msix=on
pci 0000:00:1d.0 bridge bus=05
pci 0000:00:1e.0 bridge link=2x1
  pci 0000:06:00.0 edgetpu link=2x1 bars=unassigned msix=off
pci 0000:00:1f.0 bridge link=2x1
  pci 0000:07:00.0 edgetpu link=2x1 ones
"""
"""Everything that the notation can say."""


MANGLED: dict[str, Callable[[str], str]] = {
    "quoted": lambda text: _each(text, "> {}"),
    "quoted twice": lambda text: _each(text, "> > {}"),
    "indented by four": lambda text: _each(text, "    {}"),
    "CR LF": lambda text: _each(text, "{}\r"),
    "colour codes": lambda text: _each(text, "\x1b[0m{}\x1b[K"),
    "blanks at the end": lambda text: _each(text, "{}   "),
    "blank lines between": lambda text: _each(text, "{}\n"),
    "no-break spaces": lambda text: text.replace("    ", "\N{NO-BREAK SPACE}" * 4),
    "HTML": lambda text: f"<pre>{html.escape(text)}</pre>\n",
    "Markdown": lambda text: f"```\n{text}```\n",
    "prompts": lambda text: f"pi@raspberrypi:~ $ lsusb\n{text}",
}
"""What happens to a text on its way into a ticket."""


def _each(text: str, form: str) -> str:
    return "".join(f"{form.format(line)}\n" for line in text.split("\n"))


class Place(NamedTuple):
    """What ``lsusb -t`` shows of a device."""

    busnum: int | None
    devnum: int | None
    port_chain: tuple[int, ...] | None
    speed_mbps: float | None
    port_count: int | None
    root_driver: str | None
    interfaces: tuple[tuple[int, int | None, str | None], ...]


def place_of(device: UsbDevice) -> Place:
    """The part of the facts that ``lsusb -t`` shows; it prints no interfaces of root hubs."""
    interfaces = tuple((each.number, each.class_code, each.driver) for each in device.interfaces or ())
    return Place(
        busnum=device.busnum,
        devnum=device.devnum,
        port_chain=device.port_chain,
        speed_mbps=device.speed_mbps,
        port_count=device.port_count or 0,
        root_driver=device.root_driver,
        interfaces=interfaces if device.port_chain else (),
    )


def read_texts(*texts: str) -> Collector:
    """Everything that the parsers read in texts, each of which must be understood whole."""
    collector = Collector()
    for number, content in enumerate(texts, 1):
        read_lines(f"text-{number}", content.split("\n"), collector)
    assert 0 == collector.ignored_count, collector.ignored
    return collector


def read_usb_texts(*texts: str) -> list[UsbDevice]:
    """The USB devices in texts, in the order of bus and device number."""
    return _by_number(read_texts(*texts).usb_devices())


def _by_number(devices: Iterable[UsbDevice]) -> list[UsbDevice]:
    return sorted(devices, key=lambda device: (device.busnum or 0, device.devnum or 0))


def read_functions(*texts: str) -> list[PciFunction]:
    """The PCI functions in texts, by address."""
    return sorted(read_texts(*texts).pci_functions(), key=lambda function: function.address)


def facts_of(function: PciFunction, *fields: str) -> dict[str, Any]:
    """Some of the facts of a function."""
    return {field: getattr(function, field) for field in ("address", *fields)}


def assert_same_functions(built: BuiltMachine, read: list[PciFunction], *fields: str) -> None:
    """The functions read from a text have the facts that the machine was built with."""
    expected = sorted(built.pci, key=lambda function: function.address)
    assert [facts_of(each, *fields) for each in expected] == [facts_of(each, *fields) for each in read]


def report_from(folder: Path, **files: str) -> Report:
    """The report of a folder with these files."""
    for name, content in files.items():
        (folder / name.replace("__", ".").replace("_", "-")).write_text(content, encoding="utf-8")
    return examine(read_sources([str(folder)]))


def assert_same_as_sysfs(built: BuiltMachine) -> None:
    """Reading the machine's description gives the facts it was built with."""
    tree = read_description(built.umockdev().split("\n"))
    assert list(built.usb) == read_usb(tree)
    assert list(built.pci) == read_pci(tree)
    assert list(built.apex) == read_apex(tree)


def test_everything_the_notation_can_say_comes_back_from_sysfs() -> None:
    """Containers, peers with other numbers, over-current counts, refused devices, dead cards: all facts are equal."""
    assert_same_as_sysfs(machine(EVERYTHING))


@many
@given(notations())
def test_sysfs_gives_back_every_fact(notation: str) -> None:
    """What a capture holds is what the machine was built with, to the last field."""
    built = machine(notation)
    assert looks_like_description(built.umockdev().split("\n"))
    assert_same_as_sysfs(built)


@few
@given(notations(most_devices=25))
def test_a_capture_gives_the_same_report_as_the_facts(notation: str) -> None:
    """From the file in a folder or from the facts themselves: one report."""
    built = machine(notation)
    with tempfile.TemporaryDirectory() as folder:
        actual = report_from(Path(folder), sysfs__umockdev=built.umockdev())
    assert normalised(examine(built.evidence())) == normalised(actual)


def test_the_live_machine_gives_the_same_facts(tmp_path: Path) -> None:
    """Read from real folders and links, every fact is what it is in memory."""
    built = machine(EVERYTHING)
    write_folder(built.umockdev(), f"{tmp_path}/sys")
    read = gather_live(str(tmp_path))
    assert list(built.usb) == sorted(read.usb, key=lambda device: (device.busnum or 0, device.port_chain or ()))
    assert sorted(built.pci, key=lambda each: each.address) == sorted(read.pci, key=lambda each: each.address)
    assert built.apex == read.apex
    assert built.evidence().covers == read.covers


def test_a_capture_of_the_live_machine_gives_the_same_report(tmp_path: Path) -> None:
    """What ``etpu-doctor capture`` writes holds everything that the report was made from."""
    write_folder(machine(EVERYTHING).umockdev(), f"{tmp_path}/sys")
    capture_live(str(tmp_path / "bundle.tar.gz"), root=str(tmp_path))
    expected = normalised(examine(gather_live(str(tmp_path))))
    actual = normalised(examine(read_sources([str(tmp_path / "bundle.tar.gz")])))
    assert "capture" == actual["source"].pop("kind")
    assert "live" == expected["source"].pop("kind")
    assert expected == actual


def test_a_description_can_be_replayed_by_umockdev(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """A live check inside umockdev's mocked ``/sys`` sees the machine of the description."""
    built = machine(EVERYTHING)
    (tmp_path / "sysfs.umockdev").write_text(built.umockdev(), encoding="utf-8")
    replay = [needs_program("umockdev-run", package="umockdev"), "-d", str(tmp_path / "sysfs.umockdev"), "--"]
    check = [sys.executable, "-m", "etpu_doctor", "check", "--json", "--fail-on", "never"]
    run = subprocess.run([*replay, *check], cwd=ROOT, capture_output=True, check=True, timeout=60)
    actual = msgspec.json.decode(run.stdout)
    expected = normalised(examine(built.evidence()))
    for part in ("topology", "edge_tpus"):
        assert expected[part] == actual[part]


def test_a_capture_with_a_host_gives_the_same_report_as_the_facts(tmp_path: Path) -> None:
    """The host's own description comes back too."""
    built = machine(EVERYTHING)
    assert built.host is not None
    actual = report_from(tmp_path, sysfs__umockdev=built.umockdev(), host__json=pretty(built.host))
    assert normalised(examine(built.evidence())) == normalised(actual)


@both_dialects
@many
@given(notation=notations(), verbose=st.integers(0, 3))
def test_lsusb_t_gives_back_the_tree(notation: str, verbose: int, padded: bool) -> None:
    """Bus, ports, speed, number of ports, drivers and interfaces come back from either dialect, with any ``-v``."""
    built = machine(notation)
    # usbutils up to 015 prints a line for each interface, hence none for a device without.
    shown = [device for device in built.usb if padded or device.interfaces]
    read = read_usb_texts(built.lsusb_t(padded=padded, verbose=verbose))
    assert [place_of(device) for device in _by_number(shown)] == [place_of(device) for device in read]


@both_dialects
@many
@given(notation=notations())
def test_lsusb_tv_gives_back_the_ids(notation: str, padded: bool) -> None:
    """With ``-v`` the tree holds vendor and product ids."""
    built = machine(notation)
    shown = [device for device in built.usb if padded or device.interfaces]
    read = read_usb_texts(built.lsusb_t(padded=padded, verbose=1))
    assert list(map(_identity, _by_number(shown))) == list(map(_identity, read))


def _identity(device: UsbDevice) -> tuple[int | None, ...]:
    return device.busnum, device.devnum, device.vendor_id, device.product_id


@many
@given(notations())
def test_lsusb_gives_back_the_ids(notation: str) -> None:
    """Bus, device number and ids come back from the plain list."""
    built = machine(notation)
    assert list(map(_identity, _by_number(built.usb))) == list(map(_identity, read_usb_texts(built.lsusb())))


@pytest.mark.parametrize("way", MANGLED)
@both_dialects
@few
@given(notation=notations(pci=False))
def test_a_mangled_paste_gives_back_the_tree(notation: str, padded: bool, way: str) -> None:
    """Quoted, wrapped in markup or with other blanks: the tree is the same."""
    built = machine(notation.replace(" refused", ""))
    read = read_usb_texts(MANGLED[way](built.lsusb_t(padded=padded)))
    assert [place_of(device) for device in _by_number(built.usb)] == [place_of(device) for device in read]


@pytest.mark.parametrize("way", MANGLED)
@few
@given(notation=notations(pci=False))
def test_a_mangled_paste_gives_back_the_ids(notation: str, way: str) -> None:
    """The plain list survives the same treatment, and loses no device."""
    built = machine(notation)
    read = read_usb_texts(MANGLED[way](built.lsusb()))
    assert list(map(_identity, _by_number(built.usb))) == list(map(_identity, read))


@pytest.mark.parametrize("way", MANGLED)
@few
@given(notation=notations(most_devices=0))
def test_a_mangled_paste_gives_back_the_cards(notation: str, way: str) -> None:
    """So does ``lspci -nn``, and ``lspci -tv`` with its drawn lines."""
    built = machine(notation)
    fields = ("vendor_id", "device_id", "class_code")
    assert_same_functions(built, read_functions(MANGLED[way](built.lspci_nn())), *fields)
    assert_same_functions(built, read_functions(MANGLED[way](built.lspci_tv())), "parent")


@many
@given(notations())
def test_lsusb_v_gives_back_the_descriptors(notation: str) -> None:
    """Versions, declared power, number of ports and speed come back from ``lsusb -v``."""
    fields = (
        "busnum",
        "devnum",
        "vendor_id",
        "product_id",
        "bcd_usb",
        "bcd_device",
        "device_class",
        "device_protocol",
        "max_power_ma",
        "self_powered",
        "speed_mbps",
        "superspeed_capable",
    )
    built = machine(notation)
    expected = [[getattr(device, field) for field in fields] for device in _by_number(built.usb)]
    read = read_usb_texts(built.lsusb_v())
    assert expected == [[getattr(device, field) for field in fields] for device in read]
    assert [device.port_count or None for device in _by_number(built.usb)] == [device.port_count for device in read]


@many
@given(notations())
def test_lsusb_v_gives_back_the_interfaces(notation: str) -> None:
    """Codes and endpoints of every interface come back; drivers are not in ``lsusb -v``."""
    built = machine(notation)
    whole = [device for device in _by_number(built.usb) if device.interfaces]
    read = {(device.busnum, device.devnum): device for device in read_usb_texts(built.lsusb_v())}
    for device in whole:
        expected = [_without_driver(each) for each in device.interfaces or ()]
        assert expected == [_without_driver(each) for each in read[device.busnum, device.devnum].interfaces or ()]


def _without_driver(interface: msgspec.Struct) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(interface)
    return {name: value for name, value in content.items() if name not in ("driver", "driver_known")}


@many
@given(notations())
def test_lspci_nn_gives_back_the_ids(notation: str) -> None:
    """Addresses, ids and classes come back from the plain list."""
    built = machine(notation)
    assert_same_functions(built, read_functions(built.lspci_nn()), "vendor_id", "device_id", "class_code")


@many
@given(notations())
def test_lspci_vv_gives_back_links_and_drivers(notation: str) -> None:
    """Links at both ends, bus ranges, drivers and programming interfaces come back from ``lspci -vv``."""
    built = machine(notation)
    read = read_functions(built.lspci_vv())
    links = ("current_link_speed_gts", "current_link_width", "max_link_speed_gts", "max_link_width")
    assert_same_functions(built, read, *links, "driver", "prog_if", "secondary_bus", "subordinate_bus")


@many
@given(notations())
def test_lspci_vmm_gives_back_ids_and_drivers(notation: str) -> None:
    """Addresses, ids, classes, programming interfaces and drivers come back from ``lspci -vmmnnk``."""
    built = machine(notation)
    fields = ("vendor_id", "device_id", "class_code", "prog_if", "driver", "driver_known")
    assert_same_functions(built, read_functions(built.lspci_vmm()), *fields)


@many
@given(notations())
def test_lspci_tv_gives_back_the_tree(notation: str) -> None:
    """Every function comes back below its bridge; ids are printed of those that are no bridges."""
    built = machine(notation)
    read = read_functions(built.lspci_tv())
    assert_same_functions(built, read, "parent")
    leaves = {each.address: (each.vendor_id, each.device_id) for each in built.pci if each.secondary_bus is None}
    assert leaves == {each.address: (each.vendor_id, each.device_id) for each in read if each.address in leaves}


@pytest.mark.parametrize(
    ("address", "field", "expected"),
    [
        ("0000:06:00.0", "bars", [(0, True), (2, False)]),
        ("0000:07:00.0", "config_all_ones", True),
        ("0001:01:00.0", "msix_enabled", True),
        ("0000:06:00.0", "msix_enabled", False),
        ("0000:06:00.0", "memory_enabled", False),
    ],
)
def test_lspci_vv_shows_what_is_wrong_with_a_card(address: str, field: str, expected: object) -> None:
    """Address space, dead cards and interrupts come back from ``lspci -vv``."""
    (card,) = [each for each in read_functions(machine(EVERYTHING).lspci_vv()) if each.address == address]
    value = getattr(card, field)
    assert expected == ([(bar.index, bar.assigned) for bar in value] if field == "bars" else value)


def tpu_facts(tpus: Iterable[EdgeTpu]) -> list[tuple[object, ...]]:
    """What every source of evidence must agree on, of each Edge TPU."""
    return sorted((tpu.id, tpu.transport, tpu.port_chain, tpu.identity, tpu.speed_mbps, tpu.state) for tpu in tpus)


def joined_report(built: BuiltMachine, *, padded: bool, pci: Callable[[], str]) -> Report:
    """The report of ``lsusb -t``, ``lsusb`` and a PCI listing in three files."""
    with tempfile.TemporaryDirectory() as folder:
        return report_from(
            Path(folder), lsusb_t__txt=built.lsusb_t(padded=padded), lsusb__txt=built.lsusb(), lspci__txt=pci()
        )


@both_dialects
@few
@given(notation=notations().filter(lambda notation: "refused" not in notation))
def test_joined_listings_give_the_same_edge_tpus_as_sysfs(notation: str, padded: bool) -> None:
    """Tree, ids and PCI list together know the Edge TPUs as well as sysfs does: place, identity, speed."""
    built = machine(notation)
    expected = examine(built.evidence()).edge_tpus
    actual = joined_report(built, padded=padded, pci=built.lspci_nn).edge_tpus
    # Speed and driver of a PCIe card are not in lspci -nn.
    assert _usb_facts(expected) == _usb_facts(actual)
    assert _pci_ids(expected) == _pci_ids(actual)


def _pci_ids(tpus: Iterable[EdgeTpu]) -> list[str]:
    return [tpu.id for tpu in tpus if tpu.transport == "pci"]


def _usb_facts(tpus: Iterable[EdgeTpu]) -> list[tuple[object, ...]]:
    return tpu_facts(tpu for tpu in tpus if tpu.transport == "usb")


@few
@given(notations().filter(lambda notation: "refused" not in notation))
def test_joined_listings_give_the_links_of_cards_as_well(notation: str) -> None:
    """With ``lspci -vv`` the PCIe Edge TPUs are known as well as from sysfs."""
    built = machine(notation)
    expected = examine(built.evidence()).edge_tpus
    actual = joined_report(built, padded=True, pci=built.lspci_vv).edge_tpus
    assert tpu_facts(expected) == tpu_facts(actual)


@few
@given(notations())
def test_both_dialects_give_the_same_report(notation: str) -> None:
    """Old or new lsusb: topology, Edge TPUs, findings and diagnosis are equal but for the lines they were read in."""
    built = machine(notation.replace(" refused", ""))
    old = normalised(joined_report(built, padded=False, pci=built.lspci_nn))
    new = normalised(joined_report(built, padded=True, pci=built.lspci_nn))
    assert _placeless(old) == _placeless(new)


def _placeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _placeless(value) for key, value in content.items() if key != "where"}
    return [_placeless(value) for value in content] if isinstance(content, list) else content


@few
@given(notations())
def test_a_listing_never_numbers_edge_tpus_otherwise_than_sysfs(notation: str) -> None:
    """Where a listing does not fix the order it says so; where it gives a number, it is the right one."""
    built = machine(notation.replace(" refused", ""))
    expected = {tpu.id: tpu.delegate_device for tpu in examine(built.evidence()).edge_tpus}
    for pci in (built.lspci_nn, built.lspci_vv, built.lspci_tv, built.lspci_vmm):
        for tpu in joined_report(built, padded=True, pci=pci).edge_tpus:
            assert tpu.delegate_device in (None, expected[tpu.id])
            assert (tpu.delegate_device is None) <= (tpu.delegate_unknown_because is not None)


@few
@given(notations(most_devices=25), st.booleans())
def test_every_face_shows_any_machine(notation: str, ascii_only: bool) -> None:
    """Text in 80 columns and Markdown come out whole, whatever the machine."""
    report = examine(machine(notation).evidence())
    stream = io.StringIO()
    text.render(report, color="never", ascii_only=ascii_only, width=80, stream=stream)
    assert [] == [line for line in stream.getvalue().split("\n") if len(line) > 80 or not line.isprintable()]
    assert not ascii_only or stream.getvalue().isascii()
    assert [] == [one.code for one in report.findings if one.code not in markdown.render(report)]


@both_dialects
def test_a_refused_stick_is_known_from_listings_of_both_dialects(padded: bool) -> None:
    """A device without configuration is missing in the old tree and bare in the new one; both tell its state."""
    built = machine("pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    2: tpu dfu refused\n")
    (tpu,) = joined_report(built, padded=padded, pci=built.lspci_nn).edge_tpus
    assert ("1a6e:089a", "unconfigured") == (tpu.identity, tpu.state)


def test_a_long_text_loses_no_line(tmp_path: Path) -> None:
    """A file of many lines is read from the first to the last."""
    ports = "".join(f"    {port}: hub usb2 ports=4\n      1: keyboard\n      2: webcam\n" for port in range(1, 61))
    built = machine(f"pci 0000:00:14.0 xhci\n  root usb2=60\n{ports}")
    (tmp_path / "lsusb-t.txt").write_text(built.lsusb_t(), encoding="utf-8")
    read = read_sources([str(tmp_path / "lsusb-t.txt")])
    assert 0 == read.ignored_count
    assert len(built.usb) == len(read.usb)


@pytest.mark.parametrize(
    "notation",
    [
        "toaster 0000:00:14.0\n",
        "host\n",
        "pci 0000:00:14.0 xhci\n  toaster\n",
        "pci 0000:00:14.0 xhci toast=2\n",
        "pci 0000:00:14.0 xhci\n  root usb2=2\n    3: keyboard\n",
        "pci 0000:00:14.0 xhci\n  root usb2=2\n    1: keyboard\n    1: serial\n",
        "pci 0000:00:14.0 xhci\n  root usb2=2\n    keyboard\n",
        "pci 0000:00:14.0 xhci\n  root usb2=2\n    1: keyboard loud\n",
        "pci 0000:00:1c.0 bridge\n",
    ],
)
def test_a_wrong_notation_is_refused(notation: str) -> None:
    """A test that describes no possible machine fails at once."""
    with pytest.raises(NotationError):
        machine(notation)
