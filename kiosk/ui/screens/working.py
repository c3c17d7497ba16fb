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

    def told(self, job: JobView) -> str:
        """What is being done, by the phase."""
        say = App.get_running_app().say
        return str(say.either(f"progress.body_{job.phase}", "progress.body", version=job.version_to))

    def why_hold(self, job: JobView) -> str:
        """Why the cable must stay in, by the phase."""
        say = App.get_running_app().say
        return str(say.either(f"progress.hold_{job.phase}", "progress.hold"))

    def left(self, job: JobView) -> str:
        say = App.get_running_app().say
        if job.seconds_left is None:
            return str(say("progress.estimating"))
        return str(say("progress.left", span=say.span(job.seconds_left)))
