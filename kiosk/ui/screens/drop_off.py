# mypy: disallow-subclassing-any=False
"""Dropping something off: what it is, is it dangerous, scale, flap or drawer, receipt. Decides nothing."""

from __future__ import annotations

from typing import Final

from kivy.app import App
from kivy.properties import BooleanProperty, ListProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.gridlayout import GridLayout

from kiosk.flow.counter.view import CounterView, DropView, ReceiptView, Said
from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.goods import GoodsScene
from kiosk.ui.parts.lists import Card
from kiosk.ui.parts.page import Page
from kiosk.ui.parts.tap import Tap
from kiosk.ui.said import said_words
from kiosk.ui.theme import Theme
from kiosk.ui.words import Words

NO_DROP: Final = DropView("", "")
SCALE_BUSY: Final = ("empty", "settling")
PRINTED: Final = ("printing", "printed", "waiting")


def words() -> Words:
    """The running app's words."""
    say: Words = App.get_running_app().say
    return say


def drop_of(view: CounterView) -> DropView:
    """The drop-off on the screen."""
    return view.drop or NO_DROP


def mass_words(mass_g: int | None) -> str:
    """Grams as on the scale's own display; a dash while nothing is known."""
    return words()("drop.grams", n=mass_g) if mass_g is not None else "—"


def full(view: CounterView, category: str) -> bool:
    """No bin of that kind takes anything now."""
    bins = [one for one in view.bins if one.category == category]
    return bool(bins) and all(one.state != "open" for one in bins)


class PictureTap(Tap):
    """A picture over a word; large, one of four."""

    more = StringProperty("")
    category = StringProperty("phone")
    hazard = StringProperty("none")
    taped = BooleanProperty(False)
    need = NumericProperty(0)

    def picture_mm(self, theme: Theme) -> int:
        """How tall the picture is: what the words of four tiles leave of the panel."""
        if theme.compact:
            return 22
        if theme.text_percent == 100:
            return 92 if theme.portrait and not theme.low_reach else 56
        return 56 if theme.portrait and not theme.low_reach else 36


class TileGrid(GridLayout):
    """Tiles two abreast, four in landscape; all as tall as the tallest needs."""

    room = NumericProperty(0)


class SaidCard(Card):
    """What did not go, whether it is safe, and the next step; no height while there is nothing to say."""

    said = ObjectProperty(None, allownone=True, rebind=True)
    safe = StringProperty("")

    def what(self, said: Said | None) -> str:
        return said_words(words(), said, "what", public=True) if said else ""

    def next_step(self, said: Said | None) -> str:
        return said_words(words(), said, "next", public=True) if said else ""


class Receipt(BoxLayout):
    """The three figures of a receipt."""

    receipt = ObjectProperty(None, allownone=True, rebind=True)


class DropPage(Page):
    """Base of the drop-off's pages. ``drop`` follows what is shown."""

    drop = ObjectProperty(NO_DROP, rebind=True)


class CategoryPage(DropPage):
    """What is it? Four pictures."""


class HazardPage(DropPage):
    """Is it swollen, damaged, warm by itself?"""


class TapePage(DropPage):
    """A loose battery's poles are taped before it meets others."""


class WeighPage(DropPage):
    """Onto the scale; the mass is huge."""

    ready = BooleanProperty(False)

    def title(self, drop: DropView) -> str:
        if drop.scale == "stable":
            return words()("drop.weigh.ready")
        return words().either(f"drop.weigh.{drop.scale}", "drop.weigh.empty")


class DepositPage(DropPage):
    """Which flap, and how long it stays open."""

    numbers = ListProperty([])

    def title(self, drop: DropView) -> str:
        return words().either(f"drop.door.{drop.door}.title", "drop.door.locked.title", n=drop.bin)

    def body(self, drop: DropView) -> str:
        return words().either(f"drop.door.{drop.door}.body", "drop.door.locked.body", n=drop.bin)

    def left(self, drop: DropView) -> str:
        if drop.seconds_left is None or drop.door not in ("released", "open"):
            return ""
        return words()("drop.left", n=drop.seconds_left)

    @staticmethod
    def bins(view: CounterView) -> list[int]:
        return [one.number for one in view.bins]


class DrawerPage(DropPage):
    """Something dangerous: the red drawer, calmly, and staff are coming."""

    hot = BooleanProperty(False)


class ReceiptPage(DropPage):
    """What it came to; a dangerous thing is not weighed and counts nothing yet."""

    counted = BooleanProperty(True)

    def receipt(self, drop: DropView) -> ReceiptView:
        return drop.receipt or ReceiptView()

    def source(self, drop: DropView) -> str:
        receipt = self.receipt(drop)
        return words().either(f"impact.{receipt.source}", "impact.unknown") if receipt.kept_g else ""

    def printed(self, drop: DropView) -> str:
        printed = self.receipt(drop).printed
        return words()(f"drop.receipt.{printed if printed in PRINTED else 'screen'}")


class DropStaffPage(DropPage):
    """It does not go on by itself: somebody is coming."""


class DropClosedPage(DropPage):
    """A drop-off could not begin."""


WIDGETS: Final[tuple[type[Drawing], ...]] = (GoodsScene,)
PAGES: Final[dict[str, type[Page]]] = {
    "drop_category": CategoryPage,
    "drop_hazard": HazardPage,
    "drop_tape": TapePage,
    "drop_weigh": WeighPage,
    "drop_deposit": DepositPage,
    "drop_drawer": DrawerPage,
    "drop_receipt": ReceiptPage,
    "drop_staff": DropStaffPage,
    "drop_closed": DropClosedPage,
}
