"""The rules on the driver, on temperature and on boards together: what holds for all, and whole machines from files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.board import read_board
from etpu_doctor.evidence.driver import SECURE_BOOT, read_driver
from etpu_doctor.evidence.sysfs import MemoryTree
from etpu_doctor.facts.board import Board
from etpu_doctor.facts.driver import DkmsState, Driver, KernelModule
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.kernel_log import KernelLog
from etpu_doctor.knowledge.boards import known_boards
from etpu_doctor.report.report import Cause
from etpu_doctor.rules.driver import (
    apex_module_not_loaded,
    gasket_build_failure,
    gasket_not_installed,
    in_tree_driver_conflict,
    page_size_16k,
    secure_boot_module_signing,
)
from etpu_doctor.rules.finding import Finding, Remedy
from etpu_doctor.rules.pci import board_pcie
from etpu_doctor.rules.power import board_budget
from etpu_doctor.rules.thermal import dead_sensor, throttled
from tests.support.driver import ADDRESS, FOLDER, RELEASE, idle, log, machine
from tests.support.elf import files_below
from tests.support.facts import apex, card, root, tpu

DRIVER_RULES = (
    gasket_not_installed,
    gasket_build_failure,
    apex_module_not_loaded,
    in_tree_driver_conflict,
    secure_boot_module_signing,
    page_size_16k,
)
ALL_RULES = (board_budget, board_pcie, *DRIVER_RULES, throttled, dead_sensor)
HEADINGS = ["What it means", "Why it matters", "How to fix", "What it cannot see", "Source"]
every_rule = pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.INFO.code)

DKMS_DEP = "updates/dkms/apex.ko.xz: updates/dkms/gasket.ko.xz\nupdates/dkms/gasket.ko.xz:\n"
EMPTY_DEP = "kernel/fs/ext4/ext4.ko:\n"
SYSFS: dict[str, bytes | str] = {"/sys/module/usbcore/version": "", "/sys/firmware/acpi/tables/DSDT": b""}
MAKE_LOG = f"""DKMS make.log for gasket-1.0 for kernel {RELEASE} (x86_64)
  CC [M]  /var/lib/dkms/gasket/1.0/build/gasket_interrupt.o
gasket_interrupt.c:161:25: error: too many arguments to function 'eventfd_signal'
make[2]: *** [scripts/Makefile.build:229: gasket_interrupt.o] Error 1
"""


def codes(tmp_path: Path, contents: dict[str, bytes | str], *facts: Any, **fields: Any) -> list[str]:
    """The findings of a machine whose driver is read from files, as code and severity."""
    files = files_below(tmp_path, {**SYSFS, **contents})
    driver, _ = read_driver(files, RELEASE)
    built = machine(*facts, driver=driver, **fields)
    return [f"{each.code} {each.severity}" for rule in DRIVER_RULES for each in rule.check(built)]


@every_rule
def test_a_rule_is_described(rule: Any) -> None:
    """A name of the closed list, a summary in a sentence, and five headings with something below each."""
    info = rule.INFO
    assert info.name in get_args(Cause)
    assert info.summary.endswith(".")
    assert HEADINGS == re.findall(r"^## (.+)$", info.documentation, re.MULTILINE)
    assert all(body.strip() for body in re.split(r"^## .+$", info.documentation, flags=re.MULTILINE)[1:])


def test_the_name_of_a_file_is_that_of_its_rule() -> None:
    """Who looks for a rule of the driver by its name finds it in the file of that name."""
    names = [rule.__name__.rpartition(".")[2].replace("_", "-") for rule in DRIVER_RULES]
    assert names == [rule.INFO.name for rule in DRIVER_RULES]


def test_a_fresh_machine(tmp_path: Path) -> None:
    """A card, and nobody installed anything."""
    assert ["ETD501 error"] == codes(tmp_path, {f"{FOLDER}/modules.dep": EMPTY_DEP}, idle())


def test_after_a_kernel_upgrade(tmp_path: Path) -> None:
    """DKMS built for the old kernel; the headers of the new one are missing."""
    old = "6.1.0-17-amd64"
    contents: dict[str, bytes | str] = {
        f"{FOLDER}/modules.dep": EMPTY_DEP,
        f"/var/lib/dkms/gasket/1.0/{old}/x86_64/module/apex.ko": b"",
        f"/var/lib/dkms/gasket/kernel-{old}-x86_64": f"->1.0/{old}/x86_64",
    }
    assert ["ETD501 error"] == codes(tmp_path, contents, idle())


def test_a_build_that_failed(tmp_path: Path) -> None:
    """One finding, the reason, and not that the driver is missing besides."""
    contents: dict[str, bytes | str] = {
        f"{FOLDER}/modules.dep": EMPTY_DEP,
        "/var/lib/dkms/gasket/1.0/build/make.log": MAKE_LOG,
    }
    assert ["ETD502 error"] == codes(tmp_path, contents, idle())


def test_just_installed(tmp_path: Path) -> None:
    """Built, and not loaded before the next start."""
    assert ["ETD503 error"] == codes(tmp_path, {f"{FOLDER}/modules.dep": DKMS_DEP}, idle())


def test_secure_boot(tmp_path: Path) -> None:
    """Not loaded on a locked kernel: that it is not loaded, and a suspicion why."""
    contents: dict[str, bytes | str] = {
        f"{FOLDER}/modules.dep": DKMS_DEP,
        SECURE_BOOT: b"\x06\0\0\0\x01",
        "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
    }
    assert ["ETD503 error", "ETD505 warning"] == codes(tmp_path / "one", contents, idle())
    lines = log(("module-signature-rejected", "secure-boot-module-signing"))
    assert ["ETD503 error", "ETD505 error"] == codes(tmp_path / "two", contents, idle(), kernel_log=lines)


def test_prepared_for_a_virtual_machine(tmp_path: Path) -> None:
    """The usual set-up of a passthrough host: the driver is forbidden, vfio-pci has the card. A note, no fault."""
    contents: dict[str, bytes | str] = {
        f"{FOLDER}/modules.dep": EMPTY_DEP,
        "/etc/modprobe.d/vfio.conf": "options vfio-pci ids=1ac1:089a\nblacklist gasket\nblacklist apex\n",
    }
    assert ["ETD503 info"] == codes(tmp_path, contents, card(ADDRESS, driver="vfio-pci"))


def test_a_healthy_machine(tmp_path: Path) -> None:
    """Installed, loaded, bound, 4 KiB pages: not a word."""
    contents: dict[str, bytes | str] = {
        f"{FOLDER}/modules.dep": DKMS_DEP,
        "/sys/module/apex/version": "1.2\n",
        "/sys/module/gasket/version": "1.1.4\n",
    }
    assert [] == codes(tmp_path, contents, card(ADDRESS), apex(0, ADDRESS, driver_version="1.2", temp="41800"))


def test_an_old_kernel(tmp_path: Path) -> None:
    """The kernel's own driver has the card."""
    contents: dict[str, bytes | str] = {
        f"{FOLDER}/modules.dep": "kernel/drivers/staging/gasket/apex.ko: kernel/drivers/staging/gasket/gasket.ko\n"
        "kernel/drivers/staging/gasket/gasket.ko:\n",
        "/sys/module/apex/version": "1.0\n",
    }
    assert ["ETD504 warning"] == codes(tmp_path, contents, card(ADDRESS), apex(0, ADDRESS, driver_version="1.0"))


def test_a_container(tmp_path: Path) -> None:
    """The card is idle, and where the modules are cannot be seen."""
    assert ["ETD503 error"] == codes(tmp_path, {}, idle())


def test_a_raspberry_pi_5(tmp_path: Path) -> None:
    """16 KiB pages, and a configuration that lacks two settings."""
    contents: dict[str, bytes | str] = {
        f"{FOLDER}/modules.dep": DKMS_DEP,
        "/sys/module/apex/version": "1.2\n",
        "/boot/firmware/config.txt": "dtparam=pciex1\n",
    }
    model = "Raspberry Pi 5 Model B Rev 1.0"
    board = read_board(files_below(tmp_path, contents), MemoryTree(), model)
    host = Host(kernel_release=RELEASE, page_size_bytes=16384, board_model=model)
    assert ["ETD506 error"] == codes(tmp_path / "x", contents, card(ADDRESS), host, board=board)
    assert ["info"] == [each.severity for each in board_pcie.check(machine(card(ADDRESS), host, board=board))]


FLAGS = st.sampled_from([True, False, None])
MODULES = st.builds(
    KernelModule,
    name=st.sampled_from(["gasket", "apex"]),
    loaded=FLAGS,
    version=st.sampled_from(["1.0", "1.2", None]),
    in_modules_dep=FLAGS,
    file=st.sampled_from([f"{FOLDER}/updates/dkms/apex.ko", None]),
    origin=st.sampled_from(["dkms", "in-tree", "other", None]),
)
STATES = st.builds(
    DkmsState,
    package_version=st.sampled_from(["1.0-18", None]),
    source_present=FLAGS,
    status=st.dictionaries(st.sampled_from([RELEASE, "6.12"]), st.sampled_from(["built", "installed"])),
    build_error=st.sampled_from([None, "error: x", "error: 'no_llseek' undeclared"]) | st.text(),
    build_error_where=st.sampled_from([None, "/a/make.log:3", "make.log"]) | st.text(),
    build_kernel=st.sampled_from([None, RELEASE, "6.12"]),
)
DRIVERS = st.none() | st.builds(
    Driver,
    modules=st.lists(MODULES, max_size=2).map(tuple),
    dkms=st.none() | STATES,
    headers_present=FLAGS,
    secure_boot=FLAGS,
    lockdown=st.sampled_from([None, "none", "integrity"]),
    signatures_enforced=FLAGS,
    command_line=st.none() | st.lists(st.text(), max_size=2).map(tuple),
    blacklisted_in=st.lists(st.sampled_from(["/etc/modprobe.d/a.conf:1", "/proc/cmdline"]) | st.text(), max_size=2).map(
        tuple
    ),
)
CARDS = st.builds(
    idle,
    st.just(ADDRESS),
    driver_known=st.booleans(),
    config_all_ones=FLAGS,
    modules=st.sampled_from([(), ("apex",)]),
)
BOUND = st.builds(card, st.just("0000:04:00.0"), driver=st.sampled_from(["apex", "vfio-pci", "x"]))
NODES = st.builds(
    lambda attributes: apex(0, ADDRESS, **attributes),
    st.dictionaries(
        st.sampled_from(["temp", "trip_point0_temp", "driver_version", "temp_poll_interval"]),
        st.sampled_from(["-89700", "41800", "86000", "120000", "0", "1.0", ""]),
    ),
)
STICKS = st.sampled_from([tpu("2-1"), tpu("2-2", dfu=True)])
FACTS = st.tuples(st.just(root(2)), st.lists(CARDS, max_size=1), st.lists(BOUND | NODES | STICKS, max_size=3)).map(
    lambda parts: [parts[0], *parts[1], *parts[2]]
)
BOARDS = st.none() | st.builds(
    Board,
    name=st.sampled_from([None, *(board.name for board in known_boards())]),
    model=st.none() | st.text(),
    usb_max_current_enabled=FLAGS,
    firmware_config=st.none()
    | st.lists(st.sampled_from(["dtparam=pciex1", "kernel=kernel8.img"]) | st.text()).map(tuple),
    firmware_config_path=st.sampled_from([None, "/boot/config.txt"]),
)
LOGS = st.none() | st.lists(
    st.tuples(st.text(), st.sampled_from([None, *(rule.INFO.name for rule in ALL_RULES)])), max_size=3
).map(lambda lines: log(*lines))


@given(FACTS, DRIVERS, BOARDS, LOGS, st.sampled_from([None, 4096, 16384]))
def test_any_machine_is_judged(
    facts: list[Any], driver: Driver | None, board: Board | None, lines: KernelLog | None, size: int | None
) -> None:
    """No mixture of facts makes a rule fail; findings name nodes that are there, and say what to do."""
    host = Host(kernel_release=RELEASE, page_size_bytes=size)
    unique = {getattr(fact, "address", None) or repr(fact): fact for fact in facts}
    built = machine(*unique.values(), host, driver=driver, board=board, kernel_log=lines)
    known = {each.id for each in built.edge_tpus}
    for rule in ALL_RULES:
        for found in rule.check(built):
            assert (rule.INFO.code, rule.INFO.name) == (found.code, found.rule)
            assert set(found.concerns) <= known
            assert re.match("[A-Z0-9]", found.title)
            assert "None" not in found.title + " ".join((found.remedy or Remedy(summary="")).steps)
            assert found.facts
            assert found.remedy is not None
            assert found == msgspec.json.decode(msgspec.json.encode(found), type=Finding)


@given(DRIVERS, LOGS)
def test_machines_with_sticks_only(driver: Driver | None, lines: KernelLog | None) -> None:
    """Whatever state the driver is in, a machine with sticks only does not need it."""
    built = machine(root(2), tpu("2-1"), driver=driver, kernel_log=lines)
    assert [] == [found for rule in DRIVER_RULES for found in rule.check(built)]


@given(DRIVERS)
def test_commands_are_safe(driver: Driver | None) -> None:
    """No text of the evidence gets into a command other than a plain path."""
    built = machine(idle(), driver=driver)
    for rule in DRIVER_RULES:
        for found in rule.check(built):
            assert found.remedy is not None
            for command in found.remedy.commands:
                assert re.fullmatch(r"[A-Za-z0-9 ./:_-]+", command.command)


CONTENTS = st.binary(max_size=200) | st.sampled_from(
    [b"apex.ko:\n", b"blacklist apex\n", MAKE_LOG.encode(), b"[integrity]"]
)
PATHS = (
    f"{FOLDER}/modules.dep",
    f"{FOLDER}/modules.builtin",
    f"{FOLDER}/build",
    "/sys/module/apex/version",
    "/sys/module/module/parameters/sig_enforce",
    "/sys/kernel/security/lockdown",
    SECURE_BOOT,
    "/proc/cmdline",
    "/proc/device-tree/chosen/power/usb_max_current_enable",
    "/etc/modprobe.d/a.conf",
    "/etc/os-release",
    "/var/lib/dkms/gasket/1.0/build/make.log",
    "/var/lib/dkms/gasket/kernel-x",
    "/var/lib/dpkg/info/gasket-dkms.list",
    "/var/lib/dpkg/status",
    "/boot/config.txt",
)


@given(contents=st.dictionaries(st.sampled_from(PATHS), CONTENTS))
def test_any_files_are_read(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes | str]) -> None:
    """No content of the files makes a reader fail, and what was read can be written as JSON."""
    files = files_below(tmp_path_factory.mktemp("root"), contents)
    driver, missing = read_driver(files, RELEASE)
    board = read_board(files, MemoryTree(), "Raspberry Pi 5 Model B Rev 1.0")
    assert driver == msgspec.json.decode(msgspec.json.encode(driver), type=Driver)
    assert board == msgspec.json.decode(msgspec.json.encode(board), type=Board)
    assert all(each.what and each.why and each.how for each in missing)
