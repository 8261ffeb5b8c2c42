"""Which Edge TPU is which while they come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.hotplug.follow import Arrival, Follower
from tests.support import facts

PORTS = ("2-1", "2-2", "2-3", "2-4")


def seen(follower: Follower, *places: str, halves: dict[str, str] | None = None) -> list[Arrival]:
    """Edge TPUs in these places, and nothing else."""
    return follower.observe(facts.machine(facts.root(1, 480), facts.root(2), *map(facts.tpu, places)), halves or {})


def test_those_that_are_there_at_first_are_new() -> None:
    """Nothing is known of before."""
    follower = Follower()
    assert [Arrival("2-1", None, surely=True)] == seen(follower, "2-1")
    assert {"2-1": "2-1"} == follower.now


def test_one_that_comes_back_to_its_port_is_the_same() -> None:
    """Away is remembered as away, and the return as a return."""
    follower = Follower()
    seen(follower, "2-1")
    seen(follower)
    assert {"2-1": None} == follower.now
    assert [Arrival("2-1", "2-1", surely=True)] == seen(follower, "2-1")


def test_one_that_comes_back_on_the_other_half_of_its_socket_is_the_same() -> None:
    """A stick that comes up at USB 2 is on another bus and in the same socket."""
    follower = Follower()
    seen(follower, "2-1")
    seen(follower)
    assert [Arrival("1-3", "2-1", surely=True)] == seen(follower, "1-3", halves={"1-3": "2-1", "2-1": "1-3"})
    assert "2-1" == follower.first_of("1-3")


def test_the_only_one_that_is_away_is_the_one_that_appears_elsewhere() -> None:
    """That is what moving a stick looks like."""
    follower = Follower()
    seen(follower, "2-1", "2-2")
    seen(follower, "2-2")
    assert [Arrival("2-4", "2-1", surely=True)] == seen(follower, "2-2", "2-4")


def test_with_two_away_the_last_one_is_meant_and_it_is_not_sure() -> None:
    """They carry no serial number: this can only be said with a doubt."""
    follower = Follower()
    seen(follower, "2-1", "2-2")
    seen(follower, "2-2")
    seen(follower)
    assert [Arrival("2-4", "2-2", surely=False)] == seen(follower, "2-4")


def test_those_at_home_are_matched_before_those_elsewhere() -> None:
    """Of two that come at once, the one in its own port is itself, so the other must be the other."""
    follower = Follower()
    seen(follower, "2-1", "2-3")
    seen(follower)
    arrivals = {each.id: each for each in seen(follower, "2-2", "2-3")}
    assert ("2-3", True) == (arrivals["2-3"].was, arrivals["2-3"].surely)
    assert ("2-1", True) == (arrivals["2-2"].was, arrivals["2-2"].surely)


def test_a_new_one_where_a_moved_one_was_has_a_name_of_its_own() -> None:
    """Two Edge TPUs are never remembered as one."""
    follower = Follower()
    seen(follower, "2-1")
    seen(follower)
    seen(follower, "2-2")
    seen(follower, "2-1", "2-2")
    assert 2 == len(follower.now)
    assert {"2-1", "2-2"} == set(follower.now.values())


def test_a_stick_is_never_taken_for_a_card() -> None:
    """A PCIe card that fell off the bus did not turn into a USB stick."""
    follower = Follower()
    follower.observe(facts.machine(facts.card("0000:03:00.0")), {})
    follower.observe(facts.machine(), {})
    assert [Arrival("2-1", None, surely=False)][0].was == seen(follower, "2-1")[0].was


@given(st.lists(st.sets(st.sampled_from(PORTS)), max_size=12))
def test_every_edge_tpu_that_is_there_is_followed_exactly_once(states: list[set[str]]) -> None:
    """Whatever comes and goes, present ones have one name each, and names are never lost."""
    follower = Follower()
    names: set[str] = set()
    for state in states:
        seen(follower, *sorted(state))
        present = [where for where in follower.now.values() if where is not None]
        assert sorted(state) == sorted(present)
        assert names <= set(follower.now)
        names = set(follower.now)
