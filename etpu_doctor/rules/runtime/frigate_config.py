"""ETD709 frigate-config."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.application import DetectorConfig, DetectorFault
from etpu_doctor.rules.applications import (
    EDGE_TPU,
    SETUP_FRIGATE,
    confidence,
    configuration,
    detector_fact,
    detectors,
    printed,
    string_steps,
)
from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo, Weight, about_machine
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.device_string import counted, parse, strings_in_frigate, target
from etpu_doctor.topology.machine import Machine, Transport

INFO = RuleInfo(
    code="ETD709",
    name="frigate-config",
    severity="error",
    summary="Frigate's detectors do not fit the Edge TPUs here: none is there, two take the same one, or YAML is off.",
    documentation="""\
## What it means
Each detector of Frigate is a process that opens one Edge TPU. The configuration gives two of them the same device, or
asks for an Edge TPU where none is on any bus, or mixes Edge TPU and CPU detectors, or holds lines that Frigate does
not read as they are meant.

## Why it matters
Two detectors on one stick take it away from each other: Frigate reports detection as stuck and restarts it, again and
again. A configuration that cannot be read stops Frigate. A CPU detector beside gets its share of the frames and slows
everything down.

## How to fix
One detector for each Edge TPU, each with a string of its own (usb:0, usb:1, pci:0), and no detector of another type.
`etpu-doctor setup frigate` prints them for the Edge TPUs found here.

## What it cannot see
Which Edge TPUs Frigate's container was given. Sections other than detectors and model; anchors, lists and blocks of
YAML among the detectors. Whether a pasted text lost its indentation on its way.

## Source
Frigate `frigate/config/config.py`, `frigate/detectors/plugins/edgetpu_tfl.py`, and its documentation of detectors;
libedgetpu `tflite/edgetpu_manager_direct.cc`.
""",
)

_finding = about_machine(INFO)

_FAULT_TEXTS: dict[DetectorFault, str] = {
    "flat": "no line is indented",
    "indentation": "its lines are not indented as those of one detector",
    "tab": "its lines are indented with tabs, which YAML refuses",
    "empty-device": "device: has no value",
    "colon": "a value holds a colon and a blank without quotes",
}
_IN_PASTES = frozenset({"flat", "indentation", "tab"})
"""What a forum or a mail program does to a text by itself."""

_MISNAMED = frozenset({"coral", "tpu", "edgetpu", "googlecoral", "coraltpu", "usb", "pci", "pcie"})
_NO_DELEGATE = "edgetpu-custom-op"
"""The operator of a compiled model: TFLite names it where nothing registered it, and any program may print that."""

_RESTART = "Then restart Frigate: it reads its configuration only when it starts."


def check(machine: Machine) -> Iterator[Finding]:
    """Findings on how the detectors are written, on what they ask for, and on what Frigate printed."""
    found = [*_written(machine), *_asked(machine)]
    yield from found
    lines = printed(machine, INFO.name)
    if lines and not any(finding.severity == "error" for finding in found):
        title, remedy = "Frigate refuses its configuration of detectors", _as_documented()
        if all(_NO_DELEGATE in str(line.value) for line in lines):
            title, remedy = "A compiled model was loaded without the Edge TPU delegate", _with_delegate()
        yield _finding(machine, ("error", "likely"), title, lines, remedy)


def _written(machine: Machine) -> Iterator[Finding]:
    for detector in detectors(machine, None):
        if detector.faults and detector.type in (EDGE_TPU, None):
            yield _faulty(machine, detector)
        elif detector.type is not None and detector.type != EDGE_TPU and _is_misnamed(detector.type):
            yield _finding(
                machine,
                ("error", "certain"),
                f'Detector {detector.name} has the type "{detector.type}", which Frigate does not know',
                (detector_fact(detector, "type"),),
                Remedy(summary="Write type: edgetpu.", steps=("USB or PCIe is said by device:, not by type:.",)),
            )


def _is_misnamed(kind: str) -> bool:
    return kind.lower().translate({ord(mark): None for mark in "_- "}) in _MISNAMED


def _is_from_a_paste(machine: Machine, faults: tuple[DetectorFault, ...]) -> bool:
    """Whether the faults may have come with the way of the text; nobody's file is without any indentation."""
    kind = machine.evidence.kind
    return _IN_PASTES.issuperset(faults) and (kind == "text" or (kind != "live" and "flat" in faults))


def _faulty(machine: Machine, detector: DetectorConfig) -> Finding:
    pasted = _is_from_a_paste(machine, detector.faults)
    texts = join_words([_FAULT_TEXTS[fault] for fault in detector.faults])
    weight: Weight = ("unknown", "possible") if pasted else ("error", confidence(machine))
    title = f"Frigate cannot read detector {detector.name}: {texts}"
    if pasted:
        title = f"Frigate could not read detector {detector.name} as it stands here: {texts}"
    keys = [key for key in ("type", "device") if key in detector.value_where]
    steps = ["Indent with blanks only: the name by two, its lines type: and device: by four."]
    if pasted:
        steps.insert(0, "Compare with the file itself: a forum or a mail may have changed the indentation.")
    if {"empty-device", "colon"} & set(detector.faults):
        steps.append('Write the device in quotes, as device: "usb:0", or leave the line out for the first Edge TPU.')
    return _finding(
        machine,
        weight,
        title,
        tuple(detector_fact(detector, key) for key in keys),
        Remedy(summary="Write the detector as Frigate reads it.", steps=tuple(steps), commands=(SETUP_FRIGATE,)),
    )


def _asked(machine: Machine) -> Iterator[Finding]:
    wanting = detectors(machine)
    if wanting and _none_is_there(machine, wanting):
        yield _nothing_there(machine, wanting)
    by_file: dict[str, list[DetectorConfig]] = {}
    for detector in detectors(machine, None):
        by_file.setdefault(configuration(detector), []).append(detector)
    for group in by_file.values():
        yield from _twice(machine, [each for each in group if each.type == EDGE_TPU])
        yield from _on_the_cpu(machine, group)


def _none_is_there(machine: Machine, wanting: list[DetectorConfig]) -> bool:
    """Whether it is known that no bus that a detector asks for has an Edge TPU, and none is anywhere else."""
    if machine.edge_tpus:
        return False
    meanings = [parse(detector.device) for detector in wanting]
    kinds: set[Transport] = {meaning.kind for meaning in meanings if meaning is not None and meaning.kind is not None}
    asked: list[Transport] = sorted(kinds) or ["pci", "usb"]
    return all(counted(machine, kind) == [] for kind in asked)


def _nothing_there(machine: Machine, wanting: list[DetectorConfig]) -> Finding:
    names = join_words([detector.name for detector in wanting])
    many = len(wanting) > 1
    return _finding(
        machine,
        ("error", confidence(machine)),
        f"Frigate's detector{'s' if many else ''} {names} ask{'' if many else 's'} for an Edge TPU, and none is here",
        tuple(detector_fact(detector, "device") for detector in wanting),
        Remedy(
            summary="Get the Edge TPU onto a bus; until then Frigate needs another detector.",
            steps=(
                "See first why it is not there: the other findings say what was looked at.",
                "Without an Edge TPU let Frigate run with one detector of another type (openvino, onnx, cpu).",
            ),
        ),
    )


def _twice(machine: Machine, wanting: list[DetectorConfig]) -> Iterator[Finding]:
    """Detectors that open the same Edge TPU. The first of its kind is what a string without a number means."""
    groups: dict[str, list[DetectorConfig]] = {}
    for detector in wanting:
        meaning = parse(detector.device)
        if meaning is None:
            continue
        opened = target(machine, meaning)
        # Where it is not known whether that is on PCIe, it is still the same for every detector that asks so.
        what = f":{meaning.number or 0}" if opened is None else f"{opened[0]}:{opened[1]}"
        groups.setdefault(what, []).append(detector)
    for what, group in groups.items():
        if len(group) > 1:
            yield _shared(machine, what, group)


def _shared(machine: Machine, what: str, group: list[DetectorConfig]) -> Finding:
    names = join_words([detector.name for detector in group])
    strings = strings_in_frigate(machine)
    steps = ["Give each detector an Edge TPU of its own:", *string_steps(machine, strings)]
    if len(strings) < len(group):
        fewer = "is one Edge TPU" if len(strings) == 1 else f"are {len(strings)} Edge TPUs"
        steps = [f"There {fewer} here: keep as many detectors, and delete the others.", *string_steps(machine, strings)]
    if not strings:
        steps = ["Give each detector an Edge TPU of its own (usb:0, usb:1, pci:0), or delete the others."]
    return _finding(
        machine,
        ("error", "likely"),
        f"Frigate's detectors {names} open the same Edge TPU, {what}: they take it away from each other",
        tuple(detector_fact(detector, "device") for detector in group),
        Remedy(summary="One detector for one Edge TPU.", steps=(*steps, _RESTART), commands=(SETUP_FRIGATE,)),
    )


def _on_the_cpu(machine: Machine, group: list[DetectorConfig]) -> Iterator[Finding]:
    """CPU detectors beside those of Edge TPUs, or in the place of one."""
    cpu = [detector for detector in group if detector.type == "cpu"]
    if not cpu:
        return
    names = join_words([detector.name for detector in cpu])
    facts = tuple(detector_fact(detector, "type") for detector in cpu)
    if any(detector.type == EDGE_TPU for detector in group):
        yield _finding(
            machine,
            ("warning", "likely"),
            f"Frigate runs detector {names} on the CPU beside the Edge TPU: types of detectors cannot be mixed",
            facts,
            Remedy(summary=f"Delete {names} from the detectors.", steps=(_RESTART,), commands=(SETUP_FRIGATE,)),
        )
    elif machine.edge_tpus and len(cpu) == len(group):
        yield _finding(
            machine,
            ("info", confidence(machine)),
            f"Frigate uses the CPU alone (detector {names}), although an Edge TPU is here",
            facts,
            Remedy(summary="If it is meant for Frigate, give it a detector.", commands=(SETUP_FRIGATE,)),
        )


def _with_delegate() -> Remedy:
    return Remedy(
        summary="Have the program load the delegate of libedgetpu for this model.",
        steps=(
            "In Frigate: type: edgetpu for the detector; a detector of type cpu needs the model without _edgetpu.",
            "In your own code: give the interpreter experimental_delegates=[load_delegate('libedgetpu.so.1')].",
            "Let an exception of load_delegate be seen: it says why there is no delegate.",
        ),
        commands=(SETUP_FRIGATE,),
    )


def _as_documented() -> Remedy:
    return Remedy(
        summary="Write the detectors as Frigate's documentation has them.",
        commands=(
            SETUP_FRIGATE,
            Command(command="docker logs --tail 50 frigate", why="shows the line and the key that it refuses"),
        ),
    )
