"""Small machines for the tests of the faces, made through the real pipeline."""

from __future__ import annotations

import io
from typing import Any

from etpu_doctor.facts.evidence import Evidence, Ignored, Missing, SourceKind
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface
from etpu_doctor.report import text
from etpu_doctor.report.make import error_report, make_report
from etpu_doctor.report.report import Diagnosis, Report, ReportError, Source, Tool, Topology
from etpu_doctor.rules.finding import Fact, Finding, Remedy
from etpu_doctor.rules.registry import all_rules
from etpu_doctor.rules.run import run_rules
from etpu_doctor.topology.build import build
from tests.support.facts import link

RULES = all_rules()

EVERYTHING = ("apex", "host", "pci", "pci-links", "pci-tree", "usb", "usb-ids", "usb-ports", "usb-power", "usb-tree")
CONTROLLER = "0000:01:00.0"


def device(place: str, line: int, **facts: Any) -> UsbDevice:
    """A USB device at ``usb2`` or ``2-1.4``, seen in a line of ``paste.txt``."""
    bus, _, ports = place.removeprefix("usb").partition("-")
    chain = tuple(int(port) for port in ports.split(".")) if ports else ()
    facts.setdefault("controller", CONTROLLER)
    seen = (Seen("lsusb-t", "paste.txt", line),)
    return UsbDevice(busnum=int(bus), devnum=line, port_chain=chain, seen=seen, **facts)


def root_hub(bus: int, line: int, speed_mbps: float, **facts: Any) -> UsbDevice:
    """A root hub with four ports."""
    facts.setdefault("root_driver", "xhci_hcd")
    product = 3 if speed_mbps >= 5000 else 2
    return device(f"usb{bus}", line, vendor_id=0x1D6B, product_id=product, speed_mbps=speed_mbps, port_count=4, **facts)


def hub(place: str, line: int, speed_mbps: float = 5000, **facts: Any) -> UsbDevice:
    """A self-powered 4-port hub."""
    facts.setdefault("product_name", "USB3.0 Hub")
    product = 0x0817 if speed_mbps >= 5000 else 0x2817
    return device(
        place,
        line,
        vendor_id=0x2109,
        product_id=product,
        vendor_name="VIA Labs, Inc.",
        speed_mbps=speed_mbps,
        port_count=4,
        self_powered=True,
        **facts,
    )


def edge_tpu(place: str, line: int, speed_mbps: float = 5000, *, dfu: bool = False) -> UsbDevice:
    """A USB Accelerator."""
    vendor, product = (0x1A6E, 0x089A) if dfu else (0x18D1, 0x9302)
    interface = UsbInterface(number=0, class_code=0xFE if dfu else 0xFF, driver_known=True)
    return device(
        place, line, vendor_id=vendor, product_id=product, speed_mbps=speed_mbps, port_count=0, interfaces=(interface,)
    )


def unnamed_leaf(place: str, line: int) -> UsbDevice:
    """What ``lsusb -t`` alone shows of an Edge TPU."""
    interface = UsbInterface(number=0, class_code=0xFF, driver_known=True)
    return device(place, line, speed_mbps=5000, port_count=0, interfaces=(interface,), controller=None)


def pci(address: str, **facts: Any) -> PciFunction:
    """A PCI function whose bridge is known."""
    return PciFunction(address=address, parent_known=True, **facts)


BRIDGE = pci(
    "0000:00:1c.0",
    vendor_id=0x8086,
    device_id=0xA110,
    class_code=0x0604,
    secondary_bus=1,
    **link(2.5, 1, 8, 1),
)
USB_CONTROLLER = pci(
    CONTROLLER,
    parent="0000:00:1c.0",
    vendor_id=0x1912,
    device_id=0x0014,
    class_code=0x0C03,
    driver="xhci_hcd",
    driver_known=True,
    **link(2.5, 1, 5, 1),
)
DISK = pci("0000:00:1f.2", vendor_id=0x8086, device_id=0x2922, class_code=0x0106, class_name="SATA controller")
PCI_TPU = pci(
    "0000:02:00.0",
    parent="0000:00:1c.0",
    vendor_id=0x1AC1,
    device_id=0x089A,
    class_code=0x0880,
    driver="apex",
    driver_known=True,
    **link(2.5, 1, 5, 1),
)


def report(  # noqa: PLR0913 - what evidence is made of
    usb: tuple[UsbDevice, ...] = (),
    pci: tuple[PciFunction, ...] = (),
    *,
    kind: SourceKind = "live",
    name: str | None = None,
    covers: tuple[str, ...] = EVERYTHING,
    missing: tuple[Missing, ...] = (),
    ignored_count: int = 0,
    host: Host | None = None,
    findings: tuple[Finding, ...] | None = None,
) -> Report:
    """The report of a machine: with these findings, or those of the product's rules."""
    ignored = (Ignored(file="paste.txt", line=1, last_line=ignored_count, text="?", why="?"),) if ignored_count else ()
    evidence = Evidence(
        kind=kind,
        usb=usb,
        pci=pci,
        host=host or Host(),
        covers=covers,
        missing=missing,
        ignored=ignored,
        ignored_count=ignored_count,
    )
    machine = build(evidence)
    return make_report(machine, run_rules(machine, RULES) if findings is None else findings, kind=kind, name=name)


# The findings below are written here and not made by the rules, so that a rule may change its words without a test of
# the faces noticing.
SECONDARY_PORT = Finding(
    code="ETD113",
    rule="sub-hub-secondary-port",
    severity="error",
    confidence="likely",
    title="Edge TPU 2-1.4.3 is on port 3 of a hub behind a hub (2-1.4): a secondary port",
    subject="2-1.4.3",
    concerns=("2-1.4.3",),
    facts=(
        Fact(name="port chain", value="1.4.3", where="paste.txt:7"),
        Fact(name="on", value="port 3 of hub 2-1.4 (2109:0817)", where="paste.txt:6"),
    ),
    remedy=Remedy(
        summary="Move it to a primary port; Coral documents that none of the others can be used.",
        steps=(
            (
                "This is one hub with 7 sockets made of two chips: 2-1.4 sits inside, behind hub 2-1 (2109:0817). "
                "The sockets of 2-1 are fine; of the inner one only its first."
            ),
            "Plug it into port 1 of hub 2-1.4 (2109:0817).",
            "Plug it into port 1 or 3 of hub 2-1 (2109:0817).",
        ),
    ),
)
USB2_LINK = Finding(
    code="ETD110",
    rule="usb2-link",
    severity="warning",
    confidence="likely",
    title="Edge TPU 1-2 runs at 480 Mb/s: socket or cable; the evidence does not show which",
    subject="1-2",
    facts=(
        Fact(name="speed", value=480, unit="Mb/s", where="/sys/bus/usb/devices/1-2/speed"),
        Fact(name="expected here", value=None, unit="Mb/s"),
    ),
    remedy=Remedy(
        summary="Try the socket, then the cable.",
        steps=("Check that the socket is a USB 3 one (blue, SS).", "Use a short USB 3 cable, pushed fully home."),
    ),
)
BOOT_LOADER = Finding(
    code="ETD112",
    rule="dfu-not-initialised",
    severity="info",
    title="Edge TPU 2-1 waits in its boot loader (1a6e:089a): normal before its first use",
    subject="2-1",
    remedy=Remedy(summary="Nothing to do: the first program that opens it loads the firmware."),
)
SUPPLY_UNKNOWN = Finding(
    code="ETD201",
    rule="hub-power-budget",
    severity="unknown",
    title="Could not tell whether hub 2-1 has its own power supply",
    subject="2-1",
)
SLOW_PCIE = Finding(
    code="ETD401",
    rule="pcie-link-or-slot",
    severity="warning",
    title="Edge TPU 0000:02:00.0 runs at PCIe 2.5 GT/s x1, less than it can",
    subject="0000:02:00.0",
)


def secondary_port() -> Report:
    """Two 4-port hubs in one case; one Edge TPU on the outer chip, one on a secondary port of the inner one."""
    usb = (
        root_hub(1, 1, 480),
        root_hub(2, 3, 5000),
        hub("2-1", 4),
        edge_tpu("2-1.2", 5),
        hub("2-1.4", 6),
        edge_tpu("2-1.4.3", 7),
    )
    return report(
        usb, (BRIDGE, USB_CONTROLLER, DISK), kind="demo", name="hub7-secondary-port", findings=(SECONDARY_PORT,)
    )


def slow_cable() -> Report:
    """One Edge TPU at 480 Mb/s in a socket that can do 5 Gb/s, and one in its boot loader."""
    usb = (root_hub(1, 1, 480), edge_tpu("1-2", 2, 480), root_hub(2, 3, 5000), edge_tpu("2-1", 4, dfu=True))
    host = Host(board_model="Raspberry Pi 5 Model B", kernel_release="6.6.31", architecture="aarch64")
    return report(usb, host=host, findings=(USB2_LINK, BOOT_LOADER))


def pasted_tree() -> Report:
    """The output of ``lsusb -t`` alone: no ids, so that nothing is certain."""
    usb = (root_hub(2, 1, 5000, controller=None), unnamed_leaf("2-1", 2))
    missing = (
        Missing(what="USB vendor and product ids", why="lsusb -t alone prints none", how="lsusb"),
        Missing(what="PCI devices", why="the evidence holds no PCI listing"),
    )
    covers = ("usb", "usb-tree")
    return report(usb, kind="text", covers=covers, missing=missing, ignored_count=12, findings=(SUPPLY_UNKNOWN,))


def pci_only() -> Report:
    """A PCIe Edge TPU that the apex driver serves, on a link below what it can."""
    return report((), (BRIDGE, DISK, PCI_TPU), findings=(SLOW_PCIE,))


def with_findings(*findings: Finding) -> Report:
    """An otherwise empty report with these findings."""
    return Report(
        tool=Tool(version="1.0"),
        generated_at="2025-01-01T00:00:00Z",
        source=Source(kind="text"),
        topology=Topology(),
        findings=findings,
        diagnosis=Diagnosis(cause="usb2-link", confidence="likely", summary="x"),
    )


def refused() -> Report:
    """A report that only says why there is none."""
    error = ReportError(code=2, kind="evidence", message="not a gzip file", file="a\x1b[31m.tar.gz", line=3)
    return error_report(error, "capture")


def shown(report: Report, *, width: int = 80, ascii_only: bool = False, color: text.Color = "never") -> str:
    """What the text face prints."""
    stream = io.StringIO()
    text.render(report, color=color, ascii_only=ascii_only, width=width, stream=stream)
    return stream.getvalue()


def devices_shown(report: Report, *, width: int = 80, ascii_only: bool = False) -> str:
    """What ``devices`` prints."""
    stream = io.StringIO()
    text.render_devices(report, color="never", ascii_only=ascii_only, width=width, stream=stream)
    return stream.getvalue()


def tree_shown(report: Report, *, width: int = 80, ascii_only: bool = False, show_all: bool = False) -> str:
    """What ``tree`` prints."""
    stream = io.StringIO()
    text.render_tree(report, color="never", ascii_only=ascii_only, width=width, stream=stream, show_all=show_all)
    return stream.getvalue()
