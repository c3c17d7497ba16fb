"""One moment of the screen, as values: place, sheet, and what is in front of the customer. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from kiosk.flow.counter.view import CounterView
from kiosk.flow.view import BayView, CallView, DeskView, JobView, Screen
from kiosk.ui.estimate_front import EstimateShown

COVER: Final = "cover"  # the page that hides what is personal


class Place(StrEnum):
    """Where the customer is, beyond a visit's own screens."""

    ATTRACT = "attract"
    HOME = "home"
    VISIT = "visit"
    FORGOTTEN = "forgotten"
    DROP = "drop"  # at the bins
    ESTIMATE = "estimate"  # what is my phone worth
    STAFF = "staff"


class Sheet(StrEnum):
    """A question laid over the page."""

    NONE = ""
    CANCEL = "cancel"
    SIZE = "size"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Shown:
    """One moment of the screen, ready to draw."""

    page: str  # a Place or a Screen value, COVER, or a page of the counter's
    view: DeskView
    job: JobView | None = None
    bay: BayView | None = None  # the forgotten phone's
    asleep: bool = False  # attract: a poster, no choices yet
    sheet: Sheet = Sheet.NONE
    countdown_s: int = 0
    counter: CounterView = field(default_factory=CounterView)
    estimate: EstimateShown = field(default_factory=EstimateShown)
    place: Place = Place.ATTRACT
    manned: bool = False  # there is a counter: staff may log in
    step: int = 0  # of steps, where the page is one of a row; 0 = not
    steps: int = 0

    @property
    def call(self) -> CallView | None:
        return (self.job.call if self.job else None) or self.view.call


NOTHING: Final = Shown("", DeskView())
"""Before the first look."""


def phone_at_stake(view: DeskView) -> bool:
    """A phone is in a bay, or between two of its modes in the middle of a visit."""
    return any(bay.present for bay in view.bays) or any(
        not job.finished and job.screen is not Screen.CONNECT for job in view.jobs
    )
