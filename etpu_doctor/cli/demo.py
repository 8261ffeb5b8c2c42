"""``etpu-doctor demo``: a capture that ships inside the package, replayed and marked as a replay."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.check import add_report_options
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import write_json, write_report
from etpu_doctor.demos import DEFAULT, demos, folder_of
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.report.examine import examine


def run(arguments: Sequence[str]) -> int:
    """Replay a demo, or list them."""
    parsing = common.parser("demo", "Replay a capture that ships inside the package.")
    parsing.add_argument("name", nargs="?", default=DEFAULT, metavar="NAME", help=f"default: {DEFAULT}")
    parsing.add_argument("--list", action="store_true", help="list the demos")
    common.add_judgment(parsing)
    add_report_options(parsing)
    parsing.set_defaults(no_redact=False)
    options = parsing.parse_args(list(arguments))
    if options.json:
        options.format = "json"
    known = demos()
    if options.list:
        return _list(known, as_json=options.format == "json")
    if options.name not in known:
        raise UsageError(f"no such demo: {options.name} (there are: {', '.join(known)})")
    evidence = read_sources([folder_of(options.name)])
    report = examine(evidence, common.request_of(options), kind="demo", name=options.name)
    write_report(report, options)
    return common.status_of(report, options.fail_on)


def _list(known: dict[str, str], *, as_json: bool) -> int:
    if as_json:
        write_json({"demos": [{"name": name, "machine": machine} for name, machine in known.items()]})
        return exit_codes.OK
    for name, machine in known.items():
        print(f"{name:28}{machine}")
    return exit_codes.OK
