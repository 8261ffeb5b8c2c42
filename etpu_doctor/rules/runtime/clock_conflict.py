"""ETD706 runtime-mismatch: the standard and the maximum clock side by side."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.runtime import Library, Runtime
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.interpreters import STATUS, in_use, tpu_ids
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD706",
    name="runtime-mismatch",
    severity="warning",
    summary="libedgetpu is installed twice: for the standard and for the maximum clock.",
    documentation="""\
## What it means
libedgetpu1-std runs a USB Edge TPU at 250 MHz, libedgetpu1-max at 500 MHz. The packages exclude each other; both are
there only if one was forced, or copied by hand into another folder.

## Why it matters
Which of them a program gets depends on where it looks first. The maximum clock needs 900 mA a stick and makes it hot:
a hub that suffices for the one does not for the other.

## How to fix
Keep one of them.

## What it cannot see
Libraries in containers, and a path that a program gives itself. For PCIe Edge TPUs the two builds are alike.

## Source
libedgetpu `debian/control` and `port/default/builddata.cc`; Coral documentation.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """At most one finding: packages that exclude each other, else libraries of both clocks within reach."""
    runtime = machine.evidence.runtime
    if runtime is None:
        return
    first = in_use(runtime)
    if runtime.conflicting_packages:
        yield _packages(machine, runtime, first)
    elif first is not None:
        others = [each for each in runtime.libraries if _rivals(first, each)]
        if others:
            yield _files(machine, first, others[0])


def _rivals(first: Library, other: Library) -> bool:
    known = first.clock is not None and other.clock is not None
    return known and other.loader_finds and other.clock != first.clock and other.machine == first.machine


def _packages(machine: Machine, runtime: Runtime, first: Library | None) -> Finding:
    names = join_words(list(runtime.conflicting_packages))
    facts = [Fact(name="installed", value=names, where=STATUS)]
    if first is not None:
        facts.append(
            Fact(name="the loader takes", value=f"{first.path} ({first.clock or 'unknown'} clock)", where=first.path)
        )
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        title=f"{names} are installed together, but exclude each other",
        subject="machine",
        concerns=tpu_ids(machine),
        facts=tuple(facts),
        remedy=Remedy(
            summary="Keep one of them.",
            steps=(
                (
                    "Run sudo apt-get purge libedgetpu1-max, then sudo apt-get install --reinstall libedgetpu1-std "
                    "(or the other way round for the maximum clock)."
                ),
            ),
            commands=(Command(command="dpkg -l 'libedgetpu1*'", why="lists what is installed"),),
        ),
    )


def _files(machine: Machine, first: Library, other: Library) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="info",
        title=f"Two builds of libedgetpu are within reach; the {first.clock} clock is used ({first.path})",
        subject="machine",
        concerns=tuple(tpu.id for tpu in machine.edge_tpus if tpu.transport == "usb"),
        facts=(
            Fact(name="the loader takes", value=f"{first.path} ({first.clock} clock)", where=first.path),
            Fact(name="also there", value=f"{other.path} ({other.clock} clock)", where=other.path),
        ),
        remedy=Remedy(
            summary="Keep the one that is wanted.",
            steps=(
                f"Remove {other.path}, or {first.path} if the {other.clock} clock is wanted, then run sudo ldconfig.",
            ),
            commands=(Command(command="ldconfig -p | grep edgetpu", why="shows what the loader takes first"),),
        ),
    )
