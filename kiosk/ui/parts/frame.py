# mypy: disallow-subclassing-any=False
"""What stays around every page: header, call strip, footer, sheets. They show and post; they decide nothing."""

from __future__ import annotations

from kivy.animation import Animation
from kivy.app import App
from kivy.input import MotionEvent
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from kiosk.ui.drawings.pen import Pen
from kiosk.ui.parts.lists import Card
from kiosk.ui.parts.page import Page, Reader, Stack
from kiosk.ui.shown import NOTHING
from kiosk.ui.theme import MOTION_EASE, MOTION_S, Palette


class StepDots(Widget):
    """Where I am: one dash per step; the current one is longer as well as lit."""

    step = NumericProperty(0)
    steps = NumericProperty(0)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        for name in ("step", "steps", "pos", "size"):
            self.fbind(name, self._draw)
        self._draw()

    def _draw(self, *_: object) -> None:
        self.canvas.clear()
        pen, left = Pen(self.x, self.y, 1.0), 0.0
        with self.canvas:
            for number in range(1, int(self.steps) + 1):
                width = self.height * (5.0 if number == self.step else 2.6)
                colour = Palette.ACCENT if number <= self.step else Palette.RULE
                pen.box(left, 0, width, self.height, self.height / 2, colour)
                left += width + self.height


class Header(BoxLayout):
    """Bay, step n of m, hotline."""

    shown = ObjectProperty(NOTHING, rebind=True)
    night = BooleanProperty(False)


class CallStrip(Stack):
    """What became of the call for the duty manager; no height while there is none."""

    shown = ObjectProperty(NOTHING, rebind=True)


class Footer(BoxLayout):
    """Language, size, duty manager on every screen; home and stop where they are safe."""

    shown = ObjectProperty(NOTHING, rebind=True)
    night = BooleanProperty(False)
    back = StringProperty("")  # "", "home"
    stop = BooleanProperty(False)
    staff = BooleanProperty(False)
    called = BooleanProperty(False)

    def on_kv_post(self, _base_widget: Widget) -> None:
        """Keeps the optional buttons alive while they are out of the row (ids hold them weakly)."""
        names = ("home_tap", "stop_tap", "staff_tap")
        self._home_tap, self._stop_tap, self._staff_tap = (self.ids[name].__self__ for name in names)
        for name in ("back", "stop", "staff"):
            self.fbind(name, self._offer_all)
        self._offer_all()

    def _offer_all(self, *_: object) -> None:
        self._offer(self._home_tap, bool(self.back))
        self._offer(self._stop_tap, self.stop)
        self._offer(self._staff_tap, self.staff)

    def _offer(self, tap: Widget, wanted: bool) -> None:
        """Puts a button into the row or takes it out: a button that does nothing is never shown."""
        if wanted and tap.parent is None:
            self.add_widget(tap, index=len(self.children))
        elif not wanted and tap.parent is not None:
            self.remove_widget(tap)


class SheetBox(AnchorLayout):
    """A question over a dimmed page."""

    shown = ObjectProperty(NOTHING, rebind=True)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Nothing under a sheet can be touched; the footer, with the duty manager, lies beside it."""
        if not self.collide_point(*touch.pos):
            return False
        super().on_touch_down(touch)
        return True


class SheetColumn(Card):
    """The card of a sheet."""


class SheetCard(Reader):
    """The question itself; scrolls when large text makes it taller than the room."""

    def make_column(self) -> Stack:
        """A card whose buttons keep their distance."""
        return SheetColumn()

    def add_widget(self, widget: Widget, *args: object, **kwargs: object) -> None:
        """Into the card, once the card itself is in."""
        if widget is self.column:
            super().add_widget(widget, *args, **kwargs)
        else:
            self.column.add_widget(widget, *args, **kwargs)


class CancelSheet(SheetBox):
    """Really stop?"""


class SizeSheet(SheetBox):
    """Text size and reach."""


class IdleSheet(SheetBox):
    """Are you still there?"""


class Stage(BoxLayout):
    """Holds the one current page and brings the next in."""

    def change(self, page: Page) -> None:
        self.clear_widgets()
        self.add_widget(page)
        if not App.get_running_app().moving:
            return
        page.opacity = 0
        Animation(opacity=1, d=MOTION_S, t=MOTION_EASE).start(page)


class Shell(BoxLayout):
    """Everything on the screen, top to bottom. Built anew when language, size or shape changes."""

    shown = ObjectProperty(NOTHING, rebind=True)
    night = BooleanProperty(False)
