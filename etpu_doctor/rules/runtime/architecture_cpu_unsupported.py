"""ETD705 architecture-cpu-unsupported."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo, Severity, about_machine
from etpu_doctor.rules.interpreters import asked_for, in_use, library_facts, machine_text, python_text
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD705",
    name="architecture-cpu-unsupported",
    severity="error",
    summary="libedgetpu is for another processor, or the processor lacks what the runtime needs.",
    documentation="""\
## What it means
Google's libedgetpu exists for amd64, arm64 and armhf (ARMv7 with NEON). A library of another architecture, or of the
other word size, is passed over by the loader. The x86 builds need SSE4.1; some TFLite builds need AVX as well.

## Why it matters
A library for another processor gives "cannot open shared object file: No such file or directory" although the file is
there. A missing CPU feature gives "Illegal instruction".

## How to fix
Install the package of user space's architecture (dpkg --print-architecture). In a virtual machine let the guest see the
real processor (CPU type "host"). On an ARMv6 board (Raspberry Pi Zero and 1) there is no build.

## What it cannot see
Which instructions a particular build uses. "Illegal instruction" while a PCIe Edge TPU is opened can also be an
outdated gasket driver on a new kernel: the kernel log names the file in which it happened, and a probe that opens no
device and dies of it points to the processor.

## Source
ELF headers; `/proc/cpuinfo`; google-coral/pycoral issues 7, 8 and 100; google-coral/libedgetpu issue 3; Frigate's
documentation on the Coral EdgeTPU.
""",
)

_finding = about_machine(INFO)

_BUILDS = {("x86_64", 64): "amd64", ("aarch64", 64): "arm64", ("arm", 32): "armhf"}
_TRAPS = Command(
    command="sudo dmesg | grep -iE 'invalid opcode|undefined instruction|apex|gasket'",
    why="names the file in which an illegal instruction happened: a library speaks for the CPU, apex for the driver",
    needs_root=True,
)


def check(machine: Machine) -> Iterator[Finding]:
    """The library against user space and the interpreters, then the processor against what builds need."""
    runtime = machine.evidence.runtime
    if runtime is None:
        return
    yield from _libraries(machine, runtime)
    if not (machine.edge_tpus or runtime.libraries or asked_for(runtime)):
        return
    if (machine.evidence.host.architecture or "").startswith(("armv6", "armv5")):
        yield _no_build(machine, machine.evidence.host.architecture or "")
        return
    yield from _narrow_user_space(machine, runtime)
    if runtime.probe is not None and "SIGILL" in (runtime.probe.failure or ""):
        yield _illegal(machine, runtime)
    elif runtime.cpu_flags is not None and runtime.machine is not None:
        yield from _cpu(machine, runtime.machine, runtime.cpu_flags)


def _libraries(machine: Machine, runtime: Runtime) -> Iterator[Finding]:
    """Whoever has a library within reach, but none for its own machine."""
    within_reach = [library for library in runtime.libraries if library.loader_finds and library.machine is not None]
    if not within_reach:
        return
    there = {(library.machine, library.bits) for library in within_reach}
    wanted = {(runtime.machine, runtime.bits): "this system's user space"} if runtime.machine else {}
    for python in asked_for(runtime):
        if python.machine is not None:
            wanted.setdefault((python.machine, python.bits), python_text(python))
    for (name, bits), whose in wanted.items():
        if (name, bits) not in there:
            yield _wrong_machine(machine, runtime, whose, name, bits)


def _wrong_machine(machine: Machine, runtime: Runtime, whose: str, name: str | None, bits: int | None) -> Finding:
    library = runtime.libraries[0]
    build = _BUILDS.get((name or "", bits or 0))
    step = f"Install the package for {build}: sudo apt-get install libedgetpu1-std:{build}"
    if build is None:
        step = "There is no such build: use a system for amd64, arm64 or armhf."
    return _finding(
        machine,
        ("error", "certain"),
        f"libedgetpu is for {machine_text(library.machine, library.bits)}, {whose} is {machine_text(name, bits)}",
        [
            *library_facts(library),
            Fact(name="library's machine", value=machine_text(library.machine, library.bits), where=library.path),
            Fact(name="needed", value=machine_text(name, bits), where="/proc/self/exe"),
        ],
        Remedy(
            summary="Install the library of the right architecture.",
            steps=(step,),
            commands=(Command(command="dpkg --print-architecture", why="shows what user space is"),),
        ),
    )


def _no_build(machine: Machine, architecture: str) -> Finding:
    return _finding(
        machine,
        ("error", "certain"),
        f"There is no libedgetpu for {architecture}: the armhf build needs ARMv7 and ends in 'Illegal instruction'",
        [Fact(name="architecture", value=architecture, where="uname -m")],
        Remedy(
            summary="Use another board.",
            steps=("Move the Edge TPU to a board with a 64-bit processor (Raspberry Pi 3 or later, Zero 2 W).",),
        ),
    )


def _narrow_user_space(machine: Machine, runtime: Runtime) -> Iterator[Finding]:
    """A 32-bit user space on a 64-bit kernel, as Raspberry Pi OS has it."""
    kernel = machine.evidence.host.architecture
    if runtime.bits != 32 or kernel not in ("aarch64", "x86_64"):
        return
    pcie = any(tpu.transport == "pci" for tpu in machine.edge_tpus)
    yield _finding(
        machine,
        ("warning" if pcie else "info", "certain"),
        f"User space is 32-bit ({machine_text(runtime.machine, runtime.bits)}) on a 64-bit kernel ({kernel})",
        [
            Fact(name="user space", value=machine_text(runtime.machine, runtime.bits), where="/proc/self/exe"),
            Fact(name="kernel", value=kernel, where="uname -m"),
        ],
        Remedy(
            summary="Use a 64-bit system: PCIe Edge TPUs need one, and current TFLite packages have no 32-bit wheels.",
            steps=("Install the 64-bit image of the distribution, or run the application in a 64-bit container.",),
        ),
    )


def _illegal(machine: Machine, runtime: Runtime) -> Finding:
    library = in_use(runtime)
    facts = list(library_facts(library)) if library is not None else []
    failure = runtime.probe.failure if runtime.probe is not None else None
    return _finding(
        machine,
        ("error", "likely"),
        "Loading libedgetpu dies of an illegal instruction, with no device opened: the processor lacks what it needs",
        [*facts, Fact(name="what happened", value=failure, where=library.path if library is not None else None)],
        _cpu_remedy(),
    )


def _cpu(machine: Machine, name: str, flags: tuple[str, ...]) -> Iterator[Finding]:
    if {"sse4_1", "avx"} <= set(flags) or "neon" in flags or name not in ("x86_64", "arm"):
        return
    from etpu_doctor.knowledge.runtimes import runtimes  # noqa: PLC0415 - parses a file; few processors come here

    missing = [need for need in runtimes().cpu if need.machine == name and need.flag not in flags]
    if not missing:
        return
    severity: Severity = "warning" if any(need.severity == "warning" for need in missing) else "unknown"
    names = join_words([need.flag for need in missing])
    facts = [Fact(name=f"{need.flag} is needed by", value=need.who, where=need.source) for need in missing]
    yield _finding(
        machine,
        (severity, "likely" if severity == "warning" else "possible"),
        f"The processor shows no {names}: programs may end in 'Illegal instruction'",
        [Fact(name="missing flags", value=names, where="/proc/cpuinfo"), *facts],
        _cpu_remedy(),
    )


def _cpu_remedy() -> Remedy:
    return Remedy(
        summary="Find out whether it is the processor or the driver, then give the program a processor that has it.",
        steps=(
            "After an 'Illegal instruction' run the command below.",
            "A library's name in its lines speaks for the processor, a line of apex or gasket for an outdated driver.",
            "In a virtual machine set the CPU type to host (Proxmox: qm set VMID --cpu host) and start it anew.",
            "Else build the runtime for this processor, or use a newer one.",
        ),
        commands=(_TRAPS,),
    )
