"""Options of the PCIe driver."""

from __future__ import annotations

import pytest

from etpu_doctor.remedies import modprobe
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Finding
from tests.remedies import reports
from tests.remedies.reports import finding

POLL = "options apex temp_poll_interval=1000"
MASK = "options gasket dma_bit_mask=32"
BLACKLIST = ["blacklist gasket", "blacklist apex"]


def lines(report: Report) -> list[str]:
    """The lines that count."""
    (file,) = modprobe.build(report).files
    return [line for line in file.content.split("\n") if line and not line.startswith("#")]


def comments(report: Report) -> list[str]:
    """The lines that do not."""
    (file,) = modprobe.build(report).files
    return [line for line in file.content.split("\n") if line.startswith("#")]


def in_tree(severity: str = "error") -> Report:
    """A machine with the old driver."""
    return reports.cards(findings=(finding("in-tree-driver-conflict", severity=severity),))


def test_without_a_reason_only_the_polling_is_set() -> None:
    """The options for faults that the evidence does not show stand there as comments."""
    assert [POLL] == lines(reports.cards())
    assert {f"#{MASK}", *(f"#{line}" for line in BLACKLIST)} <= set(comments(reports.cards()))


@pytest.mark.parametrize(
    "found",
    [
        finding("pcie-link-or-slot", title="The kernel log shows a HIB error"),
        finding("hardware-defective", message="RegisterHIBError: HIB Error. hib_error_status = 0000"),
    ],
)
def test_hib_errors_set_the_mask(found: Finding) -> None:
    """A finding that speaks of HIB errors is the reason for the mask."""
    report = reports.cards(findings=(found,))
    assert [POLL, MASK] == lines(report)
    assert any("HIB errors" in note for note in modprobe.build(report).text)


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_the_old_driver_is_kept_away(severity: str) -> None:
    """Where the old driver is in the way both names are blacklisted, and a note says until when."""
    assert [POLL, *BLACKLIST] == lines(in_tree(severity))
    assert any("then delete the two blacklist lines" in note for note in modprobe.build(in_tree(severity)).text)


@pytest.mark.parametrize("severity", ["info", "unknown"])
def test_what_is_no_fault_blacklists_nothing(severity: str) -> None:
    """A remark on the driver is no reason to keep it from loading."""
    assert [POLL] == lines(in_tree(severity))


def test_every_line_is_one_of_modprobe() -> None:
    """Each line has the form of modprobe.d(5)."""
    report = reports.cards(findings=(finding("in-tree-driver-conflict"), finding("thermal", title="HIB")))
    for line in lines(report):
        words = line.split()
        assert words[0] in ("options", "blacklist")
        assert words[1] in ("apex", "gasket")
        assert (3 if words[0] == "options" else 2) == len(words)


def test_the_file_is_read_by_modprobe() -> None:
    """Of its folder modprobe reads only files that end in .conf."""
    (file,) = modprobe.build(reports.cards()).files
    assert "/etc/modprobe.d/etpu-doctor.conf" == file.path


def test_sticks_are_told_that_it_is_not_for_them() -> None:
    """Sticks have no kernel driver."""
    assert any("no kernel driver" in note for note in modprobe.build(reports.one_stick()).text)
    assert not any("no kernel driver" in note for note in modprobe.build(reports.nothing()).text)
    assert () == modprobe.build(reports.one_stick()).devices
