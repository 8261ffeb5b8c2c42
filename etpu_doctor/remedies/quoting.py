"""Escapes what others named, for each language that a configuration is written in."""

from __future__ import annotations

import shlex

_SHORT = {'"': '\\"', "\\": "\\\\"}


def double_quoted(text: str) -> str:
    r"""The text in double quotes, in ASCII; YAML 1.1 and 1.2 and Python read the same from it.

    Both know ``\"``, ``\\``, ``\xNN``, ``\uNNNN`` and ``\UNNNNNNNN``.
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if 0x20 <= code < 0x7F:
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def cpp_string(text: str) -> str:
    """The text as a C++ string literal of UTF-8 bytes.

    Octal escapes end after three digits, which hexadecimal ones do not; a question mark may begin a trigraph.
    """
    return f'"{"".join(map(_cpp_byte, _bytes(text)))}"'


def _bytes(text: str) -> bytes:
    """The bytes of a file name, which need be no UTF-8; what stands for no byte at all becomes a question mark."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _cpp_byte(code: int) -> str:
    character = chr(code)
    if character in '"\\?':
        return f"\\{character}"
    return character if 0x20 <= code < 0x7F else f"\\{code:03o}"


def comment(text: str) -> str:
    """The text for the rest of a comment line of any language: nothing in it ends the line or the comment."""
    shown = "".join(character if character.isascii() and character.isprintable() else "?" for character in text)
    # "--" ends or spoils a comment of XML, "*/" one of C, and a backslash at the end continues one of C++.
    return shown.replace("--", "- -").replace("*/", "* /").rstrip("\\ -")


def systemd_path(path: str) -> str:
    r"""The name of a path as part of a unit name (systemd-escape(1) ``--path``): ``/dev/apex_0`` is ``dev-apex_0``.

    Slashes become dashes; everything but letters, digits, ``:``, ``_`` and ``.`` becomes ``\xNN``, as does a dot at
    the beginning.
    """
    parts = [part for part in path.split("/") if part]
    joined = _bytes("/".join(parts))
    return "".join(_unit_byte(code, first=index == 0) for index, code in enumerate(joined)) or "-"


def _unit_byte(code: int, *, first: bool) -> str:
    character = chr(code)
    if character == "/":
        return "-"
    plain = code < 0x80 and (character.isalnum() or (character in ":_." and not (first and character == ".")))
    return character if plain else f"\\x{code:02x}"


def shell(*words: str) -> str:
    """A command line of words, each quoted where a POSIX shell would see more than a word in it."""
    return " ".join(map(shlex.quote, words))


__all__ = ["comment", "cpp_string", "double_quoted", "shell", "systemd_path"]
