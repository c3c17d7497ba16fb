"""What happens without a touch: the dock's reports, the clock, and taking up what an earlier process left open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kiosk.counter_ports import DockFacts
from kiosk.flow.counter import (
    bay_signs,
    bin_watch,
    dock_orders,
    dock_watch,
    dropping,
    erasing,
    forgetting,
    open_flaps,
    pricing,
    settling,
    slip_desk,
    staffing,
)
from kiosk.flow.counter.things import Thing
from kiosk.flow.counter.work import Work
from recycling import drop_off as d
from recycling.bins import Bin, State

LOCK_AGAIN = frozenset({State.FULL, State.HAZARD, State.FAULT})


def look(work: Work, facts: DockFacts) -> None:
    """One report of the dock."""
    work.facts = facts
    _told(work, "dock_offline", "", not facts.online)
    if not facts.online:
        return
    for what, place, there in _troubles(facts):
        _told(work, what, place, there)
    _edge(work, "tampered", facts.tampered, "dock.tampered")
    if facts.tampered and work.tools.dock is not None:
        work.tools.dock.told_tampered(facts.tampers)
    _edge(work, "stopped", facts.stopped, "dock.stopped")
    if facts.scale.trouble == "drift" and _due(work, "tare"):
        dock_orders.tare(work)
    stuck = dock_watch.intents(work, facts)
    # One that could not be followed is still an earlier process's when it is looked at again.
    work.recovering &= stuck.keys()
    open_flaps.look(work, facts)
    bin_watch.levels(work, facts)
    for place in {*stuck.values(), *(one.place for one in work.troubles.values())}:
        _told(work, dock_watch.STUCK, place, place in stuck.values())
    bay_signs.show(work, facts)
    for known in (work.seen, work.ordered_ms):
        _forget_ended(work, known)


def _forget_ended(work: Work, known: dict[str, Any]) -> None:
    """What was kept of an order goes with it: a station runs for months."""
    for intent in known.keys() - work.memory.intents.keys():
        del known[intent]


def _troubles(facts: DockFacts) -> Iterator[tuple[str, str, bool]]:
    for what in ("drift", "overload", "silent"):
        yield f"scale_{what}", "", facts.scale.trouble == what
    for one in facts.bins:
        yield "flap_jammed", f"bin:{one.number}", one.flap == "jammed"
        yield "lock_jammed", f"bin:{one.number}", one.lock == "jammed"
    for bay in facts.bays:
        yield "bay_hot", f"bay:{bay.number}", bay.hot


def _told(work: Work, what: str, place: str, there: bool) -> None:
    if work.is_news(what, place, there=there):
        kind = "dock.trouble" if there else "dock.mended"
        work.commit(notes=[work.note(kind, "", {"what": what, "place": place}, "station")])
        work.trouble(what, place, there=there)


def _edge(work: Work, what: str, there: bool, kind: str) -> None:
    if work.is_news(f"dock_{what}", there=there):
        over = work.note("dock.mended", "", {"what": what}, "station")
        work.commit(notes=[work.note(kind, "", {}, "station") if there else over])
        work.trouble(f"dock_{what}", there=there)


def tick(work: Work) -> None:
    """About once a second: what is due by the clock, and what had to wait for a device or a line."""
    pricing.expire(work)
    pricing.claims_again(work)
    settling.payments_again(work)
    if _due(work, "printer", slip_desk.pause_s(work)):
        slip_desk.print_waiting(work)
    if _due(work, "locks"):
        _lock_again(work)
    if _due(work, "erasures"):
        erasing.recover(work, "store_failed")
    if _due(work, "forgetting", 3600.0):
        forgetting.forget_due(work)


def _due(work: Work, what: str, every_s: float | None = None) -> bool:
    every_ms = int(1000 * (work.tools.patience.retry_s if every_s is None else every_s))
    if work.mono_ms - work.asked_ms.get(what, -(10**12)) < every_ms:
        return False
    work.asked_ms[what] = work.mono_ms
    return True


def _lock_again(work: Work) -> None:
    """What is closed to customers, and a door that nobody empties by, is told to lock again until it is seen locked."""
    for one in list(work.memory.bins.values()):
        seen = dock_orders.bin_facts(work.facts, one.bin)
        if seen is None:
            continue
        if one.state in LOCK_AGAIN and seen.lock == "released":
            dock_orders.lock(work, one.bin)
        if one.state is not State.EMPTYING and seen.door == "released":
            dock_orders.lock_door(work, one.bin)


def recover(work: Work) -> None:
    """Everything from the book; effects without an outcome are asked about, never assumed."""
    work.memory.take(work.tools.book.live())
    staffing.recover(work)
    new = [
        Bin(number, category, at_ms=work.now_ms)
        for number, category in sorted(work.tools.shop.bins.items())
        if number not in work.memory.bins
    ]
    if new:
        work.commit(*new)
    work.recovering = {intent.intent for intent in work.memory.intents.values() if intent.state == "open"}
    slip_desk.again(work)
    erasing.recover(work)
    for drop in list(work.memory.drops.values()):
        if drop.state not in (d.State.DEPOSIT, d.State.DRAWER, d.State.STAFF):
            _end(work, drop)


def _end(work: Work, drop: d.Drop) -> None:
    """Nobody stands at a screen that went dark: what was not yet in our hands is its owner's."""
    things: list[Thing] = [*dropping.handed_back(work, drop.item), d.MACHINE.step(drop, d.Done(work.now_ms))]
    notes = []
    if drop.state is not d.State.RECEIPT:
        notes.append(work.note("drop.abandoned", drop.drop, {"why": "restarted"}, "station"))
    work.commit(*things, notes=notes)
