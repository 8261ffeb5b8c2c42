"""``etpu-doctor tree``: the joined tree."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.output import style, write_json


def run(arguments: Sequence[str]) -> int:
    """Print the tree."""
    parsing = common.parser("tree", "The joined USB and PCI tree: link speed and limiting hop on every branch.")
    common.add_source(parsing)
    parsing.add_argument(
        "--all", action="store_true", help="every PCI function, not only what carries USB or Edge TPUs"
    )
    common.add_json(parsing)
    common.add_style(parsing)
    options = parsing.parse_args(list(arguments))
    report = common.report_of(options)
    if options.json:
        write_json({"schema": report.schema, "topology": report.topology, "edge_tpus": report.edge_tpus})
        return exit_codes.OK
    from etpu_doctor.report import text  # noqa: PLC0415 - rich is slow to import

    text.render_tree(report, show_all=options.all, **style(options))
    return exit_codes.OK
