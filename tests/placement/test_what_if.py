"""The language for hardware that is not bought yet."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.sites import sites_of
from etpu_doctor.placement.what_if import MOST_TPUS, WhatIfError, machine_of, parse
from tests.support.plans import places


def rates(spec: str) -> list[float | None]:
    """What the links of all Edge TPUs carry, in order of size."""
    return sorted((site.mb_s for site in places(spec).sites), key=lambda rate: rate or 0)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("usb3", [350.0]),
        ("usb2", [35.0]),
        ("pci", [400.0]),
        ("pci1", [200.0]),
        ("dual", [400.0, 400.0]),
        ("3*usb3", [350.0] * 3),
        ("USB3,usb2 ;pci", [35.0, 350.0, 400.0]),
        ("hub2(usb3 usb3)", [35.0, 35.0]),
        ("hub(usb2 usb3)", [35.0, 350.0]),
        ("hub(hub(usb3) 2*usb3)", [350.0] * 3),
        ("2*hub(2*usb3)", [350.0] * 4),
        ("usb3 usb3 pci; hub(usb3 usb3)", [350.0] * 4 + [400.0]),
    ],
)
def test_what_a_description_means(spec: str, expected: list[float]) -> None:
    """Each word is an Edge TPU with the link that it names."""
    assert expected == rates(spec)


@pytest.mark.parametrize(
    ("spec", "groups"),
    [
        ("usb3 usb3", []),
        ("hub(usb3 usb3)", [2]),
        ("hub(usb3 usb3) hub(usb3 usb3 usb3)", [2, 3]),
        ("hub(usb3 hub(usb3 usb3))", [2, 3]),
        ("hub(usb3 usb2)", []),
        ("dual", []),
    ],
)
def test_what_is_shared(spec: str, groups: list[int]) -> None:
    """Behind a hub its link to the host is shared, by each half for itself; root ports and PCIe links are not."""
    assert groups == sorted(len(lane.tpus) for lane in places(spec).shared)


def test_strings_and_preference() -> None:
    """PCIe comes first, and each has its device string."""
    found = [site.tpu.delegate_device for site in places("usb3 pci usb3 pci").sites]
    assert ["pci:0", "pci:1", "usb:0", "usb:1"] == found


@pytest.mark.parametrize(
    ("spec", "position", "text"),
    [
        ("", 0, "no Edge TPU"),
        ("   ", 3, "no Edge TPU"),
        ("hub()", 5, "no Edge TPU"),
        ("usb4", 0, "usb4 is not known"),
        ("usb3 foo", 5, "foo is not known"),
        ("usb3 $", 5, "means nothing"),
        ("usb3)", 4, "no hub to close"),
        ("hub(usb3", 0, "not closed"),
        ("hub usb3", 3, "( is wanted after hub"),
        ("hub", 3, "( is wanted after hub"),
        ("hub(pci)", 4, "cannot hang on a USB hub"),
        ("hub(usb3; usb3)", 8, "semicolon"),
        ("2 usb3", 2, "* is wanted"),
        ("2*", 2, "ends too early"),
        ("0*usb3", 0, "a number from 1"),
        ("99999999999*usb3", 0, "a number from 1"),
        ("40*usb3 40*usb3", 11, "more than 64"),
        ("33*usb3", None, "too many sockets"),
        ("hub(hub(hub(hub(hub(hub(usb3))))))", 20, "more than 5 hubs"),
        ("2*(usb3)", 2, "( is not known"),
    ],
)
def test_errors_say_where(spec: str, position: int | None, text: str) -> None:
    """An error names what is wrong and the character at which it is."""
    with pytest.raises(WhatIfError) as caught:
        machine_of(spec)
    assert text in str(caught.value)
    if position is not None:
        assert position == caught.value.position
        assert f"at character {position + 1}" in str(caught.value)


def test_the_most_that_fits() -> None:
    """64 Edge TPUs on four controllers can be described."""
    assert MOST_TPUS == len(places("; ".join(["16*usb3"] * 4)).sites)
    assert MOST_TPUS == len(places("64*pci").sites)


@given(st.text(alphabet="usbpcihdal123*(); ,$", max_size=60))
def test_any_text_is_understood_or_refused(spec: str) -> None:
    """Whatever is typed gives a machine with as many Edge TPUs as it says, or an error with a place in the text."""
    position, machine = None, None
    try:
        machine = machine_of(spec)
    except WhatIfError as error:
        position = error.position
    if machine is None:
        assert position in range(len(spec) + 1)
        return
    assert 1 <= len(machine.edge_tpus) <= MOST_TPUS
    assert len(machine.edge_tpus) == len(sites_of(machine).sites)


PARTS = st.recursive(
    st.sampled_from(["usb3", "usb2"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"hub({' '.join(parts)})"),
    max_leaves=6,
)


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_every_leaf_is_a_tpu(parts: list[str]) -> None:
    """A description has as many Edge TPUs as it names, as long as hubs are not too deep."""
    spec = " ".join(parts)
    if max(itertools.accumulate((c == "(") - (c == ")") for c in spec)) > 5:
        with pytest.raises(WhatIfError, match="hubs in a row"):
            machine_of(spec)
    else:
        assert spec.count("usb") == len(machine_of(spec).edge_tpus)


def test_hostile_depth_ends() -> None:
    """A hundred thousand brackets are refused at once."""
    with pytest.raises(WhatIfError):
        parse("hub(" * 100_000)
