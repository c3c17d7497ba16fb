"""One request to one mirror over HTTP/1.1, within limits. It knows no second mirror and writes no file."""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import threading
import time
from dataclasses import dataclass
from http.client import HTTPException, RemoteDisconnected
from ssl import SSLError
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from firmware_agent.errors import Stopped, Unreachable
from firmware_agent.mirrors.book import Mirror

_POLL_S = 0.05
_READ_BYTES = 256 * 1024
_IDLE_CONNECTIONS = 4
_PARTIAL = 206
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\Z", re.ASCII)
_LENGTH = re.compile(r"\d{1,18}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a mirror may make us wait before another one is asked."""

    connect_s: float = 5.0
    first_byte_s: float = 10.0  # from the beginning, the connection included
    silence_s: float = 10.0
    slowest_bytes_s: int = 4096  # over ``window_s`` of waiting
    window_s: float = 10.0
    pause_s: float = 0.5  # between two rounds over all mirrors; it doubles
    give_up_s: float = 60.0  # without a good byte, while all of them fail


class MirrorFailed(Unreachable):
    """This mirror did not deliver; another may. ``status`` is HTTP's, where it answered.

    Reasons: ``refused`` (no connection), ``silent``, ``slow``, ``cut``, ``status``, ``not_there`` (404), ``redirect``,
    ``encoded``, ``other_length``, ``other_range``, ``no_range``, ``not_http``.
    """

    def __init__(self, reason: str, mirror: Mirror, what: str, status: int | None = None) -> None:
        super().__init__(reason, f"{mirror.url}: {what}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``first`` to ``last`` of a file of ``total_bytes``, both included."""

    first: int
    last: int
    total_bytes: int | None  # None = the server does not say


def parse_content_range(text: str) -> Span | None:
    """A single part's ``Content-Range`` (RFC 9110, 14.4); None for anything else."""
    found = _CONTENT_RANGE.match(text)
    if not found:
        return None
    first, last = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    if first > last or (total is not None and last >= total):
        return None
    return Span(first, last, total)


class Reply:
    """The answer to one request, its headers read. ``read`` gives the body as it comes."""

    def __init__(self, request: Request, answer: urllib3.BaseHTTPResponse, first_byte_s: float) -> None:
        self._request = request
        self._answer = answer
        self.first_byte_s = first_byte_s
        self.status = answer.status
        self._waited_s = 0.0  # of the current window
        self._came_bytes = 0
        self._body_bytes = 0

    def header(self, name: str) -> str:
        """Its value; "" without one."""
        return str(self._answer.headers.get(name, ""))

    @property
    def is_partial(self) -> bool:
        """Whether the range that was asked for was honoured."""
        return self.status == _PARTIAL

    @property
    def length_bytes(self) -> int | None:
        """The body's length as said; None where it is not."""
        text = self.header("Content-Length").strip()
        return int(text) if _LENGTH.match(text) else None

    def read(self, most_bytes: int) -> bytes:
        """At least one byte and at most ``most_bytes``; b"" at the body's end.

        Raises :class:`MirrorFailed`, ``Stopped``.
        """
        request, most_bytes = self._request, min(most_bytes, _READ_BYTES)
        begun_s = time.monotonic()
        try:
            raw = self._answer.read1(most_bytes, decode_content=False) or b""
        except (HTTPError, HTTPException, OSError, ValueError) as exc:
            if request.stop.is_set():
                raise Stopped from exc
            raise request.failure(exc) from exc
        if request.stop.is_set():  # the guard may have ended the body, which is then not its end
            raise Stopped
        if len(raw) > most_bytes:  # http.client does that where a chunk says a negative size
            raise MirrorFailed("not_http", request.mirror, "more than was asked for", self.status)
        self._waited_s += time.monotonic() - begun_s
        self._came_bytes += len(raw)
        self._body_bytes += len(raw)
        limits = request.limits
        if self._waited_s >= limits.window_s:
            if self._came_bytes < limits.slowest_bytes_s * self._waited_s:
                rate = round(self._came_bytes / self._waited_s)
                raise MirrorFailed("slow", request.mirror, f"only {rate} bytes per second")
            self._waited_s, self._came_bytes = 0.0, 0
        return raw

    def close(self) -> None:
        """Let go of the connection; one whose body was read to its end can serve the next request."""
        # An empty body was never read, so http.client still counts the answer as open.
        is_drained = 0 < self._body_bytes == self.length_bytes
        says_close = self.header("Connection").lower() == "close"
        self._request.end(is_drained=is_drained and not says_close)
        if not is_drained:
            self._answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Request:
    """One request's thread: it connects and asks, where a name server or a silent mirror may hold it for long.

    Then it watches ``stop``, so that whoever reads can simply block. Whoever waits for it never hangs.
    """

    def __init__(self, idle: Idle, limits: Limits, mirror: Mirror, stop: threading.Event) -> None:
        self.limits = limits
        self.mirror = mirror
        self.stop = stop
        self._idle = idle
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._answers: queue.SimpleQueue[urllib3.BaseHTTPResponse | Exception] = queue.SimpleQueue()
        self._done = threading.Event()

    def begin(self, path: str, headers: dict[str, str]) -> None:
        """Ask for ``path`` (below the mirror's folder), on its own thread."""
        split = urlsplit(self.mirror.url)
        target = f"{split.path}/{quote(path, safe='/%')}"  # names of roles come quoted already
        name = f"asking {split.hostname}"
        threading.Thread(target=self._run, args=(target, headers), name=name, daemon=True).start()

    def wait(self, first_byte_s: float) -> Reply:
        """The answer's headers; :class:`MirrorFailed`, ``Stopped``."""
        begun_s = time.monotonic()
        while True:
            if self.stop.is_set():
                self.end()
                raise Stopped
            left_s = begun_s + first_byte_s - time.monotonic()
            try:
                answer = self._answers.get(timeout=max(0.0, min(_POLL_S, left_s)))
            except queue.Empty:
                if left_s > 0:
                    continue
                self.end()
                raise MirrorFailed("silent", self.mirror, f"no answer in {first_byte_s:g} s") from None
            if isinstance(answer, Exception):
                self.end()
                raise self.failure(answer) from answer
            return Reply(self, answer, time.monotonic() - begun_s)

    def failure(self, exc: Exception) -> MirrorFailed:
        """A library's exception in the room's words."""
        if isinstance(exc, NewConnectionError | ConnectTimeoutError):
            return MirrorFailed("refused", self.mirror, "no connection")
        if isinstance(exc, TimeoutError | urllib3.exceptions.TimeoutError):
            return MirrorFailed("silent", self.mirror, f"nothing came for {self.limits.silence_s:g} s")
        if isinstance(exc, SSLError | urllib3.exceptions.SSLError):
            return MirrorFailed("refused", self.mirror, "no secure connection")
        if isinstance(exc, OSError | urllib3.exceptions.ProtocolError | RemoteDisconnected):
            return MirrorFailed("cut", self.mirror, "the connection broke")
        return MirrorFailed("not_http", self.mirror, f"not an HTTP answer ({type(exc).__name__})")

    def end(self, *, is_drained: bool = False) -> None:
        """Let go of the connection, once; one whose body was read to its end can serve the next request."""
        if self._done.is_set():
            return
        self._done.set()
        if self._connection is None:
            return
        if is_drained and self._connection.sock is not None:
            self._idle.keep(self.mirror, self._connection)
        else:
            self._break_off()

    def _break_off(self) -> None:
        # Closing alone would not wake a thread that waits on the socket.
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._connection is not None:
            self._connection.close()

    def _run(self, target: str, headers: dict[str, str]) -> None:
        try:
            answer = self._ask(target, headers)
        except Exception as exc:  # noqa: BLE001 - it is raised where it is waited for
            self._break_off()
            self._answers.put(exc)
            return
        self._answers.put(answer)
        while not self._done.wait(_POLL_S):
            if self.stop.is_set():
                if self._socket is not None:
                    with contextlib.suppress(OSError):
                        self._socket.shutdown(socket.SHUT_RDWR)  # ends a read that blocks
                return

    def _ask(self, target: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        used = self._idle.take(self.mirror)
        if used is not None:
            try:
                return self._send(used, target, headers)
            except (HTTPError, HTTPException, OSError):
                if self._done.is_set():
                    raise
                self._break_off()  # the mirror had closed it meanwhile, which is no failure
        split = urlsplit(self.mirror.url)
        kind = HTTPSConnection if split.scheme == "https" else HTTPConnection
        fresh = kind(split.hostname or "", split.port, timeout=self.limits.connect_s)
        self._connection, self._socket = fresh, None
        fresh.connect()
        return self._send(fresh, target, headers)

    def _send(
        self, connection: HTTPConnection, target: str, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        self._connection, self._socket = connection, connection.sock
        if self._done.is_set():  # nobody waits any more
            raise TimeoutError
        connection.timeout = self.limits.silence_s
        connection.request("GET", target, headers=headers, preload_content=False, decode_content=False)
        return connection.getresponse()


class Idle:
    """A few connections whose last answer was read to its end, for the next request to the same mirror."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, HTTPConnection] = {}

    def take(self, mirror: Mirror) -> HTTPConnection | None:
        """The mirror's, which its taker then owns."""
        with self._lock:
            return self._kept.pop(mirror.url, None)

    def keep(self, mirror: Mirror, connection: HTTPConnection) -> None:
        """For later; the oldest of too many is closed."""
        with self._lock:
            dropped = [self._kept.pop(mirror.url, None)]
            self._kept[mirror.url] = connection
            if len(self._kept) > _IDLE_CONNECTIONS:
                dropped.append(self._kept.pop(next(iter(self._kept))))
        for other in dropped:
            if other is not None:
                other.close()

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
        for connection in kept:
            connection.close()
