"""udev's rules files: which lines give somebody access to an Edge TPU.

The language is that of udev(7). Jumps (``GOTO``) are not followed, and conditions on what is not known of the device
are taken as fulfilled: a line counts if it can apply.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.access import UdevRule

FOLDERS = (
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
)
"""First wins: a file hides those of the same name in later folders."""

_FILE_LIMIT_BYTES = 1 << 20
_FILES_LIMIT = 2000
_RULES_LIMIT = 64
_OPERATORS = ("==", "!=", "+=", "-=", ":=", "=")

Identity = Literal["1a6e:089a", "18d1:9302", "apex"]

_USB = {"SUBSYSTEM": "usb", "SUBSYSTEMS": "usb", "DEVTYPE": "usb_device"}
_KNOWN: dict[Identity, dict[str, str]] = {
    "1a6e:089a": {**_USB, "vendor": "1a6e", "product": "089a", "PRODUCT": "1a6e/89a/100"},
    "18d1:9302": {**_USB, "vendor": "18d1", "product": "9302", "PRODUCT": "18d1/9302/100"},
    "apex": {"SUBSYSTEM": "apex", "SUBSYSTEMS": "apex", "KERNEL": "apex_0"},
}
"""What a rule may ask of each identity (kernel uevent of the device, udev's ``usb_id`` builtin)."""

_NAMING: dict[Identity, frozenset[str]] = {
    "1a6e:089a": frozenset({"vendor", "product", "PRODUCT"}),
    "18d1:9302": frozenset({"vendor", "product", "PRODUCT"}),
    "apex": frozenset({"SUBSYSTEM", "SUBSYSTEMS", "KERNEL"}),
}

_SAME = {
    "ATTR{idVendor}": "vendor",
    "ATTRS{idVendor}": "vendor",
    "ENV{ID_VENDOR_ID}": "vendor",
    "ATTR{idProduct}": "product",
    "ATTRS{idProduct}": "product",
    "ENV{ID_MODEL_ID}": "product",
    "ENV{DEVTYPE}": "DEVTYPE",
    "ENV{PRODUCT}": "PRODUCT",
    "KERNELS": "KERNEL",
}


class Term(NamedTuple):
    """One ``KEY{attribute}=="value"``."""

    key: str
    operator: str
    value: str


def read_rules(files: Files, group_exists: Callable[[str], bool | None]) -> tuple[tuple[UdevRule, ...], bool]:
    """The lines that count, in the order in which udev applies them, and whether any folder could be listed."""
    places: dict[str, str] = {}
    any_read = False
    for folder in FOLDERS:
        names = files.names(folder)
        any_read = any_read or names is not None
        for name in (names or [])[:_FILES_LIMIT]:
            if name.endswith(".rules"):
                places.setdefault(name, f"{folder}/{name}")
    rules: list[UdevRule] = []
    for _, path in sorted(places.items()):
        rules += _rules_in(files, path, group_exists)
    return tuple(rules[:_RULES_LIMIT]), any_read


def _rules_in(files: Files, path: str, group_exists: Callable[[str], bool | None]) -> Iterator[UdevRule]:
    # A link to /dev/null masks a file: a device, which is not to be opened.
    status = files.stat(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return
    text = files.text(path, _FILE_LIMIT_BYTES) or ""
    if any(word in text for word in ("idVendor", "idProduct", "_ID", "apex", "MODE", "PRODUCT")):
        yield from parse_rules(path, text, group_exists)


def parse_rules(path: str, text: str, group_exists: Callable[[str], bool | None]) -> Iterator[UdevRule]:
    """The lines of a rules file that grant something on an Edge TPU; one each for every identity they cover."""
    for number, line in _logical_lines(text):
        if "GROUP" not in line and "MODE" not in line and "uaccess" not in line:
            continue
        terms = list(parse_terms(line))
        conditions = [term for term in terms if term.operator in ("==", "!=")]
        grant = _grant([term for term in terms if term.operator not in ("==", "!=")])
        if grant is None or Term("ACTION", "==", "remove") in conditions:
            continue
        for identity in _KNOWN:
            if _covers(identity, conditions, is_open=_is_open(grant)):
                group = grant.group
                exists = group_exists(group) if group is not None else None
                yield UdevRule(
                    identity=identity,
                    file=path,
                    line=number,
                    group=group,
                    mode=grant.mode,
                    uaccess=grant.uaccess,
                    group_exists=exists,
                )


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that a backslash continues joined, with the number of their first line."""
    pieces: list[str] = []
    first = 1
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not pieces:
            first = number
        if line.startswith("#"):
            continue
        if line.endswith("\\"):
            pieces.append(line[:-1])
            continue
        yield first, "".join([*pieces, line])
        pieces = []
    if pieces:
        yield first, "".join(pieces)


def parse_terms(line: str) -> Iterator[Term]:
    """The terms of a line; what is no term is passed over."""
    position = 0
    while (quote := line.find('"', position)) >= 0:
        end = line.find('"', quote + 1)
        if end < 0:
            return
        head = line[position:quote].strip(" \t,")
        # e"..." holds C escapes; none of the values of interest needs one.
        head = head[:-1] if head.endswith("=e") else head
        operator = next((each for each in _OPERATORS if head.endswith(each)), "")
        key = head[: len(head) - len(operator)].strip()
        if operator and key:
            yield Term(key, operator, line[quote + 1 : end])
        position = end + 1


class _Grant(NamedTuple):
    group: str | None
    mode: int | None
    uaccess: bool


def _grant(terms: list[Term]) -> _Grant | None:
    """What a line gives; ``None`` for nothing."""
    group, mode, uaccess = None, None, False
    for term in terms:
        if term.key == "GROUP" and term.value:
            group = term.value
        elif term.key == "MODE":
            mode = _octal(term.value)
        elif term.key == "TAG" and term.operator in ("+=", "=", ":=") and term.value == "uaccess":
            uaccess = True
    return None if group is None and mode is None and not uaccess else _Grant(group, mode, uaccess)


def _octal(text: str) -> int | None:
    return int(text, 8) if 0 < len(text) <= 5 and set(text) <= set("01234567") else None


def _is_open(grant: _Grant) -> bool:
    """Whether a line lets somebody else than root in, which a mode alone seldom does."""
    return grant.uaccess or grant.group not in (None, "root", "0") or bool((grant.mode or 0) & 0o002)


def _covers(identity: Identity, conditions: list[Term], *, is_open: bool) -> bool:
    """Whether a line is about an identity: it names it, or it is about all USB devices and lets people in."""
    known = _KNOWN[identity]
    names, foreign = False, False
    for term in conditions:
        key = _SAME.get(term.key, term.key)
        if key not in known:
            foreign = foreign or key != "ACTION"
        elif _matches(term.value, known[key]) != (term.operator == "=="):
            return False
        elif key in _NAMING[identity] and term.operator == "==" and term.value not in ("*", "?*"):
            names = True
    about_usb = any(term.key in ("SUBSYSTEM", "SUBSYSTEMS") for term in conditions) and not foreign
    return names or (about_usb and is_open)


def _matches(pattern: str, value: str) -> bool:
    """Shell patterns, alternatives apart by ``|``; case counts, as udev(7) has it."""
    if pattern == value:
        return True
    if not set(pattern) & set("*?[|"):
        return False
    from fnmatch import fnmatchcase  # noqa: PLC0415 - few rules hold patterns

    return any(fnmatchcase(value, each) for each in pattern[:256].split("|") if each.count("*") <= 4)
