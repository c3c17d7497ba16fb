"""The counter's share of the front: drop-off, estimate and staff, each its own small thing. Draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from kiosk.flow.counter.commands import Command
from kiosk.flow.counter.view import Counter, CounterView, EstimateModel, EstimateView, QuestionView
from kiosk.ui.drop_front import WAITING, DropFront, step_of
from kiosk.ui.estimate_front import EstimateFront
from kiosk.ui.shown import Place, Shown
from kiosk.ui.staff_front import StaffFront


class NoCounter:
    """A station without one: nothing is offered and nothing is ever asked of it."""

    def view(self) -> CounterView:
        return CounterView()

    def do(self, _command: Command) -> int:
        return 0

    def estimate_models(self) -> tuple[EstimateModel, ...]:
        return ()

    def estimate(self, _model: str, _answers: Mapping[str, str]) -> EstimateView | None:
        return None

    def estimate_questions(self) -> tuple[QuestionView, ...]:
        return ()


class CounterFront:
    """Looks at the counter once per moment and shares it out."""

    def __init__(self, counter: Counter | None, now_s: Callable[[], float]) -> None:
        self._counter: Counter = counter or NoCounter()
        self._manned = counter is not None
        self._now_s = now_s
        self._view = CounterView()
        self.drop = DropFront(self._counter, now_s)
        self.estimate = EstimateFront(self._counter)
        self.staff = StaffFront(self._counter, now_s)

    def view(self) -> CounterView:
        self._view = self._counter.view()
        return self._view

    def page(self, place: Place, view: CounterView) -> str | None:
        """The page of a place at the counter; None for any other place, and when it is over."""
        if place is Place.DROP:
            page = self.drop.page(view)
            return Place.HOME if page == WAITING else page or None
        if place is Place.ESTIMATE:
            return self.estimate.shown.page or None
        if place is Place.STAFF:
            self.staff.idle(self._now_s())
            return self.staff.page(view) or None
        return None

    @property
    def stirred(self) -> bool:
        """Somebody is at the scale or the flaps."""
        return self.drop.stirred

    def completed(self, shown: Shown, place: Place) -> Shown:
        """``shown`` with what the counter has to add to any page."""
        drop, estimate = self._view.drop, self.estimate.shown
        step = (shown.job.step, shown.job.steps) if shown.job else (0, 0)
        if place is Place.DROP and drop is not None and shown.page != Place.HOME:
            step = step_of(drop)
        elif place is Place.ESTIMATE:
            step = (estimate.step, estimate.steps)
        return replace(
            shown,
            counter=self._view,
            estimate=estimate,
            place=place,
            manned=self._manned,
            step=step[0],
            steps=step[1],
        )

    def leave(self, place: Place) -> None:
        """The customer or the member of staff goes elsewhere."""
        if place is Place.DROP:
            self.drop.leave()
        elif place is Place.ESTIMATE:
            self.estimate.leave()
        elif place is Place.STAFF:
            self.staff.leave()
