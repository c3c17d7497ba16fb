"""What people's hands can do at the demo's dock and printer, by name: the acts of the hands page and of the attendant.

It moves hands and arms faults of the virtual devices; it knows nothing of the kiosk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hw.virtual.dock_hands import DockHands
from hw.virtual.errors import Refused, VirtualPhoneError

GOODS_G: Mapping[str, int] = {"charger": 118, "battery": 46, "accessory": 64, "phone": 182}
"""Grams of what lies about in the demo's shop, by category."""
NEARLY_FULL = 95
DRIFT_G = 12


class PrinterHands(Protocol):
    """Whoever stands beside the printer."""

    def status(self) -> dict[str, Any]: ...
    def fault(self, spec: str) -> dict[str, Any]: ...
    def mend(self) -> dict[str, Any]: ...


class CounterHands:
    """The hands at one dock and one printer. Raises :class:`VirtualPhoneError` where something cannot be done now."""

    def __init__(self, dock: DockHands, printer: PrinterHands, bins: Mapping[int, str]) -> None:
        """``bins``: the category painted on each."""
        self.dock, self.printer, self.bins = dock, printer, bins

    def status(self) -> dict[str, Any]:
        """Both devices as people see them; one that does not answer is None."""
        bins = {str(number): category for number, category in self.bins.items()}
        return {"dock": _status(self.dock.status), "printer": _status(self.printer.status), "bins": bins}

    def do(self, act: str, number: int = 0) -> None:
        """Any of :data:`ACTS`; ``number``: of the bin, where there is one."""
        if act not in ACTS:
            raise Refused("no hand can do that")
        ACTS[act](self, number)

    def put(self, category: str) -> None:
        """Take what lay on the scale away, and lay one thing of that category there."""
        self.dock.take()
        self.dock.put(GOODS_G[category])

    def throw_in(self, number: int) -> None:
        """Pull the flap, let it fall, push the flap to."""
        self.dock.open_flap(number)
        self.dock.drop(number)
        self.dock.close_flap(number)

    def lay_in_drawer(self) -> None:
        """Pull the hazard drawer, lay the thing in, push it to."""
        for act in ("open_drawer", "lay_in_drawer", "close_drawer"):
            self.dock.act(act)

    def clear_drawer(self) -> None:
        """Pull it, take everything out, push it to."""
        for act in ("open_drawer", "empty_drawer", "close_drawer"):
            self.dock.act(act)

    def carry_out(self, number: int) -> None:
        """Open a bin's door, empty it, close the door."""
        for act in ("open_door", "empty", "close_door"):
            self.dock.act(act, bin=number)

    def mend(self) -> None:
        """Everything that was jammed, drifted or pressed is as it was delivered."""
        self.dock.fault("none")
        self.dock.stop(False)
        self.dock.tamper(False)


def _putting(name: str) -> Callable[[CounterHands, int], object]:
    return lambda hands, _number: hands.put(name)


ACTS: Mapping[str, Callable[[CounterHands, int], object]] = {
    **{f"put_{name}": _putting(name) for name in GOODS_G},
    "take": lambda hands, _number: hands.dock.take(),
    "open_flap": lambda hands, number: hands.dock.open_flap(number),
    "drop": lambda hands, number: hands.dock.drop(number),
    "close_flap": lambda hands, number: hands.dock.close_flap(number),
    "fill": lambda hands, number: hands.dock.fill(number, NEARLY_FULL),
    "jam": lambda hands, number: hands.dock.fault(f"jam-flap:{number}"),
    "carry_out": lambda hands, number: hands.carry_out(number),
    "drawer": lambda hands, _number: hands.lay_in_drawer(),
    "clear_drawer": lambda hands, _number: hands.clear_drawer(),
    "drift": lambda hands, _number: hands.dock.fault(f"drift:{DRIFT_G}"),
    "stop": lambda hands, _number: hands.dock.stop(True),
    "mend": lambda hands, _number: hands.mend(),
    "paper_out": lambda hands, _number: hands.printer.fault("no-paper"),
    "printer_off": lambda hands, _number: hands.printer.fault("off"),
    "paper_in": lambda hands, _number: hands.printer.mend(),
}
"""What two hands can do, and what can go wrong; nothing else is reachable through the page."""


def _status(ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return dict(ask())
    except VirtualPhoneError:
        return None
