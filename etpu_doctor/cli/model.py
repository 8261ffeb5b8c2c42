"""``etpu-doctor model``: what a ``.tflite`` file is; ``etpu-doctor model fetch``: gets the smoke model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import text_stream, write_json
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.report.escape import for_terminal

if TYPE_CHECKING:  # only to fetch
    from etpu_doctor.smoke.models import Fetched

_WIDEST = 100
_FETCH = "fetch"


def run(arguments: Sequence[str]) -> int:
    """Look at a model, or fetch the smoke model."""
    if list(arguments[:1]) == [_FETCH]:
        return _fetch(arguments[1:])
    parsing = common.parser(
        "model",
        "What a .tflite file is: compiled for the Edge TPU or not, what it needs, what it sends over the bus. "
        "Exit status: 0 all of it is compiled, 1 there is something to know, 2 no sound model. "
        "'etpu-doctor model fetch' gets the smoke model.",
    )
    parsing.add_argument("file", metavar="FILE", help="the model (./fetch for a file that is called fetch)")
    common.add_json(parsing)
    options = parsing.parse_args(list(arguments))
    return _look(options.file, as_json=options.json)


def _look(path: str, *, as_json: bool) -> int:
    from etpu_doctor.evidence.compiled_model import ModelError, load_model  # noqa: PLC0415 - not for fetch
    from etpu_doctor.report.model import lines, report_on  # noqa: PLC0415 - as above

    try:
        report = report_on(load_model(path))
    except ModelError as error:
        raise EvidenceError(path, str(error)) from error
    if as_json:
        write_json(report)
    else:
        text_stream("auto").write("".join(f"{line}\n" for line in lines(report, _width())))
    return exit_codes.FOUND if report.notes else exit_codes.OK


def _width() -> int:
    try:
        return min(os.get_terminal_size(sys.stdout.fileno()).columns, _WIDEST) or _WIDEST
    except (OSError, ValueError):
        return _WIDEST


def _fetch(arguments: Sequence[str]) -> int:
    parsing = common.parser(
        "model fetch",
        "Get the smoke model (58,504 bytes) from its public repository into the cache; its SHA-256 decides.",
    )
    parsing.add_argument("--dest", metavar="DIR", help="into this folder instead of the cache")
    parsing.add_argument("--url", help="from this address (http or https) instead; the SHA-256 must be the same")
    common.add_json(parsing)
    options = parsing.parse_args(list(arguments))
    if options.dest == "" or options.url == "":
        raise UsageError("--dest and --url want a value")
    from etpu_doctor.smoke.download import FetchError  # noqa: PLC0415 - only to fetch
    from etpu_doctor.smoke.models import FetchOptions, fetch  # noqa: PLC0415 - as above

    try:
        fetched = fetch(FetchOptions(folder=options.dest, url=options.url), _progress)
    except FetchError as error:
        raise EvidenceError("model fetch", str(error)) from error
    if options.json:
        write_json(fetched)
    else:
        text_stream("auto").write("".join(f"{for_terminal(line)}\n" for line in _told(fetched)))
    return exit_codes.OK


def _progress(got_bytes: int, size_bytes: int) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        end = "\n" if got_bytes == size_bytes else ""
        print(f"\r{got_bytes:,} of {size_bytes:,} bytes", end=end, file=sys.stderr, flush=True)


def _told(fetched: Fetched) -> Iterator[str]:
    if fetched.was_there:
        yield f"{fetched.path}: there already, {fetched.size_bytes:,} bytes, its SHA-256 is right"
        return
    if fetched.replaced is not None:
        yield f"{fetched.path}: the file there {fetched.replaced}, and was replaced"
    rest = f", the last {fetched.size_bytes - fetched.resumed_at_bytes:,} now" if fetched.resumed_at_bytes else ""
    yield f"{fetched.path}: {fetched.size_bytes:,} bytes from {fetched.url}{rest}, its SHA-256 is right"
