# mypy: disallow-subclassing-any=False
"""What people drop off, as line drawings: the thing itself, what is dangerous about it, tape on its poles."""

from __future__ import annotations

from typing import ClassVar

from kivy.properties import BooleanProperty, StringProperty

from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.pen import Pen
from kiosk.ui.drawings.phones import draw_body, shape_of
from kiosk.ui.theme import Palette

SIDE: float = 100.0
"""A thing is drawn in a square of this many units."""


def draw_goods(pen: Pen, category: str, stroke: float, hazard: str = "none", taped: bool = False) -> None:
    """One thing with its lower left corner at the pen's origin; an unknown category is drawn as a parcel."""
    if category == "phone" and hazard in ("", "none"):
        shape = shape_of("heron")
        scale = 96 / shape.height
        body = Pen(*pen.at(50 - shape.width * scale / 2, 2), pen.scale * scale)
        draw_body(body, shape, stroke / scale, "plain")
    elif category in ("phone", "battery"):
        _battery(pen, stroke, hazard, taped)
    elif category == "charger":
        _charger(pen, stroke)
    elif category == "accessory":
        _headset(pen, stroke)
    else:
        pen.box(18, 10, 64, 64, 8, Palette.CARD, Palette.INK, stroke)
        pen.box(44, 10, 12, 64, 1, Palette.INK)
    if category in ("charger", "accessory"):
        _mark(pen, stroke, hazard)


def _battery(pen: Pen, stroke: float, hazard: str, taped: bool) -> None:
    """A phone's loose battery; swollen it has round flanks."""
    swollen = hazard == "swollen"
    for x in (37, 46, 55):
        pen.box(x, 80, 8, 10, 1.5, Palette.DO if not swollen else Palette.RULE, Palette.INK, stroke * 0.7)
    if swollen:
        pen.box(10, 6, 80, 76, 36, Palette.DO_TINT, Palette.INK, stroke)
    else:
        fill = Palette.STOP_TINT if hazard == "hot" else Palette.CARD
        pen.box(26, 6, 48, 76, 7, fill, Palette.INK, stroke)
    pen.box(36, 52, 28, 5, 2.5, Palette.RULE)
    pen.box(36, 42, 20, 5, 2.5, Palette.RULE)
    pen.path([(54, 36), (45, 25), (55, 25), (46, 13)], Palette.INK, stroke * 0.9)
    if taped:
        pen.box(20, 76, 60, 17, 3, Palette.ACCENT, Palette.INK, stroke * 0.7)
    _mark(pen, stroke, hazard)


def _mark(pen: Pen, stroke: float, hazard: str) -> None:
    """What is wrong with it, drawn over it."""
    if hazard == "damaged":
        pen.path([(28, 68), (46, 60), (40, 46), (60, 38), (54, 22), (74, 12)], Palette.STOP, stroke * 1.5)
        pen.disc(80, 12, 5, Palette.STOP)
        pen.polygon([(76, 13), (84, 13), (80, 23)], Palette.STOP, 0.6)
    elif hazard == "hot":
        for x in (14, 86):
            pen.curve((x, 20), (x - 10, 36), (x + 10, 48), (x, 64), Palette.STOP, stroke * 1.5)
    elif hazard == "swollen":
        for way, x in ((-1, 22), (1, 78)):
            pen.path([(x - 8 * way, 46), (x + 2 * way, 46)], Palette.STOP, stroke * 1.5)
            pen.path([(x - 4 * way, 51), (x + 2 * way, 46), (x - 4 * way, 41)], Palette.STOP, stroke * 1.5)


def _charger(pen: Pen, stroke: float) -> None:
    pen.curve((50, 30), (50, 6), (84, 24), (88, 4), Palette.INK, stroke * 2)
    for x in (39, 56):
        pen.box(x, 76, 5, 20, 1.5, Palette.WELL, Palette.INK, stroke * 0.8)
    pen.box(24, 28, 52, 50, 9, Palette.CARD, Palette.INK, stroke)
    pen.path([(54, 66), (45, 54), (55, 54), (46, 42)], Palette.ACCENT, stroke)


def _headset(pen: Pen, stroke: float) -> None:
    pen.arc(50, 44, 34, -90, 180, Palette.INK, stroke * 2.2)
    for x in (8, 74):
        pen.box(x, 16, 18, 34, 8, Palette.ACCENT_TINT, Palette.INK, stroke)


class GoodsScene(Drawing):
    """One thing, large. ``sign_name``: a sign at its corner."""

    FRAME: ClassVar = (SIDE, SIDE)
    LARGEST_MM: ClassVar = 120.0
    REDRAW: ClassVar = ("category", "hazard", "taped", "sign_name")
    category = StringProperty("phone")
    hazard = StringProperty("none")
    taped = BooleanProperty(False)
    sign_name = StringProperty("")

    def draw(self, pen: Pen, stroke: float) -> None:
        draw_goods(pen, self.category, stroke, self.hazard, self.taped)
        if self.sign_name:
            pen.disc(80, 18, 16, Palette.ACCENT)
            self.sign(pen, "sign", self.sign_name, (80, 18), 22, Palette.ON_DARK)
