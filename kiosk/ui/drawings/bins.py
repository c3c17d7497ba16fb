# mypy: disallow-subclassing-any=False
"""The recycling wall: the bins with the one to use lit, the scale, the red drawer. Pictures only."""

from __future__ import annotations

from typing import ClassVar, Final

from kivy.properties import BooleanProperty, ListProperty, NumericProperty, StringProperty

from kiosk.ui.drawings.bays import draw_light
from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.goods import SIDE, draw_goods
from kiosk.ui.drawings.pen import Pen
from kiosk.ui.theme import Colour, Palette

MOODS: Final[dict[str, tuple[Colour, Colour]]] = {
    "next": (Palette.ACCENT, Palette.ACCENT_TINT),
    "do": (Palette.DO, Palette.DO_TINT),
}


def arrow_down(pen: Pen, x: float, top: float, tip: float, ink: Colour, stroke: float) -> None:
    pen.path([(x, top), (x, tip)], ink, stroke * 2.2)
    pen.path([(x - 11, tip + 11), (x, tip), (x + 11, tip + 11)], ink, stroke * 2.2)


class BinWall(Drawing):
    """All flaps side by side, ``number`` lit. ``door``: locked, released, open, closed, jammed."""

    FRAME: ClassVar = (440.0, 400.0)
    LARGEST_MM: ClassVar = 190.0
    REDRAW: ClassVar = ("number", "numbers", "door", "category")
    number = NumericProperty(1)
    numbers = ListProperty([1, 2, 3, 4])
    door = StringProperty("released")
    category = StringProperty("phone")

    def draw(self, pen: Pen, stroke: float) -> None:
        numbers = [int(one) for one in self.numbers] or [int(self.number)]
        pitch = 440 / max(4, len(numbers))
        left = (440 - pitch * len(numbers)) / 2
        for index, number in enumerate(numbers):
            mine = number == int(self.number)
            self._bin(pen, stroke, number, left + pitch * index, pitch, mine)

    def _bin(self, pen: Pen, stroke: float, number: int, x: float, pitch: float, mine: bool) -> None:
        tone, tint = MOODS["do" if self.door == "jammed" else "next"]
        width, middle = pitch - 12, x + pitch / 2
        line = Palette.INK if mine else Palette.RULE
        pen.box(x + 6, 4, width, 276, 12, tint if mine else Palette.CARD, line, stroke)
        draw_light(pen, number, (middle, 78), 34 if mine else 24, tone if mine else Palette.WELL)
        down = 6 if (number - 1) % 6 == 2 else 0
        ink = (Palette.INK if self.door == "jammed" else Palette.ON_DARK) if mine else Palette.MUTED
        self.tag(pen, f"bin{number}", str(number), (middle, 78 - down), (34 if mine else 24) * pen.scale, ink)
        self._flap(pen, stroke, middle, width, mine)

    def _flap(self, pen: Pen, stroke: float, middle: float, width: float, mine: bool) -> None:
        line = Palette.INK if mine else Palette.RULE
        wide = width - 24
        if not mine or self.door in ("locked", "closed", "jammed"):
            fill = Palette.CARD if mine else Palette.GROUND
            pen.box(middle - wide / 2, 196, wide, 58, 6, fill, line, stroke)
            pen.box(middle - wide / 4, 221, wide / 2, 8, 4, line)
            if mine and self.door == "jammed":
                self.sign(pen, "state", "alert", (middle, 330), 66, Palette.DO_INK)
            elif mine:
                name = "check-circle" if self.door == "closed" else "timer-sand"
                self.sign(pen, "state", name, (middle, 330), 62, Palette.ACCENT)
            return
        pen.box(middle - wide / 2, 196, wide, 58, 6, Palette.INK)
        pen.box(middle - wide / 2, 184, wide, 18, 5, Palette.CARD, line, stroke)
        arrow_down(pen, middle, 306, 262, Palette.ACCENT, stroke)
        scale = 0.84
        thing = Pen(*pen.at(middle - SIDE * scale / 2, 312), pen.scale * scale)
        draw_goods(thing, self.category, stroke / scale)


class ScaleScene(Drawing):
    """The scale, with the thing on it or above it."""

    FRAME: ClassVar = (300.0, 240.0)
    LARGEST_MM: ClassVar = 150.0
    REDRAW: ClassVar = ("category", "loaded", "trouble")
    category = StringProperty("phone")
    loaded = BooleanProperty(False)
    trouble = BooleanProperty(False)

    def draw(self, pen: Pen, stroke: float) -> None:
        pen.polygon([(86, 8), (214, 8), (196, 44), (104, 44)], Palette.INK, 4)
        plate = Palette.DO_TINT if self.trouble else Palette.ACCENT_TINT
        pen.box(40, 46, 220, 22, 11, plate, Palette.INK, stroke)
        if self.trouble:
            self.sign(pen, "state", "alert", (150, 130), 84, Palette.DO_INK)
            return
        scale = 1.15
        bottom = 70.0 if self.loaded else 122.0
        thing = Pen(*pen.at(150 - SIDE * scale / 2, bottom), pen.scale * scale)
        draw_goods(thing, self.category, stroke / scale)
        if not self.loaded:
            for x in (66, 234):
                arrow_down(pen, x, 142, 92, Palette.ACCENT, stroke)


class DrawerScene(Drawing):
    """The red drawer, pulled out; the thing goes in by itself."""

    FRAME: ClassVar = (320.0, 280.0)
    LARGEST_MM: ClassVar = 170.0
    REDRAW: ClassVar = ("category", "hazard", "away")
    category = StringProperty("battery")
    hazard = StringProperty("swollen")
    away = BooleanProperty(False)  # too hot to touch: only the drawer, and a hand's breadth of distance

    def draw(self, pen: Pen, stroke: float) -> None:
        pen.box(30, 84, 260, 40, 10, Palette.INK)
        pen.polygon([(20, 96), (300, 96), (284, 110), (36, 110)], Palette.STOP_TINT, 3)
        pen.box(10, 6, 300, 92, 12, Palette.STOP, Palette.INK, stroke)
        pen.box(110, 66, 100, 14, 7, Palette.ON_DARK)
        self.sign(pen, "fire", "alert", (160, 36), 44, Palette.ON_DARK)
        thing = Pen(*pen.at(160 - SIDE / 2, 176), pen.scale)
        draw_goods(thing, self.category, stroke, self.hazard)
        if not self.away:
            arrow_down(pen, 160, 166, 130, Palette.STOP, stroke)
