"""What a file is that is no ``.tflite``, in words: the usual ways of ending up with the wrong one."""

from __future__ import annotations

_LOOKED_AT_BYTES = 512

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive (a Keras or PyTorch model, or a packed download): unpack or convert it"),
    (b"\x1f\x8b", "a gzip archive: unpack it"),
    (b"\x89HDF", "an HDF5 file (a Keras model): convert it to TensorFlow Lite, then compile it"),
    (b"\x7fELF", "a program or a library, not a model"),
    (b"LITERTLM", "a LiteRT-LM bundle of a language model, which no Edge TPU runs"),
)
"""First bytes, and what they tell."""

_TEXTS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    (
        (b"version https://git-lfs.",),
        "a git-lfs pointer that stands for the model: run 'git lfs pull' in the clone, or download the file itself",
    ),
    (
        (b"<!doctype html", b"<html", b"<head", b"<?xml"),
        "a web page, not a model: the download got a page about it, or a login; use the address of the raw file",
    ),
)
"""First words of a text, and what they tell."""


def what_it_is(data: bytes) -> str:
    """What the content of a file without TensorFlow Lite's mark is, and what to do about it."""
    start = data[:_LOOKED_AT_BYTES]
    words = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "an empty file: the download or the copy did not work, get it again"
    for marks, text in (*_TEXTS, *(((mark,), text) for mark, text in _STARTS)):
        if words.startswith(marks) or start.startswith(marks):
            return text
    if not any(start):
        return "zero bytes where a model should begin: space that was reserved and never filled, get it again"
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in start):
        return "a text file, not a model (labels, a log?): name the .tflite file"
    return "not a TensorFlow Lite model: its mark TFL3 is missing at byte 4 (another format, or a damaged file)"
