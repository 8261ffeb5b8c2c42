"""What is not opened, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.smoke import obstacles
from etpu_doctor.smoke.obstacles import Clearance, Obstacle
from etpu_doctor.smoke.occupancy import UNSEEN, look
from etpu_doctor.topology.machine import EdgeTpu
from tests.support.access import USB_NODE, absent, access, node
from tests.support.facts import apex, card, evidence, interface, maybe, root, tpu

IDLE = evidence(root(2), tpu("2-1"))
CLAIMED = evidence(root(2), tpu("2-1", interfaces=(interface(0xFF, "usbfs"),)))
CARD = evidence(card("0000:03:00.0"), apex(0, "0000:03:00.0"))
OWNED = evidence(card("0000:03:00.0"), apex(0, "0000:03:00.0", is_device_owned="1"))
NO_DRIVER = evidence(card("0000:03:00.0"))


@pytest.fixture
def host(tmp_path: Path) -> Files:
    """A host on which nobody holds anything."""
    (tmp_path / "proc").mkdir()
    return Files(str(tmp_path))


def cleared(first: Evidence, second: Evidence, files: Files) -> tuple[Clearance, EdgeTpu]:
    """Two looks, and the Edge TPU of the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(obstacles, "look_again", lambda *_: look(second, files))
        clearance = Clearance(first, files)
        (target,) = look(first, files).machine.edge_tpus
        clearance.look_again([target])
    return clearance, target


def obstacle(first: Evidence, files: Files, second: Evidence | None = None, *, force: bool = False) -> Obstacle | None:
    """Why the one Edge TPU is not opened."""
    clearance, target = cleared(first, second or first, files)
    return clearance.obstacle(target, force=force)


def with_node(facts: Evidence, **fields: Any) -> Evidence:
    """The evidence with what is known of the stick's device node."""
    return msgspec.structs.replace(facts, access=access(node(**fields), container=None))


@pytest.mark.parametrize("facts", [IDLE, CARD, with_node(IDLE, readable_writable=True)], ids=["stick", "card", "node"])
def test_a_free_one_is_opened(facts: Evidence, host: Files) -> None:
    """Nothing is in the way."""
    assert obstacle(facts, host) is None


@pytest.mark.parametrize(
    ("facts", "verdict", "cause", "words"),
    [
        (CLAIMED, "skipped", "device-busy", "opening it would end that"),
        (OWNED, "skipped", "device-busy", "only one can have it"),
        (NO_DRIVER, "skipped", "apex-module-not-loaded", "no apex driver serves it"),
        (evidence(root(2), maybe("2-1")), "skipped", None, "whether it is an Edge TPU is not known"),
        (
            with_node(IDLE, readable_writable=False),
            "failed",
            "permissions-udev",
            f"may not open its device node {USB_NODE}",
        ),
    ],
    ids=["claimed", "owned", "no driver", "maybe", "node"],
)
def test_what_is_in_the_way_has_its_reason(
    facts: Evidence, verdict: str, cause: str | None, words: str, host: Files
) -> None:
    """Skipped where it is better left alone, failed where the open would fail."""
    found = obstacle(facts, host)
    assert found is not None
    assert (verdict, cause) == (found.verdict, found.cause)
    assert words in found.reason


def test_without_a_place_on_the_bus_nothing_can_be_opened(host: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened by its place."""
    clearance, target = cleared(IDLE, IDLE, host)
    lost = msgspec.structs.replace(target, device_path=None)
    monkeypatch.setattr(clearance, "now", lambda _: (lost, None))
    found = clearance.obstacle(target)
    assert found is not None
    assert ("skipped", "its place on the bus is not known") == (found.verdict, found.reason)


def test_one_that_left_the_bus_has_failed(host: Files) -> None:
    """The second look does not show it any more; what is told of it is as it was."""
    clearance, target = cleared(IDLE, evidence(root(2)), host)
    found = clearance.obstacle(target)
    assert found is not None
    assert ("failed", "no-device-visible") == (found.verdict, found.cause)
    assert clearance.now(target)[0] is target


def test_it_is_seen_as_it_is_now(host: Files) -> None:
    """Between two looks it may have got its firmware."""
    clearance, target = cleared(evidence(root(2), tpu("2-1", dfu=True)), IDLE, host)
    assert ("dfu", "ready") == (target.state, clearance.now(target)[0].state)


def test_force_opens_what_is_held(host: Files) -> None:
    """But not what cannot be opened."""
    assert (UNSEEN,) == getattr(obstacle(CLAIMED, host), "holders", None)
    assert obstacle(CLAIMED, host, force=True) is None
    assert obstacle(with_node(CLAIMED, readable_writable=False), host, force=True) is not None


def test_in_a_container_the_container_is_the_cause(host: Files) -> None:
    """Its device rules refuse the node, not the user's rights."""
    facts = msgspec.structs.replace(IDLE, access=access(node(readable_writable=False), container="docker"))
    found = obstacle(facts, host)
    assert found is not None
    assert "container-no-access" == found.cause
    assert "in this docker container" in found.reason


def test_a_node_that_is_not_there_is_for_the_library_to_say(host: Files) -> None:
    """Where the node is missing, or its rights are not known, the open is tried."""
    missing = msgspec.structs.replace(IDLE, access=access(absent()))
    assert obstacle(missing, host) is None
    assert obstacle(with_node(IDLE, readable_writable=None), host) is None
