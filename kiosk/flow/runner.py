"""Runs one visit: inbox -> step -> commit -> perform. It holds no rule of the flow; those are in update.py.

No effect reaches the wire before the transaction with its intent is committed. Touches of a finished visit
and answers of an effect that was replaced mean nothing.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from kiosk.errors import KioskError, StoreError
from kiosk.flow import update
from kiosk.flow.book import Book, Mark
from kiosk.flow.effects import CommitEffect, Effect, SupplyEffect, WireEffect
from kiosk.flow.events import TOUCHES, VOLATILE, Event, PhoneGone, PhoneSeen, Restarted, TimeUp
from kiosk.flow.hands import Hands
from kiosk.flow.job import Job
from kiosk.flow.pace import Pace
from kiosk.flow.phases import bytes_left, bytes_moved
from kiosk.flow.present import Shown, job_view
from kiosk.flow.timeouts import Timeouts
from kiosk.flow.view import CallView, JobView
from kiosk.flow.visit import State, Visit
from kiosk.ports import Catalogue, Clock, Models, Phone

_COMMIT = get_args(CommitEffect)
_SUPPLY = get_args(SupplyEffect)
_WIRE = get_args(WireEffect)
_STOP_S = 8.0
_HANDS_STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What a visit works with, apart from its phone."""

    book: Book
    catalogue: Catalogue
    models: Models
    clock: Clock
    timeouts: Timeouts
    station: str = ""


class Runner:
    """One visit on one bay. ``post``, ``view`` and ``stop`` may be called from any thread."""

    def __init__(
        self,
        visit: Visit,
        phone: Phone,
        tools: Tools,
        *,
        resume: bool = False,
        after: threading.Event | None = None,
        on_change: Callable[[JobView], None] | None = None,
    ) -> None:
        self._visit = replace(visit, began_ms=visit.began_ms or tools.clock.wall_ms())
        self._tools = tools
        self._resume = resume
        self._after = after  # set once the bay's last runner has let everything go
        self._on_change = on_change
        self._inbox: queue.SimpleQueue[tuple[int | None, Event] | None] = queue.SimpleQueue()
        self._hands = Hands(phone, tools.catalogue, tools.book)
        self._ticket = 0
        self._effect_stop = threading.Event()
        self._entered_ms = self._deadline_ms = tools.clock.mono_ms()
        self._pace = Pace()
        self._mark = Mark("", 0)
        self.call: CallView | None = None
        self.failure = ""  # one line when the station itself broke down; the visit stays open
        self._view = self._snapshot()
        self._thread = threading.Thread(target=self._run, name=f"visit {visit.bay}", daemon=True)
        self.closed = threading.Event()

    @property
    def visit(self) -> Visit:
        """The state as of now."""
        return self._visit

    @property
    def mark(self) -> Mark:
        """The ledger's head after the visit's last commit."""
        return self._mark

    @property
    def view(self) -> JobView:
        """The latest snapshot; the time that is left in it is as of now."""
        deadline_s = max(0, (self._deadline_ms - self._tools.clock.mono_ms()) // 1000)
        view = self._view
        awaiting = self._visit.state is State.AWAIT_PHONE or _is_away(self._visit)
        return replace(view, deadline_s=deadline_s if awaiting else None, call=self.call)

    def start(self) -> None:
        """Begin, or go on after a restart."""
        self._thread.start()

    def post(self, event: Event) -> None:
        """A touch. Ignored where the visit has no use for it."""
        if type(event) in TOUCHES:
            self._inbox.put((None, event))

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """Leave the visit as it is; an open one is resumed by the next start of the station."""
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- the worker thread

    def _run(self) -> None:
        try:
            if self._after is not None:
                self._after.wait(_STOP_S)
            self._tools.book.lease(self._visit.bay)
            self._hands.start()
            try:
                self._loop()
            finally:
                self._effect_stop.set()
                self._hands.stop(_HANDS_STOP_S)
                with contextlib.suppress(
                    KioskError
                ):  # else it dies with this process; the first cause counts
                    self._tools.book.release(self._visit.bay)
        except KioskError as exc:
            self._break(exc.detail)
        except Exception as exc:  # noqa: BLE001 - the thread's last boundary: shown, and the visit stays open
            self._break(f"{type(exc).__name__}: {exc}")
        finally:
            self.closed.set()

    def _reread(self) -> None:
        """What the book says now that the bay is ours: another process may have moved the visit on."""
        open_visits = self._tools.book.open_visits()
        stored = next((one for one in open_visits if one.visit == self._visit.visit), None)
        if stored is None:
            raise StoreError("another process has finished this visit meanwhile")
        self._visit = replace(stored, bay_number=self._visit.bay_number)

    def _loop(self) -> None:
        if self._resume:
            self._reread()
        self._enter()
        moved, effects = update.step(self._visit, Restarted()) if self._resume else update.begin(self._visit)
        self._apply(Restarted(), moved, effects)
        while True:
            try:
                item = self._inbox.get(timeout=self._seconds_to_deadline())
            except queue.Empty:
                item = (None, TimeUp())
            if item is None:
                return
            ticket, event = item
            if ticket is not None and ticket != self._ticket:
                continue  # an answer to a question that is no longer asked
            self._apply(event, *update.step(self._visit, event))

    def _seconds_to_deadline(self) -> float | None:
        if self._visit.finished:
            return None
        return max(0.0, (self._deadline_ms - self._tools.clock.mono_ms()) / 1000)

    def _apply(self, event: Event, moved: Visit, effects: tuple[Effect, ...]) -> None:
        before = self._visit
        changed = moved.state is not before.state
        if changed:
            moved = self._with_seconds(moved)
        to_commit = [effect for effect in effects if isinstance(effect, _COMMIT)]
        passing = type(event) in VOLATILE or isinstance(event, PhoneSeen | PhoneGone)
        if to_commit or changed or (moved is not before and not passing):
            self._mark = self._tools.book.commit(moved, to_commit)
        self._visit = moved
        if changed:
            self._enter()
        elif _rearms(event, before, moved):
            self._deadline_ms = self._new_deadline_ms()
        self._pace.add(self._tools.clock.mono_ms(), bytes_moved(moved))
        for effect in effects:
            if isinstance(effect, _WIRE):
                self._perform(effect)
            elif isinstance(effect, _SUPPLY):
                self._hands.take(Job(effect, moved, lambda _event: None, threading.Event()))
        self._publish()

    def _perform(self, effect: WireEffect) -> None:
        self._effect_stop.set()
        self._effect_stop = threading.Event()
        self._ticket += 1
        ticket = self._ticket
        self._hands.take(
            Job(effect, self._visit, lambda event: self._inbox.put((ticket, event)), self._effect_stop)
        )

    def _enter(self) -> None:
        self._entered_ms = self._tools.clock.mono_ms()
        self._deadline_ms = self._new_deadline_ms()
        if self._visit.state in (State.FETCHING, State.WRITING):
            self._pace = Pace()

    def _new_deadline_ms(self) -> int:
        wait = update.WAITS.get(self._visit.state)
        if wait is None:
            return self._tools.clock.mono_ms()
        seconds: float = getattr(self._tools.timeouts, wait)
        if self._visit.state is State.CONNECT and self._visit.seen_before and not self._visit.charging:
            seconds = self._tools.timeouts.replug_s
        if self._visit.state is State.CONNECT and self._visit.charging:
            seconds = self._tools.timeouts.unlock_s
        if _is_away(self._visit):
            seconds = self._tools.timeouts.replug_s
        return self._tools.clock.mono_ms() + round(seconds * 1000)

    def _with_seconds(self, moved: Visit) -> Visit:
        spent_s = (self._tools.clock.mono_ms() - self._entered_ms) / 1000
        name = self._visit.state.value
        seconds = dict(self._visit.seconds)
        seconds[name] = round(seconds.get(name, 0.0) + spent_s, 3)
        return replace(moved, seconds=seconds)

    # -- showing

    def _snapshot(self) -> JobView:
        rest = bytes_left(self._visit)
        shown = Shown(
            seconds_left=None if rest is None else self._pace.seconds_for(rest),
            slip=self._slip(),
            failure=self.failure,
        )
        return job_view(self._visit, self._tools.models, shown)

    def _slip(self) -> str:
        if not self._visit.finished or not self._mark.index:
            return ""
        return f"{self._tools.station}/{self._mark.epoch}/{self._mark.index}/{self._visit.visit}"

    def _publish(self) -> None:
        self._view = self._snapshot()
        if self._on_change is not None:
            self._on_change(self._view)

    def _break(self, detail: str) -> None:
        self.failure = detail
        self._publish()


def _is_away(visit: Visit) -> bool:
    """Unplugged while its update is downloaded: it has a little time to come back."""
    return visit.state is State.FETCHING and not visit.phone_present


def _rearms(event: Event, before: Visit, moved: Visit) -> bool:
    """Whether the state's time begins anew, though the state is the same."""
    if _is_away(moved) is not _is_away(before) or moved.charging is not before.charging:
        return True
    return type(event) in VOLATILE and not _is_away(moved)
