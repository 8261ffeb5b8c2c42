"""Pastes: what was put around a program's output is taken off, and the output itself is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.cleaning import clean, is_markup

OUTPUT = [
    "Bus 002 Device 007: ID 18d1:9302 Google Inc. ",
    "Bus 001 Device 001: ID 1d6b:0002 Linux Foundation 2.0 root hub",
    "/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M",
    "/:  Bus 002.Port 001: Dev 001, Class=root_hub, Driver=xhci_hcd/4p, 20000M/x2",
    "    |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M",
    "        |__ Port 004: Dev 005, If 0, Class=[unknown], Driver=[none], 480M",
    "        ID 18d1:9302 Google Inc. ",
    "        /sys/bus/usb/devices/2-1.4  /dev/bus/usb/002/005 ",
    "  bcdUSB               3.10",
    "    bmAttributes         0xc0",
    "      (Bus Powered)",
    "  iSerial                 3 ABC-123_x<y>",
    "  bDeviceClass            0 (Defined at Interface level)",
    "can't get debug descriptor: Resource temporarily unavailable",
    "01:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]",
    "00:1f.3 Audio device [0403]: Intel Corporation 200 Series PCH HD Audio [8086:a2f0] (rev 01)",
    "\tLnkSta:\tSpeed 5GT/s (ok), Width x1 (ok)",
    "\tRegion 0: Memory at <unassigned> (64-bit, prefetchable) [disabled]",
    "\tRegion 0: Memory at <ignored> (32-bit)",
    "\tCapabilities: [80] Express (v2) Endpoint, MSI 00",
    "\t\tDevCap: MaxPayload 256 bytes, PhantFunc 0, Latency L0s <64ns, L1 <1us",
    "\tCapabilities: <access denied>",
    "\tKernel driver in use: apex",
    "Slot:\t02:00.0",
    "-[0000:00]-+-00.0  Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller",
    " |           +-1c.0-[01]----00.0  Global Unichip Corp. Coral Edge TPU",
    "           \\-1f.3  Intel Corporation 82801I (ICH9 Family) SMBus Controller",
    "00:02.0 VGA: AT&T Microelectronics & co; R&D;",
    "",
]
"""What the programs print."""


@pytest.mark.parametrize("line", OUTPUT)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_output_is_left_alone(line: str, end: str) -> None:
    """A line as a program prints it comes out as it went in, without its end."""
    assert [line] == clean(line + end)


_WORD = st.text(alphabet="ABCabc 0123456789:.,/()[]_-+=\t", max_size=30)


@given(st.sampled_from(OUTPUT), _WORD)
def test_names_are_left_alone(line: str, name: str) -> None:
    """A name of letters, digits and ordinary signs at the end of a line changes nothing."""
    assert [line + name] == clean(line + name)


@given(st.text())
def test_cleaning_twice_never_fails(text: str) -> None:
    """Any text is cleaned, comes out as at least one line without line ends, and can be judged."""
    lines = clean(text)
    assert lines
    for line in lines:
        assert "\n" not in line
        is_markup(line)
        clean(line)


@pytest.mark.parametrize("line", [line for line in OUTPUT if line])
@pytest.mark.parametrize("quote", ["> ", ">", ">> ", "> > ", ">>> ", "> >> ", "> > > > > ", " > ", "> \t> "])
def test_quotes(quote: str, line: str) -> None:
    """Quote marks of any depth are taken off with one blank after each, and the indentation stays."""
    if line[:1] in " \t" and not quote.endswith(" "):
        line = line.lstrip()
    assert [line] == clean(quote + line)


def test_a_quote_keeps_the_depth_of_a_tree() -> None:
    """Blanks beyond the one after the mark are indentation."""
    assert ["    |__ Port 1: Dev 2"] == clean(">     |__ Port 1: Dev 2")
    assert ["        |__ Port 1: Dev 2"] == clean("> >         |__ Port 1: Dev 2")


def test_an_empty_quote() -> None:
    """A quoted blank line is blank."""
    assert [""] == clean(">")
    assert [""] == clean("> > ")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\x1b[1mBus 001\x1b[0m", "Bus 001"),
        ("\x1b[38;5;12mBus\x1b[m 001", "Bus 001"),
        ("\x1b[01;31m\x1b[KBus\x1b[m\x1b[K 001", "Bus 001"),
        ("\x1b]0;user@host: ~\x07Bus 001", "Bus 001"),
        ("\x1b]8;;https://example.org\x1b\\Bus\x1b]8;;\x1b\\ 001", "Bus 001"),
        ("\x1b(BBus 001\x1b(B", "Bus 001"),
        ("\x1b=Bus 001\x1b>", "Bus 001"),
        ("\x1b[?2004hBus 001\x1b[?2004l", "Bus 001"),
        ("Bus 001\x1b[", "Bus 001"),
        ("Bus 001\x1b", "Bus 001\x1b"),
        ("B\0u\0s\0", "Bus"),
    ],
)
def test_terminal_codes(raw: str, expected: str) -> None:
    """Colours, titles, links, character sets and zeros are taken off, and nothing beside them."""
    assert [expected] == clean(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("&gt; Bus 001", ["Bus 001"]),
        ("&nbsp;&nbsp;&nbsp;&nbsp;|__ Port 1", ["    |__ Port 1"]),
        ("\xa0\xa0\xa0\xa0|__ Port 1", ["    |__ Port 1"]),
        ("A &amp; B", ["A & B"]),
        ("one<br>two<br/>three<br />four", ["one", "two", "three", "four"]),
        ("<p>one</p>", ["one", ""]),
        ("<pre><code>Bus 001</code></pre>", ["Bus 001", ""]),
        ('<span class="x">Bus</span> 001', ["Bus 001"]),
        ("<td>Bus 001</td>", ["Bus 001"]),
        ("one&#10;two", ["one", "two"]),
        ("&#" + "9" * 5000 + ";", ["&#" + "9" * 5000 + ";"]),
        ("&#xD800;&#0;", ["\ufffd\ufffd"]),
        ("Latency L0s &lt;64ns &amp;&amp; x", ["Latency L0s <64ns && x"]),
    ],
)
def test_web_pages(raw: str, expected: list[str]) -> None:
    """Entities and tags of web pages become what they stand for."""
    assert expected == clean(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("| Bus 001 Device 002 |", " Bus 001 Device 002 "),
        (r"| \|__ Port 1: Dev 2 |", " |__ Port 1: Dev 2 "),
        (r"    \|__ Port 1: Dev 2", "    |__ Port 1: Dev 2"),
        ("`Bus 001 Device 002`", "Bus 001 Device 002"),
        ("``Bus 001``", "Bus 001"),
        ("```", "```"),
        ("``` text ```", "``` text ```"),
        ("||", "||"),
        ("    |__ Port 1: Dev 2", "    |__ Port 1: Dev 2"),
        ("> | Bus 001 |", " Bus 001 "),
        ("> `Bus 001`", "Bus 001"),
    ],
)
def test_markdown(raw: str, expected: str) -> None:
    """Tables, code marks and escaped bars are taken off; a fence stays what it is."""
    assert [expected] == clean(raw)


@pytest.mark.parametrize(
    "line",
    [
        ">" * (1 << 20),
        "> " * (1 << 19),
        ">  " * (1 << 18),
        "<p " * (1 << 18),
        "<p" + " " * (1 << 20) + "<>",
        "<" * (1 << 20) + ">",
        "&" * (1 << 20) + ";",
        "\x1b[" * (1 << 19),
        "\x1b[" + "0" * (1 << 20),
        "\x1b]" * (1 << 19),
        "\x1b" * (1 << 20),
        "| " * (1 << 19) + "|",
        "`" * (1 << 20),
        "\\|" * (1 << 19),
        "lsusb " * (1 << 17),
        "$ " * (1 << 18) + "lsusb",
        "-" * (1 << 20),
    ],
)
def test_hostile_lines_of_a_megabyte(line: str) -> None:
    """A line made to be slow is cleaned and judged like any other."""
    cleaned = clean(line)
    assert sum(map(len, cleaned)) <= len(line)
    for part in cleaned:
        is_markup(part)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "```",
        "```console",
        "~~~",
        "---",
        "|---|---|",
        "| :-: |",
        "====",
        "lsusb",
        "lsusb -t",
        "lspci -nn | grep -i coral",
        "sudo lspci -vv",
        "lsusb -d 18d1:9302",
        "lsusb > out.txt",
        "lsusb 2>/dev/null",
        "/usr/bin/lsusb -v",
        "$ lsusb",
        "$ sudo lspci -vv -s 02:00.0",
        "# lspci -nn",
        "user@host:~$ lsusb -t",
        "root@host:/home/user# lsusb -v 2>/dev/null",
        "[user@host ~]$ lsusb",
        "pi@raspberrypi:~ $ lsusb -t",
        "(venv) user@host:~/x$ lspci",
        "host% lsusb",
        "❯ lsusb -t",
        "~/src ❯ lsusb -t",
        "➜  ~ lsusb",
        "➜  project git:(main) ✗ lsusb",
        "user@host ~> lsusb -t",
        "PS /home/user> lsusb",
        "λ lsusb",
        "» lsusb",
        "bash-5.1$ lsusb",
        "user@host:~$ /usr/bin/lsusb",
    ],
)
def test_wrapping(line: str) -> None:
    """Blank lines, fences, rules and echoed commands, whatever the shell's prompt, are no evidence."""
    assert is_markup(line)


@pytest.mark.parametrize(
    "line",
    [
        *(line for line in OUTPUT if line),
        "I ran lsusb and it shows nothing",
        "lsusb shows nothing",
        "The output of lsusb -t is below:",
        "lspci: Cannot open /sys/bus/pci",
        "no devices",
        "-- x --",
        "x" * 300 + "$ lsusb",
        "$ " + "lsusb " * 100,
    ],
)
def test_what_is_no_wrapping(line: str) -> None:
    """Output and sentences are not passed over in silence."""
    assert not is_markup(line)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("[quote=ann]usb 2-1: reset[/quote]", "usb 2-1: reset"),
        ("[CODE]", ""),
        ("[cita=trantor]Bus 002", "Bus 002"),
        ("[/url]x", "x"),
        ("[   12.1] usb 2-1: reset", "[   12.1] usb 2-1: reset"),
        ("[UFW BLOCK] IN=eth0", "[UFW BLOCK] IN=eth0"),
        ("make[1]: *** [/usr/src/x:12: y] Error 1", "make[1]: *** [/usr/src/x:12: y] Error 1"),
    ],
)
def test_marks_of_bulletin_boards(raw: str, expected: str) -> None:
    """Their tags go, brackets that programs print stay."""
    assert [expected] == clean(raw)
