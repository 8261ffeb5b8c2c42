"""The JSON Schema of the report, made from its structs: ``python -m etpu_doctor.report.schema [--check]``."""

from __future__ import annotations

import sys
from importlib.resources import files

import msgspec

from etpu_doctor.report.report import SCHEMA, Report


def generate() -> str:
    """The schema (draft 2020-12) as text."""
    (schema,), components = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        **schema,
        "$defs": components,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema beside this module, or with ``--check`` say whether the one there is up to date."""
    path = files("etpu_doctor.report").joinpath("schema.json")
    text = generate()
    if "--check" in arguments:
        current = path.read_text(encoding="utf-8") if path.is_file() else ""
        if current != text:
            print("schema.json is stale: run python -m etpu_doctor.report.schema", file=sys.stderr)
        return int(current != text)
    with open(str(path), "w", encoding="utf-8") as handle:
        handle.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
