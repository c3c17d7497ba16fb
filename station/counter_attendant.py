"""Presses what the counter's screens offer, and nothing else; waits until it was answered. It knows no flow.

Used by the headless demo, the tests and the fault matrix in the place of a finger.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.view import Counter, CounterView, DropView, ManifestView, Said, TradeView
from station.errors import NEEDS_STAFF, StationError

POLL_S = 0.03
ANSWER_S = 60.0


class CounterAttendant:
    """One finger at one counter. ``on_press`` hears of every touch."""

    def __init__(
        self,
        counter: Counter,
        on_press: Callable[[c.Command], None] = lambda command: None,
        timeout_s: float = ANSWER_S,
    ) -> None:
        self.counter, self._on_press, self.timeout_s = counter, on_press, timeout_s
        self.pressed = 0

    @property
    def view(self) -> CounterView:
        """The screen at this moment."""
        return self.counter.view()

    def trade(self, trade: str) -> TradeView:
        """One trade-in as staff see it. :class:`StationError` once it has ended."""
        found = self.view.trade(trade)
        if found is None:
            raise StationError(f"trade-in {trade} is not on the screen any more", NEEDS_STAFF)
        return found

    def drop(self) -> DropView:
        """The drop-off on the screen."""
        found = self.view.drop
        if found is None:
            raise StationError("no drop-off is on the screen", NEEDS_STAFF)
        return found

    def manifest(self, manifest: str) -> ManifestView:
        """One manifest."""
        for found in self.view.manifests:
            if found.manifest == manifest:
                return found
        raise StationError(f"manifest {manifest} is not on the screen", NEEDS_STAFF)

    # -- touching

    def ask(self, command: c.Command) -> Said | None:
        """Press it; why it was not done, or None."""
        trade = getattr(command, "trade", "")
        if trade:
            self.wait(lambda: self._offered(trade, command), f"{_name(command)} is offered")
        return self._ask(command)

    def press(self, command: c.Command) -> None:
        """Press it; :class:`StationError` with the reason where it is refused."""
        said = self.ask(command)
        if said is not None:
            raise StationError(f"{_name(command)}: {said.reason} {dict(said.values)}", NEEDS_STAFF)

    def press_unoffered(self, command: c.Command) -> Said | None:
        """As :meth:`ask`, for what a screen does not offer: a replayed touch, a test's hostile hand."""
        return self._ask(command)

    def wait(self, is_so: Callable[[], object], what: str, timeout_s: float = 0.0) -> None:
        """Look at the screen until it is so. :class:`StationError` when it never is."""
        deadline = time.monotonic() + (timeout_s or self.timeout_s)
        while not is_so():
            if time.monotonic() > deadline:
                raise StationError(f"in vain: {what}; the screen says {self._says()}", NEEDS_STAFF)
            threading.Event().wait(POLL_S)

    def _ask(self, command: c.Command) -> Said | None:
        self._on_press(command)
        self.pressed += 1
        ticket = self.counter.do(command)
        self.wait(lambda: self.view.done_ticket >= ticket, f"{_name(command)} is answered")
        return next((said for said in self._all_said() if said.ticket == ticket), None)

    def _offered(self, trade: str, command: c.Command) -> bool:
        found = self.view.trade(trade)
        return found is not None and _name(command) in found.next

    def _all_said(self) -> list[Said]:
        view = self.view
        found = [view.said, view.drop.said if view.drop else None, *(one.said for one in view.trades)]
        return [said for said in found if said is not None]

    def _says(self) -> str:
        view = self.view
        trades = [f"{one.state}:{','.join(one.next)}" for one in view.trades]
        drop = f"drop-off at {view.drop.step}" if view.drop else "no drop-off"
        why = [said.reason for said in self._all_said()]
        return f"{drop}, trade-ins {trades}, {why}, troubles {[one.what for one in view.troubles]}"


def _name(command: c.Command) -> str:
    return type(command).__name__
