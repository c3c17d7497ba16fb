# mypy: disallow-subclassing-any=False
"""The bays: the shape of each bay's light, its badge, and the picture of a phone on a bay's cable."""

from __future__ import annotations

import math
from typing import ClassVar, Final

from kivy.properties import BooleanProperty, ColorProperty, NumericProperty, StringProperty

from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.pen import Pen, Point
from kiosk.ui.drawings.phones import draw_body, shape_of
from kiosk.ui.theme import Colour, Palette

SIDES: Final = {2: 4, 3: 3, 4: 4, 5: 5, 6: 6}  # bay 1 is a circle; more bays than six start again
TURN_DEG: Final = {2: 45.0, 3: 0.0, 4: 0.0, 5: 0.0, 6: 30.0}


TONES: Final = {"next": Palette.ACCENT, "do": Palette.DO, "safe": Palette.SAFE}
TINTS: Final = {"next": Palette.ACCENT_TINT, "do": Palette.DO_TINT, "safe": Palette.SAFE_TINT}


def draw_light(pen: Pen, number: int, centre: Point, radius: float, fill: Colour) -> None:
    """The shape that also shines beside the port: 1 circle, 2 square, 3 triangle, 4 diamond, 5 pentagon, 6 hexagon."""
    kind = (number - 1) % 6 + 1
    x, y = centre
    if kind == 1:
        pen.disc(x, y, radius, fill)
        return
    sides, turn = SIDES[kind], math.radians(TURN_DEG[kind] + 90)
    reach = radius * {2: 1.12, 3: 1.12, 4: 1.05}.get(kind, 0.95)
    lift = radius * 0.18 if kind == 3 else 0.0
    corners = [
        (
            x + reach * math.cos(turn + 2 * math.pi * i / sides),
            y - lift + reach * math.sin(turn + 2 * math.pi * i / sides),
        )
        for i in range(sides)
    ]
    pen.polygon(corners, fill, radius * 0.18)


class BayBadge(Drawing):
    """The bay's shape with its number."""

    FRAME: ClassVar = (44.0, 44.0)
    REDRAW: ClassVar = ("number", "fill", "ink")
    number = NumericProperty(1)
    fill = ColorProperty(Palette.INK)
    ink = ColorProperty(Palette.ON_DARK)

    def draw(self, pen: Pen, _stroke: float) -> None:
        number = int(self.number)
        draw_light(pen, number, (22, 22), 18, tuple(self.fill))
        down = 3.5 if (number - 1) % 6 == 2 else 0
        self.tag(pen, "number", str(number), (22, 22 - down), 19 * pen.scale, tuple(self.ink))


class BayScene(Drawing):
    """A phone above the station's ports, on the cable of one of them. ``gap`` 0: plugged in, 1: apart."""

    FRAME: ClassVar = (400.0, 490.0)
    LARGEST_MM: ClassVar = 250.0
    REDRAW: ClassVar = ("number", "bays", "gap", "model", "mood", "screen", "away")
    number = NumericProperty(1)
    bays = NumericProperty(2)
    gap = NumericProperty(0.0)
    model = StringProperty("")
    screen = StringProperty("home")
    away = BooleanProperty(False)
    mood = StringProperty("next")  # next, do, safe

    def draw(self, pen: Pen, stroke: float) -> None:
        tone = TONES[self.mood]
        bays = max(1, int(self.bays))
        ports = [400 * (i + 1) / (bays + 1) for i in range(bays)]
        mine = ports[min(bays, int(self.number)) - 1]
        self._plate(pen, stroke, ports, tone)
        lift = 46 * self.gap
        plug_y = 168.0
        pen.curve((mine, 92), (mine, 150), (200, 96), (200, plug_y), Palette.INK, 8.5)
        pen.curve((mine, 92), (mine, 150), (200, 96), (200, plug_y), tone, 8.5 - 2 * stroke)
        self._plug(pen, stroke, plug_y, tone)
        shape = shape_of(self.model)
        scale = 232 / shape.height
        body = Pen(*pen.at(200 - shape.width * scale / 2, plug_y + 40 + lift), pen.scale * scale)
        draw_body(body, shape, stroke / scale, self.screen)
        self._content(pen, plug_y + 40 + lift + 116)
        if self.gap > 0.5:
            self._arrows(pen, stroke, plug_y, lift)

    def _plate(self, pen: Pen, stroke: float, ports: list[float], tone: Colour) -> None:
        pen.box(0, 0, 400, 112, 22, Palette.CARD, Palette.INK, stroke)
        for index, x in enumerate(ports):
            number = index + 1
            mine = number == int(self.number)
            pen.box(x - 22, 84, 44, 15, 7.5, Palette.INK if mine else Palette.CARD, Palette.INK, stroke)
            if mine:
                draw_light(pen, number, (x, 44), 34, TINTS[self.mood])
            draw_light(pen, number, (x, 44), 24, tone if mine else Palette.WELL)
            down = 4.5 if (number - 1) % 6 == 2 else 0
            ink = (Palette.INK if self.mood == "do" else Palette.ON_DARK) if mine else Palette.MUTED
            self.tag(pen, f"bay{number}", str(number), (x, 44 - down), 26 * pen.scale, ink)

    @staticmethod
    def _plug(pen: Pen, stroke: float, y: float, tone: Colour) -> None:
        pen.box(193, y + 26, 14, 16, 3, Palette.CARD, Palette.INK, stroke)
        pen.box(185, y - 4, 30, 34, 8, tone, Palette.INK, stroke)

    def _arrows(self, pen: Pen, stroke: float, plug_y: float, lift: float) -> None:
        """Phone to plug, or away from it."""
        ink = Palette.DO_INK if self.mood == "do" else TONES[self.mood]
        middle, way = plug_y + 46 + lift / 2, 1 if self.away else -1
        for x in (152, 248):
            tip = middle + 12 * way
            pen.path([(x, middle - 12 * way), (x, tip)], ink, stroke * 1.6)
            pen.path([(x - 8, tip - 8 * way), (x, tip), (x + 8, tip - 8 * way)], ink, stroke * 1.6)

    def _content(self, pen: Pen, y: float) -> None:
        sign = {"safe": "check", "wait": "timer-sand", "alert": "alert", "usb": "usb"}.get(self.screen)
        if sign:
            colour = {"safe": Palette.SAFE, "alert": Palette.DO_INK}.get(self.screen, Palette.ACCENT)
            self.sign(pen, "sign", sign, (200, y), 52, colour)
