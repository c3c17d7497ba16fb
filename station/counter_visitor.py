"""The person at the bins: one drop-off from the first touch to the receipt, with the hands that belong to it."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.view import ReceiptView, Said
from station.counter_attendant import CounterAttendant
from station.counter_hands import CounterHands
from station.errors import NEEDS_STAFF, StationError

SCALE_S = 15.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """How it ended. ``place``: bin:N or drawer; ``taps``: touches of the screen until the receipt."""

    drop: str
    place: str
    taps: int
    receipt: ReceiptView


class Visitor:
    """Drops things off, one after the other. Raises :class:`StationError` where the screen does not go on."""

    def __init__(self, finger: CounterAttendant, hands: CounterHands) -> None:
        self.finger, self.hands = finger, hands

    def bring(self, category: str, hazard: str = "none", language: str = "zh") -> Dropped:
        """The whole of one drop-off; the person then leaves."""
        before = self.finger.pressed
        drop = self.begin(category, hazard, language)
        place = self.into_drawer() if self.finger.drop().step == "drawer" else self.into_bin(category)
        self.finger.wait(lambda: self.finger.drop().step == "receipt", "the receipt")
        shown = self.finger.drop()
        taps = self.finger.pressed - before
        self.finger.press(c.DropDone(drop))
        if shown.receipt is None:
            raise StationError("the receipt has no figures", NEEDS_STAFF)
        return Dropped(drop, place, taps, shown.receipt)

    def begin(self, category: str, hazard: str = "none", language: str = "zh") -> str:
        """As far as the scale, or the drawer; the drop-off's number."""
        self.finger.press(c.DropBegin(language))
        drop = self.finger.drop().drop
        self.finger.press(c.DropCategory(drop, category))
        self.finger.press(c.DropHazard(drop, hazard))
        if self.finger.drop().step == "tape":
            self.finger.press(c.DropTaped(drop, True))
        return drop

    def weigh(self, category: str) -> None:
        """Lay it on the scale and wait until it is at rest."""
        self.hands.put(category)
        self.finger.wait(lambda: self.finger.drop().scale == "stable", "the scale at rest", SCALE_S)

    def open(self) -> Said | None:
        """Ask for a flap; why there is none, or None."""
        return self.finger.ask(c.DropOpen(self.finger.drop().drop))

    def into_bin(self, category: str) -> str:
        """Weigh, open, throw in."""
        self.weigh(category)
        said = self.open()
        if said is not None:
            raise StationError(f"no flap opens: {said.reason}", NEEDS_STAFF)
        number = self.finger.drop().bin
        self.finger.wait(lambda: self.finger.drop().door == "released", "the flap is released")
        self.hands.throw_in(number)
        return f"bin:{number}"

    def into_drawer(self) -> str:
        """The drawer opens by itself."""
        self.hands.dock.wait(SCALE_S, drawer_lock="released")
        self.hands.lay_in_drawer()
        return "drawer"
