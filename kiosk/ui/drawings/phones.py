# mypy: disallow-subclassing-any=False
"""Phones: the outline of each model with its keys, and the picture of which to hold. Drawn, never photographed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from kivy.app import App
from kivy.properties import ListProperty, StringProperty

from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.pen import Pen
from kiosk.ui.theme import Palette

KEY_DEPTH: Final = 5.0


@dataclass(frozen=True, slots=True)
class Key:
    """A key on the phone's edge: which side, where (units from the bottom)."""

    side: int  # +1 right, -1 left
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's front in drawing units; 1 unit is about 0.75 mm."""

    width: float
    height: float
    corner: float
    bezel: float
    chin: float
    camera: str  # hole, slot
    keys: dict[str, Key]


_HERON: Final = Shape(
    100,
    212,
    19,
    5.5,
    5.5,
    "hole",
    {"volume_up": Key(1, 151, 168), "volume_down": Key(1, 132, 149), "power": Key(1, 104, 121)},
)
_WREN: Final = Shape(
    96,
    196,
    13,
    6,
    18,
    "slot",
    {"volume_up": Key(-1, 146, 163), "volume_down": Key(-1, 127, 144), "power": Key(1, 128, 146)},
)
SHAPES: Final[dict[str, Shape]] = {"heron": _HERON, "wren": _WREN}


def shape_of(model: str) -> Shape:
    """The outline of a model (fastboot product); an unknown one gets a common outline."""
    return SHAPES.get(model, _HERON)


def draw_body(pen: Pen, shape: Shape, stroke: float, screen: str, lit: tuple[str, ...] = ()) -> None:
    """The phone's front with its lower left corner at the pen's origin. ``screen``: off, home, lock, allow, plain."""
    for name, key in shape.keys.items():
        x = shape.width - 3 if key.side > 0 else -KEY_DEPTH + 1
        on = name in lit
        if on:
            pen.box(x - 4, key.low - 5, KEY_DEPTH + 10, key.high - key.low + 10, 7, Palette.ACCENT_TINT)
        fill = Palette.ACCENT if on else Palette.CARD
        pen.box(x, key.low, KEY_DEPTH + 2, key.high - key.low, 2, fill, Palette.INK, stroke)
    pen.box(0, 0, shape.width, shape.height, shape.corner, Palette.CARD, Palette.INK, stroke * 1.15)
    _draw_screen(pen, shape, stroke, screen)


def _draw_screen(pen: Pen, shape: Shape, stroke: float, screen: str) -> None:
    x, y = shape.bezel, shape.chin
    width, height = (
        shape.width - 2 * shape.bezel,
        shape.height - shape.chin - max(shape.bezel, shape.corner * 0.3),
    )
    corner = max(3.0, shape.corner - shape.bezel)
    ground = Palette.INK if screen == "off" else Palette.ACCENT_TINT
    pen.box(x, y, width, height, corner, ground)
    middle = shape.width / 2
    if shape.camera == "hole":
        pen.disc(middle, y + height - 9, 3.4, Palette.CARD if screen == "off" else Palette.INK)
    else:
        pen.box(middle - 9, shape.height - 7.5, 18, 3, 1.5, Palette.INK)
        pen.disc(middle, shape.chin / 2 + 0.5, 4.6, Palette.CARD)
    if screen == "home":
        _draw_apps(pen, x, y, width)
    elif screen == "lock":
        pen.path([(middle - 9, y + 24), (middle, y + 32), (middle + 9, y + 24)], Palette.ACCENT, stroke * 1.4)
        pen.path(
            [(middle - 9, y + 14), (middle, y + 22), (middle + 9, y + 14)], Palette.NIGHT_GLOW, stroke * 1.4
        )
    elif screen == "allow":
        _draw_question(pen, x, y, width, height, stroke)


def _draw_apps(pen: Pen, x: float, y: float, width: float) -> None:
    cell = width / 4
    for row in range(2):
        for column in range(4):
            colour = Palette.NIGHT_GLOW if (row + column) % 3 else Palette.CARD
            pen.box(
                x + cell * column + cell * 0.18,
                y + 10 + row * cell,
                cell * 0.64,
                cell * 0.64,
                cell * 0.18,
                colour,
            )


def _draw_question(pen: Pen, x: float, y: float, width: float, height: float, stroke: float) -> None:
    """What Android asks when a cable comes in: two lines of text, no and yes; yes is lit."""
    left, top = x + 7, y + height * 0.72
    inner = width - 14
    pen.box(left, top - 78, inner, 78, 8, Palette.CARD, Palette.INK, stroke)
    pen.box(left + 9, top - 18, inner - 30, 6, 3, Palette.MUTED)
    pen.box(left + 9, top - 32, inner - 18, 5, 2.5, Palette.RULE)
    pen.box(left + 9, top - 43, inner - 26, 5, 2.5, Palette.RULE)
    half = (inner - 24) / 2
    pen.box(left + 8, top - 70, half, 17, 8.5, Palette.WELL)
    pen.box(left + 16 + half, top - 70, half, 17, 8.5, Palette.ACCENT)


class PhoneScene(Drawing):
    """One phone, large. ``keys`` are lit and named; ``screen`` says what it shows; ``sign`` stands on its screen."""

    FRAME: ClassVar = (300.0, 236.0)
    LARGEST_MM: ClassVar = 220.0
    REDRAW: ClassVar = ("model", "screen", "keys", "labels", "sign_name", "sign_mood")
    model = StringProperty("")
    screen = StringProperty("plain")
    keys = ListProperty([])
    labels = ListProperty([])  # words for the keys, in the order of ``keys``
    sign_name = StringProperty("")
    sign_mood = StringProperty("next")

    def frame(self) -> tuple[float, float]:
        return self.FRAME if self.keys else (136.0, 236.0)

    def draw(self, pen: Pen, stroke: float) -> None:
        shape = shape_of(self.model)
        left = self._left(shape)
        body = Pen(*pen.at(left, 12), pen.scale)
        draw_body(body, shape, stroke, self.screen, tuple(self.keys))
        for index, name in enumerate(self.keys):
            if name in shape.keys:
                words = self.labels[index] if index < len(self.labels) else ""
                self._callout(pen, stroke, shape, left, name, words)
        if self.sign_name:
            colours = {
                "next": Palette.ACCENT,
                "do": Palette.DO_INK,
                "safe": Palette.SAFE,
                "stop": Palette.STOP,
                "dark": Palette.NIGHT_GLOW,
            }
            spot = (left + shape.width / 2, 12 + shape.height * 0.55)
            self.sign(pen, "sign", self.sign_name, spot, 46, colours[self.sign_mood])

    def _left(self, shape: Shape) -> float:
        sides = {shape.keys[name].side for name in self.keys if name in shape.keys}
        middle = self.frame()[0] / 2 - shape.width / 2
        return middle - 44 if sides == {1} else middle

    def _callout(self, pen: Pen, stroke: float, shape: Shape, left: float, name: str, words: str) -> None:
        key = shape.keys[name]
        y = 12 + (key.low + key.high) / 2
        edge = left + (shape.width + KEY_DEPTH if key.side > 0 else -KEY_DEPTH)
        end = edge + key.side * 15
        pen.path([(edge + key.side * 3, y), (end, y)], Palette.ACCENT, stroke)
        pen.disc(edge + key.side * 3, y, stroke * 1.6, Palette.ACCENT)
        size_px = min(App.get_running_app().theme.lead, 15 * pen.scale)
        self.tag(
            pen,
            name,
            words,
            (end + key.side * 5, y),
            size_px,
            Palette.ACCENT,
            (0 if key.side > 0 else 1, 0.5),
        )
