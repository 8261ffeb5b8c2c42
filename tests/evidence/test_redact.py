"""Redaction: what identifies a person or a machine is in no output, and what only looks like it is left alone."""

from __future__ import annotations

import io

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from etpu_doctor.evidence.redact import _PATTERNS, Redactor, _compiled, _hints, _may_hold, redact
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.facts.application import Application, RuntimeMessage
from etpu_doctor.facts.evidence import Evidence, Ignored
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.pci import ApexNode, PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.report import markdown, text
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.report import Report
from tests.evidence.test_collector import LIST, TREE


def redacted(value: str) -> str:
    """A text after redaction."""
    return Redactor().text(value)


def ignored(*texts: str, file: str = "paste") -> tuple[Ignored, ...]:
    """Ignored runs with these texts."""
    return tuple(Ignored(file=file, line=n, last_line=n, text=line, why="x") for n, line in enumerate(texts, start=1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("link/ether b8:27:eb:12:34:56 brd", "link/ether mac-1 brd"),
        ("HWaddr:B8-27-EB-12-34-56", "HWaddr:mac-1"),
        ("mac:b8:27:eb:12:34:56: up", "mac:mac-1: up"),
        ("Device Serial Number 00-1b-21-ff-ff-aa-bb-cc", "Device Serial Number mac-1"),
        ("enxb827eb123456: renamed from eth0", "enxmac-1: renamed from eth0"),
        ("inet 192.168.178.23/24", "inet ip-1/24"),
        ("IP is 192.168.178.23.", "IP is ip-1."),
        ("addr:10.0.0.5,10.0.0.6", "addr:ip-1,ip-2"),
        ("range 192.168.1.5-192.168.1.9", "range ip-1-ip-2"),
        ("192.168.1.5-lsusb.txt", "ip-1-lsusb.txt"),
        ("inet6 fe80::ba27:ebff:fe12:3456/64", "inet6 ip-1/64"),
        ("addr:2001:db8::1", "addr:ip-1"),
        ("::ffff:192.168.1.5", "::ffff:ip-1"),
        ("fd12:3456:789a:1:2:3:4:5 ", "ip-1 "),
        ("open /home/alice/x: failed", "open /home/user-1/x: failed"),
        ("/Users/alice/x", "/Users/user-1/x"),
        (r"C:\Users\alice\x", r"C:\Users\user-1\x"),
        ("/run/media/alice/USB", "/run/media/user-1/USB"),
        ("alice@laptop:~$ lsusb", "user-1@host-1:~$ lsusb"),
        ("[alice@laptop dir]$", "[user-1@host-1 dir]$"),
        ("alice@laptop ~> x", "user-1@host-1 ~> x"),
        ("(venv) alice@laptop.example.org% x", "(venv) user-1@host-1% x"),
        ("mail bob@example.org", "mail user-1@host-1"),
        ("root@laptop:~# lsusb", "root@host-1:~# lsusb"),
        ("Oct 10 10:10:10 laptop kernel: usb 1-1", "Oct 10 10:10:10 host-1 kernel: usb 1-1"),
        ("2024-10-10T10:10:10.123456+0200 laptop kernel: x", "2024-10-10T10:10:10.123456+0200 host-1 kernel: x"),
        ("Linux laptop 6.1.0-18-amd64 #1 SMP", "Linux host-1 6.1.0-18-amd64 #1 SMP"),
        ("usb 1-1: SerialNumber: 0123ABCD", "usb 1-1: SerialNumber: serial-1"),
        ("E: ID_SERIAL_SHORT=0123ABCD", "E: ID_SERIAL_SHORT=serial-1"),
        ('serial="0123ABCD"', 'serial="serial-1"'),
        ("  iSerial                 3 0123ABCD", "  iSerial                 3 serial-1"),
    ],
)
def test_what_identifies_is_replaced(value: str, expected: str) -> None:
    """Addresses, users, hosts and serial numbers are replaced wherever a text has them."""
    assert expected == redacted(value)


@pytest.mark.parametrize(
    "value",
    [
        "usb 2-1.1.1.1: new SuperSpeed USB device number 7",
        "port chain 2-1.4.1.3 and 1-1.2.3.4.5",
        "0000:00:14.0 USB controller [0c03]: Intel [8086:a36d]",
        "10000:e1:00.0 and 18d1:9302 and 1a6e:089a",
        "usb usb2: SerialNumber: 0000:00:14.0",
        "New USB device strings: Mfr=0, Product=0, SerialNumber=0",
        "Linux 6.1.0-18-amd64 xhci-hcd",
        "Linux Foundation 3.0 root hub",
        "version 16.0 of libedgetpu1-std 16.0-1, kernel 6.1.0-18",
        "package 1.2.3.4-5ubuntu1",
        "Firmware 256.1.2.3",
        "time 12:34:56 and 12:34:56.789",
        "std::vector<int> and abc::def",
        "soc/usb@7e980000: deferred",
        "/dev/bus/usb/002/007",
        "/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M",
        "    |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M",
        "-[0000:00]-+-00.0-[01-04]----00.0",
        "serial-1 host-1 user-1 mac-1 ip-1",
        "user-1@host-1:~$ cd /home/user-1",
        "",
    ],
)
def test_what_does_not_identify_is_left_alone(value: str) -> None:
    """Port chains, PCI addresses, USB ids, versions, times, names of code and tokens stay what they are."""
    assert value == redacted(value)


class TestRedactor:
    """Tokens."""

    def test_the_same_value_has_the_same_token(self) -> None:
        """A value has one token, other values have others, and kinds count apart."""
        redactor = Redactor()
        given_out = [
            redactor.token(kind, value) for kind, value in (("serial", "A1"), ("serial", "B2"), ("host", "A1"))
        ]
        assert ["serial-1", "serial-2", "host-1"] == given_out
        assert "serial-1" == redactor.token("serial", "A1")

    def test_a_token_stays(self) -> None:
        """What was redacted once is not redacted again."""
        assert "serial-7" == Redactor().token("serial", "serial-7")

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("at my-box.example.org now", "at host-1 now"),
            ("(my-box.example.org)", "(host-1)"),
            ("my-box.example.org-lsusb_my-box.example.org.txt", "host-1-lsusb_host-1.txt"),
            ("my-box", "my-box"),
            ("my-box.example.orgs", "my-box.example.orgs"),
            ("amy-box.example.org", "amy-box.example.org"),
        ],
    )
    def test_known_values_are_found_as_words(self, value: str, expected: str) -> None:
        """A value that has a token is found in other texts, but not as part of a longer word."""
        redactor = Redactor()
        redactor.token("host", "my-box.example.org")
        assert expected == redactor.known(value)

    def test_the_longest_value_is_found(self) -> None:
        """Of two values that begin alike the longer one is taken."""
        redactor = Redactor()
        redactor.token("host", "nas-box")
        redactor.token("serial", "nas-box-4711")
        assert "serial-1 host-1" == redactor.known("nas-box-4711 nas-box")

    @pytest.mark.parametrize("value", ["pi", "{}", "", "--"])
    def test_short_values_are_not_searched_for(self, value: str) -> None:
        """Two letters are in every word."""
        redactor = Redactor()
        redactor.token("host", value)
        assert "a pi {} -- spin" == redactor.known("a pi {} -- spin")

    def test_a_serial_number_without_a_digit_is_not_searched_for(self) -> None:
        """Some makers give "Generic" as a serial number, which is a word like others."""
        redactor = Redactor()
        assert "serial-1" == redactor.token("serial", "Generic")
        assert "Generic Hub" == redactor.known("Generic Hub")

    @pytest.mark.parametrize("name", ["host", "user", "serial", "root"])
    def test_names_of_tokens_as_names(self, name: str) -> None:
        """A machine called "host" does not make tokens of tokens."""
        redactor = Redactor()
        redactor.token("host", name)
        assert "host-1 user-1 root_hub" == redactor.text("host-1 user-1 root_hub")

    def test_names_of_products(self) -> None:
        """A product's name is searched for what it may hold."""
        redactor = Redactor()
        redactor.token("host", "laptop")
        assert ["USB Hub 3.0", "host-1 gadget", "at ip-1"] == [
            redactor.name(name) for name in ("USB Hub 3.0", "laptop gadget", "at 192.168.1.5")
        ]


def test_a_whole_evidence() -> None:
    """Each fact that identifies is replaced, the same value by the same token, and the rest is untouched."""
    evidence = Evidence(
        kind="text",
        host=Host(hostname="laptop", kernel_release="6.1.0", os_name="Debian"),
        usb=(
            UsbDevice(port_chain=(), serial="0000:00:14.0", product_name="xHCI", seen=(Seen("sysfs", "/devices/x"),)),
            UsbDevice(
                port_chain=(1,), serial="SN-4711", product_name="Disk SN-4711", seen=(Seen("lsusb", "alice-x", 1),)
            ),
            UsbDevice(port_chain=(2,), serial="SN-4711", vendor_name="laptop"),
        ),
        pci=(PciFunction(address="0000:01:00.0", seen=(Seen("lspci", "laptop.txt", 1), Seen("sysfs", "/devices/x"))),),
        apex=(ApexNode(name="apex_0", attributes={"unique_id": "c0ffee42", "temp": "1"}), ApexNode(name="apex_1")),
        ignored=ignored("owner alice of SN-4711", "alice@laptop:~$ c0ffee42", file="alice.txt"),
        ignored_count=2,
    )
    result = redact(evidence)
    assert Host(hostname="host-1", kernel_release="6.1.0", os_name="Debian") == result.host
    assert ["0000:00:14.0", "serial-1", "serial-1"] == [device.serial for device in result.usb]
    assert ["xHCI", "Disk serial-1", None] == [device.product_name for device in result.usb]
    assert "host-1" == result.usb[2].vendor_name
    assert (Seen("lsusb", "user-1-x", 1),) == result.usb[1].seen
    assert (Seen("lspci", "host-1.txt", 1), Seen("sysfs", "/devices/x")) == result.pci[0].seen
    assert [{"unique_id": "serial-2", "temp": "1"}, {}] == [node.attributes for node in result.apex]
    assert ["owner user-1 of serial-1", "user-1@host-1:~$ serial-2"] == [run.text for run in result.ignored]
    assert {"user-1.txt"} == {run.file for run in result.ignored}
    assert evidence.usb[0] is result.usb[0]
    assert result == redact(result)


def test_nothing_to_redact() -> None:
    """Evidence without anything that identifies stays the same."""
    evidence = Evidence(kind="text", usb=(UsbDevice(busnum=1),), pci=(PciFunction(address="0000:00:00.0"),))
    assert evidence == redact(evidence)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NAME = st.text(alphabet=_LETTERS, min_size=5, max_size=9).map(lambda name: f"q{name}z")
_SERIAL = st.text(alphabet="0123456789ABCDEF", min_size=8, max_size=16).map(lambda serial: f"7Q{serial}")
_BYTE = st.integers(0, 255)
_MAC = st.lists(_BYTE, min_size=6, max_size=6).map(lambda octets: ":".join(f"{octet:02x}" for octet in octets))
_IP4 = st.tuples(st.integers(100, 255), _BYTE, _BYTE, _BYTE).map(lambda octets: ".".join(map(str, octets)))
_IP6 = st.tuples(st.integers(0x2001, 0xFDFF), st.integers(1, 0xFFFF), st.integers(1, 9)).map(
    lambda groups: "{:x}:{:x}::{}".format(*groups)
)
_LINES = (
    "{user}@{host}:~$ lsusb -t; ls /home/{user}",
    "[{user}@{host} ~]$ ssh {user}@{ip4}",
    "Oct 10 10:10:10 {host} kernel: usb 2-1: SerialNumber: {serial}",
    "eth0: link/ether {mac} inet {ip4}/24 inet6 {ip6}/64",
    "Linux {host} 6.1.0-18-amd64 #1 SMP",
    "open /home/{user}/{host}/{serial}: {mac}; {ip4}; {ip6}",
    "{host} ({ip4}): {user} says {serial}",
)


@given(
    st.fixed_dictionaries({"user": _NAME, "host": _NAME, "serial": _SERIAL, "mac": _MAC, "ip4": _IP4, "ip6": _IP6}),
    st.permutations(_LINES),
)
def test_planted_secrets_are_in_no_output(secrets: dict[str, str], lines: list[str]) -> None:
    """Secrets planted in prompts, logs, paths, names and file names are in no face of the report."""
    assume(secrets["user"] not in secrets["host"] and secrets["host"] not in secrets["user"])
    paste = "\n".join(line.format(**secrets) for line in lines) + "\n" + LIST + TREE
    evidence = read_sources(["-"], stdin=io.BytesIO(paste.encode()))
    file = "{user}@{host} {serial} {ip4}.txt".format(**secrets)
    evidence = msgspec.structs.replace(
        evidence,
        host=Host(hostname=secrets["host"]),
        usb=tuple(
            msgspec.structs.replace(
                device,
                serial=secrets["serial"] if device.port_chain else device.serial,
                product_name="{host} of /home/{user}, {serial}, {mac}, {ip4}".format(**secrets),
                seen=tuple(msgspec.structs.replace(place, file=file) for place in device.seen),
            )
            for device in evidence.usb
        ),
        ignored=tuple(msgspec.structs.replace(run, file=file) for run in evidence.ignored),
    )
    report = examine(evidence)
    for output in faces(report):
        for kind, secret in secrets.items():
            assert secret not in output, kind
    assert any(secret in faces(examine(evidence, Request(redact=False)))[0] for secret in secrets.values())


def faces(report: Report) -> list[str]:
    """A report as JSON, Markdown and text."""
    stream = io.StringIO()
    text.render(report, color="never", ascii_only=False, width=200, stream=stream)
    return [msgspec.json.encode(report).decode(), markdown.render(report), stream.getvalue()]


@given(st.text(alphabet="abc019:.-@/ \nLinux_serial=", max_size=60))
def test_any_text_is_redacted_once(value: str) -> None:
    """Any text can be redacted, and redacting the result again changes nothing."""
    redactor = Redactor()
    once = redactor.text(value)
    assert redactor.text(once) == redactor.text(redactor.text(once))


@pytest.mark.parametrize("unit", ["a:", "1.", "aa:", "a@", "::", "f", "serial=", "a.", "/home/", "-", "Linux a "])
def test_hostile_lines(unit: str) -> None:
    """A line of 64 KiB made to be slow is redacted like any other."""
    assert isinstance(redacted(unit * (65536 // len(unit))), str)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("path: rtsp://admin:s3cret@192.168.7.31:554/live", "path: rtsp://secret-1@ip-1:554/live"),
        ("rtsp://admin:p@ss!@cam/1", "rtsp://secret-1@cam/1"),
        ("password: hunter2", "password: secret-1"),
        ("  PASSWORD='hunter 2'", "  PASSWORD='secret-1'"),
        ('{"api_key": "abc123"}', '{"api_key": "secret-1"}'),
        ("token=abcdef", "token=secret-1"),
        ("https://github.com/feranick/libedgetpu", "https://github.com/feranick/libedgetpu"),
        ("http://host:8080/x", "http://host:8080/x"),
        ("parameter-caching token", "parameter-caching token"),
        ("password:", "password:"),
    ],
)
def test_passwords(value: str, expected: str) -> None:
    """Passwords of cameras and of accounts are secrets; addresses without them stay."""
    assert expected == redacted(value)


def test_a_library_below_a_home_folder() -> None:
    """LD_LIBRARY_PATH may lead to one."""
    host = redact(Evidence(kind="live", host=Host(libedgetpu_path="/home/jane/lib/libedgetpu.so.1"))).host
    assert (None, "/home/user-1/lib/libedgetpu.so.1") == (host.hostname, host.libedgetpu_path)


def test_what_programs_printed() -> None:
    """Lines of programs, and the values in them, are redacted like any text."""
    line = RuntimeMessage(
        message="x", text="jane@laptop: no /home/jane/x", values={"path": "/home/jane/x"}, where="l:1"
    )
    application = redact(Evidence(kind="text", application=Application(messages=(line,)))).application
    assert application is not None
    (found,) = application.messages
    assert ("user-1@host-1: no /home/user-1/x", {"path": "/home/user-1/x"}) == (found.text, found.values)


PIECES = st.sampled_from(
    [
        *(
            "aa:bb:cc:dd:ee:ff",
            "enx001122334455",
            "192.168.1.7",
            "fe80::1",
            "://u:pw@",
            "password='x'",
            "TOKEN=abc",
            "@",
        ),
        *("/home/ann", "\\Users\\ann", "/media/ann/", "ann@host", "Oct 02 21:14:08 host ", "Oct 02 21140812 host "),
        *(
            "2026-01-02T12345678 host ",
            "0123456789T12345678 host ",
            "Linux box 6.1.0",
            "serial no: X1Y2Z3",
            " ",
            "-",
            ":",
        ),
        *("iSerial  3 0123456789", "\u017ferial=abcd1", "pa\u017f\u017fword:x1", "1.2.3", "usb 2-1.4", "a", "9", "\n"),
    ]
)


@given(st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=60))
def test_no_text_is_passed_over_that_an_expression_would_find_something_in(text: str) -> None:
    """The quick searches for words only leave out what the expressions would not have found."""
    assert _may_hold(text) or _hints().search(text) is None
    for pattern in _PATTERNS:
        if _compiled(pattern.expression).search(text) is not None:
            assert any(needle in text for needle in pattern.needles)


@given(st.lists(PIECES, max_size=6).map("".join))
def test_a_text_asked_about_twice_gets_the_answer_that_a_new_look_gives(text: str) -> None:
    """What is remembered is what is found once every token is known."""
    redactor = Redactor()
    redactor.text(text)
    second = redactor.text(text)
    assert second == redactor.text(text) == redactor._search(text)


def test_a_value_learned_later_is_replaced_in_what_was_looked_at_before() -> None:
    """A text without a secret may hold the name that the next text tells."""
    redactor = Redactor()
    assert "kept by warden77 here" == redactor.text("kept by warden77 here")
    redactor.text("/home/warden77/x")
    assert "kept by user-1 here" == redactor.text("kept by warden77 here")
