"""The JSON Schema of the report, made from its structs: ``python -m etpu_doctor.report.schema [--check]``."""

from __future__ import annotations

import inspect
import sys
from importlib.resources import files
from typing import Any

import msgspec

from etpu_doctor.report.plan import PlanReport
from etpu_doctor.report.report import SCHEMA, Report


def generate() -> str:
    """The schema (draft 2020-12) as text."""
    (schema, plan), components = msgspec.json.schema_components([Report, PlanReport], ref_template="#/$defs/{name}")
    components["Report"]["properties"]["plan"] = plan
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        **schema,
        "$defs": components,
    }
    _clean_descriptions(whole)
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


def _clean_descriptions(node: Any) -> None:
    """Take the indentation out of the descriptions: from Python 3.13 on docstrings come without it."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "description" and isinstance(value, str):
                node[key] = inspect.cleandoc(value)
            else:
                _clean_descriptions(value)
    elif isinstance(node, list):
        for value in node:
            _clean_descriptions(value)


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
