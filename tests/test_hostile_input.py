"""Inputs that once broke a reader, or were made to."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import feed

FOLDER = os.path.join(os.path.dirname(__file__), "data", "hostile")
KEPT = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []

LISTING = b"""\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M
    |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M
        |__ Port 2: Dev 3, If 0, Class=Vendor Specific Class, Driver=, 5000M
Bus 002 Device 003: ID 18d1:9302 Google Inc.
02:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]
P: /devices/pci0000:00/0000:00:14.0/usb2/2-1
E: SUBSYSTEM=usb
A: speed=5000\\n
H: descriptors=1201100300000009D1180293
"""


@pytest.mark.parametrize("name", KEPT)
def test_kept_input_ends_in_a_report_or_a_plain_error(name: str) -> None:
    """Every kept input ends in a report or an error that names the file, never in a traceback."""
    with open(os.path.join(FOLDER, name), "rb") as handle:
        feed(handle.read())


@given(st.binary(max_size=400))
def test_any_bytes_end_in_a_report_or_a_plain_error(data: bytes) -> None:
    """Arbitrary bytes are read without an exception of ours escaping."""
    feed(data)


@given(st.integers(0, len(LISTING) - 1), st.integers(0, 60), st.binary(max_size=12))
def test_damaged_listing_ends_in_a_report_or_a_plain_error(start: int, length: int, patch: bytes) -> None:
    """A good listing with any piece replaced by any bytes is read, or refused if it now looks like a bundle."""
    report = feed(LISTING[:start] + patch + LISTING[start + length :])
    assert report is not None or start == 0 or b"ustar" in patch


@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.binary(max_size=60)), max_size=5), st.integers(0, 400))
def test_any_bundle_ends_in_a_report_or_a_plain_error(members: list[tuple[str, bytes]], cut: int) -> None:
    """A bundle with any names and contents, whole or cut short, is read or refused."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name.replace("\0", "") or "x")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    data = buffer.getvalue()
    feed(data)
    feed(data[: max(0, len(data) - cut)])
