# mypy: disallow-subclassing-any=False
"""A drawing fitted into its widget, redrawn when size or properties change. Subclasses draw; this only frames."""

from __future__ import annotations

from typing import ClassVar

from kivy.app import App
from kivy.clock import Clock
from kivy.uix.widget import Widget

from kiosk.ui.drawings.pen import Pen
from kiosk.ui.icons import ICONS
from kiosk.ui.parts.text import Text
from kiosk.ui.theme import Colour, Palette
from kiosk.ui.toolkit import BODY_FONT, ICON_FONT


class Drawing(Widget):
    """``FRAME`` is the drawing's size in units; ``REDRAW`` names the properties it depends on."""

    FRAME: ClassVar[tuple[float, float]] = (100.0, 100.0)
    REDRAW: ClassVar[tuple[str, ...]] = ()
    LARGEST_MM: ClassVar[float] = 230.0  # a drawing is not blown up beyond this height

    def __init__(self, **kwargs: object) -> None:
        self._tags: dict[str, Text] = {}
        self._wanted: dict[str, tuple[str, dict[str, object], tuple[float, ...]]] = {}
        self._redraw = Clock.create_trigger(self._draw_all, -1)
        super().__init__(**kwargs)
        for name in ("pos", "size", *self.REDRAW):
            self.fbind(name, self._redraw)
        self._redraw()

    @property
    def theme_stroke_px(self) -> float:
        return float(App.get_running_app().theme.stroke)

    def frame(self) -> tuple[float, float]:
        return self.FRAME

    def _draw_all(self, *_: object) -> None:
        width, height = self.frame()
        theme = App.get_running_app().theme
        scale = min(self.width / width, self.height / height, theme.mm(self.LARGEST_MM) / height)
        if scale <= 0:
            return
        pen = Pen(self.center_x - width * scale / 2, self.center_y - height * scale / 2, scale)
        self._wanted = {}
        self.canvas.before.clear()
        with self.canvas.before:
            self.draw(pen, self.theme_stroke_px / scale)
        self._set_tags()

    def _set_tags(self) -> None:
        """Outside the drawing: a label made inside it would be painted by it, too, and stay behind."""
        for key in self._tags.keys() - self._wanted.keys():
            self.remove_widget(self._tags.pop(key))
        for key, (words, look, spot) in self._wanted.items():
            label = self._tags.get(key)
            if label is None:
                label = self._tags[key] = Text(one_line=True, size_hint=(None, None))
                self.add_widget(label)
                label.fbind("size", self._place, label)
            label.words, label.spot = words, spot
            for name, value in look.items():
                setattr(label, name, value)
            self._place(label)

    def draw(self, pen: Pen, stroke: float) -> None:
        """Draws with ``pen``; ``stroke`` is the house's line width in units."""
        raise NotImplementedError

    def tag(
        self,
        pen: Pen,
        key: str,
        words: str,
        at: tuple[float, float],
        size_px: float,
        colour: Colour = Palette.INK,
        anchor: tuple[float, float] = (0.5, 0.5),
        bold: bool = True,
        font: str = BODY_FONT,
    ) -> None:
        """A word in the drawing, at a point in units; ``anchor`` is the part of the word that lies there."""
        look = {"color": colour, "font_name": font, "bold": bold, "font_size": round(size_px)}
        self._wanted[key] = (words, look, (*pen.at(*at), *anchor))

    @staticmethod
    def _place(label: Text, *_: object) -> None:
        x, y, anchor_x, anchor_y = label.spot
        label.pos = (round(x - label.width * anchor_x), round(y - label.height * anchor_y))

    def sign(
        self,
        pen: Pen,
        key: str,
        icon: str,
        at: tuple[float, float],
        size: float,
        colour: Colour = Palette.INK,
    ) -> None:
        """A sign of the icon font, ``size`` units tall, centred at ``at``."""
        self.tag(pen, key, ICONS[icon], at, size * pen.scale, colour, bold=False, font=ICON_FONT)
