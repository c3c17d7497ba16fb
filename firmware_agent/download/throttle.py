"""The cap on the shop's line: one budget for all downloads of the process. It counts bytes, not connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SHARE_S = 0.1  # at most this much of the line in one go, so that a cap is felt evenly
_MIN_SHARE_BYTES = 1024


class Throttle:
    """``rate_bytes_s()`` is asked anew each time (night and day differ); None or 0 = no cap."""

    def __init__(
        self, rate_bytes_s: Callable[[], float | None], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate_bytes_s
        self._clock = clock_s
        self._free_at_s = 0.0
        self._lock = threading.Lock()

    def share_bytes(self, most_bytes: int) -> int:
        """How much to read before the next :meth:`take`."""
        rate = self._rate()
        return most_bytes if not rate else min(most_bytes, max(_MIN_SHARE_BYTES, int(rate * _SHARE_S)))

    def take(self, size_bytes: int, stop: threading.Event) -> float:
        """Wait until ``size_bytes`` more are within the cap, or ``stop``; the seconds waited."""
        rate = self._rate()
        if not rate:
            return 0.0
        with self._lock:
            now = self._clock()
            # Each taker queues behind the bytes already taken; unused line is not saved up.
            self._free_at_s = max(self._free_at_s, now) + size_bytes / rate
            wait_s = self._free_at_s - now
        stop.wait(wait_s)
        return wait_s
