"""Where staff are: page, trade, draft, and the ticket they wait for. The ground under the acts; draws nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kiosk.flow.counter.commands import Command
from kiosk.flow.counter.view import (
    BinView,
    Counter,
    CounterView,
    EstimateModel,
    ManifestView,
    Said,
    TradeView,
)
from kiosk.ui.staff.draft import PERSONAL, PINS, Draft

NO_VIEW: Final = CounterView()
NO_DRAFT: Final = Draft()
LOGIN: Final = "login"
QUEUE: Final = "queue"
TRADE: Final = "trade"  # the page follows the trade's own state
SECOND: Final = "second"
HERE: Final = "here"  # the screen was the customer's: whose turn is it
MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class StaffShown:
    """One moment of a staff page, ready to be put into words."""

    page: str = LOGIN
    view: CounterView = NO_VIEW
    trade: TradeView | None = None
    manifest: ManifestView | None = None
    bin: BinView | None = None
    draft: Draft = NO_DRAFT
    said: Said | None = None
    waiting: bool = False  # asked, and not answered yet
    now_ms: int = 0  # UTC, whole minutes
    models: tuple[EstimateModel, ...] = ()
    model: str = ""  # the one that is chosen, or likely
    province: str = ""  # that a plate begins with, by the last one seen here
    reason: str = ""  # what the second person is asked for
    unread: bool = False  # the scanner read rubbish
    public: bool = False  # the customer reads it


@dataclass(slots=True)
class Spot:
    """Where staff stand; kept over a log-out, so that the same work goes on after it."""

    place: str = QUEUE
    trade: str = ""
    manifest: str = ""
    bin: int = 0
    item: str = ""
    reason: str = ""  # of the second person's page
    step: str = ""  # of the customer's page, or a page within the trade
    draft: Draft = field(default_factory=Draft)


class Floor:
    """Base of the acts. Every act is called by one touch and returns at once."""

    def __init__(
        self,
        counter: Counter,
        now_s: Callable[[], float],
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._counter = counter
        self._now_s = now_s
        self._wall_ms = wall_ms
        self._spot = Spot()
        self._ticket = 0
        self._trades_before: frozenset[str] | None = None  # that there were when one was begun
        self._manifests_before: frozenset[str] | None = None
        self._view = CounterView()
        self._unread = False
        self._page = ""  # shown at the last look
        self._mine = Said("")  # what the page itself has to say, before anything is asked

    # -- asking

    def _do(self, command: Command) -> None:
        """One command at a time: a second touch while the first is unanswered asks for nothing."""
        if self._waiting():
            return
        self._mine = Said("")
        self._unread = False
        self._ticket = self._counter.do(command)

    def _waiting(self) -> bool:
        return self._ticket > self._view.done_ticket

    def _refuse(self, reason: str, **values: str | int) -> None:
        """What is missing on the page itself; nothing is asked of the counter."""
        self._mine = Said(reason, values)

    def _said(self, trade: TradeView | None) -> Said | None:
        """The page's own word first, then the answer to the last command, then the trade's."""
        if self._mine.reason:
            return self._mine
        said = self._view.said
        if said is not None and (said.ticket == self._ticket or said.urgent) and not self._waiting():
            return said
        return trade.said if trade is not None else None

    # -- moving

    def _go(self, place: str, **spot: str | int) -> None:
        keep = {name: getattr(self._spot, name) for name in ("trade", "manifest", "bin", "item")}
        self._spot = Spot(place=place, **{**keep, **spot})
        self._mine = Said("")
        self._unread = False
        self._page = ""

    def go(self, place: str) -> None:
        """One of the tabs, or a page within the trade."""
        self._go(place)

    def open_trade(self, trade: str) -> None:
        self._go(TRADE, trade=trade)

    def open_manifest(self, manifest: str) -> None:
        self._go("manifest", manifest=manifest)

    def open_bin(self, number: int) -> None:
        self._go("bin", bin=number)

    def open_item(self, item: str, page: str) -> None:
        """What lies in the hazard drawer ("drawer"), or was not seen falling ("resolve")."""
        self._go(page, item=item)

    def step(self, name: str) -> None:
        """A page within the page; what was typed stays."""
        self._spot.step = name

    def ask_second(self, reason: str) -> None:
        """Opens the page for the second person; what was typed before stays behind it."""
        self._spot.reason, self._spot.place = reason, SECOND
        self.focus("second_staff")

    # -- the draft

    @property
    def draft(self) -> Draft:
        return self._spot.draft

    def _set(self, draft: Draft) -> None:
        self._spot.draft = draft

    def key(self, char: str) -> None:
        """A key of the keypad."""
        self._set(self.draft.typed(char))

    def focus(self, name: str) -> None:
        self._set(self.draft.focused(name))

    def choose(self, name: str, value: str) -> None:
        self._set(self.draft.chosen(name, value))

    def tick(self, name: str) -> None:
        self._set(self.draft.ticked(name))

    def stroke(self, points: tuple[tuple[int, int], ...]) -> None:
        """One stroke of the customer's signature, when the finger is lifted."""
        self._set(self.draft.stroked(points))

    def sign_again(self) -> None:
        self._set(self.draft.unsigned())

    def _clear_secrets(self) -> None:
        """Nobody stands here any more: nothing of theirs stays on a page."""
        self._clear_pins()
        self._set(self.draft.without(*PERSONAL).unsigned())

    def _clear_pins(self) -> None:
        """A PIN is held no longer than until it was asked about."""
        self._set(self.draft.without(*PINS))
