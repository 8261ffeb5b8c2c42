"""Foreign text on its way to a terminal and to Markdown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.report.escape import (
    cells,
    code_span,
    fence,
    for_markdown,
    for_terminal,
    longest_backtick_run,
    shorten,
    to_ascii,
    wrap,
)

ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories of which nothing may reach a terminal."""

WIDE = "\u65e5\u672c"
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("USB3.0 Hub", "USB3.0 Hub"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x7f\x00", r"\x7f\x00"),
        ("a\u202eb\u2066c\u2069", r"a\u202eb\u2066c\u2069"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("hangul\u3164filler", r"hangul\u3164filler"),
        ("lone \udc80", r"lone \udc80"),
        ("line\u2028sep\u2029", r"line\u2028sep\u2029"),
        ("no\u00a0break", "no break"),
        (f"{WIDE} caf\u00e9", f"{WIDE} caf\u00e9"),
        ("\U000e0041tag", r"\U000e0041tag"),
    ],
)
def test_what_acts_becomes_visible(text: str, expected: str) -> None:
    """Control characters, direction marks, line ends and invisible characters are shown as escapes."""
    assert expected == for_terminal(text)


@given(ANY_TEXT)
def test_nothing_acts(text: str) -> None:
    """Whatever comes in, what comes out is one printable line, and escaping it again changes nothing."""
    safe = for_terminal(text)
    assert not {unicodedata.category(character) for character in safe} & ACTING
    assert safe.isprintable()
    assert safe == for_terminal(safe)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\u201cquoted\u201d \u2013 it\u2019s", '"quoted" - it\'s'),
        ("a \u2192 b\u2026", "a -> b..."),
        ("5 \u2265 4 \u00d7 1", "5 >= 4 x 1"),
        ("Caf\u00e9", "Caf?"),
        (WIDE, "??"),
    ],
)
def test_ascii(text: str, expected: str) -> None:
    """Typographic characters have an equivalent, all others become a question mark."""
    assert expected == to_ascii(text)


@given(ANY_TEXT)
def test_ascii_is_ascii(text: str) -> None:
    """The result is ASCII for any text."""
    assert to_ascii(text).isascii()


@pytest.mark.parametrize(("text", "expected"), [("abc", 3), (WIDE, 4), ("caf\u00e9", 4), ("", 0), ("e\u0301", 2)])
def test_cells(text: str, expected: int) -> None:
    """East Asian characters take two columns; a combining mark counts, so that the sum is never too small."""
    assert expected == cells(text)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long\u2026"),
        ("two words", 5, "two\u2026"),
        (WIDE, 3, "\u65e5\u2026"),
        ("abc", 1, "\u2026"),
        ("abc", 0, ""),
    ],
)
def test_shorten(text: str, width: int, expected: str) -> None:
    """A text that is too long ends in an ellipsis and has no blank before it."""
    assert expected == shorten(text, width)


def test_shorten_in_ascii() -> None:
    """The ellipsis is three full stops where only ASCII is allowed."""
    assert "lon..." == shorten("longer text", 6, ascii_only=True)


@given(ANY_TEXT, st.integers(0, 30), st.booleans())
def test_shortened_text_fits(text: str, width: int, ascii_only: bool) -> None:
    """A shortened text never takes more columns than it was given."""
    assert cells(shorten(for_terminal(text), width, ascii_only=ascii_only)) <= width


@pytest.mark.parametrize(
    ("text", "width", "first", "expected"),
    [
        ("", 10, None, [""]),
        ("one two three", 7, None, ["one two", "three"]),
        ("one two three", 7, 3, ["one", "two", "three"]),
        ("abcdefghij kl", 4, None, ["abcd", "efgh", "ij", "kl"]),
        ("a  b\u00a0c", 20, None, ["a b c"]),
        (f"{WIDE}{WIDE} x", 4, None, [WIDE, WIDE, "x"]),
    ],
)
def test_wrap(text: str, width: int, first: int | None, expected: list[str]) -> None:
    """Lines break at spaces; a word that is too long is cut."""
    assert expected == wrap(text, width, first=first)


@given(ANY_TEXT, st.integers(2, 40), st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int, first: int) -> None:
    """Every line fits, and together they hold every character but the spaces."""
    safe = for_terminal(text)
    lines = wrap(safe, width, first=first)
    assert [] == [line for line in lines[1:] if cells(line) > width]
    assert cells(lines[0]) <= first
    assert "".join(safe.split()) == "".join("".join(lines).split())


def test_wrap_of_a_huge_word() -> None:
    """A word of a megabyte is cut in one pass."""
    assert 100_001 == len(wrap("\u00e9" * 1_000_001, 10))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", "plain words"),
        ("a*b_c`d", r"a\*b\_c\`d"),
        ("[x](y)#!", r"\[x\](y)\#\!"),
        ("back\\slash", "back\\\\slash"),
        ("<b>&amp;|", "&lt;b&gt;&amp;amp;&#124;"),
        ("- item", r"\- item"),
        ("+ item", r"\+ item"),
        ("12. item", r"12\. item"),
        ("1.5 Mb/s", r"1\.5 Mb/s"),
        ("==", r"\=="),
        ("http://evil.example", r"http:\/\/evil.example"),
        ("www.evil.example", r"www\.evil.example"),
        ("@someone", r"\@someone"),
        ("a\n# b", r"a\\n\# b"),
    ],
)
def test_markdown(text: str, expected: str) -> None:
    """Nothing in the text is markup, a block, a link or HTML."""
    assert expected == for_markdown(text)


@given(ANY_TEXT)
def test_markdown_is_one_line_without_markup(text: str) -> None:
    """No line end, no HTML, no unescaped pipe or backtick is left."""
    escaped = for_markdown(text)
    assert not set("<>|\n\r") & set(escaped)
    bare = escaped.replace("\\\\", "")
    assert bare.count("`") == bare.count("\\`")
    assert bare.count("*") == bare.count("\\*")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("usb:0", "`usb:0`"),
        ("a`b", "``a`b``"),
        ("`a``", "``` `a`` ```"),
        ("a|b", "a&#124;b"),
        ("", ""),
        ("a\nb", r"`a\nb`"),
        ("[bold]", "`[bold]`"),
    ],
)
def test_code_span(text: str, expected: str) -> None:
    """The marks are longer than any run of backticks inside, and a table cell is not split."""
    assert expected == code_span(text)


@given(st.text("`a|\\ \n", max_size=20))
def test_code_span_cannot_be_ended(text: str) -> None:
    """The run of backticks that opens a span stands nowhere inside it."""
    span = code_span(text)
    assert "|" not in span
    if span.startswith("`"):
        mark = span[: len(span) - len(span.lstrip("`"))]
        assert span.endswith(mark)
        inside = span[len(mark) : -len(mark)]
        assert longest_backtick_run(inside) < len(mark)


@given(st.lists(st.text("`~ab\n\x1b", max_size=12), max_size=4))
def test_fence_cannot_be_ended(lines: list[str]) -> None:
    """No line of a fenced block is a fence of the same length, and none is two lines."""
    block = fence(lines, "text")
    mark = block[-1]
    assert f"{mark}text" == block[0]
    assert len(mark) >= 3
    assert [] == [line for line in block[1:-1] if mark in line or "\n" in line or "\x1b" in line]
    assert len(lines) + 2 == len(block)
