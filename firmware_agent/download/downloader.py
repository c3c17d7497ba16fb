"""One file from many mirrors: resumed, moved between mirrors in the middle, every piece checked as it lands.

Which mirror is asked next is :mod:`firmware_agent.mirrors.ranking`'s; what the file must be is the signed catalogue's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.download.exchange import Limits, MirrorFailed, Reply
from firmware_agent.download.http import Http
from firmware_agent.download.part_file import PartFile, PieceWrong
from firmware_agent.download.rounds import Rounds
from firmware_agent.download.throttle import Throttle
from firmware_agent.errors import Stopped, Unreachable
from firmware_agent.mirrors.book import WRONG, Mirror, MirrorBook
from firmware_agent.mirrors.measurement import Measurement
from firmware_agent.mirrors.ranking import PROBE_BYTES
from firmware_agent.wanted import Pieces, Wanted
from firmware_agent.watch import Watch

__all__ = ["Downloader", "Fetched", "Http", "Limits", "MirrorFailed", "Pieces", "Wanted"]

_PROBE_FIRST_BYTE_S = 2.0  # while a mirror that is known to answer waits
_READ_BYTES = 256 * 1024
_COMPARE_EVERY_S = 1.0
_NO_RANGE, _FASTER = "no_range", "faster"
_STEP_BYTES = 64 * 1024  # fewer new bytes than this are no progress


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a file came. ``fetched_bytes`` went over the line for it, wrong and skipped ones included."""

    mirror: str  # the last one; "" when everything was here
    mirrors: int
    fetched_bytes: int
    resumed_bytes: int
    ms: int


class Downloader:
    """For any number of threads; the cap on the line (``rate_bytes_s()``, None = none) holds for all together."""

    def __init__(
        self,
        book: MirrorBook,
        http: Http | None = None,
        *,
        limits: Limits | None = None,
        rate_bytes_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.book = book
        self.http = http or Http(book, limits=limits)
        self.limits = limits or self.http.limits
        self.throttle = Throttle(rate_bytes_s)

    def get(self, mirror: Mirror, path: str, limit_bytes: int, stop: threading.Event | None = None) -> bytes:
        """As :meth:`Http.get`."""
        return self.http.get(mirror, path, limit_bytes, stop)

    def fetch(self, wanted: Wanted, part: Path, watch: Watch) -> Fetched:
        """Have ``wanted`` whole and right in ``part``, going on from what is there; synced, not renamed.

        Notes ``fetch.mirror``, ``fetch.moved``, ``fetch.wrong``, ``fetch.done``. Raises ``Unreachable``
        (``download_failed``, ``download_wrong``), ``NoRoom``, ``Stopped``; what is good is kept then.
        """
        with PartFile(wanted, part, watch) as file:
            return _Errand(self, wanted, file, watch).run()


class _Errand:
    """One download."""

    def __init__(self, downloader: Downloader, wanted: Wanted, file: PartFile, watch: Watch) -> None:
        self._book = downloader.book
        self._http = downloader.http
        self._limits = downloader.limits
        self._throttle = downloader.throttle
        self._wanted = wanted
        self._file = file
        self._watch = watch
        self._rounds = Rounds(downloader.book, downloader.limits, wanted.path, watch.stop)
        self._alone_until = 0  # bytes before this come from one mirror, so that it can be blamed
        self._good_bytes = 0
        self._told = ""  # the mirror that the last note named
        self._why = ""
        self._used: set[str] = set()
        self._fetched_bytes = 0

    def run(self) -> Fetched:
        begun_s = time.monotonic()
        self._file.resume()
        resumed = self._good_bytes = self._file.at_bytes
        self._rounds.progressed()
        while not self._is_whole():
            if self._watch.stop.is_set():
                raise Stopped
            mirror, is_probe = self._rounds.next(self._file.at_bytes, self._file.left_bytes)
            try:
                self._stretch(mirror, is_probe)
            except MirrorFailed as exc:
                self._why = exc.reason
                if exc.reason != _NO_RANGE:
                    self._rounds.failed(mirror, exc.reason)
            except PieceWrong as exc:
                self._on_wrong(mirror, exc)
        self._file.sync()
        self._book.save()
        ms = round(1000 * (time.monotonic() - begun_s))
        fetched = Fetched(self._told, len(self._used), self._fetched_bytes, resumed, ms)
        if self._fetched_bytes:
            counts = {"bytes": fetched.fetched_bytes, "mirrors": fetched.mirrors, "ms": ms}
            self._watch.note("fetch.done", mirror=fetched.mirror, **counts)
        return fetched

    def _is_whole(self) -> bool:
        if self._file.left_bytes:
            return False
        if self._file.is_right():
            return True
        # Every piece is right and the whole is not: the catalogue contradicts itself. No mirror can mend that.
        self._file.throw_all()
        raise Unreachable("download_wrong", f"{self._wanted.path}: its pieces do not make up the whole")

    # -- one request

    def _stretch(self, mirror: Mirror, is_probe: bool) -> None:
        """Take from one mirror what it gives, as long as none would be much faster."""
        body = Measurement(self._book, mirror)
        begun_s = time.monotonic()
        try:
            self._ask(mirror, is_probe, body)
        except MirrorFailed as exc:
            body.report("" if exc.reason == _NO_RANGE else exc.reason)
            raise
        except PieceWrong as exc:
            body.report(WRONG if exc.sources == {mirror.url} else "")
            raise
        except BaseException:
            body.report()
            raise
        else:
            body.report()
        finally:
            if body.body_bytes >= _STEP_BYTES:
                self._rounds.was_busy(begun_s)

    def _ask(self, mirror: Mirror, is_probe: bool, body: Measurement) -> None:
        file, size_bytes = self._file, self._wanted.size_bytes
        end, first_byte_s = size_bytes, self._limits.first_byte_s
        if file.at_bytes < self._alone_until:
            file.throw_piece()
        elif is_probe:
            end = file.at_bytes + PROBE_BYTES if file.left_bytes > 2 * PROBE_BYTES else size_bytes
            first_byte_s = min(first_byte_s, _PROBE_FIRST_BYTE_S) if self._used else first_byte_s
        span = (file.at_bytes, end, size_bytes)
        reply, begin, end = self._http.stretch(
            mirror, self._wanted.path, span, self._watch.stop, first_byte_s
        )
        with reply:
            body.begun(reply, asked_range=span[:2] != (0, size_bytes))
            if begin < file.at_bytes:
                self._skip(mirror, reply, body)
            self._tell(mirror, is_probe)
            self._take(mirror, reply, body, end)

    def _skip(self, mirror: Mirror, reply: Reply, body: Measurement) -> None:
        """It gave the file from its start: read what is here already and drop it, where nobody else is left."""
        if self._rounds.can_wait(mirror):
            raise MirrorFailed(_NO_RANGE, mirror, "it cannot begin in the middle of a file", reply.status)
        left = self._file.at_bytes
        while left:
            left -= len(self._piece(mirror, reply, body, left))

    def _take(self, mirror: Mirror, reply: Reply, body: Measurement, end: int) -> None:
        file = self._file
        compared_s = time.monotonic()
        while file.at_bytes < end:
            file.add(self._piece(mirror, reply, body, end - file.at_bytes), mirror.url)
            if file.best_bytes >= self._good_bytes + _STEP_BYTES or not file.left_bytes:
                self._good_bytes = file.best_bytes
                self._rounds.progressed()
            if time.monotonic() - compared_s >= _COMPARE_EVERY_S and file.left_bytes:
                compared_s = time.monotonic()
                if body.is_capped or file.at_bytes < self._alone_until:
                    continue  # its speed is not its own; or moving would throw away what came
                if self._rounds.outrun(mirror, file.at_bytes, file.left_bytes, body.bytes_s):
                    self._why = _FASTER
                    return

    def _piece(self, mirror: Mirror, reply: Reply, body: Measurement, most_bytes: int) -> bytes:
        raw = reply.read(self._throttle.share_bytes(min(most_bytes, _READ_BYTES)))
        if not raw:
            raise MirrorFailed("cut", mirror, f"ended {most_bytes} bytes early", reply.status)
        self._fetched_bytes += len(raw)
        body.came(len(raw), self._throttle.take(len(raw), self._watch.stop))
        return raw

    # -- what is said of it

    def _on_wrong(self, mirror: Mirror, exc: PieceWrong) -> None:
        self._why = WRONG
        self._watch.note("fetch.wrong", mirror=mirror.url, at_bytes=exc.offset)
        if exc.sources == {mirror.url}:
            self._rounds.gave_wrong(mirror)
        else:
            # Nobody can be blamed for a piece of several; the next attempt is one mirror's alone.
            self._alone_until = max(self._alone_until, self._file.piece_end)

    def _tell(self, mirror: Mirror, is_probe: bool) -> None:
        self._used.add(mirror.url)
        at_bytes = self._file.at_bytes
        if not self._told:
            self._watch.note("fetch.mirror", mirror=mirror.url, at_bytes=at_bytes)
        elif mirror.url != self._told and (self._why or not is_probe):
            moved: dict[str, str | int] = {"from": self._told, "to": mirror.url}
            self._watch.note("fetch.moved", **moved, at_bytes=at_bytes, reason=self._why or _FASTER)
        elif mirror.url != self._told:
            return  # only measured; if it is the faster one, it is said then
        self._told, self._why = mirror.url, ""
