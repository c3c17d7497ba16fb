# mypy: disallow-subclassing-any=False
"""How a visit ends: updated, nothing to do, refused, stopped, for staff. Every end says if the phone is safe."""

from __future__ import annotations

from kivy.app import App
from kivy.properties import StringProperty

from kiosk.flow.reasons import AFTER_WRITING, NOT_FETCHED, RELEASE_BROKEN
from kiosk.flow.view import JobView
from kiosk.ui import verdict
from kiosk.ui.parts.page import Page


class ResultPage(Page):
    """Counts before and after, how they were compared, what could not be seen."""

    def headline(self, job: JobView) -> str:
        data = job.user_data
        return str(App.get_running_app().say(verdict.headline(data), n=verdict.headline_count(data)))

    def rows(self, job: JobView) -> list[tuple[str, str, str]]:
        say = App.get_running_app().say
        return [(say(row.key), f"{row.count:,}", row.mood) for row in verdict.rows(job.user_data)]

    def not_seen(self, job: JobView) -> str:
        say = App.get_running_app().say
        names = [say.either(f"unseen.{kind}", "unseen.other") for kind in job.user_data.not_seen]
        return str(say("list.comma")).join(names)


class OutcomePage(Page):
    """What happened, is the phone safe, what next: the same three answers on every way out."""

    name = StringProperty("")
    icon = StringProperty("information")
    mood = StringProperty("next")

    def headline(self, job: JobView) -> str:  # noqa: ARG002
        """How it ended, in one line."""
        return str(App.get_running_app().say(f"{self.name}.title"))

    def what(self, job: JobView) -> str:
        """The reason in words; a reason newer than this screen gets the screen's own sentence."""
        say = App.get_running_app().say
        return str(say.either(f"reason.{job.reason}.what", f"{self.name}.what"))

    def next_step(self, job: JobView) -> str:
        say = App.get_running_app().say
        if not job.finished:
            return str(say("safe.leaving"))
        return str(say.either(f"reason.{job.reason}.next", f"{self.name}.next"))

    def safe(self, job: JobView) -> str:
        say = App.get_running_app().say
        if not job.written:
            return str(say("safe.untouched"))
        return str(say("safe.updated" if job.percent >= 100 else "safe.written"))


class UpToDatePage(OutcomePage):
    """Nothing to do."""

    name = StringProperty("up_to_date")
    icon = StringProperty("check-circle")
    mood = StringProperty("safe")


class LockedPage(OutcomePage):
    """The bootloader is locked: Settings can, we cannot."""

    name = StringProperty("locked")
    icon = StringProperty("lock")
    mood = StringProperty("next")


class RefusedPage(OutcomePage):
    """Not here, not now."""

    name = StringProperty("refused")
    icon = StringProperty("information")
    mood = StringProperty("do")

    def headline(self, job: JobView) -> str:
        """A download that failed is no fault of the phone's, and the headline does not hint at one."""
        ours = job.reason in NOT_FETCHED or job.reason in RELEASE_BROKEN
        return str(App.get_running_app().say("refused.title_ours" if ours else "refused.title"))


class CancelledPage(OutcomePage):
    """The customer stopped it."""

    name = StringProperty("cancelled")
    icon = StringProperty("arrow-left")
    mood = StringProperty("next")


class NeedsStaffPage(Page):
    """A person has to look; with the counts when files were compared."""

    name = StringProperty("needs_staff")
    what, safe = OutcomePage.what, OutcomePage.safe
    rows = ResultPage.rows

    def next_step(self, job: JobView) -> str:
        """A reason that also ends visits before the first write has another next step there."""
        say = App.get_running_app().say
        key = f"reason.{job.reason}.next" if job.reason in AFTER_WRITING else "needs_staff.next"
        return str(say.either(key, "needs_staff.next"))

    def compared(self, job: JobView) -> bool:
        return job.user_data.after is not None
