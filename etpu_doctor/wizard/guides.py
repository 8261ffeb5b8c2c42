"""What hands have to do for a finding, and how the wizard sees that it was done. Data; the logic is in ``guided``."""

from __future__ import annotations

from typing import Literal

import msgspec

from etpu_doctor.rules.finding import Finding

Hands = Literal["move", "replug", "change", "restart"]


class HandsText(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is told: what to do, and what the wizard waits for."""

    ask: str
    waits: str


HANDS: dict[Hands, HandsText] = {
    "move": HandsText(
        ask="Unplug the Edge TPU and plug it in elsewhere:",
        waits="waiting for it to leave its port, and to come back in another",
    ),
    "replug": HandsText(
        ask="Unplug it, wait ten seconds, and plug it in again:",
        waits="waiting for it to leave, and to come back",
    ),
    "change": HandsText(
        ask="Change this on the machine; the wizard looks every two seconds whether it worked:",
        waits="waiting until it is as it should be",
    ),
    "restart": HandsText(
        ask="This needs the machine off, or a restart: start the wizard again afterwards.",
        waits="nothing to wait for here",
    ),
}

HANDS_OF: dict[str, Hands] = {
    "ETD101": "replug",
    "ETD102": "replug",
    "ETD103": "replug",
    "ETD110": "move",
    "ETD111": "move",
    "ETD112": "replug",
    "ETD113": "move",
    "ETD114": "change",
    "ETD115": "move",
    "ETD116": "replug",
    "ETD117": "replug",
    "ETD201": "move",
    "ETD202": "move",
    "ETD203": "move",
    "ETD204": "move",
    "ETD205": "restart",
    "ETD206": "move",
    "ETD301": "move",
    "ETD302": "move",
    "ETD401": "restart",
    "ETD402": "restart",
    "ETD403": "restart",
    "ETD404": "restart",
    "ETD405": "restart",
    "ETD406": "restart",
    "ETD501": "change",
    "ETD502": "change",
    "ETD503": "change",
    "ETD504": "restart",
    "ETD505": "restart",
    "ETD506": "restart",
    "ETD601": "change",
    "ETD602": "restart",
    "ETD603": "restart",
    "ETD604": "change",
    "ETD701": "change",
    "ETD702": "change",
    "ETD703": "change",
    "ETD704": "change",
    "ETD705": "change",
    "ETD706": "change",
    "ETD707": "change",
    "ETD801": "change",
    "ETD802": "restart",
    "ETD901": "replug",
    "ETD902": "change",
    "ETD903": "change",
    "ETD904": "move",
    "ETD905": "move",
    "ETD906": "change",
    "ETD907": "change",
    "ETD908": "change",
    "ETD909": "replug",
    "ETD910": "move",
    "ETD911": "move",
    "ETD912": "restart",
    "ETD913": "restart",
    "ETD914": "move",
    "ETD915": "replug",
    "ETD916": "restart",
    "ETD917": "replug",
    "ETD918": "restart",
    "ETD919": "change",
    "ETD920": "change",
}
"""By the rule's code. Findings about an application's files (``ETD708`` to ``ETD710``) come from texts only."""


def hands_of(finding: Finding) -> Hands | None:
    """What a finding asks of hands; ``None`` for one that asks nothing (no remedy, or only good to know)."""
    if finding.remedy is None or finding.severity == "info":
        return None
    return HANDS_OF.get(finding.code, "change")
