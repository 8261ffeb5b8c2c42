"""What the smoke test's parent and its workers say to each other.

The parent's side: a ``Job`` goes out, events come back. ``worker.py`` has no part of it: it may run in an environment
without msgspec, and speaks plain JSON by these names.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from etpu_doctor.facts.smoke import Difference, Via

Phase = Literal["start", "library", "open", "model", "allocate", "invoke", "close"]
"""How far a job is. ``library``: loading libedgetpu and asking it for its devices; ``model``: the interpreter takes the
model and the delegate takes its operators; ``close``: writing outputs, giving the device back."""

DeviceType = Literal["usb", "pci"]
Devices = tuple[tuple[DeviceType, str], ...]
"""(type, path) in libedgetpu's own order, in which ``usb:N`` counts those of type ``usb``."""

RUNTIMES = ("ai_edge_litert", "tflite_runtime")
"""The packages that are tried when none is asked for, in this order."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long each phase may take, and the most address space of a job.

    An open takes up to 5 s, one of a node that cannot be opened 26 s, one of a device that answers nothing 32 s.
    ``invoke_seconds`` is for one inference.
    """

    start_seconds: float = 10.0
    library_seconds: float = 10.0
    open_seconds: float = 45.0
    model_seconds: float = 20.0
    invoke_seconds: float = 20.0
    close_seconds: float = 10.0
    address_space_bytes: int = 2 << 30

    def seconds(self, phase: Phase) -> float:
        """The limit of a phase."""
        return {
            "start": self.start_seconds,
            "library": self.library_seconds,
            "open": self.open_seconds,
            "model": self.model_seconds,
            "allocate": self.model_seconds,
            "invoke": self.invoke_seconds,
            "close": self.close_seconds,
        }[phase]


class Channels(msgspec.Struct, frozen=True, kw_only=True, tag="channels", tag_field="kind"):
    """Outputs that repeat inputs.

    All ``inputs`` (name, channels) are joined along the last axis; each of ``outputs`` is some of the channels, by
    their numbers.
    """

    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]


class OutputsFile(msgspec.Struct, frozen=True, kw_only=True, tag="file", tag_field="kind"):
    """Outputs that another job wrote (``Job.write_outputs``); values may differ by ``tolerance`` at most."""

    path: str
    tolerance: float = 0.0


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """A further model on a job's device; nothing runs if it is another one than ``model_sha256`` says.

    ``rate`` and ``group`` as in ``Job``.
    """

    model: str
    model_sha256: str | None = None
    rate: float | None = None
    group: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One process's work: open a device, take a model, run it, compare every byte.

    * ``library`` is libedgetpu; without it the model runs on the CPU.
    * ``device_path`` is the one device meant. ``via="path"`` opens it by libedgetpu's C API, ``via="string"`` by the
      delegate string that means it at that moment. ``device`` is the string to use where no string is known for the
      path: without a path, or where the library has no C API to ask (it then stands in for the path too).
    * ``model_sha256``: nothing runs if the model is another one.
    * ``runs`` are the timed inferences, after a first one that is told apart; ``seconds`` replaces them by a time.
      ``input_sets`` different inputs are used in turns.
    * A job with ``hold`` waits for ``Crew.go`` before its first inference; with ``rounds`` above 1 it runs again as
      often, and waits before each further round.
    * ``reference`` are the outputs to expect; without one every run must repeat the first of the same inputs.
    * ``write_outputs`` is a file for the outputs of each set of inputs, as an ``OutputsFile`` reads them.
    * ``guests`` are models that take turns with it on the device. Those with a ``rate`` (inferences a second) are due
      at even intervals: who is due first runs first, one that is late runs at once, and due times that passed meanwhile
      are missed. Those without one fill the time between, one after the other. ``Turns`` tells of all of them; a
      round's ``runs`` count those of the job's own model. Models of one ``group`` keep their parameters side by side.
    * ``host_work``: after the last round it waits for ``Crew.go`` once more, and times what an application does in
      Python around an inference of each model.
    """

    model: str
    model_sha256: str | None = None
    library: str | None = None
    via: Via = "path"
    device_type: DeviceType = "usb"
    device_path: str | None = None
    device: str | None = None
    runs: int = 30
    seconds: float | None = None
    rounds: int = 1
    hold: bool = False
    input_sets: int = 4
    reference: Channels | OutputsFile | None = None
    write_outputs: str | None = None
    guests: tuple[Guest, ...] = ()
    rate: float | None = None
    group: str | None = None
    host_work: bool = False
    progress_seconds: float = 1.0
    limits: Limits = Limits()


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime that could not be used, and the exception that says why."""

    runtime: str
    error_type: str
    text: str


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello", tag_field="kind"):
    """The workers are ready.

    ``machine`` and ``bits`` are those of the interpreter's own file, by its ELF header (``None`` where it could not be
    read); ``tried`` are the runtimes that were tried before; ``threads`` how many the imports left running.
    """

    pid: int
    executable: str
    python_version: str
    machine: str | None = None
    bits: int | None = None
    runtime: str
    runtime_version: str | None = None
    numpy_version: str | None = None
    import_ms: float
    threads: int | None = None
    tried: tuple[Tried, ...] = ()


RefusalReason = Literal[
    "python-not-run", "python-too-old", "no-runtime", "runtime-broken", "crashed", "no-answer", "not-understood"
]


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal", tag_field="kind"):
    """Why there are no workers.

    * ``python-not-run``: the system could not start the interpreter. ``python-too-old``: it is older than 3.8.
    * ``no-runtime``: neither package is there. ``runtime-broken``: one is there and cannot be used; ``tried`` says why.
    * ``crashed``: the interpreter died or ended while it imported ``importing``. ``no-answer``: it said nothing in
      time. ``not-understood``: what it said is not from a worker; it may be no Python at all.
    """

    reason: RefusalReason
    text: str
    importing: str | None = None
    python_version: str | None = None
    numpy_version: str | None = None
    tried: tuple[Tried, ...] = ()
    signal: str | None = None
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Something that happened in a job. ``at_seconds`` is the system's monotonic clock (``time.monotonic``)."""

    task: int
    at_seconds: float


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """The job's process exists."""

    pid: int


class Entered(Event, frozen=True, kw_only=True, tag="entered"):
    """A phase begins."""

    phase: Phase


class Listed(Event, frozen=True, kw_only=True, tag="listed"):
    """What libedgetpu listed just before the open. ``devices`` is ``None`` if it has no C API to ask.

    ``device`` is the string that meant the path at that moment, ``None`` if the path was not in the list or none was
    given. ``version_text`` is what ``edgetpu_version`` says.
    """

    devices: Devices | None = None
    device: str | None = None
    version_text: str | None = None
    load_ms: float


class Opening(Event, frozen=True, kw_only=True, tag="opening"):
    """The open begins.

    ``via`` is the way it is really done; ``fallback``: the way by path was wanted and there is none, because no path
    was given or the library has no C API. ``device`` is the string used or meant, ``device_path`` the path as far as it
    is known. ``identity`` is that of a USB device before (``1a6e:089a``, ``18d1:9302``), as sysfs has it.
    """

    via: Via
    fallback: bool = False
    device: str | None = None
    device_path: str | None = None
    identity: str | None = None


class Firmware(Event, frozen=True, kw_only=True, tag="firmware"):
    """A fresh USB device is back as 18d1:9302, so many milliseconds after the open began."""

    firmware_load_ms: float


class Opened(Event, frozen=True, kw_only=True, tag="opened"):
    """The delegate is there. ``devices`` and ``device`` as in ``Listed``, after it."""

    open_ms: float
    devices: Devices | None = None
    device: str | None = None


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """An input or an output of the model."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Model(Event, frozen=True, kw_only=True, tag="model"):
    """The interpreter has the model.

    ``delegated`` is how many operators run on the Edge TPU, ``None`` where the runtime does not say or there is no
    delegate; with 0 the job ends here.
    """

    sha256: str
    size_bytes: int
    delegated: int | None = None
    interpreter_ms: float


class Ready(Event, frozen=True, kw_only=True, tag="ready"):
    """All is prepared for the first inference. A job with ``hold`` waits from here on."""

    allocate_ms: float
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class First(Event, frozen=True, kw_only=True, tag="first"):
    """The first inference, which takes the parameters to the device."""

    first_ms: float


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """Latencies since the last report, of the call ``invoke()`` alone; none of models that take turns or have a rate.

    ``runs`` and ``elapsed_ms`` count from the round's beginning, without the first inference of all; ``wrong_runs``
    of the round gave wrong outputs so far.
    """

    round: int
    runs: int
    elapsed_ms: float
    latencies_ms: tuple[float, ...]
    wrong_runs: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of some latencies, in milliseconds."""

    median_ms: float
    p95_ms: float


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a model did in a round. Figures are ``None`` of no runs.

    * ``switched_runs`` followed an inference of another group, and had to bring their parameters back if they have any;
      ``switched`` are their figures, ``kept`` those of the others.
    * ``late_runs`` began 1 ms or more after they were due, ``most_late_ms`` at most; ``missed_runs`` never began.
    * ``wrong_runs`` gave other outputs than they must, or than the first run of the same inputs.
    """

    model: str
    runs: int
    latency: Figures | None = None
    switched: Figures | None = None
    kept: Figures | None = None
    switched_runs: int = 0
    late_runs: int = 0
    missed_runs: int = 0
    most_late_ms: float = 0.0
    wrong_runs: int = 0


class Turns(Event, frozen=True, kw_only=True, tag="turns"):
    """What each model did in a round, the job's own first; comes right before its ``Done``.

    There is none of a model that is alone on the device and has no rate.
    """

    round: int
    turns: tuple[Turn, ...]


class HostWork(msgspec.Struct, frozen=True, kw_only=True):
    """What Python does around an inference, in milliseconds of one processor: measured one after the other, alone.

    * ``scaling_ms``: a picture of 1280x720 in RGB scaled to the input (NumPy, to the nearest pixel), made what the
      input wants and given to the interpreter; ``None`` where the input is no picture (``no_scaling_because``).
    * ``outputs_ms``: the outputs copied and dequantised, and the five best values of each found.
    * ``failed_because``: the exception that ended it; then there is neither.
    """

    scaling_ms: float | None = None
    no_scaling_because: str | None = None
    outputs_ms: float | None = None
    failed_because: str | None = None


class Host(Event, frozen=True, kw_only=True, tag="host"):
    """The work around an inference of each model, the job's own first."""

    works: tuple[HostWork, ...]


class OutputDigests(msgspec.Struct, frozen=True, kw_only=True):
    """SHA-256 of an output, one for each set of inputs in their order (of its first run; ``None``: it never ran)."""

    name: str
    sha256: tuple[str | None, ...]


class Done(Event, frozen=True, kw_only=True, tag="done"):
    """A round is over; all its latencies were reported before.

    ``compared_runs`` had outputs to be compared with (a first run of some inputs has none without a reference).
    ``difference`` is the first one of the round, ``None`` if every byte was right; ``basis`` is what it differs from.
    In a difference, ``differing_bytes`` counts those of all outputs of that run, and ``run`` the job's inferences from
    1, the first of all included.
    """

    round: int
    runs: int
    elapsed_ms: float
    compared_runs: int
    basis: Literal["permutation", "reference", "repetition"] | None = None
    difference: Difference | None = None
    outputs: tuple[OutputDigests, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """One digest a set of inputs, over all outputs; sets that never ran are left out."""
        sets = zip(*(output.sha256 for output in self.outputs), strict=True)
        whole = [[each for each in one if each is not None] for one in sets]
        return tuple(hashlib.sha256("".join(one).encode()).hexdigest() for one in whole if one)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The Python exception that ended a job; ``line`` is where in ``worker.py``.

    Exceptions of the runtimes and of the system come as they are. The worker's own, by ``error_type``:

    * ``WrongArchitectureError``: library and interpreter are for different processors.
    * ``NotEdgeTpuLibraryError``: the library has neither interface of libedgetpu.
    * ``DeviceNotListedError``: the path is not in libedgetpu's list.
    * ``DelegateRefusedError``: the open by path failed; the reason is in stderr.
    * ``ModelChangedError``: the model's SHA-256 is not ``Job.model_sha256``.
    * ``NotDelegatedError``: nothing of the model runs on the Edge TPU.
    * ``InputsUnknownError``: an input of a type that cannot be filled.
    * ``ReferenceMismatchError``: expected outputs that do not belong to this model or these inputs.
    """

    phase: Phase
    error_type: str
    text: str
    line: int | None = None


class Ended(Event, frozen=True, kw_only=True, tag="ended"):
    """The job's process is gone; the last event of a job.

    * ``phase``: how far it came. ``exit_status`` or ``signal`` (``SIGSEGV``), neither if nobody saw it end.
    * ``timed_out`` is the phase whose limit it passed, ``stopped``: ``Crew.stop`` ended it.
    * ``stuck``: it did not die of SIGKILL in time: it hangs in the kernel, which ends it when the device lets go.
    * ``lost``: its foreman ended before it, in words; the job was killed with it.
    * ``stderr``: first and last lines that it and its libraries printed; ``stderr_dropped`` lines between them are not
      kept.
    """

    phase: Phase = "start"
    exit_status: int | None = None
    signal: str | None = None
    timed_out: Phase | None = None
    stopped: bool = False
    stuck: bool = False
    lost: str | None = None
    failure: Failure | None = None
    stderr: tuple[str, ...] = ()
    stderr_dropped: int = 0
