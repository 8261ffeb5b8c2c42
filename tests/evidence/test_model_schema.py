"""The tables of a model's file, against what TensorFlow Lite's own generated code says of them."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from etpu_doctor.evidence.compiled_model import read_model
from etpu_doctor.evidence.flatbuffer import Schema
from etpu_doctor.evidence.model_schema import DARWINN, TFLITE
from etpu_doctor.knowledge.tflite_operators import operators
from tests.support.mk_compiled import Graph, Operator, Tensor, tflite


def generated() -> ast.Module:
    """The classes that Google's compiler made of ``schema.fbs``, as they lie in ai-edge-litert."""
    spec = find_spec("ai_edge_litert")
    assert spec is not None
    assert spec.origin is not None
    return ast.parse((Path(spec.origin).parent / "schema_py_generated.py").read_text(encoding="utf-8"))


MODULE = generated()
CLASSES = {node.name: node for node in MODULE.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in MODULE.body if isinstance(node, ast.FunctionDef)}


def enumeration(name: str) -> dict[int, str]:
    """The members of an enumeration, by number."""
    return {
        node.value.value: node.targets[0].id
        for node in CLASSES[name].body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int)
    }


def references(table: str) -> dict[int, str]:
    """The fields of a table that lead elsewhere: their number and their name."""
    found = {}
    for name, node in FUNCTIONS.items():
        text = ast.unparse(node)
        start = "PrependUOffsetTRelativeSlot("
        if name.startswith(f"{table}Add") and start in text:
            found[int(text.partition(start)[2].partition(",")[0])] = name.removeprefix(f"{table}Add")
    return found


def width(table: str, field: str) -> int | None:
    """Bytes that an element of a vector takes; ``None`` for what is no vector."""
    function = FUNCTIONS.get(f"{table}Start{field}Vector")
    return None if function is None else int(ast.unparse(function).partition("StartVector(")[2].partition(",")[0])


TABLES = [name for name in TFLITE.tables if name != "Options"]
# Fields that files of Edge TPU models cannot have: they came years after its last compiler.
LATER = {("Model", 8), ("Model", 9), ("Operator", 12)}


@pytest.mark.parametrize("name", TABLES)
def test_fields(name: str) -> None:
    """Every field of a table that leads elsewhere is walked through, and no other."""
    expected = {field for field in references(name) if (name, field) not in LATER}
    assert expected == set(TFLITE.tables[name])


@pytest.mark.parametrize("name", TABLES)
def test_widths(name: str) -> None:
    """What is a vector of numbers here is one there, of the same width."""
    for field, part in TFLITE.tables[name].items():
        there = width(name, references(name)[field])
        if part.kind == "vector":
            assert (name, field, part.width) == (name, field, there)
        else:
            assert (name, field, 4 if part.kind in ("tables", "strings") else None) == (name, field, there)


@pytest.mark.parametrize("name", sorted(TFLITE.unions))
def test_unions(name: str) -> None:
    """The types of a union have the numbers that they have there."""
    members = enumeration(name)
    for number, table in TFLITE.unions[name].items():
        assert table in (members[number], "Options")


def test_operators_with_parts_of_their_own() -> None:
    """No options of an operator have vectors or strings that are not walked through."""
    names = enumeration("BuiltinOptions")
    known = TFLITE.unions["BuiltinOptions"]
    missed = [name for number, name in names.items() if number and known[number] == "Options" and references(name)]
    assert [] == missed


def test_operator_names() -> None:
    """The built-in operators have the names and numbers of the schema; newer ones may be missing here."""
    assert dict(enumerate(operators().builtin)).items() <= enumeration("BuiltinOperator").items()


@pytest.mark.parametrize("number", range(19))
def test_types_of_tensors(number: int) -> None:
    """Types of tensors have the schema's names in small letters."""
    data = tflite(Graph((Tensor("in", (2,), number), Tensor("out")), (Operator(0),)))
    (tensor,) = read_model(data).inputs
    assert enumeration("TensorType")[number].lower() == tensor.type


@pytest.mark.parametrize("schema", [TFLITE, DARWINN], ids=["tflite", "darwinn"])
def test_every_name_is_a_table(schema: Schema) -> None:
    """Whatever a field or a union names is there."""
    parts = [part for fields in schema.tables.values() for part in fields.values()]
    named = {part.name for part in parts if part.kind in ("table", "tables")}
    inside = {name for members in schema.unions.values() for name in members.values()}
    assert named | inside <= set(schema.tables)
    assert {part.name for part in parts if part.kind == "union"} == set(schema.unions)
