# mypy: disallow-subclassing-any=False
"""Text that breaks as Chinese and English should, and is always as tall as what it says. Chooses no words."""

from __future__ import annotations

from functools import lru_cache

from kivy.clock import Clock
from kivy.core.text import Label as CoreLabel
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.label import Label

from kiosk.ui.linebreak import wrap

SLACK_PX = 2.0  # the toolkit rounds extents up line by line


@lru_cache(maxsize=20_000)
def _extent(text: str, font_name: str, bold: bool, font_size: float) -> float:
    return float(CoreLabel(font_name=font_name, bold=bold, font_size=font_size).get_extents(text)[0])


def text_width(text: str, font_name: str, bold: bool, font_size: float) -> float:
    """Pixels ``text`` takes on one line."""
    return max((_extent(line, font_name, bold, font_size) for line in text.split("\n")), default=0.0)


class Text(Label):
    """Set ``words``; the height follows. ``one_line``: as wide as the words; ``balance``: even lines."""

    words = StringProperty("")
    balance = BooleanProperty(False)
    one_line = BooleanProperty(False)

    def __init__(self, **kwargs: object) -> None:
        self._reflow = Clock.create_trigger(self._flow, -1)
        super().__init__(**kwargs)
        for name in ("words", "width", "font_size", "font_name", "bold", "balance", "one_line"):
            self.fbind(name, self._reflow)
        self.fbind("texture_size", self._fit)
        self._reflow()

    def _flow(self, *_: object) -> None:
        if self.one_line:
            self.size_hint_x = None
            self.text_size = (None, None)
            self.text = self.words
            return
        width = max(1.0, self.width)
        self.text_size = (width, None)
        self.text = wrap(
            self.words,
            width - SLACK_PX,
            lambda piece: _extent(piece, self.font_name, self.bold, self.font_size),
            self.balance,
        )

    def _fit(self, *_: object) -> None:
        self.height = self.texture_size[1] if self.words else 0
        if self.one_line:
            self.width = self.texture_size[0]
