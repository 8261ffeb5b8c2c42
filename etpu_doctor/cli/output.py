"""Where output goes: standard output as bytes for JSON, as text for the rest."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any, TextIO

import msgspec

from etpu_doctor.report.report import Report

_INDENT_LIMIT_BYTES = 4 << 20


def write_json(value: Any) -> None:
    """One JSON value, UTF-8 whatever the locale says; indented unless it is too long for anybody to read."""
    data = encoded(value)
    if len(data) < _INDENT_LIMIT_BYTES:
        data = msgspec.json.format(data, indent=2)
    data += b"\n"
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(data.decode())
        return
    sys.stdout.flush()
    stream.write(data)
    stream.flush()


def encoded(value: Any) -> bytes:
    """A value as one line of JSON, without its end."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # A file name that is no UTF-8 reaches Python with lone surrogates in it, which JSON cannot carry.
        return msgspec.json.encode(_printable(msgspec.to_builtins(value)))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, (list, tuple)) else value


def wants_ascii(choice: str) -> bool:
    """Whether text output is to be ASCII: as asked for, or because the locale's encoding cannot do more."""
    if choice != "auto":
        return choice == "ascii"
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    return encoding not in ("utf8", "utf16", "utf32")


def text_stream(choice: str) -> TextIO:
    """Standard output, set so that a character it cannot encode never raises."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace", **({"encoding": "utf-8"} if choice == "utf-8" else {}))
    return sys.stdout


def style(options: Namespace) -> dict[str, Any]:
    """The keyword arguments that all renderers of ``report.text`` take."""
    return {
        "color": options.color,
        "ascii_only": wants_ascii(options.encoding),
        "width": None,
        "stream": text_stream(options.encoding),
    }


def write_report(report: Report, options: Namespace) -> None:
    """A report in the format that was asked for."""
    if options.format == "json":
        write_json(report)
    elif options.format == "markdown":
        from etpu_doctor.cli.labelled import labelled  # noqa: PLC0415 - for the faces that a person reads
        from etpu_doctor.report import markdown  # noqa: PLC0415 - one face a run

        text_stream(options.encoding).write(markdown.render(labelled(report)))
    else:
        from etpu_doctor.cli.labelled import labelled  # noqa: PLC0415 - as above
        from etpu_doctor.report import text  # noqa: PLC0415 - rich is slow to import

        text.render(labelled(report), **style(options))
