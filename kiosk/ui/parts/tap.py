# mypy: disallow-subclassing-any=False
"""Things to touch: at least 20 mm, pressed look at once. Looks are in parts.kv; what they do is said where used."""

from __future__ import annotations

from kivy.input import MotionEvent
from kivy.properties import BooleanProperty, ColorProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout

from kiosk.ui.theme import Palette


class Tap(ButtonBehavior, BoxLayout):
    """Base of every button. ``key`` is its name for tests and logs, never shown."""

    key = StringProperty("")
    words = StringProperty("")
    icon = StringProperty("")
    fill = ColorProperty(Palette.WELL)
    fill_down = ColorProperty(Palette.RULE)
    ink = ColorProperty(Palette.INK)
    rim = ColorProperty((0, 0, 0, 0))
    shut = BooleanProperty(False)  # not offered now: takes no room and no touch

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Nothing while shut."""
        return not self.shut and bool(super().on_touch_down(touch))


class PrimaryTap(Tap):
    """The one next step of a screen: accent, full width, at the bottom."""

    fill_on = ColorProperty(Palette.ACCENT)
    ink_on = ColorProperty(Palette.ON_DARK)


class SecondaryTap(Tap):
    """The other way out."""


class FooterTap(Tap):
    """A sign over a word; the footer's row of four or five."""

    lit = BooleanProperty(False)


class ChoiceTap(Tap):
    """One of a few equal choices; ``chosen`` shows a tick and a rim, not only a colour."""

    chosen = BooleanProperty(False)
    icon_chosen = StringProperty("check-circle")
