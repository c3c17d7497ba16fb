"""The plan of a segment: which bytes of the base go where, as varints. Pure; hostile plans are refused.

Format: docs/delta-format.md, section "Plan".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from firmware_agent.delta.format import bad

COPY, ZERO, PATCH = 0, 1, 2

MAX_OPS = 32768
MAX_UNITS = 2048
MAX_EXTENTS = 32768
"""All units of a segment together."""
MAX_UNIT_BYTES = 2 * 1024 * 1024
MAX_WINDOW_BYTES = 6 * 1024 * 1024
MAX_PIECES_BYTES = 5 * 1024 * 1024
"""Of one unit's four pieces together."""
MAX_COVERS = MAX_UNIT_BYTES
MAX_PLAN_BYTES = 1024 * 1024
_MAX_VARINT_BYTES = 9


@dataclass(frozen=True, slots=True)
class Op:
    """``length`` bytes of the result: from the base at ``offset``, zeros, or the next of the patched stream."""

    kind: int
    length: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """One difference: the window of the base it was made against, and the sizes of its pieces.

    ``pieces``: bytes of covers, of RLE control, of RLE code and of literals, each from its own stream.
    """

    result_bytes: int
    window: tuple[tuple[int, int], ...]  # (offset, length) in the base, in the order of the window
    covers: int
    pieces: tuple[int, int, int, int]

    @property
    def window_bytes(self) -> int:
        """Of the base, in memory while the unit is rebuilt."""
        return sum(length for _, length in self.window)


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a segment."""

    ops: tuple[Op, ...]
    units: tuple[Unit, ...]

    def source(self) -> list[tuple[int, int]]:
        """Every stretch of the base that the segment reads, as planned: not merged, not sorted."""
        copies = [(op.offset, op.length) for op in self.ops if op.kind == COPY]
        return copies + [extent for unit in self.units for extent in unit.window]


def write_plan(plan: Plan) -> bytes:
    """As bytes; what :func:`read_plan` reads back."""
    numbers = [len(plan.ops)]
    at = 0
    for op in plan.ops:
        numbers.append(op.length << 2 | op.kind)
        if op.kind == COPY:
            numbers.append(_zigzag(op.offset - at))
            at = op.offset + op.length
    numbers.append(len(plan.units))
    at = 0
    for unit in plan.units:
        numbers += [unit.result_bytes, len(unit.window)]
        for offset, length in unit.window:
            numbers += [_zigzag(offset - at), length]
            at = offset + length
        numbers += [unit.covers, *unit.pieces]
    return _varints(numbers)


def read_plan(raw: bytes, result_bytes: int, base_bytes: int) -> Plan:
    """A plan that makes exactly ``result_bytes`` and reads nothing outside the base.

    Raises ``DeltaRefused("bad_delta")``.
    """
    if len(raw) > MAX_PLAN_BYTES:
        raise bad("a plan is too long")
    reader = _Reader(raw, base_bytes)
    ops = tuple(reader.op() for _ in range(reader.number(MAX_OPS)))
    reader.at = 0
    units = tuple(reader.unit() for _ in range(reader.number(MAX_UNITS)))
    if not reader.ended:
        raise bad("a plan goes on after its end")
    if sum(op.length for op in ops) != result_bytes:
        raise bad("a plan does not make its segment")
    if sum(op.length for op in ops if op.kind == PATCH) != sum(unit.result_bytes for unit in units):
        raise bad("a plan's units do not fill its gaps")
    return Plan(ops, units)


class _Reader:
    """Numbers out of a plan, each against its limit."""

    def __init__(self, raw: bytes, base_bytes: int) -> None:
        self._raw = raw
        self._next = 0
        self._base_bytes = base_bytes
        self._extents = 0
        self.at = 0  # where in the base the last stretch ended

    @property
    def ended(self) -> bool:
        """Nothing is left."""
        return self._next == len(self._raw)

    def number(self, most: int) -> int:
        """One varint, at most ``most``: seven bits a byte, lowest first."""
        value = shift = 0
        for byte in self._raw[self._next : self._next + _MAX_VARINT_BYTES]:
            self._next += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if value > most:
                    raise bad(f"a plan says {value} where {most} is the most")
                return value
        raise bad("a plan is cut short")

    def op(self) -> Op:
        """One op, its stretch of the base checked."""
        word = self.number((1 << 40) - 1)
        kind, length = word & 3, word >> 2
        if kind > PATCH or length == 0:
            raise bad("a plan has an op of no kind or no length")
        return Op(kind, length, self._stretch(length) if kind == COPY else 0)

    def unit(self) -> Unit:
        """One unit, its window and its pieces within their limits."""
        result_bytes = self.number(MAX_UNIT_BYTES)
        count = self.number(MAX_EXTENTS)
        self._extents += count
        if result_bytes == 0 or self._extents > MAX_EXTENTS:
            raise bad("a unit makes nothing, or there are too many windows")
        window, left = [], MAX_WINDOW_BYTES
        for _ in range(count):
            step = self.number((1 << 60) - 1)
            length = self.number(left)
            left -= length
            window.append((self._stretch(length, step), length))
        covers = self.number(MAX_COVERS)
        pieces = tuple(self.number(MAX_PIECES_BYTES) for _ in range(4))
        if sum(pieces) > MAX_PIECES_BYTES or pieces[3] > result_bytes:
            raise bad("a unit's pieces are larger than it can need")
        if covers == 0 and pieces != (0, 0, 0, result_bytes):
            raise bad("a unit without covers is not all literals")
        return Unit(result_bytes, tuple(window), covers, (pieces[0], pieces[1], pieces[2], pieces[3]))

    def _stretch(self, length: int, step: int | None = None) -> int:
        if step is None:
            step = self.number((1 << 60) - 1)
        offset = self.at + (step >> 1 ^ -(step & 1))
        if length == 0 or offset < 0 or offset + length > self._base_bytes:
            raise bad("a plan reads outside the base")
        self.at = offset + length
        return offset


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varints(numbers: Iterable[int]) -> bytes:
    raw = bytearray()
    for number in numbers:
        value = number
        while value >= 0x80:
            raw.append(value & 0x7F | 0x80)
            value >>= 7
        raw.append(value)
    return bytes(raw)
