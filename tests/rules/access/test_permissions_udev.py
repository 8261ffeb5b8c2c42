"""ETD601: who may open the node."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.access import Access, NodeAccess
from etpu_doctor.rules.access.permissions_udev import check
from etpu_doctor.rules.finding import Finding
from tests.support.access import BOOT, READY, USB_NODE, access, apex_node, commands, judged_with, node, rule
from tests.support.facts import apex, card, root, steps, strings, tpu, values

STICK = tpu("2-1", dfu=True)
CARD = card("0000:02:00.0")
BOTH = (rule(BOOT), rule(READY, line=2))


def stick(*nodes: NodeAccess, dfu: bool = True, **fields: Any) -> list[Finding]:
    """What is said of a stick in its boot loader, or behind it."""
    return judged_with(check, access(*(nodes or (node(),)), **fields), root(2), tpu("2-1", dfu=dfu))


def test_a_rule_is_missing() -> None:
    """An error, for certain, with the rights of the node, the groups and the rules that are there."""
    (found,) = stick()
    assert ("error", "certain", "2-1", ("2-1",)) == (found.severity, found.confidence, found.subject, found.concerns)
    assert (
        "Edge TPU 2-1 may not be opened by this user: no udev rule gives 1a6e:089a to anybody but root" == found.title
    )
    assert {
        "device node": "crw-rw-r-- root root",
        "groups of this session": "users",
        "groups of the account": "users",
        "udev rule for 1a6e:089a": "none",
        "udev rule for 18d1:9302": "none",
    } == values(found)
    assert USB_NODE == found.facts[0].where
    assert "etpu-doctor setup udev" in commands(found)
    assert all(fact.where for fact in found.facts)


def test_half_of_the_rules() -> None:
    """A rule for the other identity alone is the usual trap, and named."""
    (found,) = stick(udev_rules=(rule(READY),))
    assert found.title.endswith("there is a udev rule for the other identity, and none for 1a6e:089a")
    assert "group plugdev" == values(found)["udev rule for 18d1:9302"]
    (found,) = stick(udev_rules=(rule(BOOT),), dfu=False)
    assert found.title.endswith("and none for 18d1:9302")


def test_log_in_again() -> None:
    """The account is in the group, the session is not yet."""
    about = node(group="plugdev")
    (found,) = stick(about, account_groups=("mia", "plugdev"), udev_rules=BOTH)
    assert found.title.endswith("the account is in group plugdev, but this session is not yet")
    assert {"groups of this session": "users", "groups of the account": "plugdev"}.items() <= values(found).items()
    assert "log in again" in strings(found)
    assert ["sg plugdev -c 'etpu-doctor check'"] == commands(found)


def test_join_the_group() -> None:
    """The node has a group, and the account is not in it."""
    (found,) = stick(node(group="plugdev"), udev_rules=BOTH)
    assert found.title.endswith("its node belongs to group plugdev")
    assert 'sudo usermod -aG plugdev "$USER"' in steps(found)[0]


def test_names_are_quoted() -> None:
    """A group of a strange name does not end up in a shell as it is."""
    (found,) = stick(node(group="a;b $(c)"), account_groups=("a;b $(c)",))
    assert ["sg 'a;b $(c)' -c 'etpu-doctor check'"] == commands(found)
    (found,) = stick(node(group="a;b"))
    assert "-aG 'a;b' " in steps(found)[0]


def test_no_such_group() -> None:
    """Fedora and Arch have no plugdev: udev ignores the rule."""
    rules = (rule(BOOT, group_exists=False), rule(READY, group_exists=False, line=2))
    (found,) = stick(udev_rules=rules)
    assert found.title.endswith("udev ignores its rule, because there is no group plugdev")
    assert "group plugdev (no such group)" == values(found)["udev rule for 1a6e:089a"]
    assert "sudo groupadd --system plugdev" in steps(found)[0]


def test_a_rule_that_is_not_in_force() -> None:
    """It is there, and the node is root's all the same."""
    (found,) = stick(udev_rules=BOTH)
    assert found.title.endswith("there is a udev rule for it, which is not in force")
    assert {"sudo udevadm control --reload-rules", "sudo udevadm trigger"} <= set(commands(found))
    assert "/usr/lib/udev/rules.d/60-libedgetpu1-std.rules:1" == found.facts[3].where


@pytest.mark.parametrize(
    ("file", "expected", "step"),
    [
        ("/etc/udev/rules.d/70-coral.rules", "whoever sits at the machine, and this session does not", "Over ssh"),
        ("/etc/udev/rules.d/99-coral.rules", "sets uaccess too late to count", "below 73"),
    ],
)
def test_the_tag_uaccess(file: str, expected: str, step: str) -> None:
    """It serves the person at the screen, and only from a file that comes in time."""
    (found,) = stick(udev_rules=(rule(BOOT, group=None, uaccess=True, file=file),))
    assert expected in found.title
    assert step in steps(found)[0]


def test_rules_that_grant_nothing() -> None:
    """A mode for root's own group is as good as no rule."""
    (found,) = stick(udev_rules=(rule(BOOT, group=None, mode=0o660),))
    assert found.title.endswith("no udev rule gives 1a6e:089a to anybody but root")


def test_rules_that_were_not_read() -> None:
    """Nothing is said of rules that nobody could look at."""
    (found,) = stick(udev_rules_read=False)
    assert found.title.endswith("its node is for root alone")
    assert not any(name.startswith("udev") for name in values(found))


def test_a_group_without_the_right_to_write() -> None:
    """Membership in a group that may only read is no help."""
    (found,) = stick(node(group="plugdev", mode=0o644), account_groups=("plugdev",))
    assert "no udev rule" in found.title


def test_a_card() -> None:
    """A PCIe Edge TPU has one identity and one rule."""
    about = access(apex_node(), account_groups=("apex",), udev_rules=(rule("apex", "apex"),))
    (found,) = judged_with(check, about, CARD, apex(0, "0000:02:00.0"))
    assert ("0000:02:00.0", "error") == (found.subject, found.severity)
    assert "group apex, but this session" in found.title
    assert ["udev rule for apex"] == [name for name in values(found) if name.startswith("udev")]


def test_a_card_without_rule() -> None:
    """A node that the driver alone made belongs to root."""
    (found,) = judged_with(check, access(apex_node(group="root", mode=0o600)), CARD, apex(0, "0000:02:00.0"))
    assert "no udev rule gives apex to anybody but root" in found.title


def test_a_user_in_a_container() -> None:
    """The container has the node, its user has no right: the group goes by number, the rules belong on the host."""
    (found,) = stick(node(group="46"), container="docker", udev_rules_read=False)
    assert found.title.endswith("its node belongs to group 46")
    assert f"stat -c %g {USB_NODE}" in strings(found)
    assert "--group-add" in strings(found)


def test_the_users_own_group_is_not_shown() -> None:
    """A group of the user's name says nothing but who it is."""
    (found,) = stick(session_groups=("mia",), account_groups=("mia",))
    assert "none" == values(found)["groups of this session"]
    assert "mia" not in strings(found)


def test_every_stick_by_itself() -> None:
    """Two sticks, two nodes, the one that may be opened is not blamed."""
    about = access(node(), node("/dev/bus/usb/002/005", "2-2", readable_writable=True))
    found = judged_with(check, about, root(2), STICK, tpu("2-2", devnum=5))
    assert ["2-1"] == [each.subject for each in found]


OPEN = node(readable_writable=True)


@pytest.mark.parametrize(
    ("covered", "when"), [(READY, "after a power cut only root"), (BOOT, "once the firmware is loaded only root")]
)
def test_half_of_the_rules_while_all_is_well(covered: str, when: str) -> None:
    """The node can be opened now: a note, on what will not be."""
    (found,) = stick(OPEN, udev_rules=(rule(covered),))
    assert ("info", "2-1") == (found.severity, found.subject)
    assert f"cover {covered} and not" in found.title
    assert when in found.title
    assert ["etpu-doctor setup udev"] == commands(found)


def test_two_sticks_share_a_note() -> None:
    """It is about the rules, and said once."""
    about = access(OPEN, node("/dev/bus/usb/002/005", "2-2", readable_writable=True), udev_rules=(rule(READY),))
    (found,) = judged_with(check, about, root(2), STICK, tpu("2-2", devnum=5))
    assert ("machine", ("2-1", "2-2")) == (found.subject, found.concerns)


def test_rules_without_effect_while_root_looks() -> None:
    """Root may open everything, and is told what others will meet."""
    rules = (rule(BOOT, group_exists=False), rule(READY, group_exists=False, line=2))
    (found,) = stick(OPEN, is_root=True, udev_rules=rules)
    assert "info" == found.severity
    assert "name group plugdev, which this system does not have" in found.title
    late = rule(BOOT, group=None, uaccess=True, file="/etc/udev/rules.d/99-x.rules")
    (found,) = stick(OPEN, is_root=True, udev_rules=(late,))
    assert "too late" in found.title


def test_a_rule_for_cards_without_effect() -> None:
    """The same for the group of the cards."""
    about = access(
        apex_node(readable_writable=True), is_root=True, udev_rules=(rule("apex", "apex", group_exists=False),)
    )
    (found,) = judged_with(check, about, CARD, apex(0, "0000:02:00.0"))
    assert ("info", ("0000:02:00.0",)) == (found.severity, found.concerns)


@pytest.mark.parametrize(
    "about",
    [
        None,
        Access(),
        access(),
        access(OPEN),
        access(OPEN, udev_rules=BOTH),
        access(OPEN, udev_rules=(rule(READY),), udev_rules_read=False),
        access(OPEN, udev_rules=(rule(READY),), container="docker"),
        access(node(readable_writable=None)),
        access(node(exists=None, readable_writable=None)),
        access(node(is_character_device=False)),
        access(node(), is_root=True),
        access(node(), is_root=True, container="docker"),
        access(node(), user_namespace=True),
        access(node(tpu=None)),
        access(node(tpu="9-9")),
    ],
)
def test_silent(about: Access | None) -> None:
    """Silent where the node can be opened, where nothing is known, and where the container is to blame."""
    assert [] == judged_with(check, about, root(2), STICK)
