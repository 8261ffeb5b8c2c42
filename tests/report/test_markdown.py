"""The Markdown face."""

from __future__ import annotations

import msgspec

from etpu_doctor.report import markdown
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy
from tests.report.machines import (
    edge_tpu,
    hub,
    pasted_tree,
    pci_only,
    refused,
    report,
    root_hub,
    secondary_port,
    with_findings,
)

NASTY = "x` | <script>alert(1)</script> **b** [l](http://e.example)\n# h \x1b[31m"


def test_whole_report() -> None:
    """A report has the verdict, the source, the table, the tree, the findings and what it was made from."""
    usb = (root_hub(2, 1, 5000, controller=None), hub("2-1", 2), edge_tpu("2-1.4", 3))
    made = report(usb, kind="demo", name="one", covers=("usb", "usb-tree"), findings=())
    made = msgspec.structs.replace(made, generated_at="2025-01-01T00:00:00Z")
    expected = """\
## OK: 1 Edge TPU found, nothing wrong with the place on the bus

REPLAY of capture "one" - not this machine

| Delegate | Device | Plugged into | Speed | State |
|---|---|---|---|---|
| `usb:0` | `2-1.4` | port 4 of hub 2-1 (2109:0817) | 5 Gb/s | ready |

```text
usb2  USB 3 bus (xhci_hcd)  4 ports  5 Gb/s
└── port 1: 2-1  VIA Labs, Inc. USB3.0 Hub  2109:0817  5 Gb/s
    └── port 4: 2-1.4  18d1:9302  5 Gb/s  [Edge TPU usb:0 ready]
```

---

etpu-doctor 0.1.0, 2025-01-01T00:00:00Z; the evidence covers usb, usb-tree.
"""
    assert expected.replace("0.1.0", made.tool.version) == markdown.render(made)


def test_finding_in_full() -> None:
    """Every fact is given with where it was read, and every step of the remedy."""
    made = markdown.render(secondary_port())
    assert "### ERROR: Edge TPU 2-1.4.3 is on port 3 of a hub behind a hub (2-1.4): a secondary port\n" in made
    assert "`ETD113` `sub-hub-secondary-port`, likely\n" in made
    assert "- port chain 1.4.3 (`paste.txt:7`)\n" in made
    assert "\n**What to do:** Move it to a primary port" in made
    assert "\n1. This is one hub with 7 sockets made of two chips" in made
    assert "\n2. Plug it into port 1 of hub 2-1.4" in made


def test_command_stands_in_a_fence() -> None:
    """A command can be copied, with its reason and whether it needs root before it."""
    command = Command(command="echo on | sudo tee x", why="off until unplugged", needs_root=True)
    finding = _finding(remedy=Remedy(summary="Do.", commands=(command,)))
    made = markdown.render(with_findings(finding))
    assert "\noff until unplugged (needs root):\n\n```sh\necho on | sudo tee x\n```\n" in made


def test_what_is_missing() -> None:
    """What the evidence does not show is listed with the reason and the command, and so are ignored lines."""
    made = markdown.render(pasted_tree())
    assert "Not in the evidence:\n\n- USB vendor and product ids: lsusb -t alone prints none (`lsusb`)\n" in made
    assert "- PCI devices: the evidence holds no PCI listing\n" in made
    assert "12 lines were not understood" in made


def test_unknown_delegate_and_pci() -> None:
    """A PCIe Edge TPU has its bridge for a place, and a question mark where its number is not known."""
    made = markdown.render(pci_only())
    assert "| `pci:?` | `0000:02:00.0` | below bridge 0000:00:1c.0 | 2 Gb/s | ready |" in made


def test_change_after_firmware() -> None:
    """The table says where the number of a device will change once a stick has its firmware."""
    usb = (root_hub(1, 1, 480), edge_tpu("1-1", 2, 480, dfu=True), edge_tpu("1-2", 3, 480))
    made = markdown.render(report(usb))
    assert "| `usb:0` (after firmware load `usb:1`) | `1-1` |" in made


def test_error() -> None:
    """A report that could not be made is one line."""
    assert "etpu-doctor: a\\\\x1b\\[31m.tar.gz:3: not a gzip file\n" == markdown.render(refused())


def test_strings_from_devices_cannot_act() -> None:
    """Names, facts, origins and commands bring neither HTML nor markup nor control characters."""
    remedy = Remedy(summary=NASTY, steps=(NASTY,), commands=(Command(command=f"```\n{NASTY}", why=NASTY),))
    finding = _finding(title=NASTY, facts=(Fact(name=NASTY, value=NASTY, where=NASTY),), remedy=remedy)
    made = markdown.render(with_findings(finding))
    assert "\x1b" not in made
    assert [] == [line for line in made.splitlines() if line.startswith("# ")]
    assert [] == [line for line in made.splitlines() if "<script" in line and "`" not in line]
    assert "&lt;script&gt;" in made


def test_product_name_in_the_tree() -> None:
    """A product name with backticks does not end the fenced tree."""
    usb = (root_hub(2, 1, 5000), hub("2-1", 2, product_name="```` <b>"), edge_tpu("2-1.1", 3))
    made = markdown.render(report(usb))
    lines = made.splitlines()
    assert 2 == sum(line.startswith("`````") for line in lines)


def _finding(**fields: object) -> Finding:
    base = Finding(code="ETD110", rule="usb2-link", severity="warning", title="t", subject="2-1")
    return msgspec.structs.replace(base, **fields)
