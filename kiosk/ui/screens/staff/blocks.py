# mypy: disallow-subclassing-any=False
"""One widget per block of a staff panel: each shows the block it is given, again and again. Decides no wording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from kivy.app import App
from kivy.properties import BooleanProperty, ColorProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from kiosk.ui.drawings.bays import BayBadge
from kiosk.ui.parts.grid import CellTap, Grid
from kiosk.ui.parts.keypad import KeyBoard
from kiosk.ui.parts.lists import Steps
from kiosk.ui.parts.page import Stack
from kiosk.ui.parts.progress import Ring
from kiosk.ui.parts.qr import QrCode
from kiosk.ui.parts.signature import Signature
from kiosk.ui.parts.tap import Tap
from kiosk.ui.parts.text import Text
from kiosk.ui.staff import panel
from kiosk.ui.theme import Colour, Palette

WIDGETS = (BayBadge, KeyBoard, QrCode, Signature)
"""Classes that the looks name; importing them is what makes Kivy's factory know them."""
INKS: dict[str, Colour] = {
    "plain": Palette.INK,
    "next": Palette.ACCENT,
    "safe": Palette.SAFE,
    "do": Palette.DO_INK,
    "stop": Palette.STOP,
}
TINTS: dict[str, Colour] = {
    "plain": Palette.WELL,
    "next": Palette.ACCENT_TINT,
    "safe": Palette.SAFE_TINT,
    "do": Palette.DO_TINT,
    "stop": Palette.STOP_TINT,
}


def post(touch: panel.Touch | None) -> None:
    """What a touch asks for."""
    if touch is not None:
        App.get_running_app().staff(touch.action, *touch.values)


def sync(holder: Widget, values: Sequence[Any], make: Callable[[Any], Widget]) -> None:
    """``holder``'s children show ``values``; a child stays while its place and kind do, so that no finger loses it."""
    old = list(reversed(holder.children))
    kinds = [type(value) for value in values]
    if [getattr(one, "value_kind", None) for one in old] == kinds:
        for one, value in zip(old, values, strict=True):
            one.show(value)
        return
    holder.clear_widgets()
    for value in values:
        child = make(value)
        child.value_kind = type(value)
        holder.add_widget(child)
        child.show(value)


class HeadBlock(Stack):
    words = StringProperty("")
    more = StringProperty("")
    large = BooleanProperty(False)

    def show(self, block: panel.Head) -> None:
        self.words, self.more, self.large = block.words, block.more, block.large


class StripBlock(BoxLayout):
    words = StringProperty("")
    more = StringProperty("")
    icon = StringProperty("alert")
    fill = ColorProperty(Palette.DO_TINT)

    def show(self, block: panel.Strip) -> None:
        self.words, self.more, self.icon = block.words, block.more, block.icon
        self.fill = TINTS[block.mood]


class PlainBlock(Text):
    quiet = BooleanProperty(True)

    def show(self, block: panel.Plain) -> None:
        self.words, self.quiet, self.bold = block.words, block.quiet, block.bold


class NumberedBlock(Steps):
    def show(self, block: panel.Numbered) -> None:
        self.items = list(block.items)


class TouchTap(CellTap):
    """A button that posts its touch."""

    touch_value = ObjectProperty(None, allownone=True)

    def on_release(self) -> None:
        post(self.touch_value)


class SlotTap(TouchTap):
    label = StringProperty("")
    value = StringProperty("")
    hint = StringProperty("")
    active = BooleanProperty(False)

    def show(self, one: panel.Slot) -> None:
        self.key = f"field_{one.key}"
        self.label, self.value, self.hint, self.active = one.label, one.value, one.hint, one.active
        self.touch_value = panel.touch(one.act, one.key)


class SlotsBlock(Grid):
    def show(self, block: panel.Slots) -> None:
        self.columns = 4 if len(block.slots) > 3 else max(1, len(block.slots))
        sync(self, block.slots, lambda _: SlotTap())


class KeypadBlock(Stack):
    letters = BooleanProperty(False)

    def show(self, block: panel.Keypad) -> None:
        self.letters = block.letters


class TileTap(TouchTap):
    more = StringProperty("")
    chosen = BooleanProperty(False)
    mood = StringProperty("plain")
    short = BooleanProperty(False)  # an answer in a row of answers

    def show(self, tile: panel.Tile) -> None:
        self.key, self.words, self.more = tile.key, tile.words, tile.more
        self.icon, self.chosen, self.mood = tile.icon, tile.chosen, tile.mood
        self.disabled = not tile.open
        self.touch_value = tile.touch


class TilesBlock(Stack):
    label = StringProperty("")
    columns = NumericProperty(3)
    small = BooleanProperty(False)

    def show(self, block: panel.Tiles) -> None:
        self.label, self.columns, self.small = block.label, block.columns, block.small
        sync(self.ids.grid, block.tiles, lambda _: TileTap(short=block.small))


class SegmentBlock(BoxLayout):
    need = NumericProperty(0.0)
    narrow = BooleanProperty(False)  # beside another
    label = StringProperty("")

    def show(self, block: panel.Segment) -> None:
        self.label = block.label
        self.ids.grid.columns = len(block.tiles)
        sync(self.ids.grid, block.tiles, lambda _: TileTap(short=True))


class PairsBlock(Grid):
    def show(self, block: panel.Pairs) -> None:
        self.columns = 2
        sync(self, block.segments, lambda _: SegmentBlock(narrow=True))


class TickBlock(Tap):
    """A sentence with a box to tick."""

    ticked = BooleanProperty(False)
    touch_value = ObjectProperty(None, allownone=True)

    def show(self, block: panel.Tick) -> None:
        self.key, self.words, self.ticked, self.touch_value = (
            block.key,
            block.words,
            block.ticked,
            block.touch,
        )

    def on_release(self) -> None:
        post(self.touch_value)


class BillLine(BoxLayout):
    words = StringProperty("")
    value = StringProperty("")
    strong = BooleanProperty(False)
    ink = ColorProperty(Palette.INK)

    def show(self, line: panel.Line) -> None:
        self.words, self.value, self.strong = line.words, line.value, line.strong
        self.ink = INKS[line.mood]


class BillBlock(Stack):
    title = StringProperty("")

    def show(self, block: panel.Bill) -> None:
        self.title = block.title
        sync(self.ids.lines, block.lines, lambda _: BillLine())


class RowBody(BoxLayout):
    """Sign, words and figures of a row."""

    row = ObjectProperty(None, allownone=True, rebind=True)


class RowLook:
    """What a row shows, touched or not."""

    def show(self, row: panel.Row) -> None:
        for name in ("words", "more", "figure", "figure_more", "icon", "mood", "badge"):
            setattr(self, name, getattr(row, name))
        self.percent = -1 if row.percent is None else row.percent
        self.touch_value = row.touch
        self.key = row.key


class RowTap(RowLook, TouchTap):
    more = StringProperty("")
    figure = StringProperty("")
    figure_more = StringProperty("")
    mood = StringProperty("plain")
    badge = NumericProperty(0)
    percent = NumericProperty(-1)


class RowLine(RowLook, BoxLayout):
    """A row that only tells."""

    words = StringProperty("")
    icon = StringProperty("")
    more = StringProperty("")
    figure = StringProperty("")
    figure_more = StringProperty("")
    mood = StringProperty("plain")
    badge = NumericProperty(0)
    percent = NumericProperty(-1)
    touch_value = ObjectProperty(None, allownone=True)
    key = StringProperty("")


class RowsBlock(Stack):
    title = StringProperty("")
    empty = StringProperty("")

    def show(self, block: panel.Rows) -> None:
        self.title, self.empty = block.title, "" if block.rows else block.empty
        rows = self.ids.rows
        touched = [row.touch is not None for row in block.rows]
        if [isinstance(one, RowTap) for one in reversed(rows.children)] != touched:
            rows.clear_widgets()
        sync(rows, block.rows, lambda row: RowTap() if row.touch is not None else RowLine())


class SumBlock(Stack):
    figure = StringProperty("")
    words = StringProperty("")
    ink = ColorProperty(Palette.INK)

    def show(self, block: panel.Sum) -> None:
        self.figure, self.words, self.ink = block.figure, block.words, INKS[block.mood]


class DialBlock(Ring):
    def show(self, block: panel.Dial) -> None:
        self.figure, self.caption, self.colour = block.figure, block.words, INKS[block.mood]
        self.percent = block.percent


class InkBlock(Stack):
    words = StringProperty("")

    def show(self, block: panel.Ink) -> None:
        self.words = block.words
        self.ids.field.strokes = list(block.strokes)


class CodeBlock(BoxLayout):
    data = StringProperty("")
    words = StringProperty("")
    more = StringProperty("")

    def show(self, block: panel.Code) -> None:
        self.data, self.words, self.more = block.data, block.words, block.more


class DeedTap(TouchTap):
    """Another way out, beside its like."""

    def show(self, deed: panel.Deed) -> None:
        self.key, self.words, self.icon = deed.key, deed.words, deed.icon
        self.disabled = not deed.open
        self.touch_value = deed.touch


class MainBlock(BoxLayout):
    """Holds the page's main button."""

    def show(self, deed: panel.Deed) -> None:
        tap = self.ids.tap
        tap.key, tap.words, tap.icon = deed.key, deed.words, deed.icon or "arrow-right"
        tap.disabled = not deed.open
        tap.touch_value = deed.touch

    @staticmethod
    def post(touch: panel.Touch | None) -> None:
        post(touch)


class Kinds:
    """Which widget shows which block."""

    OF: ClassVar[dict[type[panel.Block], type[Widget]]] = {
        panel.Head: HeadBlock,
        panel.Strip: StripBlock,
        panel.Plain: PlainBlock,
        panel.Numbered: NumberedBlock,
        panel.Slots: SlotsBlock,
        panel.Keypad: KeypadBlock,
        panel.Tiles: TilesBlock,
        panel.Segment: SegmentBlock,
        panel.Pairs: PairsBlock,
        panel.Tick: TickBlock,
        panel.Bill: BillBlock,
        panel.Rows: RowsBlock,
        panel.Sum: SumBlock,
        panel.Dial: DialBlock,
        panel.Ink: InkBlock,
        panel.Code: CodeBlock,
    }


def block_widget(block: panel.Block) -> Widget:
    return Kinds.OF[type(block)]()
