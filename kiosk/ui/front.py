"""What is in front of the customer: place, visit, language, size. Turns touches into Desk calls; draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kiosk.flow.counter.view import Counter, CounterView
from kiosk.flow.view import Desk, DeskView, JobView
from kiosk.ui.attention import Idleness, Rest, TouchGate
from kiosk.ui.counter_front import CounterFront
from kiosk.ui.shown import COVER, NOTHING, Place, Sheet, Shown, phone_at_stake
from kiosk.ui.staff_front import StaffFront
from kiosk.ui.theme import TEXT_SIZES_PERCENT
from kiosk.ui.words import LANGUAGES, Words

CONSENT_WORDS: Final = "plan."  # every string a customer agrees to
COUNTER_PLACES: Final = (Place.DROP, Place.ESTIMATE, Place.STAFF)
OPENING_S: Final = 5.0  # a visit just begun may take this long to appear


class Front:
    """The one mutable thing of the screens. ``look`` is called on the toolkit's clock, the rest by touches."""

    def __init__(
        self,
        desk: Desk,
        books: dict[str, Words],
        now_s: Callable[[], float],
        language: str = LANGUAGES[0],
        counter: Counter | None = None,
    ) -> None:
        self._desk = desk
        self.at_counter = CounterFront(counter, now_s)
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
    def staff(self) -> StaffFront:
        return self.at_counter.staff

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
        shown = self._decide(self._desk.view(), self.at_counter.view())
        self._shown = self.at_counter.completed(shown, self.place)
        return self._shown

    def _decide(self, view: DeskView, counter: CounterView) -> Shown:
        page = self.at_counter.page(self.place, counter)
        if page is None and self.place in COUNTER_PLACES:
            self._go(Place.HOME)
        elif page is not None:
            return self._decide_at_counter(view, page)
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

    def _decide_at_counter(self, view: DeskView, page: str) -> Shown:
        """Drop-off and estimate end when nobody is there; staff have rules of their own."""
        if self.place is Place.STAFF:
            return Shown(page, view, sheet=self._sheet)
        if self.at_counter.stirred:
            self._idleness.touched(self._now_s())
        self._rest = self._idleness.rest(self._now_s(), False)
        if self._rest.over:
            self.reset()
            return Shown(Place.ATTRACT, view, asleep=True)
        if self._rest.countdown_s is not None:
            return Shown(page, view, sheet=Sheet.IDLE, countdown_s=self._rest.countdown_s)
        return Shown(page, view, sheet=self._sheet)

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
        if self.place is not place:
            self.at_counter.leave(self.place)
        self.place = place
        self._sheet = Sheet.NONE
        if place is not Place.VISIT:
            self.visit = None
            self._last_job = None

    # -- touching

    def admit(self, quick: bool = False) -> bool:
        """Whether a touch that just began may act. A waking touch and the second of two close ones may not.

        ``quick``: it lies on a key or a signature's field, where each counts however close.
        """
        now_s = self._now_s()
        waking = self._shown.asleep or self._shown.page == COVER or self._shown.sheet is Sheet.IDLE
        self._idleness.touched(now_s)
        self.staff.touched(now_s)
        admitted = self._gate.admits(now_s, quick)
        self._rest = Rest()
        self._asleep = False
        return admitted and not waking

    def choose_language(self, language: str) -> None:
        self.language = language
        self._go(Place.HOME)

    def switch_language(self) -> None:
        self.language = next(one for one in LANGUAGES if one != self.language)
        self.staff.language = self.language

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

    def begin_drop(self) -> None:
        self._go(Place.DROP)
        self.at_counter.drop.begin(self.language)

    def begin_estimate(self) -> None:
        self._go(Place.ESTIMATE)
        self.at_counter.estimate.begin()

    def enter_staff(self) -> None:
        self._go(Place.STAFF)
        self.staff.enter(self.language)

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
