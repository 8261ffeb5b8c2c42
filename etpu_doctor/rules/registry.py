"""The list of rules: explicit, in the order of their codes. Codes are never used twice."""

from __future__ import annotations

from etpu_doctor.rules.bandwidth import bus_bandwidth
from etpu_doctor.rules.finding import Rule
from etpu_doctor.rules.pci import dual_tpu_single_lane, pcie_link_or_slot
from etpu_doctor.rules.power import hub_power_budget, over_current
from etpu_doctor.rules.usb import (
    autosuspend,
    dfu_not_initialised,
    full_speed_link,
    inventory,
    no_device_visible,
    not_an_edge_tpu,
    sub_hub_secondary_port,
    usb2_link,
)

RULES: tuple[Rule, ...] = tuple(
    Rule(info=module.INFO, check=module.check)
    for module in (
        no_device_visible,
        inventory,
        not_an_edge_tpu,
        usb2_link,
        full_speed_link,
        dfu_not_initialised,
        sub_hub_secondary_port,
        autosuspend,
        hub_power_budget,
        over_current,
        bus_bandwidth,
        pcie_link_or_slot,
        dual_tpu_single_lane,
    )
)

REDIRECTS: dict[str, str] = {}
"""Codes that were renamed: old to new."""


def find(name: str) -> list[Rule]:
    """Rules of a code or a name; a name may be served by several."""
    wanted = REDIRECTS.get(name.upper(), name)
    return [rule for rule in RULES if wanted.upper() == rule.info.code or wanted == rule.info.name]
