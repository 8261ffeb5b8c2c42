"""Escapes of each language, parsed back."""

from __future__ import annotations

import ast
import re
import shlex

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.remedies.quoting import comment, cpp_string, double_quoted, shell, systemd_path
from tests.remedies.reports import HOSTILE

ANY_TEXT = st.one_of(st.text(), HOSTILE)
_CPP_ESCAPE = re.compile(r"\\(?:([0-7]{3})|(.))")


@given(ANY_TEXT)
def test_yaml_reads_the_text_back(text: str) -> None:
    """A YAML parser reads the very text, whatever is in it."""
    assert {"key": text} == yaml.safe_load(f"key: {double_quoted(text)}  # comment\n")


@given(ANY_TEXT)
def test_python_reads_the_text_back(text: str) -> None:
    """So does Python."""
    assert text == ast.literal_eval(double_quoted(text))


@given(ANY_TEXT)
def test_a_quoted_text_is_one_line_of_plain_ascii(text: str) -> None:
    """No quoted text breaks a line or holds what a terminal acts upon."""
    assert double_quoted(text).isascii()
    assert double_quoted(text).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("usb:0", '"usb:0"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("\n", '"\\x0a"'),
        ("é", '"\\xe9"'),
        ("\u202e", '"\\u202e"'),
        ("🙂", '"\\U0001f642"'),
    ],
)
def test_double_quotes(text: str, expected: str) -> None:
    """Plain characters stand for themselves, the others take the shortest escape."""
    assert expected == double_quoted(text)


def unescaped(literal: str) -> bytes:
    """The bytes that a C++ compiler makes of a literal."""
    assert literal[0] == literal[-1] == '"'

    def one(match: re.Match[str]) -> str:
        return chr(int(match[1], 8)) if match[1] else match[2]

    return _CPP_ESCAPE.sub(one, literal[1:-1]).encode("latin-1")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_cpp_reads_the_bytes_back(text: str) -> None:
    """A C++ literal is the text's UTF-8, with no quote inside that could end it."""
    assert text.encode() == unescaped(cpp_string(text))
    assert '"' not in cpp_string(text)[1:-1].replace('\\"', "").replace("\\\\", "")


def test_cpp_keeps_bytes_that_are_no_text() -> None:
    """A file name that is no UTF-8 keeps its bytes."""
    assert b"a\x80" == unescaped(cpp_string("a\udc80"))


@pytest.mark.parametrize(("text", "expected"), [("\x01" + "1", '"\\0011"'), ("??/", '"\\?\\?/"')])
def test_cpp_traps(text: str, expected: str) -> None:
    """An escape does not swallow the digit after it, and no trigraph comes about."""
    assert expected == cpp_string(text)


@given(ANY_TEXT)
def test_a_comment_ends_nothing(text: str) -> None:
    """A comment stays one line, and ends no comment of YAML, C++, C or XML."""
    shown = comment(text)
    assert shown.isascii()
    assert shown == "" or shown.isprintable()
    assert "--" not in shown
    assert "*/" not in shown
    assert not shown.endswith("\\")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/dev/apex_0", "dev-apex_0"),
        ("/sys/subsystem/usb/devices/2-1.4", "sys-subsystem-usb-devices-2\\x2d1.4"),
        ("/.hidden", "\\x2ehidden"),
        ("/a//b/", "a-b"),
        ("/", "-"),
        ("/dev/ü", "dev-\\xc3\\xbc"),
    ],
)
def test_unit_names(path: str, expected: str) -> None:
    """Paths become what ``systemd-escape --path`` makes of them."""
    assert expected == systemd_path(path)


@given(ANY_TEXT)
def test_a_unit_name_is_one_word(path: str) -> None:
    """No path gives a unit name that is two, or that has anything but the characters that systemd allows."""
    assert re.fullmatch(r"[A-Za-z0-9:_.\\-]+", systemd_path(path))


@given(st.lists(ANY_TEXT, min_size=1))
def test_a_shell_splits_into_the_same_words(words: list[str]) -> None:
    """A command line splits into the very words that it was made of."""
    assert words == shlex.split(shell(*words))
