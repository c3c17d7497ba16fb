# mypy: disallow-subclassing-any=False
"""The download as a picture: an update made of blocks, those that are missing come down; the phone waits beside it."""

from __future__ import annotations

from typing import ClassVar, Final

from kivy.properties import BooleanProperty, NumericProperty, StringProperty

from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.pen import Pen
from kiosk.ui.drawings.phones import draw_body, shape_of
from kiosk.ui.theme import Palette

ROWS: Final = 5
COLUMNS: Final = 6
BLOCKS: Final = ROWS * COLUMNS
LEAST_CHANGED: Final = 4
MOST_CHANGED: Final = 20
_STRIDE: Final = 11  # no divisor of BLOCKS: the changed blocks lie scattered, as changes do


def changed_blocks(method: str, wanted: int, whole: int) -> int:
    """How many of the blocks are to come: their share of the whole, but never too few or too many to be seen."""
    if method == "cached" or wanted <= 0:
        return 0
    if method != "delta":
        return BLOCKS
    return max(LEAST_CHANGED, min(MOST_CHANGED, round(BLOCKS * wanted / max(1, whole))))


def order() -> list[int]:
    """The blocks in the order in which they come."""
    return [(index * _STRIDE + 7) % BLOCKS for index in range(BLOCKS)]


class FetchScene(Drawing):
    """A cloud, the update's blocks under it, the phone at rest beside them. ``drop`` 0..1: a block on its way."""

    FRAME: ClassVar = (400.0, 330.0)
    LARGEST_MM: ClassVar = 210.0
    REDRAW: ClassVar = ("method", "done", "wanted", "whole", "model", "away", "drop")
    method = StringProperty("")
    done = NumericProperty(0)
    wanted = NumericProperty(0)
    whole = NumericProperty(0)
    model = StringProperty("")
    away = BooleanProperty(False)
    drop = NumericProperty(0.0)

    _LEFT: ClassVar = 16.0
    _CELL: ClassVar = 31.0
    _SIDE: ClassVar = 25.0

    def draw(self, pen: Pen, stroke: float) -> None:
        coming = changed_blocks(self.method, int(self.wanted), int(self.whole))
        come = coming if self.done >= self.wanted else coming * int(self.done) // max(1, int(self.wanted))
        self._package(pen, stroke, coming, come)
        middle = self._LEFT + self._width() / 2
        if come < coming:
            self._cloud(pen, stroke, middle, 272)
            self._falling(pen, stroke, middle)
        else:
            self.sign(pen, "whole", "check-circle", (middle, 254), 62, Palette.SAFE)
        self._phone(pen, stroke)

    def _width(self) -> float:
        return COLUMNS * self._CELL + 14

    def _package(self, pen: Pen, stroke: float, coming: int, come: int) -> None:
        height = ROWS * self._CELL + 14
        pen.box(self._LEFT, 16, self._width(), height, 16, Palette.CARD, Palette.INK, stroke)
        places = {block: rank for rank, block in enumerate(order())}
        edge = (self._CELL - self._SIDE) / 2
        for block in range(BLOCKS):
            row, column = divmod(block, COLUMNS)
            x = self._LEFT + 7 + column * self._CELL + edge
            y = 16 + 7 + row * self._CELL + edge
            rank = places[block]
            if rank >= coming:
                pen.box(x, y, self._SIDE, self._SIDE, 5, Palette.ACCENT_TINT)
            elif rank < come:
                pen.box(x, y, self._SIDE, self._SIDE, 5, Palette.ACCENT)
            else:
                pen.box(x, y, self._SIDE, self._SIDE, 5, Palette.CARD, Palette.RULE, stroke)

    @staticmethod
    def _cloud(pen: Pen, stroke: float, x: float, y: float) -> None:
        """Outline first, the same shape a line's width smaller on it."""
        for inset, colour in ((0.0, Palette.INK), (stroke, Palette.CARD)):
            pen.disc(x - 40, y + 4, 26 - inset, colour)
            pen.disc(x + 42, y + 2, 24 - inset, colour)
            pen.disc(x, y + 20, 36 - inset, colour)
            pen.box(x - 62 + inset, y - 22 + inset, 124 - 2 * inset, 40 - 2 * inset, 20 - inset, colour)

    def _falling(self, pen: Pen, stroke: float, x: float) -> None:
        """An arrow down, and the block on its way."""
        pen.path([(x, 240), (x, 206)], Palette.ACCENT, stroke * 2.4)
        pen.path([(x - 12, 218), (x, 206), (x + 12, 218)], Palette.ACCENT, stroke * 2.4)
        if 0 < self.drop < 1:
            y = 262 - 66 * self.drop
            pen.box(x - self._SIDE / 2, y - self._SIDE / 2, self._SIDE, self._SIDE, 5, Palette.ACCENT)

    def _phone(self, pen: Pen, stroke: float) -> None:
        shape = shape_of(self.model)
        scale = 236 / shape.height
        left = 398 - shape.width * scale - 8 * scale
        body = Pen(*pen.at(left, 16), pen.scale * scale)
        draw_body(body, shape, stroke / scale, "plain")
        spot = (left + shape.width * scale / 2, 16 + shape.height * scale * 0.53)
        self.sign(
            pen,
            "phone",
            "usb" if self.away else "shield",
            spot,
            50,
            Palette.DO_INK if self.away else Palette.SAFE,
        )
