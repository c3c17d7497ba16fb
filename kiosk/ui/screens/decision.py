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

    def battery(self, job: JobView) -> str:
        percent = job.battery_percent
        return f"{percent}%" if percent is not None else App.get_running_app().say("plan.unknown")


class BackupPage(Page):
    """Reminder with a tick."""

    ticked = BooleanProperty(False)
