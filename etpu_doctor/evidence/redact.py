"""Replaces what identifies a person or a machine, consistently: the same value gets the same token everywhere.

Works on the evidence, before anything is judged or printed, so that no face can leak what was not redacted.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from functools import cache

import msgspec

from etpu_doctor.evidence.live import is_pci_address
from etpu_doctor.facts.access import Access
from etpu_doctor.facts.application import Application, DetectorConfig
from etpu_doctor.facts.evidence import Evidence, Ignored
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.kernel_log import KernelLog, KernelMessage
from etpu_doctor.facts.pci import ApexNode, PciFunction
from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.facts.usb import UsbDevice

_SECRET_MINIMUM = 4
"""Shorter values are not searched for in other texts: replacing every "pi" would garble them."""

_KINDS = frozenset({"serial", "host", "user", "mac", "ip", "secret"})
_NO_SECRETS = frozenset({"root", "localhost", *_KINDS})

_BEFORE_VALUE = r"(?:pass(?:word|wd)?|secret|token|api_?key)[\"']?\s{0,4}[:=]\s{0,4}"
_HOST = r"([A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)"


class _Pattern(msgspec.Struct, frozen=True, gc=False):
    """What each group of an expression is, of what every match holds one, and whether a match is meant."""

    kinds: tuple[str, ...]
    needles: tuple[str, ...]
    expression: str
    is_meant: Callable[[re.Match[str]], bool] | None = None


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    """Compiled when a text first calls for it: that takes longer than all searches of a short thread."""
    return re.compile(expression)


@cache
def _hints() -> re.Pattern[str]:
    """What every match of ``_PATTERNS`` holds: most lines hold none of it, and fourteen searches are dear."""
    return re.compile(
        r"@|://|/home/|/media/|[/\\]Users[/\\]|::|(?:[0-9A-Fa-f]{1,4}[:-]){3}|[0-9]\.[0-9]{1,3}\.[0-9]|\benx|Linux |"
        r"^\s{0,8}(?:[A-Z][a-z]{2} [ 0-9][0-9] |[0-9-]{10}T)|(?i:pass|secret|token|api_?key|serial)"
    )


_SIGNS = ("@", "://", "/home/", "/media/", "Users", "::", "enx", "Linux ")
_SECRETIVE = ("pass", "secret", "token", "api", "serial")


def _may_hold(text: str) -> bool:
    """Whether ``_hints`` may be found in a text; searching for single words is much quicker."""
    if not text.isascii() or text.count(".") > 1 or text.count(":") + text.count("-") > 2:
        return True
    for sign in _SIGNS:
        if sign in text:
            return True
    lowered = text.lower()
    for word in _SECRETIVE:
        if word in lowered:
            return True
    return _date().match(text) is not None


@cache
def _date() -> re.Pattern[str]:
    """How a line of syslog begins."""
    return re.compile(r"\s{0,8}(?:[A-Z][a-z]{2} [ 0-9][0-9] |[0-9-]{10}T)")


def _is_ip4(match: re.Match[str]) -> bool:
    numbers = [int(word) for word in match[1].split(".")]
    # The port chain 2-1.1.1.1 is no address.
    is_chain = re.search(r"[0-9]-$", match.string[max(match.start() - 2, 0) : match.start()]) is not None
    return max(numbers) < 256 and not (is_chain and all(0 < word < 32 for word in numbers))


def _is_ip6(match: re.Match[str]) -> bool:
    groups = [group for group in match[1].split(":") if group]
    has_digit = any(character.isdigit() for character in match[1])
    return has_digit and len(groups) <= 8 and all(len(group) <= 4 for group in groups)


def _is_serial(match: re.Match[str]) -> bool:
    # The "serial number" of a root hub is the PCI address of its controller.
    return not is_pci_address(match[1])


_PATTERNS = (
    _Pattern(
        ("mac",),
        (":", "-"),
        r"(?<![0-9A-Za-z])((?:[0-9A-Fa-f]{2}[:-]){5}(?:(?:[0-9A-Fa-f]{2}[:-]){2})?[0-9A-Fa-f]{2})"
        r"(?![0-9A-Za-z]|[:-][0-9A-Fa-f])",
    ),
    # The kernel names network adapters on USB after their address.
    _Pattern(("mac",), ("enx",), r"\benx([0-9A-Fa-f]{12})(?![0-9A-Za-z])"),
    _Pattern(
        ("ip",),
        (".",),
        r"(?<![0-9A-Za-z.])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![0-9A-Za-z]|\.[0-9]|-[0-9]{1,9}(?![0-9.]))",
        _is_ip4,
    ),
    _Pattern(
        ("ip",),
        (":",),
        r"(?<![0-9A-Za-z.])((?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|[0-9A-Fa-f:]{0,39}::[0-9A-Fa-f:]{0,39})"
        r"(?![0-9A-Za-z])",
        _is_ip6,
    ),
    # Before what follows: "rtsp://admin:p@ss@camera" is no user of a host.
    _Pattern(("secret",), ("://",), r"://([^\s/@:]{1,64}:[^\s/]{1,128})(?=@)"),
    _Pattern(("secret",), ("'", '"'), rf"(?i){_BEFORE_VALUE}[\"']([^\"']{{1,128}})[\"']"),
    _Pattern(("secret",), (":", "="), rf"(?i){_BEFORE_VALUE}([^\s\"',;]{{1,128}})"),
    _Pattern(("user",), ("/home/", "Users"), r"(?:/home/|[/\\]Users[/\\])([^/\\\s:\"'<>|,;]{1,64})"),
    _Pattern(("user",), ("/media/",), r"/media/([^/\s:\"'<>|,;]{1,64})(?=/)"),
    # No slash before: "soc/usb@7e980000" is a node of the device tree.
    _Pattern(("user", "host"), ("@",), r"(?<![\w.@/-])([A-Za-z0-9_][\w.-]{0,31})@" + _HOST),
    _Pattern(
        ("host",),
        (" ",),
        r"^\s{0,8}(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9-]{10}T[0-9:.,+-]{8,24}Z?) " + _HOST + r"(?= )",
    ),
    _Pattern(("host",), ("Linux ",), r"\bLinux " + _HOST + r"(?= [0-9]{1,3}\.[0-9]{1,3}\.[0-9])"),
    _Pattern(
        ("serial",),
        (":", "="),
        r"(?i)serial(?:[ _-]?(?:number|short|no\.?))?\s{0,4}[:=]\s{0,4}\"?([^\s\",;]{4,128})",
        _is_serial,
    ),
    _Pattern(("serial",), ("iSerial",), r"\biSerial\s{1,40}[0-9]{1,3}\s{1,4}(\S{4,128})", _is_serial),
)


@cache
def _runs() -> re.Pattern[str]:
    return re.compile(r"[^\W_]+")


class Redactor:
    """Hands out tokens (``serial-1``, ``host-1``, ``user-1``, ``mac-1``, ``ip-1``, ``secret-1``), and remembers."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._needles: dict[str, list[tuple[str, str]]] = {}
        self._names: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def token(self, kind: str, value: str) -> str:
        """The token of a value that is a secret as a whole; a token stays what it is."""
        if _is_token(value):
            return value
        known = self._tokens.get((kind, value))
        if known is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            known = self._tokens[kind, value] = f"{kind}-{self._counts[kind]}"
            # "Generic" is a serial number too, and no secret.
            if kind != "serial" or any(character.isdigit() for character in value):
                self._search_for(value, known)
        return known

    def _search_for(self, value: str, token: str) -> None:
        """Have ``known`` look for a value, under its first run of letters and digits."""
        runs = list(_runs().finditer(value))
        needle = value[runs[0].start() : runs[-1].end()] if runs else ""
        if len(needle) >= _SECRET_MINIMUM and needle not in _NO_SECRETS:
            same = self._needles.setdefault(runs[0][0], [])
            same.append((needle, token))
            same.sort(key=lambda item: -len(item[0]))
            # What was looked at before may hold the new value.
            self._names.clear()
            self._texts.clear()

    def known(self, value: str) -> str:
        """Free text with every value that already has a token replaced, where it stands as a word or words."""
        if not self._needles:
            return value
        parts, position = [], 0
        for run in _runs().finditer(value):
            start = run.start()
            for needle, token in self._needles.get(run[0], ()) if start >= position else ():
                end = start + len(needle)
                if value.startswith(needle, start) and not value[end : end + 1].isalnum():
                    parts += [value[position:start], token]
                    position = end
                    break
        return "".join([*parts, value[position:]])

    def text(self, value: str) -> str:
        """Free text with addresses, user names and every value that already has a token replaced."""
        redacted = self._texts.get(value)
        if redacted is None:
            # Secrets are learned from everything before anything is rewritten, so most texts come twice.
            count = len(self._tokens)
            redacted = self._search(value)
            if count == len(self._tokens):
                self._texts[value] = redacted
        return redacted

    def _search(self, value: str) -> str:
        value = self.known(value)
        if not _may_hold(value) or _hints().search(value) is None:
            return value
        for pattern in _PATTERNS:
            for needle in pattern.needles:
                if needle in value:
                    replace = functools.partial(self._replace, pattern.kinds, pattern.is_meant)
                    value = _compiled(pattern.expression).sub(replace, value)
                    break
        return value

    def name(self, value: str) -> str:
        """The name of a product or a file, in which nearly never anything is worth a search for addresses."""
        known = self._names.get(value)
        if known is None:
            known = self._names[value] = self.text(value) if _may_identify(value) else self.known(value)
        return known

    def _replace(
        self, kinds: tuple[str, ...], is_meant: Callable[[re.Match[str]], bool] | None, match: re.Match[str]
    ) -> str:
        if is_meant is not None and not is_meant(match):
            return match[0]
        replaced, offset = match[0], match.start()
        for index, kind in reversed(list(enumerate(kinds, start=1))):
            secret = match[index]
            if secret not in _NO_SECRETS:
                start, end = match.span(index)
                replaced = replaced[: start - offset] + self.token(kind, secret) + replaced[end - offset :]
        return replaced


def _is_token(value: str) -> bool:
    kind, dash, count = value.rpartition("-")
    return bool(dash) and count.isdigit() and kind in _KINDS


def redact(evidence: Evidence, redactor: Redactor | None = None) -> Evidence:
    """Evidence without host name, user names, serial numbers, MAC and IP addresses."""
    redactor = redactor or Redactor()
    _learn(evidence, redactor)
    return msgspec.structs.replace(
        evidence,
        host=_redact_host(evidence.host, redactor),
        usb=tuple(_redact_device(device, redactor) for device in evidence.usb),
        pci=tuple(_redact_function(function, redactor) for function in evidence.pci),
        apex=tuple(_redact_apex(node, redactor) for node in evidence.apex),
        ignored=tuple(_redact_ignored(run, redactor) for run in evidence.ignored),
        kernel_log=_redact_log(evidence.kernel_log, redactor),
        access=_redact_access(evidence.access, redactor),
        runtime=_redact_runtime(evidence.runtime, redactor),
        smoke=tuple(_redact_smoke(result, redactor) for result in evidence.smoke),
        application=_redact_application(evidence.application, redactor),
    )


def _learn(evidence: Evidence, redactor: Redactor) -> None:
    """Give every secret its token first: a name in the first line may be known as one only from the last."""
    _redact_host(evidence.host, redactor)
    for device in evidence.usb:
        if _has_secret_serial(device):
            redactor.token("serial", device.serial or "")
    for node in evidence.apex:
        _redact_apex(node, redactor)
    for run in evidence.ignored:
        redactor.text(run.text)
    _redact_access(evidence.access, redactor)
    for message in evidence.kernel_log.messages if evidence.kernel_log is not None else ():
        redactor.text(message.text)
    _redact_runtime(evidence.runtime, redactor)
    for result in evidence.smoke:
        _redact_smoke(result, redactor)
    _redact_application(evidence.application, redactor)


def _redact_host(host: Host, redactor: Redactor) -> Host:
    """The name, and a library's path: ``LD_LIBRARY_PATH`` may lead below a home folder."""
    return msgspec.structs.replace(
        host,
        hostname=None if host.hostname is None else redactor.token("host", host.hostname),
        libedgetpu_path=None if host.libedgetpu_path is None else redactor.name(host.libedgetpu_path),
    )


def _has_secret_serial(device: UsbDevice) -> bool:
    # The "serial number" of a root hub is the PCI address of its controller.
    return device.serial is not None and device.port_chain != ()


def _redact_device(device: UsbDevice, redactor: Redactor) -> UsbDevice:
    changes: dict[str, object] = {}
    if _has_secret_serial(device):
        changes["serial"] = redactor.token("serial", device.serial or "")
    for field in ("vendor_name", "product_name"):
        name = getattr(device, field)
        if name is not None and (redacted := redactor.name(name)) != name:
            changes[field] = redacted
    if (seen := _redact_seen(device.seen, redactor)) != device.seen:
        changes["seen"] = seen
    return msgspec.structs.replace(device, **changes) if changes else device


def _redact_function(function: PciFunction, redactor: Redactor) -> PciFunction:
    seen = _redact_seen(function.seen, redactor)
    return function if seen == function.seen else msgspec.structs.replace(function, seen=seen)


def _redact_seen(seen: tuple[Seen, ...], redactor: Redactor) -> tuple[Seen, ...]:
    if all(place.kind == "sysfs" for place in seen):
        return seen
    return tuple(
        place if place.kind == "sysfs" else msgspec.structs.replace(place, file=redactor.name(place.file))
        for place in seen
    )


def _may_identify(name: str) -> bool:
    """Whether a name is worth a search for addresses: nearly none is."""
    return ":" in name or "@" in name or "/home/" in name or name.count(".") >= 3 or name.count("-") >= 5


def _redact_apex(node: ApexNode, redactor: Redactor) -> ApexNode:
    unique = node.attributes.get("unique_id")
    if unique is None:
        return node
    return msgspec.structs.replace(node, attributes={**node.attributes, "unique_id": redactor.token("serial", unique)})


def _redact_log(log: KernelLog | None, redactor: Redactor) -> KernelLog | None:
    if log is None:
        return None
    return msgspec.structs.replace(log, messages=tuple(_redact_message(line, redactor) for line in log.messages))


def _redact_message(line: KernelMessage, redactor: Redactor) -> KernelMessage:
    text = redactor.text(line.text)
    return line if text == line.text else msgspec.structs.replace(line, text=text)


def _redact_access(access: Access | None, redactor: Redactor) -> Access | None:
    """User names, and groups of the same name. ``root`` and the groups of distributions tell nobody who this is."""
    if access is None or access.user is None or access.user == "root":
        return access
    user = redactor.token("user", access.user)

    def renamed(name: str | None) -> str | None:
        return user if name == access.user else name

    return msgspec.structs.replace(
        access,
        user=user,
        session_groups=tuple(renamed(group) or group for group in access.session_groups),
        account_groups=tuple(renamed(group) or group for group in access.account_groups),
        nodes=tuple(
            msgspec.structs.replace(node, owner=renamed(node.owner), group=renamed(node.group)) for node in access.nodes
        ),
    )


def _redact_runtime(runtime: Runtime | None, redactor: Redactor) -> Runtime | None:
    """Paths below home folders."""
    if runtime is None:
        return None
    probe = runtime.probe
    if probe is not None and probe.failure is not None:
        probe = msgspec.structs.replace(probe, failure=redactor.text(probe.failure))
    return msgspec.structs.replace(
        runtime,
        libraries=tuple(msgspec.structs.replace(each, path=redactor.name(each.path)) for each in runtime.libraries),
        pythons=tuple(
            msgspec.structs.replace(
                each,
                executable=redactor.name(each.executable),
                failure=None if each.failure is None else redactor.text(each.failure),
            )
            for each in runtime.pythons
        ),
        probe=probe,
    )


def _redact_application(application: Application | None, redactor: Redactor) -> Application | None:
    """Paths below home folders, and whatever a program printed."""
    if application is None:
        return None
    return Application(
        detectors=tuple(_redact_detector(each, redactor) for each in application.detectors),
        messages=tuple(
            msgspec.structs.replace(
                each,
                text=redactor.text(each.text),
                values={key: redactor.text(value) for key, value in each.values.items()},
                where=None if each.where is None else redactor.name(each.where),
            )
            for each in application.messages
        ),
    )


def _redact_detector(detector: DetectorConfig, redactor: Redactor) -> DetectorConfig:
    changes: dict[str, object] = {
        field: redactor.text(value)
        for field in ("name", "type", "device", "model_path", "where")
        if (value := getattr(detector, field)) is not None
    }
    changes["value_where"] = {key: redactor.text(value) for key, value in detector.value_where.items()}
    if detector.model is not None:
        changes["model"] = msgspec.structs.replace(detector.model, path=redactor.text(detector.model.path))
    return msgspec.structs.replace(detector, **changes)


def _redact_smoke(result: SmokeResult, redactor: Redactor) -> SmokeResult:
    """Paths below home folders, and what the runtime printed."""
    model = result.model
    return msgspec.structs.replace(
        result,
        python=None if result.python is None else redactor.name(result.python),
        library=None if result.library is None else redactor.name(result.library),
        model=None if model is None else msgspec.structs.replace(model, name=redactor.text(model.name)),
        reason=None if result.reason is None else redactor.text(result.reason),
        said=tuple(redactor.text(line) for line in result.said),
    )


def _redact_ignored(run: Ignored, redactor: Redactor) -> Ignored:
    return msgspec.structs.replace(run, text=redactor.text(run.text), file=redactor.name(run.file))


__all__ = ["Redactor", "redact"]
