"""Which mirror one download asks next, and when it gives up: the book's order, less what failed in this download."""

from __future__ import annotations

import random
import threading
import time

from firmware_agent.download.exchange import Limits
from firmware_agent.errors import Stopped, Unreachable
from firmware_agent.mirrors.book import Mirror, MirrorBook

_WRONG_PIECES = 2  # of one mirror in one download; once may be a fault on the way
_MOST_PROBES = 16  # of unknown mirrors in one download,
_PROBE_SHARE = 0.25  # and this much of the time that it would take without
_MAX_PAUSE_S = 8.0
_MUCH_FASTER = 1.5  # another mirror must save a third of what is left, and then a second


class Rounds:
    """A round asks every mirror at most once after it failed; between rounds it waits, longer each time."""

    def __init__(self, book: MirrorBook, limits: Limits, what: str, stop: threading.Event) -> None:
        self._book = book
        self._limits = limits
        self._what = what
        self._stop = stop
        self._draw = random.Random()  # noqa: S311 - spreads stations over time, hides nothing
        self._failed: dict[str, Mirror] = {}  # in this round
        self._wrong: dict[str, int] = {}  # pieces, by mirror
        self._without_range: set[str] = set()
        self._rounds = 0
        self._probes = 0
        self._probe_s = 0.0
        self._probed_s: float | None = None  # when the one that runs began
        self._begun_s = time.monotonic()
        self._good_s = time.monotonic()
        self._last = ""

    def next(self, at_bytes: int, left_bytes: int) -> tuple[Mirror, bool]:
        """The mirror to ask now, and whether that is to measure it.

        Waits where all have failed. Raises ``Unreachable`` (``download_failed``, ``download_wrong``), ``Stopped``.
        """
        if self._probed_s is not None:
            self._probe_s += time.monotonic() - self._probed_s
            self._probed_s = None
        while True:
            ranked = self._book.standings(left_bytes, at_bytes)
            usable = [pair for pair in ranked if not self._is_wrong(pair[0])]
            if not usable:
                raise self._unreachable("every mirror gave wrong bytes" if ranked else "no mirror is known")
            ready = [pair for pair in usable if pair[0].url not in self._failed]
            # In the middle of a file, a mirror that can only begin at its start is the last resort.
            ranging = [pair for pair in ready if not at_bytes or pair[0].url not in self._without_range]
            if ready:
                known = [pair for pair in ranging if not pair[1].is_probe]
                if known and not self._may_probe(known[0][1].expected_s):
                    ranging = known
                mirror, standing = (ranging or ready)[0]
                is_new = len(ready) > 1 and not self._book.is_measured(mirror, left_bytes)
                if standing.is_probe:
                    self._probes += 1
                    self._probed_s = time.monotonic()
                return mirror, standing.is_probe or is_new
            if len(self._failed) == len(ranked):
                self._book.excuse(list(self._failed.values()))  # all of them: it is our own line
            self._pause()

    def outrun(self, mirror: Mirror, at_bytes: int, left_bytes: int, bytes_s: float) -> bool:
        """Whether another mirror would bring the rest much sooner than this one at its present speed."""
        for other, standing in self._book.standings(left_bytes, at_bytes):
            if standing.rests_s:
                return False
            if other == mirror or other.url in {*self._failed, *self._without_range} or self._is_wrong(other):
                continue
            if standing.is_probe and not self._may_probe(left_bytes / bytes_s):
                continue
            return left_bytes / bytes_s > _MUCH_FASTER * standing.expected_s + 1.0
        return False

    # -- what happened

    def progressed(self) -> None:
        """More of the file is here than ever before."""
        self._good_s, self._rounds = time.monotonic(), 0

    def was_busy(self, since_s: float) -> None:
        """Bytes came that are no progress (skipped, or of a piece that was thrown away): no silence either."""
        self._good_s += max(0.0, time.monotonic() - max(since_s, self._good_s))

    def failed(self, mirror: Mirror, reason: str) -> None:
        """It gave nothing more; ``Unreachable`` once that has been so for too long of all of them."""
        self._last = reason
        self._failed[mirror.url] = mirror
        if time.monotonic() - self._good_s > self._limits.give_up_s:
            raise self._too_long()

    def gave_wrong(self, mirror: Mirror) -> None:
        """A whole piece of its own was wrong."""
        self._wrong[mirror.url] = self._wrong.get(mirror.url, 0) + 1
        self._failed[mirror.url] = mirror

    def can_wait(self, mirror: Mirror) -> bool:
        """It cannot begin in the middle of a file; whether others should be asked first."""
        is_news = mirror.url not in self._without_range
        self._without_range.add(mirror.url)
        others = (other for other in self._book.mirrors if not self._is_wrong(other))
        return is_news and any(other.url not in self._without_range for other in others)

    # -- inside

    def _may_probe(self, left_s: float) -> bool:
        whole_s = time.monotonic() - self._begun_s + left_s
        return self._probes < _MOST_PROBES and self._probe_s < _PROBE_SHARE * whole_s

    def _is_wrong(self, mirror: Mirror) -> bool:
        return self._wrong.get(mirror.url, 0) >= _WRONG_PIECES

    def _pause(self) -> None:
        pause_s = min(_MAX_PAUSE_S, self._limits.pause_s * 2**self._rounds)
        pause_s *= self._draw.uniform(0.5, 1.0)
        if time.monotonic() + pause_s - self._good_s > self._limits.give_up_s:
            raise self._too_long()
        self._rounds += 1
        self._failed.clear()
        if self._stop.wait(pause_s):
            raise Stopped

    def _too_long(self) -> Unreachable:
        return self._unreachable(f"no mirror gave anything for {self._limits.give_up_s:g} s")

    def _unreachable(self, why: str) -> Unreachable:
        reason = "download_wrong" if self._wrong else "download_failed"
        last = f"; last: {self._last}" if self._last else ""
        return Unreachable(reason, f"{self._what}: {why}{last}")
