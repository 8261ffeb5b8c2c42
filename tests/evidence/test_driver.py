"""What the live host shows of the PCIe driver."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.driver import SECURE_BOOT, command_words, forbids, listed_path, read_driver
from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.driver import Driver, KernelModule
from tests.support.driver import FOLDER, RELEASE
from tests.support.elf import files_below

DEP = f"{FOLDER}/modules.dep"
DKMS_DEP = """kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko
updates/dkms/apex.ko.xz: updates/dkms/gasket.ko.xz
updates/dkms/gasket.ko.xz:
"""
DKMS_TREE: dict[str, bytes | str] = {
    "/var/lib/dkms/gasket/1.0/source": "->/usr/src/gasket-1.0",
    f"/var/lib/dkms/gasket/1.0/{RELEASE}/x86_64/module/apex.ko": b"",
    f"/var/lib/dkms/gasket/kernel-{RELEASE}-x86_64": f"->1.0/{RELEASE}/x86_64",
}


def read(tmp_path: Path, contents: dict[str, bytes | str], release: str | None = RELEASE) -> Driver:
    """The driver below a root with these files."""
    return read_driver(files_below(tmp_path, contents), release)[0]


def apex(driver: Driver) -> KernelModule:
    """What is known of apex."""
    assert ("gasket", "apex") == tuple(module.name for module in driver.modules)
    return driver.modules[1]


def missing(tmp_path: Path, contents: dict[str, bytes | str], release: str | None = RELEASE) -> list[str]:
    """What could not be read."""
    return [each.what for each in read_driver(files_below(tmp_path, contents), release)[1]]


def test_from_dkms(tmp_path: Path) -> None:
    """A module of DKMS that is loaded: its file, its version, and that the list knows it."""
    found = read(tmp_path, {DEP: DKMS_DEP, "/sys/module/apex/version": "1.2\n", "/sys/module/usbcore/version": ""})
    assert apex(found) == KernelModule(
        name="apex",
        loaded=True,
        version="1.2",
        in_modules_dep=True,
        file=f"{FOLDER}/updates/dkms/apex.ko.xz",
        origin="dkms",
    )
    assert (False, None, f"{FOLDER}/updates/dkms/gasket.ko.xz") == (
        found.modules[0].loaded,
        found.modules[0].version,
        found.modules[0].file,
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("kernel/drivers/staging/gasket/apex.ko", "in-tree"),
        ("updates/dkms/apex.ko.zst", "dkms"),
        ("extra/apex.ko.xz", "other"),
        ("apex.ko", "other"),
        (f"{FOLDER}/kernel/drivers/staging/gasket/apex.ko", "in-tree"),
    ],
)
def test_origins(tmp_path: Path, path: str, expected: str) -> None:
    """The folder tells where a module is from; old lists give whole paths."""
    found = apex(read(tmp_path, {DEP: f"{path}:\n"}))
    assert (expected, f"{FOLDER}/{path.removeprefix(FOLDER + '/')}") == (found.origin, found.file)


def test_dkms_may_install_elsewhere(tmp_path: Path) -> None:
    """Where DKMS says that it installed for this kernel, a module in another folder is its own."""
    assert "dkms" == apex(read(tmp_path, {DEP: "extra/apex.ko.xz:\n", **DKMS_TREE})).origin


def test_built_into_the_kernel(tmp_path: Path) -> None:
    """A driver that is part of the kernel has no file."""
    builtin = "kernel/drivers/staging/gasket/gasket.ko\nkernel/drivers/staging/gasket/apex.ko\n"
    found = apex(read(tmp_path, {DEP: "", f"{FOLDER}/modules.builtin": builtin}))
    assert ("in-tree", None, False) == (found.origin, found.file, found.in_modules_dep)


def test_a_file_that_the_list_does_not_know(tmp_path: Path) -> None:
    """A module that was copied there without depmod is found, and the list is said not to know it."""
    found = apex(read(tmp_path, {DEP: "kernel/a.ko:\n", f"{FOLDER}/updates/dkms/apex.ko.zst": b""}))
    assert (False, f"{FOLDER}/updates/dkms/apex.ko.zst", "dkms") == (found.in_modules_dep, found.file, found.origin)


def test_nothing_installed(tmp_path: Path) -> None:
    """Absent is known where the list and the folder are there."""
    found = apex(read(tmp_path, {DEP: "kernel/a.ko:\n", "/sys/module/usbcore/version": ""}))
    assert KernelModule(name="apex", loaded=False, in_modules_dep=False) == found


def test_a_container(tmp_path: Path) -> None:
    """Without the folder of the running kernel nothing is known of its modules, but what is loaded is."""
    contents: dict[str, bytes | str] = {"/sys/module/apex/version": "1.2\n", "/lib/modules/5.0/modules.dep": DKMS_DEP}
    found = read(tmp_path, contents)
    assert KernelModule(name="apex", loaded=True, version="1.2") == apex(found)
    assert (None, None) == (found.headers_present, found.secure_boot)
    assert ["kernel modules of the running kernel", "Secure Boot state"] == missing(tmp_path, {})


@pytest.mark.parametrize("release", [None, "", "../../etc", "..", "a/b"])
def test_no_release(tmp_path: Path, release: str | None) -> None:
    """A release that is none leads nowhere."""
    found = apex(read(tmp_path, {DEP: DKMS_DEP}, release))
    assert (None, None, None) == (found.in_modules_dep, found.file, found.origin)


def test_no_sysfs(tmp_path: Path) -> None:
    """Without /sys/module it is not known whether anything is loaded."""
    assert apex(read(tmp_path, {DEP: DKMS_DEP})).loaded is None


def test_other_places_of_modules(tmp_path: Path) -> None:
    """NixOS keeps the modules of the running kernel elsewhere."""
    folder = f"/run/booted-system/kernel-modules/lib/modules/{RELEASE}"
    assert f"{folder}/extra/apex.ko" == apex(read(tmp_path, {f"{folder}/modules.dep": "extra/apex.ko:\n"})).file


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, False),
        ({f"{FOLDER}/build": f"->/usr/src/linux-headers-{RELEASE}"}, False),
        (
            {
                f"{FOLDER}/build": "->/usr/src/elsewhere",
                "/usr/src/elsewhere/Makefile": "",
            },
            True,
        ),
        ({f"{FOLDER}/build/Makefile": ""}, True),
        ({f"/usr/src/linux-headers-{RELEASE}/Makefile": ""}, True),
        ({f"/usr/src/kernels/{RELEASE}/Makefile": ""}, True),
    ],
)
def test_headers(tmp_path: Path, extra: dict[str, bytes | str], expected: bool) -> None:
    """Headers are present where their Makefile is; a link is followed below the root, and may lead nowhere."""
    assert expected is read(tmp_path, {DEP: "", **extra}).headers_present


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({SECURE_BOOT: b"\x06\0\0\0\x01"}, True),
        ({SECURE_BOOT: b"\x06\0\0\0\x00"}, False),
        ({SECURE_BOOT: b"\x01"}, None),
        ({SECURE_BOOT: b""}, None),
        ({"/sys/firmware/efi/efivars/other": b""}, None),
        ({"/sys/firmware/acpi/tables/DSDT": b""}, False),
        ({}, None),
    ],
)
def test_secure_boot(tmp_path: Path, contents: dict[str, bytes | str], expected: bool | None) -> None:
    """The fifth byte tells; a machine that UEFI did not start has none; what is hidden or cut is unknown."""
    assert expected is read(tmp_path, contents).secure_boot
    assert (expected is None) == ("Secure Boot state" in missing(tmp_path, {}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[none] integrity confidentiality\n", "none"),
        ("none [integrity] confidentiality\n", "integrity"),
        ("none integrity\n", None),
        ("[]", None),
        ("", None),
    ],
)
def test_lockdown(tmp_path: Path, text: str, expected: str | None) -> None:
    """The state in brackets is the one in force."""
    assert expected == read(tmp_path, {"/sys/kernel/security/lockdown": text}).lockdown


@pytest.mark.parametrize(("text", "expected"), [("Y\n", True), ("N\n", False), ("?", None), ("", None)])
def test_signatures(tmp_path: Path, text: str, expected: bool | None) -> None:
    """Whether the kernel takes signed modules only."""
    assert expected is read(tmp_path, {"/sys/module/module/parameters/sig_enforce": text}).signatures_enforced


def test_the_command_line(tmp_path: Path) -> None:
    """It is split into words; without the file it is unknown."""
    assert ("quiet", "pcie_aspm=off") == read(tmp_path, {"/proc/cmdline": "quiet  pcie_aspm=off\n"}).command_line
    assert read(tmp_path / "empty", {}).command_line is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quiet root=UUID=0a1b ip=10.0.0.2 pci=nomsi", ["quiet", "root=…", "ip=…", "pci=nomsi"]),
        ("vfio-pci.ids=1ac1:089a gasket.dma_bit_mask=32", ["vfio-pci.ids=1ac1:089a", "gasket.dma_bit_mask=32"]),
        ('systemd.set_credential="a secret" quiet', ["systemd.set_credential=…", "quiet"]),
        ('pci="nomsi,x y"z ro', ["pci=nomsi,x yz", "ro"]),
        ('x "q r"', ["x", "q r"]),
        ('a="not closed secret', ["a=…"]),
        ("quiet -- --user me", ["quiet"]),
        (" \n", []),
        ("", []),
    ],
)
def test_what_is_kept_of_the_command_line(text: str, expected: list[str]) -> None:
    """Values that no rule needs do not get into the evidence, those in quotes neither; what is for init is left out."""
    assert expected == command_words(text)


@given(st.text())
def test_any_command_line_is_answered(text: str) -> None:
    """No text makes the splitting fail, and no word is empty."""
    assert all(command_words(text))


@given(st.text(alphabet="0123456789abcdef", min_size=8), st.sampled_from(["", " "]))
def test_no_secret_is_kept(secret: str, blank: str) -> None:
    """A value stays out, in quotes or not."""
    words = command_words(f'ro rd.luks.key="{secret}{blank}{secret}" cryptkey={secret} pcie_aspm=off')
    assert ["ro", "rd.luks.key=…", "cryptkey=…", "pcie_aspm=off"] == words


def test_blacklists(tmp_path: Path) -> None:
    """Each place is named by file and line, the kernel's command line too."""
    contents: dict[str, bytes | str] = {
        "/etc/modprobe.d/a.conf": "# blacklist apex\nblacklist gasket\nblacklist apex\n",
        "/usr/lib/modprobe.d/b.conf": "install gasket /bin/false\n",
        "/etc/modprobe.d/c.conf.bak": "blacklist apex\n",
        "/proc/cmdline": "quiet modprobe.blacklist=nouveau,apex\n",
    }
    assert ("/etc/modprobe.d/a.conf:3", "/usr/lib/modprobe.d/b.conf:1", "/proc/cmdline") == read(
        tmp_path, contents
    ).blacklisted_in


def test_a_file_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    """What the administrator wrote hides the distribution's file of that name."""
    contents: dict[str, bytes | str] = {
        "/etc/modprobe.d/a.conf": "# nothing\n",
        "/usr/lib/modprobe.d/a.conf": "blacklist apex\n",
    }
    assert () == read(tmp_path, contents).blacklisted_in


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("module_blacklist=gasket", True),
        ("module_blacklist=nouveau,apex", True),
        ("modprobe.blacklist=gasket", False),
        ("modprobe.blacklist=apexes", False),
        ("apex", False),
    ],
)
def test_words_of_the_command_line(tmp_path: Path, word: str, expected: bool) -> None:
    """The kernel refuses either module by name; modprobe's own list only matters for apex."""
    assert expected == bool(read(tmp_path, {"/proc/cmdline": word}).blacklisted_in)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("blacklist apex", True),
        ("  blacklist\tapex  # for the VM", True),
        ("blacklist gasket", False),
        ("#blacklist apex", False),
        ("install apex /bin/true", True),
        ("install gasket /bin/false", True),
        ("install apex /sbin/modprobe --ignore-install apex", False),
        ("options apex temp_poll_interval=1000", False),
        ("install apex", False),
        ("", False),
    ],
)
def test_lines_of_modprobe(line: str, expected: bool) -> None:
    """A blacklisted gasket is no obstacle, since apex pulls it in; a command that does nothing is one."""
    assert expected is forbids(line)


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (b"a/apex.ko: b/gasket.ko\n", "a/apex.ko"),
        (b"a/gasket.ko:\nx/apex.ko.gz:", "x/apex.ko.gz"),
        (b"a/other.ko: b/apex.ko\n", None),
        (b"a/synapex.ko:\nb/apex.ko:\n", "b/apex.ko"),
        (b"apex.ko:", "apex.ko"),
        (b"a/apex.ko/x.ko:\n", None),
        (b"", None),
    ],
)
def test_the_list_of_modules(listing: bytes, expected: str | None) -> None:
    """Only the file itself counts, not a module that needs it, nor one whose name ends alike."""
    assert expected == listed_path(listing, "apex")


@given(st.binary(), st.sampled_from(["apex", "gasket"]))
def test_any_list_is_answered(listing: bytes, name: str) -> None:
    """No bytes make the search fail."""
    found = listed_path(listing, name)
    assert found is None or name in found


@given(st.lists(st.sampled_from(["a/apex.ko", "b/other.ko", "c/gasket.ko", "apex.ko.xz"]), max_size=8))
def test_the_first_of_a_list_counts(paths: list[str]) -> None:
    """Whatever else is listed, the first line of the module is the answer."""
    listing = "".join(f"{path}: d/apex.ko\n" for path in paths).encode()
    assert next((path for path in paths if "apex.ko" in path), None) == listed_path(listing, "apex")


def test_a_list_of_one_long_line() -> None:
    """A line of megabytes is gone through once."""
    assert listed_path(b"a/x.ko: " + b"apex.ko " * 300_000, "apex") is None


def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    """A named pipe or a folder in the place of a file is neither waited for nor an error."""
    for path in (DEP, SECURE_BOOT, "/proc/cmdline", "/etc/modprobe.d/a.conf"):
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(place)
    (tmp_path / "sys/kernel/security/lockdown").mkdir(parents=True)
    found, _ = read_driver(Files(str(tmp_path)), RELEASE)
    assert (None, None, None, ()) == (found.secure_boot, found.lockdown, found.command_line, found.blacklisted_in)


def test_this_host() -> None:
    """The live host is read without a fault, and what was read can be written as JSON."""
    driver, _ = read_driver(Files(), os.uname().release)
    assert driver == msgspec.json.decode(msgspec.json.encode(driver), type=Driver)
