"""udev's rules: which lines let somebody at an Edge TPU."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.udev_rules import Term, parse_rules, parse_terms, read_rules
from etpu_doctor.facts.access import UdevRule
from tests.support.host_files import put

BOOT, READY = "1a6e:089a", "18d1:9302"
CORAL = (
    'SUBSYSTEM=="usb",ATTRS{idVendor}=="1a6e",ATTRS{idProduct}=="089a",GROUP="plugdev"\n'
    'SUBSYSTEM=="usb",ATTRS{idVendor}=="18d1",ATTRS{idProduct}=="9302",GROUP="plugdev"\n'
)
"""libedgetpu ``debian/edgetpu-accelerator.rules``."""

GASKET = 'SUBSYSTEM=="apex", MODE="0660", GROUP="apex"\n'
"""gasket-driver ``debian/gasket-dkms.udev``."""


def here(name: str) -> bool | None:
    """Which groups there are."""
    return {"plugdev": True, "apex": True, "nogroup": False}.get(name)


def parsed(text: str) -> list[UdevRule]:
    """The lines that count."""
    return list(parse_rules("/etc/udev/rules.d/x.rules", text, here))


def identities(text: str) -> list[str]:
    """Which identities a text is about."""
    return [rule.identity for rule in parsed(text)]


def test_the_rules_of_coral() -> None:
    """The two lines of libedgetpu's package cover one identity each."""
    first, second = parsed(CORAL)
    assert (BOOT, 1, "plugdev", None, False, True) == (
        first.identity,
        first.line,
        first.group,
        first.mode,
        first.uaccess,
        first.group_exists,
    )
    assert (READY, 2, "/etc/udev/rules.d/x.rules") == (second.identity, second.line, second.file)


def test_the_rule_of_gasket() -> None:
    """The line of the driver's package, with its mode."""
    (rule,) = parsed(GASKET)
    assert ("apex", "apex", 0o660, True) == (rule.identity, rule.group, rule.mode, rule.group_exists)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('SUBSYSTEM == "usb", ATTR{idVendor} == "1a6e", ATTR{idProduct} == "089a", MODE = "0666"', [BOOT]),
        ('ATTRS{idVendor}=="1a6e|18d1", ATTRS{idProduct}=="089a|9302", MODE="0666"', [BOOT, READY]),
        ('SUBSYSTEM=="usb", ATTR{idVendor}=="18d1", MODE="0660", GROUP="plugdev"', [READY]),
        ('ATTR{idVendor}=="18d1", ATTR{idProduct}=="4ee7", MODE="0660"', []),
        ('ATTRS{idVendor}=="1A6E", ATTRS{idProduct}=="089A", MODE="0666"', []),
        ('ATTRS{idVendor}=="1a6?", ATTRS{idProduct}=="*9a", MODE="0666"', [BOOT]),
        ('ENV{ID_VENDOR_ID}=="1a6e", ENV{ID_MODEL_ID}=="089a", TAG+="uaccess"', [BOOT]),
        ('ENV{PRODUCT}=="18d1/9302/*", GROUP:="plugdev"', [READY]),
        ('SUBSYSTEM=="usb", MODE="0666"', [BOOT, READY]),
        ('SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", MODE="0664"', []),
        ('SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", MODE="0664", GROUP="usb"', [BOOT, READY]),
        ('SUBSYSTEM=="usb", ENV{ID_SMARTCARD_READER}=="1", GROUP="plugdev"', []),
        ('SUBSYSTEM=="usb_device", ATTRS{idVendor}=="1a6e", MODE="0666"', []),
        ('SUBSYSTEM!="usb", ATTRS{idVendor}=="1a6e", MODE="0666"', []),
        ('ATTRS{idVendor}!="1a6e", ATTRS{idProduct}=="089a", MODE="0666"', []),
        ('ACTION=="remove", ATTRS{idVendor}=="1a6e", MODE="0666"', []),
        ('ACTION=="add", ATTRS{idVendor}=="1a6e", MODE="0666"', [BOOT]),
        ('ATTRS{idVendor}=="1a6e", ATTRS{idProduct}=="089a", GOTO="end"', []),
        ('ATTRS{idVendor}=="1a6e", ATTRS{idProduct}=="089a", MODE="rw"', []),
        ('ATTRS{idVendor}=="1a6e", ATTRS{idProduct}=="089a", TAG-="uaccess"', []),
        ('ATTRS{idVendor}=="1a6e", ATTRS{idProduct}=="089a", OPTIONS+="x", MODE=e"0666"', [BOOT]),
        ('KERNEL=="apex_*", GROUP="apex"', ["apex"]),
        ('KERNEL=="apex_[0-9]", MODE="0666"', ["apex"]),
        ('SUBSYSTEM=="apex|misc", MODE="0666"', ["apex"]),
        ('KERNEL=="sda", GROUP="disk"', []),
        ('KERNEL=="*", MODE="0666"', []),
        ('#SUBSYSTEM=="apex", MODE="0660"', []),
        ('SUBSYSTEM=="apex", MODE="0660', []),
        ('GROUP="plugdev"', []),
    ],
)
def test_what_a_line_covers(line: str, expected: list[str]) -> None:
    """By the language of udev(7), in which case counts."""
    assert expected == identities(line)


def test_what_a_line_grants() -> None:
    """Group, mode and tag, and whether the group is there."""
    (rule,) = parsed('ATTRS{idVendor}=="1a6e", MODE="664", GROUP="nogroup", TAG+="uaccess"')
    assert (0o664, "nogroup", False, True) == (rule.mode, rule.group, rule.group_exists, rule.uaccess)
    (rule,) = parsed('ATTRS{idVendor}=="1a6e", GROUP="of_a_directory_server"')
    assert rule.group_exists is None
    (rule,) = parsed('ATTRS{idVendor}=="1a6e", TAG+="uaccess"')
    assert (None, None, None) == (rule.mode, rule.group, rule.group_exists)


def test_lines_that_go_on() -> None:
    """A backslash joins lines, comments between them are left out; the number is that of the first."""
    text = (
        '\n# Edge TPU\nATTRS{idVendor}=="1a6e", \\\n# a comment\n  ATTRS{idProduct}=="089a", \\\n  MODE="0666"\n'
        + GASKET
    )
    assert [(BOOT, 3), ("apex", 7)] == [(rule.identity, rule.line) for rule in parsed(text)]
    assert [BOOT] == identities('ATTRS{idVendor}=="1a6e", MODE="0666"\\')


def read(root: Path) -> tuple[list[tuple[str, str]], bool]:
    """Identity and file of each rule of a root, and whether there was a folder."""
    rules, any_read = read_rules(Files(str(root)), here)
    return [(rule.identity, rule.file) for rule in rules], any_read


def test_the_order_of_the_files(tmp_path: Path) -> None:
    """By name, whatever the folder."""
    put(tmp_path, "etc/udev/rules.d/99-z.rules", GASKET)
    put(tmp_path, "usr/lib/udev/rules.d/60-a.rules", GASKET)
    put(tmp_path, "run/udev/rules.d/70-b.rules", GASKET)
    expected = ["/usr/lib/udev/rules.d/60-a.rules", "/run/udev/rules.d/70-b.rules", "/etc/udev/rules.d/99-z.rules"]
    assert ([("apex", path) for path in expected], True) == read(tmp_path)


def test_a_file_hides_another(tmp_path: Path) -> None:
    """The same name in an earlier folder counts alone, even if it is empty."""
    put(tmp_path, "usr/lib/udev/rules.d/60-a.rules", CORAL)
    put(tmp_path, "etc/udev/rules.d/60-a.rules", GASKET)
    assert ([("apex", "/etc/udev/rules.d/60-a.rules")], True) == read(tmp_path)
    put(tmp_path, "etc/udev/rules.d/60-a.rules", "")
    assert ([], True) == read(tmp_path)


def test_a_link_to_nothing_masks(tmp_path: Path) -> None:
    """``/dev/null`` masks a file, and is not opened for it; folders and other names are none."""
    put(tmp_path, "lib/udev/rules.d/60-a.rules", CORAL)
    put(tmp_path, "lib/udev/rules.d/README", CORAL)
    (tmp_path / "lib/udev/rules.d/x.rules").mkdir()
    (tmp_path / "etc/udev/rules.d").mkdir(parents=True)
    (tmp_path / "etc/udev/rules.d/60-a.rules").symlink_to("/dev/null")
    assert ([], True) == read(tmp_path)


def test_merged_usr(tmp_path: Path) -> None:
    """Where ``/lib`` is a link to ``/usr/lib``, a rule counts once."""
    put(tmp_path, "usr/lib/udev/rules.d/60-a.rules", GASKET)
    (tmp_path / "lib").symlink_to("usr/lib")
    assert ([("apex", "/usr/lib/udev/rules.d/60-a.rules")], True) == read(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    """No folder is not the same as no rule."""
    assert ([], False) == read(tmp_path)


def test_many_rules_are_cut(tmp_path: Path) -> None:
    """A file of a hundred thousand lines makes no report of that size."""
    put(tmp_path, "etc/udev/rules.d/60-a.rules", GASKET * 500)
    assert 64 == len(read(tmp_path)[0])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ('A=="b"', [Term("A", "==", "b")]),
        ('A{x y}!="b", C+="d"', [Term("A{x y}", "!=", "b"), Term("C", "+=", "d")]),
        ('A:="b"  C-="d" E="f"', [Term("A", ":=", "b"), Term("C", "-=", "d"), Term("E", "=", "f")]),
        ('A==e"b"', [Term("A", "==", "b")]),
        ('"b", A=="c"', [Term("A", "==", "c")]),
        ('A "b"', []),
        ('A=="', []),
        ('A==""', [Term("A", "==", "")]),
    ],
)
def test_terms(line: str, expected: list[Term]) -> None:
    """Keys, operators and values; what is none is passed over."""
    assert expected == list(parse_terms(line))


KEYS = st.text(string.ascii_uppercase, min_size=1, max_size=8)
VALUES = st.text(string.ascii_letters + string.digits + "*?|:/ ", max_size=12)
TERMS = st.lists(st.builds(Term, KEYS, st.sampled_from(["==", "!=", "+=", "-=", ":=", "="]), VALUES), max_size=6)


@given(TERMS, st.sampled_from([", ", ",", " ", " , "]))
def test_terms_round_trip(terms: list[Term], between: str) -> None:
    """What is written is read."""
    line = between.join(f'{term.key}{term.operator}"{term.value}"' for term in terms)
    assert terms == list(parse_terms(line))


@given(
    st.text()
    | st.lists(st.sampled_from(['"', "=", "ATTRS{idVendor}", "1a6e", "MODE", "\\", "\n", ",", "*", "[", "GROUP"])).map(
        "".join
    )
)
def test_any_text(text: str) -> None:
    """Never raises, and every rule names a line of the text."""
    for rule in parsed(text):
        assert 1 <= rule.line <= len(text.splitlines())


@given(st.sampled_from(["", " "]), st.sampled_from(["ATTR", "ATTRS"]), st.sampled_from(["=", ":="]))
def test_ways_to_write_the_same(blank: str, key: str, assign: str) -> None:
    """Blanks, plural keys and final assignments change nothing."""
    line = f'{key}{{idVendor}}{blank}=={blank}"1a6e",{blank}{key}{{idProduct}}=="089a",{blank}GROUP{assign}"plugdev"'
    (rule,) = parsed(line)
    assert (BOOT, "plugdev") == (rule.identity, rule.group)


def test_long_patterns_take_no_time() -> None:
    """A pattern of many stars is not tried: it could take for ever."""
    assert [] == identities('ATTRS{idVendor}=="' + "*a" * 5000 + '", MODE="0666"')
