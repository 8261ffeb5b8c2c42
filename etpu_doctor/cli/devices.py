"""``etpu-doctor devices``: which delegate string means which physical port."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.output import style, write_json


def run(arguments: Sequence[str]) -> int:
    """Print a line for each Edge TPU."""
    parsing = common.parser("devices", "One line per Edge TPU: delegate string and physical port.")
    common.add_source(parsing)
    common.add_json(parsing)
    common.add_style(parsing)
    options = parsing.parse_args(list(arguments))
    report = common.report_of(options)
    if options.json:
        write_json({"schema": report.schema, "edge_tpus": report.edge_tpus})
        return exit_codes.OK
    from etpu_doctor.report import text  # noqa: PLC0415 - rich is slow to import

    text.render_devices(report, **style(options))
    return exit_codes.OK
