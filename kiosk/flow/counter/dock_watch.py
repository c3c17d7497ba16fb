"""What became of orders to the dock: every outcome of a flap and of the drawer is decided here, from its reports.

A thing that nobody saw falling stays "entering" until staff say where it is; its bin is closed to others until then.
"""

from __future__ import annotations

import logging

from kiosk.counter_ports import DockFacts
from kiosk.flow.counter import bin_watch, dock_orders, slip_desk
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.things import Intent, Thing
from kiosk.flow.counter.work import Work
from recycling import bins, impact
from recycling import drop_off as d
from recycling import trade_events as te
from recycling.custody import Item, Place, moved, weighed
from recycling.errors import Refused
from recycling.goods import Lodging
from recycling.trade_in import MACHINE as TRADE
from service.technician import Action

log = logging.getLogger(__name__)

LOST = "fall_not_seen"
STUCK = "order_stuck"


def intents(work: Work, facts: DockFacts) -> dict[str, str]:
    """Look at every intent without an outcome, each by itself. Those that could not be followed, with their places."""
    stuck: dict[str, str] = {}
    for intent in list(work.memory.intents.values()):
        try:
            _follow(work, intent, facts)
        except Exception:
            number = intent.figures.get("bin")
            stuck[intent.intent] = intent.kind if number is None else f"bin:{number}"
            if (STUCK, stuck[intent.intent]) not in work.troubles:
                log.exception("order %s: %s", intent.intent, intent.kind)
    return stuck


def _follow(work: Work, intent: Intent, facts: DockFacts) -> None:
    if intent.kind in ("flap", "trade_flap"):
        _flap(work, intent, facts)
    elif intent.kind == "drawer":
        _drawer(work, intent, facts)
    elif intent.kind == "door":
        bin_watch.door(work, intent, facts)
    elif intent.kind == "drawer_staff" and intent.state == "open":
        # Left by an earlier process: staff pull the drawer, or ask for it again.
        opened = facts.drawer != "locked"
        work.commit(dock_orders.settled(work, intent, "done" if opened else "failed"))


def _flap(work: Work, intent: Intent, facts: DockFacts) -> None:
    number = intent.figures["bin"]
    one = dock_orders.bin_facts(facts, number)
    if one is None:
        return
    seen = work.seen.setdefault(intent.intent, set())
    seen |= {
        name for name, there in (("released", one.lock == "released"), ("open", one.flap == "open")) if there
    }
    if dock_orders.fallen(intent, facts, one):
        seen.add("fell")
    if "fell" in seen:  # also where the controller has restarted since and counts from 0 again
        if one.flap != "open":
            deposited(work, intent, one.fill_percent)
            _mend(work, number)
        return
    if intent.state != "open":
        return
    if intent.intent in work.recovering:
        # Whoever stood there may have gone: nothing is released again, and nobody guesses.
        dock_orders.lock(work, number)
        lost(work, intent, "interrupted")
    elif "jammed" in (one.flap, one.lock):
        lost(work, intent, "flap_jammed")
    elif facts.boots != intent.figures["boots"]:
        lost(work, intent, LOST)
    elif one.lock == "locked" and one.flap == "closed" and _time_enough(work, intent, seen):
        if "open" in seen:
            lost(work, intent, LOST)
        else:
            not_opened(work, intent)


def _time_enough(work: Work, intent: Intent, seen: set[str]) -> bool:
    """A report from before the order must not be taken for its outcome."""
    ordered_ms = work.ordered_ms.get(intent.intent)
    if ordered_ms is None:
        return False
    waited_ms = work.mono_ms - ordered_ms
    return bool(seen) or waited_ms >= 1000 * work.tools.patience.flap_s


# -- outcomes of a flap


def deposited(work: Work, intent: Intent, fill_percent: int) -> None:
    """It fell: item, bin, drop-off or trade-in, and the receipt, in one transaction."""
    now_ms = work.now_ms
    number = intent.figures["bin"]
    item = moved(work.memory.item(intent.subject), Place(Lodging.BIN, str(number)), now_ms)
    one = work.memory.bin(number)
    after, notes = bin_watch.put_in(work, one, item.mass_g, fill_percent)
    things: list[Thing] = [item, after, dock_orders.settled(work, intent, "done")]
    if item.trade:
        trade = work.memory.trade(item.trade)
        things.insert(0, TRADE.step(trade, te.Binned(now_ms, number)))
        notes = [work.note("trade.binned", trade.trade, {"bin": number}), *notes]
        work.commit(*things, notes=[bin_watch.placed(work, item, f"shelf:{trade.place_name}"), *notes])
        dock_orders.lock(work, number)
        return
    kept_g = impact.kept(item.category, item.mass_g).kept_g
    body = {
        "item": item.item,
        "bin": number,
        "category": item.category.value,
        "mass_g": item.mass_g,
        "kept_g": kept_g,
    }
    notes = [work.note("drop.deposited", item.drop, body), bin_watch.placed(work, item, "entering"), *notes]
    drop = work.memory.drops.get(item.drop)
    if drop is not None and drop.item == item.item:
        drop = d.MACHINE.step(drop, d.Fell(now_ms, kept_g))
        things.append(drop)
        things.append(slip_desk.drop_receipt(work, drop, [*_earlier(work, drop, item), item]))
    work.commit(*things, notes=notes)
    work.said.pop(item.drop, None)
    # Its controller would leave it released for a while yet, and the next thing in would be nobody's.
    dock_orders.lock(work, number)
    slip_desk.print_waiting(work)


def not_opened(work: Work, intent: Intent) -> None:
    """It locked again and was never open: the thing is where it was."""
    now_ms = work.now_ms
    item = work.memory.item(intent.subject)
    things: list[Thing] = [dock_orders.settled(work, intent, "done")]
    if item.trade:
        work.commit(*things)
        work.say(item.trade, "flap_not_opened", {"bin": intent.figures["bin"]})
        return
    drop = work.memory.drops.get(item.drop)
    stays = drop is not None and drop.item == item.item and drop.state is d.State.DEPOSIT
    back = moved(item, Place(Lodging.SCALE if stays else Lodging.OWNER), now_ms)
    if stays and drop is not None:
        things.append(d.MACHINE.step(drop, d.NotOpened(now_ms, "flap_not_opened")))
    work.commit(back, *things)


def lost(work: Work, intent: Intent, why: str) -> None:
    """Nobody can say whether it went in. The bin is closed, staff are called, the item stays where it was last."""
    number = intent.figures["bin"]
    item = work.memory.item(intent.subject)
    one = work.memory.bin(number)
    broken = bins.MACHINE.step(one, bins.Broke(work.now_ms, why))
    notes = [work.note("dock.trouble", item.drop or item.trade, {"what": why, "place": f"bin:{number}"})]
    if broken is not one:
        notes.append(bin_watch.bin_note(work, one, broken))
    things: list[Thing] = [dock_orders.settled(work, intent, "unclear"), broken]
    if item.trade:
        work.commit(*things, notes=notes)
        work.say(item.trade, why, {"bin": number}, urgent=True)
    else:
        things += _to_staff(work, item, why)
        notes.append(work.note("call.requested", item.drop, {"screen": "deposit"}, "station"))
        work.commit(*things, notes=notes)
        work.say(item.drop, why, {"bin": number}, urgent=True)
    bin_watch.close_flap(work, one, broken)


def order_failed(work: Work, intent: Intent, why: str) -> None:
    """The dock said no, or nothing: its next report decides. A refusal that it is sure of ends the intent."""
    if why in ("dock_stopped", "dock_no_place", "dock_door_open", "dock_memory", "dock_offline", "dock_old"):
        not_opened(work, intent)
        item = work.memory.items.get(intent.subject)
        work.say(item.trade or item.drop if item else "", why, {"bin": intent.figures["bin"]}, urgent=True)
    elif why in ("dock_jammed", "dock_restarted", "dock_replaced"):
        lost(work, intent, "flap_jammed" if why == "dock_jammed" else LOST)


def resolve(work: Work, command: c.DropResolve) -> None:
    """Staff's word on an item that is "entering", or on a released phone whose fall was not seen."""
    work.staff(Action.SIGN)
    item = work.memory.item(command.item)
    intent = work.memory.intent_for(item.item, "flap") or work.memory.intent_for(item.item, "drawer")
    if item.trade:
        intent = work.memory.intent_for(item.item, "trade_flap")
    if intent is not None and intent.state == "open":
        raise Refused("not_now", f"{item.item}: the dock is still being watched", {"state": "deposit"})
    if not item.trade and item.place.lodging is not Lodging.ENTERING:
        raise Refused("not_now", f"{item.item}: {item.place}", {"state": item.place.lodging.value})
    if command.where == "bin" and intent is not None and "bin" in intent.figures:
        facts = work.tools.dock.facts() if work.tools.dock else None
        seen = dock_orders.bin_facts(facts, intent.figures["bin"])
        deposited(work, intent, seen.fill_percent if seen else 0)
    elif command.where == "owner" and not item.trade:
        _resolved_to(work, item, intent, Place(Lodging.OWNER))
    elif command.where == "quarantine" and not item.trade:
        mass_g = command.mass_g or item.mass_g or dock_orders.scale_g(dock_orders.dock_of(work)[1])
        _resolved_to(work, weighed(item, mass_g, work.now_ms), intent, Place(Lodging.QUARANTINE))
    elif command.where == "shelf" and item.trade and intent is not None:
        work.commit(dock_orders.settled(work, intent, "done"))
    else:
        raise Refused("no_such_move", f"{item.item}: not to {command.where[:20]}", {"to": command.where[:20]})
    if intent is not None and "bin" in intent.figures:
        _mend(work, intent.figures["bin"])


def _resolved_to(work: Work, item: Item, intent: Intent | None, to: Place) -> None:
    after = moved(item, to, work.now_ms)
    things: list[Thing] = [after, *([dock_orders.settled(work, intent, "done")] if intent else [])]
    drop = work.memory.drops.get(item.drop)
    if drop is not None and drop.item == item.item:
        kept_g = impact.kept(after.category, after.mass_g).kept_g if to.lodging is not Lodging.OWNER else 0
        event = d.Resolved(work.now_ms, to.lodging is not Lodging.OWNER, kept_g)
        things.append(d.MACHINE.step(drop, event))
    work.commit(*things, notes=[bin_watch.placed(work, after, str(item.place))])
    work.said.pop(item.drop, None)


def _mend(work: Work, number: int) -> None:
    one = work.memory.bin(number)
    if one.why in (LOST, "flap_jammed", "interrupted"):
        mended = bins.MACHINE.step(one, bins.Mended(work.now_ms))
        work.commit(
            mended, notes=[bin_watch.bin_note(work, one, mended)] if mended.state is not one.state else []
        )


# -- the drawer


def _drawer(work: Work, intent: Intent, facts: DockFacts) -> None:
    if intent.state != "open":
        return
    seen = work.seen.setdefault(intent.intent, set())
    if facts.drawer != "locked":
        seen.add(facts.drawer)
    if facts.drawer_full and facts.drawer != "open":
        _in_drawer(work, intent)
    elif intent.intent in work.recovering:
        dock_orders.lock_drawer(work)
        drop_needs_staff(work, intent, "interrupted")
    elif facts.drawer == "locked" and _time_enough(work, intent, seen):
        drop_needs_staff(work, intent, "drawer_not_used")


def _in_drawer(work: Work, intent: Intent) -> None:
    before = work.memory.item(intent.subject)
    item = moved(before, Place(Lodging.DRAWER), work.now_ms)
    things: list[Thing] = [item, dock_orders.settled(work, intent, "done")]
    drop = work.memory.drops.get(item.drop)
    if drop is not None and drop.item == item.item:
        drop = d.MACHINE.step(drop, d.Fell(work.now_ms, 0))
        things.append(drop)
        things.append(slip_desk.drop_receipt(work, drop, [*_earlier(work, drop, item), item]))
    body = {
        "item": item.item,
        "drawer": 1,
        "category": item.category.value,
        "mass_g": item.mass_g,
        "kept_g": 0,
    }
    notes = [work.note("drop.deposited", item.drop, body), bin_watch.placed(work, item, "entering")]
    work.commit(*things, notes=notes)
    dock_orders.lock_drawer(work)
    slip_desk.print_waiting(work)


def drop_needs_staff(work: Work, intent: Intent, why: str) -> None:
    """The drawer was not used, or does not open: the thing stays announced until staff say where it is."""
    item = work.memory.item(intent.subject)
    work.commit(dock_orders.settled(work, intent, "unclear"), *_to_staff(work, item, why))
    work.say(item.drop, why, urgent=True)


def _to_staff(work: Work, item: Item, why: str) -> list[Thing]:
    drop = work.memory.drops.get(item.drop)
    if drop is None or drop.item != item.item:
        return []
    after = d.MACHINE.step(drop, d.NeedsStaff(work.now_ms, why))
    return [after] if after is not drop else []


def _earlier(work: Work, drop: d.Drop, item: Item) -> list[Item]:
    """What the same person brought before."""
    return [
        one
        for one in work.memory.items.values()
        if one.drop == drop.drop
        and one.item != item.item
        and one.place.lodging in (Lodging.BIN, Lodging.DRAWER, Lodging.QUARANTINE)
    ]
