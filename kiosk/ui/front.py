"""What is in front of the customer: place, visit, language, size. Turns touches into Desk calls; draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kiosk.flow.view import BayView, CallView, Desk, DeskView, JobView, Screen
from kiosk.ui.attention import Idleness, Rest, TouchGate
from kiosk.ui.theme import TEXT_SIZES_PERCENT
from kiosk.ui.words import LANGUAGES, Words

CONSENT_WORDS: Final = "plan."  # every string a customer agrees to
COVER: Final = "cover"  # the page that hides what is personal
OPENING_S: Final = 5.0  # a visit just begun may take this long to appear


class Place(StrEnum):
    """Where the customer is, beyond a visit's own screens."""

    ATTRACT = "attract"
    HOME = "home"
    VISIT = "visit"
    FORGOTTEN = "forgotten"


class Sheet(StrEnum):
    """A question laid over the page."""

    NONE = ""
    CANCEL = "cancel"
    SIZE = "size"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Shown:
    """One moment of the screen, ready to draw."""

    page: str  # a Place or a Screen value, or COVER
    view: DeskView
    job: JobView | None = None
    bay: BayView | None = None  # the forgotten phone's
    asleep: bool = False  # attract: a poster, no choices yet
    sheet: Sheet = Sheet.NONE
    countdown_s: int = 0

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


class Front:
    """The one mutable thing of the screens. ``look`` is called on the toolkit's clock, the rest by touches."""

    def __init__(
        self, desk: Desk, books: dict[str, Words], now_s: Callable[[], float], language: str = LANGUAGES[0]
    ) -> None:
        self._desk = desk
        self._books = books
        self._now_s = now_s
        self._gate = TouchGate()
        self._idleness = Idleness(now_s())
        self._rest = Rest()
        self._last_job: JobView | None = None
        self._asleep = True
        self._sheet = Sheet.NONE
        self._shown = NOTHING
        self._forgotten_bay = 0
        self._opened_s = 0.0
        self.place = Place.ATTRACT
        self.visit: str | None = None
        self._first_language = language
        self._default_wishes()

    @property
    def words(self) -> Words:
        return self._books[self.language]

    def reset(self) -> None:
        """As after switching the station on: nobody there, the poster up."""
        self._go(Place.ATTRACT)
        self._rest = Rest()
        self._asleep = True
        self._default_wishes()

    # -- looking

    def look(self) -> Shown:
        """Reads the desk once and decides what to show."""
        self._shown = self._decide(self._desk.view())
        return self._shown

    def _decide(self, view: DeskView) -> Shown:
        job = self._follow(view)
        self._lift_cover_if_wanted(job)
        self._last_job = job
        self._rest = self._idleness.rest(self._now_s(), phone_at_stake(view))
        if self.place is Place.ATTRACT:
            self._asleep = self._asleep or self._rest != Rest()
            return Shown(Place.ATTRACT, view, asleep=self._asleep)
        if self._rest.over:
            self._leave(job)
            return Shown(Place.ATTRACT, view, asleep=True)
        if self._rest.covered and not (job and job.finished) and self.place is not Place.FORGOTTEN:
            return Shown(COVER, view, job)
        return self._uncovered(view, job)

    def _uncovered(self, view: DeskView, job: JobView | None) -> Shown:
        bay = next((b for b in view.bays if b.number == self._forgotten_bay), None)
        if self._rest.covered and job is not None:
            bay = next((b for b in view.bays if b.number == job.bay_number and b.present), None)
            if bay is not None:  # the result was left standing beside the phone
                return Shown(Place.FORGOTTEN, view, job, bay)
        place = Place.HOME if self.place is Place.VISIT else self.place
        page = job.screen.value if job else place.value
        if self._rest.countdown_s is not None:
            return Shown(page, view, job, bay, sheet=Sheet.IDLE, countdown_s=self._rest.countdown_s)
        return Shown(page, view, job, bay, sheet=self._sheet)

    def _follow(self, view: DeskView) -> JobView | None:
        """The focused job; leaves for another place when it is gone."""
        if self.place is Place.VISIT:
            job = view.job(self.visit or "")
            if job is not None:
                if self._sheet is Sheet.CANCEL and not job.can_cancel:
                    self._sheet = Sheet.NONE  # too late to stop: the first byte is being written
                return job
            if self._last_job is None and self._now_s() - self._opened_s < OPENING_S:
                return None  # the desk has promised the visit but not shown it yet
            self._go_after_visit(view, self._last_job.bay_number if self._last_job else 0)
        if self.place is Place.FORGOTTEN and not self._present(view, self._forgotten_bay):
            self._go(Place.ATTRACT)
            self._asleep = False
        return None

    def _go_after_visit(self, view: DeskView, number: int) -> None:
        if self._present(view, number):
            self._forgotten_bay = number
            self._go(Place.FORGOTTEN)
        else:
            self._go(Place.HOME)

    @staticmethod
    def _present(view: DeskView, number: int) -> bool:
        return any(bay.number == number and bay.present for bay in view.bays)

    def _lift_cover_if_wanted(self, job: JobView | None) -> None:
        before = self._last_job
        if job is None or before is None:
            return
        needed = job.attention and (job.screen is not before.screen or not before.attention)
        if needed or (job.finished and job.screen is not before.screen):
            self._idleness.touched(self._now_s())

    def _leave(self, job: JobView | None) -> None:
        if job is not None and job.finished:
            self._desk.finish(job.visit)
        elif job is not None and job.can_cancel:
            self._desk.cancel(job.visit)
        self.reset()

    def _default_wishes(self) -> None:
        """The next customer starts afresh."""
        self.language = self._first_language
        self.text_percent = TEXT_SIZES_PERCENT[0]
        self.low_reach = False

    def _go(self, place: Place) -> None:
        self.place = place
        self._sheet = Sheet.NONE
        if place is not Place.VISIT:
            self.visit = None
            self._last_job = None

    # -- touching

    def admit(self) -> bool:
        """Whether a touch that just began may act. A waking touch and the second of two quick ones may not."""
        now_s = self._now_s()
        waking = self._shown.asleep or self._shown.page == COVER or self._shown.sheet is Sheet.IDLE
        self._idleness.touched(now_s)
        admitted = self._gate.admits(now_s)
        self._rest = Rest()
        self._asleep = False
        return admitted and not waking

    def choose_language(self, language: str) -> None:
        self.language = language
        self._go(Place.HOME)

    def switch_language(self) -> None:
        self.language = next(one for one in LANGUAGES if one != self.language)

    def set_text(self, percent: int) -> None:
        self.text_percent = percent

    def set_reach(self, low: bool) -> None:
        self.low_reach = low

    def open_sheet(self, sheet: str) -> None:
        self._sheet = Sheet(sheet)

    def close_sheet(self) -> None:
        self._sheet = Sheet.NONE

    def begin(self) -> None:
        visit = self._desk.begin(self.language)
        if visit is not None:
            self.open_visit(visit)

    def open_visit(self, visit: str) -> None:
        self._go(Place.VISIT)
        self.visit = visit
        self._last_job = None
        self._opened_s = self._now_s()

    def home(self) -> None:
        self._go(Place.HOME)

    def consent(self) -> None:
        if self.visit:
            self._desk.consent(self.visit, self.words.fingerprint(CONSENT_WORDS), self.language)

    def decline(self) -> None:
        if self.visit:
            self._desk.decline(self.visit)

    def backup(self, choice: str) -> None:
        if self.visit:
            self._desk.backup(self.visit, choice)

    def cancel(self) -> None:
        self._sheet = Sheet.NONE
        if self.visit:
            self._desk.cancel(self.visit)

    def call_manager(self) -> None:
        self._desk.call_manager(self.visit)

    def done(self) -> None:
        """The customer has read the end of the visit; a phone still in the bay is mentioned next."""
        if self.visit is None:
            return
        number = self._last_job.bay_number if self._last_job else 0
        self._desk.finish(self.visit)
        self._go_after_visit(self._desk.view(), number)
        if self.place is Place.HOME:
            self._go(Place.ATTRACT)
            self._asleep = False
