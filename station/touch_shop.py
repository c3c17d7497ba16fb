"""A whole station with a finger at its screen, and headquarters to ask afterwards. For the tests and the bench."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kiosk.assembly
from hw.virtual.control import Customer
from station.errors import OURS, StationError
from station.sample_shop import FIRST, MANAGER, SampleStaff
from station.shop import ShopClock, until_open_ms
from station.system import PhoneChoice, System
from station.touch_driver import TouchDriver
from station.touch_stock import StockByTouch
from station.touch_trade import TradeByTouch
from station.touch_visits import VisitorByTouch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

HQ_S = 60.0


@dataclass(frozen=True, slots=True)
class TouchShop:
    """What runs, and who stands there."""

    system: System
    station: kiosk.assembly.Station
    clock: ShopClock
    finger: TouchDriver

    def visitor(self, language: str) -> VisitorByTouch:
        """A customer at the poster."""
        return VisitorByTouch(self.finger, self.system.hands, language)

    def trade(self, phone: Customer, who: SampleStaff = FIRST, second: SampleStaff = MANAGER) -> TradeByTouch:
        """Staff with a phone before them."""
        return TradeByTouch(self.finger, self.system.hands, phone, who, second)

    def stock(self, second: SampleStaff = FIRST) -> StockByTouch:
        """Whoever is logged in, at the bins."""
        return StockByTouch(self.finger, self.system.hands, second)

    def leave(self) -> None:
        """Everybody goes; the poster is up."""
        self.finger.hand.app.front.reset()
        self.finger.rest()
        self.finger.part()

    def told(self, path: str, is_so: Callable[[Any], object]) -> Any:
        """Headquarters' word once it is so; the screen goes on meanwhile. :class:`StationError` when it never is."""
        deadline = time.monotonic() + HQ_S
        while time.monotonic() < deadline:
            with contextlib.suppress(StationError):  # not told yet
                found = self.system.ask_hq(path)
                if is_so(found):
                    return found
            self.finger.tick()
        raise StationError(f"headquarters does not say so in {HQ_S:.0f} s: {path}", OURS)

    def manifest_is(self, manifest: str, state: str) -> Any:
        """Headquarters' word on a manifest once it is in that state."""
        return self.told(f"/api/manifests/{manifest}", lambda got: got["manifest"]["state"] == state)


@contextlib.contextmanager
def touch_shop(
    folder: Path,
    hand: Stagehand,
    phones: tuple[PhoneChoice, ...],
    pictures: Path | None = None,
    hurried: bool = False,
) -> Iterator[TouchShop]:
    """Broker, headquarters, dock, printer and phones, none of them plugged in; a kiosk, and its screen."""
    with System(folder, phones, system_mib=4, counter=True) as system:
        for number in range(1, len(phones) + 1):
            system.customer(number).unplug()
        clock = ShopClock()
        clock.pass_ms(until_open_ms(clock.wall_ms()))
        with (
            kiosk.assembly.Station(system.settings, clock) as station,
            TouchDriver(hand, station, pictures, hurried) as finger,
        ):
            finger.wait(lambda: any(one.door == "locked" for one in finger.view.bins), "the dock answers")
            yield TouchShop(system, station, clock, finger)
