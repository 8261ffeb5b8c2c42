"""``lspci -vmm`` and the old ``-vm``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from etpu_doctor.evidence.formats.lspci import Lspci, LspciMachine
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from tests.support.lspci_text import machines, quoted_mm, read, records_vmmnnk
from tests.support.recorder import Recorder

RECORD = """\
Slot:\t02:00.0
Class:\tSystem peripheral [0880]
Vendor:\tGlobal Unichip Corp. [1ac1]
Device:\tCoral Edge TPU [089a]
SVendor:\tGlobal Unichip Corp. [1ac1]
SDevice:\tCoral Edge TPU [089a]
PhySlot:\t0-2
ProgIf:\tff
Driver:\tapex
Module:\tapex
Module:\tgasket
NUMANode:\t0
IOMMUGroup:\t14
"""
BARE = "Slot:\t03:00.0\nClass:\tEthernet controller\nVendor:\tIntel Corporation\nDevice:\tI226-V\nRev:\t04\n"
TPU = PciFunction(
    address="0000:02:00.0",
    domain_assumed=True,
    vendor_id=0x1AC1,
    device_id=0x089A,
    subsystem_vendor_id=0x1AC1,
    subsystem_device_id=0x089A,
    class_code=0x0880,
    prog_if=0xFF,
    class_name="System peripheral",
    vendor_name="Global Unichip Corp.",
    device_name="Coral Edge TPU",
    driver="apex",
    driver_known=True,
    modules=("apex", "gasket"),
    seen=(Seen("lspci-vmm", "text-1", 1),),
)


def test_one_record() -> None:
    """Every tag that matters is read; the blank line behind is part of the record."""
    recorder = read(LspciMachine, RECORD)
    assert (TPU, {"pci"}, []) == (recorder.only, recorder.covers, recorder.left)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(RECORD.replace("\t", " "), id="blanks for tabs"),
        pytest.param(RECORD.replace("\t", "    "), id="more blanks for tabs"),
        pytest.param(RECORD.replace("\t", ""), id="tabs lost"),
        pytest.param("".join(f"  {line} \n" for line in RECORD.splitlines()), id="indented"),
        pytest.param(RECORD.replace("Slot:", "Device:", 1), id="-vm: the slot is called Device too"),
        pytest.param(RECORD.replace("IOMMUGroup", "DTNode"), id="device tree"),
    ],
)
def test_damaged_records(text: str) -> None:
    """White space does not matter."""
    assert TPU == read(LspciMachine, text).only


def test_names_without_numbers() -> None:
    """Without -nn the class number follows from its name, and the Edge TPU's numbers from its own."""
    found = read(LspciMachine, RECORD.replace(" [0880]", "").replace(" [1ac1]", "").replace(" [089a]", "")).only
    assert replace(TPU, subsystem_vendor_id=None, subsystem_device_id=None) == found


def test_numbers_without_names() -> None:
    """-vmmn prints bare numbers."""
    found = read(LspciMachine, "Slot:\t0001:01:00.0\nClass:\t0880\nVendor:\t1ac1\nDevice:\t089a\n").only
    assert ("0001:01:00.0", False, 0x0880, 0x1AC1, 0x089A) == (
        found.address,
        found.domain_assumed,
        found.class_code,
        found.vendor_id,
        found.device_id,
    )
    assert (None, None, None) == (found.class_name, found.vendor_name, found.device_name)


def test_names_that_pci_ids_lacks() -> None:
    """``Vendor 1ac1`` and ``Device [089a]`` hold a number and no name."""
    found = read(LspciMachine, "Slot:\t01:00.0\nVendor:\tVendor 1ac1\nDevice:\tDevice [089a]\n").only
    assert (None, 0x1AC1, None, 0x089A) == (found.vendor_name, found.vendor_id, found.device_name, found.device_id)


def test_a_revision_of_all_ones() -> None:
    """``Rev: ff`` is what is read from a card that fell off the bus; it is no revision."""
    found = read(LspciMachine, f"{BARE.replace('04', 'ff')}").only
    assert (None, True) == (found.revision, found.config_all_ones)


def test_no_driver_is_known_after_one_was_shown() -> None:
    """Once a record shows a driver, -k was given: a later record without one has none."""
    found = read(LspciMachine, f"{BARE}\n{RECORD}\n{BARE}").functions
    assert [(None, False), ("apex", True), (None, True)] == [(each.driver, each.driver_known) for each in found]


def test_modules_show_as_much() -> None:
    """A module without a driver proves that none is bound."""
    found = read(LspciMachine, f"{BARE}Module:\tigc\n").only
    assert (None, True, ("igc",)) == (found.driver, found.driver_known, found.modules)


def test_a_record_that_was_cut_proves_nothing() -> None:
    """Without even the device's name, the lack of a driver means nothing."""
    found = read(LspciMachine, f"{RECORD}\nSlot:\t03:00.0\nClass:\tEthernet controller\n").functions[1]
    assert (None, False) == (found.driver, found.driver_known)


def test_another_file_starts_afresh() -> None:
    """Whether drivers are shown is a matter of each text."""
    assert [True, False] == [each.driver_known for each in read(LspciMachine, RECORD, BARE).functions]


def test_what_follows_a_record_is_left() -> None:
    """After other text the record is over, whatever stands behind; blank lines alone do not end it."""
    recorder = read(LspciMachine, f"{BARE}Hello: you\n\nDriver:\tigc\n")
    assert ["Hello: you", "Driver:\tigc"] == recorder.left
    assert None is recorder.only.driver


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Slot:",
        "Slot: 3",
        "Device: 089a",
        "Device:\tCoral Edge TPU",
        "Device: ID 18d1:9302",
        "Driver: apex",
        "Slot 1",
    ],
)
def test_what_starts_no_record(text: str) -> None:
    """Only a tag with a slot starts a record."""
    assert (False, []) == (LspciMachine(Recorder()).starts(text), read(LspciMachine, text).functions)


@given(machines(), st.sampled_from(("Slot", "Device")))
def test_round_trip(functions: list[PciFunction], first_tag: str) -> None:
    """What -vmmnnk and -vmnnk print is read back."""
    found = read(LspciMachine, records_vmmnnk(functions, first_tag=first_tag)).functions
    plain = all(each.address.startswith("0000:") for each in functions)
    shown = [bool(each.driver or each.modules) for each in functions]
    expected = [
        PciFunction(
            address=each.address,
            domain_assumed=plain,
            vendor_id=each.vendor_id,
            device_id=each.device_id,
            subsystem_vendor_id=each.subsystem_vendor_id,
            subsystem_device_id=each.subsystem_device_id,
            class_code=each.class_code,
            prog_if=each.prog_if,
            revision=each.revision,
            class_name=each.class_name,
            vendor_name=each.vendor_name,
            device_name=each.device_name,
            driver=each.driver,
            driver_known=any(shown[: number + 1]),
            modules=each.modules,
        )
        for number, each in enumerate(functions)
    ]
    assert expected == [replace(each, seen=()) for each in found]


@given(machines())
def test_records_and_quoted_lines_agree(functions: list[PciFunction]) -> None:
    """-vmm and -mm give the same facts, but for drivers, which -mm does not print."""
    records = read(LspciMachine, records_vmmnnk(functions)).functions
    lines = read(Lspci, quoted_mm(functions)).functions
    assert lines == [
        replace(record, driver=None, driver_known=False, modules=(), seen=line.seen)
        for record, line in zip(records, lines, strict=True)
    ]


@given(st.text(alphabet=st.sampled_from(tuple("Slot:Device02.\t\n []gf"))))
def test_never_raises(text: str) -> None:
    """Any text made of the pieces of records is read without an error."""
    read(LspciMachine, text)
    read(LspciMachine, f"{RECORD}{text}")


@pytest.mark.parametrize("filler", [" ", "\t", ":", "[", "a", "[1ac1]", "Module: "])
def test_very_long_lines(filler: str) -> None:
    """A megabyte in one line is read in one go."""
    tail = filler * (1_000_000 // len(filler))
    for start in ("", "Slot:", "Slot:\t02:00.0", f"{RECORD}Driver:", f"{BARE}Module:"):
        read(LspciMachine, start + tail)
