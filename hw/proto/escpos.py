"""A slip as the bytes an ESC/POS printer takes, Chinese in GB18030, and what its status bytes mean. Does no I/O.

Source: Epson's ESC/POS command reference; ``FS &`` and ``FS S`` as the manuals of Chinese printers describe them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import segno

DOTS: Final = {48: 576, 32: 384}
"""Printable dots a line by its columns: 80 mm and 58 mm paper at 203 dpi, 12 dots a column."""
GETA: Final = "〓"  # stands for a character that the printer's font may lack, as printers' own fonts do
_LINES: Final = 400
_LINE_CHARS: Final = 2_000
_QR_BYTES: Final = 1_000
_QR_DOTS: Final = 8  # of one module, at most
_QR_FINEST_DOTS: Final = 3  # finer is too fine for a thermal head and a customer's camera
_BARCODE_CHARS: Final = 40
_QUIET_MODULES: Final = 20  # Code 128's quiet zones, both sides

ASK_ONLINE: Final = b"\x10\x04\x01"  # DLE EOT 1
ASK_OFFLINE_CAUSE: Final = b"\x10\x04\x02"
ASK_PAPER: Final = b"\x10\x04\x04"
ASK_IN_TURN: Final = b"\x1dr\x01"  # GS r 1: answered after all that was sent before it has been carried out
_START: Final = b"\x1b@\x1c&\x1cS\x00\x00"  # initialise, Chinese characters on, nothing between them
_PLAIN: Final = b"\x1d!\x00\x1bE\x00\x1ba\x00"
_CUT: Final = b"\x1dVB\x03"
_TOKEN = re.compile(r"\s+|[（《「『“‘【]*(?:[!-~]+|[^\s!-~])[，。、；：？！）》」』”’】％]*|.")


class SlipLine(Protocol):
    """One line of a slip, as the kiosk writes it."""

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def right(self) -> str: ...


class SlipError(ValueError):
    """Our own mistake: a slip that is none. Nothing was sent, and sending it again will not help."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = "slip_unprintable", detail


def _encoded(char: str) -> bytes:
    code = char.encode("gb18030")
    return code if len(code) <= 2 else GETA.encode("gb18030")


def printable(text: str) -> str:
    """``text`` as the printer's font has it: U+FFE5 for the yuan sign, since U+00A5 prints wrong in GBK.

    Four-byte characters of GB18030 are not in every printer's font; they become a geta mark.
    """
    shown = "".join(char if char.isprintable() else " " for char in text[:_LINE_CHARS]).replace("¥", "￥")
    return "".join(char if len(char.encode("gb18030", "replace")) <= 2 else GETA for char in shown)


def columns(text: str) -> int:
    """Columns of 12 dots that ``text`` takes: a character of two bytes is as wide as two."""
    return sum(len(_encoded(char)) for char in text)


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns; no closing mark begins a line."""
    lines, line = [], ""
    for token in _TOKEN.findall(printable(text)):
        piece = token
        if columns(line) + columns(piece) > width and line.strip():
            lines.append(line.rstrip())
            line = ""
        while columns(piece) > width:
            head = _head(piece, width)
            lines.append(head)
            piece = piece[len(head) :]
        if line or not piece.isspace():
            line += piece
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _head(text: str, width: int) -> str:
    count = taken = 0
    while count < len(text) and taken + columns(text[count]) <= width:
        taken += columns(text[count])
        count += 1
    return text[:count]


def paired(left: str, right: str, width: int) -> list[str]:
    """A name at the left edge and its value at the right one; on lines of their own where both do not fit."""
    left, right = printable(left), printable(right)
    gap = width - columns(left) - columns(right)
    if gap >= 1:
        return [left + " " * gap + right]
    if columns(right) <= width:
        return [*wrapped(left, width), " " * (width - columns(right)) + right]
    return [*wrapped(left, width), *("  " + value for value in wrapped(right, width - 2))]


def document(lines: Sequence[SlipLine], width: int) -> bytes:
    """The slip for paper of ``width`` columns (32 or 48).

    :raises SlipError: a kind that is not known, or more than a slip may hold.
    """
    if width not in DOTS:
        raise SlipError(f"paper has {' or '.join(map(str, sorted(DOTS)))} columns, not {width}")
    if len(lines) > _LINES:
        raise SlipError(f"a slip of {len(lines)} lines")
    return _START + b"".join(_part(line, width) for line in lines) + _PLAIN


def _part(line: SlipLine, width: int) -> bytes:
    maker = _PARTS.get(line.kind)
    if maker is None:
        raise SlipError(f"a slip has no line of the kind {line.kind!r}")
    return maker(line, width)


def _rows(rows: Sequence[str], spacing_dots: int) -> bytes:
    text = b"".join(b"".join(map(_encoded, row)) + b"\n" for row in rows)
    return _PLAIN + bytes((0x1B, 0x33, spacing_dots)) + text


def _heading(text: str, width: int) -> bytes:
    rows = b"".join(b"".join(map(_encoded, row)) + b"\n" for row in wrapped(text, width // 2))
    return b"\x1b3\x38\x1ba\x01\x1d!\x11\x1bE\x01" + rows + _PLAIN


def _qr(text: str, width: int) -> bytes:
    """A QR code as a picture; what no code of this paper can hold stands there in characters."""
    rows = _modules(text)
    scale = min(_QR_DOTS, DOTS[width] // max(1, len(rows)))
    if not rows or scale < _QR_FINEST_DOTS:
        return _rows(wrapped(text, width), 34)
    row_bytes = -(-len(rows) * scale // 8)
    image = bytearray()
    for row in rows:
        bits = "".join(("1" if module else "0") * scale for module in row).ljust(row_bytes * 8, "0")
        image += int(bits, 2).to_bytes(row_bytes, "big") * scale
    height = len(rows) * scale
    size = row_bytes.to_bytes(2, "little") + height.to_bytes(2, "little")
    return b"\x1ba\x01\x1dv0\x00" + size + bytes(image) + b"\x1ba\x00"


def _modules(text: str) -> list[bytes]:
    data = text.encode("utf-8", "replace")
    if not 0 < len(data) <= _QR_BYTES:
        return []
    return [
        bytes(row) for row in segno.make(data.decode(), error="m", micro=False).matrix_iter(scale=1, border=4)
    ]


def _barcode(text: str, width: int) -> bytes:
    """Code 128 by the printer's own hand, its text below; a QR code and the text where that cannot be."""
    code, signs = _code128(text)
    if not signs or (signs * 11 + 13 + _QUIET_MODULES) * 2 > DOTS[width]:
        below = b"".join(b"".join(map(_encoded, row)) + b"\n" for row in wrapped(text, width))
        return _qr(text, width) + b"\x1ba\x01" + below + b"\x1ba\x00"
    bars = b"\x1bJ\x10\x1ba\x01\x1dh\x50\x1dw\x02\x1dH\x02\x1dkI"
    return bars + bytes((len(code),)) + code + b"\x1ba\x00"


def _code128(text: str) -> tuple[bytes, int]:
    """What GS k 73 takes, and its signs with start and check; no signs where Code 128 has none for it."""
    if not 0 < len(text) <= _BARCODE_CHARS or not all(" " <= char <= "~" for char in text):
        return b"", 0
    even = len(text) // 2 * 2 if text.isdigit() else 0
    code = b"{C" + bytes(int(text[at : at + 2]) for at in range(0, even, 2)) if even else b""
    rest = text[even:]
    code += b"{B" + rest.encode().replace(b"{", b"{{") if rest else b""
    return code, 2 + even // 2 + len(rest) + (1 if even and rest else 0)


_PARTS: Final[dict[str, Callable[[SlipLine, int], bytes]]] = {
    "heading": lambda line, width: _heading(line.text, width),
    "text": lambda line, width: _rows(wrapped(line.text, width), 34),
    "small": lambda line, width: _rows(wrapped(line.text, width), 26),
    "pair": lambda line, width: _rows(paired(line.text, line.right, width), 34),
    "rule": lambda line, width: _rows(["-" * width], 30),
    "space": lambda line, width: b"\x1bJ\x10",
    "qr": lambda line, width: _qr(line.text, width),
    "barcode": lambda line, width: _barcode(line.text, width),
    "cut": lambda line, width: _CUT,
}


# -- what the printer says


def real_time(answers: bytes) -> int | None:
    """The last status byte of a DLE EOT among ``answers``; None when there is none. Bits 0, 1, 4 and 7 are fixed."""
    return next((byte for byte in reversed(answers) if byte & 0x93 == 0x12), None)


def in_turn(answers: bytes) -> bool:
    """Whether the answer to :data:`ASK_IN_TURN` is among ``answers``: bits 4 and 7 are never set in it."""
    return any(byte & 0x90 == 0 for byte in answers)


@dataclass(frozen=True, slots=True)
class Reading:
    """The three status bytes; None where nothing, or nothing sensible, came."""

    online: int | None
    cause: int | None = None
    paper: int | None = None

    @property
    def state(self) -> str:
        """As :meth:`kiosk.counter_ports.Printer.state` names it."""
        if self.online is None:
            return "off"
        if self.cause is not None and self.cause & 0x04:
            return "cover_open"
        if (self.paper is not None and self.paper & 0x60) or (self.cause is not None and self.cause & 0x20):
            return "no_paper"
        if self.online & 0x08:
            return "off"  # it says it is off line and gives no cause that a hand at the counter could mend
        return "paper_low" if self.paper is not None and self.paper & 0x0C else "ready"
