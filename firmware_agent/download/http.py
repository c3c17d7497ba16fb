"""Files of one mirror over HTTP: a whole small one into memory, or a stretch of a large one as it comes.

Every outcome goes into the book of mirrors. It does not choose a mirror and writes no file.
"""

from __future__ import annotations

import threading
import time

from firmware_agent.download.exchange import Idle, Limits, MirrorFailed, Reply, Request, parse_content_range
from firmware_agent.errors import Stopped
from firmware_agent.mirrors.book import Mirror, MirrorBook, Trial

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "phone-service-station"}
_OK, _PARTIAL, _NOT_FOUND, _NO_SUCH_RANGE = 200, 206, 404, 416


class Http:
    """For any number of threads and mirrors."""

    def __init__(self, book: MirrorBook, *, limits: Limits | None = None) -> None:
        self.book = book
        self.limits = limits or Limits()
        self._idle = Idle()

    def get(self, mirror: Mirror, path: str, limit_bytes: int, stop: threading.Event | None = None) -> bytes:
        """A whole small file, at most ``limit_bytes`` long.

        Raises :class:`MirrorFailed` (an ``Unreachable`` with ``status``; 404 is ``not_there``), ``Stopped``.
        """
        asked = stop or threading.Event()
        begun_s = time.monotonic()
        first_byte_s: float | None = None
        try:
            with self.request(mirror, path, {}, asked, self.limits.first_byte_s) as reply:
                first_byte_s = reply.first_byte_s
                raw = self._body(mirror, reply, limit_bytes, begun_s)
        except MirrorFailed as exc:
            # A file that is not there is an answer, and root metadata is asked for until there is no next one.
            failure = "" if exc.reason == "not_there" else exc.reason
            self.book.report(mirror, Trial(first_byte_s, failure=failure, lost_s=time.monotonic() - begun_s))
            raise
        self.book.report(mirror, Trial(first_byte_s, time.monotonic() - begun_s - first_byte_s, len(raw)))
        return raw

    def _body(self, mirror: Mirror, reply: Reply, limit_bytes: int, begun_s: float) -> bytes:
        if reply.status != _OK:
            raise self.unexpected(mirror, reply)
        said = reply.length_bytes
        if said is not None and said > limit_bytes:
            raise MirrorFailed(
                "other_length", mirror, f"{said} bytes where at most {limit_bytes} are right", _OK
            )
        pieces, left = [], limit_bytes + 1
        while left and (piece := reply.read(left)):
            pieces.append(piece)
            left -= len(piece)
            if time.monotonic() - begun_s > self.limits.give_up_s:
                raise MirrorFailed("slow", mirror, f"a small file took over {self.limits.give_up_s:g} s", _OK)
        if not left:
            raise MirrorFailed("other_length", mirror, f"more than {limit_bytes} bytes", _OK)
        raw = b"".join(pieces)
        if said is not None and len(raw) != said:
            raise MirrorFailed("cut", mirror, f"ended after {len(raw)} of {said} bytes", _OK)
        return raw

    def stretch(
        self,
        mirror: Mirror,
        path: str,
        span: tuple[int, int, int],
        stop: threading.Event,
        first_byte_s: float,
    ) -> tuple[Reply, int, int]:
        """Ask for bytes ``begin`` up to ``end`` of a file of ``size`` (``span``); the reply, and what it holds.

        A mirror without Range gives the file from its start. Raises :class:`MirrorFailed`, ``Stopped``.
        """
        begin, end, size_bytes = span
        headers = {} if (begin, end) == (0, size_bytes) else {"Range": f"bytes={begin}-{end - 1}"}
        reply = self.request(mirror, path, headers, stop, first_byte_s)
        try:
            holds = self._holds(mirror, reply, span)
        except BaseException:
            reply.close()
            raise
        return reply, *holds

    def _holds(self, mirror: Mirror, reply: Reply, span: tuple[int, int, int]) -> tuple[int, int]:
        begin, end, size_bytes = span
        if reply.status == _OK:
            if reply.length_bytes not in (None, size_bytes):
                raise MirrorFailed(
                    "other_length", mirror, f"{reply.length_bytes} bytes instead of {size_bytes}", _OK
                )
            return 0, size_bytes
        if reply.status != _PARTIAL:
            raise self.unexpected(mirror, reply)
        told = parse_content_range(reply.header("Content-Range").strip())
        # A shorter range, too, is refused: byte by byte it would hold a download for ever.
        if told is None or (told.first, told.last) != (begin, end - 1):
            raise MirrorFailed("other_range", mirror, f"another range than {begin}-{end - 1}", _PARTIAL)
        if told.total_bytes not in (None, size_bytes):
            raise MirrorFailed(
                "other_length", mirror, f"{told.total_bytes} bytes instead of {size_bytes}", _PARTIAL
            )
        if reply.length_bytes not in (None, end - begin):
            raise MirrorFailed("other_length", mirror, "a range and a length that differ", _PARTIAL)
        return begin, end

    def request(
        self, mirror: Mirror, path: str, headers: dict[str, str], stop: threading.Event, first_byte_s: float
    ) -> Reply:
        """The reply's headers, from a plain body; its status is the caller's to judge."""
        if stop.is_set():
            raise Stopped
        request = Request(self._idle, self.limits, mirror, stop)
        request.begin(path, {**_HEADERS, **headers})
        reply = request.wait(first_byte_s)
        if reply.header("Content-Encoding").strip().lower() not in ("", "identity"):
            reply.close()
            raise MirrorFailed("encoded", mirror, "an encoded body, which was not asked for", reply.status)
        return reply

    @staticmethod
    def unexpected(mirror: Mirror, reply: Reply) -> MirrorFailed:
        """What a status other than success means."""
        status = reply.status
        if status == _NOT_FOUND:
            return MirrorFailed("not_there", mirror, "the file is not there (404)", status)
        if status == _NO_SUCH_RANGE:
            return MirrorFailed("other_length", mirror, "a shorter file (416)", status)
        if 300 <= status < 400:
            return MirrorFailed("redirect", mirror, f"sends us elsewhere ({status})", status)
        return MirrorFailed("status", mirror, f"answered {status}", status)

    def close(self) -> None:
        """Close idle connections."""
        self._idle.close()
