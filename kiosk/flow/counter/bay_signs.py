"""What the lights of the phone bays say of an erasing, and that the bays have power. Nothing waits for a lamp.

It decides nothing: it reads what is in memory, compares it with the dock's report and orders what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from kiosk.counter_ports import BayFacts, Dock, DockFacts
from kiosk.flow.counter.work import Work
from recycling.erasure import State as Erasing
from recycling.trade import State

Sign = Literal["", "working", "done", "attention"]
Colour = Literal["off", "white", "green", "amber", "red"]

COLOURS: Final[Mapping[Sign, Colour]] = {
    "": "off",
    "working": "white",
    "done": "green",
    "attention": "amber",
}
SIGNS: Final[Mapping[tuple[State, Erasing], Sign]] = {
    (State.ERASING, Erasing.RUNNING): "working",
    (State.ERASING, Erasing.VERIFYING): "working",
    (State.ERASING, Erasing.INTERRUPTED): "attention",
    (State.ERASING, Erasing.FAILED): "attention",
    # until it is in its bag
    (State.ERASED, Erasing.CERTIFIED): "done",
    (State.ERASED, Erasing.WARNING): "done",
}


def show(work: Work, facts: DockFacts) -> None:
    """Order what the bays do not show yet. An order that fails is given again a while later."""
    dock = work.tools.dock
    if dock is None:
        return
    signs = wanted(work)
    for bay in facts.bays:
        colour = COLOURS["attention" if bay.hot else signs.get(bay.number, "")]
        if bay.light != colour:
            _order(work, bay, f"light {colour}", _light(dock, bay.number, colour))
        # Off since the controller started, or since it was hot: the controller refuses until it has cooled down.
        if not bay.power and not facts.stopped:
            _order(work, bay, "power", _power(dock, bay.number))


def wanted(work: Work) -> dict[int, Sign]:
    """By the number that is painted beside the bay; the newest erasing in each."""
    found: dict[int, Sign] = {}
    for known in sorted(work.memory.erasures.values(), key=lambda one: one.at_ms):
        trade = work.memory.trades.get(known.trade)
        sign = SIGNS.get((trade.state, known.state)) if trade is not None else None
        if sign is not None:
            found[known.bay] = sign
    return found


def _light(dock: Dock, number: int, colour: Colour) -> Callable[[str], None]:
    return lambda intent: dock.light(number, colour, intent)


def _power(dock: Dock, number: int) -> Callable[[str], None]:
    return lambda intent: dock.power(number, True, intent)


def _order(work: Work, bay: BayFacts, what: str, order: Callable[[str], None]) -> None:
    """On a thread of its own, one at a time for each bay; what came of it the next report says."""
    subject, wish = f"bay:{bay.number}", f"bay:{bay.number} {what}"
    patience = work.tools.patience
    again_ms = int(1000 * (patience.ask_again_s if bay.hot else patience.retry_s))
    if subject in work.busy or work.mono_ms - work.asked_ms.get(wish, -again_ms) < again_ms:
        return
    work.asked_ms[wish] = work.mono_ms
    intent = work.tools.new_id()
    work.run(what, subject, lambda: order(intent), lambda _outcome: None, waits=False)
