"""Staff's front without a window, over a counter that answers when it is told to; and what a page lets one do."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.counter.view import Said, TradeView
from kiosk.flow.view import BayView
from kiosk.ui import words
from kiosk.ui.samples_counter import SampleCounter
from kiosk.ui.samples_stock import HERE
from kiosk.ui.staff.panel import Dial, Panel, Row, Rows, Segment, Tiles
from kiosk.ui.staff.panels import PANELS
from kiosk.ui.staff.scene import Scene
from kiosk.ui.staff_front import StaffFront

SAY = {language: words.Words(language) for language in words.LANGUAGES}
BAYS = (BayView(1, "usb:1-1.1", True, ""),)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Desk:
    """The front over a counter that answers when it is told to."""

    def __init__(self) -> None:
        self.clock, self.counter = Clock(), SampleCounter()
        self.front = StaffFront(self.counter, self.clock)
        self.counter.show(replace(HERE, staff=None))
        self.front.enter("zh")
        self.look()
        self.counter.show(HERE)
        self.look()

    def look(self, passed_s: float = 0.0) -> str:
        self.clock.now_s += passed_s
        self.front.idle(self.clock.now_s)
        return self.front.page(self.counter.view()).removeprefix("staff_")

    def trades(self, *trades: TradeView) -> None:
        self.counter.shown = replace(self.counter.shown, trades=trades)

    def panel(self, language: str = "zh", bays: tuple[BayView, ...] = BAYS) -> Panel:
        return PANELS[self.front.shown.page](Scene(self.front.shown, SAY[language], bays))

    def type(self, text: str) -> None:
        for char in text:
            self.front.key(char)

    def refuse(self, reason: str, **values: str | int) -> None:
        """The command asked last is answered with a no."""
        said = Said(reason, values, len(self.counter.asked))
        self.counter.shown = replace(self.counter.shown, said=said)


def ways_on(panel: Panel) -> list[str]:
    """Keys of everything on it that may be touched and asks for something."""
    found = [one.key for one in panel.deeds if one.open]
    for block in (*panel.lead, *panel.side):
        if isinstance(block, (Tiles, Segment)):
            found += [one.key for one in block.tiles if one.open]
        elif isinstance(block, Rows):
            found += [row.key for row in block.rows if isinstance(row, Row) and row.touch is not None]
    return found


def waits(panel: Panel) -> bool:
    """It says that something goes on by itself."""
    return any(isinstance(block, Dial) for block in (*panel.lead, *panel.side))
