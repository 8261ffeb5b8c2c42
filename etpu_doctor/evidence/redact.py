"""Replaces what identifies a person or a machine, consistently: the same value gets the same token everywhere.

Works on the evidence, before anything is judged or printed, so that no face can leak what was not redacted.
"""

from __future__ import annotations

import functools
import re
from functools import cache

import msgspec

from etpu_doctor.facts.evidence import Evidence, Ignored
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.facts.usb import UsbDevice

_SECRET_MINIMUM = 4
"""Shorter values are not searched for in other texts: replacing every "pi" would garble them."""


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return (
        ("mac", re.compile(r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])")),
        # No digit, dot or dash before: the port chain 2-1.1.1.1 is no address.
        ("ip", re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.-])")),
        ("ip", re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?![\w:])")),
        ("ip", re.compile(r"(?<![\w:.])f[de][0-9A-Fa-f]{2}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{1,4}(?![\w:])")),
        ("user", re.compile(r"(?<=/home/)[^/\s:]+")),
        ("user", re.compile(r"(?<![\w.@-])[A-Za-z_][\w.-]{0,31}(?=@[A-Za-z0-9][\w.-]{0,62}[:~ ])")),
        ("host", re.compile(r"(?<=[\w]@)[A-Za-z0-9][\w.-]{0,62}(?=[:~ ])")),
    )


@cache
def _words() -> re.Pattern[str]:
    return re.compile(r"[\w-]{4,}")


class Redactor:
    """Hands out tokens (``serial-1``, ``host-1``, ``user-1``, ``mac-1``, ``ip-1``) and remembers them."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._words: dict[str, str] = {}

    def token(self, kind: str, value: str) -> str:
        """The token of a value that is a secret as a whole."""
        known = self._tokens.get((kind, value))
        if known is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            known = self._tokens[kind, value] = f"{kind}-{self._counts[kind]}"
            if len(value) >= _SECRET_MINIMUM:
                self._words[value] = known
        return known

    def text(self, value: str) -> str:
        """Free text with addresses, user names and every value that already has a token replaced."""
        value = _words().sub(lambda match: self._words.get(match[0], match[0]), value)
        for kind, pattern in _patterns():
            value = pattern.sub(functools.partial(self._replace, kind), value)
        return value

    def _replace(self, kind: str, match: re.Match[str]) -> str:
        # A token that an earlier pattern put there is no name to hide.
        return match[0] if _is_token(match[0]) else self.token(kind, match[0])


def _is_token(value: str) -> bool:
    kind, dash, count = value.rpartition("-")
    return bool(dash) and count.isdigit() and kind in ("serial", "host", "user", "mac", "ip")


def redact(evidence: Evidence, redactor: Redactor | None = None) -> Evidence:
    """Evidence without host name, user names, serial numbers, MAC and IP addresses."""
    redactor = redactor or Redactor()
    # Whole values first, so that their tokens are known when free text is searched.
    host = _redact_host(evidence.host, redactor)
    usb = tuple(_redact_device(device, redactor) for device in evidence.usb)
    apex = tuple(_redact_apex(node, redactor) for node in evidence.apex)
    ignored = tuple(_redact_ignored(run, redactor) for run in evidence.ignored)
    return msgspec.structs.replace(evidence, host=host, usb=usb, apex=apex, ignored=ignored)


def _redact_host(host: Host, redactor: Redactor) -> Host:
    if host.hostname is None:
        return host
    return msgspec.structs.replace(host, hostname=redactor.token("host", host.hostname))


def _redact_device(device: UsbDevice, redactor: Redactor) -> UsbDevice:
    changes: dict[str, str | None] = {}
    # The "serial number" of a root hub is the PCI address of its controller.
    if device.serial is not None and device.port_chain != ():
        changes["serial"] = redactor.token("serial", device.serial)
    for field in ("vendor_name", "product_name"):
        name = getattr(device, field)
        if name is not None and _may_identify(name):
            changes[field] = redactor.text(name)
    return msgspec.structs.replace(device, **changes) if changes else device


def _may_identify(name: str) -> bool:
    """Whether a product name is worth a search for addresses: nearly none is."""
    return ":" in name or "@" in name or "/home/" in name or name.count(".") >= 3 or name.count("-") >= 5


def _redact_apex(node: ApexNode, redactor: Redactor) -> ApexNode:
    unique = node.attributes.get("unique_id")
    if unique is None:
        return node
    return msgspec.structs.replace(node, attributes={**node.attributes, "unique_id": redactor.token("serial", unique)})


def _redact_ignored(run: Ignored, redactor: Redactor) -> Ignored:
    return msgspec.structs.replace(run, text=redactor.text(run.text), file=redactor.text(run.file))


__all__ = ["Redactor", "redact"]
