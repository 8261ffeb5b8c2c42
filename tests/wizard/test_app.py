"""The full-screen wizard: walked by keyboard and by mouse, in every condition that a terminal may be in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.report.escape import cells
from etpu_doctor.wizard import help_data
from etpu_doctor.wizard.app import SCREENS, WizardApp, make_screen
from etpu_doctor.wizard.screens.base import StepScreen
from etpu_doctor.wizard.screens.plan import PlanScreen
from etpu_doctor.wizard.session import STEPS, Session
from tests.cli.command_line import valid
from tests.support import builder
from tests.support.live_root import write_machine
from tests.support.screens import LARGE, SMALL, Driver, click_on, drive, lines_of, text_of, until
from tests.support.sequences import TWO_STICKS, as_fresh, deltas, device_at, evidence_of, with_device, without
from tests.support.sessions import real_session

START = evidence_of(TWO_STICKS)
FAKE = str(Path(__file__).parent.parent / "support" / "fake_smoke.py")
EVIL = "\x1b[31mred [bold]x[/] \u202egnp.exe"


def quick_move() -> Session:
    """A stick goes to a good port, half a second after the guided step began."""
    stick, away = device_at(START, "2-2.4.3"), without(START, "2-2.4.3")
    return real_session(START, deltas((0, START), (0.3, away), (0.9, with_device(away, as_fresh(stick), "2-2.2"))))


def test_all_steps_are_walked_by_keyboard() -> None:
    """N goes on, Escape back, and a number anywhere."""

    async def steps(pilot: Driver) -> None:
        for number, step in enumerate(STEPS[1:], 2):
            await pilot.press("n")
            await until(pilot, f"[{number} {step.title}]")
        await pilot.press("n")
        await until(pilot, "[6 Take away]")
        await pilot.press("escape", "escape")
        await until(pilot, "[4 Set up]")
        await pilot.press("1")
        await until(pilot, "[1 Look]")
        await pilot.press("escape")
        await until(pilot, "[1 Look]")

    drive(real_session(), steps)


def test_all_steps_are_walked_by_mouse() -> None:
    """The steps, and the words at the bottom, are clicked."""

    async def steps(pilot: Driver) -> None:
        for number, step in enumerate(STEPS, 1):
            await click_on(pilot, f" {number} {step.title}") if number > 1 else None
            await until(pilot, f"[{number} {step.title}]")
        await click_on(pilot, "Back")
        await until(pilot, "[5 Prove]")
        await click_on(pilot, "Next")
        await until(pilot, "[6 Take away]")
        await click_on(pilot, "Help")
        await until(pilot, "Keys; everything can be clicked as well")
        await click_on(pilot, "Back")
        await until(pilot, "[6 Take away]")
        await click_on(pilot, "Quit")

    assert not drive(real_session(), steps).is_running


def test_a_finding_is_mended_by_keyboard() -> None:
    """Enter opens the guided step; what happens shows live; the rules tick it off."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("3")
        await until(pilot, "What it means")
        await pilot.press("enter")
        await until(pilot, "Unplug the Edge TPU and plug it in elsewhere:")
        await until(pilot, "Unplugged. Now plug it in.")
        await until(pilot, "[x] Done: the rules find no sub-hub-secondary-port any more (5 Gb/s now).")
        await pilot.press("escape")
        text = await until(pilot, "[3 Findings]")
        assert "secondary port" not in text
        await pilot.press("6")
        await until(pilot, "Mended: ETD113")

    drive(quick_move(), steps)


def test_a_finding_is_mended_by_mouse() -> None:
    """A click on the finding, and one on Back."""

    async def steps(pilot: Driver) -> None:
        await click_on(pilot, " 3 Findings ")
        await click_on(pilot, "ERROR    Edge TPU 2-2.4.3")
        await until(pilot, "[x] Done")
        await click_on(pilot, "Back")
        await until(pilot, "[3 Findings]")

    app = drive(quick_move(), steps)
    assert app.session.guided is None


def test_what_is_only_good_to_know_opens_no_guided_step() -> None:
    """It says so."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("3", "down", "g")
        await until(pilot, "This is only good to know")

    drive(real_session(), steps)


def test_a_node_of_the_map_shows_its_facts() -> None:
    """Under the list on a small screen, beside it on a large one."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("2", "end", "up")
        await until(pilot, "Edge TPU 2-2.4.3")
        await until(pilot, "delegate        usb:0")

    async def beside(pilot: Driver) -> None:
        await pilot.press("2", "end", "up")
        text = await until(pilot, "Edge TPU 2-2.4.3")
        assert text.split("\n")[2].strip().startswith("0000:00:14.0")
        assert "Edge TPU 2-2.4.3" in text.split("\n")[2]

    drive(real_session(), steps)
    drive(real_session(), beside, size=(160, 40))


def test_a_port_gets_a_name() -> None:
    """L asks for it; from then on messages use it."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("2", "end", "up", "l")
        await until(pilot, "A name for the port of 2-2.4.3")
        await pilot.press(*"inner", "enter")
        await until(pilot, '"inner"')
        await pilot.press("3")
        await until(pilot, 'port 3 "inner" of')

    drive(real_session(), steps)


def test_a_name_can_be_taken_by_mouse_and_left_alone_by_escape() -> None:
    """The words below the line do what the keys do."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("2", "end", "up", "l")
        await until(pilot, "A name for the port")
        await pilot.press(*"left")
        await click_on(pilot, "[ Enter Take it ]")
        await until(pilot, '"left"')
        await pilot.press("l")
        await pilot.press(*"xx")
        await click_on(pilot, "[ Esc Back ]")
        assert '"left"' in await until(pilot, "[2 Map]")

    drive(real_session(), steps)


def test_what_is_no_device_gets_no_name() -> None:
    """A controller has no port to be named."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("2", "home", "l")
        await until(pilot, "Choose a device first")

    drive(real_session(), steps)


def test_a_configuration_is_copied() -> None:
    """By OSC 52, which the app keeps a copy of."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("4", "c")
        await until(pilot, "Copied, if this terminal")

    app = drive(real_session(), steps)
    assert "18d1" in app.clipboard


def test_a_replay_writes_nothing_to_this_machine() -> None:
    """It is another machine's configuration."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("4", "a")
        await until(pilot, "This is a replay: nothing")

    drive(real_session(), steps)


def test_a_configuration_is_written_after_a_look_and_a_yes(tmp_path: Path) -> None:
    """First no, then yes."""
    rules = tmp_path / "etc/udev/rules.d"
    rules.mkdir(parents=True)

    async def steps(pilot: Driver) -> None:
        await pilot.press("4", "a")
        await until(pilot, "Write this?")
        await pilot.press("n")
        await until(pilot, "[4 Set up]")
        assert [] == os.listdir(rules)
        await pilot.press("a")
        await click_on(pilot, "[ y Yes ]")
        await until(pilot, "Then run: sudo udevadm trigger")
        await click_on(pilot, "[ c Copy ]")
        await click_on(pilot, "[ Enter Back ]")
        await until(pilot, "[4 Set up]")

    app = drive(real_session(is_replay=False), steps, root=str(tmp_path))
    assert 1 == len(os.listdir(rules))
    assert "sudo udevadm trigger" in app.clipboard


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    """There is no such folder; and not every target can be written."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("4", "a")
        await until(pilot, "The wizard cannot write it")
        await pilot.press("down", "a")
        await until(pilot, "The wizard writes")

    drive(real_session(is_replay=False), steps, root=str(tmp_path))


def test_edge_tpus_are_proved_with_their_progress() -> None:
    """All of them; verdicts stand in place, and what failed leads to its finding."""

    async def steps(pilot: Driver) -> None:
        app = pilot.app
        assert isinstance(app, WizardApp)
        app.smoke_command = (sys.executable, FAKE, "pass", "2-2.1", "2-2.4.3")
        await pilot.press("5", "a")
        text = await until(pilot, "PASS")
        assert 2 == sum("PASS" in line for line in text.split("\n")[2:12])
        app.smoke_command = (sys.executable, FAKE, "fail", "2-2.1")
        await pilot.press("o")
        await until(pilot, "See step 3: ETD901")

    drive(real_session(is_replay=False), steps)


def test_a_hanging_proof_is_cancelled() -> None:
    """X ends it; the screen was never blocked."""

    async def steps(pilot: Driver) -> None:
        app = pilot.app
        assert isinstance(app, WizardApp)
        app.smoke_command = (sys.executable, FAKE, "hang", "2-2.1")
        await pilot.press("5", "enter")
        await until(pilot, "running")
        await pilot.press("2")
        await until(pilot, "[2 Map]")
        await pilot.press("5")
        await click_on(pilot, "Cancel")
        await until(pilot, "No test: cancelled")

    app = drive(real_session(is_replay=False), steps)
    assert app.session.proof is not None
    assert app.session.proof.is_over


def test_leaving_during_a_proof_ends_it() -> None:
    """No process is left behind."""

    async def steps(pilot: Driver) -> None:
        app = pilot.app
        assert isinstance(app, WizardApp)
        app.smoke_command = (sys.executable, FAKE, "hang", "2-2.1")
        await pilot.press("5", "o")
        await until(pilot, "running")
        await pilot.press("q")

    app = drive(real_session(is_replay=False), steps)
    assert app.session.proof is not None
    assert app.session.proof.is_over


def test_a_replay_is_not_proved() -> None:
    """Nothing of it is here."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("5")
        text = await until(pilot, "This is a replay")
        assert "Test all" not in text

    drive(real_session(), steps)


def test_reports_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user says, or where the wizard proposes."""
    monkeypatch.chdir(tmp_path)

    async def steps(pilot: Driver) -> None:
        await pilot.press("6", "enter")
        await until(pilot, "Save it as")
        await pilot.press("enter")
        await until(pilot, "Saved")
        await click_on(pilot, "save the report as Markdown")
        await until(pilot, "Save it as")
        await pilot.press("enter")
        await until(pilot, "[6 Take away]")
        await pilot.pause(0.2)

    drive(real_session(), steps)
    assert ["etpu-doctor-report.json", "etpu-doctor-report.md"] == sorted(os.listdir(tmp_path))
    assert "demo" == valid((tmp_path / "etpu-doctor-report.json").read_bytes())["source"]["kind"]


def test_a_bundle_is_looked_into_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No throws it away."""
    monkeypatch.chdir(tmp_path)
    host = tmp_path / "host"
    write_machine(builder.machine("pci 0000:00:14.0 xhci\n  root usb2=2 usb3=2\n    1: tpu").umockdev(), host / "sys")

    async def steps(pilot: Driver) -> None:
        await pilot.press("6", "down", "down", "enter")
        await until(pilot, "Save it as")
        await pilot.press("enter")
        await until(pilot, "== case.toml")
        assert (tmp_path / "etpu-doctor-bundle.tar.gz").exists()
        await pilot.press("n")
        await until(pilot, "Thrown away.")
        assert not (tmp_path / "etpu-doctor-bundle.tar.gz").exists()

    drive(real_session(is_replay=False), steps, root=str(host))


def test_the_palette_finds_the_steps() -> None:
    """Ctrl+P, a word, Enter."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press(*"set up")
        await pilot.pause(0.8)
        await pilot.press("down", "enter")
        await until(pilot, "[4 Set up]")

    drive(real_session(), steps)


def test_q_leaves() -> None:
    """With the status of a run in which nothing went wrong."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("q")

    app = drive(real_session(), steps)
    assert (0, None) == (app.return_code, app.crash)


def test_too_small_a_terminal_says_what_it_needs_and_recovers() -> None:
    """And a guided step goes on meanwhile."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("3")
        await pilot.resize_terminal(30, 8)
        assert "30 x 8 is too small" in " ".join((await until(pilot, "too small")).split())
        await pilot.resize_terminal(*LARGE)
        await until(pilot, "[3 Findings]")

    drive(real_session(), steps)


@pytest.mark.parametrize("number", range(1, 7))
def test_every_step_is_ascii_where_that_is_asked_for(number: int) -> None:
    """Textual's own lines and bars included."""

    async def steps(pilot: Driver) -> None:
        await pilot.press(str(number))
        await pilot.pause(0.3)
        assert text_of(pilot.app).isascii()  # type: ignore[arg-type] # it is ours

    drive(real_session(), steps, ascii_only=True)


@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
def test_every_theme_shows_the_same_words(theme: str) -> None:
    """Colours only repeat them; t changes between dark and light."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("3")
        await until(pilot, "ERROR    Edge TPU 2-2.4.3 is on a secondary port")
        await pilot.press("t")
        await until(pilot, "ERROR    Edge TPU 2-2.4.3 is on a secondary port")

    drive(real_session(), steps, theme=theme)


@pytest.mark.parametrize("size", [SMALL, LARGE, (60, 16), (200, 60)])
def test_no_line_is_wider_than_the_screen(size: tuple[int, int]) -> None:
    """On any step."""

    async def steps(pilot: Driver) -> None:
        for number in range(1, 7):
            await pilot.press(str(number))
            await until(pilot, f"[{number} ")
            assert all(cells(line) <= size[0] for line in lines_of(pilot.app))  # type: ignore[arg-type] # it is ours

    drive(real_session(), steps, size=size)


def test_product_names_with_markup_and_control_sequences_are_text() -> None:
    """In the map, and in what a change says of the device."""
    evil = msgspec.structs.replace(device_at(START, "2-5"), vendor_name=None, product_name=EVIL)
    start = with_device(without(START, "2-5"), evil, "2-5")

    async def steps(pilot: Driver) -> None:
        await pilot.press("2", "end")
        text = await until(pilot, r"name            \x1b[31mred [bold]x[/] \u202egnp.exe")
        assert "\x1b" not in text

    drive(real_session(start), steps)


def test_the_chosen_entry_is_marked_by_a_sign() -> None:
    """Colours alone may not be seen; the mark moves with the cursor, by key and by click."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("3")
        await until(pilot, "\n> ERROR    Edge TPU 2-2.4.3")
        await pilot.press("down")
        text = await until(pilot, "\n> INFO     The supply")
        assert "\n  ERROR    Edge TPU 2-2.4.3" in text
        await pilot.press("up")
        await until(pilot, "\n> ERROR    Edge TPU 2-2.4.3")

    drive(real_session(), steps)


def test_without_colours_nothing_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes all of them away, greys included; the words and marks stay."""
    monkeypatch.setenv("NO_COLOR", "1")

    async def steps(pilot: Driver) -> None:
        await pilot.press("3")
        await until(pilot, "> ERROR    Edge TPU 2-2.4.3")
        app = pilot.app
        strips = app.screen._compositor.render_strips()
        for each in app.get_line_filters():
            strips = [strip.apply_filter(each, app.screen.background_colors[1]) for strip in strips]
        styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
        colors = {color for style in styles for color in (style.color, style.bgcolor) if color is not None}
        assert styles
        assert all(color.is_default for color in colors)

    drive(real_session(), steps, theme=None)


@pytest.mark.parametrize(
    ("color_system", "background", "expected"),
    [
        ("truecolor", "", "textual-dark"),
        ("256", "0;15", "textual-light"),
        ("truecolor", "15;0", "textual-dark"),
        ("standard", "0;15", "ansi-dark"),
        (None, "", "ansi-dark"),
    ],
)
def test_the_theme_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, color_system: str | None, background: str, expected: str
) -> None:
    """The terminal's own 16 colours where it has no more, else ours on a background like its own."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLORFGBG", background)
    app = WizardApp(real_session())
    monkeypatch.setattr(type(app.console), "color_system", color_system)
    assert expected == app._fitting_theme()


def test_a_crash_is_handed_out_and_nothing_hangs() -> None:
    """The command line makes a log of it, after the terminal is restored."""

    class Broken(Session):
        broken = False

        def verdict(self) -> tuple[str, str]:
            if self.broken:
                raise LookupError("a bug of ours")
            return super().verdict()

    walk = real_session()
    walk.__class__ = Broken

    async def steps(pilot: Driver) -> None:
        walk.broken = True  # type: ignore[attr-defined] # of the class above
        await pilot.press("2")
        await pilot.pause(0.2)

    with pytest.raises(LookupError, match="a bug of ours"):
        drive(walk, steps)


def test_every_step_has_its_screen() -> None:
    """By the name of its module; each knows its number."""
    assert [step.name for step in STEPS] == list(SCREENS)
    for number in range(1, len(STEPS) + 1):
        screen = make_screen(number)
        assert isinstance(screen, StepScreen)
        assert number == screen.NUMBER


def test_the_help_names_keys_that_exist() -> None:
    """What it says of letters is bound somewhere."""
    bound = {
        key
        for number in range(1, len(STEPS) + 1)
        for binding in (*WizardApp.BINDINGS, *make_screen(number).BINDINGS, *StepScreen.BINDINGS, *PlanScreen.BINDINGS)
        for key in getattr(binding, "key", "").split(",")
    }
    letters = {key for key, _ in help_data.KEYS if len(key) == 1}
    assert letters <= bound
