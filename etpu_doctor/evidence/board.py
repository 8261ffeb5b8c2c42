"""Raspberry Pi boards and appliances: what they are, and what their firmware says of power and PCIe."""

from __future__ import annotations

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.sysfs import SysfsTree, integer, text
from etpu_doctor.facts.board import Board

CONFIG_PATHS = ("/boot/firmware/config.txt", "/boot/config.txt")
"""Raspberry Pi OS since 12 (bookworm), and before. The older place may hold a note that points to the newer one."""

USB_MAX_CURRENT = "/proc/device-tree/chosen/power/usb_max_current_enable"
"""What the firmware of a Raspberry Pi 5 decided at the start: 32 bits, big-endian; 0 limits the sockets to 600 mA
(Raspberry Pi documentation, "Device trees, overlays and parameters")."""

_FAMILY = "Raspberry Pi"
_CONFIG_LIMIT_BYTES = 1 << 18
_LINES_LIMIT = 64
_LINE_LIMIT = 200
_WORTH_KEEPING = (
    "dtoverlay=pcie",
    "kernel=",
    "arm_64bit=",
    "usb_max_current_enable=",
    "max_usb_current=",
)

_FILTERS: dict[str, str | tuple[str, ...]] = {
    "pi1": "Raspberry Pi Model",
    "pi2": "Raspberry Pi 2",
    "pi3": ("Raspberry Pi 3", "Raspberry Pi Compute Module 3"),
    "pi3+": "Raspberry Pi 3",
    "pi4": ("Raspberry Pi 4", "Raspberry Pi 400", "Raspberry Pi Compute Module 4"),
    "pi400": "Raspberry Pi 400",
    "pi5": ("Raspberry Pi 5", "Raspberry Pi Compute Module 5"),
    "pi500": "Raspberry Pi 500",
    "cm1": "Raspberry Pi Compute Module Rev",
    "cm3": "Raspberry Pi Compute Module 3",
    "cm3+": "Raspberry Pi Compute Module 3 Plus",
    "cm4": "Raspberry Pi Compute Module 4",
    "cm4s": "Raspberry Pi Compute Module 4S",
    "cm5": "Raspberry Pi Compute Module 5",
    "pi0": "Raspberry Pi Zero",
    "pi0w": "Raspberry Pi Zero W",
    "pi02": "Raspberry Pi Zero 2",
}
"""Model filters of ``config.txt`` and the models that they let pass (Raspberry Pi documentation, "Conditional
filters")."""

_APPLIANCES = (
    ("synology", "/etc/synoinfo.conf", ""),  # Synology DSM's configuration file
    ("unraid", "/etc/unraid-version", ""),  # github.com/unraid/webgui
    ("truenas", "/usr/bin/midclt", ""),  # github.com/truenas/middleware
    ("proxmox", "/usr/bin/pveversion", ""),  # package pve-manager
    ("openmediavault", "/etc/openmediavault/config.xml", ""),  # openmediavault documentation
    ("haos", "/etc/os-release", "Home Assistant OS"),  # github.com/home-assistant/operating-system
)
"""Appliance, the file that tells it, and what the file must hold. No knowledge file: these are asked on every host."""


def read_board(files: Files, tree: SysfsTree, model: str | None) -> Board:
    """The board and the appliance. ``model`` is the firmware's name of the board (``Host.board_model``)."""
    appliance = _appliance(files)
    if model is None or not model.startswith(_FAMILY):
        return Board(model=model, appliance=appliance)
    # Imported here: no other board is in the table, and parsing it takes longer than all readers here.
    from etpu_doctor.knowledge.boards import board_of  # noqa: PLC0415 - see above

    known = board_of(model)
    path, lines = _firmware_config(files, model)
    return Board(
        name=known.name if known is not None else None,
        model=model,
        usb_max_current_enabled=_usb_max_current(files, known.lifted_by if known else "", lines),
        undervoltage_now=_undervoltage(tree),
        throttled=integer(text(tree.read("/devices/platform/soc/soc:firmware", "get_throttled")), 16),
        firmware_config=lines,
        firmware_config_path=path,
        appliance=appliance,
    )


def _appliance(files: Files) -> str | None:
    for name, path, content in _APPLIANCES:
        if files.exists(path) and (not content or content in (files.text(path, 4096) or "")):
            return name
    return None


def _firmware_config(files: Files, model: str) -> tuple[str | None, tuple[str, ...] | None]:
    for path in CONFIG_PATHS:
        content = files.text(path, _CONFIG_LIMIT_BYTES)
        if content is not None:
            return path, config_lines(content, model)
    return None, None


def config_lines(content: str, model: str) -> tuple[str, ...]:
    """The lines of ``config.txt`` that matter and that hold for this model, without blanks and comments.

    A filter that cannot be judged from the model alone (a serial number, a pin's level) is taken to let pass.
    """
    found: list[str] = []
    applies = True
    for raw in content.split("\n"):
        line = raw.partition("#")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            applies = _filter_applies(line[1:-1].strip().lower(), model)
        elif applies and _is_worth_keeping(line) and len(found) < _LINES_LIMIT:
            found.append(line[:_LINE_LIMIT])
    return tuple(found)


def _is_worth_keeping(line: str) -> bool:
    """Settings of PCIe, of the kernel's pages, and of the current on USB."""
    return line.startswith(_WORTH_KEEPING) or (line.startswith("dtparam=") and ("pciex1" in line or "nvme" in line))


def _filter_applies(name: str, model: str) -> bool:
    if name in ("none", "tryboot"):
        return False
    starts = _FILTERS.get(name)
    return starts is None or model.startswith(starts)


def _usb_max_current(files: Files, lifted_by: str, lines: tuple[str, ...] | None) -> bool | None:
    """Whether the limit of the sockets is lifted: by what the firmware decided, else by what it was told.

    Where it was told nothing, the supply decides, and that is not known here.
    """
    decided = files.read(USB_MAX_CURRENT, 16)
    if decided is not None and len(decided) == 4:
        return any(decided)
    if lifted_by and lines is not None and lifted_by in (line.replace(" ", "") for line in lines):
        return True
    return None


def _undervoltage(tree: SysfsTree) -> bool | None:
    """The alarm of the Raspberry Pi's hwmon device (Linux ``drivers/hwmon/raspberrypi-hwmon.c``)."""
    for name in sorted(tree.entries("/class/hwmon")):
        folder = f"/class/hwmon/{name}"
        if text(tree.read(folder, "name")) == "rpi_volt":
            alarm = integer(text(tree.read(folder, "in0_lcrit_alarm")))
            return None if alarm is None else bool(alarm)
    return None
