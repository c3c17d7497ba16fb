"""Reads what a host sends to the virtual printer, strictly: one command, one value. Draws nothing, shares no parser.

Source: Epson's ESC/POS command reference. A command that is not here is refused, not skipped: a real printer would
print rubbish from there on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hw.virtual.errors import Refused

_RASTER_BYTES: Final = 72 * 4096
_UNKNOWN: Final = "a command this printer does not have: {}"


@dataclass(frozen=True, slots=True)
class Status:
    """DLE EOT: answered at once."""

    which: int


@dataclass(frozen=True, slots=True)
class StatusInTurn:
    """GS r 1: answered after what came before it."""


@dataclass(frozen=True, slots=True)
class Char:
    """One character, one or two columns wide."""

    text: str


@dataclass(frozen=True, slots=True)
class Set:
    """A mode: ``name`` and its value."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Initialise:
    """ESC @."""


@dataclass(frozen=True, slots=True)
class NewLine:
    """LF."""


@dataclass(frozen=True, slots=True)
class FeedDots:
    """ESC J."""

    dots: int


@dataclass(frozen=True, slots=True)
class Raster:
    """GS v 0: a picture, one bit a dot."""

    row_bytes: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Barcode:
    """GS k 73: Code 128 with its code set marks."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """GS V: the slip is done."""


Command = Status | StatusInTurn | Char | Set | Initialise | NewLine | FeedDots | Raster | Barcode | Cut
Parsed = tuple[Command, int]
"""A command and how many bytes it took."""


class Incomplete(Exception):
    """More bytes are needed."""


def _need(data: bytes, count: int) -> None:
    if len(data) < count:
        raise Incomplete


def _mode(name: str, allowed: range) -> Callable[[bytes], Parsed]:
    def read(data: bytes) -> Parsed:
        _need(data, 3)
        if data[2] not in allowed:
            raise Refused(f"{name} {data[2]}: out of range")
        return Set(name, data[2]), 3

    return read


def _raster(data: bytes) -> Parsed:
    _need(data, 8)
    row_bytes, rows = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
    if data[2:4] != b"0\0" or not 0 < row_bytes * rows <= _RASTER_BYTES:
        raise Refused("a picture of no size, too large or of another density")
    _need(data, 8 + row_bytes * rows)
    return Raster(row_bytes, data[8 : 8 + row_bytes * rows]), 8 + row_bytes * rows


def _barcode(data: bytes) -> Parsed:
    _need(data, 4)
    if data[2] != 73:
        raise Refused("this printer draws Code 128 only")
    _need(data, 4 + data[3])
    return Barcode(data[4 : 4 + data[3]]), 4 + data[3]


def _cut(data: bytes) -> Parsed:
    _need(data, 4)
    if data[2] != 66:
        raise Refused(_UNKNOWN.format(data[:4].hex(" ")))
    return Cut(), 4


def _in_turn(data: bytes) -> Parsed:
    _need(data, 3)
    if data[2] != 1:
        raise Refused(_UNKNOWN.format(data[:3].hex(" ")))
    return StatusInTurn(), 3


def _real_time(data: bytes) -> Parsed:
    _need(data, 3)
    if not 1 <= data[2] <= 4:
        raise Refused(_UNKNOWN.format(data[:3].hex(" ")))
    return Status(data[2]), 3


def _spacing(data: bytes) -> Parsed:
    _need(data, 4)
    return Set("spacing", data[2] + data[3]), 4


def _feed(data: bytes) -> Parsed:
    _need(data, 3)
    return FeedDots(data[2]), 3


_COMMANDS: Final[dict[bytes, Callable[[bytes], Parsed]]] = {
    b"\x10\x04": _real_time,
    b"\x1b@": lambda data: (Initialise(), 2),
    b"\x1bE": _mode("bold", range(2)),
    b"\x1ba": _mode("align", range(3)),
    b"\x1b3": _mode("line_spacing", range(256)),
    b"\x1bJ": _feed,
    b"\x1c&": lambda data: (Set("chinese", 1), 2),
    b"\x1c.": lambda data: (Set("chinese", 0), 2),
    b"\x1cS": _spacing,
    b"\x1d!": _mode("size", range(0x78)),
    b"\x1dh": _mode("barcode_height", range(1, 256)),
    b"\x1dw": _mode("barcode_width", range(2, 7)),
    b"\x1dH": _mode("barcode_text", range(4)),
    b"\x1dk": _barcode,
    b"\x1dr": _in_turn,
    b"\x1dv": _raster,
    b"\x1dV": _cut,
}


def command(data: bytes, chinese: bool) -> Parsed:
    """The command that ``data`` begins with.

    :raises Incomplete: it is not all there yet.
    :raises Refused: no printer of this kind has it.
    """
    _need(data, 1)
    if data[0] == 0x0A:
        return NewLine(), 1
    if 0x20 <= data[0] <= 0x7E:
        return Char(chr(data[0])), 1
    if data[0] < 0x20:
        _need(data, 2)
        reader = _COMMANDS.get(data[:2])
        if reader is None:
            raise Refused(_UNKNOWN.format(data[:2].hex(" ")))
        return reader(data)
    return _two_bytes(data, chinese)


def _two_bytes(data: bytes, chinese: bool) -> Parsed:
    if not chinese:
        raise Refused(f"byte {data[0]:02x} outside Chinese mode")
    _need(data, 2)
    try:
        return Char(data[:2].decode("gb18030")), 2
    except UnicodeDecodeError as exc:
        raise Refused(f"{data[:2].hex(' ')} is no character of GB18030's two-byte part") from exc
