"""The bytes of a patch, unpacked as a stream: zlib (RFC 1950) by MicroPython's ``deflate`` or CPython's ``zlib``.

Knows nothing of what the bytes mean. Memory: the window the order names (32 KiB for 15) and half a kilobyte.
"""

import io

from firmware_agent.device.errors import AgentError
from firmware_agent.wire import BAD_PATCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    ReadAt = Callable[[int, memoryview], int]
    """Fills a buffer from an offset on; how many bytes."""

    class _Stream(Protocol):
        def readinto(self, target: "bytearray | memoryview") -> int: ...


_CHUNK_BYTES = 512


class Packed(io.IOBase):
    """A patch from ``start`` to ``size``, read in order. ``read_patch(offset, buffer) -> int`` gives its bytes."""

    def __init__(self, read_patch: "ReadAt", size: int, start: int = 0) -> None:
        self._read_patch = read_patch
        self._size = size
        self._next = start  # what read_patch is asked for next
        self._buffer = bytearray(_CHUNK_BYTES)
        self._view = memoryview(self._buffer)
        self._at = 0
        self._end = 0

    @property
    def spent(self) -> bool:
        """Whether all of it has been read."""
        return self._at == self._end and self._next == self._size

    def readinto(self, target: "bytearray | memoryview") -> int:
        """At most a chunk; 0 at the end. AgentError(BAD_PATCH) where the bytes that were promised are not there."""
        if len(target) == 1:  # all that MicroPython's deflate ever asks for
            if self._at == self._end and not self._fill():
                return 0
            target[0] = self._buffer[self._at]
            self._at += 1
            return 1
        if self._at == self._end and not self._fill():
            return 0
        step = min(len(target), self._end - self._at)
        target[:step] = self._view[self._at : self._at + step]
        self._at += step
        return step

    def finish(self) -> None:
        """Nothing is left, else AgentError(BAD_PATCH)."""
        if not self.spent:
            raise AgentError(BAD_PATCH, self._next)

    def _fill(self) -> bool:
        wanted = min(_CHUNK_BYTES, self._size - self._next)
        self._at = self._end = 0
        if wanted == 0:
            return False
        got = self._read_patch(self._next, self._view[:wanted])
        if not 0 < got <= wanted:
            raise AgentError(BAD_PATCH, self._next)
        self._next += got
        self._end = got
        return True


class Inflater:
    """The zlib stream between ``start`` and ``size`` of a patch, unpacked.

    Only for a patch whose hash has been checked: MicroPython's ``deflate`` promises nothing of hostile bytes.
    ``read_patch(offset, buffer) -> int`` gives the patch's bytes. The stream must not look back further than
    ``1 << window_log2`` bytes (8..15). AgentError(BAD_PATCH), from here on, for
    corrupt or cut-off data and for bytes after it.
    """

    def __init__(self, read_patch: "ReadAt", size: int, window_log2: int, start: int = 0) -> None:
        self._packed = Packed(read_patch, size, start)
        head = bytearray(1)
        # RFC 1950, CINFO: MicroPython would take a stream that looks back further than it may
        if start >= size or read_patch(start, memoryview(head)) != 1 or (head[0] >> 4) + 8 > window_log2:
            raise AgentError(BAD_PATCH)
        self._stream = _unpacker(self._packed, window_log2)

    def readinto(self, target: "bytearray | memoryview") -> int:
        """The next bytes into ``target``: as many as fit, fewer only at the end, 0 when there are none."""
        try:
            got = self._stream.readinto(target)
        except (EOFError, OSError, ValueError):
            raise AgentError(BAD_PATCH)  # noqa: B904 - MicroPython chains no exceptions
        if got == 0 and len(target):
            self._packed.finish()
        return got

    def finish(self) -> None:
        """Nothing is left to unpack, and nothing follows, else AgentError(BAD_PATCH)."""
        if self.readinto(bytearray(1)):
            raise AgentError(BAD_PATCH)


try:
    import deflate

    def _unpacker(packed: Packed, window_log2: int) -> "_Stream":
        stream: _Stream = deflate.DeflateIO(packed, deflate.ZLIB, window_log2)
        return stream
except ImportError:  # CPython
    import zlib

    class _Unzip:
        """CPython's zlib with the manners of ``DeflateIO``: bounded output, EOFError for a stream that is cut off."""

        def __init__(self, packed: Packed, window_log2: int) -> None:
            self._packed = packed
            self._codec = zlib.decompressobj(window_log2)
            self._chunk = bytearray(_CHUNK_BYTES)
            self._rest = b""

        def readinto(self, target: "bytearray | memoryview") -> int:
            done = 0
            while done < len(target) and not self._codec.eof:
                if not self._rest:
                    self._rest = bytes(self._chunk[: self._packed.readinto(self._chunk)])
                piece = self._unpack(len(target) - done)
                if not piece and not self._rest and not self._codec.eof and self._packed.spent:
                    raise EOFError
                target[done : done + len(piece)] = piece
                done += len(piece)
            if self._codec.unused_data:
                raise ValueError("bytes after the stream")
            return done

        def _unpack(self, limit: int) -> bytes:
            try:
                piece: bytes = self._codec.decompress(self._rest, limit)
            except zlib.error:
                raise ValueError("not a zlib stream")  # noqa: B904 - as above
            self._rest = self._codec.unconsumed_tail
            return piece

    def _unpacker(packed: Packed, window_log2: int) -> "_Stream":
        return _Unzip(packed, window_log2)
