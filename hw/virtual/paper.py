"""The virtual printer's paper: characters, pictures and bars as dots, kept as an image and as text. Parses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from hw.virtual.code128 import modules
from hw.virtual.errors import BadState
from hw.virtual.escpos_stream import Barcode, Char, FeedDots, Raster, Set

FONT_FILE: Final = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
_FAMILY: Final = "Noto Sans Mono CJK SC"
_COLUMN_DOTS: Final = 12
_ROW_DOTS: Final = 24
_INK_DOTS: Final = 22  # of a character in its cell: room for what hangs below the line
_MARGIN_DOTS: Final = 16
_LONGEST_DOTS: Final = 20_000
_DEFAULTS: Final = {
    "size": 0, "bold": 0, "align": 0, "line_spacing": 30, "chinese": 0, "spacing": 0,
    "barcode_height": 162, "barcode_width": 3, "barcode_text": 0,
}  # fmt: skip


def _font(size: int) -> ImageFont.FreeTypeFont:
    for index in range(32):
        try:
            face = ImageFont.truetype(str(FONT_FILE), size, index=index)
        except OSError:
            break
        if face.getname()[0] == _FAMILY:
            return face
    raise BadState(f"{FONT_FILE} holds no {_FAMILY}: install fonts-noto-cjk")


class Paper:
    """One slip while it is printed. ``wraps`` counts characters that did not fit and began a line of their own."""

    def __init__(self, dots: int) -> None:
        self._dots = dots
        self._fonts = {size: _font(size * _INK_DOTS // _ROW_DOTS) for size in (_ROW_DOTS, _ROW_DOTS * 2)}
        self.modes = dict(_DEFAULTS)
        self.wraps = 0
        self._begin()

    def _begin(self) -> None:
        self._image = Image.new("1", (self._dots + 2 * _MARGIN_DOTS, 1200), 1)
        self._draw = ImageDraw.Draw(self._image)
        self.height = _MARGIN_DOTS
        self._row: list[tuple[str, int, int, int]] = []  # character, its width and height factors, bold
        self.text = ""

    def initialise(self) -> None:
        """ESC @: modes as at power on; what stands in the row is lost, as in a real one."""
        self.modes, self._row = dict(_DEFAULTS), []

    def set(self, mode: Set) -> None:
        """One mode."""
        self.modes[mode.name] = mode.value

    def char(self, char: Char) -> None:
        """One character into the row; a row that is full is printed first."""
        wide, high = (self.modes["size"] >> 4) + 1, (self.modes["size"] & 7) + 1
        cell = (char.text, wide, high, self.modes["bold"])
        if self._width(self._row) + self._width([cell]) > self._dots:
            self.wraps += 1
            self.new_line()
        self._row.append(cell)

    @staticmethod
    def _width(row: list[tuple[str, int, int, int]]) -> int:
        return sum(_COLUMN_DOTS * wide * (1 if text <= "~" else 2) for text, wide, _, _ in row)

    def new_line(self) -> None:
        """Print the row."""
        high = max((high for _, _, high, _ in self._row), default=1)
        self._grow(max(self.modes["line_spacing"], _ROW_DOTS * high))
        x = _MARGIN_DOTS + self._shift(self._width(self._row))
        for text, wide, tall, bold in self._row:
            self._glyph(text, x, self.height, wide, tall, bold)
            x += self._width([(text, wide, tall, bold)])
        self.height += max(self.modes["line_spacing"], _ROW_DOTS * high)
        self.text += "".join(text for text, *_ in self._row) + "\n"
        self._row = []

    def _glyph(self, text: str, x: int, y: int, wide: int, tall: int, bold: int) -> None:
        if text == " ":
            return
        size = _ROW_DOTS * (2 if max(wide, tall) > 1 else 1)
        columns = 1 if text <= "~" else 2
        cell = Image.new("1", (size * columns // 2, size), 1)
        draw = ImageDraw.Draw(cell)
        for shift in range(1 + bold):
            at = (columns / 2 + shift, size * 0.81)
            draw.text(at, text, font=self._fonts[size], fill=0, anchor="ls")
        shown = cell.resize((_COLUMN_DOTS * columns * wide, _ROW_DOTS * tall))
        self._image.paste(shown, (x, y))

    def _shift(self, width: int) -> int:
        return {0: 0, 1: (self._dots - width) // 2, 2: self._dots - width}[self.modes["align"]]

    def feed(self, feed: FeedDots) -> None:
        """Blank paper."""
        if self._row:
            self.new_line()
        self._grow(feed.dots)
        self.height += feed.dots

    def picture(self, raster: Raster) -> None:
        """A picture at the alignment in force; what is wider than the paper would be cut off, and counts as a wrap."""
        rows = len(raster.data) // raster.row_bytes
        width = raster.row_bytes * 8
        self.wraps += width > self._dots
        bits = Image.frombytes("1", (width, rows), bytes(byte ^ 0xFF for byte in raster.data))
        self._grow(rows)
        self._image.paste(bits, (_MARGIN_DOTS + self._shift(min(width, self._dots)), self.height))
        self.height += rows
        self.text += "[picture]\n"

    def bars(self, barcode: Barcode) -> None:
        """Code 128, with its text below where that is asked for."""
        pattern, text = modules(barcode.data)
        unit, height = self.modes["barcode_width"], self.modes["barcode_height"]
        width = len(pattern) * unit
        self.wraps += width > self._dots
        self._grow(height)
        x = _MARGIN_DOTS + self._shift(width)
        for at, dark in enumerate(pattern):
            if dark == "1":
                left = x + at * unit
                self._draw.rectangle((left, self.height, left + unit - 1, self.height + height - 1), fill=0)
        self.height += height
        self.text += "[barcode]\n"
        if self.modes["barcode_text"] & 2:
            for each in text:
                self.char(Char(each))
            self.new_line()

    def _grow(self, dots: int) -> None:
        if self.height + dots > _LONGEST_DOTS:
            raise BadState("that slip is longer than the roll")
        if self.height + dots + _MARGIN_DOTS > self._image.height:
            taller = Image.new("1", (self._image.width, self.height + dots + 1200), 1)
            taller.paste(self._image, (0, 0))
            self._image, self._draw = taller, ImageDraw.Draw(taller)

    def cut(self, image: Path) -> str:
        """End the slip: its picture into ``image``, its text returned; the next one begins on blank paper."""
        if self._row:
            self.new_line()
        self._image.crop((0, 0, self._image.width, self.height + _MARGIN_DOTS)).save(image)
        text = self.text
        self._begin()
        return text
