"""ETD502 gasket-build-failure."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.driver_state import build_failed, dkms, ids, matters, own_cards, said, subject, works
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD502",
    name="gasket-build-failure",
    severity="error",
    summary="DKMS could not build the driver for this kernel.",
    documentation="""\
## What it means
The driver comes as sources, and DKMS builds it for each kernel. The build failed; its make.log says why. The kernel's
interfaces changed several times since Google's package (1.0-18, of 2022) was made: 6.4 (`class_create`), 6.8
(`eventfd_signal`), 6.12 (`no_llseek`), 6.13 (`MODULE_IMPORT_NS`). Or the headers are missing or not complete.

## Why it matters
Without a module for the running kernel there is no `/dev/apex_0`. A failure for a newer kernel shows at the next start.
apt calls the package half-installed and repeats the failure at every run.

## How to fix
Up to kernel 6.11 build the package from Google's sources; from 6.12 on from patched ones. Where headers are missing,
install them.

## What it cannot see
Failures whose log was removed, and reasons that are not in its table: then the first error of the log stands there.

## Source
gasket-driver `debian/changelog` and history; google/gasket-driver issues 3, 15, 36, 47, 51, 52, 54 and pull requests
35, 50; google-coral/edgetpu issue 802.
""",
)

_LOG = "/var/lib/dkms/gasket/1.0/build/make.log"
_UNKNOWN = (
    "Read the first error in make.log; for kernels from 6.12 on use the patched sources of "
    "github.com/feranick/gasket-driver or github.com/jnicolson/gasket-builder."
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for a failed build: an error for the running kernel, a warning for another one."""
    cards, state = own_cards(machine), dkms(machine)
    if state.build_error is not None:
        if not matters(machine):
            return
        if build_failed(machine):
            yield _finding(machine, cards, "warning" if works(machine) else "error")
        elif state.status.get(state.build_kernel or "") != "installed":
            yield _finding(machine, cards, "warning")
        return
    lines = said(machine, INFO.name)
    if lines:
        yield _reported(cards, lines)


def _finding(machine: Machine, cards: list[EdgeTpu], severity: Severity) -> Finding:
    # Imported here: the table is only needed for a machine whose build failed.
    from etpu_doctor.knowledge.gasket_breakage import breakage_of, breakage_table  # noqa: PLC0415 - see above

    state = dkms(machine)
    known = breakage_of(state.build_error or "")
    facts = [Fact(name="make.log", value=state.build_error, where=state.build_error_where)]
    if state.package_version is not None:
        facts.append(Fact(name="gasket-dkms", value=state.package_version, where="/var/lib/dpkg/status"))
    if known is not None and known.kernel_from:
        facts.append(Fact(name="kernels that have this change", value=f"{known.kernel_from} and later"))
    kernel = state.build_kernel or machine.evidence.host.kernel_release
    reason = known.meaning if known is not None else "the reason is in make.log"
    fix = breakage_table().fix[known.fix] if known is not None else _UNKNOWN
    # Without a card in the evidence the log may be of another machine.
    confidence: Confidence = "certain" if known is not None and cards else "likely"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=f"DKMS could not build the driver for {_kernel_text(machine, kernel)}: {reason}",
        subject=subject(cards),
        concerns=ids(cards),
        facts=tuple(facts),
        remedy=_remedy(fix, state.build_error_where),
    )


def _kernel_text(machine: Machine, kernel: str | None) -> str:
    running = machine.evidence.host.kernel_release
    if kernel is None:
        return "the running kernel"
    return f"kernel {kernel}" if running in (None, kernel) else f"kernel {kernel}, which will run after a restart"


def _remedy(fix: str, where: str | None) -> Remedy:
    path = where.rpartition(":")[0] if where else ""
    if not path.startswith("/"):
        path = _LOG  # the line is from a text
    return Remedy(
        summary=fix,
        steps=(
            "Remove what is half-installed first: sudo apt purge gasket-dkms (Fedora: sudo dnf remove gasket-dkms).",
            fix,
            "Then: sudo modprobe apex; /dev/apex_0 shows that it worked.",
        ),
        commands=(
            Command(command="dkms status", why="shows for which kernels it is built"),
            *((Command(command=f"cat {path}", why="the whole log of the build"),) if _is_plain(path) else ()),
        ),
    )


def _is_plain(path: str) -> bool:
    """Whether a path needs no quotes in a shell."""
    return path.isascii() and path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum()


def _reported(cards: list[EdgeTpu], lines: tuple[Fact, ...]) -> Finding:
    from etpu_doctor.knowledge.gasket_breakage import breakage_of, breakage_table  # noqa: PLC0415 - as above

    known = next((each for line in lines if (each := breakage_of(str(line.value))) is not None), None)
    reason = known.meaning if known is not None else "make.log says why"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence="certain" if known is not None and cards else "likely",
        title=f"DKMS could not build the driver: {reason}",
        subject=subject(cards),
        concerns=ids(cards),
        facts=lines,
        remedy=_remedy(breakage_table().fix[known.fix] if known is not None else _UNKNOWN, None),
    )
