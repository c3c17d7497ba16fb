"""What the dock's reports say of bins: levels, locks, jams, doors; and the entries of bins and places."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.counter_ports import BinFacts, DockFacts
from kiosk.flow.counter import dock_orders
from kiosk.flow.counter.things import Intent, Noted
from kiosk.flow.counter.work import Work
from recycling import bins
from recycling.custody import Item

LEFT_OPEN = "flap_left_open"


def levels(work: Work, facts: DockFacts) -> None:
    """Levels, locks and jams of every bin."""
    for seen in facts.bins:
        one = work.memory.bins.get(seen.number)
        if one is None:
            continue
        after = _bin_after(work, one, seen)
        if after is not one:
            work.commit(after, notes=[bin_note(work, one, after)] if after.state is not one.state else [])
            close_flap(work, one, after)


def _bin_after(work: Work, one: bins.Bin, seen: BinFacts) -> bins.Bin:
    step: Callable[[bins.Bin, object], bins.Bin] = bins.MACHINE.step
    now_ms = work.now_ms
    after = one
    if "jammed" in (seen.flap, seen.lock):
        after = step(after, bins.Broke(now_ms, "flap_jammed" if seen.flap == "jammed" else "lock_jammed"))
    elif (
        one.why in ("flap_jammed", "lock_jammed") or (one.why == LEFT_OPEN and seen.flap == "closed")
    ) and not _unclear(work, one.bin):
        after = step(after, bins.Mended(now_ms))
    after = step(after, bins.Filled(now_ms, seen.fill_percent))
    if seen.lock == "locked" and seen.flap == "closed":
        after = step(after, bins.LockSeen(now_ms))
    return after


def _unclear(work: Work, number: int) -> bool:
    return any(intent.figures.get("bin") == number for intent in work.memory.intents.values())


def door(work: Work, intent: Intent, facts: DockFacts) -> None:
    """A bin that is being emptied: its door was seen open."""
    number = intent.figures["bin"]
    one = dock_orders.bin_facts(facts, number)
    kept = work.memory.bins.get(number)
    if one is None or kept is None:
        return
    if one.door == "open" and not kept.opened:
        opened = bins.MACHINE.step(kept, bins.DoorSeen(work.now_ms))
        work.commit(opened, dock_orders.settled(work, intent, "done"))


def put_in(work: Work, one: bins.Bin, mass_g: int, fill_percent: int) -> tuple[bins.Bin, list[Noted]]:
    """The bin with one item more, and its entry where its state changed."""
    after = bins.MACHINE.step(one, bins.PutIn(work.now_ms, mass_g, fill_percent))
    return after, [bin_note(work, one, after)] if after.state is not one.state else []


def close_flap(work: Work, before: bins.Bin, after: bins.Bin) -> None:
    """A bin that has just been closed to customers is ordered to lock."""
    if before.accepts and not after.accepts:
        dock_orders.lock(work, after.bin)


def bin_note(work: Work, before: bins.Bin, after: bins.Bin) -> Noted:
    """The entry of a bin's new state."""
    body = {
        "bin": after.bin,
        "from": before.state.value,
        "to": after.state.value,
        "why": after.why,
        "fill_percent": after.fill_percent,
        "mass_g": after.mass_g,
    }
    return work.note("bin.state", "", body)


def placed(work: Work, item: Item, from_: str) -> Noted:
    """The entry of an item's new place."""
    body: dict[str, object] = {
        "item": item.item,
        "from": from_,
        "to": str(item.place),
        "mass_g": item.mass_g,
        "category": item.category.value,
    }
    if item.trade:
        body["trade"] = item.trade
    return work.note("item.placed", item.item, body)
