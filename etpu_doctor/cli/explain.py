"""``etpu-doctor explain``: what a rule means."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import style, write_json
from etpu_doctor.rules.registry import find


def run(arguments: Sequence[str]) -> int:
    """Print the documentation of a code, or of every rule of a name."""
    parsing = common.parser("explain", "What a rule means, why it matters, how to fix it, what it cannot see.")
    parsing.add_argument("rule", metavar="CODE-or-NAME")
    common.add_json(parsing)
    common.add_style(parsing)
    options = parsing.parse_args(list(arguments))
    infos = [rule.info for rule in find(options.rule)]
    if not infos:
        raise UsageError(f"no such rule: {options.rule} (see etpu-doctor rules)")
    if options.json:
        write_json({"rules": infos})
        return exit_codes.OK
    from etpu_doctor.report import text  # noqa: PLC0415 - rich is slow to import

    for info in infos:
        text.render_explain(info, **style(options))
    return exit_codes.OK
