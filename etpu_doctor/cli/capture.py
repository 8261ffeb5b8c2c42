"""``etpu-doctor capture``: a redacted, replayable bundle of this machine's evidence."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.output import write_json
from etpu_doctor.evidence.capture import capture_live


def run(arguments: Sequence[str]) -> int:
    """Write the bundle."""
    parsing = common.parser("capture", "Write a redacted, replayable bundle of this machine's evidence.")
    parsing.add_argument("-o", "--output", required=True, metavar="FILE", help="the bundle to write (.tar.gz)")
    parsing.add_argument(
        "--root", default="/", metavar="DIR", help="where sys, proc and etc of the host are (default /)"
    )
    parsing.add_argument("--no-redact", action="store_true", help="keep host name and serial numbers")
    parsing.add_argument("--force", action="store_true", help="overwrite FILE")
    common.add_json(parsing)
    options = parsing.parse_args(list(arguments))
    members = capture_live(options.output, root=options.root, redact=not options.no_redact, force=options.force)
    if options.json:
        write_json({"file": options.output, "members": members})
        return exit_codes.OK
    print(f"wrote {options.output}: {', '.join(members)}")
    print(f"look at what is in it:  tar xzOf {_quoted(options.output)} | less")
    print(f"replay it:              etpu-doctor check --from {_quoted(options.output)}")
    return exit_codes.OK


def _quoted(path: str) -> str:
    import shlex  # noqa: PLC0415 - only for this message

    return shlex.quote(path)
