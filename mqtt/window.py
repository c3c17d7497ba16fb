"""Which batches wait for a receipt, and when to send them again. Pure: times come in, decisions go out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

BATCHES = 4
"""Batches that wait for a receipt at the same time."""
MAX_RESEND_S = 60.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    first_index: int
    last_index: int
    deadline_s: float


class Window:
    """One connection's view. ``cursor`` is the last index that was handed to the broker on it."""

    def __init__(self, watermark: int, resend_s: float) -> None:
        self.watermark = watermark
        self.cursor = watermark
        self._first_resend_s = resend_s
        self._resend_s = resend_s
        self._waiting: deque[_Waiting] = deque()

    def has_room(self) -> bool:
        """Whether another batch may go out now."""
        return len(self._waiting) < BATCHES

    @property
    def overdue(self) -> bool:
        """Whether headquarters has already missed a deadline since its last receipt."""
        return self._resend_s > self._first_resend_s

    def sent(self, first_index: int, last_index: int, now_s: float) -> None:
        """A batch went to the broker."""
        self._waiting.append(_Waiting(first_index, last_index, now_s + self._resend_s))
        self.cursor = last_index

    def received(self, index: int) -> None:
        """Headquarters holds everything up to ``index``; also when that is less than was believed."""
        self._resend_s = self._first_resend_s
        self.watermark = index
        while self._waiting and self._waiting[0].last_index <= index:
            self._waiting.popleft()
        expected = self._waiting[0].first_index if self._waiting else self.cursor + 1
        if index + 1 < expected or index > self.cursor:
            self._rewind()

    def late(self, now_s: float) -> bool:
        """Whether the oldest batch has waited too long; if so everything after the watermark goes out
        again.
        """
        if not self._waiting or now_s < self._waiting[0].deadline_s:
            return False
        self._resend_s = min(MAX_RESEND_S, self._resend_s * 2)
        self._rewind()
        return True

    def _rewind(self) -> None:
        self._waiting.clear()
        self.cursor = self.watermark

    def patience_s(self, now_s: float) -> float | None:
        """Seconds until :meth:`late` may be true; None when nothing waits."""
        return max(0.0, self._waiting[0].deadline_s - now_s) if self._waiting else None
