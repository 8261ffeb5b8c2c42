"""The list of rules: explicit, in the order of their codes. Codes are never used twice.

A rule's module is imported when its evidence is there: a report of the buses alone needs less than half of them, and
each costs start-up.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

import msgspec

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.rules.finding import Rule


class Entry(msgspec.Struct, frozen=True):
    """A rule's module, and the parts of the evidence of which it needs one; none means that it always runs."""

    module: str
    needs: tuple[str, ...] = ()


ENTRIES: tuple[Entry, ...] = (
    Entry("usb.no_device_visible"),
    Entry("usb.inventory"),
    Entry("usb.not_an_edge_tpu"),
    Entry("usb.usb2_link"),
    Entry("usb.full_speed_link"),
    Entry("usb.dfu_not_initialised"),
    Entry("usb.sub_hub_secondary_port"),
    Entry("usb.autosuspend"),
    Entry("usb.cable_or_port_signal", ("kernel_log",)),
    Entry("usb.resets", ("kernel_log",)),
    Entry("usb.hardware_defective", ("kernel_log",)),
    Entry("power.hub_power_budget"),
    Entry("power.over_current"),
    Entry("power.over_current_log", ("kernel_log",)),
    Entry("power.power_refused", ("kernel_log",)),
    Entry("power.undervoltage", ("kernel_log", "board")),
    Entry("power.board_budget", ("board",)),
    Entry("bandwidth.bus_bandwidth"),
    Entry("bandwidth.no_bandwidth", ("kernel_log",)),
    Entry("pci.pcie_link_or_slot"),
    Entry("pci.dual_tpu_single_lane"),
    Entry("pci.msi_x_interrupts", ("kernel_log", "apex", "edge_tpu_card")),
    Entry("pci.aspm", ("kernel_log", "edge_tpu_card")),
    Entry("pci.probe_errors", ("kernel_log",)),
    Entry("pci.board_pcie", ("board",)),
    Entry("driver.gasket_not_installed", ("driver", "kernel_log", "edge_tpu_card")),
    Entry("driver.gasket_build_failure", ("driver", "kernel_log", "edge_tpu_card")),
    Entry("driver.apex_module_not_loaded", ("driver", "kernel_log", "edge_tpu_card")),
    Entry("driver.in_tree_driver_conflict", ("driver", "kernel_log", "apex")),
    Entry("driver.secure_boot_module_signing", ("driver", "kernel_log")),
    Entry("driver.page_size_16k", ("edge_tpu_card",)),
    Entry("access.permissions_udev", ("access",)),
    Entry("access.container_no_access", ("access",)),
    Entry("access.vm_passthrough_id_change", ("access",)),
    Entry("access.device_busy", ("access",)),
    Entry("runtime.runtime_missing", ("runtime",)),
    Entry("runtime.runtime_mismatch", ("runtime",)),
    Entry("runtime.numpy_mismatch", ("runtime",)),
    Entry("runtime.python_unsupported", ("runtime",)),
    Entry("runtime.architecture_cpu_unsupported", ("runtime",)),
    Entry("runtime.clock_conflict", ("runtime",)),
    Entry("runtime.enumeration_differs", ("runtime",)),
    Entry("runtime.wrong_device_string", ("application",)),
    Entry("runtime.frigate_config", ("application",)),
    Entry("runtime.model_not_compiled", ("application",)),
    Entry("thermal.throttled", ("apex", "kernel_log")),
    Entry("thermal.dead_sensor", ("apex",)),
    Entry("smoke.hardware_defective", ("smoke",)),
    Entry("smoke.runtime_mismatch", ("smoke",)),
    Entry("smoke.device_busy", ("smoke",)),
    Entry("smoke.autosuspend_or_reset", ("smoke",)),
    Entry("smoke.cable_or_port_signal", ("smoke",)),
    Entry("smoke.permissions_udev", ("smoke",)),
    Entry("smoke.runtime_missing", ("smoke",)),
    Entry("smoke.model_not_compiled", ("smoke",)),
    Entry("smoke.unknown", ("smoke",)),
    Entry("smoke.usb2_link", ("smoke",)),
    Entry("smoke.bus_bandwidth", ("smoke",)),
    Entry("smoke.thermal", ("smoke",)),
    Entry("smoke.container_no_access", ("smoke",)),
    Entry("smoke.hub_power_budget", ("smoke",)),
    Entry("smoke.dfu_not_initialised", ("smoke",)),
    Entry("smoke.pcie_link_or_slot", ("smoke",)),
    Entry("smoke.no_device_visible", ("smoke",)),
    Entry("smoke.vm_passthrough_id_change", ("smoke",)),
    Entry("smoke.wrong_device_string", ("smoke",)),
    Entry("smoke.architecture_cpu_unsupported", ("smoke",)),
)

REDIRECTS: dict[str, str] = {}
"""Codes that were renamed: old to new."""

_EDGE_TPU_CARD = (0x1AC1, 0x089A)
_PARTS = ("kernel_log", "driver", "access", "runtime", "board", "application")


def load(entry: Entry) -> Rule:
    """The rule of an entry."""
    module = import_module(f"etpu_doctor.rules.{entry.module}")
    return Rule(info=module.INFO, check=module.check)


def all_rules() -> tuple[Rule, ...]:
    """Every rule."""
    return tuple(load(entry) for entry in ENTRIES)


def rules_for(evidence: Evidence) -> list[Rule]:
    """The rules that this evidence can make fire."""
    there = {name for name in _PARTS if getattr(evidence, name) is not None}
    if evidence.apex:
        there.add("apex")
    if evidence.smoke:
        there.add("smoke")
    if any((function.vendor_id, function.device_id) == _EDGE_TPU_CARD for function in evidence.pci):
        there.add("edge_tpu_card")
    return list(_needing(frozenset(there)))


@cache
def _needing(there: frozenset[str]) -> tuple[Rule, ...]:
    """Kept, for a batch of threads asks for the same ones again and again."""
    return tuple(load(entry) for entry in ENTRIES if not entry.needs or not there.isdisjoint(entry.needs))


def find(name: str) -> list[Rule]:
    """Rules of a code or a name; a name may be served by several."""
    wanted = REDIRECTS.get(name.upper(), name)
    return [rule for rule in all_rules() if wanted.upper() == rule.info.code or wanted == rule.info.name]
