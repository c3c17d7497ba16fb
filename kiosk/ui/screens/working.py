# mypy: disallow-subclassing-any=False
"""While the station works on the phone: phases, one huge percent, time left, why not to unplug."""

from __future__ import annotations

from kivy.app import App

from kiosk.flow.view import JobView
from kiosk.ui.parts.page import Page


class ProgressPage(Page):
    """Shows the figures of the visit as they are."""

    def names(self, job: JobView) -> list[str]:
        say = App.get_running_app().say
        return [say.either(f"phase.{phase}", "phase.other") for phase in job.phases]

    def current(self, job: JobView) -> int:
        return job.phases.index(job.phase) if job.phase in job.phases else 0

    def left(self, job: JobView) -> str:
        say = App.get_running_app().say
        if job.seconds_left is None:
            return str(say("progress.estimating"))
        return str(say("progress.left", span=say.span(job.seconds_left)))
