"""How fast one request is, while it runs and when it is over. It judges nothing."""

from __future__ import annotations

import time

from firmware_agent.download.exchange import Reply
from firmware_agent.mirrors.book import Mirror, MirrorBook, Trial

_CAPPED_SHARE = 0.2


class Measurement:
    """Of one request to one mirror; :meth:`report` puts it into the book."""

    def __init__(self, book: MirrorBook, mirror: Mirror) -> None:
        self._book = book
        self._mirror = mirror
        self._first_byte_s: float | None = None
        self._asked_s = self._begun_s = time.monotonic()
        self._capped_s = 0.0
        self._ranges: bool | None = None
        self.body_bytes = 0

    def begun(self, reply: Reply, *, asked_range: bool) -> None:
        """Its headers came."""
        self._first_byte_s = reply.first_byte_s
        self._begun_s = time.monotonic()
        if asked_range:
            self._ranges = reply.is_partial

    def came(self, size_bytes: int, capped_s: float) -> None:
        """More of its body, after which our own cap made us wait."""
        self.body_bytes += size_bytes
        self._capped_s += capped_s

    @property
    def body_s(self) -> float:
        """Since its headers."""
        return max(1e-6, time.monotonic() - self._begun_s)

    @property
    def bytes_s(self) -> float:
        """Its present speed."""
        return max(1.0, self.body_bytes / self.body_s)

    @property
    def is_capped(self) -> bool:
        """Our own cap held it back, so its speed is not its own."""
        return self._capped_s > _CAPPED_SHARE * self.body_s

    def report(self, failure: str = "") -> None:
        """What it was like; nothing where it neither answered nor failed."""
        if self._first_byte_s is None and not failure:
            return
        lost_s = time.monotonic() - self._asked_s if failure and not self.body_bytes else 0.0
        trial = Trial(
            self._first_byte_s, self.body_s, self.body_bytes, failure, self.is_capped, self._ranges, lost_s
        )
        self._book.report(self._mirror, trial)
