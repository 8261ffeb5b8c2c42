"""``lspci`` for people and ``-mm``: headers, what follows them, what is not one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.formats.lspci import Lspci, LspciTree, parse_header
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from tests.support.lspci_text import (
    hex_dump,
    list_nn,
    list_nnk,
    list_vv,
    machines,
    quoted_mm,
    read,
    tree_tv,
)
from tests.support.recorder import Recorder

TPU_NN = "02:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]"
TPU = PciFunction(
    address="0000:02:00.0",
    domain_assumed=True,
    vendor_id=0x1AC1,
    device_id=0x089A,
    class_code=0x0880,
    class_name="System peripheral",
    vendor_name="Global Unichip Corp. Coral Edge TPU",
)
BLOCK = f"""\
{TPU_NN}
\tSubsystem: Global Unichip Corp. Coral Edge TPU [1ac1:089a]
\tKernel driver in use: apex
\tKernel modules: apex, gasket
"""
NEXT = "03:00.0 Ethernet controller [0200]: Intel Corporation I226-V [8086:125c] (rev 04)"


def only(text: str) -> PciFunction:
    """The one function in a text, without the place where it was seen."""
    return replace(read(Lspci, text).only, seen=())


def joined(function: PciFunction) -> str:
    """Vendor and device as the listings for people print them."""
    return f"{function.vendor_name} {function.device_name}"


def heads(functions: list[PciFunction], *, assumed: bool) -> list[PciFunction]:
    """What ``lspci -nn`` says of these functions."""
    return [
        PciFunction(
            address=each.address,
            domain_assumed=assumed,
            vendor_id=each.vendor_id,
            device_id=each.device_id,
            class_code=each.class_code,
            class_name=each.class_name,
            revision=each.revision,
            vendor_name=joined(each),
        )
        for each in functions
    ]


def is_plain(functions: list[PciFunction]) -> bool:
    """Whether lspci would leave the domain out."""
    return all(each.address.startswith("0000:") for each in functions)


def unseen(recorder: Recorder) -> list[PciFunction]:
    """The functions without the places where they were seen."""
    return [replace(each, seen=()) for each in recorder.functions]


def places(recorder: Recorder) -> list[tuple[object, ...]]:
    """Where each function of a tree sits, and what is behind it."""
    return [
        (each.address, each.parent, each.parent_known, each.secondary_bus, each.subordinate_bus)
        for each in recorder.functions
    ]


def test_a_line_with_names_and_numbers() -> None:
    """-nn gives class, numbers and names; nothing is known of the driver."""
    assert TPU == only(TPU_NN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("02:00.0 System peripheral: Global Unichip Corp. Coral Edge TPU", TPU, id="names only"),
        pytest.param(
            "02:00.0 System peripheral: Global Unichip Corp. Device 089a",
            replace(TPU, vendor_name="Global Unichip Corp. Device 089a"),
            id="old pci.ids",
        ),
        pytest.param(
            "02:00.0 System peripheral: Device 1ac1:089a", replace(TPU, vendor_name=None), id="not in pci.ids"
        ),
        pytest.param(
            "02:00.0 System peripheral [0880]: Device [1ac1:089a]", replace(TPU, vendor_name=None), id="ditto, -nn"
        ),
        pytest.param("02:00.0 0880: 1ac1:089a", replace(TPU, class_name=None, vendor_name=None), id="-n"),
        pytest.param("02:00.0 Class 0880: 1ac1:089a", replace(TPU, class_name=None, vendor_name=None), id="old -n"),
        pytest.param(
            "02:00.0 Class [ff00]: Device [1ac1:089a]",
            replace(TPU, class_code=0xFF00, class_name=None, vendor_name=None),
            id="unknown class",
        ),
        pytest.param(
            "02:00.0 Non-VGA unclassified device: Global Unichip Corp. Coral Edge TPU",
            replace(TPU, class_code=0x0000, class_name="Non-VGA unclassified device"),
            id="kernel without the class fixup",
        ),
        pytest.param(f"0000:{TPU_NN}", replace(TPU, domain_assumed=False), id="-D"),
        pytest.param(
            f"10000:{TPU_NN}", replace(TPU, address="10000:02:00.0", domain_assumed=False), id="domain of a VMD"
        ),
        pytest.param(f"{TPU_NN} (rev 02)", replace(TPU, revision=2), id="revision"),
        pytest.param(f"{TPU_NN} (rev 02) (prog-if ff)", replace(TPU, revision=2, prog_if=0xFF), id="-v"),
        pytest.param(
            f"{TPU_NN} (prog-if 30 [XHCI])", replace(TPU, prog_if=0x30), id="programming interface with a name"
        ),
        pytest.param(f"{TPU_NN} (rev ff)", replace(TPU, config_all_ones=True), id="fell off the bus"),
        pytest.param(
            f"{TPU_NN} (rev ff) (prog-if ff)", replace(TPU, config_all_ones=True, prog_if=0xFF), id="ditto, -v"
        ),
        pytest.param(f"{TPU_NN}   <--- this one", TPU, id="comment behind numbers"),
        pytest.param(
            "02:00.0 System peripheral: Global Unichip Corp. Coral Edge TPU <- here", TPU, id="comment behind a name"
        ),
        pytest.param(f"  * `{TPU_NN}`", TPU, id="list item"),
        pytest.param(f"me@host:~$ {TPU_NN}", TPU, id="prompt before"),
        pytest.param(TPU_NN.replace(" ", "\t", 1), TPU, id="tab behind the slot"),
        pytest.param(TPU_NN.replace("02:00.0", "02:00.0 ").replace("1ac1:089a", "1AC1:089A"), TPU, id="capitals"),
        pytest.param(
            '02:00.0 "System peripheral" "Global Unichip Corp." "Coral Edge TPU" -pff "Global Unichip Corp." "x"',
            replace(TPU, vendor_name="Global Unichip Corp.", device_name="Coral Edge TPU", prog_if=0xFF),
            id="-mm",
        ),
        pytest.param(
            '02:00.0 "0880" "1ac1" "089a" -rff -pff "1ac1" "089a"',
            replace(
                TPU,
                class_name=None,
                vendor_name=None,
                prog_if=0xFF,
                config_all_ones=True,
                subsystem_vendor_id=0x1AC1,
                subsystem_device_id=0x089A,
            ),
            id="-mmn, off the bus",
        ),
        pytest.param(
            r'02:00.0 "System peripheral [0880]" "A \"B\" \\ C [1ac1]" "D [089a]" "" ""',
            replace(TPU, vendor_name='A "B" \\ C', device_name="D"),
            id="-mmnn with escapes",
        ),
    ],
)
def test_forms_of_a_header(text: str, expected: PciFunction) -> None:
    """Every form of the line gives the same facts, as far as it has them."""
    assert expected == only(text)


def test_a_known_class_name_gives_its_number() -> None:
    """Without -nn the number follows from the name; capitals changed over the years."""
    assert (0x0C03, "USB Controller") == (
        (found := only("00:1a.0 USB Controller: Intel Corporation UHCI Controller #4 (rev 02)")).class_code,
        found.class_name,
    )


def test_a_name_may_hold_brackets_and_number_signs() -> None:
    """Brackets that are part of a name stay there, and ``#1`` is no comment."""
    found = only("00:02.0 VGA compatible controller [0300]: Intel UHD #1 [UHD Graphics 630] [8086:3e92] (rev 02)")
    assert ("Intel UHD #1 [UHD Graphics 630]", 0x3E92) == (found.vendor_name, found.device_id)


def test_an_elided_name_is_not_known() -> None:
    """Dots in place of a name are no name."""
    assert None is only("02:00.0 Ethernet controller: ...").vendor_name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12:30.5",
        "12:30.5 INFO worker: started",
        "02:00.0",
        "02:00.0 ",
        "02:00.0 was it: the card",
        "2024-01-01 02:00.0 System peripheral: x",
        "pci 0000:05:00.0: 2.000 Gb/s available PCIe bandwidth, limited by 2.5 GT/s PCIe x1 link at 0000:00:1c.5",
        "0000:05:00.0: 2.000 Gb/s available PCIe bandwidth",
        "[   12.5] apex 0000:01:00.0: Couldn't initialize interrupts: -22",
        "apex 0000:0b:00.0: Apex performance throttled due to temperature",
        "02:00.8 System peripheral: x",
        "02:20.0 System peripheral: x",
        "002:00.0 System peripheral: x",
        "0x:00.0 System peripheral: x",
        "+2:00.0 System peripheral: x",
        '02:00.0 "System peripheral"',
        "Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub",
        "/sys/devices/pci0000:00/0000:00:14.0/usb4/4-2",
    ],
)
def test_what_is_no_header(text: str) -> None:
    """Times, kernel messages and paths have slots in them and are not taken."""
    assert (None, False) == (parse_header(text), Lspci(Recorder()).starts(text))


def test_the_place_is_kept() -> None:
    """A line alone is seen as ``lspci``, a block as ``lspci-v``, with file and line of the header."""
    found = read(Lspci, f"some text\n{TPU_NN}\n{BLOCK}").functions
    assert [(Seen("lspci", "text-1", 2),), (Seen("lspci-v", "text-1", 3),)] == [each.seen for each in found]


def test_a_list_covers_pci_and_no_links() -> None:
    """Any listing covers the functions; links only where a link status was printed."""
    assert {"pci"} == read(Lspci, BLOCK).covers
    assert {"pci", "pci-links"} == read(Lspci, f"{BLOCK}\t\tLnkSta: Speed 5GT/s, Width x1\n").covers
    assert set() == read(Lspci, "nothing here").covers


def test_driver_and_modules() -> None:
    """-k tells the driver and the modules that would fit."""
    found = only(BLOCK)
    assert ("apex", True, ("apex", "gasket")) == (found.driver, found.driver_known, found.modules)
    assert (0x1AC1, 0x089A) == (found.subsystem_vendor_id, found.subsystem_device_id)


def test_modules_without_driver_mean_that_none_is_bound() -> None:
    """The driver is printed before the modules, so modules alone prove that there is no driver."""
    found = only(f"{TPU_NN}\n\tKernel modules: apex\n")
    assert (None, True, ("apex",)) == (found.driver, found.driver_known, found.modules)


def test_a_block_that_another_device_follows_is_whole() -> None:
    """Without a driver line, the next header proves that none is bound."""
    found = read(Lspci, f"{TPU_NN}\n\tSubsystem: Global Unichip Corp. Coral Edge TPU\n{NEXT}\n").functions[0]
    assert (None, True) == (found.driver, found.driver_known)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TPU_NN, id="no details"),
        pytest.param(f"{TPU_NN}\n{NEXT}", id="no details, another follows"),
        pytest.param(f"{TPU_NN}\n\tSubsystem: Global Unichip Corp. Coral Edge TPU", id="last block, may be cut"),
        pytest.param(f"{TPU_NN}\n\tSubsystem: Global Unichip Corp. Coral Edge TPU\n--\n{NEXT}", id="grep -A1"),
        pytest.param(f"{TPU_NN}\n\tSubsystem: Global Unichip Corp.\n\t...\n{NEXT}", id="elided"),
        pytest.param(f"{TPU_NN}\n\t\tLnkSta: Speed 5GT/s, Width x1\n{NEXT}", id="grep for links"),
        pytest.param(f"{TPU_NN}\n\tSubsystem: Global Unichip Corp.\n\nmore\n$ lspci\n{NEXT}", id="another command"),
        pytest.param(f"{TPU_NN}\n\tSubsystem: Global Unichip Corp.\n$ lspci\n{NEXT}", id="prompt"),
        pytest.param(f"{TPU_NN}\n\tControl: Mem+ BusMaster-\n\tCapabilities: [80] Express (v2) Endpoint", id="cut"),
        pytest.param(f"{TPU_NN}\n00: c1 1a 9a 08\n10: 00 00 00 00\n{NEXT}", id="-x prints no driver"),
    ],
)
def test_when_the_lack_of_a_driver_line_proves_nothing(text: str) -> None:
    """A block that may be cut, elided or filtered leaves the driver unknown."""
    found = read(Lspci, text).functions[0]
    assert (None, False) == (found.driver, found.driver_known)


def test_a_last_block_with_capabilities_and_its_blank_line_is_whole() -> None:
    """A blank line ends each device of lspci -v: the driver would have stood before it."""
    found = only(f"{TPU_NN}\n\tFlags: fast devsel\n\tCapabilities: <access denied>\n\n")
    assert (None, True) == (found.driver, found.driver_known)


def test_another_file_ends_the_block() -> None:
    """What begins in the next file neither continues nor completes the block before."""
    block = f"{TPU_NN}\n\tSubsystem: Global Unichip Corp. Coral Edge TPU"
    recorder = read(Lspci, block, "\tKernel driver in use: apex", NEXT)
    assert [("0000:02:00.0", False), ("0000:03:00.0", False)] == [
        (each.address, each.driver_known) for each in recorder.functions
    ]
    assert ["\tKernel driver in use: apex"] == recorder.left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{TPU_NN}\n\nwithout driver?\n\tKernel driver in use: apex", 2),
        (f"{TPU_NN}\nme@host:~$ lspci -k | tail -1\n\tKernel driver in use: apex", 2),
        (f"{TPU_NN}\n$ lspci -k | tail -1\n\tKernel driver in use: apex", 2),
        ("\tKernel driver in use: apex", 1),
    ],
)
def test_details_behind_something_else_belong_to_nobody(text: str, left: int) -> None:
    """After a prompt, or a blank line and prose, a detail line is not counted to the device above."""
    recorder = read(Lspci, text)
    assert left == len(recorder.left)
    assert all(not each.driver_known for each in recorder.functions)


def test_a_line_may_be_fed_without_being_asked_about() -> None:
    """``feed`` does not depend on ``starts`` having seen the line."""
    recorder = Recorder()
    parser = Lspci(recorder)
    for number, text in enumerate((TPU_NN, NEXT), 1):
        assert parser.feed(Line("x", number, text))
    parser.close()
    assert ["0000:02:00.0", "0000:03:00.0"] == [each.address for each in recorder.functions]


def test_a_message_between_the_lines_is_left_out() -> None:
    """A warning of libpci inside of a block does not end it."""
    recorder = read(Lspci, BLOCK.replace("\tKernel driver", "pcilib: sysfs_read_vpd: read failed\n\tKernel driver"))
    assert "apex" == recorder.only.driver
    assert ["pcilib: sysfs_read_vpd: read failed"] == recorder.left


def test_double_spacing() -> None:
    """A forum may put a blank line after each line."""
    assert replace(only(BLOCK)) == only(BLOCK.replace("\n", "\n\n"))


def test_lost_and_added_indentation() -> None:
    """Detail lines are known by their first words; a whole paste may be indented."""
    assert only(BLOCK) == only(BLOCK.replace("\t", ""))
    assert only(BLOCK) == only("".join(f"    {line}\n" for line in BLOCK.splitlines()))


@pytest.mark.parametrize(
    "text",
    [
        "02:00.0 System peripheral [0880]: Global Unichip Corp. Coral\nEdge TPU [1ac1:089a]",
        "02:00.0 System peripheral [0880]:\nGlobal Unichip Corp. Coral Edge TPU [1ac1:089a]",
        "02:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU\n  [1ac1:089a]\n",
    ],
)
def test_a_header_that_was_wrapped(text: str) -> None:
    """-nn printed the class with its number, so the line with the device's numbers belongs to it."""
    recorder = read(Lspci, text)
    assert (TPU, []) == (replace(recorder.only, seen=()), [line for line in recorder.left if line])


def test_a_wrapped_revision() -> None:
    """A line that begins with the revision ends the header above."""
    found = only("00:1f.2 SATA controller: Intel Corporation AHCI Controller\n(rev 02) (prog-if 01 [AHCI 1.0])")
    assert (2, 1) == (found.revision, found.prog_if)


def test_a_second_line_without_numbers_is_not_joined() -> None:
    """What does not complete a header is left for others to look at."""
    recorder = read(Lspci, "02:00.0 System peripheral [0880]: Global Unichip\nis what I see")
    assert (["is what I see"], "Global Unichip") == (recorder.left, recorder.only.vendor_name)


def test_an_elided_header_with_text_of_a_capability() -> None:
    """A hand-made line keeps its class and claims nothing else."""
    found = only("00:01.0 PCI bridge: ... Capabilities: [50] MSI: Enable+ Count=1/1 Maskable+ 64bit+")
    assert (0x0604, None, None) == (found.class_code, found.vendor_name, found.msix_enabled)


@given(machines())
def test_round_trip_nn(functions: list[PciFunction]) -> None:
    """What -nn prints is read back: addresses, classes, numbers, names, revisions."""
    assert heads(functions, assumed=is_plain(functions)) == unseen(read(Lspci, list_nn(functions)))


@given(machines())
def test_round_trip_mm(functions: list[PciFunction]) -> None:
    """What -mm prints is read back, with vendor and device apart."""
    expected = [
        replace(
            head,
            vendor_name=each.vendor_name,
            device_name=each.device_name,
            prog_if=each.prog_if,
            subsystem_vendor_id=each.subsystem_vendor_id,
            subsystem_device_id=each.subsystem_device_id,
        )
        for head, each in zip(heads(functions, assumed=is_plain(functions)), functions, strict=True)
    ]
    assert expected == unseen(read(Lspci, quoted_mm(functions)))


@given(machines())
def test_round_trip_vv(functions: list[PciFunction]) -> None:
    """What -nnvv prints is read back: everything but the parents, which it does not tell."""
    assumed = is_plain(functions)
    expected = [
        replace(
            each,
            domain_assumed=assumed,
            vendor_name=joined(each),
            device_name=None,
            parent=None,
            parent_known=False,
        )
        for each in functions
    ]
    assert expected == unseen(read(Lspci, list_vv(functions)))


@given(machines())
def test_k_and_vv_agree(functions: list[PciFunction]) -> None:
    """Drivers and modules are the same in -nnk and -nnvv, but for a last block that may have been cut."""
    brief, full = read(Lspci, list_nnk(functions)).functions, read(Lspci, list_vv(functions)).functions
    assert [(each.driver, each.modules) for each in full] == [(each.driver, each.modules) for each in brief]
    last = functions[-1]
    known = [True] * (len(functions) - 1) + [bool(last.driver or last.modules)]
    assert known == [each.driver_known for each in brief]


@given(machines(), st.sampled_from((str.lstrip, str.rstrip, str.expandtabs)))
def test_indentation_does_not_matter(functions: list[PciFunction], damage: Callable[[str], str]) -> None:
    """Lines whose indentation was lost or changed give the same facts."""
    text = list_vv(functions)
    damaged = "\n".join(damage(line) for line in text.split("\n"))
    assert unseen(read(Lspci, text)) == unseen(read(Lspci, damaged))


@given(st.text(alphabet=st.sampled_from(tuple('0123456789abcdef:.[]()"- \t\nKernel driver in use:revMmoryatCpbils+'))))
def test_never_raises(text: str) -> None:
    """Any text made of the pieces of these listings is read without an error."""
    read(Lspci, text)
    read(Lspci, f"{TPU_NN}\n{text}")


@given(machines(), st.data())
def test_a_damaged_listing_never_raises(functions: list[PciFunction], data: st.DataObject) -> None:
    """A listing with a piece cut out is read without an error, and no function has an address that was not there."""
    text = list_vv(functions)
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    recorder = read(Lspci, text[:begin] + text[end:])
    assert len(recorder.functions) <= len(functions)


@pytest.mark.parametrize("filler", [" ", "\t", "[", "(", '"', "a", "0", ":", "a: ", "[1ac1:089a]", "-", "\\", "$ "])
def test_very_long_lines(filler: str) -> None:
    """A megabyte in one line is read in one go, as a header, as a detail and as neither."""
    tail = filler * (1_000_000 // len(filler))
    for start in ("", f"{TPU_NN}", "02:00.0 ", '02:00.0 "', f"{TPU_NN}\n\tCapabilities: [80] ", f"{TPU_NN}\n\tKernel "):
        read(Lspci, start + tail)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(machines())
def test_a_real_lspci_prints_what_is_read(
    tmp_path: Path, needs_program: Callable[..., str], functions: list[PciFunction]
) -> None:
    """The program itself, given the configuration spaces, prints text from which the same facts are read."""
    dump = tmp_path / "dump"
    dump.write_text(hex_dump(functions), encoding="utf-8")

    def lspci(options: str) -> str:
        command = [needs_program("lspci", package="pciutils"), "-F", str(dump), options]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def facts(function: PciFunction) -> tuple[object, ...]:
        bridge = function.secondary_bus is not None
        ids = (function.vendor_id, function.device_id, function.class_code, function.prog_if, function.revision)
        subsystem = None if bridge else (function.subsystem_vendor_id, function.subsystem_device_id)
        command = (function.memory_enabled, function.bus_master, function.config_all_ones)
        link = (function.current_link_speed_gts, function.current_link_width)
        limit = (function.max_link_speed_gts, function.max_link_width)
        buses = (function.secondary_bus, function.subordinate_bus, function.port_type)
        msix = (function.msix_enabled, function.msix_vector_count)
        return (function.address, ids, subsystem, command, link, limit, buses, msix)

    verbose = read(Lspci, lspci("-nnvv"))
    assert [facts(each) for each in functions] == [facts(each) for each in verbose.functions]
    assert places(read(LspciTree, tree_tv(functions))) == places(read(LspciTree, lspci("-tv")))
