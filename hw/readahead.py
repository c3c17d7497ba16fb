"""An image in the pieces a link carries best, read ahead on a thread where reading means work (hashing).

It makes even pieces of uneven ones. It knows nothing of what the bytes are.
"""

from __future__ import annotations

import array
import queue
import threading
from collections.abc import Callable, Generator, Iterable

from hw.link.base import Bytes

Fill = Callable[[memoryview], int]
"""Puts the next bytes into the buffer, all of it unless the end comes; how many. 0: the end."""

_DEPTH = 3  # one on the wire, one waiting, one being filled

_Buffer = array.array  # of "B": what PyUSB sends without another copy


def from_chunks(chunks: Iterable[Bytes]) -> Fill:
    """Chunks of any size as a :data:`Fill`."""
    source = iter(chunks)
    rest = memoryview(b"")

    def fill(buffer: memoryview) -> int:
        nonlocal rest
        filled = 0
        while filled < len(buffer):
            if not len(rest):
                chunk = next(source, None)
                if chunk is None:
                    break
                rest = memoryview(chunk).cast("B")
            step = min(len(rest), len(buffer) - filled)
            buffer[filled : filled + step] = rest[:step]
            filled, rest = filled + step, rest[step:]
        return filled

    return fill


class _Filler(threading.Thread):
    """Fills free buffers; ends with None, or with the error that ended the source."""

    def __init__(self, fill: Fill) -> None:
        super().__init__(name="read-ahead", daemon=True)
        self._fill = fill
        self.full: queue.SimpleQueue[tuple[array.array[int], int] | BaseException | None]
        self.full = queue.SimpleQueue()
        self.free: queue.SimpleQueue[array.array[int] | None] = queue.SimpleQueue()

    def run(self) -> None:
        try:
            while (buffer := self.free.get()) is not None:
                count = self._fill(memoryview(buffer))
                if count:
                    self.full.put((buffer, count))
                if count < len(buffer):
                    break
        except BaseException as exc:  # noqa: BLE001 - reported to, and raised in, the thread that sends
            self.full.put(exc)
        else:
            self.full.put(None)


def read_now(fill: Fill, piece_bytes: int) -> Generator[memoryview, None, None]:
    """As :func:`read_ahead` without a thread: measured faster where the source is a file already in memory."""
    view = memoryview(_Buffer("B", bytes(piece_bytes)))
    while count := fill(view):
        yield view[:count]


def read_ahead(fill: Fill, piece_bytes: int) -> Generator[memoryview, None, None]:
    """The bytes of ``fill`` in pieces of ``piece_bytes``, the last one shorter.

    A piece is the memory of an ``array('B')``, valid until the next one is asked for. An error of ``fill`` is
    raised here, in its place. Closing the generator ends the thread.
    """
    filler = _Filler(fill)
    for _ in range(_DEPTH):
        filler.free.put(_Buffer("B", bytes(piece_bytes)))
    filler.start()
    try:
        while (item := filler.full.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            buffer, count = item
            yield memoryview(buffer)[:count]
            filler.free.put(buffer)
    finally:
        filler.free.put(None)
        filler.join()
