# mypy: disallow-subclassing-any=False
"""While the station works: the download beside a phone that waits; the write with why not to unplug."""

from __future__ import annotations

from kivy.animation import Animation
from kivy.app import App
from kivy.properties import NumericProperty

from kiosk.flow.view import JobView
from kiosk.ui.parts.page import Page
from kiosk.ui.theme import MOTION_EASE, MOTION_S

DROP_REST_S = 1.4


class PhasedPage(Page):
    """Shows where in the whole the visit stands."""

    def names(self, job: JobView) -> list[str]:
        say = App.get_running_app().say
        return [say.either(f"phase.{phase}", "phase.other") for phase in job.phases]

    def current(self, job: JobView) -> int:
        return job.phases.index(job.phase) if job.phase in job.phases else 0


class FetchingPage(PhasedPage):
    """What is downloaded, how much of how much; the phone is untouched, and waits."""

    drop = NumericProperty(0.0)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._motion = (
            Animation(d=DROP_REST_S) + Animation(drop=1, d=MOTION_S, t=MOTION_EASE) + Animation(drop=0, d=0)
        )
        self._motion.repeat = True
        self.fbind("parent", self._rest_when_gone)

    def _rest_when_gone(self, *_: object) -> None:
        if self.parent is None:
            self._motion.stop(self)
        elif App.get_running_app().moving:
            self._motion.start(self)

    def is_whole(self, job: JobView) -> bool:
        """Nothing more comes over the line; what is here is put together and checked."""
        return job.fetch.done_bytes >= job.fetch.bytes

    def headline(self, job: JobView) -> str:
        say = App.get_running_app().say
        if not job.phone_present:
            return str(say("await_phone.title", n=job.bay_number))
        return str(say("fetching.title_check" if self.is_whole(job) else "fetching.title"))

    def told(self, job: JobView) -> str:
        """What is brought here, and from what."""
        say = App.get_running_app().say
        if not job.phone_present:
            return str(say("fetching.missing"))
        if job.fetch.method == "cached" or not job.fetch.bytes:
            return str(say("fetching.body_cached", version=job.version_to))
        if self.is_whole(job):
            return str(say("fetching.body_check", version=job.version_to))
        if job.fetch.method == "delta":
            return str(say("fetching.body_delta", base=job.fetch.base_version, version=job.version_to))
        return str(say("fetching.body_full", version=job.version_to))

    def amount(self, job: JobView) -> str:
        say = App.get_running_app().say
        if self.is_whole(job):
            return ""
        return str(say("fetching.of", done=say.size(job.fetch.done_bytes), total=say.size(job.fetch.bytes)))

    def left(self, job: JobView) -> str:
        say = App.get_running_app().say
        if self.is_whole(job):
            return str(say("fetching.check"))
        if job.seconds_left is not None:
            return str(say("fetching.left", span=say.span(job.seconds_left)))
        return str(say("progress.estimating" if job.fetch.done_bytes else "fetching.begin"))

    def time_back(self, job: JobView) -> str:
        """Time left to plug the phone back in, as m:ss; nothing while it is there."""
        if job.phone_present or job.deadline_s is None:
            return ""
        return f"{max(0, job.deadline_s) // 60}:{max(0, job.deadline_s) % 60:02d}"


class ProgressPage(PhasedPage):
    """Shows the figures of the visit as they are."""

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
