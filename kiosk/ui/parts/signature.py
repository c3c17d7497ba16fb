# mypy: disallow-subclassing-any=False
"""The field for a signature: a finger's strokes, drawn as they come. Posts each whole stroke; keeps none itself."""

from __future__ import annotations

from typing import Final

from kivy.app import App
from kivy.graphics import Color, Line, SmoothLine
from kivy.input import MotionEvent
from kivy.properties import ListProperty, StringProperty
from kivy.uix.widget import Widget

from kiosk.ui.theme import Palette

WHOLE: Final = 1000  # of the field, each way
APART: Final = 3  # of 1000: nearer points are one


class Signature(Widget):
    """``strokes``: those so far, points (x, y) in 1/1000 of the field, y upwards."""

    quick = True  # strokes follow each other faster than touches that mean the same
    strokes = ListProperty([])
    words = StringProperty("")

    def __init__(self, **kwargs: object) -> None:
        self._points: list[tuple[int, int]] = []
        super().__init__(**kwargs)
        for name in ("strokes", "pos", "size"):
            self.fbind(name, self._draw)
        self._draw()

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """A stroke begins here and is this field's until the finger is lifted."""
        if not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        self._points = [self._spot(touch)]
        return True

    def on_touch_move(self, touch: MotionEvent) -> bool:
        """Another point, once it is far enough from the last."""
        if touch.grab_current is not self:
            return False
        spot = self._spot(touch)
        last = self._points[-1]
        if abs(spot[0] - last[0]) + abs(spot[1] - last[1]) >= APART:
            self._points.append(spot)
            self._draw()
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        """The stroke is whole."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        points, self._points = tuple(self._points), []
        App.get_running_app().staff("stroke", points)
        return True

    def _spot(self, touch: MotionEvent) -> tuple[int, int]:
        x = (touch.x - self.x) / max(1.0, self.width) * WHOLE
        y = (touch.y - self.y) / max(1.0, self.height) * WHOLE
        return round(min(WHOLE, max(0, x))), round(min(WHOLE, max(0, y)))

    def _draw(self, *_: object) -> None:
        theme = App.get_running_app().theme
        self.canvas.after.clear()
        with self.canvas.after:
            Color(*Palette.RULE)
            base = self.y + self.height * 0.22
            inset = theme.space
            # Not self.right: while the width changes it is still the old one's.
            Line(points=[self.x + inset, base, self.x + self.width - inset, base], width=1.2)
            Color(*Palette.INK)
            for stroke in (*self.strokes, self._points):
                self._stroke(stroke)

    def _stroke(self, stroke: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> None:
        if not stroke:
            return
        spots = [
            value
            for x, y in stroke
            for value in (self.x + x * self.width / WHOLE, self.y + y * self.height / WHOLE)
        ]
        if len(spots) == 2:
            spots += [spots[0] + 1, spots[1]]
        SmoothLine(points=spots, width=max(1.5, App.get_running_app().theme.stroke * 0.8))
