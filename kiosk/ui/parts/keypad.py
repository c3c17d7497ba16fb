# mypy: disallow-subclassing-any=False
"""Keys on the screen: digits as on a phone, or digits and letters. Posts each key; keeps nothing."""

from __future__ import annotations

from typing import Final

from kivy.app import App
from kivy.properties import BooleanProperty, StringProperty

from kiosk.ui.parts.grid import CellTap, Grid

DIGITS: Final = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "erase")
WIDE_DIGITS: Final = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "clear", "erase")
SIGNS: Final = {"clear": "close-circle", "erase": "arrow-left"}
LETTERS: Final = (*"1234567890ABCDEFGHIJKLMNOPQRSTUVWXYZ-", "clear", "erase")


class KeyTap(CellTap):
    """One key."""

    quick = True  # digits follow each other faster than touches that mean the same
    char = StringProperty("")
    sign = StringProperty("")  # where there is no room for its word


class KeyBoard(Grid):
    """``letters``: with A to Z. A key calls ``app.staff("key", char)``."""

    letters = BooleanProperty(False)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.fbind("letters", self._fill)
        self._fill()

    def _fill(self, *_: object) -> None:
        app = App.get_running_app()
        compact = app.theme.compact
        self.columns = 10 if self.letters else 6 if compact else 3
        self.clear_widgets()
        chars = LETTERS if self.letters else WIDE_DIGITS if compact else DIGITS
        for char in chars:
            words = app.say(f"keypad.{char}") if len(char) > 1 else char
            tap = KeyTap(char=char, sign=SIGNS.get(char, ""), key=f"k_{char}", words=words)
            tap.bind(on_release=lambda tap: app.staff("key", tap.char))
            self.add_widget(tap)
