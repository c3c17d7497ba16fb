"""Rebuilds an image from its base and a delta package: bounded memory, two workers, resumable at any byte.

The package is believed only as far as the catalogue vouched for its hash; nothing here looks at a signature.
It makes no delta (make.py) and renames no file: the caller does, after :func:`apply` returned.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.delta.format import Header, Segment, bad, read_header
from firmware_agent.delta.rebuild import PIECE_BYTES, Rebuilder, cannot_write, other_base
from firmware_agent.durable import disk
from firmware_agent.errors import DeltaRefused, Stopped
from firmware_agent.watch import Watch

__all__ = ["Expected", "Header", "Segment", "apply", "read_header"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the catalogue says of the package's base and result. ``base_sha256`` "" = rebuilt from nothing."""

    base_sha256: str
    base_size_bytes: int
    result_sha256: str
    result_size_bytes: int


def apply(
    package: Path, base: int | None, out: Path, expected: Expected, watch: Watch, workers: int = 2
) -> None:
    """Rebuild the image into ``out`` and prove its SHA-256; synced when this returns.

    ``base``: an open file, None when the package needs none. ``out`` may hold the remains of an interrupted run:
    its whole segments are kept if their hash is right, the rest is written anew; nothing outside the result's
    size is ever written, and a longer file is cut to it. ``watch.on_bytes`` counts bytes of the result.

    Raises ``DeltaRefused``: ``bad_delta``, ``other_base``, ``other_result`` (the package is for something else),
    ``wrong_result`` (it made something else), ``cannot_read``, ``cannot_write``; ``NoRoom``; ``Stopped``.
    """
    package_handle = _open(package, os.O_RDONLY, "cannot_read")
    try:
        header = _front(package_handle)
        _agree(header, expected)
        _check_base(header, base)
        out_handle = _open(out, os.O_RDWR | os.O_CREAT, "cannot_write")
        try:
            _Run(header, package_handle, base, out_handle, watch).run(workers)
        finally:
            os.close(out_handle)
    finally:
        os.close(package_handle)


def _open(path: Path, flags: int, reason: str) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as exc:
        raise DeltaRefused(reason, f"{path.name} cannot be opened: {exc.strerror}") from exc


def _front(handle: int) -> Header:
    with os.fdopen(os.dup(handle), "rb") as file:
        header = read_header(file)
        if os.fstat(handle).st_size != header.package_bytes:
            raise bad("it is not as long as it says")
    return header


def _agree(header: Header, expected: Expected) -> None:
    """The package is the one the catalogue means."""
    if (header.base_sha256, header.base_size_bytes) != (expected.base_sha256, expected.base_size_bytes):
        raise other_base("the catalogue names a different one")
    if (header.result_sha256, header.result_size_bytes) != (
        expected.result_sha256,
        expected.result_size_bytes,
    ):
        raise DeltaRefused("other_result", "the delta rebuilds another image than the catalogue says")


def _check_base(header: Header, base: int | None) -> None:
    if header.base_size_bytes and base is None:
        raise other_base("there is none here")
    if base is not None and header.base_size_bytes:
        size_bytes = os.fstat(base).st_size
        if size_bytes != header.base_size_bytes:
            raise other_base(f"it has {size_bytes} bytes, not {header.base_size_bytes}")


class _Run:
    """One apply: workers make segments in any order; the caller's thread hashes the result in order behind them."""

    def __init__(self, header: Header, package: int, base: int | None, out: int, watch: Watch) -> None:
        self._header = header
        self._files = (package, base, out)
        self._watch = watch
        self._out = out
        self._lock = threading.Lock()
        self._next = 0
        self._kept_bytes = 0
        self._ended = threading.Event()
        self._news: queue.SimpleQueue[int | Segment | BaseException] = queue.SimpleQueue()

    def run(self, workers: int) -> None:
        """All of it."""
        self._kept_bytes = self._cut()
        threads = [threading.Thread(target=self._work, name=f"delta-{n}") for n in range(max(1, workers))]
        for thread in threads:
            thread.start()
        try:
            self._follow()
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
        try:
            disk().sync(self._out)
        except OSError as exc:
            raise cannot_write(exc) from exc

    def _cut(self) -> int:
        """How many bytes are there from an earlier run; what is too long is cut."""
        size_bytes = os.fstat(self._out).st_size
        if size_bytes > self._header.result_size_bytes:
            disk().truncate(self._out, self._header.result_size_bytes)
        return min(size_bytes, self._header.result_size_bytes)

    def _work(self) -> None:
        package, base, out = self._files
        rebuilder = Rebuilder(self._header, package, base, out, self._tick)
        try:
            while segment := self._take():
                kept = segment.result_end <= self._kept_bytes and rebuilder.is_there(segment)
                if not kept:
                    rebuilder.make(segment)
                else:
                    self._news.put(segment.result_bytes)
                self._news.put(segment)
        except BaseException as exc:  # noqa: BLE001 the caller's thread raises it
            self._news.put(exc)

    def _take(self) -> Segment | None:
        with self._lock:
            if self._next == len(self._header.segments):
                return None
            self._next += 1
            return self._header.segments[self._next - 1]

    def _tick(self, size_bytes: int) -> None:
        if self._watch.stop.is_set() or self._ended.is_set():
            raise Stopped
        if size_bytes:
            self._news.put(size_bytes)

    def _follow(self) -> None:
        """Report progress, raise what a worker raised, and hash each segment once it and all before it are there."""
        digest = hashlib.sha256()
        total = self._header.result_size_bytes
        buffer = memoryview(bytearray(PIECE_BYTES))
        behind = deque(self._header.segments)
        ready: set[int] = set()
        done = 0
        while behind:
            news = self._news.get()
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, int):
                done += news
                self._watch.on_bytes(done, total)
                continue
            ready.add(news.result_offset)
            while behind and behind[0].result_offset in ready:
                self._hash(digest, behind.popleft(), buffer)
        if digest.hexdigest() != self._header.result_sha256:
            raise self._why_wrong()

    def _why_wrong(self) -> DeltaRefused:
        """Whose fault it is, now that there is time to look: the base's, or the package's."""
        rebuilder = Rebuilder(self._header, *self._files, self._tick)
        for segment in self._header.segments:
            if not rebuilder.is_there(segment) and not rebuilder.source_is_right(segment):
                return other_base("some of its bytes are not those that the delta was made from")
        return DeltaRefused("wrong_result", "the delta rebuilt something else than the catalogue says")

    def _hash(self, digest: hashlib._Hash, segment: Segment, buffer: memoryview) -> None:
        offset = segment.result_offset
        while offset < segment.result_end:
            if self._watch.stop.is_set():
                raise Stopped
            got = os.preadv(self._out, [buffer[: segment.result_end - offset]], offset)
            if not got:
                raise DeltaRefused("wrong_result", "the rebuilt image became shorter while it was checked")
            digest.update(buffer[:got])
            offset += got
