"""What the custody matrix brings about at the counter, each flow from any state to its end. It knows no cut.

A flow is called again in every life: it looks at what is there and does what comes next, as staff would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hw.virtual.dock_world import THING_PERCENT
from kiosk.flow.counter import commands as c
from station.counter_hands import GOODS_G
from station.custody_floor import SECOND, Floor
from station.custody_papers import CHARGERS, corrected, packed, redirected, sealed, ship
from station.custody_trades import Deal, trade_in
from station.errors import NEEDS_STAFF, StationError

NEARLY = 90 - THING_PERCENT
PUT_IN_FEN = 654_300
"""Unlike what any shift begins with."""


@dataclass(frozen=True, slots=True)
class Flow:
    """``start``: the flow whose end is this one's beginning, "" = an empty shop. ``fills``: bins, percent.

    ``lying``: the phone says that it erased and did not. ``locked``: its bootloader is. ``payee``: its fault.
    """

    name: str
    run: Callable[[Floor], None]
    start: str = ""
    phone: bool = False
    lying: bool = False
    locked: bool = False
    payee: str = ""
    fills: Mapping[int, int] = field(default_factory=dict)
    cut: bool = True  # False: only a beginning for others


def sold_on(floor: Floor) -> None:
    """A held phone after its 30 days, until the processor has processed it."""
    if not floor.truth.manifests():
        trade_in(Deal("binned"))(floor)
    ship(1)(floor)


# -- drop-offs


def bring(category: str, wanted: int = 1, hazard: str = "none") -> Callable[[Floor], None]:
    """Until so many things of that kind are in our hands."""

    def run(floor: Floor) -> None:
        for _ in range(4 * wanted):
            floor.resolve()
            if _ours(floor, category) >= wanted:
                return
            _bring_one(floor, category, hazard)
        raise StationError("it never gets into a bin", NEEDS_STAFF)

    return run


def _ours(floor: Floor, category: str) -> int:
    lodgings = ("bin", "drawer", "quarantine", "parcel", "transit", "processor", "gone")
    items = floor.truth.items()
    return sum(1 for one in items if one["category"] == category and one["lodging"] in lodgings)


def _bring_one(floor: Floor, category: str, hazard: str) -> None:
    floor.press(c.DropBegin("zh"))
    drop = floor.finger.drop().drop
    floor.press(c.DropCategory(drop, category))
    floor.press(c.DropHazard(drop, hazard))
    step = floor.finger.drop().step
    if step == "drawer":
        floor.dock.wait(15, drawer_lock="released")
        floor.hands.put(category)
        floor.hands.lay_in_drawer()
    elif step != "staff":
        if step == "tape":
            floor.press(c.DropTaped(drop, True))
        floor.hands.put(category)
        floor.press(c.DropOpen(drop))
        floor.throw_in(floor.finger.drop().bin)
    floor.calm()
    floor.wait(lambda: floor.view.drop is None or floor.view.drop.step in ("receipt", "staff"), "its receipt")


def damaged(floor: Floor) -> None:
    """A damaged battery through the drawer into quarantine, packed by itself."""
    bring("battery", 1, "damaged")(floor)
    for item in floor.view.items:
        if item.place == "drawer":
            floor.staff()
            if floor.dock.status()["drawer_g"]:
                floor.empty_drawer()
            floor.press(c.DrawerEmpty(item.item, "PK-1", GOODS_G["battery"]))


def full(floor: Floor) -> None:
    """Two nearly full bins take one thing each and lock; the third thing is refused with the reason."""
    bring("accessory", 2)(floor)
    floor.wait(lambda: all(one.state in ("full", "locked") for one in floor.view.bins[3:]), "both bins lock")
    floor.press(c.DropBegin("zh"))
    drop = floor.finger.drop().drop
    floor.press(c.DropCategory(drop, "accessory"))
    if floor.press(c.DropHazard(drop, "none"), "bins_full") != "bins_full":
        raise StationError("a full bin takes more", NEEDS_STAFF)
    floor.press(c.DropDone(drop))


def emptied(floor: Floor) -> None:
    """Two chargers, their bin emptied; the processor refuses one of them."""
    chargers(floor)
    ship(CHARGERS)(floor)


def chargers(floor: Floor) -> None:
    """Two of them, before anything is packed."""
    if not floor.truth.manifests():
        bring("charger", 2)(floor)


def packed_up(floor: Floor) -> None:
    """Two chargers on a draft, their bin in its place again."""
    chargers(floor)
    packed(floor)


# -- vouchers, cash and the shift


def voucher(floor: Floor) -> None:
    """One is issued with a payment, redeemed, and worth nothing afterwards."""
    if not floor.truth.now("vouchers", "voucher"):
        trade_in(Deal("settled"))(floor)
    row = floor.truth.now("vouchers", "voucher")[0]
    kept = floor.desk.work.tools.book.voucher(row["voucher"])
    assert kept is not None
    floor.staff()
    if row["state"] != "redeemed":
        floor.press(c.VoucherRedeem(kept.code, kept.amount_fen))
    if floor.press(c.VoucherRedeem(kept.code, kept.amount_fen), "voucher_used") != "voucher_used":
        raise StationError("a voucher is good twice", NEEDS_STAFF)


def shift(floor: Floor) -> None:
    """Counted with 1 yuan too much, closed by two; the next shift begins with what was counted."""
    floor.staff()
    if not any(row["open"] == 0 for row in floor.truth.now("shifts", "shift")):
        staff = floor.view.staff
        assert staff is not None
        floor.press(c.ShiftClose(staff.cash_fen + 100, "found on the floor", SECOND))
    floor.staff()


def cash(floor: Floor) -> None:
    """The drawer lacks the price: cash is put in and paid out, the rest goes to the safe, the shift is closed."""
    floor.staff()
    if not _changed(floor, "in"):
        if not _changed(floor, "out"):
            _change(floor, -_drawer_fen(floor), "to the safe")
        trade = floor.trade()
        assert trade is not None
        if floor.press(c.TradeSettle(trade.trade), "cash_short") != "cash_short":
            raise StationError("cash is paid out that is not there", NEEDS_STAFF)
        _change(floor, PUT_IN_FEN, "for the day")
    trade_in(Deal("settled", "cash"))(floor)
    if not any(row["open"] == 0 for row in floor.truth.now("shifts", "shift")):
        if _drawer_fen(floor):
            _change(floor, -_drawer_fen(floor), "to the safe")
        floor.press(c.ShiftClose(0))
    floor.staff()


def _drawer_fen(floor: Floor) -> int:
    assert floor.view.staff is not None
    return floor.view.staff.cash_fen


def _change(floor: Floor, amount_fen: int, reason: str) -> None:
    floor.press(c.CashChange(amount_fen, reason, SECOND))


def _changed(floor: Floor, way: str) -> bool:
    """Whether it was put in, or anything taken out that nobody was paid."""
    moves = [row["amount_fen"] for row in floor.truth.now("cash", "move") if not row["trade"]]
    return PUT_IN_FEN in moves if way == "in" else any(fen < 0 for fen in moves)


FLOWS: Mapping[str, Flow] = {
    one.name: one
    for one in (
        Flow("top-up", trade_in(Deal("held", "top_up", 399_900)), phone=True),
        Flow("processed", sold_on, start="top-up"),
        Flow("accepted for a transfer", trade_in(Deal("accepted", "transfer")), cut=False),
        Flow(
            "erased",
            trade_in(Deal("erased", "transfer")),
            start="accepted for a transfer",
            phone=True,
            cut=False,
        ),
        Flow("transfer", trade_in(Deal("held", "transfer")), start="erased"),
        Flow("answer lost", trade_in(Deal("settled", "transfer")), start="erased", payee="unknown_paid"),
        Flow(
            "reset by hand",
            trade_in(Deal("sealed", "transfer", by_hand=True)),
            start="accepted for a transfer",
            phone=True,
            locked=True,
        ),
        Flow("provisional", trade_in(Deal("settled", "transfer", hq_away=True)), phone=True),
        Flow(
            "destroyed",
            trade_in(Deal("held", "transfer")),
            start="accepted for a transfer",
            phone=True,
            lying=True,
        ),
        Flow("sealed for a voucher", trade_in(Deal("sealed", "top_up", 50_000)), phone=True, cut=False),
        Flow("voucher", voucher, start="sealed for a voucher"),
        Flow("accessory", bring("accessory")),
        Flow("battery", bring("battery")),
        Flow("damaged battery", damaged),
        Flow("full bin", full, fills={4: NEARLY, 5: NEARLY}),
        Flow("emptied bin", emptied),
        Flow("packed draft", packed_up, cut=False),
        Flow("redirected draft", redirected, start="packed draft"),
        Flow("sealed manifest", sealed, start="packed draft", cut=False),
        Flow("corrections", corrected, start="sealed manifest"),
        Flow("sealed for cash", trade_in(Deal("sealed", "cash")), phone=True, cut=False),
        Flow("cash", cash, start="sealed for cash"),
        Flow("shift", shift, start="top-up"),
    )
}
