"""The person at the bins: what each touch leads to. What the dock sees meanwhile is in dock_watch.py."""

from __future__ import annotations

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import dock_orders, dock_watch
from kiosk.flow.counter.things import Intent
from kiosk.flow.counter.work import Work
from recycling import drop_off as d
from recycling.custody import Item, Place, moved
from recycling.errors import Refused
from recycling.goods import Category, Hazard, Lodging
from recycling.lithium import un_number

STEP = d.MACHINE.step


def begin(work: Work, command: c.DropBegin) -> None:
    """Somebody stands there; what the one before left unfinished ends."""
    if work.tools.dock is None:
        raise Refused("dock_missing", "this counter has no dock")
    for left in list(work.memory.drops.values()):
        _end(work, left, "next_person")
    drop = d.Drop(work.tools.new_id(), command.language[:2], work.now_ms, work.now_ms)
    work.commit(drop, notes=[work.note("drop.begun", drop.drop, {}, "customer")])


def category(work: Work, command: c.DropCategory) -> None:
    """What it is."""
    drop = work.memory.drop(command.drop)
    work.commit(STEP(drop, d.CategoryChosen(work.now_ms, Category(command.category))))


def hazard(work: Work, command: c.DropHazard) -> None:
    """Dangerous things go into the drawer, alone, and staff are called; the others to the scale."""
    drop = work.memory.drop(command.drop)
    said = Hazard(command.hazard)
    if said is Hazard.NONE:
        if drop.category is not None:
            _choose_bin(work, drop.category, 0)
        work.commit(STEP(drop, d.HazardSaid(work.now_ms, said)))
        return
    _dangerous(work, drop, said)


def _dangerous(work: Work, drop: d.Drop, hazard_said: Hazard) -> None:
    now_ms = work.now_ms
    item = work.tools.new_id()
    moving = STEP(drop, d.HazardSaid(now_ms, hazard_said, item))
    assert drop.category is not None
    on_scale = Item(item, drop.category, hazard_said, 0, Place(Lodging.SCALE), now_ms, drop=drop.drop)
    entering = moved(on_scale, Place(Lodging.ENTERING, "drawer"), now_ms)
    facts = work.tools.dock.facts() if work.tools.dock else None
    free = facts is not None and facts.online and not facts.drawer_full and not facts.stopped
    weighed = {
        "item": item,
        "category": drop.category.value,
        "hazard": hazard_said.value,
        "mass_g": 0,
        "un": un_number(drop.category, hazard_said),
    }
    notes = [
        work.note("drop.weighed", drop.drop, weighed, "customer"),
        work.note("call.requested", drop.drop, {"screen": "drawer"}, "station"),
    ]
    if not free or facts is None:
        why = "drawer_full" if facts is not None and facts.online and facts.drawer_full else "drawer_not_free"
        work.commit(on_scale, entering, STEP(moving, d.NeedsStaff(now_ms, why)), notes=notes)
        return
    intent = Intent(work.tools.new_id(), "drawer", item, now_ms, figures={"boots": facts.boots})
    notes.append(work.note("drop.assigned", drop.drop, {"item": item, "drawer": 1}))
    work.commit(on_scale, entering, moving, intent, notes=notes)
    dock = work.tools.dock
    assert dock is not None
    why = dock_orders.give(work, intent, lambda: dock.release_drawer(intent.intent))
    if why:
        dock_watch.drop_needs_staff(work, intent, why)


def taped(work: Work, command: c.DropTaped) -> None:
    """Not taped: said so, and nothing goes on."""
    drop = work.memory.drop(command.drop)
    work.commit(STEP(drop, d.Taped(work.now_ms, command.taped)))
    if not command.taped:
        raise Refused("tape_first", f"{drop.drop}: the poles are not taped")


def open_flap(work: Work, command: c.DropOpen) -> None:
    """What lies on the scale becomes an item, a bin is chosen, its flap released: in that order."""
    drop = work.memory.drop(command.drop)
    dock, facts = dock_orders.dock_of(work)
    if drop.state is not d.State.WEIGH or drop.category is None:
        raise Refused("not_now", f"{drop.drop}: {drop.state}", {"state": drop.state.value})
    mass_g = dock_orders.scale_g(facts)
    number = _choose_bin(work, drop.category, mass_g)
    now_ms = work.now_ms
    known = work.memory.items.get(drop.item)
    again = known is not None and known.place.lodging is Lodging.SCALE and known.mass_g == mass_g
    item = drop.item if again else work.tools.new_id()
    moving = STEP(drop, d.Opened(now_ms, item, mass_g, number))
    on_scale = Item(item, drop.category, drop.hazard, mass_g, Place(Lodging.SCALE), now_ms, drop=drop.drop)
    entering = moved(on_scale, Place(Lodging.ENTERING, f"bin:{number}"), now_ms)
    intent = dock_orders.flap_intent(work, "flap", item, number, facts)
    things = [entering] if again else [*handed_back(work, drop.item), on_scale, entering]
    weighed = {
        "item": item,
        "category": drop.category.value,
        "hazard": drop.hazard.value,
        "mass_g": mass_g,
        "un": un_number(drop.category, drop.hazard),
    }
    notes = [
        work.note("drop.weighed", drop.drop, weighed, "customer"),
        work.note("drop.assigned", drop.drop, {"item": item, "bin": number}),
    ]
    work.commit(*things, moving, intent, notes=notes)
    why = dock_orders.give(work, intent, lambda: dock.release_flap(number, intent.intent))
    if why:
        dock_watch.order_failed(work, intent, why)


def another(work: Work, command: c.DropAnother) -> None:
    """The next thing of the same person."""
    drop = work.memory.drop(command.drop)
    work.commit(*handed_back(work, drop.item), STEP(drop, d.Another(work.now_ms)))


def done(work: Work, command: c.DropDone) -> None:
    """The person leaves; saying so twice is nothing more."""
    drop = work.memory.drops.get(command.drop)
    if drop is not None:
        _end(work, drop, "stepped_back")


def resolve(work: Work, command: c.DropResolve) -> None:
    """Staff say where a thing is that nobody saw falling."""
    dock_watch.resolve(work, command)


def _end(work: Work, drop: d.Drop, why: str) -> None:
    ended = STEP(drop, d.Done(work.now_ms))
    notes = []
    if drop.state is not d.State.RECEIPT:
        body = {"why": why, **({"item": drop.item} if drop.item else {})}
        notes.append(work.note("drop.abandoned", drop.drop, body, "customer"))
    work.commit(*handed_back(work, drop.item), ended, notes=notes)
    work.said.pop(drop.drop, None)
    open_intent = work.memory.intent_for(drop.item, "flap")
    if open_intent is not None and drop.state is d.State.DEPOSIT:
        # Nobody stands there any more: the flap locks; what fell before that is still counted.
        dock_orders.lock(work, open_intent.figures["bin"])


def handed_back(work: Work, item: str) -> list[Item]:
    """What lay on the scale only was never ours."""
    known = work.memory.items.get(item)
    if known is None or known.place.lodging is not Lodging.SCALE:
        return []
    return [moved(known, Place(Lodging.OWNER), work.now_ms)]


def _choose_bin(work: Work, wanted: Category, mass_g: int) -> int:
    """An open bin of that kind with room. :class:`Refused` "bins_full", "bin_busy" where one locks just now."""
    facts = work.tools.dock.facts() if work.tools.dock else None
    locking = 0
    for one in sorted(work.memory.bins.values(), key=lambda found: (found.items, found.bin)):
        seen = dock_orders.bin_facts(facts, one.bin)
        waiting = any(
            intent.kind in ("flap", "trade_flap") and intent.figures.get("bin") == one.bin
            for intent in work.memory.intents.values()
        )
        if (
            one.category is not wanted
            or not one.accepts
            or not one.room_for(mass_g)
            or waiting
            or seen is None
        ):
            continue
        if seen.flap == "closed" and seen.lock == "locked":
            return one.bin
        if seen.flap == "closed" and seen.lock != "jammed":
            locking = locking or one.bin  # its bolt needs a moment
    if locking:
        raise Refused("bin_busy", f"bin {locking} is locking", {"bin": locking})
    raise Refused("bins_full", f"no bin for {wanted} is free", {"category": wanted.value})
