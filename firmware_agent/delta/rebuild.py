"""One segment of a delta, rebuilt: base and blob in, result bytes out, in small pieces. It decides nothing.

All reading of base and package and all writing of the result go through here.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence

from firmware_agent.delta import plan as plans
from firmware_agent.delta import streams
from firmware_agent.delta.format import Header, Segment, bad, merged
from firmware_agent.delta.hdiff import Difference, rebuild
from firmware_agent.durable import disk
from firmware_agent.errors import DeltaRefused, FirmwareError, NoRoom

PIECE_BYTES = 1024 * 1024


class Rebuilder:
    """Makes single segments; one thread each. ``tick`` is called for every piece, and may raise to stop."""

    def __init__(
        self, header: Header, package: int, base: int | None, out: int, tick: Callable[[int], None]
    ) -> None:
        self._header = header
        self._package = package
        self._base = base
        self._out = out
        self._tick = tick
        self._buffer = memoryview(bytearray(PIECE_BYTES))
        self._trusts_base = False

    def is_there(self, segment: Segment) -> bool:
        """Whether ``out`` holds this segment already, every byte of it."""
        if _is_hole(self._out, segment):
            return False
        digest = hashlib.sha256()
        for piece in self._pieces(self._out, segment.result_offset, segment.result_bytes):
            self._tick(0)
            digest.update(piece)
        return digest.digest() == segment.result_sha256

    def source_is_right(self, segment: Segment) -> bool:
        """Whether the base holds what this segment was made from."""
        return self._source_digest(self._open(segment)[0].source()) == segment.source_sha256

    def make(self, segment: Segment) -> None:
        """Write this segment into ``out``. Raises ``DeltaRefused``: ``bad_delta``, ``other_base``; ``NoRoom``.

        Only the first bytes of the base are compared with their hash before they are used: a wrong file is found
        before anything is written. One rotten block is found by the result's hash, without a second hash of
        everything on a processor that does not hash in hardware.
        """
        plan, parts = self._open(segment)
        if not self._trusts_base and (reads := plan.source()):
            if self._source_digest(reads) != segment.source_sha256:
                raise other_base("it does not hold the bytes that the delta was made from")
            self._trusts_base = True
        patched = _Patched(plan, parts, self._read_base)
        offset = segment.result_offset
        filled = 0
        for op in plan.ops:
            at, left = op.offset, op.length
            while left:
                part = self._buffer[filled : filled + left]
                self._fill(op.kind, part, at, patched)
                at, left, filled = at + len(part), left - len(part), filled + len(part)
                if filled == PIECE_BYTES:
                    self._write(self._buffer, offset)
                    offset, filled = offset + filled, 0
        self._write(self._buffer[:filled], offset)

    def _open(self, segment: Segment) -> tuple[plans.Plan, tuple[streams.Stream, ...]]:
        """Plan and streams, once the blob has the hash that the table gives it."""
        digest = hashlib.sha256()
        for piece in self._pieces(self._package, segment.blob_offset, segment.blob_bytes):
            digest.update(piece)
        if digest.digest() != segment.blob_sha256:
            raise bad("a segment is damaged")

        def read(length: int, offset: int) -> bytes:
            return _pread(self._package, length, segment.blob_offset + offset)

        parts = streams.open_streams(read, segment.blob_bytes)
        raw = parts[streams.PLAN].take(parts[streams.PLAN].raw_left)
        plan = plans.read_plan(raw, segment.result_bytes, self._header.base_size_bytes)
        for which, part in enumerate(parts[streams.COVERS :]):
            if part.raw_left != sum(unit.pieces[which] for unit in plan.units):
                raise bad("a segment's streams are not as long as its plan says")
        return plan, parts

    def _source_digest(self, reads: Sequence[tuple[int, int]]) -> bytes:
        digest = hashlib.sha256()
        for offset, length in merged(reads):
            assert self._base is not None  # a plan without a base has no stretch of it
            for piece in self._pieces(self._base, offset, length):
                self._tick(0)
                digest.update(piece)
        return digest.digest()

    def _fill(self, kind: int, part: memoryview, at: int, patched: _Patched) -> None:
        if kind == plans.COPY:
            assert self._base is not None
            _preadv(self._base, part, at)
        elif kind == plans.ZERO:
            part[:] = bytes(len(part))
        else:
            patched.into(part)

    def _write(self, data: memoryview, offset: int) -> None:
        try:
            disk().write(self._out, data, offset)
        except OSError as exc:
            raise cannot_write(exc) from exc
        self._tick(len(data))

    def _pieces(self, handle: int, offset: int, length: int) -> Iterator[memoryview]:
        """The bytes of a file through the buffer; fewer where it ends early."""
        while length:
            got = _preadv(handle, self._buffer[:length], offset, whole=False)
            if not got:
                return
            yield self._buffer[:got]
            offset, length = offset + got, length - got

    def _read_base(self, length: int, offset: int) -> bytes:
        assert self._base is not None
        self._tick(0)
        return _pread(self._base, length, offset)


class _Patched:
    """The results of a segment's units, one after the other, one in memory at a time."""

    def __init__(
        self, plan: plans.Plan, parts: tuple[streams.Stream, ...], read: Callable[[int, int], bytes]
    ) -> None:
        self._units = iter(plan.units)
        self._parts = parts[streams.COVERS :]
        self._read = read
        self._unit = memoryview(b"")

    def into(self, part: memoryview) -> None:
        """Fill ``part`` with the next bytes."""
        while part:
            if not self._unit:
                self._unit = memoryview(self._next(next(self._units)))
            size_bytes = min(len(part), len(self._unit))
            part[:size_bytes] = self._unit[:size_bytes]
            part, self._unit = part[size_bytes:], self._unit[size_bytes:]

    def _next(self, unit: plans.Unit) -> bytes:
        self._unit = memoryview(b"")  # the last one's memory goes before the next one's comes
        window = io.BytesIO()
        for offset, length in unit.window:
            window.write(self._read(length, offset))
        taken = [part.take(size_bytes) for part, size_bytes in zip(self._parts, unit.pieces, strict=True)]
        pieces = (taken[0], taken[1], taken[2], taken[3])
        return rebuild(window.getvalue(), Difference(unit.result_bytes, unit.covers, pieces))


def _is_hole(handle: int, segment: Segment) -> bool:
    """Whether nothing of a segment was ever written; False where the file system cannot tell."""
    try:
        return os.lseek(handle, segment.result_offset, os.SEEK_DATA) >= segment.result_end
    except OSError as exc:
        return exc.errno == errno.ENXIO


def other_base(detail: str) -> DeltaRefused:
    """The base is not the one the delta is for."""
    return DeltaRefused("other_base", f"the delta is for another base: {detail}")


def cannot_write(exc: OSError) -> FirmwareError:
    """Why the result could not be written, as one of our errors."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoRoom("no_room", f"there is no room for the rebuilt image: {exc.strerror}")
    return DeltaRefused("cannot_write", f"the rebuilt image cannot be written: {exc.strerror}")


def _preadv(handle: int, part: memoryview, offset: int, whole: bool = True) -> int:
    """Fill ``part``; what it got. A file that ends early, or cannot be read, is ``DeltaRefused``."""
    got = 0
    try:
        while got < len(part):
            step = os.preadv(handle, [part[got:]], offset + got)
            if not step:
                break
            got += step
    except OSError as exc:
        raise DeltaRefused("cannot_read", f"a delta's files cannot be read: {exc.strerror}") from exc
    if whole and got != len(part):
        raise DeltaRefused("cannot_read", "a delta's file became shorter while it was read")
    return got


def _pread(handle: int, length: int, offset: int) -> bytes:
    try:
        return os.pread(handle, length, offset)
    except OSError as exc:
        raise DeltaRefused("cannot_read", f"a delta's files cannot be read: {exc.strerror}") from exc
