"""A drop-off in front of the customer: follows the one drop it began, and turns touches into the counter's commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kiosk.flow.counter.commands import (
    Command,
    DropAnother,
    DropBegin,
    DropCategory,
    DropDone,
    DropHazard,
    DropOpen,
    DropTaped,
)
from kiosk.flow.counter.view import Counter, CounterView, DropView

OPENING_S: Final = 5.0  # a drop-off just begun may take this long to appear
STEPS: Final = ("category", "hazard", "weigh", "deposit", "receipt")
BATTERY_STEPS: Final = ("category", "hazard", "tape", "weigh", "deposit", "receipt")
WITH_STAFF: Final = ("drawer", "staff")  # somebody is on the way: leaving the screen ends nothing
MOVING_DOORS: Final = ("released", "open", "closed", "jammed")
WAITING: Final = "wait"  # begun, and not shown by the counter yet


def step_of(drop: DropView) -> tuple[int, int]:
    """Which step of how many; (0, 0) off the usual way."""
    steps = BATTERY_STEPS if drop.category == "battery" else STEPS
    return (steps.index(drop.step) + 1, len(steps)) if drop.step in steps else (0, 0)


def may_leave(drop: DropView | None) -> bool:
    """Stepping back is safe: the thing is not between two hands."""
    return drop is None or drop.step != "deposit" or drop.door not in MOVING_DOORS


class DropFront:
    """One customer at the bins. ``page`` is called on every look, the rest by touches."""

    def __init__(self, counter: Counter, now_s: Callable[[], float]) -> None:
        self._counter = counter
        self._now_s = now_s
        self._clear()

    def _clear(self) -> None:
        self._began = 0  # ticket of the beginning
        self._ticket = 0  # of the last command
        self._began_s = float("-inf")
        self._drop: DropView | None = None
        self._stirred = False

    # -- looking

    def page(self, view: CounterView) -> str:
        """A page's name; WAITING until the drop-off appears; "" when it is over."""
        drop = view.drop
        if self._drop is None and (view.done_ticket < self._began or drop is None):
            if view.said is not None and view.said.ticket == self._began:
                return "drop_closed"
            return WAITING if self._now_s() - self._began_s < OPENING_S else ""
        if drop is None or drop.step == "ended" or (self._drop is not None and drop.drop != self._drop.drop):
            self._drop = None
            return ""
        self._stirred = self._drop is None or _facts(drop) != _facts(self._drop)
        self._drop = drop
        return f"drop_{drop.step}"

    @property
    def stirred(self) -> bool:
        """Whether somebody did something at the scale or the flaps since the last look."""
        return self._stirred

    # -- touching

    def begin(self, language: str) -> None:
        self._clear()
        self._began = self._ticket = self._counter.do(DropBegin(language))
        self._began_s = self._now_s()

    def category(self, category: str) -> None:
        self._ask(lambda drop: DropCategory(drop, category))

    def hazard(self, hazard: str) -> None:
        self._ask(lambda drop: DropHazard(drop, hazard))

    def taped(self, taped: bool) -> None:
        self._ask(lambda drop: DropTaped(drop, taped))

    def open(self) -> None:
        self._ask(DropOpen)

    def another(self) -> None:
        self._ask(DropAnother)

    def done(self) -> None:
        self._ask(DropDone)

    def leave(self) -> None:
        """The customer goes. What staff are on their way for stays with the counter."""
        if self._drop is not None and self._drop.step not in WITH_STAFF:
            self._counter.do(DropDone(self._drop.drop))
        self._clear()

    def _ask(self, command: Callable[[str], Command]) -> None:
        """Nothing while the last command is not answered: a second touch is the same wish."""
        if self._drop is not None and self._counter.view().done_ticket >= self._ticket:
            self._ticket = self._counter.do(command(self._drop.drop))


def _facts(drop: DropView) -> tuple[str, str, bool]:
    return drop.step, drop.door, drop.scale == "empty"
