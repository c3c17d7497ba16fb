"""A flap that is left standing open: told to staff and to whoever is at its bin. It orders nothing but the lock."""

from __future__ import annotations

from kiosk.counter_ports import BinFacts, DockFacts
from kiosk.flow.counter import bin_watch
from kiosk.flow.counter.things import Noted, Thing
from kiosk.flow.counter.work import Work
from recycling import bins
from recycling.drop_off import Drop


def look(work: Work, facts: DockFacts) -> None:
    """Every flap of one report. Told once; over as soon as the flap is seen closed."""
    for seen in facts.bins:
        if seen.flap == "closed":
            work.open_ms.pop(seen.number, None)
            _shut(work, seen.number)
        elif _is_left(work, seen):
            _tell(work, seen.number)


def _is_left(work: Work, seen: BinFacts) -> bool:
    since_ms = work.open_ms.setdefault(seen.number, work.mono_ms)
    # One that got stuck on its way is told as jammed already.
    return seen.flap == "open" and work.mono_ms - since_ms >= 1000 * work.tools.patience.open_s


def _tell(work: Work, number: int) -> None:
    place = f"bin:{number}"
    if not work.is_news(bin_watch.LEFT_OPEN, place, there=True):
        return
    drop = _at(work, number)
    subject = drop.drop if drop else ""
    notes: list[Noted] = [
        work.note("dock.trouble", subject, {"what": bin_watch.LEFT_OPEN, "place": place}, "station")
    ]
    things: list[Thing] = []
    one = work.memory.bins.get(number)
    # A station that was started again finds its bin closed for this: somebody was called then.
    if one is None or one.why != bin_watch.LEFT_OPEN:
        notes.append(work.note("call.requested", subject, {"screen": "deposit"}, "station"))
    after = bins.MACHINE.step(one, bins.Broke(work.now_ms, bin_watch.LEFT_OPEN)) if one else None
    if one is not None and after is not None and after is not one:
        things.append(after)
        notes.append(bin_watch.bin_note(work, one, after))
    work.commit(*things, notes=notes)
    work.trouble(bin_watch.LEFT_OPEN, place, there=True)
    if drop is not None:
        work.say(drop.drop, bin_watch.LEFT_OPEN, {"bin": number}, urgent=True)
    if one is not None and after is not None:
        bin_watch.close_flap(work, one, after)


def _shut(work: Work, number: int) -> None:
    place = f"bin:{number}"
    if not work.is_news(bin_watch.LEFT_OPEN, place, there=False):
        return
    body = {"what": bin_watch.LEFT_OPEN, "place": place}
    work.commit(notes=[work.note("dock.mended", "", body, "station")])
    work.trouble(bin_watch.LEFT_OPEN, place, there=False)
    for subject, said in list(work.said.items()):
        if said.reason == bin_watch.LEFT_OPEN and said.values.get("bin") == number:
            del work.said[subject]


def _at(work: Work, number: int) -> Drop | None:
    """Who stands there."""
    return next((drop for drop in work.memory.drops.values() if drop.bin == number), None)
