"""``lspci -t``: which bridge each function sits behind, also where the indentation suffered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.formats.lspci import Lspci, LspciTree
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from tests.support.lspci_text import list_nn, machines, read, tree_tv
from tests.support.recorder import Recorder

# Printed by lspci 3.9.0 on a virtual machine with a packet switch and two Edge TPUs.
DUAL = r"""-[0000:00]-+-00.0  Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller
           +-01.0  Red Hat, Inc. QEMU XHCI Host Controller
           +-03.0-[01-04]----00.0-[02-04]--+-00.0-[03]----00.0  Global Unichip Corp. Coral Edge TPU
           |                               \-01.0-[04]----00.0  Global Unichip Corp. Coral Edge TPU
           +-1d.0  Red Hat, Inc. Virtio console
           +-1f.2  Intel Corporation 82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode]
           \-1f.3  Intel Corporation 82801I (ICH9 Family) SMBus Controller
"""
DUAL_PARENTS = [
    ("0000:00:00.0", None),
    ("0000:00:01.0", None),
    ("0000:00:03.0", None),
    ("0000:01:00.0", "0000:00:03.0"),
    ("0000:02:00.0", "0000:01:00.0"),
    ("0000:03:00.0", "0000:02:00.0"),
    ("0000:02:01.0", "0000:01:00.0"),
    ("0000:04:00.0", "0000:02:01.0"),
    ("0000:00:1d.0", None),
    ("0000:00:1f.2", None),
    ("0000:00:1f.3", None),
]


def parents(recorder: Recorder) -> list[tuple[str, str | None]]:
    """Each function with its bridge; all bridges must be known."""
    assert all(each.parent_known for each in recorder.functions)
    return [(each.address, each.parent) for each in recorder.functions]


def unseen(recorder: Recorder) -> list[PciFunction]:
    """The functions in the order of their addresses, without the places where they were seen."""
    return sorted((replace(each, seen=()) for each in recorder.functions), key=lambda each: each.address)


def test_a_switch_with_two_edge_tpus() -> None:
    """Every function is behind the bridge that the drawing shows."""
    recorder = read(LspciTree, DUAL)
    assert DUAL_PARENTS == parents(recorder)
    assert ({"pci", "pci-tree"}, [], [""]) == (recorder.covers, recorder.ignored, recorder.left)


def test_the_facts_of_a_bridge_and_of_a_device() -> None:
    """A bridge has its bus range, a device its name, and the numbers if the name is that of the Edge TPU."""
    found = {each.address: each for each in read(LspciTree, DUAL).functions}
    bridge = PciFunction(
        address="0000:01:00.0",
        parent="0000:00:03.0",
        parent_known=True,
        secondary_bus=2,
        subordinate_bus=4,
        seen=(Seen("lspci-t", "text-1", 3),),
    )
    device = PciFunction(
        address="0000:04:00.0",
        vendor_id=0x1AC1,
        device_id=0x089A,
        vendor_name="Global Unichip Corp. Coral Edge TPU",
        parent="0000:02:01.0",
        parent_known=True,
        seen=(Seen("lspci-t", "text-1", 4),),
    )
    assert (bridge, device) == (found["0000:01:00.0"], found["0000:04:00.0"])


def test_without_names() -> None:
    """Plain -t has no names."""
    recorder = read(LspciTree, "-[0000:00]-+-00.0\n           \\-1c.0-[01]----00.0")
    assert [("0000:00:00.0", None), ("0000:00:1c.0", None), ("0000:01:00.0", "0000:00:1c.0")] == parents(recorder)
    assert [None] * 3 == [each.vendor_name for each in recorder.functions]


def test_names_with_numbers() -> None:
    """-tvnn prints names and numbers, -tvn numbers alone."""
    both, numbers = read(LspciTree, "-[0000:00]-+-00.0  A B [8086:29c0]\n           \\-01.0  1ac1:089a").functions
    assert ("A B", 0x8086, 0x29C0) == (both.vendor_name, both.vendor_id, both.device_id)
    assert (None, 0x1AC1, 0x089A) == (numbers.vendor_name, numbers.vendor_id, numbers.device_id)


def test_several_domains() -> None:
    """Domains stand one below the other; a domain may have more than four digits."""
    text = """\
-+-[0000:00]---00.0-[01-ff]----00.0  Broadcom Device
 +-[0001:00]---00.0-[01]----00.0  Global Unichip Corp. Coral Edge TPU
 \\-[10000:e0]-+-06.0-[e1]----00.0  Some NVMe
              \\-07.0  Last
"""
    assert [
        ("0000:00:00.0", None),
        ("0000:01:00.0", "0000:00:00.0"),
        ("0001:00:00.0", None),
        ("0001:01:00.0", "0001:00:00.0"),
        ("10000:e0:06.0", None),
        ("10000:e1:00.0", "10000:e0:06.0"),
        ("10000:e0:07.0", None),
    ] == parents(read(LspciTree, text))


def test_several_domains_without_indentation_after_a_cut() -> None:
    """The next domain ends what was open in the one before."""
    text = """\
-+-[0000:00]-+-00.0  A
|           +-01.0-[01]-+-00.0  B
\\-[0001:00]---00.0  C
"""
    assert [
        ("0000:00:00.0", None),
        ("0000:00:01.0", None),
        ("0000:01:00.0", "0000:00:01.0"),
        ("0001:00:00.0", None),
    ] == parents(read(LspciTree, text))


def test_a_bridge_with_several_buses() -> None:
    """Buses behind one bridge that no further bridge explains are printed in brackets, and belong to that bridge."""
    text = "-[0000:00]---01.0-[01-03]-+-[0000:01]---00.0\n                          \\-[0000:02]---00.0"
    assert [
        ("0000:00:01.0", None),
        ("0000:01:00.0", "0000:00:01.0"),
        ("0000:02:00.0", "0000:00:01.0"),
    ] == parents(read(LspciTree, text))


def test_empty_buses() -> None:
    """A bridge with nothing behind it, and one that was never set up, are functions like others."""
    recorder = read(LspciTree, "-[0000:00]-+-1c.0-[02]--\n           +-1c.1--\n           \\-1f.0  X")
    assert [("0000:00:1c.0", 2), ("0000:00:1c.1", None), ("0000:00:1f.0", None)] == [
        (each.address, each.secondary_bus) for each in recorder.functions
    ]
    assert [] == recorder.ignored


def test_what_is_behind_a_bridge_without_numbers_is_set_aside() -> None:
    """A device on a bus whose number was not printed has no address."""
    recorder = read(LspciTree, "-[0000:00]-+-1c.1-+-00.0  X\n           |      \\-01.0  Y\n           \\-1f.0  Z")
    assert [("0000:00:1c.1", None), ("0000:00:1f.0", None)] == parents(recorder)
    assert [2] == [number for number, _ in recorder.ignored]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda line: line.lstrip(), id="blanks lost"),
        pytest.param(lambda line: line.lstrip(" |"), id="bars lost"),
        pytest.param(lambda line: " ".join(line.split()), id="blanks run together"),
        pytest.param(lambda line: line.replace("           ", "", 1), id="margin lost"),
        pytest.param(lambda line: f"    {line}", id="all moved"),
        pytest.param(lambda line: line.replace("\\-", "-"), id="backslash lost"),
        pytest.param(lambda line: line.replace("\\-", "`-"), id="tree marks of another tool"),
        pytest.param(lambda line: line.replace("--", "\N{EM DASH}"), id="typographic dashes"),
        pytest.param(lambda line: line.replace("        ", "\t"), id="blanks turned to tabs"),
        pytest.param(lambda line: line.replace(" ", "\N{NO-BREAK SPACE}"), id="no-break spaces"),
        pytest.param(lambda line: f"{line}\n", id="double spaced"),
        pytest.param(lambda line: line.upper().replace("DEVICE", "Device"), id="capitals"),
    ],
)
def test_damaged_indentation(damage: object) -> None:
    """The drawing is depth first, so that it can be read without its columns."""
    assert callable(damage)
    text = "\n".join(damage(line) for line in DUAL.splitlines())
    assert DUAL_PARENTS == parents(read(LspciTree, text))


def test_a_tree_without_its_first_line() -> None:
    """Below a bridge whose buses are printed, functions have addresses; domain and upper bridge stay open."""
    recorder = read(LspciTree, "\n".join(DUAL.splitlines()[2:]))
    assert [
        ("0000:01:00.0", None, False, True),
        ("0000:02:00.0", "0000:01:00.0", True, True),
        ("0000:03:00.0", "0000:02:00.0", True, True),
        ("0000:02:01.0", "0000:01:00.0", True, True),
        ("0000:04:00.0", "0000:02:01.0", True, True),
    ] == [(each.address, each.parent, each.parent_known, each.domain_assumed) for each in recorder.functions]


def test_lines_that_were_left_out() -> None:
    """``grep Coral`` leaves lines whose bridge is unknown: no wrong bridge is made up."""
    lines = DUAL.splitlines()
    recorder = read(LspciTree, f"{lines[0]}\n{lines[3]}")
    assert [("0000:00:00.0", True), ("0000:04:00.0", False)] == [
        (each.address, each.parent_known) for each in recorder.functions
    ]


def test_a_device_that_cannot_come_next_is_set_aside() -> None:
    """Devices are sorted; one that is not has lost its place, which is said."""
    recorder = read(LspciTree, "-[0000:00]-+-02.0  A\n           +-01.0  B\n           \\-03.0  C")
    assert [("0000:00:02.0", None), ("0000:00:03.0", None)] == parents(recorder)
    assert [(2, True)] == [(number, "which bus" in why) for number, why in recorder.ignored]


def test_other_text_ends_the_tree() -> None:
    """After other lines, or in another file, a mark continues nothing."""
    first = DUAL.splitlines()[0]
    recorder = read(LspciTree, f"{first}\nfoo\nbar\nbaz\n           +-01.0  X")
    assert [("0000:00:00.0", None)] == parents(recorder)
    assert ["foo", "bar", "baz", "           +-01.0  X"] == recorder.left
    recorder = read(LspciTree, first, "           +-01.0  X")
    assert ([("0000:00:00.0", None)], [1]) == (parents(recorder), [number for number, _ in recorder.ignored])


def test_the_reader_may_close_after_every_line() -> None:
    """What is open is kept over ``close``, as each line of a listing starts anew."""
    recorder = Recorder()
    tree = LspciTree(recorder)
    for number, text in enumerate(DUAL.splitlines(), 1):
        assert tree.feed(Line("x", number, text))
        tree.close()
    assert DUAL_PARENTS == parents(recorder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "[",
        "|",
        "+-12.5 dBm",
        "-12.5 dBm",
        "- 00.0",
        "[0000:05:00.0] x",
        "[   12.345678] usb 1-1: new",
        "+-- tests",
        "    |__ Port 1: Dev 4, If 0, Class=Hub, Driver=hub/4p, 5000M",
        "+-zz.0-[01]----00.0",
        "+-20.0-[01]----00.0",
        "-[00000]-",
        "-[0000:zz]-+-00.0",
    ],
)
def test_what_is_no_tree(text: str) -> None:
    """Other drawings, lists and measurements are not taken."""
    recorder = read(LspciTree, text)
    assert ([text], [], []) == (recorder.left, recorder.functions, recorder.ignored)


@given(machines())
def test_round_trip(functions: list[PciFunction]) -> None:
    """What -tvnn prints is read back: addresses, bridges, bus ranges, names and numbers."""
    expected = [
        PciFunction(
            address=each.address,
            vendor_id=each.vendor_id if each.secondary_bus is None else None,
            device_id=each.device_id if each.secondary_bus is None else None,
            vendor_name=f"{each.vendor_name} {each.device_name}" if each.secondary_bus is None else None,
            parent=each.parent,
            parent_known=True,
            secondary_bus=each.secondary_bus,
            subordinate_bus=each.subordinate_bus,
        )
        for each in functions
    ]
    assert sorted(expected, key=lambda each: each.address) == unseen(read(LspciTree, tree_tv(functions)))


@given(machines())
def test_the_columns_are_not_needed(functions: list[PciFunction]) -> None:
    """Without any indentation the same tree is read."""
    text = tree_tv(functions)
    bare = "\n".join(line.lstrip(" |") for line in text.split("\n"))
    assert unseen(read(LspciTree, text)) == unseen(read(LspciTree, bare))


@given(machines())
def test_tree_and_list_name_the_same_functions(functions: list[PciFunction]) -> None:
    """Both dialects give the same addresses."""
    in_list = {each.address for each in read(Lspci, list_nn(functions)).functions}
    assert in_list == {each.address for each in read(LspciTree, tree_tv(functions)).functions}


@given(machines(), st.data())
def test_a_tree_with_lines_missing_makes_nothing_up(functions: list[PciFunction], data: st.DataObject) -> None:
    """Whatever lines are missing, every function that is read was there."""
    lines = tree_tv(functions).splitlines()
    kept = data.draw(st.lists(st.sampled_from(range(len(lines))), unique=True).map(sorted))
    recorder = read(LspciTree, "\n".join(lines[index] for index in kept))
    buses = {each.address.split(":")[1] for each in functions}
    assert {each.address.split(":")[1] for each in recorder.functions} <= buses


@given(st.text(alphabet=st.sampled_from(tuple("0123456789abf:.[]()+-\\`| \t\n—"))))
def test_never_raises(text: str) -> None:
    """Any text made of the pieces of a tree is read without an error."""
    read(LspciTree, text)
    read(LspciTree, f"{DUAL}{text}")


@pytest.mark.parametrize("filler", ["-", "+", "\\", "|", " ", "\t", "[00:00]", "-[01]-", "00.0", "+-00.0-[01]-", "x"])
def test_very_long_lines(filler: str) -> None:
    """A megabyte in one line is read in one go."""
    tail = filler * (1_000_000 // len(filler))
    read(LspciTree, f"{tail}\n-[0000:00]-+-{tail}\n{tail}")
