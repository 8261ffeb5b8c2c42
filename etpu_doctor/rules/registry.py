"""The list of rules: explicit, in the order of their codes. Codes are never used twice."""

from __future__ import annotations

from etpu_doctor.rules.bandwidth import bus_bandwidth, no_bandwidth
from etpu_doctor.rules.finding import Rule
from etpu_doctor.rules.pci import aspm, dual_tpu_single_lane, msi_x_interrupts, pcie_link_or_slot, probe_errors
from etpu_doctor.rules.power import hub_power_budget, over_current, over_current_log, power_refused, undervoltage
from etpu_doctor.rules.runtime import (
    architecture_cpu_unsupported,
    clock_conflict,
    enumeration_differs,
    numpy_mismatch,
    python_unsupported,
    runtime_mismatch,
    runtime_missing,
)
from etpu_doctor.rules.usb import (
    autosuspend,
    cable_or_port_signal,
    dfu_not_initialised,
    full_speed_link,
    hardware_defective,
    inventory,
    no_device_visible,
    not_an_edge_tpu,
    resets,
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
        cable_or_port_signal,
        resets,
        hardware_defective,
        hub_power_budget,
        over_current,
        over_current_log,
        power_refused,
        undervoltage,
        bus_bandwidth,
        no_bandwidth,
        pcie_link_or_slot,
        dual_tpu_single_lane,
        msi_x_interrupts,
        aspm,
        probe_errors,
        runtime_missing,
        runtime_mismatch,
        numpy_mismatch,
        python_unsupported,
        architecture_cpu_unsupported,
        clock_conflict,
        enumeration_differs,
    )
)

REDIRECTS: dict[str, str] = {}
"""Codes that were renamed: old to new."""


def find(name: str) -> list[Rule]:
    """Rules of a code or a name; a name may be served by several."""
    wanted = REDIRECTS.get(name.upper(), name)
    return [rule for rule in RULES if wanted.upper() == rule.info.code or wanted == rule.info.name]
