"""What is said of files that are no models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.not_a_model import what_it_is

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:f76de286\nsize 58504\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "an empty file"),
        (LFS, "a git-lfs pointer"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\n\n  <HTML lang=en>", "a web page"),
        (b"\xef\xbb\xbf<html>", "a web page"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code>', "a web page"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x7fELF\2\1\1", "a program or a library"),
        (b"LITERTLM\1", "a LiteRT-LM bundle"),
        (bytes(4096), "zero bytes"),
        (b"0  person\n1  bicycle\n", "a text file"),
        ("0  Fußgänger\n".encode(), "a text file"),
        (b"\x08\x07\x12\x04tf2onnx", "not a TensorFlow Lite model"),
        (b"\x1c\0\0\0TFL2", "not a TensorFlow Lite model"),
    ],
)
def test_kinds_of_files(content: bytes, expected: str) -> None:
    """Each kind of wrong file is called by its name."""
    assert what_it_is(content).startswith(expected)


@pytest.mark.parametrize("content", [b"", LFS, b"<html>", b"PK\x03\x04", b"\x1f\x8b", b"\x89HDF", b"labels\n"])
def test_advice(content: bytes) -> None:
    """What a person can mend comes with what to do."""
    words = ("get it again", "git lfs pull", "use the address", "unpack", "convert", "name the")
    assert any(word in what_it_is(content) for word in words)


@given(st.binary(max_size=600))
def test_any_bytes(content: bytes) -> None:
    """Whatever it is, a short line without any of its own content is said."""
    text = what_it_is(content)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 150
