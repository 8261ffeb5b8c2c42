"""The house: what holds for every file of the package, measured on its syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FUNCTION_LINES = 60
BROAD_HANDLERS = 2  # the main one, and the one that turns a crashing rule into a finding
BROAD_NAMES = {"Exception", "BaseException"}
# Names of private working papers, which whoever installs the package does not have. Spelled in two halves, so that this
# file could be checked too.
FORBIDDEN_WORDS = tuple(
    "".join(halves) for halves in (("/wo", "rk/"), ("sha", "red/"), ("domain", ".md"), ("causes", ".md"))
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def sources(folder: str) -> list[Path]:
    """The Python files below a folder of the project, in a fixed order."""
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def public(node: Documented) -> Iterator[Documented]:
    """The module, class or function and what it holds, without private names and without functions inside functions."""
    yield node
    if isinstance(node, Function):
        return
    for child in node.body:
        if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
            yield from public(child)


def promises(tree: ast.Module) -> Iterator[str]:
    """The methods that the Protocols of a module document, once for all their implementations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Protocol") for base in node.bases):
            yield from (each.name for each in functions(node) if ast.get_docstring(each))


def undocumented(tree: ast.Module, promised: set[str]) -> Iterator[Documented]:
    """The public nodes of a module without a docstring; ``promised`` names the methods that Protocols document."""
    methods = {child for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body}
    for node in public(tree):
        documented_elsewhere = node in methods and getattr(node, "name", None) in promised
        if not ast.get_docstring(node) and not documented_elsewhere:
            yield node


def unannotated(function: Function) -> list[str]:
    """The parameters of a function that lack an annotation, and ``return`` where that one is missing."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    names = [
        argument.arg
        for argument in (*named, *starred)
        if argument.annotation is None and argument.arg not in {"self", "cls"}
    ]
    return names if function.returns is not None else [*names, "return"]


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches everything."""
    caught = handler.type
    if caught is None:
        return True
    classes = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(each, ast.Name) and each.id in BROAD_NAMES for each in classes)


def where(path: Path, node: ast.AST | None = None) -> str:
    """A place that an editor can open."""
    name = str(path.relative_to(ROOT))
    line = getattr(node, "lineno", None)
    return name if line is None else f"{name}:{line} {getattr(node, 'name', '')}".rstrip()


def shipped_texts() -> Iterator[Path]:
    """What a user gets to read: the package's own text files, the papers beside it, and the fixtures' descriptions."""
    for path in sorted((ROOT / "etpu_doctor").rglob("*")):
        if path.suffix in {".py", ".toml", ".json", ".tcss", ".md", ".txt"} and path.is_file():
            yield path
    for name in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".ci/run"):
        if (ROOT / name).is_file():
            yield ROOT / name
    yield from sorted((ROOT / "fixtures").rglob("case.toml"))


def test_the_package_was_found() -> None:
    """The checks below look at real files, not at an empty list."""
    assert ROOT / "etpu_doctor" / "__init__.py" in sources("etpu_doctor")
    assert Path(__file__).resolve() in sources("tests")


def test_every_function_is_annotated() -> None:
    """Every parameter and every return value of the package has a type."""
    missing = [
        f"{where(path, function)}: {', '.join(unannotated(function))}"
        for path in sources("etpu_doctor")
        for function in functions(tree_of(path))
        if unannotated(function)
    ]
    assert [] == missing


def test_no_function_is_long() -> None:
    """No function of the package has more than 60 lines."""
    long = [
        where(path, function)
        for path in sources("etpu_doctor")
        for function in functions(tree_of(path))
        if (function.end_lineno or function.lineno) - function.lineno + 1 > LONGEST_FUNCTION_LINES
    ]
    assert [] == long


def test_every_public_name_is_documented() -> None:
    """Every module, public class, function and method of the package has a docstring, or a Protocol that has it."""
    promised = {name for path in sources("etpu_doctor") for name in promises(tree_of(path))}
    bare = [where(path, node) for path in sources("etpu_doctor") for node in undocumented(tree_of(path), promised)]
    assert [] == bare


def test_at_most_two_broad_handlers() -> None:
    """At most two handlers of the package catch everything."""
    broad = [
        where(path, node)
        for path in sources("etpu_doctor")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    ]
    assert len(broad) <= BROAD_HANDLERS, broad


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
def test_shipped_files_name_no_private_paper(word: str) -> None:
    """No shipped file points at a paper or a folder that its reader does not have."""
    naming = [where(path) for path in shipped_texts() if word in path.read_text(encoding="utf-8", errors="replace")]
    assert [] == naming


def test_every_test_says_what_it_shows() -> None:
    """Every test function states the behaviour it shows in its docstring."""
    bare = [
        where(path, function)
        for path in sources("tests")
        for function in functions(tree_of(path))
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert [] == bare


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a: int, *b: int, c: int, **d: int) -> None: ...", []),
        ("def f(self, a): ...", ["a", "return"]),
        ("def f(*a, **b) -> None: ...", ["a", "b"]),
        ("async def f(a, /, *, b) -> None: ...", ["a", "b"]),
    ],
)
def test_missing_annotations_are_seen(source: str, expected: list[str]) -> None:
    """Each kind of parameter is looked at, self and cls are not."""
    assert expected == [name for function in functions(ast.parse(source)) for name in unannotated(function)]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("except:", True),
        ("except Exception:", True),
        ("except (OSError, BaseException):", True),
        ("except OSError:", False),
        ("except (OSError, ValueError):", False),
    ],
)
def test_broad_handlers_are_seen(clause: str, expected: bool) -> None:
    """A bare handler and one that names a catch-all class are broad, alone or in a tuple."""
    tree = ast.parse(f"try:\n    pass\n{clause}\n    pass\n")
    assert [expected] == [is_broad(node) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]


def test_public_names_leave_out_what_is_private() -> None:
    """Private functions, private classes and functions inside functions need no docstring."""
    tree = ast.parse(
        "class A:\n  def b(self): ...\n  def _c(self): ...\nclass _D:\n  def e(self): ...\ndef f():\n  def g(): ...\n"
    )
    assert ["A", "b", "f"] == [node.name for node in public(tree) if not isinstance(node, ast.Module)]


def test_a_protocol_documents_its_implementations() -> None:
    """A method that a Protocol documents needs no words of its own; a function of the same name does."""
    protocol = ast.parse('class P(typing.Protocol):\n  def read(self):\n    """Reads."""\n  def bare(self): ...\n')
    promised = set(promises(protocol))
    source = '"""M."""\nclass A:\n  """A."""\n  def read(self): ...\n  def bare(self): ...\ndef read(): ...\n'
    nodes = undocumented(ast.parse(source), promised)
    assert {"read"} == promised
    assert [5, 6] == [getattr(node, "lineno", 0) for node in nodes]
