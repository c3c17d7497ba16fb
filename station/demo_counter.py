"""The counter's part of the headless demo: three drop-offs and a whole trade-in, each told by headquarters afterwards.

It decides nothing: simulated people press what the screens offer, and what is reported comes from the screens and from
headquarters' API.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from kiosk.assembly import Station
from kiosk.flow.counter import commands as c
from station import counter_processor as processor
from station.counter_attendant import CounterAttendant
from station.counter_staff import Deal, Staff
from station.counter_visitor import Visitor
from station.errors import OURS, StationError
from station.mirrors import say
from station.sample_shop import FIRST, MANAGER, PROCESSOR
from station.shop import ShopClock
from station.system import System

HOLD_DAYS = 30
NEW_PHONE_FEN = 399_900
NEARLY_FULL = 89
SHELF, SEAL, PACKAGE = "A3", "SEAL-7300041", "DB-1"
PARCEL_SEALS = ("PS-510001", "PS-510002")
HQ_S = 60.0


class CounterDemo:
    """One run at a station that is up, with its shop's clock. ``on_part`` hears of percents."""

    def __init__(
        self,
        system: System,
        station: Station,
        clock: ShopClock,
        on_part: Callable[[int], None] = lambda percent: None,
    ) -> None:
        assert station.counter is not None
        self.system, self.clock, self.on_part = system, clock, on_part
        self._finger = CounterAttendant(station.counter, self._said)
        self._visitor = Visitor(self._finger, system.hands)
        self._staff = Staff(self._finger, system.hands)

    def _said(self, command: c.Command) -> None:
        say(f"demo: counter {type(command).__name__}")

    # -- drop-offs

    def drop_offs(self) -> list[dict[str, Any]]:
        """A damaged battery, a charger, and something into a bin that is full then."""
        self._finger.wait(self._dock_is_there, "the dock answers")
        self.system.hands.dock.fill(4, NEARLY_FULL)
        brought = []
        for part, (category, hazard, language) in enumerate(
            (("battery", "damaged", "zh"), ("charger", "none", "en"), ("accessory", "none", "zh")), 1
        ):
            dropped = self._visitor.bring(category, hazard, language)
            brought.append((dropped, category, hazard))
            self.on_part(100 * part // 4)
        self._finger.wait(lambda: self._bin(4).state == "locked", "the full bin is locked")
        found = [
            {
                "drop": dropped.drop,
                "category": category,
                "hazard": hazard,
                "place": dropped.place,
                "mass_g": dropped.receipt.mass_g,
                "kept_g": dropped.receipt.kept_g,
                "taps": dropped.taps,
                "bin_state": self._bin(int(dropped.place[4:])).state if dropped.place != "drawer" else "",
                "hq": self._hq_drop(dropped.drop),
            }
            for dropped, category, hazard in brought
        ]
        self.on_part(100)
        return found

    def _dock_is_there(self) -> bool:
        troubles = {one.what for one in self._finger.view.troubles}
        return self._finger.view.dock and "dock_offline" not in troubles and self._bin(1).door == "locked"

    def _bin(self, number: int) -> Any:
        return next(one for one in self._finger.view.bins if one.number == number)

    def _hq_drop(self, drop: str) -> dict[str, Any]:
        """As headquarters tells it: what, how much, where it is."""
        facts = self._hq(f"/api/drops/{drop}", lambda got: got["chain"] and got["drop"]["items"])
        return {"items": facts["drop"]["items"], "place": facts["chain"][-1]["place"]}

    # -- a trade-in

    def trade_in(self, number: int) -> dict[str, Any]:
        """The phone of bay ``number`` (1-based) with a top-up, from draft to processed."""
        phone = self.system.customer(number)
        status = phone.replug()
        deal = Deal(
            str(status["imei"]),
            str(self.system.children[number - 1].ready["model"]),
            str(number),
            new_price_fen=NEW_PHONE_FEN,
            payout="top_up",
        )
        began_s, before = time.monotonic(), self._finger.pressed
        self._staff.log_in(FIRST)
        trade = self._staff.take_in(deal)
        self._staff.offer(trade, deal)
        self._staff.accept(trade, deal)
        self.on_part(30)
        self._staff.clean_by_cable(trade, deal.bay, phone)
        self._staff.seal(trade, SEAL)
        shown = self._staff.settle(trade)
        self._finger.press(c.TradeHold(trade, SHELF))
        taps = self._finger.pressed - before
        self.on_part(55)
        say(f"demo: {HOLD_DAYS} days pass by the demo's own clock")
        self.clock.pass_days(HOLD_DAYS)
        manifest = self._send(trade)
        self.on_part(75)
        answer = self._processed(trade, manifest)
        assert shown.quote is not None
        return {
            "trade": trade,
            "model": deal.model,
            "grade": shown.grade,
            "price_fen": shown.quote.price_fen,
            "to_pay_fen": shown.quote.to_pay_fen,
            "approved_by": shown.quote.approved_by,
            "method": shown.erasure.method,
            "verification": shown.erasure.verification,
            "certificate": shown.certificate,
            "seal": shown.seal,
            "settlement": shown.settlement,
            "days_passed_by_demo_clock": HOLD_DAYS,
            "taps": taps,
            "seconds": round(time.monotonic() - began_s, 1),
            **answer,
        }

    def _send(self, trade: str) -> str:
        """After the hold: the phone into its bin, then everything under one manifest."""
        self._staff.log_in(MANAGER)
        self._finger.press(c.TradeRelease(trade))
        self._staff.into_bin(trade, 1)
        battery = next(one for one in self._finger.view.items if one.place == "drawer")
        self._staff.pack_drawer(battery.item, PACKAGE, 46)
        manifest = self._staff.draft(PROCESSOR)
        for number in (1, 3, 4):
            self._staff.empty(number, manifest, FIRST)
        self._finger.press(c.ManifestAdd(manifest, battery.item))
        self._staff.send(manifest, PARCEL_SEALS, FIRST)
        return manifest

    def _processed(self, trade: str, manifest: str) -> dict[str, Any]:
        """The processor takes all but the cable, by its signed answers through headquarters."""
        facts = self._manifest_is(manifest, "picked_up")
        sent = {one["item"]: one["mass_g"] for one in facts["items"]}
        refused = [one["item"] for one in facts["items"] if one["category"] == "accessory"]
        web, name = self.system.web, self.system.station
        answers = (
            (processor.received(manifest, sum(sent.values())), "received"),
            (processor.answered(manifest, sent, refused), "partial"),
            (processor.processed(manifest), "processed"),
        )
        for part, (answer, state) in enumerate(answers, 1):
            processor.hand_in(web, name, manifest, answer)
            self._manifest_is(manifest, state)
            self.on_part(75 + 8 * part)
        told = self._hq(f"/api/trades/{trade}", lambda got: got["trade"]["state"] == "processed")
        last = self._manifest_is(manifest, "processed")["manifest"]
        places = {one.item: one.place for one in self._finger.view.items}
        self._finger.wait(lambda: self._finger.view.waiting_slips == 0, "every slip is printed")
        self.on_part(100)
        return {
            "state": told["trade"]["state"],
            "manifest": manifest,
            "verdict": last["verdict"],
            "accepted": last["accepted"],
            "refused": last["refused"],
            "came_back": [places.get(item, "") for item in refused],
            "slips": self.system.hands.printer.status()["slips"],
            "hq": {
                "state": told["trade"]["state"],
                "certificate": told["trade"]["certificate"],
                "seal": told["trade"]["seal"],
                "places": [move["place"] for move in told["chain"]],
            },
        }

    def _manifest_is(self, manifest: str, state: str) -> Any:
        return self._hq(f"/api/manifests/{manifest}", lambda got: got["manifest"]["state"] == state)

    def _hq(self, path: str, is_there: Callable[[Any], object]) -> Any:
        """Ask headquarters until it knows; :class:`StationError` when it never does."""
        deadline = time.monotonic() + HQ_S
        while True:
            try:
                found = self.system.ask_hq(path)
                if is_there(found):
                    return found
            except StationError:
                found = None  # not told yet
            if time.monotonic() > deadline:
                raise StationError(f"headquarters does not know in {HQ_S:.0f} s: {path}", OURS)
            threading.Event().wait(0.1)


def as_expected(drop_offs: list[dict[str, Any]], trade_in: dict[str, Any]) -> bool:
    """Whether everything ended where it should."""
    places = [one["place"] for one in drop_offs]
    return (
        places == ["drawer", "bin:3", "bin:4"]
        and drop_offs[2]["bin_state"] == "locked"
        and all(one["hq"]["items"] == 1 for one in drop_offs)
        and (trade_in["state"], trade_in["verdict"], trade_in["settlement"])
        == ("processed", "partial", "paid")
        and trade_in["hq"]["certificate"] == trade_in["certificate"] != ""
        and trade_in["hq"]["seal"] == trade_in["seal"] == SEAL
        and len(trade_in["came_back"]) == 1
        and all(place.startswith("quarantine") for place in trade_in["came_back"])
    )
