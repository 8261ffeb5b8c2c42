"""What boards and appliances tell of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.board import USB_MAX_CURRENT, config_lines, read_board
from etpu_doctor.evidence.sysfs import DirectoryTree, MemoryTree
from etpu_doctor.facts.board import Board
from tests.support.elf import files_below

PI5 = "Raspberry Pi 5 Model B Rev 1.0"
PI4 = "Raspberry Pi 4 Model B Rev 1.4"
CONFIG = "/boot/firmware/config.txt"
THROTTLED = "/devices/platform/soc/soc:firmware/get_throttled"


def read(
    tmp_path: Path, contents: dict[str, bytes | str], model: str | None = PI5, tree: MemoryTree | None = None
) -> Board:
    """The board below a root with these files."""
    return read_board(files_below(tmp_path, contents), tree or MemoryTree(), model)


def sysfs(**files: bytes) -> MemoryTree:
    """A sysfs with two hwmon devices, the second of them the Raspberry Pi's."""
    tree = MemoryTree()
    tree.add_file("/class/hwmon/hwmon0/name", b"cpu_thermal\n")
    tree.add_file("/class/hwmon/hwmon1/name", b"rpi_volt\n")
    for name, content in files.items():
        tree.add_file(f"/class/hwmon/hwmon1/{name}", content)
    return tree


def test_no_raspberry_pi(tmp_path: Path) -> None:
    """Of other machines only the model is kept; no firmware configuration is looked for."""
    contents: dict[str, bytes | str] = {CONFIG: "dtparam=pciex1\n", USB_MAX_CURRENT: b"\0\0\0\x01"}
    assert Board(model="Intel NUC") == read(tmp_path, contents, "Intel NUC", sysfs(in0_lcrit_alarm=b"1\n"))
    assert Board() == read(tmp_path, contents, None)


def test_a_model_that_is_not_listed(tmp_path: Path) -> None:
    """A Raspberry Pi that the table does not have is read all the same."""
    found = read(tmp_path, {CONFIG: "dtparam=pciex1\n"}, "Raspberry Pi 500 Rev 1.0")
    assert (None, ("dtparam=pciex1",)) == (found.name, found.firmware_config)


def test_the_configuration(tmp_path: Path) -> None:
    """The lines that matter are kept, and where they stand."""
    found = read(tmp_path, {CONFIG: "# a comment\ndtparam=pciex1  # on\nkernel=kernel8.img\ngpu_mem=16\n"})
    assert ("raspberry-pi-5", CONFIG) == (found.name, found.firmware_config_path)
    assert ("dtparam=pciex1", "kernel=kernel8.img") == found.firmware_config


def test_the_older_place(tmp_path: Path) -> None:
    """Before bookworm the file stood elsewhere; where both are, the newer place counts."""
    old: dict[str, bytes | str] = {"/boot/config.txt": "kernel=old\n"}
    assert ("kernel=old",) == read(tmp_path / "one", old).firmware_config
    assert ("kernel=new",) == read(tmp_path / "two", {**old, CONFIG: "kernel=new\n"}).firmware_config


def test_no_configuration(tmp_path: Path) -> None:
    """Without the file nothing is known of it."""
    found = read(tmp_path, {})
    assert (None, None) == (found.firmware_config, found.firmware_config_path)


@pytest.mark.parametrize(
    ("content", "model", "expected"),
    [
        ("[pi4]\ndtparam=pciex1\n", PI5, ()),
        ("[pi4]\nkernel=a\n[pi5]\nkernel=b\n[all]\nkernel=c\n", PI5, ("kernel=b", "kernel=c")),
        ("[pi4]\nkernel=a\n", PI4, ("kernel=a",)),
        ("[pi4]\nkernel=a\n", "Raspberry Pi 400 Rev 1.0", ("kernel=a",)),
        ("[cm4]\nkernel=a\n", PI4, ()),
        ("[none]\nkernel=a\n", PI5, ()),
        ("[tryboot]\nkernel=a\n", PI5, ()),
        ("[0x12345678]\nkernel=a\n", PI5, ("kernel=a",)),
        ("[gpio4=1]\nkernel=a\n", PI5, ("kernel=a",)),
        (" [PI5] \n  kernel=a\r\n", PI5, ("kernel=a",)),
        ("dtparam=audio=on,pciex1\ndtparam=audio=on\n", PI5, ("dtparam=audio=on,pciex1",)),
        ("dtoverlay=pciex1-compat-pi5,no-mip\n", PI5, ("dtoverlay=pciex1-compat-pi5,no-mip",)),
        ("", PI5, ()),
    ],
)
def test_sections(content: str, model: str, expected: tuple[str, ...]) -> None:
    """Sections for other models are passed over; those that the model cannot decide are taken to hold."""
    assert expected == config_lines(content, model)


@given(st.text(), st.sampled_from([PI4, PI5]))
def test_any_configuration_is_answered(content: str, model: str) -> None:
    """No text makes the reading fail, and nothing is kept that is not in it."""
    lines = config_lines(content, model)
    assert all(line in content for line in lines)
    assert len(lines) <= 64


def test_a_hostile_configuration() -> None:
    """Many lines and long lines are bounded."""
    lines = config_lines(f"kernel={'x' * 100_000}\n" * 100, PI5)
    assert (64, 200) == (len(lines), max(map(len, lines)))


@pytest.mark.parametrize(
    ("decided", "config", "model", "expected"),
    [
        (b"\0\0\0\x01", "", PI5, True),
        (b"\0\0\0\0", "", PI5, False),
        (b"\0\0\0\0", "usb_max_current_enable=1\n", PI5, False),
        (b"\x01", "", PI5, None),
        (None, "usb_max_current_enable=1\n", PI5, True),
        (None, "usb_max_current_enable=0\n", PI5, None),
        (None, "", PI5, None),
        (None, "usb_max_current_enable=1\n", PI4, None),
        (None, "max_usb_current=1\n", "Raspberry Pi 2 Model B Rev 1.1", True),
        (None, "max_usb_current=1\n", PI4, None),
    ],
)
def test_the_limit_of_the_sockets(
    tmp_path: Path, decided: bytes | None, config: str, model: str, expected: bool | None
) -> None:
    """What the firmware decided counts before what it was told; where it was told nothing, the supply decides."""
    contents: dict[str, bytes | str] = {CONFIG: config}
    if decided is not None:
        contents[USB_MAX_CURRENT] = decided
    assert expected is read(tmp_path, contents, model).usb_max_current_enabled


@pytest.mark.parametrize(("content", "expected"), [(b"1\n", True), (b"0\n", False), (b"x\n", None), (b"", None)])
def test_undervoltage(tmp_path: Path, content: bytes, expected: bool | None) -> None:
    """The alarm of the board's own sensor; what is no number is unknown."""
    assert expected is read(tmp_path, {}, PI5, sysfs(in0_lcrit_alarm=content)).undervoltage_now


def test_no_sensor(tmp_path: Path) -> None:
    """Without the sensor, and without its alarm, nothing is known."""
    assert read(tmp_path, {}).undervoltage_now is None
    assert read(tmp_path, {}, PI5, sysfs()).undervoltage_now is None


@pytest.mark.parametrize(("content", "expected"), [(b"50005\n", 0x50005), (b"0\n", 0), (b"no\n", None)])
def test_throttled(tmp_path: Path, content: bytes, expected: int | None) -> None:
    """Older kernels of Raspberry Pi OS show the bits of ``get_throttled``, in hexadecimal."""
    tree = MemoryTree()
    tree.add_file(THROTTLED, content)
    assert expected == read(tmp_path, {}, PI4, tree).throttled


def test_from_a_folder(tmp_path: Path) -> None:
    """The kernel lists hwmon devices as links, and so they are read."""
    files = files_below(
        tmp_path,
        {
            "/sys/devices/platform/volt/hwmon/hwmon3/name": "rpi_volt\n",
            "/sys/devices/platform/volt/hwmon/hwmon3/in0_lcrit_alarm": "1\n",
            "/sys/class/hwmon/hwmon3": "->../../devices/platform/volt/hwmon/hwmon3",
        },
    )
    assert read_board(files, DirectoryTree(str(tmp_path / "sys"), contained=True), PI5).undervoltage_now is True


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("/etc/synoinfo.conf", "", "synology"),
        ("/etc/unraid-version", 'version="7.0.0"\n', "unraid"),
        ("/usr/bin/midclt", "", "truenas"),
        ("/usr/bin/pveversion", "", "proxmox"),
        ("/etc/openmediavault/config.xml", "", "openmediavault"),
        ("/etc/os-release", 'NAME="Home Assistant OS"\n', "haos"),
        ("/etc/os-release", 'NAME="Debian GNU/Linux"\n', None),
    ],
)
def test_appliances(tmp_path: Path, path: str, content: str, expected: str | None) -> None:
    """An appliance is known by a file that only it has, on any board."""
    assert expected == read(tmp_path, {path: content}, "Intel NUC").appliance
    assert expected == read(tmp_path, {path: content}, PI5).appliance
