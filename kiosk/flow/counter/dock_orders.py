"""Orders to the dock: an intent in the book first, then the order, then what came of it. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kiosk.counter_ports import BinFacts, Dock, DockFacts
from kiosk.flow.counter.things import Intent
from kiosk.flow.counter.work import Work, reason_of
from recycling.errors import Refused

FALLS_WRAP = 1 << 16


def dock_of(work: Work) -> tuple[Dock, DockFacts]:
    """The dock and what it says now. :class:`Refused` "dock_missing", "dock_offline", "dock_stopped"."""
    dock = work.tools.dock
    if dock is None:
        raise Refused("dock_missing", "this counter has no dock")
    facts = dock.facts()
    if not facts.online:
        raise Refused("dock_offline", "the dock does not answer")
    if facts.stopped:
        raise Refused("dock_stopped", "the emergency stop is pressed")
    return dock, facts


def bin_facts(facts: DockFacts | None, number: int) -> BinFacts | None:
    """One bin as its controller sees it; None when it has none of that number."""
    return next((one for one in facts.bins if one.number == number), None) if facts else None


def scale_g(facts: DockFacts) -> int:
    """The stable mass on the scale. :class:`Refused` "scale_<trouble>", "scale_settling", "scale_empty"."""
    scale = facts.scale
    if scale.trouble:
        raise Refused(f"scale_{scale.trouble}", f"the scale: {scale.trouble}")
    if not scale.stable:
        raise Refused("scale_settling", "the scale is not at rest yet")
    if scale.mass_g <= 0:
        raise Refused("scale_empty", "nothing lies on the scale")
    return scale.mass_g


def flap_intent(work: Work, kind: str, subject: str, number: int, facts: DockFacts) -> Intent:
    """To release a bin's flap for one item. ``figures`` say what the counter of falls showed before."""
    one = bin_facts(facts, number)
    if one is None:
        raise Refused("no_such_bin", f"the dock has no bin {number}", {"bin": number})
    if one.flap == "open":
        raise Refused("flap_left_open", f"the flap of bin {number} stands open", {"bin": number})
    figures = {"bin": number, "falls": one.falls, "boots": facts.boots}
    return Intent(work.tools.new_id(), kind, subject, work.now_ms, figures=figures)


def fallen(intent: Intent, facts: DockFacts, one: BinFacts) -> bool:
    """Whether something fell past this flap since the intent; False where the controller restarted meanwhile.

    A restarted controller counts from 0, and what fell while it started it has not counted at all.
    """
    if facts.boots != intent.figures.get("boots", -1):
        return False
    return 0 < (one.falls - intent.figures["falls"]) % FALLS_WRAP < FALLS_WRAP // 2


def settled(work: Work, intent: Intent, state: str) -> Intent:
    """The intent with its outcome."""
    return replace(intent, state=state, at_ms=work.now_ms)


def give(work: Work, intent: Intent, order: Callable[[], None]) -> str:
    """Carry out an order whose intent is committed; the reason where the dock says no, "" otherwise."""
    work.ordered_ms[intent.intent] = work.mono_ms
    try:
        order()
    except Exception as exc:  # noqa: BLE001
        # Whatever an adapter raises: what came of it, the dock's next report says.
        return reason_of(exc)
    return ""


def lock(work: Work, number: int) -> None:
    """Order a flap to lock; that it is locked, the dock's report says. An order that fails is given again later."""
    dock = work.tools.dock
    if dock is not None:
        intent = Intent(work.tools.new_id(), "lock", f"bin:{number}", work.now_ms)
        give(work, intent, lambda: dock.lock_flap(number, intent.intent))


def tare(work: Work) -> None:
    """Call the empty plate zero; the controller refuses it while something lies there."""
    dock = work.tools.dock
    if dock is not None:
        intent = Intent(work.tools.new_id(), "tare", "scale", work.now_ms)
        give(work, intent, lambda: dock.tare(intent.intent))


def lock_door(work: Work, number: int) -> None:
    """As :func:`lock`, for the door that staff empty a bin by."""
    dock = work.tools.dock
    if dock is not None:
        intent = Intent(work.tools.new_id(), "lock", f"bin:{number}", work.now_ms)
        give(work, intent, lambda: dock.lock_door(number, intent.intent))


def lock_drawer(work: Work) -> None:
    """As :func:`lock`, for the hazard drawer."""
    dock = work.tools.dock
    if dock is not None:
        intent = Intent(work.tools.new_id(), "lock", "drawer", work.now_ms)
        give(work, intent, lambda: dock.lock_drawer(intent.intent))
