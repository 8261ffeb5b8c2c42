"""``etpu-doctor smoke``: proves that each Edge TPU computes, and measures how fast."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import style, write_report
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report

_BROKEN = frozenset({"failed", "wrong-output"})


def run(arguments: Sequence[str]) -> int:
    """Test and print."""
    parsing = common.parser("smoke", "Open each Edge TPU, run a real model on it, compare every output byte, measure.")
    parsing.add_argument(
        "devices", nargs="*", metavar="DEVICE", help="usb:0, pci:1, a port path (2-3.1), a PCI address, /dev/apex_0"
    )
    parsing.add_argument("--all", action="store_true", help="all of them (the default without DEVICE)")
    add_smoke_options(parsing)
    parsing.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parsing.add_argument("--json", action="store_true", help="same as --format json: the whole report")
    parsing.add_argument("--fail-on", choices=("error", "warning", "never"), default="warning")
    parsing.add_argument("--no-redact", action="store_true", help="keep host name, serial numbers and addresses")
    common.add_style(parsing)
    options = parsing.parse_args(list(arguments))
    if options.devices and options.all:
        raise UsageError("either DEVICE or --all")
    if options.json:
        options.format = "json"
    report = examine(tested(options), common.request_of(options))
    _write(report, options)
    return _status(report, options.fail_on, asked=bool(options.devices))


def add_smoke_options(parsing: argparse.ArgumentParser) -> None:
    """Options of every command that runs smoke tests."""
    parsing.add_argument("--model", metavar="FILE", help="a compiled model (default: the fetched smoke model)")
    parsing.add_argument("--reference", metavar="FILE", help="its uncompiled twin, to compare with on the CPU")
    parsing.add_argument(
        "--tolerance", type=common.count, default=0, metavar="N", help="by which each output value may differ from it"
    )
    parsing.add_argument("--runs", type=_runs, default=50, metavar="N", help="inferences each (default 50)")
    parsing.add_argument(
        "--parallel", action="store_true", help="each alone first, then all at once: shows what shared links cost"
    )
    parsing.add_argument("--soak", type=_seconds, metavar="SECONDS", help="run that long, and draw latency and heat")
    parsing.add_argument("--lib", metavar="FILE", help="this libedgetpu.so.1 (default: the one that the loader takes)")
    parsing.add_argument("--python", metavar="PATH", help="the interpreter whose TFLite runtime is to be used")
    parsing.add_argument("--runtime", choices=("tflite-runtime", "ai-edge-litert"), help="which of the two")
    parsing.add_argument(
        "--via",
        choices=("path", "string"),
        default="path",
        help="open by path, or by the device string as applications do",
    )
    parsing.add_argument(
        "--limit", type=_seconds, metavar="SECONDS", help="most for an open (default 45) and for an inference (20)"
    )
    parsing.add_argument(
        "--force", action="store_true", help="also what another process holds, which ends that process"
    )
    parsing.add_argument("--yes", action="store_true", help="do not ask before --force does that")
    parsing.add_argument("--progress", choices=("auto", "bar", "json", "none"), default="auto")


def tested(options: argparse.Namespace) -> Evidence:
    """Evidence of this machine with the results of its smoke tests. Raises ``UsageError``."""
    from etpu_doctor.cli.progress import watching  # noqa: PLC0415 - only a smoke test has progress
    from etpu_doctor.evidence.around import HostRequest  # noqa: PLC0415 - as above
    from etpu_doctor.evidence.gather import gather_live  # noqa: PLC0415 - as above
    from etpu_doctor.smoke.models import ChoiceError  # noqa: PLC0415 - as above
    from etpu_doctor.smoke.prepare import Wanted, smoke_test  # noqa: PLC0415 - as above
    from etpu_doctor.smoke.targets import TargetError  # noqa: PLC0415 - as above

    if options.force and not options.yes:
        _ask_to_force()
    pythons = (options.python,) if options.python is not None else ()
    evidence = gather_live(request=HostRequest(pythons=pythons, probe=False))
    wanted = Wanted(
        devices=tuple(getattr(options, "devices", ())),
        model=options.model,
        reference=options.reference,
        tolerance=options.tolerance,
        runs=options.runs,
        alone=options.parallel,
        soak_seconds=options.soak,
        library=options.lib,
        python=options.python,
        runtime=options.runtime,
        via=options.via,
        force=options.force,
        limit_seconds=options.limit,
    )
    try:
        with watching(options.progress) as watch:
            return smoke_test(evidence, wanted, watch)
    except (ChoiceError, TargetError) as error:
        raise UsageError(str(error)) from None


def with_smoke(evidence: Evidence, pythons: Sequence[str] | None) -> Evidence:
    """The evidence with the results of smoke tests as they are by default; what cannot be tested is said to be so."""
    from etpu_doctor.cli.progress import watching  # noqa: PLC0415 - only a smoke test has progress
    from etpu_doctor.smoke.models import ChoiceError  # noqa: PLC0415 - as above
    from etpu_doctor.smoke.prepare import Wanted, smoke_test, untested  # noqa: PLC0415 - as above

    try:
        with watching("auto") as watch:
            return smoke_test(evidence, Wanted(python=pythons[0] if pythons else None), watch)
    except ChoiceError as error:
        return untested(evidence, str(error))


def _ask_to_force() -> None:
    """A person at a terminal may say yes; nobody else can."""
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("--force ends the process that holds an Edge TPU: confirm it on a terminal, or with --yes")
    sys.stderr.write("--force resets Edge TPUs that other processes hold, which ends those processes. Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was tested")


def _write(report: Report, options: argparse.Namespace) -> None:
    if options.format != "text" or not report.smoke:
        write_report(report, options)
        return
    from etpu_doctor.cli.labelled import labelled  # noqa: PLC0415 - for the faces that a person reads
    from etpu_doctor.report import text  # noqa: PLC0415 - rich is slow to import

    text.render_smoke(labelled(report), **style(options))


def _status(report: Report, fail_on: str, *, asked: bool) -> int:
    """0 only if something was tested and nothing failed; with names, only if each of them was tested."""
    if fail_on == "never":
        return exit_codes.OK
    verdicts = [result.verdict for result in report.smoke]
    untested = verdicts.count("skipped") if asked else not any(verdict != "skipped" for verdict in verdicts)
    slow = fail_on == "warning" and "slow" in verdicts
    return exit_codes.FOUND if untested or slow or not _BROKEN.isdisjoint(verdicts) else exit_codes.OK


def _runs(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 10_000_000:
        raise ValueError
    return number


def _seconds(value: str) -> float:
    number = float(value)
    if not 0 < number <= 7 * 86400:
        raise ValueError
    return number
