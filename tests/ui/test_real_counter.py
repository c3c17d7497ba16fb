"""Nothing scripted: the counter by real touches, over the dock's own firmware, a phone over USB/IP and headquarters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from station import counter_processor as processor
from station.sample_shop import FIRST, MANAGER, PROCESSOR
from station.system import PhoneChoice
from station.touch_model import touches
from station.touch_shop import TouchShop, touch_shop
from station.touch_trade import Brought, log_in

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

# One worker runs all of this file (tests/scheduling.py), so that its station starts once.
pytestmark = [
    pytest.mark.ui,
    pytest.mark.tool("mosquitto"),
    pytest.mark.timeout(240),
]
HOLD_DAYS = 30
SEAL, PARCEL, PACKAGE = "SEAL-7300041", "PS-510001", "Q-7300042"


@pytest.fixture(scope="module")
def shop(hand: Stagehand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TouchShop]:
    phones = (PhoneChoice("heron", ("--user-data-size", "2MiB")),)
    with touch_shop(tmp_path_factory.mktemp("shop"), hand, phones, hurried=True) as running:
        yield running


def lie_in_drawer(shop: TouchShop) -> str:
    """The one thing in the hazard drawer; put there by touch where it is empty."""
    lying = [one.item for one in shop.finger.view.items if one.place == "drawer"]
    if not lying:
        visitor = shop.visitor("zh")
        visitor.arrive()
        visitor.drop_off("battery", "damaged")
        shop.leave()
        lying = [one.item for one in shop.finger.view.items if one.place == "drawer"]
    return lying[0]


def test_a_charger_is_dropped_off_with_five_touches_and_headquarters_knows_its_bin(shop: TouchShop) -> None:
    shop.leave()
    visitor = shop.visitor("en")
    visitor.arrive()
    shop.finger.part()
    drop = visitor.drop_off("charger")
    assert touches(shop.finger.part()) == 5
    told = shop.told(f"/api/drops/{drop}", lambda got: got["chain"] and got["drop"]["items"])
    assert (told["drop"]["items"], told["chain"][-1]["place"]) == (1, "bin:3")


def test_a_trade_in_with_top_up_by_touch_ends_processed_and_headquarters_tells_every_place(
    shop: TouchShop,
) -> None:
    shop.leave()
    finger, battery = shop.finger, lie_in_drawer(shop)
    phone = shop.system.customer(1)
    imei = str(phone.replug()["imei"])
    phone.wait(30, mode="normal")
    trade = shop.trade(phone, FIRST, MANAGER)
    trade.enter("zh")
    finger.part()
    trade.whole(Brought(imei, "heron", 3999, SEAL, "A3"))
    assert touches(finger.part()) <= 40
    certificate = trade.shown.certificate
    told = shop.told(f"/api/trades/{trade.trade}", lambda got: got["trade"]["state"] == "held")
    assert (told["trade"]["certificate"], told["trade"]["seal"]) == (certificate, SEAL)
    assert certificate

    shop.clock.pass_days(HOLD_DAYS)
    finger.touch("back", "log_out")
    log_in(finger, MANAGER)
    trade.release(1)
    stock = shop.stock(FIRST)
    stock.pack_drawer(battery, PACKAGE)
    shop.system.hands.dock.fill(1, 92)
    finger.wait(lambda: stock.bin(1).state == "locked", "the full bin is locked")
    stock.draft(PROCESSOR)
    stock.empty(1)
    stock.add(battery)
    stock.seal(PARCEL)
    stock.hand_over()

    told = shop.manifest_is(stock.manifest, "picked_up")
    sent = {one["item"]: one["mass_g"] for one in told["items"]}
    for answer, state in (
        (processor.received(stock.manifest, sum(sent.values())), "received"),
        (processor.answered(stock.manifest, sent, [battery]), "partial"),
        (processor.processed(stock.manifest), "processed"),
    ):
        processor.hand_in(shop.system.web, shop.system.station, stock.manifest, answer)
        shop.manifest_is(stock.manifest, state)
    finger.wait(lambda: (stock.shown.accepted, stock.shown.refused) == (1, 1), "the answer is on the screen")
    told = shop.told(f"/api/trades/{trade.trade}", lambda got: got["trade"]["state"] == "processed")
    places = [move["place"].partition(":")[0] for move in told["chain"]]
    assert places == ["counter", "shelf", "bin", "parcel", "transit", "processor", "gone"]
    finger.wait(lambda: finger.view.waiting_slips == 0, "every slip is printed")
    head = shop.station.book.head().index
    audit = shop.system.audit(head)
    assert (audit["entries"], audit["verified"], audit["missing"]) == (head, head, 0)
