"""The lines below a device in ``lspci -k``, ``-v`` and ``-vv``, as the whole parser reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.lspci import Lspci
from etpu_doctor.evidence.formats.lspci_verbose import Details
from etpu_doctor.facts.pci import PciBar, PciFunction
from tests.support.lspci_text import read

HEADER = "01:00.0 System peripheral: Global Unichip Corp. Coral Edge TPU"

# Printed by lspci 3.9.0 on a virtual machine; no driver was loaded. The last lines are those of a machine with one.
HEALTHY = f"""\
{HEADER} (prog-if ff)
\tSubsystem: Global Unichip Corp. Coral Edge TPU
\tPhysical Slot: 0
\tControl: I/O- Mem+ BusMaster- SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
\tStatus: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
\tLatency: 0, Cache Line Size: 64 bytes
\tInterrupt: pin A routed to IRQ 16
\tRegion 0: Memory at fe900000 (64-bit, prefetchable) [size=16K]
\tRegion 2: Memory at fe800000 (64-bit, prefetchable) [size=1M]
\tCapabilities: [80] Express (v2) Endpoint, MSI 00
\t\tDevCap:\tMaxPayload 256 bytes, PhantFunc 0, Latency L0s unlimited, L1 unlimited
\t\t\tExtTag- AttnBtn- AttnInd- PwrInd- RBE+ FLReset+ SlotPowerLimit 0W
\t\tDevCtl:\tCorrErr- NonFatalErr- FatalErr- UnsupReq-
\t\t\tRlxdOrd+ ExtTag- PhantFunc- AuxPwr- NoSnoop+ FLReset-
\t\t\tMaxPayload 128 bytes, MaxReadReq 512 bytes
\t\tDevSta:\tCorrErr- NonFatalErr- FatalErr- UnsupReq- AuxPwr- TransPend-
\t\tLnkCap:\tPort #0, Speed 5GT/s, Width x1, ASPM L0s L1, Exit Latency L0s <512ns, L1 <64us
\t\t\tClockPM- Surprise- LLActRep- BwNot- ASPMOptComp-
\t\tLnkCtl:\tASPM Disabled; RCB 64 bytes, Disabled- CommClk-
\t\t\tExtSynch- ClockPM- AutWidDis- BWInt- AutBWInt-
\t\tLnkSta:\tSpeed 2.5GT/s (downgraded), Width x1 (ok)
\t\t\tTrErr- Train- SlotClk+ DLActive- BWMgmt- ABWMgmt-
\t\tDevCap2: Completion Timeout: Range ABCD, TimeoutDis+ NROPrPrP- LTR-
\t\t\t 10BitTagComp- 10BitTagReq- OBFF Not Supported, ExtFmt- EETLPPrefix-
\t\tLnkCap2: Supported Link Speeds: 2.5-5GT/s, Crosslink- Retimer- 2Retimers- DRS-
\t\tLnkCtl2: Target Link Speed: 5GT/s, EnterCompliance- SpeedDis-
\t\t\t Transmit Margin: Normal Operating Range, EnterModifiedCompliance- ComplianceSOS-
\t\tLnkSta2: Current De-emphasis Level: -6dB, EqualizationComplete- EqualizationPhase1-
\tCapabilities: [d0] MSI-X: Enable- Count=128 Masked-
\t\tVector table: BAR=2 offset=00046800
\t\tPBA: BAR=2 offset=00046068
\tCapabilities: [e0] MSI: Enable- Count=1/32 Maskable+ 64bit+
\t\tAddress: 0000000000000000  Data: 0000
\t\tMasking: 00000000  Pending: 00000000
\tCapabilities: [f8] Power Management version 3
\t\tFlags: PMEClk- DSI- D1- D2- AuxCurrent=0mA PME(D0-,D1-,D2-,D3hot-,D3cold-)
\t\tStatus: D0 NoSoftRst+ PME-Enable- DSel=0 DScale=0 PME-
\tKernel driver in use: apex
\tKernel modules: apex
"""
BAR0 = PciBar(index=0, size_bytes=16 << 10, assigned=True, enabled=True)
BAR2 = PciBar(index=2, size_bytes=1 << 20, assigned=True, enabled=True)

BRIDGE = """\
00:03.0 PCI bridge: Red Hat, Inc. QEMU PCIe Root port (prog-if 00 [Normal decode])
\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR+ FastB2B- DisINTx+
\tStatus: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
\tRegion 0: Memory at fe604000 (32-bit, non-prefetchable) [size=4K]
\tBus: primary=00, secondary=01, subordinate=04, sec-latency=0
\tI/O behind bridge: 1000-1fff [size=4K] [16-bit]
\tMemory behind bridge: fe400000-fe5fffff [size=2M] [32-bit]
\tPrefetchable memory behind bridge: fe800000-fe9fffff [size=2M] [32-bit]
\tSecondary status: 66MHz- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- <SERR- <PERR-
\tBridgeCtl: Parity- SERR+ NoISA- VGA- VGA16- MAbort- >Reset- FastB2B-
\t\tPriDiscTmr- SecDiscTmr- DiscTmrStat- DiscTmrSERREn-
\tCapabilities: [54] Express (v2) Root Port (Slot+), MSI 00
\t\tLnkCap:\tPort #0, Speed unknown, Width x0, ASPM L0s, Exit Latency L0s <64ns
\t\tLnkSta:\tSpeed 16GT/s (overdriven), Width x32 (overdriven)
\t\tSltCtl:\tEnable: AttnBtn- PwrFlt- MRL- PresDet- CmdCplt- HPIrq- LinkChg-
\t\t\tControl: AttnInd Off, PwrInd On, Power- Interlock-
\t\tSltSta:\tStatus: AttnBtn- PowerFlt- MRL- CmdCplt- PresDet- Interlock-
\tCapabilities: [40] Subsystem: Red Hat, Inc. QEMU PCIe Root port
\tKernel driver in use: pcieport
"""


def below(*lines: str, header: str = HEADER) -> PciFunction:
    """What a header with these lines below it gives."""
    return read(Lspci, "\n".join([header, *lines])).only


def test_a_whole_block() -> None:
    """Every fact of a -vv block is read, and no line of it is left."""
    recorder = read(Lspci, HEALTHY)
    found = recorder.only
    expected = PciFunction(
        address="0000:01:00.0",
        domain_assumed=True,
        vendor_id=0x1AC1,
        device_id=0x089A,
        subsystem_vendor_id=0x1AC1,
        subsystem_device_id=0x089A,
        class_code=0x0880,
        prog_if=0xFF,
        class_name="System peripheral",
        vendor_name="Global Unichip Corp. Coral Edge TPU",
        driver="apex",
        driver_known=True,
        modules=("apex",),
        current_link_speed_gts=2.5,
        current_link_width=1,
        max_link_speed_gts=5.0,
        max_link_width=1,
        aspm=(),
        port_type="Endpoint",
        bars=(BAR0, BAR2),
        memory_enabled=True,
        bus_master=False,
        msix_enabled=False,
        msix_vector_count=128,
        config_all_ones=False,
        seen=found.seen,
    )
    assert (expected, {"pci", "pci-links"}, []) == (found, recorder.covers, recorder.left)


def test_a_bridge() -> None:
    """A bridge has its bus range and port type; link capabilities that it does not give stay unknown."""
    found = read(Lspci, BRIDGE).only
    assert (1, 4, "Root Port") == (found.secondary_bus, found.subordinate_bus, found.port_type)
    assert (None, None, 16.0, 32) == (
        found.max_link_speed_gts,
        found.max_link_width,
        found.current_link_speed_gts,
        found.current_link_width,
    )
    assert (True, True, False) == (found.memory_enabled, found.bus_master, found.config_all_ones)
    assert (None, None, False) == (found.subsystem_vendor_id, found.parent, found.parent_known)


def test_a_bridge_that_nobody_set_up() -> None:
    """Bus 00 is never behind a bridge."""
    found = below("\tBus: primary=00, secondary=00, subordinate=00, sec-latency=0")
    assert (None, None) == (found.secondary_bus, found.subordinate_bus)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Express (v2) Endpoint, MSI 00", "Endpoint"),
        ("Express (v2) Endpoint, IntMsgNum 0", "Endpoint"),
        ("Express Endpoint, MSI 00", "Endpoint"),
        ("Express (v1) Legacy Endpoint, MSI 00", "Legacy Endpoint"),
        ("Express (v2) Root Port (Slot+), MSI 00", "Root Port"),
        ("Express (v2) Upstream Port, MSI 00", "Upstream Port"),
        ("Express (v2) Downstream Port (Slot-), MSI 00", "Downstream Port"),
        ("Express (v2) Root Complex Integrated Endpoint, MSI 00", "Root Complex Integrated Endpoint"),
        ("Express (v2) Root Complex Event Collector, MSI 00", "Root Complex Event Collector"),
        ("Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00", "PCI-Express to PCI/PCI-X Bridge"),
        ("Express (v2) Unknown type 11, MSI 00", None),
        ("Express", None),
        ("Power Management version 3", None),
    ],
)
def test_port_types(text: str, expected: str | None) -> None:
    """The port type is that of the Express capability; one that is not in the specification is left out."""
    assert expected == below(f"\tCapabilities: [80] {text}").port_type


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Speed 2.5GT/s, Width x1", (2.5, 1)),
        ("Speed 5GT/s (ok), Width x1 (ok)", (5.0, 1)),
        ("Speed 2.5GT/s (downgraded), Width x4 (downgraded)", (2.5, 4)),
        ("Speed 16.0 GT/s, Width x16", (16.0, 16)),
        ("Speed 32GT/s, Width x16", (32.0, 16)),
        ("Speed unknown, Width x0", (None, None)),
        ("Speed <unknown>, Width x0, TrErr- Train-", (None, None)),
        ("Speed 2.5GT/s", (2.5, None)),
        ("", (None, None)),
        ("Speed ..GT/s, Width xx1", (None, None)),
        ("Speed ²GT/s, Width x²", (None, None)),
    ],
)
def test_links(text: str, expected: tuple[float | None, int | None]) -> None:
    """Speed and width are read from capability and status alike; what is not a number stays unknown."""
    found = below(f"\t\tLnkCap:\tPort #1, {text}", f"\t\tLnkSta:\t{text}")
    assert (expected, expected) == (
        (found.max_link_speed_gts, found.max_link_width),
        (found.current_link_speed_gts, found.current_link_width),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MSI-X: Enable+ Count=128 Masked-", (True, 128)),
        ("MSI-X: Enable- Count=128 Masked+", (False, 128)),
        ("MSI-X: Enable- Mask- TabSize=13", (False, 13)),
        ("MSI-X:", (None, None)),
        ("MSI-X: Enable+ Count=many", (True, None)),
        ("MSI: Enable+ Count=1/32 Maskable+ 64bit+", (None, None)),
    ],
)
def test_msix(text: str, expected: tuple[bool | None, int | None]) -> None:
    """MSI-X is told from MSI; old releases wrote TabSize."""
    found = below(f"\tCapabilities: [d0] {text}")
    assert expected == (found.msix_enabled, found.msix_vector_count)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Memory at 90000000 (64-bit, prefetchable) [size=1M]", (1 << 20, True, True)),
        ("Memory at 90000000 (64-bit, prefetchable) [disabled] [size=1M]", (1 << 20, True, False)),
        ("Memory at <unassigned> (64-bit, prefetchable) [disabled] [size=1M]", (1 << 20, False, False)),
        ("Memory at <unassigned> (64-bit, prefetchable)", (None, False, False)),
        ("Memory at <ignored> (64-bit, prefetchable) [disabled]", (None, False, False)),
        ("[virtual] Memory at 90000000 (64-bit, prefetchable) [size=16K]", (16 << 10, True, False)),
        ("I/O ports at c080 [size=64]", (64, True, True)),
        ("I/O ports at <unassigned> [disabled]", (None, False, False)),
        ("Memory at 380000000000 (64-bit, prefetchable) [size=16G]", (16 << 30, True, True)),
        ("Memory at 90000000 [size=lots]", (None, True, True)),
        ("Memory at 90000000 [size=", (None, True, True)),
        ("Memory at 90000000 [size=1P]", (None, True, True)),
    ],
)
def test_regions(text: str, expected: tuple[int | None, bool, bool]) -> None:
    """A region has size, whether it got an address, and whether it is decoded."""
    size, assigned, enabled = expected
    bar = PciBar(index=2, size_bytes=size, assigned=assigned, enabled=enabled)
    assert (bar,) == below(f"\tRegion 2: {text}").bars


def test_regions_after_a_virtual_one() -> None:
    """After ``[virtual]`` lspci prints no ``[disabled]``, so that its lack says nothing."""
    found = below("\tRegion 0: [virtual] Memory at 90000000 [size=16K]", "\tRegion 2: Memory at 91000000 [size=1M]")
    assert ([False, None], None) == ([bar.enabled for bar in found.bars or ()], found.memory_enabled)


def test_regions_of_virtual_functions_are_left_out() -> None:
    """The SR-IOV capability prints regions of its own."""
    found = below(
        "\tRegion 0: Memory at fe900000 (64-bit, prefetchable) [size=16K]",
        "\tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)",
        "\t\tRegion 3: Memory at 00000000d0000000 (64-bit, prefetchable)",
    )
    assert (BAR0,) == found.bars


@pytest.mark.parametrize(
    "text", ["Region 6: Memory at 0", "Region: x", "Region ²: Memory at 0", "Region 10: Memory at"]
)
def test_regions_that_there_cannot_be(text: str) -> None:
    """A function has six registers."""
    assert None is below(f"\t{text}").bars


def test_a_single_v() -> None:
    """-v prints flags, and regions without their numbers: a 64-bit one takes two."""
    found = below(
        "\tSubsystem: Global Unichip Corp. Coral Edge TPU",
        "\tFlags: bus master, fast devsel, latency 0, IRQ 16",
        "\tMemory at fe900000 (64-bit, prefetchable) [size=16K]",
        "\tMemory at fe800000 (64-bit, prefetchable) [size=1M]",
        "\tCapabilities: [80] Express Endpoint, MSI 00",
        "\tCapabilities: [d0] MSI-X: Enable+ Count=128 Masked-",
        "\tKernel driver in use: apex",
    )
    assert ((BAR0, BAR2), True, True) == (found.bars, found.memory_enabled, found.bus_master)
    assert ("Endpoint", True, False) == (found.port_type, found.msix_enabled, found.config_all_ones)


def test_a_single_v_of_a_card_without_resources() -> None:
    """Disabled regions say that memory is not decoded; flags without ``bus master``, that it is not."""
    found = below(
        "\tFlags: fast devsel, IRQ 16",
        "\tMemory at <unassigned> (64-bit, prefetchable) [disabled] [size=16K]",
        "\t[virtual] Memory at fe800000 (64-bit, prefetchable) [size=1M]",
        "\tI/O ports at <unassigned> [disabled]",
    )
    assert (False, False) == (found.memory_enabled, found.bus_master)
    assert [(0, False), (2, True), (4, False)] == [(bar.index, bar.assigned) for bar in found.bars or ()]


def test_more_regions_than_there_are_registers() -> None:
    """What is counted past the sixth register is dropped."""
    found = below(*["\tMemory at fe900000 (32-bit, prefetchable) [size=16K]"] * 9)
    assert [0, 1, 2, 3, 4, 5] == [bar.index for bar in found.bars or ()]


def test_a_card_that_fell_off_the_bus() -> None:
    """All ones: nothing that is read from the registers is believed."""
    found = below(
        "\tSubsystem: Global Unichip Corp. Coral Edge TPU",
        "\t!!! Unknown header type 7f",
        "\tPhysical Slot: 0",
        "\tRegion 0: Memory at fe900000 (64-bit, prefetchable) [size=16K]",
        header=f"{HEADER} (rev ff) (prog-if ff)",
    )
    assert (True, None, None) == (found.config_all_ones, found.revision, found.memory_enabled)
    assert (PciBar(index=0, size_bytes=16 << 10, assigned=True),) == found.bars


def test_other_complaints_say_nothing_of_it() -> None:
    """``!!!`` also stands before other findings."""
    assert None is below("\t!!! Invalid class 0604 for header type 00").config_all_ones


def test_a_true_revision_of_ff() -> None:
    """With sensible registers, ff is a revision."""
    found = below(*HEALTHY.splitlines()[1:5], header=f"{HEADER} (rev ff)")
    assert (False, 0xFF) == (found.config_all_ones, found.revision)


def test_registers_of_all_ones_are_no_sensible_ones() -> None:
    """A control register with every bit set does not clear the card."""
    found = below(
        "\tControl: I/O+ Mem+ BusMaster+ SpecCycle+ MemWINV+ VGASnoop+ ParErr+ Stepping+ SERR+ FastB2B+ DisINTx+",
        header=f"{HEADER} (rev ff)",
    )
    assert True is found.config_all_ones


def test_a_dump_of_all_ones() -> None:
    """-x shows the same in hexadecimal."""
    rows = [f"{at:02x}: {' '.join(['ff'] * 16)}" for at in range(0, 64, 16)]
    found = below(*rows)
    assert (True, "lspci") == (found.config_all_ones, found.seen[0].kind)
    assert None is below("00: c1 1a 9a 08 06 00 10 00").config_all_ones


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Subsystem: Global Unichip Corp. Coral Edge TPU [1ac1:089a]", (0x1AC1, 0x089A)),
        ("Subsystem: Micro-Star International Co., Ltd. [MSI] Device [1462:7d09]", (0x1462, 0x7D09)),
        ("Subsystem: 1462:7d09", (0x1462, 0x7D09)),
        ("Subsystem: Device 1462:7d09", (0x1462, 0x7D09)),
        ("Subsystem: Red Hat, Inc. Device 1100", (None, None)),
        ("Subsystem:", (None, None)),
    ],
)
def test_subsystems(text: str, expected: tuple[int | None, int | None]) -> None:
    """The numbers of the subsystem, where they are printed."""
    found = below(f"\t{text}")
    assert expected == (found.subsystem_vendor_id, found.subsystem_device_id)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Kernel driver in use: vfio-pci"], ("vfio-pci", ())),
        (["Kernel driver in use: apex   <-- good"], ("apex", ())),
        (["Kernel driver in use: apex", "Kernel modules: apex, gasket,"], ("apex", ("apex", "gasket"))),
        (["Kernel modules: apex"], (None, ("apex",))),
    ],
)
def test_drivers(lines: list[str], expected: tuple[str | None, tuple[str, ...]]) -> None:
    """One driver, any number of modules; comments behind are dropped."""
    found = below(*lines)
    assert (expected, True) == ((found.driver, found.modules), found.driver_known)


@pytest.mark.parametrize("text", ["Kernel driver in use:", "Kernel modules:", "Kernel: 6.1", "Kernel 6.1 on Debian"])
def test_kernel_lines_that_say_nothing(text: str) -> None:
    """A line without a name, and other talk of kernels, leave the driver unknown."""
    found = below(text)
    assert (None, False) == (found.driver, found.driver_known)


@pytest.mark.parametrize("block", [HEALTHY, BRIDGE], ids=["endpoint", "bridge"])
def test_detail_lines_are_known_without_indentation(block: str) -> None:
    """Each line of a real block is told by its first words."""
    assert [] == [line for line in block.splitlines()[1:] if not Details().take(line.strip())]


@pytest.mark.parametrize("text", ["is that so?", "Kernel 6.1", "Memory is fine", "I/O error", "Hello:", "no-one", "-"])
def test_prose_is_no_detail(text: str) -> None:
    """Sentences that happen to begin with a word of lspci are not taken."""
    recorder = read(Lspci, f"{HEADER}\n{text}")
    assert ([text], False) == (recorder.left, Details().take(text))


def test_wrapped_lines_of_flags() -> None:
    """A terminal that cuts the control line leaves a line of flags, which is part of the block."""
    wrapped = HEALTHY.replace("VGASnoop- ", "\nVGASnoop- ").replace("\t", "")
    found = read(Lspci, wrapped)
    assert ([], True, "apex") == ([line for line in found.left if line], found.only.memory_enabled, found.only.driver)


@given(st.lists(st.sampled_from(HEALTHY.split()), max_size=40), st.sampled_from((" ", "\n", "\n\t")))
def test_shuffled_words_never_raise(words: list[str], between: str) -> None:
    """The words of a block in any order are read without an error."""
    read(Lspci, f"{HEADER}\n{between.join(words)}")


@given(st.text(max_size=60))
def test_any_text_behind_a_known_word_never_raises(text: str) -> None:
    """Whatever stands behind the words that carry facts, reading goes on."""
    words = ("Subsystem:", "Control:", "Region 0:", "Bus: secondary=", "LnkSta: Speed ", "Kernel modules:", "[virtual]")
    capabilities = ("Capabilities: [80] Express", "Capabilities: [d0] MSI-X: Count=")
    below(*(f"\t{word}{text}" for word in (*words, *capabilities)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LnkCtl:\tASPM Disabled; RCB 64 bytes, Disabled- CommClk+", ()),
        ("LnkCtl:\tASPM L1 Enabled; RCB 64 bytes Disabled- CommClk+", ("L1",)),
        ("LnkCtl:\tASPM L0s L1 Enabled; RCB 64 bytes", ("L0s", "L1")),
        ("LnkCtl: ASPM L0s Enabled; Disabled- Retrain-", ("L0s",)),
        ("LnkCtl:\tASPM", None),
        ("LnkCtl:", None),
        ("LnkCtl:\tRCB 64 bytes; ASPM Enabled", None),
        ("LnkCap:\tPort #0, Speed 5GT/s, Width x1, ASPM L1, Exit Latency L1 <1us", None),
    ],
)
def test_power_management_of_the_link(line: str, expected: tuple[str, ...] | None) -> None:
    """What is enabled is in the link's control line; what the link could do is not it."""
    details = Details()
    assert details.take(line)
    assert expected == details.aspm
