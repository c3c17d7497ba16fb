# mypy: disallow-subclassing-any=False
"""Progress: a ring with one huge figure, a bar, and the phases as a line. Shows numbers given; never invents one."""

from __future__ import annotations

from typing import ClassVar

from kivy.animation import Animation
from kivy.app import App
from kivy.clock import Clock
from kivy.properties import BooleanProperty, ColorProperty, ListProperty, NumericProperty, StringProperty
from kivy.uix.widget import Widget

from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.pen import Pen
from kiosk.ui.parts.text import text_width
from kiosk.ui.theme import MOTION_EASE, MOTION_S, Palette
from kiosk.ui.toolkit import BODY_FONT

TURN_S = 2.4  # one turn of the waiting arc
WAITING_HZ = 15.0


class Ring(Drawing):
    """``percent`` 0..100, or -1 while nobody knows: then an arc goes round. ``figure`` stands in the middle."""

    FRAME: ClassVar = (240.0, 240.0)
    LARGEST_MM: ClassVar = 190.0
    REDRAW: ClassVar = ("drawn", "turn", "figure", "caption", "colour", "waiting")
    percent = NumericProperty(-1)
    drawn = NumericProperty(0.0)
    turn = NumericProperty(0.0)
    waiting = BooleanProperty(True)
    figure = StringProperty("")
    caption = StringProperty("")
    colour = ColorProperty(Palette.ACCENT)

    def __init__(self, **kwargs: object) -> None:
        self._clock = Clock.create_trigger(self._go_round, 1 / WAITING_HZ, interval=True)
        super().__init__(**kwargs)
        self.drawn = max(0, self.percent)
        self.fbind("percent", self._glide)
        self.fbind("parent", self._glide)
        self._glide()

    def _glide(self, *_: object) -> None:
        self.waiting = self.percent < 0
        if self.waiting and self.parent is not None and App.get_running_app().moving:
            self._clock()
            return
        self._clock.cancel()
        Animation.cancel_all(self, "drawn")
        if not App.get_running_app().moving:
            self.drawn = max(0, self.percent)
            return
        Animation(drawn=max(0, self.percent), d=MOTION_S, t=MOTION_EASE).start(self)

    def _go_round(self, dt: float) -> None:
        if self.get_root_window() is None:
            self._clock.cancel()
            return
        self.turn = (self.turn + dt * 360 / TURN_S) % 360

    def draw(self, pen: Pen, _stroke: float) -> None:
        thick = 13.0
        pen.disc(120, 120, 118, Palette.WELL)
        pen.disc(120, 120, 118 - thick, Palette.GROUND)
        start, sweep = (self.turn, 80.0) if self.waiting else (0.0, 3.6 * self.drawn)
        pen.arc(120, 120, 118 - thick / 2, start, sweep, tuple(self.colour), thick)
        theme = App.get_running_app().theme
        middle = 132 if self.caption else 120
        if self.figure:
            largest = 150 * pen.scale
            natural = text_width(self.figure, BODY_FONT, True, 100) / 100
            size_px = min(theme.hero, largest / max(0.1, natural), 70 * pen.scale)
            self.tag(pen, "figure", self.figure, (120, middle), size_px)
        if self.caption:
            natural = text_width(self.caption, BODY_FONT, False, 100) / 100
            size_px = min(theme.lead, 150 * pen.scale / max(0.1, natural))
            self.tag(pen, "caption", self.caption, (120, 78), size_px, Palette.MUTED, bold=False)


class Bar(Widget):
    """A thin bar, 0..100. Looks in parts.kv."""

    percent = NumericProperty(0)
    colour = ColorProperty(Palette.ACCENT)


class PhaseLine(Drawing):
    """The phases in order; those done carry a tick, the current one is lit and bold."""

    REDRAW: ClassVar = ("names", "current")
    names = ListProperty([])
    current = NumericProperty(0)

    def frame(self) -> tuple[float, float]:
        return (max(1.0, self.width), max(1.0, self.height))

    def draw(self, pen: Pen, _stroke: float) -> None:
        theme = App.get_running_app().theme
        count = max(1, len(self.names))
        cell = self.width / count
        radius, y = theme.mm(3.4), self.height - theme.mm(4)
        centres = [cell * (i + 0.5) for i in range(count)]
        for index in range(count - 1):
            colour = Palette.ACCENT if index < self.current else Palette.RULE
            pen.path([(centres[index] + radius, y), (centres[index + 1] - radius, y)], colour, theme.mm(0.9))
        for index, x in enumerate(centres):
            self._node(pen, index, x, y, radius)
            self._name(pen, index, x, y - radius - theme.mm(2.5), cell)

    def _node(self, pen: Pen, index: int, x: float, y: float, radius: float) -> None:
        done, now = index < self.current, index == self.current
        pen.disc(x, y, radius, Palette.ACCENT if done or now else Palette.RULE)
        if done:
            self.sign(pen, f"tick{index}", "check", (x, y), radius * 1.5, Palette.ON_DARK)
        else:
            pen.disc(x, y, radius * 0.62, Palette.CARD)
            if now:
                pen.disc(x, y, radius * 0.36, Palette.ACCENT)

    def _name(self, pen: Pen, index: int, x: float, top: float, cell: float) -> None:
        theme = App.get_running_app().theme
        now = index == self.current
        words = self.names[index]
        natural = max(text_width(name, BODY_FONT, True, 100) for name in self.names) / 100
        size_px = min(
            theme.body if len(self.names) < 5 else theme.small, (cell - theme.mm(2)) / max(0.1, natural)
        )
        colour = Palette.INK if now else Palette.MUTED
        self.tag(pen, f"name{index}", words, (x, top), size_px, colour, (0.5, 1), bold=now)
