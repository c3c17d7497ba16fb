"""How fast bytes go and how long the rest will take, from what was measured. No clock of its own."""

from __future__ import annotations

from collections import deque

_WINDOW_MS = 8000
_SETTLE_MS = 1500


class Pace:
    """Feed it totals as they grow; it answers in seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque()

    def add(self, at_ms: int, total_bytes: int) -> None:
        """``total_bytes`` so far at ``at_ms``. A fall (a partition begun anew) starts it again."""
        if self._samples and total_bytes < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((at_ms, total_bytes))
        while len(self._samples) > 2 and at_ms - self._samples[0][0] > _WINDOW_MS:
            self._samples.popleft()

    def seconds_for(self, rest_bytes: int) -> int | None:
        """At the speed of the last seconds; None until it is known."""
        if len(self._samples) < 2:
            return None
        (first_ms, first_bytes), (last_ms, last_bytes) = self._samples[0], self._samples[-1]
        if last_ms - first_ms < _SETTLE_MS or last_bytes <= first_bytes:
            return None
        per_ms = (last_bytes - first_bytes) / (last_ms - first_ms)
        return max(1, round(rest_bytes / per_ms / 1000))
