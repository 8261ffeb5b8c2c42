"""ETD708 wrong-device-string: what an application asks for."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.rules.applications import (
    DEVICES,
    SETUP_FRIGATE,
    confidence,
    detector_fact,
    detectors,
    printed,
    string_steps,
)
from etpu_doctor.rules.finding import Confidence, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.device_string import (
    DeviceString,
    counted,
    parse,
    strings_in_frigate,
    strings_on_host,
)
from etpu_doctor.topology.machine import EdgeTpu, Machine, Transport

INFO = RuleInfo(
    code="ETD708",
    name="wrong-device-string",
    severity="error",
    summary="An application asks libedgetpu for a device string that it refuses, or for an Edge TPU that is not there.",
    documentation="""\
## What it means
libedgetpu takes as a device: nothing, usb, pci, usb:N, pci:N or :N, with N from 0. It refuses everything else (apex:0,
/dev/apex_0, a path below /sys, USB in capitals, a blank before), and a number as high as the count of Edge TPUs.

## Why it matters
The refusal has the same text as a missing stick or a missing right: "Failed to load delegate from libedgetpu.so.1". It
comes at once, where missing rights take 25 seconds.

## How to fix
Write the string that the finding gives for the stick at its physical port.

## What it cannot see
An application whose configuration or log is not in the evidence. Which Edge TPUs a container or a virtual machine was
given: counted are those of the host.

## Source
libedgetpu `tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc`; Frigate's documentation of its detectors and
`docker/main/Dockerfile` (its libusb is built without udev and counts in another order than the host's).
""",
)

_FRIGATE_LOADS = "frigate-loads"
"""The message that tells which device Frigate is about to open."""

_KIND_NAMES: dict[Transport, str] = {"usb": "USB", "pci": "PCIe"}


class _Wish(msgspec.Struct, frozen=True, gc=False):
    """A string that somebody asks for."""

    who: str
    text: str
    fact: Fact
    of_frigate: bool


def check(machine: Machine) -> Iterator[Finding]:
    """A finding for each string that is refused or means nothing here; one for lines that say so by themselves."""
    found = False
    for wish in _wishes(machine):
        why = _fault(machine, wish.text)
        if why is not None:
            found = True
            yield _finding(machine, wish, *why)
    lines = printed(machine, INFO.name)
    if lines and not found:
        yield _reported(machine, lines)


def _wishes(machine: Machine) -> list[_Wish]:
    wishes = [
        _Wish(f"detector {each.name} of Frigate", each.device, detector_fact(each, "device"), of_frigate=True)
        for each in detectors(machine)
        # What YAML does not read as a string never comes to the library.
        if each.device is not None and not {"colon", "empty-device"} & set(each.faults)
    ]
    asked = {wish.text for wish in wishes}
    application = machine.evidence.application
    for message in application.messages if application is not None else ():
        device = message.values.get("device") if message.message == _FRIGATE_LOADS else None
        # "auto" is what Frigate prints where its configuration names no device.
        if device is not None and device not in asked and device != "auto":
            asked.add(device)
            fact = Fact(name="message", value=message.text, where=message.where)
            wishes.append(_Wish("a detector of Frigate", device, fact, of_frigate=True))
    return wishes


def _fault(machine: Machine, text: str) -> tuple[str, Confidence] | None:
    """What is wrong with a string, as the end of a sentence, and how sure that is."""
    meaning = parse(text)
    if meaning is None:
        return "which libedgetpu refuses", "certain"
    if not machine.edge_tpus:
        return None
    usb, pci = counted(machine, "usb"), counted(machine, "pci")
    if meaning.kind is None:
        known = None if usb is None or pci is None else [*pci, *usb]
    else:
        known = usb if meaning.kind == "usb" else pci
    if known is None:
        return None
    return _absent(machine, meaning, len(known))


def _absent(machine: Machine, meaning: DeviceString, count: int) -> tuple[str, Confidence] | None:
    kind = meaning.kind
    if kind is not None and not any(tpu.transport == kind for tpu in machine.edge_tpus):
        other = _KIND_NAMES["usb" if kind == "pci" else "pci"]
        return f"but no Edge TPU is on {_KIND_NAMES[kind]} here, only on {other}", confidence(machine)
    # A card without a driver is a matter of the driver, not of the string.
    if meaning.number is None or meaning.number < count or count == 0:
        return None
    name = f"{_KIND_NAMES[kind]} Edge TPU" if kind is not None else "Edge TPU"
    there = f"is one {name}, number 0" if count == 1 else f"are {count} {name}s, numbers 0 to {count - 1}"
    return f"but there {there}", confidence(machine)


def _finding(machine: Machine, wish: _Wish, why: str, sure: Confidence) -> Finding:
    strings = strings_in_frigate(machine) if wish.of_frigate else strings_on_host(machine)
    steps = [*_meant(machine, wish.text, strings), *string_steps(machine, strings)]
    if not strings:
        steps.append("Write usb or pci for the only one of its kind, usb:N or pci:N where there are several.")
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence=sure,
        title=f'{wish.who[:1].upper()}{wish.who[1:]} asks for "{wish.text}", {why}',
        subject="machine",
        concerns=tuple(tpu.id for tpu in machine.edge_tpus),
        facts=(wish.fact, *_count_facts(machine)),
        remedy=Remedy(
            summary="Write a string that means an Edge TPU here.",
            steps=tuple(steps),
            commands=(SETUP_FRIGATE if wish.of_frigate else DEVICES,),
        ),
    )


def _meant(machine: Machine, text: str, strings: list[tuple[str, EdgeTpu]]) -> list[str]:
    """What a refused string was probably meant to be."""
    if parse(text) is not None:
        return []
    number = text.partition(":")[2] if text.startswith("apex:") else ""
    path = f"/dev/apex_{number}" if number.isdecimal() else text
    by_path = {tpu.device_path: tpu.id for tpu in machine.edge_tpus if tpu.device_path is not None}
    named = [string for string, tpu in strings if tpu.id == by_path.get(path)]
    if named:
        return [f"Write {named[0]} for it: no other form means {path}."]
    plain = text.strip().lower()
    return [f"Write {plain}: in small letters, and with no blank before it."] if plain and parse(plain) else []


def _count_facts(machine: Machine) -> Iterator[Fact]:
    kinds: tuple[Transport, ...] = ("usb", "pci")
    for kind in kinds:
        known = counted(machine, kind)
        if known is not None:
            names = join_words([tpu.id for tpu in known]) or "none"
            yield Fact(name=f"{_KIND_NAMES[kind]} Edge TPUs", value=f"{len(known)}: {names}" if known else "none")


def _reported(machine: Machine, lines: tuple[Fact, ...]) -> Finding:
    strings = strings_on_host(machine)
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence="likely",
        title="libedgetpu refuses the device or the option that a program gives it",
        subject="machine",
        concerns=tuple(tpu.id for tpu in machine.edge_tpus),
        facts=lines,
        remedy=Remedy(
            summary="Write a string that means an Edge TPU here.",
            steps=tuple(string_steps(machine, strings)),
            commands=(DEVICES,),
        ),
    )
