"""A mirror: a folder over HTTP/1.1 with Range, and with faults when asked. It knows no catalogue and lists nothing."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from station.mirror_faults import Faults, parse_faults
from station.mirror_files import open_file, plain, span

_CHUNK_BYTES = 64 * 1024
_TICK_S = 0.05
_IDLE_S = 60.0


@dataclass(slots=True)
class Count:
    """What one path was asked for."""

    requests: int = 0
    sent_bytes: int = 0


class MirrorServer:
    """Serves a folder in the background while it is entered; :attr:`url` is its address.

    ``faults`` (as :data:`station.mirror_faults.SPECS` has them) may be replaced while it serves, by :meth:`suffer`.
    """

    def __init__(
        self, root: Path, faults: Iterable[str] = (), *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.root = root
        self.faults = parse_faults(faults)
        self.counts: dict[str, Count] = {}
        self.died = threading.Event()
        self._lock = threading.Lock()
        self._target_bytes = 0
        self._server = _Server((host, port), self)
        shown, number = self._server.server_address[:2]
        self.url = f"http://{shown if isinstance(shown, str) else shown.decode()}:{number}"
        self._thread = threading.Thread(target=self._serve, name=f"mirror {number}", daemon=True)

    @property
    def requests(self) -> int:
        """All of them so far."""
        with self._lock:
            return sum(count.requests for count in self.counts.values())

    @property
    def sent_bytes(self) -> int:
        """Of all bodies so far."""
        with self._lock:
            return sum(count.sent_bytes for count in self.counts.values())

    def suffer(self, *specs: str) -> None:
        """From now on these faults, and no others."""
        self.faults = parse_faults(specs)

    def die(self) -> None:
        """Be gone at once: nothing listens, and every connection breaks."""
        self.died.set()
        self._server.cut()

    @property
    def connections(self) -> int:
        """That were ever accepted."""
        return self._server.accepted

    def hang_up(self) -> None:
        """Close every connection, and go on serving."""
        self._server.break_off()

    def asked(self, path: str) -> None:
        """One more request."""
        with self._lock:
            self.counts.setdefault(path, Count()).requests += 1

    def may_send(self, path: str, size_bytes: int) -> int:
        """How much of the next piece still goes out before it dies; counts it."""
        with self._lock:
            limit = self.faults.at(path).die_after
            if limit is not None and path.startswith("targets/"):
                size_bytes = max(0, min(size_bytes, limit - self._target_bytes))
                self._target_bytes += size_bytes
            self.counts.setdefault(path, Count()).sent_bytes += size_bytes
            return size_bytes

    def _serve(self) -> None:
        self._server.serve_forever(_TICK_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.died.set()
        self._server.cut()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], mirror: MirrorServer) -> None:
        self.mirror = mirror
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self.accepted = 0
        super().__init__(address, _Handler)

    def process_request(self, request: object, client_address: object) -> None:
        connection = cast("socket.socket", request)
        with self._open_lock:
            self._open.add(connection)
            self.accepted += 1
        super().process_request(connection, client_address)

    def shutdown_request(self, request: object) -> None:
        connection = cast("socket.socket", request)
        with self._open_lock:
            self._open.discard(connection)
        super().shutdown_request(connection)

    def cut(self) -> None:
        """Stop listening and break every connection."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.break_off()

    def break_off(self) -> None:
        """Break every connection."""
        with self._open_lock:
            broken = list(self._open)
        for one in broken:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def service_actions(self) -> None:
        if self.mirror.died.is_set():
            time.sleep(_TICK_S)  # a socket that does not listen any more always looks ready

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "mirror"
    sys_version = ""
    timeout = _IDLE_S
    disable_nagle_algorithm = True  # headers and a short body are two writes: 40 ms on a kept connection
    server: _Server

    def do_GET(self) -> None:
        """A file, or the stretch of it that was asked for."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """The same headers without the body."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Counted, not printed."""

    def _answer(self, *, with_body: bool) -> None:
        path = plain(self.path)
        mirror = self.server.mirror
        mirror.asked(path or "")
        faults = mirror.faults.at(path or "")
        wait_s = None if faults.silent else faults.first_byte
        if wait_s != 0 and mirror.died.wait(wait_s):
            self.close_connection = True
            return
        if faults.status is not None:
            self._refuse(faults.status)
        elif faults.redirect:
            self._refuse(302, Location=faults.redirect)
        else:
            handle = open_file(mirror.root, path) if path else None
            if handle is None:
                self._refuse(404)
                return
            try:
                self._send(handle, path or "", faults, with_body)
            finally:
                os.close(handle)

    def _refuse(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _send(self, handle: int, path: str, faults: Faults, with_body: bool) -> None:
        size_bytes = os.fstat(handle).st_size
        text = "" if faults.no_range or self.headers.get("If-Range") else self.headers.get("Range", "")
        found = span(text, size_bytes)
        if found is None:
            self._refuse(416, Content_Range=f"bytes */{size_bytes}")
            return
        begin, end, is_part = found
        self.send_response(206 if is_part else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("X-Content-Type-Options", "nosniff")
        changes = path == "metadata/timestamp.json"
        self.send_header("Cache-Control", "no-cache" if changes else "public, max-age=86400")
        if not faults.no_range:
            self.send_header("Accept-Ranges", "bytes")
        if is_part:
            shift = (-1 if begin else 1) if faults.wrong_range else 0
            told = f"{begin + shift}-{end - 1 + shift}/{max(size_bytes, end + shift)}"
            self.send_header("Content-Range", f"bytes {told}")
        if faults.gzip:
            self.send_header("Content-Encoding", "gzip")
        if faults.endless:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        if with_body:
            self._send_body(handle, path, faults, begin, end)

    def _send_body(self, handle: int, path: str, faults: Faults, begin: int, end: int) -> None:
        mirror = self.server.mirror
        if faults.short is not None:
            end = min(end, begin + faults.short)
            self.close_connection = True
        for piece in _paced(_pieces(handle, path, faults, begin, end), faults, mirror.died):
            allowed = mirror.may_send(path, len(piece))
            self.wfile.write(piece[:allowed])
            if allowed < len(piece):
                mirror.die()
            if mirror.died.is_set():
                self.close_connection = True
                return


def _pieces(handle: int, path: str, faults: Faults, begin: int, end: int) -> Iterator[bytes]:
    offset = begin
    while offset < end:
        piece = os.pread(handle, min(_CHUNK_BYTES, end - offset), offset)
        if not piece:
            return
        wrong = faults.wrong
        if wrong is not None and path.startswith("targets/") and offset <= wrong < offset + len(piece):
            at = wrong - offset
            piece = piece[:at] + bytes([piece[at] ^ 0x01]) + piece[at + 1 :]
        yield piece
        offset += len(piece)
    while faults.endless:
        yield bytes(_CHUNK_BYTES)


def _paced(pieces: Iterator[bytes], faults: Faults, stop: threading.Event) -> Iterator[bytes]:
    for piece in pieces:
        if faults.trickle is not None:
            for byte in piece:
                yield bytes([byte])
                if stop.wait(faults.trickle):
                    return
        elif faults.slow is not None:
            step = max(1, int(faults.slow * _TICK_S))
            for at in range(0, len(piece), step):
                part = piece[at : at + step]
                yield part
                if stop.wait(len(part) / faults.slow):
                    return
        else:
            yield piece
