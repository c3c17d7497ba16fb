"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    """UTC for people, monotonic for deadlines; both in whole milliseconds."""

    def wall_ms(self) -> int:
        """Since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        """Since some moment of this boot."""
        return time.monotonic_ns() // 1_000_000
