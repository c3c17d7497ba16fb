# mypy: disallow-subclassing-any=False
"""The frame every page shares: what is said, what is pictured, what can be done. Portrait stacks; landscape pairs."""

from __future__ import annotations

from kivy.app import App
from kivy.clock import Clock
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, OptionProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.scrollview import ScrollView
from kivy.uix.widget import Widget


class Stack(BoxLayout):
    """A column as tall as what is in it."""


class Lead(Stack):
    """Heading and explanation."""


class Aside(Stack):
    """Cards: under the lead in portrait, beside it in landscape."""


class Foot(Stack):
    """The quiet line under everything that is said."""


class Actions(Stack):
    """Buttons, always at the bottom where thumbs are. In landscape: under which half, and in a row or not."""

    side = OptionProperty("right", options=("left", "right", "wide"))
    row = BooleanProperty(True)


class Hero(FloatLayout):
    """The picture; takes what room is left. Under ``least`` pixels high it helps nobody and makes room for words."""

    least = NumericProperty(0.0)


class Reader(ScrollView):
    """Holds a column; scrolls only when large text leaves it no other way, and then shows that it does."""

    def __init__(self, **kwargs: object) -> None:
        self.column = self.make_column()
        super().__init__(**kwargs)
        super().add_widget(self.column)
        self.column.fbind("height", self._judge)
        self.fbind("height", self._judge)

    def make_column(self) -> Stack:
        """What holds the words."""
        return Stack()

    def _judge(self, *_: object) -> None:
        over = self.column.height > self.height + 1
        self.do_scroll_y = over
        self.bar_width = App.get_running_app().theme.mm(1.6) if over else 0
        if not over:
            self.scroll_y = 1


class Page(Widget):
    """One screen. ``shown`` is the moment to draw, ``job`` its visit; both are replaced, never changed."""

    shown = ObjectProperty(None, rebind=True)
    job = ObjectProperty(None, allownone=True, rebind=True)

    def __init__(self, **kwargs: object) -> None:
        self._main, self._side = Reader(), Reader()
        self._slots: dict[type[Widget], Widget] = {}
        self._arrange = Clock.create_trigger(self._arrange_now, -1)
        super().__init__(**kwargs)
        self.fbind("size", self._arrange)
        self.fbind("pos", self._arrange)
        self._assemble()

    def add_widget(self, widget: Widget, *args: object, **kwargs: object) -> None:
        """Takes the slots; they are put together once all are known."""
        slot = type(widget)
        if slot not in (Lead, Aside, Hero, Foot, Actions):
            super().add_widget(widget, *args, **kwargs)
            return
        self._slots[slot] = widget
        if slot not in (Lead, Aside):
            super().add_widget(widget)
        if slot is not Hero:
            widget.fbind("height", self._arrange)

    def _assemble(self) -> None:
        theme = App.get_running_app().theme
        for slot, reader in ((Lead, self._main), (Aside, self._main if theme.portrait else self._side)):
            if slot in self._slots:
                reader.column.add_widget(self._slots[slot])
        if Foot in self._slots and not theme.portrait and (theme.text_percent > 100 or theme.compact):
            # Too little height to pin it: it follows what is said, and scrolls with it.
            foot = self._slots.pop(Foot)
            self.remove_widget(foot)
            self._main.column.add_widget(foot)
        for reader in (self._main, self._side):
            reader.column.spacing = theme.section
            if reader.column.children:
                super().add_widget(reader)
                reader.column.fbind("height", self._arrange)
        self._arrange()

    def _height(self, slot: type[Widget]) -> float:
        widget = self._slots.get(slot)
        return float(widget.height) if widget is not None and widget.height > 1 else 0.0

    def _arrange_now(self, *_: object) -> None:
        theme = App.get_running_app().theme
        left, bottom = self.x + theme.margin, self.y + theme.gap
        width, height = self.width - 2 * theme.margin, self.height - theme.gap - theme.space
        if width <= 0 or height <= 0:
            return
        if theme.portrait:
            bottom, height = self._put(Actions, left, bottom, width, height)
            self._stack(left, bottom, height, width, self._slots.get(Hero))
            return
        gutter = theme.margin * 1.2
        half = (width - gutter) / 2
        right = left + half + gutter
        side = self._slots[Actions].side if Actions in self._slots else "right"
        if side == "wide":
            bottom, height = self._put(Actions, left, bottom, width, height)
        under = {"left": left, "right": right}
        rooms = dict.fromkeys(under, (bottom, height))
        if side in rooms:
            rooms[side] = self._put(Actions, under[side], bottom, half, height)
        self._pair(right, *rooms["right"], half)
        self._stack(left, *rooms["left"], half, None)

    def _put(
        self, slot: type[Widget], left: float, bottom: float, width: float, height: float
    ) -> tuple[float, float]:
        """Sets a slot at the bottom of a room; the room that is left above it."""
        taken = self._height(slot)
        if slot in self._slots:
            self._slots[slot].pos, self._slots[slot].width = (left, bottom), width
        if not taken:
            return bottom, height
        theme = App.get_running_app().theme
        taken += theme.gap if theme.compact else theme.section
        return bottom + taken, height - taken

    def _pair(self, left: float, bottom: float, height: float, width: float) -> None:
        """The right half: cards if there are any; the picture in the room that is left."""
        cards = self._height(Aside) > 0
        if self._side.parent is not None:
            self._side.opacity = 1 if cards else 0
            tall = min(self._side.column.height, height)
            self._side.pos, self._side.size = (left, bottom + height - tall), (width, tall)
            if cards:
                height -= tall + App.get_running_app().theme.section
        hero = self._slots.get(Hero)
        if hero is not None:
            self._show_hero(hero, height >= hero.least)
            hero.pos, hero.size = (left, bottom), (width, max(1.0, height))

    def _stack(self, left: float, bottom: float, height: float, width: float, hero: Hero | None) -> None:
        """Words at the top, the foot at the bottom, the picture between if it fits."""
        theme = App.get_running_app().theme
        top = bottom + height
        bottom, height = self._put(Foot, left, bottom, width, height)
        wanted = self._main.column.height
        rest = height - wanted - 2 * theme.space
        if hero is not None:
            self._show_hero(hero, rest >= hero.least)
            hero.pos, hero.size = (left, bottom + theme.space), (width, max(1.0, rest))
        tall = min(wanted, height)
        self._main.pos, self._main.size = (left, top - tall), (width, tall)

    @staticmethod
    def _show_hero(hero: Hero, visible: bool) -> None:
        hero.opacity = 1 if visible else 0
        hero.disabled = not visible
