"""Why a trial failed: every signal, silence and sentence of the runtime means something."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from etpu_doctor.facts.smoke import SmokeConfidence
from etpu_doctor.knowledge.messages import Recognised, recognise
from etpu_doctor.knowledge.runtimes import Verdict as PairVerdict
from etpu_doctor.smoke.trial import Trial

_SAID_LIMIT = 4
_TEXT_LIMIT = 300

_CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGFPE"})
_LINK_CAUSES = frozenset({"autosuspend-or-reset", "no-device-visible", "cable-or-port-signal", "hardware-defective"})
"""Causes of a transfer that failed: where the device is afterwards tells more than the line."""

_PCI_ONLY = frozenset(
    {
        "in-tree-driver-conflict",
        "pcie-link-or-slot",
        "aspm",
        "msi-x-interrupts",
        "page-size-16k",
        "apex-module-not-loaded",
    }
)
_USB_ONLY = frozenset(
    {"hub-power-budget", "cable-or-port-signal", "dfu-not-initialised", "sub-hub-secondary-port", "usb2-link"}
)

_WRAPPERS = frozenset({"delegate-not-created", "delegate-node-failed"})
"""What the runtimes say around any failure."""

_CLAIM_REFUSED = "usb-claim-unconfigured"
"""The one message that speaks of power and of nothing else; elsewhere power is one guess of several."""

_OPENED = frozenset({"model", "allocate", "invoke", "close"})
_BOOT_LOADER = "1a6e:089a"

_WORDS = {
    "autosuspend-or-reset": "it was reset, or left the bus and came back, while it was in use",
    "cable-or-port-signal": "a transfer failed or got no answer",
    "container-no-access": "this container does not have the device",
    "device-busy": "another process holds it",
    "dfu-not-initialised": "its firmware did not start",
    "hardware-defective": "the device reported a fault of its own",
    "hub-power-budget": "the kernel gave it no configuration, for lack of bus power",
    "model-not-compiled": "the model does not run on an Edge TPU",
    "no-device-visible": "it is not there",
    "pcie-link-or-slot": "the card does not answer",
    "permissions-udev": "this user may not open it",
    "runtime-mismatch": "library, TFLite runtime, NumPy or model do not fit each other",
    "runtime-missing": "the library or something that it needs is missing",
    "architecture-cpu-unsupported": "the library is for another processor",
}


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a trial, and how the device was found after it.

    * ``pair`` is what is known of the library and the runtime together, ``fitting`` a pair that works, in words;
      ``foreign`` says that the library is for another processor.
    * ``present`` and ``identity`` are those after the trial, ``None`` where nobody could look; ``was_fresh``: it was in
      its boot loader before. ``node_missing``: it had no device node.
    """

    runtime: str | None = None
    library: str | None = None
    pair: PairVerdict | None = None
    fitting: str | None = None
    foreign: str | None = None
    container: str | None = None
    vm: str | None = None
    is_pci: bool = False
    was_fresh: bool = False
    node_missing: bool = False
    present: bool | None = None
    identity: str | None = None
    holders: tuple[str, ...] = ()
    by_string: bool = False


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A cause, how sure it is, the sentence that says it, and the lines that say it."""

    cause: str
    confidence: SmokeConfidence = "certain"
    reason: str
    advice: str | None = None
    said: tuple[str, ...] = ()


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """A trial, its surroundings, and what is known of the lines that it left."""

    trial: Trial
    around: Around
    known: tuple[Recognised, ...]

    @property
    def causes(self) -> frozenset[str]:
        return frozenset(cause for found in self.known for cause in found.causes)

    @property
    def error_type(self) -> str | None:
        """The name of the exception, without ``Error`` at its end."""
        return self.trial.failure.error_type.removesuffix("Error") if self.trial.failure is not None else None


def judge_failure(trial: Trial, around: Around) -> Judged:
    """Why a trial failed. What is certain is asked first, what only is likely last."""
    lines = [line for line in _lines(trial) if line.strip()]
    found = [(line, recognised) for line in lines if (recognised := recognise(line)) is not None]
    known = [(line, recognised) for line, recognised in found if recognised.entry.kind == "fault" and recognised.causes]
    said = [line[:_TEXT_LIMIT] for line, _ in known[-_SAID_LIMIT:]] or [line[:_TEXT_LIMIT] for line in lines[-2:]]
    case = _Case(trial=trial, around=around, known=tuple(recognised for _, recognised in known))
    judged = next((answer for ask in _QUESTIONS if (answer := ask(case)) is not None), None)
    return msgspec.structs.replace(judged or _unknown(trial), said=tuple(said))


def _lines(trial: Trial) -> Iterator[str]:
    """What the library printed, then the exception, which wraps it or comes of it."""
    yield from trial.stderr
    failure = trial.failure
    if failure is not None:
        first, *rest = failure.text.splitlines() or [""]
        yield f"{failure.error_type}: {first}"
        yield from rest


def _unknown(trial: Trial) -> Judged:
    if trial.lost is not None:
        reason = f"the process that watched over it ended: {trial.lost}"
    elif trial.failure is not None:
        said = trial.failure.text.strip().splitlines() or [trial.failure.error_type]
        reason = f"the runtime gave up in phase {trial.phase}: {said[0][:_TEXT_LIMIT]}"
    elif trial.signal is not None:
        reason = f"the runtime died by {trial.signal} in phase {trial.phase}"
    else:
        reason = f"it ended in phase {trial.phase} and did not say why"
    return Judged(cause="unknown", reason=reason)


def _not_delegated(case: _Case) -> Judged | None:
    if case.error_type != "NotDelegated":
        return None
    return Judged(cause="model-not-compiled", reason="no part of the model runs on the Edge TPU, all of it on the CPU")


def _foreign(case: _Case) -> Judged | None:
    """A library for another processor: the loader says that the file does not exist."""
    if case.error_type == "WrongArchitecture" or (case.trial.phase == "library" and case.around.foreign is not None):
        reason = case.around.foreign or (case.trial.failure.text if case.trial.failure is not None else "")
        return Judged(cause="architecture-cpu-unsupported", reason=reason)
    return None


def _no_library(case: _Case) -> Judged | None:
    if case.error_type != "NotEdgeTpuLibrary" or case.trial.failure is None:
        return None
    return Judged(cause="runtime-missing", reason=case.trial.failure.text)


def _misfit_by_table(case: _Case) -> Judged | None:
    """A library and a package that are known not to fit explain crashes, silence and strange errors alike."""
    pair = case.around.pair
    if pair is None or pair.outcome == "works" or case.trial.phase not in _OPENED:
        return None
    if case.causes & _LINK_CAUSES:
        return None
    around = case.around
    return Judged(
        cause="runtime-mismatch",
        confidence="certain" if pair.observed else "likely",
        reason=f"{around.library or 'this libedgetpu'} does not fit {around.runtime}: {pair.symptom}",
        advice=_fitting(around),
    )


def _fitting(around: Around) -> str | None:
    return f"Use a pair that works: {around.fitting}." if around.fitting else None


def _misfit(case: _Case, what: str) -> Judged:
    names = " and ".join(name for name in (case.around.library, case.around.runtime) if name)
    return Judged(
        cause="runtime-mismatch",
        confidence="likely",
        reason=f"{what}: {names or 'the library and the runtime'} may not fit each other",
        advice=_fitting(case.around),
    )


def _crash(case: _Case) -> Judged | None:
    trial = case.trial
    if trial.signal in _CRASHES:
        return _misfit(case, f"the runtime crashed ({trial.signal}) in phase {trial.phase}")
    if trial.signal == "SIGILL":
        other = ", or an outdated gasket driver (rebuild it to decide)" if case.around.is_pci else ""
        return Judged(
            cause="architecture-cpu-unsupported",
            confidence="possible" if case.around.is_pci else "likely",
            reason=f"the runtime used an instruction that this CPU does not have{other}",
        )
    if trial.signal == "SIGKILL" and trial.timed_out is None and not trial.stopped:
        reason = "something killed it (SIGKILL), as the kernel does when memory runs out"
        return Judged(cause="unknown", reason=reason)
    return None


def _silence(case: _Case) -> Judged | None:
    phase = case.trial.timed_out
    if phase is None or (phase == "open" and case.known):
        return None
    if phase in ("start", "library"):
        return Judged(cause="unknown", reason="the library gave no answer when it was loaded or asked for its devices")
    if phase in ("model", "allocate"):
        return _misfit(case, "the runtime hung while it took the model")
    cause = "pcie-link-or-slot" if case.around.is_pci and phase == "open" else "hardware-defective"
    return Judged(cause=cause, confidence="likely", reason=_silent(case.trial))


def _so_far(trial: Trial) -> str:
    """The runs that were reported; those of its last moments were not."""
    return f"after at least {trial.runs} runs" if trial.runs else "in its first runs"


def _silent(trial: Trial) -> str:
    if trial.timed_out == "open":
        return "it never woke up: the open went on without end"
    if trial.timed_out == "close":
        return "it gave no answer"
    return f"it stopped answering, {_so_far(trial)}" if trial.runs else "it took the inputs and never answered"


def _gone_or_taken(case: _Case) -> Judged | None:
    """What the bus looks like afterwards tells apart causes that print the same line."""
    trial, around = case.trial, case.around
    in_use = trial.phase in _OPENED and bool(case.causes & _LINK_CAUSES)
    if not in_use and trial.phase not in ("open", "library"):
        return None
    if around.present is False:
        return _left(case, in_use=in_use)
    if around.holders:
        how = "opened it and so reset it" if in_use else "took it meanwhile"
        return Judged(cause="device-busy", reason=f"another process {how}: {', '.join(around.holders)}")
    return None


def _left(case: _Case, *, in_use: bool) -> Judged:
    around = case.around
    if in_use:
        return Judged(cause="autosuspend-or-reset", reason=f"it left the bus in use, {_so_far(case.trial)}")
    if around.was_fresh and (around.vm or around.container):
        where = "virtual machine" if around.vm else "container"
        reason = f"it left the bus to start its firmware and did not come back to this {where}"
        return Judged(cause="vm-passthrough-id-change", confidence="likely", reason=reason)
    return Judged(cause="no-device-visible", reason="it left the bus before or while it was opened")


def _message(case: _Case) -> Judged | None:
    """The last line that has one meaning, else the last that has several: the library prints what went wrong last."""
    known = [found for found in case.known if found.message not in _WRAPPERS and _possible(case, found)]
    found = next((each for each in reversed(known) if each.cause is not None), known[-1] if known else None)
    around = case.around
    if found is None:
        return None
    causes = _possible(case, found)
    if around.was_fresh and around.identity == _BOOT_LOADER and causes[0] in _LINK_CAUSES:
        reason = "it is still in its boot loader: the firmware did not start"
        return Judged(cause="dfu-not-initialised", reason=reason)
    return Judged(
        cause=causes[0],
        confidence="possible" if found.cause is None else "likely" if len(causes) > 1 else "certain",
        reason=_WORDS.get(causes[0], causes[0].replace("-", " ")),
        advice=_fitting(around) if causes[0] == "runtime-mismatch" else None,
    )


def _possible(case: _Case, found: Recognised) -> list[str]:
    """The causes of a message that can be here; power goes behind the others where the line does not speak of it."""
    around = case.around
    ruled_out = _USB_ONLY if around.is_pci else _PCI_ONLY
    causes = [cause for cause in found.causes if cause not in ruled_out]
    if around.container is None:
        causes = [cause for cause in causes if cause != "container-no-access"]
    elif "container-no-access" in causes:
        causes.sort(key=lambda cause: cause != "container-no-access")
    if around.vm is None:
        causes = [cause for cause in causes if cause != "vm-passthrough-id-change"]
    if found.message != _CLAIM_REFUSED:
        causes.sort(key=lambda cause: cause in ("hub-power-budget", "undervoltage"))
    return causes


def _no_answer(case: _Case) -> Judged | None:
    """A request that the library itself gave up on."""
    failure = case.trial.failure
    if failure is None or case.trial.phase != "invoke" or "Deadline exceeded" not in failure.text:
        return None
    return Judged(cause="hardware-defective", confidence="possible", reason="a request got no answer in time")


def _open_failed(case: _Case) -> Judged | None:
    """The open failed and nobody said why."""
    trial, around = case.trial, case.around
    if trial.phase != "open" or trial.signal is not None:
        return None
    if around.node_missing:
        cause = "container-no-access" if around.container else "permissions-udev"
        return Judged(cause=cause, confidence="likely", reason="it has no device node here")
    if case.error_type == "DeviceNotListed":
        where = "in this container " if around.container else ""
        cause = "container-no-access" if around.container else "no-device-visible"
        return Judged(cause=cause, confidence="likely", reason=f"libedgetpu {where}does not list it")
    if around.by_string:
        return Judged(cause="wrong-device-string", confidence="likely", reason="the string opened no device")
    return None


_QUESTIONS: tuple[Callable[[_Case], Judged | None], ...] = (
    _not_delegated,
    _foreign,
    _no_library,
    _misfit_by_table,
    _crash,
    _silence,
    _gone_or_taken,
    _message,
    _no_answer,
    _open_failed,
)
