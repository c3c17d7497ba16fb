"""A trade-in at the screen, as staff and their customer touch it, and what their hands do. Decides no rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hw.virtual.control import Customer
from kiosk.flow.counter.view import TradeView
from recycling.trade_in import CONSENTS
from station.counter_hands import CounterHands
from station.errors import NEEDS_STAFF, StationError
from station.sample_shop import SampleStaff
from station.touch_driver import TouchDriver

ID_CARD: Final = "11010519491231002X"
ERASE_S: Final = 150.0
SCALE_S: Final = 15.0
PRESSES: Final = 20  # of one button while the scale still moves
HERE: Final = "staff_here"


@dataclass(frozen=True, slots=True)
class Brought:
    """The phone on the counter, and what becomes of it. ``locked``: its bootloader cannot be opened."""

    imei: str
    model: str
    new_price_yuan: int
    seal: str
    shelf: str
    locked: bool = False


class TradeByTouch:
    """``who`` stands behind the screen; ``phone`` lies before them."""

    def __init__(
        self, finger: TouchDriver, hands: CounterHands, phone: Customer, who: SampleStaff, second: SampleStaff
    ) -> None:
        self.finger, self.hands, self.phone = finger, hands, phone
        self.who, self.second = who, second
        self.trade = ""

    @property
    def shown(self) -> TradeView:
        """The trade-in as staff see it."""
        found = self.finger.view.trade(self.trade)
        if found is None:
            raise StationError(f"trade-in {self.trade} is not on the screen any more", NEEDS_STAFF)
        return found

    def enter(self, language: str) -> None:
        """From the poster to the queue: a badge and a PIN."""
        self.finger.wake()
        self.finger.touch(language, "staff")
        log_in(self.finger, self.who)

    def whole(self, brought: Brought) -> None:
        """From the phone on the counter to the shelf."""
        self.take_in(brought)
        self.offer(brought.new_price_yuan)
        self.accept()
        self.reset() if brought.locked else self.over_the_cable()
        self.settle(brought.seal, brought.shelf)

    def take_in(self, brought: Brought) -> None:
        """Which phone, is it clean, what state is it in."""
        finger = self.finger
        before = {one.trade for one in finger.view.trades}
        finger.by_hand("plug")
        finger.by_hand("dial")
        finger.scan(brought.imei)
        finger.page("staff_identify")
        self.trade = next(one.trade for one in finger.view.trades if one.trade not in before)
        if not finger.chosen(f"model_{brought.model}"):
            finger.touch(f"model_{brought.model}")
        finger.touch("identify")
        finger.page("staff_check")
        if not brought.locked:  # its screen was seen; in its bootloader it says its number over the cable
            finger.by_hand("hold_keys", self._into_bootloader)
        finger.touch("lock_none")
        finger.page("staff_inspect")
        for one in self.shown.questions:
            sound = f"{one.key}_{one.answers[0]}"
            if not finger.chosen(sound):
                finger.touch(sound)
        finger.by_hand("lay_on_scale", lambda: self.hands.put("phone"))
        for side in ("front", "back"):
            finger.by_hand("photograph")
            finger.touch(f"photo_{side}")
        self._press_at_rest("inspect")
        finger.page("staff_quote")
        finger.by_hand("take", self.hands.dock.take)

    def _into_bootloader(self) -> None:
        self.phone.hold_keys()
        self.phone.wait(60, mode="bootloader")

    def _press_at_rest(self, key: str) -> None:
        """Again while the scale says that it still moves, as staff do."""
        for _ in range(PRESSES):
            self.finger.touch(key)
            if self.finger.at != "staff_inspect":
                return

    def offer(self, new_price_yuan: int) -> None:
        """Towards a new phone; a second person where one is asked for; the screen turned round."""
        finger = self.finger
        finger.type(str(new_price_yuan))
        finger.touch("quote")
        finger.wait(lambda: self.shown.quote is not None, "a price")
        finger.rest()
        if "ask_second" in finger.keys:
            finger.touch("ask_second")
            second_in(finger, self.second)
        finger.touch("offer")
        finger.page("staff_offer")
        finger.by_hand("turn_screen")

    def accept(self) -> None:
        """The customer's own touches; then whoever is logged in has the screen again."""
        finger = self.finger
        finger.touch(*(key for key in finger.keys if key.removeprefix("consent_") in CONSENTS))
        finger.touch("backup_done", "to_signing")
        finger.page("staff_sign")
        finger.scan(ID_CARD)
        finger.sign()
        finger.touch("accept")
        self._have_screen_back()

    def _have_screen_back(self) -> None:
        finger = self.finger
        if finger.page("staff_erase", HERE, "staff_handover") == "staff_handover":
            finger.touch("turn_back")
        if finger.page("staff_erase", HERE) == HERE:
            finger.by_hand("turn_screen")
            finger.type(self.who.pin)
            if "staff_back" in finger.keys:
                finger.touch("staff_back")
            finger.page("staff_erase")

    def over_the_cable(self) -> None:
        """Cable in again; the unlocked phone is erased over it, and looked at again."""
        finger = self.finger
        finger.by_hand("plug")
        finger.stand(lambda: "erase" in finger.keys, "the phone is in its bay")
        finger.touch("erase")
        finger.page("staff_seal", away=True, timeout_s=ERASE_S)

    def reset(self) -> None:
        """A locked phone: its own factory reset, on its screen, and staff's eyes on the wizard."""
        finger = self.finger
        finger.by_hand("unlock", self.phone.unlock)
        finger.stand(lambda: "erase" in finger.keys, "the phone is in its bay")
        finger.touch("erase")
        finger.stand(lambda: "reset_done" in finger.keys, "the way through the phone's own reset")
        finger.by_hand("reset", lambda: self.phone.factory_reset("settings"))
        finger.away(lambda: self.phone.status()["mode"] == "normal", "the phone is on again", ERASE_S)
        finger.touch("reset_done")
        finger.page("staff_seal", away=True, timeout_s=ERASE_S)

    def settle(self, seal: str, shelf: str) -> None:
        """Into its bag, the money, onto the shelf."""
        finger = self.finger
        finger.by_hand("bag")
        finger.scan(seal)
        finger.page("staff_settle")
        finger.stand(lambda: {"settle", "cash"} & set(finger.keys), "headquarters' word")
        if "settle" in finger.keys:
            finger.touch("settle")
            finger.stand(lambda: "cash" in finger.keys, "the till")
        finger.by_hand("money")
        finger.touch("cash")
        finger.page("staff_hold")
        finger.by_hand("shelve")
        finger.scan(f"SHELF:{shelf}")
        finger.wait(lambda: self.shown.state == "held", "held on the shelf")

    def release(self, number: int) -> None:
        """After the hold: through the flap of its bin."""
        finger = self.finger
        finger.touch(f"trade_{self.trade}", "release")
        finger.stand(lambda: f"into_{number}" in finger.keys, "a bin that takes it")
        finger.by_hand("lay_on_scale", lambda: self.hands.put("phone"))
        finger.touch(f"into_{number}")
        finger.stand(lambda: self._released(number), "the flap is released")
        finger.by_hand("throw_in", lambda: self.hands.throw_in(number))
        finger.stand(lambda: self.shown.state == "binned", "it fell into the bin")
        finger.touch("back")
        finger.page("staff_queue")

    def _released(self, number: int) -> bool:
        return bool(self.hands.dock.status()[f"bin{number}_lock"] == "released")


def log_in(finger: TouchDriver, who: SampleStaff) -> None:
    """A badge and a PIN at the log-in page."""
    finger.page("staff_login")
    finger.scan(f"STAFF:{who.staff}")
    finger.type(who.pin)
    finger.touch("log_in")
    finger.page("staff_queue")


def second_in(finger: TouchDriver, second: SampleStaff) -> None:
    """Another person's badge and PIN."""
    finger.page("staff_second")
    finger.scan(f"STAFF:{second.staff}")
    finger.type(second.pin)
    finger.touch("second_in")
    finger.wait(lambda: finger.at != "staff_second", "the second person is known")
