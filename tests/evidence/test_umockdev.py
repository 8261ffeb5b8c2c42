"""Device descriptions: what is written reads back the same, and any text at all is read without an error."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.live import read_apex, read_pci, read_usb
from etpu_doctor.evidence.sysfs import DirectoryTree, MemoryTree, RecordingTree
from etpu_doctor.evidence.umockdev import looks_like_description, read_description, write_description
from tests.support.sysfs_folder import APEX, HUB, ROOT, TPU, XHCI, memory_tree, write_folder

UDEVADM = """\
P: /devices/pci0000:00/0000:00:14.0/usb2
M: usb2
R: 2
U: usb
T: usb_device
D: c 189:128
N: bus/usb/002/001
L: 0
E: DEVPATH=/devices/pci0000:00/0000:00:14.0/usb2
E: SUBSYSTEM=usb
"""


def recorded(tree: MemoryTree | DirectoryTree) -> RecordingTree:
    """A recording of everything that the readers ask for."""
    record = RecordingTree(tree)
    read_usb(record)
    read_pci(record)
    read_apex(record)
    return record


def one_attribute(content: bytes) -> str:
    """A description of a device with one attribute."""
    tree = MemoryTree()
    tree.add_file("/devices/x/usb1/product", content)
    tree.add_link("/bus/usb/devices/usb1", "/devices/x/usb1")
    record = RecordingTree(tree)
    record.devices("bus/usb")
    record.read("/devices/x/usb1", "product")
    return "\n".join(write_description(record))


def test_what_is_written_reads_back_the_same() -> None:
    """The devices, attributes, links and listings of a recording are those of its description."""
    record = recorded(memory_tree())
    again = read_description(write_description(record))
    assert read_usb(memory_tree()) == read_usb(again)
    assert read_pci(memory_tree()) == read_pci(again)
    assert read_apex(memory_tree()) == read_apex(again)
    for subsystem, devices in record.subsystems.items():
        assert devices == again.devices(subsystem)
    for path, files in record.files.items():
        assert files == {name: again.read(path, name) for name in files}
    for path, links in record.links.items():
        assert links == {name: again.link(path, name) for name in links}


def test_a_description_of_a_description_is_the_same_text() -> None:
    """Writing what was read from a description gives that description again."""
    once = "\n".join(write_description(recorded(memory_tree())))
    again = "\n".join(write_description(recorded(read_description(once.split("\n")))))
    assert once == again


@pytest.mark.parametrize("order", [("apex_0", "apex_1", "apex_2"), ("apex_2", "apex_0", "apex_1")])
def test_the_order_of_the_class_is_kept(order: tuple[str, ...]) -> None:
    """Nodes stand in the order in which the kernel listed them, because libedgetpu counts so."""
    tree = MemoryTree()
    for index, name in enumerate(order):
        devpath = f"/devices/pci0000:00/0000:0{9 - index}:00.0/apex/{name}"
        tree.add_file(f"{devpath}/temp", b"40000\n")
        tree.add_link(f"/class/apex/{name}", devpath)
    again = read_description(write_description(recorded(tree)))
    assert list(order) == [node.name for node in read_apex(again)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"plain\n",
        b"two\nlines\n",
        b"back\\slash\n",
        b"\\n\n",
        b"\\\\n",
        b"trailing\\",
        b"a=b: c\n",
        b" blanks \n",
        b"tab\there\r\n",
        "Größe\n".encode(),
        b"\xff\xfe\x00",
        bytes(range(256)),
    ],
)
def test_every_content_survives(content: bytes) -> None:
    """Line ends, backslashes, blanks, other scripts and bytes that are no text read back as they were."""
    assert content == read_description(one_attribute(content).split("\n")).read("/devices/x/usb1", "product")


@given(st.binary(max_size=200))
def test_any_bytes_survive(content: bytes) -> None:
    """Whatever an attribute holds, its description is lines of ASCII that read back the same."""
    description = one_attribute(content)
    assert description.isascii()
    assert content == read_description(description.splitlines()).read("/devices/x/usb1", "product")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (r"Gr\303\266\303\237e\n", "Größe\n".encode()),
        (r"a\tb\101\7\0", b"a\tbA\x07\0"),
        (r"\"quoted\"", b'"quoted"'),
        (r"a\\nb", b"a\\nb"),
        (r"end\\", b"end\\"),
        ("end\\", b"end\\"),
        (r"\777", b"\xff"),
    ],
)
def test_escapes_of_umockdev(written: str, expected: bytes) -> None:
    """umockdev-record escapes as C does, octal numbers included."""
    tree = read_description(["P: /devices/x", f"A: a={written}"])
    assert expected == tree.read("/devices/x", "a")


def test_blocks_of_every_kind() -> None:
    """Attributes in folders, hexadecimal ones, links and subsystems are read; other lines are passed over."""
    tree = read_description(
        [
            "A: orphan=1",
            "P: /devices/pci0000:00/0000:00:14.0/usb1\r\n",
            "N: bus/usb/001/001=12",
            "S: some/link",
            "E: DEVTYPE=usb_device",
            "E: SUBSYSTEM=usb",
            "A: power/control=auto\\n",
            "H: descriptors=1201",
            "H: broken=12zz",
            "L: driver=../../../../bus/usb/drivers/usb",
            "L: 1-0:1.0/usb1-port1/peer=../../../usb2/2-0:1.0/usb2-port1",
            "L: out=../../../../../../etc/passwd",
            "",
            "P: /devices/x/apex/apex_0",
            "E: SUBSYSTEM=apex",
        ]
    )
    path = "/devices/pci0000:00/0000:00:14.0/usb1"
    assert [("usb1", path)] == tree.devices("bus/usb")
    assert [("apex_0", "/devices/x/apex/apex_0")] == tree.devices("class/apex")
    assert b"auto\n" == tree.read(path, "power/control")
    assert b"\x12\x01" == tree.read(path, "descriptors")
    assert b"" == tree.read(path, "broken")
    assert "/bus/usb/drivers/usb" == tree.link(path, "driver")
    assert "/devices/pci0000:00/0000:00:14.0/usb2/2-0:1.0/usb2-port1" == tree.link(f"{path}/1-0:1.0/usb1-port1", "peer")
    assert tree.link(path, "out") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P: /devices/x\nE: SUBSYSTEM=usb\nA: speed=480\\n\n", True),
        ("\n\nP: /devices/x\nH: descriptors=12\n", True),
        (UDEVADM, False),
        ("A: x=1\n", False),
        ("Bus 001 Device 001: ID 1d6b:0002\nP: /devices/x\nA: x=1\n", False),
        ("", False),
    ],
)
def test_which_text_is_a_description(text: str, expected: bool) -> None:
    """A description begins with a device and has attributes; udevadm's database has none."""
    assert expected == looks_like_description(text.splitlines(keepends=True))


_FRAGMENT = st.sampled_from(
    [
        "P: ",
        "A: ",
        "H: ",
        "L: ",
        "E: ",
        "SUBSYSTEM=",
        "usb",
        "pci",
        "apex",
        "/devices/",
        "..",
        "/",
        "=",
        "\\",
        "\\n",
        ": ",
    ]
)


@given(st.lists(st.lists(_FRAGMENT | st.text(max_size=6), max_size=8).map("".join), max_size=12))
def test_any_text_is_read(lines: list[str]) -> None:
    """Whatever stands in a description, it and the machine in it are read without an error."""
    looks_like_description(lines)
    tree = read_description(lines)
    read_usb(tree)
    read_pci(tree)
    read_apex(tree)


@pytest.mark.parametrize("line", ["P: " + "/a" * 500_000, "A: " + "a/" * 500_000 + "=1", "L: x=" + "../" * 300_000])
def test_a_line_of_a_megabyte_is_read(line: str) -> None:
    """A path of half a million folders makes neither a tree of that depth nor a wait."""
    tree = read_description(["P: /devices/x", line, "E: SUBSYSTEM=usb", "A: a=1"])
    assert len(tree.devices("bus/usb")) <= 1


def test_devices_only() -> None:
    """A description speaks of devices alone: umockdev refuses any other path, as that of /class/dmi/id."""
    record = recorded(memory_tree())
    record.read("/class/dmi/id", "sys_vendor")
    record.link("/class/dmi", "id")
    paths = [line[3:] for line in write_description(record) if line.startswith("P: ")]
    assert {ROOT, HUB, TPU, XHCI, APEX} <= set(paths)
    assert all(path.startswith("/devices/") for path in paths)


def test_ports_stand_below_their_hub() -> None:
    """What is no device of a subsystem (a hub port) is written below the device that holds it."""
    lines = list(write_description(recorded(memory_tree())))
    block = lines[lines.index(f"P: {ROOT}/2-0:1.0") :]
    block = block[: block.index("")]
    assert "A: usb2-port1/connect_type=hotplug\\n" in block
    assert "L: usb2-port1/peer=../../../usb1/1-0:1.0/usb1-port3" in block


def test_a_platform_controller_gets_a_block() -> None:
    """A controller that is no PCI function is written with a subsystem of its own."""
    tree = MemoryTree()
    usb = "/devices/platform/axi/1000120000.pcie/1f00200000.usb/xhci-hcd.0/usb1"
    tree.add_file(f"{usb}/speed", b"480\n")
    tree.add_link("/bus/usb/devices/usb1", usb)
    tree.add_link(f"{usb.rpartition('/')[0]}/driver", "/bus/platform/drivers/xhci-hcd")
    again = read_description(write_description(recorded(tree)))
    (root,) = read_usb(again)
    assert "xhci-hcd" == root.root_driver
    assert "xhci-hcd.0" == root.controller


def test_umockdev_loads_what_is_written(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """The description of a machine, DMI names among what was read, is one that umockdev-run replays."""
    program = needs_program("umockdev-run", package="umockdev")
    record = recorded(memory_tree())
    record.read("/class/dmi/id", "sys_vendor")
    description = tmp_path / "machine.umockdev"
    description.write_text("\n".join(write_description(record)) + "\n", encoding="ascii")
    script = "import sys; [print(open(f'/sys{path}').read(), end='') for path in sys.argv[1:]]"
    files = [f"{HUB}/speed", f"{HUB}/power/control", f"{ROOT}/2-0:1.0/usb2-port1/connect_type", f"{HUB}/manufacturer"]
    found = subprocess.run(
        [program, "-d", str(description), "--", sys.executable, "-X", "utf8", "-c", script, *files],
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert "5000\nauto\nhotplug\nGröße & Söhne\n" == found.stdout


def test_a_live_check_inside_umockdev_finds_the_same(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """The Edge TPUs that a live check sees in a replay are those that the file gives."""
    program = needs_program("umockdev-run", package="umockdev")
    description = tmp_path / "machine.umockdev"
    tree = DirectoryTree(str(write_folder(tmp_path / "sys")), contained=True)
    description.write_text("\n".join(write_description(recorded(tree))) + "\n", encoding="ascii")
    doctor = [sys.executable, "-m", "etpu_doctor", "check", "--json", "--fail-on", "never"]
    commands = [[program, "-d", str(description), "--", *doctor], [*doctor, "--from", str(description)]]
    reports = []
    for command in commands:
        done = subprocess.run(command, check=False, capture_output=True, timeout=120)
        assert b"" == done.stderr
        reports.append(json.loads(done.stdout))
    assert ["live", "capture"] == [report["source"]["kind"] for report in reports]
    assert 2 == len(reports[0]["edge_tpus"])
    assert reports[1]["edge_tpus"] == reports[0]["edge_tpus"]
