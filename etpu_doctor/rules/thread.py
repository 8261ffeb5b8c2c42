"""Judges what a pasted thread says: findings from messages of programs, and from what signs say together.

A message that names one cause is a finding by itself. The rest is in ``knowledge/judgments.toml``. The code of a
finding is that of the rule of its cause, whose documentation says what the cause means and how to fix it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import cache

from etpu_doctor.facts.thread import Sign
from etpu_doctor.knowledge.fixes import fixes
from etpu_doctor.knowledge.judgments import ReadyJudgment, judgments
from etpu_doctor.knowledge.messages import ProgramMessage, program_messages
from etpu_doctor.rules.finding import CONFIDENCE_RANK, Command, Confidence, Fact, Finding, Remedy, Severity

CODES: dict[str, str] = {
    "no-device-visible": "ETD101",
    "not-an-edge-tpu": "ETD103",
    "usb2-link": "ETD110",
    "full-speed-link": "ETD111",
    "dfu-not-initialised": "ETD112",
    "sub-hub-secondary-port": "ETD113",
    "autosuspend-or-reset": "ETD116",
    "cable-or-port-signal": "ETD115",
    "hardware-defective": "ETD117",
    "hub-power-budget": "ETD201",
    "over-current": "ETD202",
    "undervoltage": "ETD205",
    "bus-bandwidth": "ETD301",
    "pcie-link-or-slot": "ETD401",
    "dual-tpu-single-lane": "ETD402",
    "msi-x-interrupts": "ETD403",
    "aspm": "ETD404",
    "gasket-not-installed": "ETD501",
    "gasket-build-failure": "ETD502",
    "apex-module-not-loaded": "ETD503",
    "in-tree-driver-conflict": "ETD504",
    "secure-boot-module-signing": "ETD505",
    "page-size-16k": "ETD506",
    "permissions-udev": "ETD601",
    "container-no-access": "ETD602",
    "vm-passthrough-id-change": "ETD603",
    "device-busy": "ETD604",
    "runtime-missing": "ETD701",
    "runtime-mismatch": "ETD702",
    "python-unsupported": "ETD704",
    "architecture-cpu-unsupported": "ETD705",
    "wrong-device-string": "ETD708",
    "frigate-config": "ETD709",
    "model-not-compiled": "ETD710",
    "thermal": "ETD801",
}
"""For each cause the rule that explains it."""

_SEVERITIES: dict[Confidence, Severity] = {"certain": "error", "likely": "error", "possible": "warning"}
_FACTS_LIMIT = 4
_TEXT_LIMIT = 160


def judge_thread(signs: dict[str, list[Sign]]) -> list[Finding]:
    """What the signs of a thread say beyond what the rules found in its listings and logs."""
    holding = list(_holding(frozenset(signs)))
    explained = {name for ready in holding for name in ready.entry.over}
    return _best([*_from_messages(signs, explained), *(_judged(ready, signs) for ready in holding)])


@cache
def _deciding() -> dict[str, ProgramMessage]:
    """The messages that name a cause by themselves."""
    return {entry.name: entry for entry in program_messages() if entry.kind == "fault" and entry.decides}


def _from_messages(signs: dict[str, list[Sign]], explained: Container[str]) -> Iterable[Finding]:
    for name, same in signs.items():
        entry = _deciding().get(name) if name not in explained else None
        if entry is not None and _holds(entry.needs, signs):
            yield _finding(entry.causes[0], "likely", entry.means, same)


def _holds(needs: Iterable[str], signs: dict[str, list[Sign]]) -> bool:
    return all((need[1:] not in signs) if need.startswith("!") else need in signs for need in needs)


def _holding(there: frozenset[str]) -> Iterable[ReadyJudgment]:
    """The judgments that hold where these signs are."""
    called = _judgments_by_sign()
    numbers = {number for name in ("", *there) for number in called.get(name, ())}
    for number in sorted(numbers):
        ready = judgments()[number]
        if ready.none.isdisjoint(there) and not any(group.isdisjoint(there) for group in ready.groups):
            yield ready


@cache
def _judgments_by_sign() -> dict[str, tuple[int, ...]]:
    """Which judgments a sign calls for: those whose smallest group it is in; under "" those without any group."""
    found: dict[str, list[int]] = {}
    for number, ready in enumerate(judgments()):
        for name in min(ready.groups, key=len, default=("",)):
            found.setdefault(name, []).append(number)
    return {name: tuple(numbers) for name, numbers in found.items()}


def _judged(ready: ReadyJudgment, signs: dict[str, list[Sign]]) -> Finding:
    names = [name for group in ready.groups for name in sorted(group) if name in signs]
    rests_on = [sign for name in dict.fromkeys(names) for sign in signs[name][:2]]
    entry = ready.entry
    only_words = all(sign.kind == "words" for sign in rests_on)
    confidence: Confidence = "possible" if only_words else entry.confidence
    next_step = Command(command=entry.next, why=entry.why or "") if entry.next else None
    return _finding(entry.cause, confidence, entry.title, rests_on, next_step)


def _finding(
    cause: str, confidence: Confidence, title: str, signs: Sequence[Sign], next_step: Command | None = None
) -> Finding:
    return Finding(
        code=CODES[cause],
        rule=cause,
        severity=_SEVERITIES[confidence],
        confidence=confidence,
        title=title,
        subject="machine",
        facts=tuple(_facts(signs)),
        remedy=_remedy(cause, next_step),
    )


def _remedy(cause: str, next_step: Command | None) -> Remedy:
    fix = fixes()[cause]
    look = Command(command=fix.look, why=fix.why or "", needs_root=fix.look.startswith("sudo ")) if fix.look else None
    commands = tuple(command for command in (next_step, look) if command is not None)
    return Remedy(summary=fix.summary, steps=fix.steps, commands=commands)


def _facts(signs: Sequence[Sign]) -> Iterable[Fact]:
    seen: set[tuple[str, str | None]] = set()
    for sign in signs:
        text = sign.text.strip()
        if (text, sign.where) in seen or not text:
            continue
        seen.add((text, sign.where))
        short = text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 1]}…"
        yield Fact(name=_place(sign), value=short, where=sign.where)
        if len(seen) >= _FACTS_LIMIT:
            return


def _place(sign: Sign) -> str:
    """The number of the line is part of the name: a narrow terminal cuts the end of a quote, and with it its origin."""
    number = (sign.where or "").rpartition(":")[2]
    line = f"line {number}" if number else "the listing"
    return f"said in {line}" if sign.kind == "words" else line


def _best(found: Iterable[Finding]) -> list[Finding]:
    """For each cause the surest finding."""
    groups: dict[str, list[Finding]] = {}
    for finding in found:
        groups.setdefault(finding.rule, []).append(finding)
    return [min(group, key=lambda finding: CONFIDENCE_RANK[finding.confidence]) for group in groups.values()]
