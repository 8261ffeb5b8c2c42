"""Turns on an Edge TPU, and shares of a link."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.profile import Profile
from etpu_doctor.placement.sites import Sites
from etpu_doctor.placement.together import Share, Together, together
from tests.support.plans import places, profile

ONE_MS = {"cycles": 350_000, "instructions": 0, "input": 0, "output": 0}
"""0.3 ms a call and 0.7 ms of computing; nothing crosses the link."""


def shares(spec: str, *models: list[Profile]) -> tuple[Together, dict[str, Share]]:
    """The forecast with models on each of the Edge TPUs in their order, and the shares by name."""
    sites = places(spec)
    found = together(sites, dict(zip((site.id for site in sites.sites), models, strict=False)))
    return found, {share.label: share for site in found.sites for share in site.shares}


def test_one_alone_runs_as_often_as_it_can() -> None:
    """A model of a millisecond runs a thousand times a second, and its Edge TPU is always busy."""
    found, by_name = shares("usb3", [profile("a", **ONE_MS)])
    assert 1000 == pytest.approx(by_name["a"].rate or 0)
    assert (1.0, 1.0) == (found.sites[0].busy, found.sites[0].wanted)


def test_two_that_stay_share_the_time() -> None:
    """Models of one token take turns without reloads: half the rate each."""
    _, by_name = shares("usb3", [profile("a", token=1, **ONE_MS), profile("b", token=1, **ONE_MS)])
    assert [500, 500] == pytest.approx([by_name["a"].rate or 0, by_name["b"].rate or 0])
    assert [0.0, 0.0] == [by_name["a"].reload_share, by_name["b"].reload_share]


def test_two_that_push_each_other_off_pay() -> None:
    """Each inference of either brings its parameters back: 2 ms for 700 kB on USB 3."""
    sizes = {"cached": 699_992, **ONE_MS}
    _, by_name = shares("usb3", [profile("a", token=1, **sizes), profile("b", token=2, **sizes)])
    assert [1.0, 1.0] == [by_name["a"].reload_share, by_name["b"].reload_share]
    assert 1000 / 6 == pytest.approx(by_name["a"].rate or 0)
    assert 3.0 == pytest.approx(by_name["a"].ms or 0)


def test_a_rare_one_costs_few_reloads() -> None:
    """Beside one that runs once a second, a model that runs ten times reloads once in ten."""
    sizes = {"cached": 699_992, **ONE_MS}
    _, by_name = shares("usb3", [profile("a", 10, token=1, **sizes), profile("b", 1, token=2, **sizes)])
    assert (0.1, 1.0) == (by_name["a"].reload_share, by_name["b"].reload_share)


def test_what_stands_alone_pushes_others_off_but_pays_nothing() -> None:
    """A model without a token has no parameters to bring back, and still takes the chip from the other."""
    sizes = {"cached": 699_992, **ONE_MS}
    _, by_name = shares("usb3", [profile("a", token=1, **sizes), profile("b", token=0, **ONE_MS)])
    assert (1.0, 0.0) == (by_name["a"].reload_share, by_name["b"].reload_share)


def test_a_full_link_is_shared_by_what_each_wants() -> None:
    """Two equal models that each want more than half of a hub's link get half of it each."""
    heavy = {"input": 3_500_000, "instructions": 0, "output": 0, "cycles": 500}
    found, by_name = shares("hub(usb3 usb3)", [profile("a", **heavy)], [profile("b", **heavy)])
    assert [50, 50] == pytest.approx([by_name["a"].rate or 0, by_name["b"].rate or 0])
    (lane,) = [each for each in found.lanes if len(each.lane.tpus) > 1]
    assert by_name["a"].full_lane == (lane.lane.lower, lane.lane.upper)
    assert 1.0 == pytest.approx(lane.used or 0)


def test_who_is_not_behind_a_full_link_is_not_held_back() -> None:
    """A third model on a root port of its own keeps its rate."""
    heavy = {"input": 3_500_000, "cycles": 500}
    spec = "hub(usb3 usb3) usb3"
    sites = places(spec)
    behind = {name for lane in sites.shared for name in lane.tpus}
    models = [[profile(f"m{number}", **heavy)] for number in range(3)]
    found, by_name = shares(spec, *models)
    for site in found.sites:
        (share,) = site.shares
        is_held = (share.rate or 0) < 0.9 * (share.alone.rate or 0)
        assert is_held == (site.id in behind)
    assert 3 == len(by_name)


def test_an_unknown_model_makes_its_tpu_unknown_and_no_other() -> None:
    """What cannot be forecast says so, and the neighbour keeps its numbers."""
    found, by_name = shares("pci pci", [profile("lax", lax=1), profile("a", **ONE_MS)], [profile("b", **ONE_MS)])
    assert [None, None] == [by_name["lax"].rate, by_name["a"].rate]
    assert 1000 == pytest.approx(by_name["b"].rate or 0)
    assert [None, 1.0] == [site.busy for site in found.sites]


def test_an_idle_tpu_is_not_busy() -> None:
    """No model, no load."""
    found, _ = shares("usb3 usb3", [profile("a", **ONE_MS)])
    assert [1.0, 0.0] == [site.busy for site in found.sites]


def all_on(sites: Sites, sizes: list[int], rates: list[float | None]) -> dict[str, list[Profile]]:
    """Models of these sizes dealt out to the Edge TPUs."""
    on: dict[str, list[Profile]] = {site.id: [] for site in sites.sites}
    for number, (size, rate) in enumerate(zip(sizes, rates, strict=False)):
        site = sites.sites[number % len(sites.sites)]
        model = profile(f"m{number}", rate, token=number + 1, input=size, cached=size // 100 + 1, cycles=1000)
        on[site.id].append(model)
    return on


@given(
    st.lists(st.integers(1, 3_000_000), min_size=1, max_size=6),
    st.lists(st.none() | st.floats(0.1, 500), min_size=6, max_size=6),
    st.sampled_from(["usb3", "hub(usb3 usb3)", "hub(hub(usb3 usb3) usb3) usb2", "hub2(usb3 usb3) pci"]),
)
def test_nothing_is_granted_twice(sizes: list[int], rates: list[float | None], spec: str) -> None:
    """No link is more than full, no Edge TPU more than busy, and nobody gets more than asked for or possible."""
    sites = places(spec)
    on = all_on(sites, sizes, rates)
    found = together(sites, on)
    wanted = {model.label: model.rate for models in on.values() for model in models}
    assert all((lane.used or 0) <= 1 + 1e-9 for lane in found.lanes)
    for site in found.sites:
        busy = sum((share.rate or 0) * (share.alone.ms or 0) / 1000 for share in site.shares)
        assert busy <= 1 + 1e-9
        for share in site.shares:
            rate = wanted[share.label]
            assert (share.rate or 0) <= (share.alone.rate or 0) * (1 + 1e-9)
            assert rate is None or (share.rate or 0) <= rate * (1 + 1e-9)
