"""Fetches at night what the phones seen here lately will want by day. It never hurries and never fails a visit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from firmware_agent.errors import FirmwareError
from firmware_agent.watch import FewNotes, Note, Watch
from kiosk.settings import NightHours

LOOK_EVERY_S = 60.0
RECENT = timedelta(days=30)
"""A model not seen for so long is left to the line by day."""
MIN_WAIT, MAX_WAIT = timedelta(minutes=2), timedelta(hours=1)
_LINE = ("no_catalogue", "catalogue_expired")


class Stock(Protocol):
    """Where images come from."""

    def stock(self, model: str, watch: Watch) -> object: ...


class Stockkeeper:
    """One thread; at most one round a night, from the first minute of the night hours on.

    A round that was cut short (the line was down, the night ended) is taken up at the next look.
    """

    def __init__(
        self,
        stock: Stock,
        recent_models: Callable[[int], tuple[str, ...]],
        on_note: Callable[[Note], None],
        night: NightHours,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._stock = stock
        self._recent_models = recent_models
        self._on_note = on_note
        self._night = night
        self._now = now
        self._stop = threading.Event()
        self._round = ""  # the night that is being worked on, by the day it began
        self._done: set[str] = set()
        self._later: dict[str, datetime] = {}  # not before
        self._waits: dict[str, timedelta] = {}
        self._few = FewNotes(on_note)
        self._thread = threading.Thread(target=self._run, name="stockkeeper", daemon=True)

    def start(self) -> None:
        """Begin to look at the clock."""
        self._thread.start()

    def stop(self) -> None:
        """End at once; what has been downloaded is kept."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """If it is night and something is left to do, do it."""
        now = self._now()
        if not self._is_night(now):
            return
        tonight = self._night_of(now)
        if tonight != self._round:
            self._round, self._done, self._few = tonight, set(), FewNotes(self._on_note)
            self._later, self._waits = {}, {}
        since_ms = int((now - RECENT).timestamp() * 1000)
        for model in self._recent_models(since_ms):
            if model in self._done or self._stop.is_set() or not self._is_night(self._now()):
                continue
            if now >= self._later.get(model, now):
                self._fetch(model, now)

    def _fetch(self, model: str, now: datetime) -> None:
        try:
            self._stock.stock(model, Watch(on_note=self._few, stop=self._stop))
        except FirmwareError as exc:
            if exc.exit_code == 5 or exc.reason in _LINE:
                # The line: tried again, less and less often.
                self._waits[model] = min(2 * self._waits.get(model, MIN_WAIT / 2), MAX_WAIT)
                self._later[model] = now + self._waits[model]
                return
            self._few(Note("fetch.failed", {"model": model, "reason": exc.reason}))
        self._done.add(model)

    def _is_night(self, now: datetime) -> bool:
        return self._night.holds(now.hour * 60 + now.minute)

    def _night_of(self, now: datetime) -> str:
        """The same text from before midnight to after it."""
        return (now - timedelta(minutes=self._night.begin_min)).date().isoformat()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self.look()
            except Exception as exc:  # noqa: BLE001 - the thread's last boundary: told, and tried again
                self._few(
                    Note("fetch.failed", {"reason": "our_error", "detail": f"{type(exc).__name__}: {exc}"})
                )
