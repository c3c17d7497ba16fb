"""Whole flows at the counter that can be taken up anywhere: each step looks at the state and does what comes next."""

from __future__ import annotations

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.view import TradeView
from recycling.manifest import LineAnswer
from recycling.processor_answer import Answer, encode
from tests.counter_fakes import ANSWERS, BEGIN_MS, IMEIS, LIN, SECOND, Counter

MOST_STEPS = 60


def drive_trade(counter: Counter, payout: str, imei: str = IMEIS[0], new_fen: int = 0) -> None:
    """Until the phone is held on its shelf."""
    for _ in range(MOST_STEPS):
        if counter.view().staff is None:
            counter.log_in(LIN)
        mine = [one for one in counter.view().trades if one.state not in ("returned", "processed")]
        if not mine:
            counter.must(c.TradeBegin("zh"))
            continue
        if mine[0].state == "held":
            return
        _step(counter, mine[0], payout, imei, new_fen)
    raise AssertionError(f"stuck in {counter.view().trades[0].state}: {counter.view().trades[0].said}")


def _step(counter: Counter, trade: TradeView, payout: str, imei: str, new_fen: int) -> None:
    name = trade.trade
    if not trade.next:
        counter.tick(31)
        return
    wanted = trade.next[0]
    if wanted == "TradePhoto":
        wanted = "TradeInspect"
    match wanted:
        case "TradeIdentify":
            counter.must(c.TradeIdentify(name, imei, model="heron"))
        case "TradeCheck":
            counter.must(c.TradeCheck(name))
        case "TradeInspect":
            counter.world.dock.put(180)
            counter.must(c.TradeInspect(name, ANSWERS))
            counter.world.dock.put(0)
        case "TradeQuote":
            counter.must(c.TradeQuote(name, new_fen))
        case "TradeOffer":
            counter.must(c.TradeOffer(name))
        case "TradeAccept":
            assert counter.accept(name, payout) == ""
        case "EraseStart":
            if "tcp:bay-1" not in counter.world.eraser.phones:
                counter.plug_in(imei)
            phone = counter.world.eraser.phones["tcp:bay-1"]
            phone.mode = "bootloader"
            counter.must(c.EraseStart(name, "1"))
        case "TradeSeal":
            counter.must(c.TradeSeal(name, f"SEAL-{name[-8:]}"))
        case "TradeSettle":
            counter.must(c.TradeSettle(name))
            counter.tick(31)
        case "CashHanded":
            assert trade.quote is not None
            counter.must(c.CashHanded(name, trade.quote.to_pay_fen))
        case "TradeHold":
            counter.must(c.TradeHold(name, "A3"))
        case other:
            raise AssertionError(f"{other} in {trade.state}")


def drive_drop(counter: Counter) -> None:
    """One charger, until it is in a bin; what a killed process left unclear, staff resolve first."""
    resolve_all(counter)
    if any(one.items for one in counter.view().bins):
        return
    counter.drop_off(mass_g=90)
    assert sum(one.items for one in counter.view().bins) == 1


def resolve_all(counter: Counter) -> None:
    """Staff look where things are: the fakes' things never fell in unseen."""
    unclear = [item for item in counter.view().items if item.place.startswith("entering")]
    if unclear:
        counter.log_in(LIN)
        for item in unclear:
            counter.must(c.DropResolve(item.item, "owner"))
    drop = counter.view().drop
    if drop is not None:
        counter.must(c.DropDone(drop.drop))


def drive_hazard(counter: Counter) -> None:
    """A damaged battery, until it is in quarantine."""
    for _ in range(4):
        items = counter.view().items
        if any(item.place.startswith("quarantine") for item in items):
            return
        if any(item.place == "drawer" for item in items):
            counter.log_in(LIN)
            counter.world.dock.set(drawer_full=False, drawer="locked")
            counter.must(c.DrawerEmpty(items[0].item, "PK-1", 45))
            continue
        resolve_all(counter)
        counter.must(c.DropBegin("zh"))
        drop = counter.view().drop
        assert drop is not None
        counter.must(c.DropCategory(drop.drop, "battery"))
        counter.must(c.DropHazard(drop.drop, "damaged"))
        counter.world.dock.set(drawer="open")
        counter.look()
        counter.world.dock.set(drawer_full=True, drawer="locked")
        counter.look()
        counter.must(c.DropDone(drop.drop))
    raise AssertionError(f"stuck: {counter.view().items}")


def drive_manifest(counter: Counter) -> None:
    """One drop-off, its bin emptied, sealed, picked up, received in part, processed."""
    world = counter.world
    for _ in range(MOST_STEPS):
        if counter.view().staff is None:
            counter.log_in(LIN)
        view = counter.view()
        if "manifest.processed" in counter.entries():
            return
        found = next((one for one in view.manifests), None)
        bin3 = view.bins[2]
        kept = [one for one in view.items if one.place.startswith(("quarantine", "entering"))]
        if any(one.place.startswith("entering") for one in kept):
            resolve_all(counter)
        elif not bin3.items and found is None:
            counter.drop_off(mass_g=90)
        elif found is None:
            counter.must(c.ManifestDraft("green"))
        elif bin3.state == "emptying":
            _empty_by_hand(counter)
        elif found.state == "draft" and not found.items:
            counter.must(c.BinEmpty(3, found.manifest, SECOND))
        elif found.state == "draft":
            counter.must(c.ManifestSeal(found.manifest, (f"M-{found.manifest[-8:]}",), SECOND))
        elif found.state == "sealed":
            counter.must(c.ManifestPickUp(found.manifest, "Swift", "沪A12345"))
        elif found.state == "picked_up":
            items = [line.item for line in _lines(counter, found.manifest)]
            counter.must(c.ManifestAnswer(signed(found.manifest, "answered", {items[0]: (True, 92)})))
        elif found.state == "accepted":
            counter.must(c.ManifestAnswer(signed(found.manifest, "processed")))
        else:
            assert found.state == "processed"
            return
        world.clock.pass_s(1)
    raise AssertionError(f"stuck: {counter.view().manifests}, {counter.view().bins[2]}")


def _empty_by_hand(counter: Counter) -> None:
    dock = counter.world.dock
    dock.bin(3, lambda one: type(one)(**{**one.__dict__, "door": "open", "fill_percent": 0}))
    counter.look()
    dock.bin(3, lambda one: type(one)(**{**one.__dict__, "door": "released"}))
    counter.look()
    counter.must(c.BinClosed(3))


def _lines(counter: Counter, manifest: str) -> list[LineAnswer]:
    kept = counter.store.manifest(manifest)
    assert kept is not None
    return [LineAnswer(line.item, True, line.mass_g) for line in kept.lines]


def signed(
    manifest: str,
    stage: str,
    items: dict[str, tuple[bool, int]] | None = None,
    key: str = "11" * 32,
    processor: str = "green",
    **more: object,
) -> bytes:
    """A processor's answer with the fakes' signature."""
    lines = tuple(LineAnswer(item, taken, mass_g) for item, (taken, mass_g) in (items or {}).items())
    answer = Answer(manifest, processor, stage, BEGIN_MS, lines, **more)  # type: ignore[arg-type]
    return bytes.fromhex(key) + encode(answer)
