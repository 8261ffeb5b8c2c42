"""The one error handler: named exit statuses, JSON errors with ``--json``, and an issue-ready file for a bug."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable

from etpu_doctor import __version__
from etpu_doctor.cli import exit_codes
from etpu_doctor.evidence.errors import EvidenceError

_OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What writing to a stream fails with: its reader left, or the disk is full. Not a bug of ours."""

ISSUES_HINT = "Please open an issue with the content of"


class UsageError(Exception):
    """A command line that cannot be carried out."""


def handled(command: Callable[[], int], *, as_json: bool) -> int:
    """Run a command and turn every way of failing into a message and an exit status."""
    _prepare_streams()
    try:
        return _answered(command, as_json=as_json)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return exit_codes.CLOSED_PIPE
    except OSError as error:
        _discard_output()
        print(f"etpu-doctor: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        return exit_codes.USAGE


def _prepare_streams() -> None:
    """A standard stream that the caller closed becomes an empty one; what an encoding cannot show never raises."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - stands until the process ends
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as above
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _answered(command: Callable[[], int], *, as_json: bool) -> int:
    """The status of a command, its refusal or its crash; raises what writing the answer raises."""
    try:
        return _flushed(command())
    except SystemExit:
        _flushed(exit_codes.OK)
        raise
    except UsageError as error:
        return _refuse(str(error), "usage", as_json=as_json)
    except EvidenceError as error:
        return _refuse(str(error), "evidence", as_json=as_json, file=error.file, line=error.line)
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_ERRORS:
            raise
        return _bug(error, as_json=as_json)


def _flushed(status: int) -> int:
    """A status, after everything is written: only then is it known that the reader of a pipe was there."""
    sys.stdout.flush()
    return status


def _discard_output() -> None:
    """Python flushes standard output once more at exit; it must not fail a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message: str, kind: str, *, as_json: bool, file: str | None = None, line: int | None = None) -> int:
    if as_json:
        _print_json(exit_codes.USAGE, kind, message, file, line)
    else:
        print(f"etpu-doctor: {message}", file=sys.stderr)
    return exit_codes.USAGE


def _print_json(code: int, kind: str, message: str, file: str | None = None, line: int | None = None) -> None:
    from etpu_doctor.cli.output import write_json  # noqa: PLC0415 - only needed once something failed
    from etpu_doctor.report.make import error_report  # noqa: PLC0415 - as above
    from etpu_doctor.report.report import ReportError  # noqa: PLC0415 - as above

    error = ReportError(code=code, kind=kind, message=message, file=file, line=line)  # type: ignore[arg-type] # two callers
    write_json(error_report(error))


def _bug(error: Exception, *, as_json: bool) -> int:
    path = _write_log(error)
    message = f"a bug in etpu-doctor: {type(error).__name__}: {error}"
    hint = f" {ISSUES_HINT} {path}" if path else ""
    if as_json:
        _print_json(exit_codes.BUG, "bug", f"{message}.{hint}")
    print(f"etpu-doctor: {message}.{hint}", file=sys.stderr)
    return exit_codes.BUG


def _write_log(error: Exception) -> str | None:
    """A file that is an issue's text as it stands; ``None`` where none can be written."""
    import platform  # noqa: PLC0415 - slow, and only for bugs
    import tempfile  # noqa: PLC0415 - as above
    import traceback  # noqa: PLC0415 - as above

    text = "\n".join(
        [
            f"### {type(error).__name__} in etpu-doctor {__version__}",
            "",
            f"- Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}",
            f"- command: `etpu-doctor {' '.join(sys.argv[1:])}`",
            "",
            "```",
            "".join(traceback.format_exception(error)).rstrip(),
            "```",
            "",
        ]
    )
    try:
        with tempfile.NamedTemporaryFile(prefix="etpu-doctor-", suffix=".md", delete=False) as handle:
            handle.write(text.encode("utf-8", "backslashreplace"))
            return handle.name
    except OSError:
        return None
