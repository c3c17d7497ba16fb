"""The counter: one worker takes commands in order, one watcher follows the dock, screens read a snapshot.

It matches :class:`kiosk.flow.counter.view.Counter`. No rule of the trade is here.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from kiosk.flow.counter import bench, rounds, snapshot
from kiosk.flow.counter.commands import Command
from kiosk.flow.counter.tools import Tools
from kiosk.flow.counter.view import CounterView, EstimateModel, EstimateView, QuestionView, Said
from kiosk.flow.counter.work import Errand, Work, ask
from recycling import estimate
from recycling.errors import Refused

log = logging.getLogger(__name__)

TICK_S = 1.0
LISTS_S = 10.0
WATCH_S = 0.5


class CounterDesk:
    """:meth:`start` takes up what an earlier process left open; every other method may be called from any thread."""

    def __init__(self, tools: Tools) -> None:
        self.work = Work(tools)
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._done = threading.Condition()
        self._reasons: dict[int, str | None] = {}  # tickets that somebody waits for
        self._tickets = 0
        self._handled = 0
        self._waiting: set[int] = set()  # tickets whose answer an errand still brings
        self._view = CounterView(dock=tools.dock is not None)
        self._threads = [threading.Thread(target=self._run, name="counter", daemon=True)]
        if tools.dock is not None:
            self._threads.append(threading.Thread(target=self._watch, name="counter-dock", daemon=True))
        self.work.errand = self._send
        self.work.changed = lambda: self._inbox.put(lambda: None)

    def start(self) -> None:
        """Take up what was left open, then work. :class:`kiosk.errors.StoreError` if the book cannot be read."""
        self._lists()
        rounds.recover(self.work)
        self._show()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Leave everything as it is; what was begun is taken up by the next start."""
        self.work.stopping.set()
        self._inbox.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5.0)

    # -- Counter

    def view(self) -> CounterView:
        """The whole counter at this moment."""
        return self._view

    def do(self, command: Command) -> int:
        """Ask; answered under the ticket that is returned."""
        with self._lock:
            self._tickets += 1
            ticket = self._tickets
            self._inbox.put(lambda: self._handle(ticket, command))
        return ticket

    def ask(self, command: Command, timeout_s: float = 30.0) -> str:
        """Ask and wait; why it was not done, "" when it was. Never on the worker's own thread or the screen's."""
        with self._done:
            ticket = self.do(command)
            self._reasons[ticket] = None
            self._done.wait_for(lambda: self._reasons[ticket] is not None, timeout_s)
            reason = self._reasons.pop(ticket)
        return "no_answer" if reason is None else reason

    def estimate_models(self) -> tuple[EstimateModel, ...]:
        """By the book in force."""
        prices = self.work.prices
        if prices is None:
            return ()
        models = sorted(prices.models.values(), key=lambda one: (one.brand, one.model))
        return tuple(EstimateModel(one.model, one.brand, one.names, one.storage) for one in models)

    def estimate_questions(self) -> tuple[QuestionView, ...]:
        """What an owner can answer alone."""
        return tuple(QuestionView(one.key, one.answers) for one in estimate.ASKED)

    def estimate(self, model: str, answers: Mapping[str, str]) -> EstimateView | None:
        """A range; None for an unknown model, or while a question is open."""
        prices = self.work.prices
        if prices is None:
            return None
        try:
            found = estimate.estimate(prices, model, answers, self.work.tools.shop.today(self.work.now_ms))
        except Refused:
            return None
        return EstimateView(found.low_fen, found.high_fen, found.book)

    # -- the worker

    def _run(self) -> None:
        ticked_ms = listed_ms = -(10**12)
        while True:
            try:
                job = self._inbox.get(timeout=TICK_S)
            except queue.Empty:
                job = _nothing
            if job is None:
                return
            self._safely(job)
            now_ms = self.work.mono_ms
            if now_ms - listed_ms >= 1000 * LISTS_S:
                listed_ms = now_ms
                self._safely(self._lists)
            if now_ms - ticked_ms >= 1000 * TICK_S:
                ticked_ms = now_ms
                self._safely(lambda: rounds.tick(self.work))
            self._safely(self._show)

    def _safely(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:
            # The counter goes on: what was not committed did not happen, and the next round tries again.
            log.exception("the counter's worker")

    def _handle(self, ticket: int, command: Command) -> None:
        try:
            bench.handle(self.work, ticket, command)
        except Exception:
            log.exception("%s", type(command).__name__)
            self.work.ticket = ticket
            self.work.say(bench.subject_of(command), "unforeseen")
        finally:
            self._handled = ticket
            if ticket not in self._waiting:
                self._tell(ticket)

    def _tell(self, ticket: int) -> None:
        with self._done:
            if ticket in self._reasons:
                said = [one.reason for one in self.work.said.values() if one.ticket == ticket]
                self._reasons[ticket] = said[0] if said else ""
                self._done.notify_all()

    def _lists(self) -> None:
        """Prices and processors change seldom."""
        self.work.read_lists()

    def _show(self) -> None:
        done = min(self._waiting) - 1 if self._waiting else self._handled
        try:
            self._view = snapshot.view(self.work, done)
        except Exception:
            # Whoever asked is told, and what was shown last goes on being shown.
            log.exception("the counter's view")
            told = Said("unforeseen", ticket=done, urgent=True)
            self._view = replace(self._view, done_ticket=done, said=told)

    # -- errands

    def _send(self, errand: Errand) -> None:
        if errand.ticket:
            self._waiting.add(errand.ticket)

        def carry() -> None:
            outcome = ask(errand)
            self._inbox.put(lambda: self._brought(errand, lambda: self.work.finish(errand, outcome)))

        threading.Thread(target=carry, name=f"counter-{errand.name}", daemon=True).start()

    def _brought(self, errand: Errand, finish: Callable[[], None]) -> None:
        try:
            finish()
        finally:
            self._waiting.discard(errand.ticket)
            self._tell(errand.ticket)

    # -- the dock

    def _watch(self) -> None:
        dock = self.work.tools.dock
        assert dock is not None
        change = -1
        while not self.work.stopping.is_set():
            try:
                change = dock.wait(change, WATCH_S)
                facts = dock.facts()
            except Exception:
                log.exception("the dock's facts")
                self.work.stopping.wait(WATCH_S)
                continue
            seen = threading.Event()
            self._inbox.put(lambda facts=facts, seen=seen: self._looked(facts, seen))  # type: ignore[misc]
            # One report at a time: a busy worker looks at the newest, not at a queue of old ones.
            while not seen.wait(0.2) and not self.work.stopping.is_set():
                continue

    def _looked(self, facts: object, seen: threading.Event) -> None:
        try:
            rounds.look(self.work, facts)  # type: ignore[arg-type]
        finally:
            seen.set()


def _nothing() -> None:
    """A round without a command."""
