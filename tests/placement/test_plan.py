"""The plan as a whole: places, reasons, limits, swaps and suggestions."""

from __future__ import annotations

import pytest

from etpu_doctor.placement.plan import Plan, make_plan
from etpu_doctor.placement.profile import Profile, labels
from etpu_doctor.placement.sites import sites_of
from etpu_doctor.placement.swap import fit_together, groups, swaps
from etpu_doctor.placement.together import together
from etpu_doctor.topology.build import build
from tests.support.builder import machine
from tests.support.plans import places, profile

HEAVY = {"input": 3_000_000, "cycles": 100_000}
LIGHT = {"input": 10_000, "cycles": 100_000}


def planned(spec: str, *profiles: Profile) -> Plan:
    """A plan for described hardware."""
    return make_plan(places(spec), profiles)


def where(plan: Plan) -> dict[str, str]:
    """Model to device string."""
    strings = {site.id: site.tpu.delegate_device or "" for site in plan.sites.sites}
    return {each.model: strings[each.tpu] for each in plan.placements}


def test_one_model_a_tpu_while_there_are_enough() -> None:
    """Two models and two Edge TPUs: one each, though co-compiled models could share the fast one."""
    plan = planned("usb2 pci", profile("a", token=5), profile("b", token=5, input=2000))
    assert {"pci:0", "usb:0"} == set(where(plan).values())
    assert plan.is_optimal


def test_the_heavy_model_is_on_the_fast_link() -> None:
    """And the reason says so."""
    plan = planned("usb2 pci", profile("light", **LIGHT), profile("heavy", **HEAVY))
    assert {"light": "usb:0", "heavy": "pci:0"} == where(plan)
    (why,) = [each.why for each in plan.placements if each.model == "heavy"]
    assert "fastest link" in why


def test_two_heavy_ones_are_not_behind_one_uplink() -> None:
    """With a free socket beside a hub, one of them goes there."""
    plan = planned("hub(usb3 usb3) usb3", profile("a", **HEAVY), profile("b", token=2, **HEAVY))
    (hub,) = plan.sites.shared
    assert 1 == len({each.tpu for each in plan.placements} & set(hub.tpus))


def test_pcie_comes_before_usb() -> None:
    """As the runtime itself prefers."""
    assert {"a": "pci:0"} == where(planned("usb3 pci", profile("a")))


def test_those_compiled_together_share() -> None:
    """Three models on two Edge TPUs: the pair with a common token shares one, without any swap."""
    plan = planned(
        "usb3 usb3",
        profile("a", token=7, cached=3_000_000),
        profile("b", token=8, cached=3_000_000),
        profile("c", token=7, cached=2_000_000),
    )
    found = where(plan)
    assert found["a"] == found["c"] != found["b"]
    assert {} == plan.swaps
    assert () == plan.suggestions
    assert "compiled together" in plan.placements[0].why


def test_swaps_have_their_bytes_and_milliseconds() -> None:
    """Two separately compiled models on one Edge TPU pay for each switch, and the compiler is suggested."""
    plan = planned(
        "usb3",
        profile("a", token=7, cached=3_499_992, cycles=1000),
        profile("b", token=8, cached=699_992, cycles=1000),
    )
    (paid,) = plan.swaps.values()
    assert [("a", 3_500_000, 10.0), ("b", 700_000, 2.0)] == [(each.model, each.bytes, each.ms) for each in paid]
    (suggestion,) = plan.suggestions
    assert ("co-compile", ("a", "b")) == (suggestion.kind, suggestion.models)
    assert "edgetpu_compiler a.tflite b.tflite" == suggestion.command
    assert "should fit together" in suggestion.text
    assert "swaps" == plan.limit.kind


def test_the_swap_is_where_it_costs_least() -> None:
    """With one model too many, the two with the fewest parameters share, if that is all that differs."""
    models = [
        profile(name, token=n, cached=size)
        for n, (name, size) in enumerate([("big", 6_000_000), ("small", 100_000), ("less", 200_000)], start=1)
    ]
    found = where(planned("usb3 usb3", *models))
    assert found["small"] == found["less"] != found["big"]


def test_a_model_that_does_not_fit_can_be_split() -> None:
    """Streamed parameters that take most of the time suggest a pipeline over as many Edge TPUs as they need."""
    plan = planned("4*usb3", profile("a", cached=6_000_000, streamed=6_000_000))
    (suggestion,) = plan.suggestions
    assert "split" == suggestion.kind
    assert "edgetpu_compiler --num_segments 2 a.tflite" == suggestion.command
    assert "6,000,000 bytes" in suggestion.text


def test_a_full_uplink_limits() -> None:
    """Four models that each want 60 % of a hub's link: the link is full, and named."""
    profiles = [profile(f"m{n}", token=n, input=2_000_000, cycles=1000) for n in range(1, 5)]
    plan = planned("hub(4*usb3)", *profiles)
    assert "uplink" == plan.limit.kind
    (lane,) = [each for each in plan.together.lanes if len(each.lane.tpus) > 1]
    assert 1.0 == pytest.approx(lane.used or 0)
    assert (lane.wanted or 0) > 3
    alone = plan.placements[0].share.alone.rate or 0
    assert all((each.share.rate or 0) < alone / 3 for each in plan.placements)
    assert all(each.share.full_lane is not None for each in plan.placements)


def test_rates_that_fit_limit_nothing() -> None:
    """A model that wants ten inferences a second gets them, and little of the time is used."""
    plan = planned("usb3", profile("a", rate=10, cycles=500_000))
    assert 10.0 == pytest.approx(plan.placements[0].share.rate or 0)
    assert "nothing" == plan.limit.kind


def test_rates_that_do_not_fit_are_scaled_down() -> None:
    """Ten times what is possible is forecast as what is possible."""
    free = planned("usb3", profile("a", cycles=500_000)).placements[0].share.rate or 0
    plan = planned("usb3", profile("a", rate=10 * free, cycles=500_000))
    assert free == pytest.approx(plan.placements[0].share.rate or 0)
    assert "1000%" in plan.limit.text or "% of its time is wanted" in plan.limit.text


def test_a_model_without_rate_gets_the_rest() -> None:
    """Beside a model that takes half of the time, another of the same kind runs as often as that."""
    ms = 1000 / (planned("usb3", profile("a", cycles=500_000)).placements[0].share.rate or 1)
    plan = planned("usb3", profile("a", rate=500 / ms, cycles=500_000), profile("b", cycles=500_000))
    assert [500 / ms, 500 / ms] == pytest.approx([each.share.rate or 0 for each in plan.placements])


def test_open_transfers_need_pcie() -> None:
    """A model that USB refuses goes to PCIe, and has no place where there is none."""
    lax = profile("lax", lax=1)
    assert {"lax": "pci:0"} == where(planned("usb3 pci", lax))
    plan = planned("usb3", lax)
    assert () == plan.placements
    assert "USB Edge TPU refuses it" in plan.unplaced[0][1]
    assert "nothing" == plan.limit.kind


def test_an_unknown_latency_stays_unknown() -> None:
    """Where the traffic is not known, neither rate nor load nor limit is."""
    plan = planned("pci", profile("lax", lax=1))
    share = plan.placements[0].share
    assert [None, None] == [share.rate, share.ms]
    assert "unknown" == plan.limit.kind
    assert plan.together.sites[0].busy is None


def test_without_any_tpu_nothing_is_placed() -> None:
    """Each model says why."""
    plan = make_plan(
        sites_of(build(machine("pci 0000:00:14.0 xhci\n  root usb2=2 usb3=2\n").evidence())), [profile("a")]
    )
    assert (("a", "there is no Edge TPU for it"),) == plan.unplaced


def test_free_tpus_are_named() -> None:
    """More Edge TPUs than models is no fault; what is left is said."""
    plan = planned("3*usb3", profile("a"))
    assert any("are left" in note for note in plan.notes)


def test_an_unconfigured_one_is_left_out() -> None:
    """A stick that the kernel refused takes no model, and the reason is given."""
    built = machine("pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: tpu\n    2: tpu refused\n")
    found = sites_of(build(built.evidence()))
    assert ["2-1"] == [site.id for site in found.sites]
    assert ["2-2"] == [each.id for each in found.left_out]


def test_one_bus_for_all_ports_is_one_link() -> None:
    """An EHCI controller's root ports share one bus; sticks on two of them share a link."""
    built = machine("pci 0000:00:1d.0 ehci\n  root usb2=4\n    1: tpu\n    2: tpu\n")
    found = sites_of(build(built.evidence()))
    assert [2] == [len(lane.tpus) for lane in found.shared]


def test_the_neighbour_of_a_tpu_is_named() -> None:
    """A disk behind the same hub is a neighbour on its link."""
    notation = "pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: hub usb3\n      1: tpu\n      2: storage\n"
    found = sites_of(build(machine(notation).evidence()))
    assert ["mass storage"] == [each.what for lane in found.lanes.values() for each in lane.neighbours]


def test_groups_and_what_fits() -> None:
    """The same token is one group; eight megabytes fit, nine do not; the same model twice counts once."""
    a, b = profile("a", token=3, cached=5_000_000), profile("b", token=4, cached=4_000_000)
    assert [1, 1] == [len(each) for each in groups([a, b]).values()]
    assert [True, False, True] == [fit_together(each) for each in ([a], [a, b], [a, a])]
    (site,) = places("usb3").sites
    assert () == swaps([a], site)
    assert ["a", "b"] == [each.model for each in swaps([a, b], site)]


def test_no_link_carries_more_than_it_can() -> None:
    """Whatever the models want, what is granted fits every link, and nobody is granted more than alone."""
    sites = places("hub(hub(2*usb3) 2*usb3) usb2")
    on = {site.id: [profile(f"m{n}", token=n + 1, input=400_000 * (n + 1))] for n, site in enumerate(sites.sites)}
    whole = together(sites, on)
    assert all((each.used or 0) <= 1 + 1e-9 for each in whole.lanes)
    assert all((share.rate or 0) <= (share.alone.rate or 0) for site in whole.sites for share in site.shares)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/x/a_edgetpu.tflite", "b.tflite"], ["a", "b"]),
        (["a_edgetpu.tflite", "a.tflite"], ["a_edgetpu.tflite", "a.tflite"]),
        (["x/a.tflite", "y/a.tflite"], ["x/a.tflite", "y/a.tflite"]),
        (["a.tflite", "a.tflite"], ["a", "a (2)"]),
        (["_edgetpu.tflite"], ["_edgetpu.tflite"]),
    ],
)
def test_labels_are_short_and_unique(paths: list[str], expected: list[str]) -> None:
    """A file's name without its endings; longer where two would be equal, numbered for one given twice."""
    assert expected == labels(paths)
