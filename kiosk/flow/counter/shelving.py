"""After the payment: hold, release, bin; the hazard drawer; locking and emptying bins. Two people where it says so."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.counter import bin_watch, dock_orders, dock_watch, intake, shipping
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.staffing import second_of
from kiosk.flow.counter.things import Intent, Thing
from kiosk.flow.counter.work import Outcome, Work
from recycling import bins
from recycling import trade_events as te
from recycling.custody import Place, moved, weighed
from recycling.errors import Refused
from recycling.goods import Category, Hazard, Lodging
from recycling.trade import LockCheck, State
from recycling.trade_in import MACHINE as TRADE
from service.technician import Action

BIN = bins.MACHINE.step
EMPTY_PERCENT = 5


def hold(work: Work, command: c.TradeHold) -> None:
    """On the shelf for 30 days; what is dangerous goes to quarantine, whatever shelf was said."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    shelf = _name(command.shelf)
    now_ms = work.now_ms
    item = work.memory.item(trade.trade)
    if trade.hazard is not Hazard.NONE:
        after = TRADE.step(trade, te.Quarantined(now_ms, shelf))
        placed = moved(item, Place(Lodging.QUARANTINE, shelf), now_ms)
        placed = replace(placed, package=shelf)
        note = work.note("trade.quarantined", trade.trade)
    else:
        after = TRADE.step(trade, te.Held(now_ms, shelf))
        placed = moved(item, Place(Lodging.SHELF, shelf), now_ms)
        body = {"shelf": shelf, "until_ms": after.hold_until_ms}
        note = work.note("trade.held", trade.trade, body)
    work.commit(after, placed, notes=[note, bin_watch.placed(work, placed, "counter")])


def _name(text: str) -> str:
    """A shelf's or package's name. :class:`Refused` "shelf_missing"."""
    name = text.strip().upper()
    if not 1 <= len(name) <= 16 or not name.replace("-", "").isalnum() or not name.isascii():
        raise Refused("shelf_missing", "a shelf or package has 1 to 16 letters and digits")
    return name


def release(work: Work, command: c.TradeRelease) -> None:
    """After 30 days, and only after register and claims were asked once more."""
    work.staff(Action.RELEASE)
    trade = work.memory.trade(command.trade)
    if trade.state is not State.HELD:
        raise Refused("not_now", f"{trade.trade}: {trade.state}", {"state": trade.state.value})
    if work.now_ms < trade.hold_until_ms:
        days = -(-(trade.hold_until_ms - work.now_ms) // 86_400_000)
        raise Refused("held_still", f"{trade.trade}: {days} days left", {"days": days})
    lock = trade.check.lock if trade.check else "none"
    unplugged = replace(trade, bay="")

    def then(outcome: Outcome) -> None:
        found: LockCheck | None = outcome.value
        if found is None or found.register == "unknown":
            raise Refused("register_unknown", f"{trade.trade}: the register did not answer")
        if found.claim == "offline" and found.register == "clean":
            raise Refused("claims_offline", f"{trade.trade}: headquarters did not answer")
        if not found.passing:
            rule = "blacklisted" if found.register == "blacklisted" else f"claim_{found.claim}"
            work.commit(notes=[work.note("fraud.flagged", trade.trade, {"rule": rule, "detail": "held"})])
            raise Refused("release_refused", f"{trade.trade}: {rule}", {"rule": rule})
        after = TRADE.step(work.memory.trade(trade.trade), te.Released(work.now_ms, found))
        body = {"register": found.register, "claim": found.claim}
        work.commit(after, notes=[work.note("trade.released", trade.trade, body)])

    work.run("checking", trade.trade, lambda: intake.asked(work, unplugged, trade.imei, lock), then)


def to_bin(work: Work, command: c.TradeBin) -> None:
    """Through the flap like anything else; it counts as in the bin once it was seen falling."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    dock, facts = dock_orders.dock_of(work)
    one, item = work.memory.bin(command.bin), work.memory.item(trade.trade)
    TRADE.step(trade, te.Binned(work.now_ms, one.bin))
    if one.category is not Category.PHONE or not one.accepts or not one.room_for(item.mass_g):
        raise Refused("bin_not_for_it", f"bin {one.bin}: {one.category}, {one.state}", {"bin": one.bin})
    waiting = [intent for intent in work.memory.intents.values() if intent.figures.get("bin") == one.bin]
    if waiting or work.memory.intent_for(item.item, "trade_flap"):
        raise Refused("bin_busy", f"bin {one.bin} is in use", {"bin": one.bin})
    intent = dock_orders.flap_intent(work, "trade_flap", item.item, one.bin, facts)
    work.commit(intent)
    why = dock_orders.give(work, intent, lambda: dock.release_flap(one.bin, intent.intent))
    if why:
        dock_watch.order_failed(work, intent, why)


# -- the hazard drawer


def drawer_open(work: Work, command: c.DrawerOpen) -> None:
    """For staff, to take a dangerous item out."""
    del command
    work.staff(Action.SIGN)
    dock, facts = dock_orders.dock_of(work)
    intent = Intent(
        work.tools.new_id(), "drawer_staff", "drawer", work.now_ms, "open", {}, {"boots": facts.boots}
    )
    work.commit(intent)
    why = dock_orders.give(work, intent, lambda: dock.release_drawer(intent.intent))
    work.commit(dock_orders.settled(work, intent, "failed" if why else "done"))
    if why:
        raise Refused(why, "the drawer does not open")


def drawer_empty(work: Work, command: c.DrawerEmpty) -> None:
    """Packed by itself, weighed, put into quarantine."""
    work.staff(Action.SIGN)
    item = work.memory.item(command.item)
    if item.place.lodging is not Lodging.DRAWER:
        raise Refused("not_now", f"{item.item}: {item.place}", {"state": item.place.lodging.value})
    package = _name(command.package)
    mass_g = command.mass_g or dock_orders.scale_g(dock_orders.dock_of(work)[1])
    known = weighed(item, mass_g, work.now_ms)
    after = replace(moved(known, Place(Lodging.QUARANTINE, package), work.now_ms), package=package)
    work.commit(after, notes=[bin_watch.placed(work, after, str(item.place))])
    dock_orders.lock_drawer(work)


# -- bins


def lock(work: Work, command: c.BinLock) -> None:
    """By hand; a hazard is never opened to customers again before it was emptied."""
    work.staff(Action.SIGN)
    one = work.memory.bin(command.bin)
    if command.why not in ("hazard", "fault"):
        raise Refused("lock_reason", f"{command.why[:20]!r} is no reason to lock a bin")
    event = bins.Danger(work.now_ms) if command.why == "hazard" else bins.Broke(work.now_ms, "fault")
    after = BIN(one, event)
    if after is not one:
        work.commit(after, notes=[bin_watch.bin_note(work, one, after)])
        dock_orders.lock(work, after.bin)


def empty(work: Work, command: c.BinEmpty) -> None:
    """Two people open its door; what is in it will go into that manifest's parcel, if its processor may take it."""
    first = work.staff(Action.EMPTY)
    one = work.memory.bin(command.bin)
    dock, facts = dock_orders.dock_of(work)
    manifest = work.memory.manifest(command.manifest)
    if any(intent.figures.get("bin") == one.bin for intent in work.memory.intents.values()):
        raise Refused("bin_busy", f"bin {one.bin} is in use", {"bin": one.bin})
    shipping.joined(work, manifest, work.memory.in_bin(one.bin), f"bin-{one.bin}")
    second = second_of(work, command.second, Action.EMPTY)
    seen = dock_orders.bin_facts(facts, one.bin)
    closing = one if not one.accepts else BIN(one, bins.Broke(work.now_ms, "emptying"))
    begun = BIN(
        closing,
        bins.EmptyingBegun(
            work.now_ms, manifest.manifest, first.staff, second, seen.fill_percent if seen else 0
        ),
    )
    intent = Intent(work.tools.new_id(), "door", f"bin:{one.bin}", work.now_ms, "open", {}, {"bin": one.bin})
    things: list[Thing] = [begun, intent] if closing is one else [closing, begun, intent]
    work.commit(*things, notes=[bin_watch.bin_note(work, one, begun)])
    dock_orders.lock(work, one.bin)
    why = dock_orders.give(work, intent, lambda: dock.release_door(one.bin, intent.intent))
    if why and why != "dock_no_answer":
        back = BIN(begun, bins.NotOpened(work.now_ms))
        failed = dock_orders.settled(work, intent, "failed")
        work.commit(back, failed, notes=[bin_watch.bin_note(work, begun, back)])
        raise Refused(why, f"bin {one.bin}: the door does not open", {"bin": one.bin})


def closed(work: Work, command: c.BinClosed) -> None:
    """The empty bin is back: only now its items are in the parcel. One that was never opened keeps them."""
    work.staff(Action.EMPTY)
    one = work.memory.bin(command.bin)
    if one.state is not bins.State.EMPTYING:
        _reopen(work, one)
        return
    dock, facts = dock_orders.dock_of(work)
    seen = dock_orders.bin_facts(facts, one.bin)
    if seen is None or seen.door == "open":
        raise Refused("door_open", f"bin {one.bin}: its door stands open", {"bin": one.bin})
    intent = work.memory.intent_for(f"bin:{one.bin}", "door")
    ended = [dock_orders.settled(work, intent, "done")] if intent else []
    locking = Intent(work.tools.new_id(), "lock", f"bin:{one.bin}", work.now_ms)
    fell_by = one.fill_percent - seen.fill_percent
    if not one.opened and (seen.fill_percent > EMPTY_PERCENT or fell_by <= 0):
        back = BIN(one, bins.NotOpened(work.now_ms))
        work.commit(back, *ended, notes=[bin_watch.bin_note(work, one, back)])
        dock_orders.give(work, locking, lambda: dock.lock_door(one.bin, locking.intent))
        raise Refused("bin_not_opened", f"bin {one.bin} was not opened", {"bin": one.bin})
    _emptied(work, one, ended)
    dock_orders.give(work, locking, lambda: dock.lock_door(one.bin, locking.intent))


def _emptied(work: Work, one: bins.Bin, ended: list[Intent]) -> None:
    manifest = work.memory.manifest(one.manifest)
    inside = work.memory.in_bin(one.bin)
    things, notes = shipping.joined(work, manifest, inside, f"bin-{one.bin}", taken_out=True)
    open_again = BIN(one, bins.Emptied(work.now_ms))
    body = {
        "bin": one.bin,
        "items": len(inside),
        "mass_g": sum(item.mass_g for item in inside),
        "manifest": one.manifest,
        "second": one.second,
    }
    note = work.note("bin.emptied", "", body)
    work.commit(*things, open_again, *ended, notes=[note, bin_watch.bin_note(work, one, open_again), *notes])


def _reopen(work: Work, one: bins.Bin) -> None:
    """A bin that staff locked by hand, or that was mended, is good again by their word."""
    mended = BIN(one, bins.Mended(work.now_ms))
    if mended is one or mended.state is one.state:
        raise Refused("not_now", f"bin {one.bin}: {one.state}, {one.why}", {"state": one.state.value})
    work.commit(mended, notes=[bin_watch.bin_note(work, one, mended)])
