"""The simulated customer: does with a virtual phone and the kiosk's desk what a person would do next.

Used by the headless demo and the benchmarks. It sees only what a customer sees: the screen of a visit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kiosk.flow.view import Desk, JobView, Screen
from station.errors import NEEDS_STAFF, StationError

CONSENT_TEXT = "update-1"
POLL_S = 0.05


class Hands(Protocol):
    """What a person can do to a phone with two hands."""

    def status(self) -> dict[str, Any]: ...
    def unlock(self) -> object: ...
    def hold_keys(self) -> object: ...
    def replug(self) -> object: ...


@dataclass(slots=True)
class SimulatedCustomer:
    """Walks one visit from begin to end. ``pace_s`` is waited before each act, so that people can follow."""

    desk: Desk
    hands: Mapping[str, Hands]  # by bay (port path)
    pace_s: float = 0.0
    on_screen: Callable[[JobView], None] = lambda job: None
    on_end: Callable[[JobView], None] = lambda job: None  # before the customer goes
    _seen: set[tuple[str, Screen]] = field(default_factory=set)

    def visit(self, language: str, timeout_s: float) -> JobView:
        """Begin a visit and act until it has ended; the last view of it.

        Raises :class:`StationError` when no bay is free or the visit does not end in ``timeout_s``.
        """
        visit = self.desk.begin(language)
        if visit is None:
            raise StationError("every bay is taken")
        deadline = time.monotonic() + timeout_s
        job = None
        while time.monotonic() < deadline:
            job = self.desk.view().job(visit) or job
            if job is not None and self._act(job, language):
                return job
            threading.Event().wait(POLL_S)
        where = job.screen if job else "nowhere"
        raise StationError(f"the visit did not end in {timeout_s:.0f} s; it is at {where}", NEEDS_STAFF)

    def _act(self, job: JobView, language: str) -> bool:
        """One act for a screen met for the first time; True when the visit has ended."""
        if job.finished:
            if (job.visit, job.screen) not in self._seen:
                self.on_screen(job)
            self.on_end(job)
            self.desk.finish(job.visit)
            return True
        if (job.visit, job.screen) in self._seen:
            return False
        self._seen.add((job.visit, job.screen))
        self.on_screen(job)
        act = self._acts(job, language).get(job.screen)
        if act:
            if self.pace_s:
                threading.Event().wait(self.pace_s)
            act()
        return False

    def _acts(self, job: JobView, language: str) -> dict[Screen, Callable[[], object]]:
        hands = self.hands[job.bay]
        return {
            Screen.CONNECT: lambda: hands.status()["plugged"] or hands.replug(),
            Screen.UNLOCK: hands.unlock,
            Screen.KEYS: hands.hold_keys,
            Screen.PLAN: lambda: self.desk.consent(job.visit, CONSENT_TEXT, language),
            Screen.BACKUP: lambda: self.desk.backup(job.visit, "done"),
            Screen.AWAIT_PHONE: lambda: hands.status()["plugged"] or hands.replug(),
            Screen.UNLOCK_AGAIN: hands.unlock,
            Screen.KEYS_AGAIN: hands.hold_keys,
        }
