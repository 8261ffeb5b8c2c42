"""Why there are no workers, as a cause and a sentence, and whether others may do."""

from __future__ import annotations

from etpu_doctor.knowledge.messages import recognise
from etpu_doctor.smoke.jobs import Refusal, Tried
from etpu_doctor.smoke.tools import Tools

_MISSING = "the interpreter has no TFLite runtime that can be used"


def judge_refusal(refusal: Refusal) -> tuple[str, str]:
    """The cause and the reason of a refusal."""
    if refusal.reason == "python-too-old":
        return "python-unsupported", refusal.text
    if refusal.signal == "SIGILL":
        what = refusal.importing or "the runtime"
        return "architecture-cpu-unsupported", f"{what} uses an instruction that this CPU does not have"
    if refusal.reason == "runtime-broken":
        return _broken(refusal.tried)
    cause = "runtime-missing" if refusal.reason in ("no-runtime", "python-not-run", "not-understood") else "unknown"
    return cause, refusal.text or _MISSING


def spare_for(tools: Tools, refusal: Refusal) -> Tools | None:
    """The tools with the other runtime, where this one is there and cannot be used."""
    return tools.spare if refusal.reason in ("runtime-broken", "crashed") else None


def _broken(tried: tuple[Tried, ...]) -> tuple[str, str]:
    """A runtime that is there and cannot be imported: its exception says why."""
    for each in tried:
        for line in each.text.splitlines():
            found = recognise(f"{each.error_type}: {line}")
            if found is not None and found.causes:
                return found.causes[0], f"{each.runtime} cannot be imported: {line}"
    last = tried[-1] if tried else None
    return "runtime-missing", f"{last.runtime} cannot be imported: {last.text}" if last is not None else _MISSING
