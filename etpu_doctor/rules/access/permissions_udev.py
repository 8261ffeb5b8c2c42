"""ETD601 permissions-udev."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Literal

from etpu_doctor.facts.access import Access, NodeAccess, UdevRule
from etpu_doctor.rules.device_nodes import (
    USB_IDENTITIES,
    is_before_seats,
    is_host_matter,
    is_inside,
    rights_fact,
    rule_grants,
    rule_text,
    tpu_nodes,
)
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import join_words, tpu_text
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD601",
    name="permissions-udev",
    severity="error",
    summary="The device node is not accessible to this user, or the udev rules cover only half of what they should.",
    documentation="""\
## What it means
A program opens `/dev/bus/usb/BBB/DDD` or `/dev/apex_N`. Nodes belong to root until a udev rule gives them to a group
or to whoever sits at the machine. A USB Edge TPU has two identities, 1a6e:089a before and 18d1:9302 after the first
use, and needs a rule for each. Membership in a group counts from the next login on.

## Why it matters
libedgetpu retries a refused open for 25 seconds and then says no more than "Failed to load delegate". With a rule for
one identity alone it works until the next power cut, or never.

## How to fix
`etpu-doctor setup udev` prints rules for both identities and for PCIe; then join the group and log in again.

## What it cannot see
Mandatory access control (SELinux, AppArmor) and the device control group, which only an open shows; groups that come
from a directory server; services that run as another user.

## Source
libedgetpu `debian/edgetpu-accelerator.rules` and `driver/usb/usb_driver.cc`; gasket-driver `debian/gasket-dkms.udev`;
udev(7); systemd `73-seat-late.rules`; Coral documentation, "Get started".
""",
)

Kind = Literal["login", "member", "half", "no-rule", "no-group", "seat", "late", "not-in-force", "unread"]

_SETUP = Command(command="etpu-doctor setup udev", why="prints rules for both USB identities and for PCIe")
_RELOAD = (
    Command(command="sudo udevadm control --reload-rules", why="has udev read the rules again", needs_root=True),
    Command(command="sudo udevadm trigger", why="applies them to what is plugged in", needs_root=True),
)


def check(machine: Machine) -> Iterator[Finding]:
    """An error for each node that this user may not open; else a note on rules that cover too little."""
    access = machine.evidence.access
    if access is None:
        return
    refused = False
    if not is_host_matter(access) and not access.is_root:
        for tpu, node in tpu_nodes(machine, access):
            if node.exists and node.is_character_device is not False and node.readable_writable is False:
                refused = True
                yield _refused(access, tpu, node)
    if not refused and not is_inside(access) and access.udev_rules_read:
        yield from _incomplete(machine, access)


def _identity(tpu: EdgeTpu) -> str:
    return "apex" if tpu.transport == "pci" else tpu.identity or "?"


def _rules_for(access: Access, identity: str) -> list[UdevRule]:
    return [rule for rule in access.udev_rules if rule.identity == identity]


def _refused(access: Access, tpu: EdgeTpu, node: NodeAccess) -> Finding:
    kind = _kind(access, tpu, node)
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        title=f"{tpu_text(tpu)} may not be opened by this user: {_because(kind, access, tpu, node)}",
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=(rights_fact(node), *_group_facts(access), *_rule_facts(access, tpu)),
        remedy=_remedy(kind, access, node),
    )


def _kind(access: Access, tpu: EdgeTpu, node: NodeAccess) -> Kind:
    group_may = node.group not in (None, "root") and (node.mode or 0) & 0o060 == 0o060
    if group_may and node.group in access.account_groups and node.group not in access.session_groups:
        return "login"
    if group_may:
        return "member"
    if not access.udev_rules_read or is_inside(access):
        return "unread"
    return _kind_of_rules(access, _identity(tpu))


def _kind_of_rules(access: Access, identity: str) -> Kind:
    rules = _rules_for(access, identity)
    if not rules:
        other = [rule for rule in access.udev_rules if rule.identity in USB_IDENTITIES and rule_grants(rule)]
        return "half" if other and identity in USB_IDENTITIES else "no-rule"
    granting = [rule for rule in rules if rule_grants(rule)]
    if any(not rule.uaccess or rule.group is not None for rule in granting):
        return "not-in-force"
    if granting:
        return "seat"
    if any(rule.group_exists is False for rule in rules):
        return "no-group"
    return "late" if any(rule.uaccess for rule in rules) else "no-rule"


def _because(kind: Kind, access: Access, tpu: EdgeTpu, node: NodeAccess) -> str:
    identity = _identity(tpu)
    if kind == "no-group":
        groups = [rule.group for rule in _rules_for(access, identity) if rule.group and rule.group_exists is False]
        return f"udev ignores its rule, because there is no group {join_words(list(dict.fromkeys(groups)))}"
    return {
        "login": f"the account is in group {node.group}, but this session is not yet",
        "member": f"its node belongs to group {node.group}",
        "half": f"there is a udev rule for the other identity, and none for {identity}",
        "no-rule": f"no udev rule gives {identity} to anybody but root",
        "seat": "its udev rule is for whoever sits at the machine, and this session does not",
        "late": "its udev rule sets uaccess too late to count",
        "not-in-force": "there is a udev rule for it, which is not in force",
        "unread": "its node is for root alone",
    }[kind]


def _group_facts(access: Access) -> Iterator[Fact]:
    # The group of a user's own name says who it is and nothing else.
    session = [group for group in access.session_groups if group != access.user]
    account = [group for group in access.account_groups if group != access.user]
    yield Fact(name="groups of this session", value=", ".join(session) or "none", where="/proc/self/status")
    if account:
        yield Fact(name="groups of the account", value=", ".join(account), where="/etc/group")


def _rule_facts(access: Access, tpu: EdgeTpu) -> Iterator[Fact]:
    identities = ("apex",) if tpu.transport == "pci" else USB_IDENTITIES
    for identity in identities if access.udev_rules_read and not is_inside(access) else ():
        rules = _rules_for(access, identity)
        for rule in rules[-3:]:
            yield Fact(name=f"udev rule for {identity}", value=rule_text(rule), where=f"{rule.file}:{rule.line}")
        if not rules:
            yield Fact(name=f"udev rule for {identity}", value="none", where="/etc/udev/rules.d, /usr/lib/udev/rules.d")


def _remedy(kind: Kind, access: Access, node: NodeAccess) -> Remedy:
    look = Command(command=f"ls -l {shlex.quote(node.path)}", why="shows who may open the node")
    if is_inside(access):
        return _remedy_inside(node, look)
    group = node.group or "plugdev"
    if kind == "login":
        again = f"sg {shlex.quote(group)} -c 'etpu-doctor check'"
        return Remedy(
            summary="Log out and in again; restart services that use the Edge TPU.",
            steps=(
                "Log out of the whole desktop session, or close all connections of this user, and log in again.",
                f"In a shell of its own it works at once: newgrp {shlex.quote(group)}",
            ),
            commands=(Command(command=again, why="looks again with that group"),),
        )
    if kind == "member":
        return Remedy(
            summary=f"Join group {group}, then log in again.",
            steps=(
                f'Run: sudo usermod -aG {shlex.quote(group)} "$USER" (for a service: its user in place of "$USER").',
                "Log out and in again, or restart the service: groups count from the next login on.",
            ),
            commands=(Command(command="id", why="shows the groups of this session"), look),
        )
    return _remedy_rules(kind, look)


def _remedy_rules(kind: Kind, look: Command) -> Remedy:
    if kind == "not-in-force":
        return Remedy(
            summary="Have udev apply its rules, or unplug the Edge TPU and plug it in again.",
            steps=("If it stays as it is, a later rule takes the rights away again: compare etpu-doctor setup udev.",),
            commands=(*_RELOAD, look, _SETUP),
        )
    first = "Run etpu-doctor setup udev and follow it: it prints the rules, and with --apply writes them."
    if kind == "seat":
        first = "Over ssh and for services use a group in place of uaccess: etpu-doctor setup udev prints such rules."
    elif kind == "late":
        first = "Name the rules file below 73 (60-...): later ones set uaccess after it was looked at."
    elif kind == "no-group":
        first = "Make the group (sudo groupadd --system plugdev), or use rules with a group that this system has."
    return Remedy(
        summary="Install udev rules for both identities, join their group, log in again.",
        steps=(first, "Reload the rules or plug the Edge TPU in again, join the group, log out and in again."),
        commands=(_SETUP, *_RELOAD, look),
    )


def _remedy_inside(node: NodeAccess, look: Command) -> Remedy:
    return Remedy(
        summary="Give the user in the container the node's group, by number, or run its program as root.",
        steps=(
            f"On the host, see the number of the node's group: stat -c %g {shlex.quote(node.path)}",
            "If that is 0, install the udev rules on the host first: etpu-doctor setup udev",
            "Start the container with --group-add NUMBER (Compose: group_add; Kubernetes: supplementalGroups).",
        ),
        commands=(look, _SETUP),
    )


def _incomplete(machine: Machine, access: Access) -> Iterator[Finding]:
    """Rules that cover one identity of a stick, or name a group that is not there, while the node can be opened now."""
    opened = [tpu for tpu, node in tpu_nodes(machine, access) if node.readable_writable]
    sticks = tuple(tpu.id for tpu in opened if tpu.transport == "usb")
    cards = tuple(tpu.id for tpu in opened if tpu.transport == "pci")
    covered = [each for each in USB_IDENTITIES if any(map(rule_grants, _rules_for(access, each)))]
    if sticks and len(covered) == 1:
        bare = USB_IDENTITIES[1 - USB_IDENTITIES.index(covered[0])]
        when = "after a power cut" if bare == USB_IDENTITIES[0] else "once the firmware is loaded"
        title = f"The udev rules cover {covered[0]} and not {bare}: {when} only root may open the stick"
        yield _note(title, sticks, access, USB_IDENTITIES)
    elif sticks and not covered:
        yield from _useless(sticks, access, USB_IDENTITIES)
    if cards and not any(map(rule_grants, _rules_for(access, "apex"))):
        yield from _useless(cards, access, ("apex",))


def _useless(tpus: tuple[str, ...], access: Access, identities: tuple[str, ...]) -> Iterator[Finding]:
    rules = [rule for identity in identities for rule in _rules_for(access, identity)]
    groups = list(dict.fromkeys(rule.group for rule in rules if rule.group and rule.group_exists is False))
    if groups:
        title = f"The udev rules name group {join_words(groups)}, which this system does not have: udev ignores that"
        yield _note(title, tpus, access, identities)
    elif any(rule.uaccess and not is_before_seats(rule) for rule in rules):
        yield _note("The udev rules set uaccess in a file after 73-seat-late.rules: too late", tpus, access, identities)


def _note(title: str, tpus: tuple[str, ...], access: Access, identities: tuple[str, ...]) -> Finding:
    facts = [
        Fact(name=f"udev rule for {rule.identity}", value=rule_text(rule), where=f"{rule.file}:{rule.line}")
        for identity in identities
        for rule in _rules_for(access, identity)[-3:]
    ]
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="info",
        title=title,
        subject=tpus[0] if len(tpus) == 1 else "machine",
        concerns=tpus,
        facts=tuple(facts),
        remedy=Remedy(
            summary="Install rules for both identities with a group that exists.",
            steps=("Run etpu-doctor setup udev and follow it.",),
            commands=(_SETUP,),
        ),
    )
