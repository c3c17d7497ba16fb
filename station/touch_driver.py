"""A finger at a real station's screen: waits for pages, presses what they offer, keeps a record. It knows no flow."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from kiosk.assembly import Station
from kiosk.flow.counter.commands import Command
from kiosk.flow.counter.view import Counter, CounterView, EstimateModel, EstimateView, QuestionView
from station.errors import NEEDS_STAFF, StationError
from station.touch_model import Done, Kind, form, to_read

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

FRAME_S: Final = 0.01  # between two looks at the screen, so that the station's own threads get their share
STILL_S: Final = 0.13  # the screen looks at the counter ten times a second
HURRIED_STILL_S: Final = 0.03
RESTLESS_S: Final = 5.0  # a page that counts seconds or percent never comes to rest
PAGE_S: Final = 60.0
PRESS_S: Final = 10.0
APART_S: Final = 0.35  # touches closer than 0.3 s count as one
SIGNATURE: Final = tuple(
    tuple((begin + step / 40, 0.3 + 0.15 * (step % 4)) for step in range(12)) for begin in (0.1, 0.45)
)
"""Two strokes; points in parts of the field."""
STAFF: Final = "staff_"
CUSTOMERS: Final = ("staff_offer", "staff_sign", "staff_handover")
"""Pages among staff's that a customer reads."""


class _Asked:
    """A counter that remembers the last ticket it gave."""

    def __init__(self, counter: Counter) -> None:
        self._counter, self.ticket = counter, 0

    def view(self) -> CounterView:
        return self._counter.view()

    def do(self, command: Command) -> int:
        self.ticket = self._counter.do(command)
        return self.ticket

    def estimate_models(self) -> tuple[EstimateModel, ...]:
        return self._counter.estimate_models()

    def estimate(self, model: str, answers: Any) -> EstimateView | None:
        return self._counter.estimate(model, answers)

    def estimate_questions(self) -> tuple[QuestionView, ...]:
        return self._counter.estimate_questions()

    @property
    def answered(self) -> bool:
        return self.view().done_ticket >= self.ticket


class TouchDriver:
    """``with TouchDriver(hand, station) as finger``. Raises :class:`StationError` where the screen does not go on.

    ``pictures``: a folder for a PNG of every page as it comes up. ``hurried``: the screen looks at the counter in every
    frame, for tests; what is measured then is too little.
    """

    def __init__(
        self, hand: Stagehand, station: Station, pictures: Path | None = None, hurried: bool = False
    ) -> None:
        assert station.counter is not None
        self.hand, self._pictures, self._hurried = hand, pictures, hurried
        self._desk, self._counter = station.desk, _Asked(station.counter)
        self.record: list[Done] = []
        self._read: set[str] = set()
        self._page = ""
        self._looked_s = time.monotonic()

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self.hand.over(self._desk, self._counter))
        self._looked_s = time.monotonic()
        self.hand.app.refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # -- looking

    @property
    def at(self) -> str:
        """The page's name."""
        return str(self.hand.app.shown.page)

    @property
    def view(self) -> CounterView:
        """What the counter shows."""
        return self._counter.view()

    @property
    def said(self) -> str:
        """Everything that stands on the screen."""
        return "\n".join(self.hand.words())

    @property
    def keys(self) -> list[str]:
        """What a finger may press now."""
        return [tap.key for tap in self.hand.taps() if not tap.disabled]

    def chosen(self, key: str) -> bool:
        """Whether a tile has its tick already."""
        return any(tap.key == key and getattr(tap, "chosen", False) for tap in self.hand.taps())

    def tick(self) -> None:
        """One frame; the screen's clock runs with the real one."""
        threading.Event().wait(FRAME_S)
        now_s = time.monotonic()
        self.hand.clock.now_s += now_s - self._looked_s
        self._looked_s = now_s
        if self._hurried:
            self.hand.app.refresh()
        self.hand.tick()

    def wait(self, is_so: Callable[[], object], what: str, timeout_s: float = PAGE_S) -> None:
        """Frames go by until it is so."""
        deadline = time.monotonic() + timeout_s
        while not is_so():
            if time.monotonic() > deadline:
                raise StationError(f"in vain: {what}; the screen is at {self.at}:\n{self.said}", NEEDS_STAFF)
            self.tick()

    def rest(self) -> float:
        """Frames go by until nothing moves and everything was answered; when the last change was (monotonic s)."""
        before, began_s, answered = self._picture(), time.monotonic(), False
        changed_s = now_s = began_s
        still_s = HURRIED_STILL_S if self._hurried else STILL_S
        while now_s - changed_s < still_s and now_s - began_s < (RESTLESS_S if answered else PAGE_S):
            self.tick()
            now, now_s, answered = self._picture(), time.monotonic(), self._counter.answered
            if now != before or not answered:
                before, changed_s = now, now_s
        return changed_s

    def _picture(self) -> int:
        return hash(
            tuple((one.x, one.y, one.width, one.height) for one in self.hand.widgets() if one.opacity)
        )

    def page(self, *names: str, away: bool = False, timeout_s: float = PAGE_S) -> str:
        """Wait until one of these is shown; which. ``away``: nobody has to stand there meanwhile."""
        began_s = time.monotonic()
        left = self.at
        self.wait(lambda: self.at in names, f"one of {', '.join(names)}", timeout_s)
        if self.at != left:
            kind = Kind.AWAY if away else Kind.WAIT
            self.record.append(Done(kind, left, self.at, time.monotonic() - began_s))
        self.rest()
        return self.at

    def away(self, is_so: Callable[[], object], what: str, timeout_s: float = PAGE_S) -> None:
        """Wait while nobody has to stand there."""
        began_s = time.monotonic()
        self.wait(is_so, what, timeout_s)
        self.record.append(Done(Kind.AWAY, self.at, what, time.monotonic() - began_s))
        self.rest()

    def stand(self, is_so: Callable[[], object], what: str, timeout_s: float = PAGE_S) -> None:
        """Wait for a device, standing there."""
        began_s = time.monotonic()
        self.wait(is_so, what, timeout_s)
        self.record.append(Done(Kind.WAIT, self.at, what, time.monotonic() - began_s))
        self.rest()

    # -- doing

    def wake(self) -> None:
        """A finger on the poster."""
        with self._doing(Kind.TOUCH, "wake"):
            self.hand.tap(self.hand.app.room.width / 2, self.hand.app.room.height / 2)

    def touch(self, *keys: str) -> None:
        """One touch after the other, each answered before the next."""
        for key in keys:
            self._touch(key, Kind.TOUCH)

    def type(self, text: str) -> None:
        """Keys of the keypad on the screen."""
        for char in text:
            self._touch(f"k_{char}", Kind.KEY)

    def scan(self, code: str) -> None:
        """The scanner reads a code."""
        with self._doing(Kind.SCAN, "scan"):
            self.hand.scan(code)
            self.hand.app.refresh()

    def sign(self, strokes: Sequence[Sequence[tuple[float, float]]] = SIGNATURE) -> None:
        """A finger writes a name."""
        with self._doing(Kind.HANDS, "sign"):
            self.hand.draw(strokes)

    def by_hand(self, what: str, act: Callable[[], object] = lambda: None) -> None:
        """Something off the screen, by an operator's name."""
        with self._doing(Kind.HANDS, what):
            act()

    def _touch(self, key: str, kind: Kind) -> None:
        self.wait(lambda: key in self.keys, f"{key} is offered", PRESS_S)
        self.hand.clock.now_s += APART_S
        with self._doing(kind, key):
            tap = next(one for one in self.hand.taps() if one.key == key)
            released: list[object] = []
            bound = tap.fbind("on_release", released.append)
            finger = self.hand.press(tap)
            self.tick()
            self.hand.lift(finger)
            self.wait(lambda: released, f"{key} takes the touch", PRESS_S)
            tap.unbind_uid("on_release", bound)

    @contextlib.contextmanager
    def _doing(self, kind: Kind, what: str) -> Iterator[None]:
        page, public = self.at, not self.at.startswith(STAFF) or self.at in CUSTOMERS
        fresh, characters, words = self._look()
        began_s = time.monotonic()
        yield
        took_s = self.rest() - began_s
        self.record.append(Done(kind, page, what, took_s, fresh, characters, words, public))

    def _look(self) -> tuple[bool, int, int]:
        """Whether the page is new, and what there is to read for the first time."""
        fresh, self._page = self.at != self._page, self.at
        if fresh and self._pictures is not None:
            number = len(list(self._pictures.glob("*.png")))
            self.hand.picture(self._pictures / f"{number:03}-{self.at}.png")
        lines = {form(one): one for one in self.hand.words() if form(one) not in self._read}
        self._read |= set(lines)
        counts = [to_read(one) for one in lines.values()]
        return fresh, sum(one[0] for one in counts), sum(one[1] for one in counts)

    def part(self) -> list[Done]:
        """What was done since the last call. Whoever comes next knows the page before them, and no other."""
        done, self.record = self.record, []
        self._read, self._page = {form(one) for one in self.hand.words()}, self.at
        return done
