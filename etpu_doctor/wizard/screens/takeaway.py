"""Take away: before and after, and what can be saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from textual import work

from etpu_doctor.report.report import Report
from etpu_doctor.wizard import plan_views, takeaway, views
from etpu_doctor.wizard.screens.ask import AskScreen
from etpu_doctor.wizard.screens.base import StepScreen
from etpu_doctor.wizard.screens.confirm import ConfirmScreen
from etpu_doctor.wizard.screens.plan import PlanScreen
from etpu_doctor.wizard.widgets.chooser import Chooser, Item

if TYPE_CHECKING:
    from textual.app import ComposeResult


class TakeAwayScreen(StepScreen):
    """The last step."""

    NUMBER = 6

    def body(self) -> ComposeResult:
        """What can be saved, and what is better than before."""
        yield Chooser(self._items, self._detail)

    def show_body(self) -> None:
        """Say it anew; make the plan where it is due."""
        self.wizard.plan_if_due()
        self.query_one(Chooser).show()

    def _items(self, width: int) -> list[Item]:
        style = self.style_for(width)
        names = [name for name in takeaway.ACTIONS if name != "bundle" or not self.session.is_replay]
        if self.session.plans.is_up_front:
            names.sort(key=lambda name: name != "plan")
        return [Item(name, tuple(views.paragraph(takeaway.ACTIONS[name], style))) for name in names]

    def _detail(self, name: str | None, width: int) -> Iterator[views.Row]:
        style = self.style_for(width)
        if name == "plan":
            yield from plan_views.summary_rows(self.session, style)
            yield ()
        if self.session.is_whole:
            yield views.heading("Before and after", style)
            for line in self.session.comparison():
                yield from views.paragraph(line, style)
            yield from views.log_rows(self.session, style)

    def on_chooser_picked(self, event: Chooser.Picked) -> None:
        """Do what was chosen."""
        event.stop()
        if not self.session.is_whole:
            self.notify("Not everything was read yet.", markup=False)
        elif event.name == "quit":
            self.app.exit()
        elif event.name == "plan":
            self.app.push_screen(PlanScreen())
        elif event.name == "setup":
            self.wizard.go_to(4)
        elif event.name == "bundle":
            self._ask(takeaway.BUNDLE_NAME, self._begin_bundle)
        else:
            json = event.name == "json"
            self._ask(takeaway.JSON_NAME if json else takeaway.MARKDOWN_NAME, self._json if json else self._markdown)

    def _ask(self, name: str, save: Callable[[str], None]) -> None:
        def answered(path: str | None) -> None:
            if path is not None:
                save(path.strip() or name)

        self.app.push_screen(
            AskScreen("Save it as (nothing is overwritten)", os.path.join(os.getcwd(), name)), answered
        )

    def _json(self, path: str) -> None:
        self._save(lambda report: takeaway.save_json(report, path))

    def _markdown(self, path: str) -> None:
        comparison = self.session.comparison()
        self._save(lambda report: takeaway.save_markdown(report, path, comparison))

    @work(thread=True)
    def _save(self, save: Callable[[Report], str]) -> None:
        """A plan may have to be made for it, so it happens beside the screen."""
        wants_plan, report = self.session.plans.given is not None, self.session.report_to_save()
        try:
            told, severity = takeaway.saved_text(save(report), report, wants_plan=wants_plan), "information"
        except takeaway.SaveError as error:
            told, severity = f"Not saved: {error}", "error"
        self.app.call_from_thread(self.notify, told, severity=severity, timeout=10, markup=False)

    def _begin_bundle(self, path: str) -> None:
        self._bundle(path)

    @work(thread=True)
    def _bundle(self, path: str) -> None:
        """Gathering may wait for a device, so it happens beside the screen."""
        try:
            written = takeaway.save_bundle(path, root=self.wizard.root)
            lines = list(takeaway.preview_texts(takeaway.look_into(written)))
        except takeaway.SaveError as error:
            self.app.call_from_thread(self.notify, f"Not saved: {error}", severity="error", markup=False)
            return
        self.app.call_from_thread(self._keep_or_not, written, lines)

    def _keep_or_not(self, path: str, lines: list[str]) -> None:
        def decided(answer: str | None) -> None:
            if answer == "yes":
                self.notify(f"Saved {path}", timeout=10, markup=False)
            else:
                os.unlink(path)
                self.notify("Thrown away.", markup=False)

        self.app.push_screen(ConfirmScreen(f"Keep {path}?", lines), decided)
