# mypy: disallow-subclassing-any=False
"""What the customer decides: the plan with its consent, and the backup."""

from __future__ import annotations

from kivy.app import App
from kivy.properties import BooleanProperty

from kiosk.flow.view import JobView
from kiosk.ui.parts.page import Page

NOTES_LINES = 6  # what is new, at most: a release may say more on its own page


class PlanPage(Page):
    """From, to, how long, what happens to my data, what nobody can see."""

    def news(self, job: JobView) -> str:
        lines = [
            line.strip() for line in App.get_running_app().say.pick(job.notes).splitlines() if line.strip()
        ]
        return "\n".join(f"· {line}" for line in lines[:NOTES_LINES])

    def not_seen(self, job: JobView) -> str:
        say = App.get_running_app().say
        kinds = job.user_data.not_seen or ("apps", "messages", "call_log", "settings")
        return str(say("list.comma")).join(say.either(f"unseen.{kind}", "unseen.other") for kind in kinds)

    def download(self, job: JobView) -> str:
        """How much comes over the shop's line."""
        say = App.get_running_app().say
        return str(say.size(job.fetch.bytes) if job.fetch.bytes else say("plan.fetch.nothing"))

    def why_so(self, job: JobView) -> str:
        """Why that much, and neither more nor less."""
        say = App.get_running_app().say
        if job.fetch.method == "delta":
            return str(say("plan.fetch.delta", full=say.size(job.fetch.full_bytes)))
        why = job.fetch.method if job.fetch.method == "cached" else job.fetch.why
        return str(say.either(f"plan.fetch.{why}", "plan.fetch.full"))

    def battery(self, job: JobView) -> str:
        percent = job.battery_percent
        return f"{percent}%" if percent is not None else App.get_running_app().say("plan.unknown")


class BackupPage(Page):
    """Reminder with a tick."""

    ticked = BooleanProperty(False)
