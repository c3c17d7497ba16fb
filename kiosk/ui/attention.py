"""The customer's attention: which touches count, and what happens when none come. Pure; knows no widget and no desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ONE_TAP_S: Final = 0.3  # touches closer than this are one
IDLE_S: Final = 60.0
COUNTDOWN_S: Final = 20.0


class TouchGate:
    """Lets the first of several quick touches through."""

    def __init__(self) -> None:
        self._last_s = float("-inf")

    def admits(self, now_s: float, quick: bool = False) -> bool:
        """True when the touch at ``now_s`` (monotonic) is one of its own, as a ``quick`` one (a key) always is."""
        if not quick and now_s - self._last_s < ONE_TAP_S:
            return False
        self._last_s = now_s
        return True


@dataclass(frozen=True, slots=True)
class Rest:
    """How long the screen has been left alone, as a decision."""

    covered: bool = False  # hide what is personal
    countdown_s: int | None = None  # "are you still there?"
    over: bool = False  # leave for the attract screen


class Idleness:
    """Time since the last touch, judged by whether a phone is attached."""

    def __init__(self, now_s: float) -> None:
        self._touched_s = now_s

    def touched(self, now_s: float) -> None:
        self._touched_s = now_s

    def rest(self, now_s: float, phone_attached: bool) -> Rest:
        """A privacy cover while a phone is attached; else a countdown, then the end."""
        idle_s = now_s - self._touched_s
        if idle_s < IDLE_S:
            return Rest()
        if phone_attached:
            return Rest(covered=True)
        left_s = IDLE_S + COUNTDOWN_S - idle_s
        if left_s <= 0:
            return Rest(over=True)
        return Rest(countdown_s=int(left_s) + 1)
