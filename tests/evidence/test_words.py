"""Sentences of reporters in many languages give the sayings that they hold."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.words import WORDS_LIMIT_CHARACTERS, Words, is_prose


def sayings_of(text: str) -> set[str]:
    """The names of the sayings in a text."""
    return {sign.name for sign in signs_of(text)}


def signs_of(text: str) -> list:  # type: ignore[type-arg] # of Sign
    """The signs of a text, with their lines."""
    words = Words()
    for number, line in enumerate(text.split("\n"), 1):
        words.feed(Line("t", number, line))
    words.flush()
    return words.signs


@pytest.mark.parametrize(
    "text",
    [
        "With another cable it works.",
        "Mit einem anderen Kabel läuft es.",
        "Avec un autre câble ça marche.",
        "Con otro cable funciona.",
        "Con un altro cavo funziona.",
        "Com outro cabo funciona.",
        "Met een andere kabel werkt het.",
        "Z innym kablem działa.",
        "С другим кабелем работает.",  # noqa: RUF001 - the letters of that language
        "换了一根数据线就正常了。",
        "別のケーブルで動作しました。",
        "다른 케이블로 바꾸니 인식됩니다.",
        "S jiným kabelem to funguje.",
        "Başka bir kablo ile çalışıyor.",  # noqa: RUF001 - the letters of that language
    ],
)
def test_another_cable_helps_in_every_language(text: str) -> None:
    """The same sentence says the same in fourteen languages."""
    assert "other-cable-helps" in sayings_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "Another cable: the same.",
        "Mit einem anderen Kabel geht es auch nicht.",
        "Avec un autre câble, pas mieux.",
        "С другим кабелем тоже не работает.",  # noqa: RUF001 - the letters of that language
        "Tried another cable, no change",
    ],
)
def test_another_cable_that_does_not_help_is_not_taken_for_help(text: str) -> None:
    """Denied is not affirmed."""
    assert "other-cable-helps" not in sayings_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "no LED",
        "keine LED",
        "aucune LED",
        "la luz no se enciende",
        "指示灯也不亮",
        "LED 불이 안 들어와요",
        "светодиод не горит",
    ],
)
def test_a_dark_light_is_seen(text: str) -> None:
    """A stick without light, in every language."""
    assert "led-dark" in sayings_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "sudo works, my user does not",
        "als root geht es, als Benutzer nicht",
        "Con sudo funciona, sin sudo no",
        "Под root работает",
    ],
)
def test_root_alone_is_seen(text: str) -> None:
    """What works for root only."""
    assert "root-works" in sayings_of(text)


def test_each_clause_is_denied_by_itself() -> None:
    """``It is listed, but does not work`` denies the second half."""
    names = sayings_of("It is listed in lsusb, but does not work")
    assert {"said-to-fail"} <= names
    assert "not-listed" not in names


def test_no_problem_is_good_news() -> None:
    """To deny a problem is to affirm that it works."""
    assert "said-to-work" in sayings_of("no problems at all")
    assert "said-to-fail" in sayings_of("problems all the time")


def test_a_sentence_may_span_lines() -> None:
    """Programs break lines where they like; the sentence is found on its first line."""
    (sign,) = [sign for sign in signs_of("hello\n\nWith another\ncable it works.") if sign.name == "other-cable-helps"]
    assert "t:3" == sign.where


def test_a_blank_line_ends_a_sentence() -> None:
    """Two paragraphs are two sentences."""
    assert "other-cable-helps" not in sayings_of("another cable\n\nThe dog works")


@pytest.mark.parametrize(
    "line",
    [
        "[2026-03-04 06:10:00] frigate.comms.mqtt INFO : MQTT connected",
        "  user: frigate",
        "      - /dev/bus/usb:/dev/bus/usb",
        "numpy              1.26.4",
        "make[2]: *** [Makefile:1945] Error 2",
        "lxc.cgroup2.devices.allow: c 189:* rwm",
        "----------",
        "2026-03-01T10:00:00 something",
    ],
)
def test_output_is_no_prose(line: str) -> None:
    """Logs, configurations and tables are nobody's sentences."""
    assert not is_prose(line.strip())


@pytest.mark.parametrize(
    "line", ["It stopped working: why?", "Der Stick: keine LED", "LEDが点灯しない", "9.6 ms flat also during a backup"]
)
def test_sentences_are_prose(line: str) -> None:
    """What a person wrote is read."""
    assert is_prose(line)


def test_a_message_within_a_sentence_does_not_speak_for_the_reporter() -> None:
    """``not found`` in a quoted error denies nothing of the sentence around it."""
    words = Words()
    words.feed(
        Line("t", 1, "in lsusb it is listed, then Failed to load delegate from libedgetpu.so.1"), is_message=True
    )
    words.flush()
    assert "not-listed" not in {sign.name for sign in words.signs}


def test_what_is_read_for_words_is_bounded() -> None:
    """The hundredth page of a log is not searched for words."""
    words = Words()
    for number in range(5000):
        words.feed(Line("t", number, f"nothing of interest in line {number} of this text"))
    words.feed(Line("t", 9999, "With another cable it works."))
    words.flush()
    assert "other-cable-helps" not in {sign.name for sign in words.signs}
    assert WORDS_LIMIT_CHARACTERS < 5000 * 40


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    """No text stops the reader, and every sign has a line."""
    assert all(sign.where and sign.kind == "words" for sign in signs_of(text))


def test_a_paragraph_without_end_costs_no_time() -> None:
    """A megabyte of words without a full stop is read in bounded time."""
    started = time.process_time()
    signs_of("no other cable works and " * 40_000)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "text",
    [
        "pi@cam:~ $ docker exec -it frigate lsusb",
        "root@pve:~# qm config 101",
        "(venv) luis@nas:~/coral$ pip install numpy",
        "[me@fedora ~]$ sudo modprobe gasket",
        "$ groups",
        "PS C:\\> usbipd list",
        "me adm cdrom sudo dip plugdev lpadmin docker",
        "Image=ghcr.io/blakeblackshear/frigate:stable",
    ],
)
def test_commands_and_settings_are_no_sentences(text: str) -> None:
    """What somebody typed, and what programs printed of groups and settings, says nothing of success or failure."""
    assert {"host-works", "said-to-work", "said-to-fail", "not-listed", "root-works"}.isdisjoint(sayings_of(text))


def test_a_command_tells_what_it_is_about() -> None:
    """Its names count, a comment behind it is a sentence, and it ends the paragraph before it."""
    assert {"coral-mentioned", "container-mentioned"} <= sayings_of("$ docker exec f ls -l /dev/apex_0")
    assert "other-cable-helps" in sayings_of("$ lsusb # with another cable it works")
    assert "other-cable-helps" not in sayings_of("with another cable\n$ lsusb\nit works")


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("weeks without dropping: it never drops", True),
        ("zero restarts in nine days", True),
        ("not a single drop since", True),
        ("keine Abbrüche", True),
        ("aucune coupure depuis 22 jours", True),
        ("iki haftad\u0131r kopma yok", True),
        ("10 天没有掉线", True),
        ("no idea why it drops", False),
        ("two weeks without drops", True),
        ("0 errors in four days", True),
        ("10 errors in four days", False),
        ("two weeks without a fan", False),
    ],
)
def test_no_trouble_is_good_news(text: str, *, works: bool) -> None:
    """Without drops, and no errors counted, means that it works."""
    assert works == ("said-to-work" in sayings_of(text))


def test_two_programs_by_their_names() -> None:
    """Two known programs in one sentence are two that may want the device."""
    assert "two-applications" in sayings_of("Frigate dies when Jupyter starts")
    assert "two-applications" not in sayings_of("Frigate dies. Frigate starts.")


@pytest.mark.parametrize(
    "text",
    [
        "Try another cable, that works.",
        "Or it is too hot.",
        "Could be heat.",
        "Nimm einen anderen Hub.",
        "Prova un altro cavo.",
    ],
)
def test_advice_and_suppositions_say_nothing_of_what_was_seen(text: str) -> None:
    """A sentence that begins with what to do, or only supposes, is no evidence; one that says how it went is."""
    assert sayings_of(text) <= {"other-cable-helps", "cable-decides", "said-to-work"}
    assert sayings_of(text.replace(", that works", "")).isdisjoint({"other-cable-helps", "gets-hot", "hub-mentioned"})


def test_another_person_begins_anew() -> None:
    """What one person wrote last is not joined with what the next one begins with."""
    near = "I have another cable.\n{}\nIt works."
    assert "cable-decides" in sayings_of(near.format(""))
    for header in ("On Sat, Feb 8, Ingrid wrote:", "marc_d a écrit :", "**mod_k**", "**@tb-k** commented"):
        assert "cable-decides" not in sayings_of(near.format(header))


def test_a_line_that_announces_a_listing_is_no_listing() -> None:
    """Who writes "lsusb on the other machine:" has not said that it is listed there."""
    assert "host-works" in sayings_of("The machine shows it")
    assert "host-works" not in sayings_of("lsusb on the machine:")


def test_a_lamp_that_stays_on_is_not_dark() -> None:
    """It is lit."""
    assert "led-dark" in sayings_of("The LED stays dark")
    assert "led-dark" not in sayings_of("The red LED stays on")


def test_what_works_until_something_happens_does_not_work() -> None:
    """That it worked before says nothing of now."""
    assert {"said-to-work", "host-works"}.isdisjoint(sayings_of("The machine works until I reboot it"))


def test_with_or_without_makes_no_difference() -> None:
    """Who tried it with and without a supply has no hub that lacks one."""
    assert "passive-hub" in sayings_of("a hub without its supply")
    assert "passive-hub" not in sayings_of("with or without a powered hub: no difference")
