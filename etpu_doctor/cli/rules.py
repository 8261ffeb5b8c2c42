"""``etpu-doctor rules``: the list of rules."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.output import style, write_json
from etpu_doctor.rules.registry import all_rules


def run(arguments: Sequence[str]) -> int:
    """Print a line for each rule."""
    parsing = common.parser("rules", "List all rules.")
    common.add_json(parsing)
    common.add_style(parsing)
    options = parsing.parse_args(list(arguments))
    infos = [rule.info for rule in all_rules()]
    if options.json:
        write_json({"rules": infos})
        return exit_codes.OK
    from etpu_doctor.report import text  # noqa: PLC0415 - rich is slow to import

    text.render_rules(infos, **style(options))
    return exit_codes.OK
