"""The list of rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import etpu_doctor.rules
from etpu_doctor.report.report import Cause
from etpu_doctor.rules import registry
from etpu_doctor.rules.finding import Rule
from etpu_doctor.rules.registry import all_rules, find

RULES = all_rules()

FAMILIES = {
    "1": "usb",
    "2": "power",
    "3": "bandwidth",
    "4": "pci",
    "5": "driver",
    "6": "access",
    "7": "runtime",
    "8": "thermal",
    "9": "smoke",
}
HEADINGS = ["What it means", "Why it matters", "How to fix", "What it cannot see", "Source"]
BY_CODE = {rule.info.code: rule for rule in RULES}


def modules() -> set[str]:
    """Every module in a folder of rules, as ``usb.usb2_link``."""
    folder = Path(etpu_doctor.rules.__file__).parent
    return {f"{path.parent.name}.{path.stem}" for path in folder.glob("*/*.py") if path.stem != "__init__"}


def test_every_file_is_listed() -> None:
    """A rule that lies in a folder is run."""
    assert modules() == {rule.check.__module__.removeprefix("etpu_doctor.rules.") for rule in RULES}


def test_codes_are_unique_and_in_order() -> None:
    """Codes are given once and listed in their order."""
    codes = [rule.info.code for rule in RULES]
    assert sorted(set(codes)) == codes
    assert set() == set(codes) & set(registry.REDIRECTS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.info.code)
def test_a_rule_is_described(rule: Rule) -> None:
    """Code, family and name fit, the summary is a sentence, and the documentation has its five headings."""
    info = rule.info
    assert re.fullmatch(r"ETD[1-9]\d\d", info.code)
    assert f"etpu_doctor.rules.{FAMILIES[info.code[3]]}" == rule.check.__module__.rpartition(".")[0]
    assert info.name in get_args(Cause)
    assert info.summary.endswith(".")
    assert "\n" not in info.summary
    assert HEADINGS == re.findall(r"^## (.+)$", info.documentation, re.MULTILINE)
    assert all(body.strip() for body in re.split(r"^## .+$", info.documentation, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ETD110", ["ETD110"]),
        ("etd110", ["ETD110"]),
        ("usb2-link", ["ETD110", "ETD910"]),
        ("no-device-visible", ["ETD101", "ETD102", "ETD917"]),
        ("ETD999", []),
        ("healthy", []),
        ("", []),
    ],
)
def test_rules_are_found(name: str, expected: list[str]) -> None:
    """By code in either case, or by name, which several rules may serve."""
    assert expected == [rule.info.code for rule in find(name)]


@pytest.mark.parametrize("old", ["ETD100", "etd100"])
def test_an_old_code_leads_to_the_new_one(monkeypatch: pytest.MonkeyPatch, old: str) -> None:
    """A rule that was renamed is found by its former code."""
    monkeypatch.setitem(registry.REDIRECTS, "ETD100", "ETD110")
    assert [BY_CODE["ETD110"]] == find(old)


def test_causes_are_the_closed_list() -> None:
    """The names are unique, healthy is no rule, and only a smoke test can end in a cause that nobody knows."""
    causes = get_args(Cause)
    assert len(set(causes)) == len(causes) == 37
    assert "healthy" not in {rule.info.name for rule in RULES}
    assert ["ETD909"] == [rule.info.code for rule in RULES if rule.info.name == "unknown"]
