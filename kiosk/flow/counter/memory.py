"""Everything at the counter that has not ended, as last committed. Rebuilt from the book at every start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from kiosk.flow.counter.things import Intent, Shift, Slip, Thing
from recycling.bins import Bin
from recycling.custody import ENDS, Item
from recycling.drop_off import Drop
from recycling.drop_off import State as DropState
from recycling.erasure import Erasure
from recycling.errors import Refused
from recycling.manifest import Manifest
from recycling.settlement import Settlement
from recycling.settlement import State as Payment
from recycling.trade import ENDED as TRADE_ENDED
from recycling.trade import Trade

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Memory:
    """Only the counter's worker changes it, and only with what was committed."""

    def __init__(self) -> None:
        self.drops: dict[str, Drop] = {}
        self.items: dict[str, Item] = {}
        self.trades: dict[str, Trade] = {}
        self.erasures: dict[str, Erasure] = {}
        self.settlements: dict[str, Settlement] = {}  # by key
        self.bins: dict[int, Bin] = {}
        self.manifests: dict[str, Manifest] = {}
        self.intents: dict[str, Intent] = {}  # open and unclear ones
        self.slips: dict[str, Slip] = {}  # not printed yet
        self.printed: dict[str, str] = {}  # subject -> state of its last slip
        self.vouchers: dict[str, str] = {}  # trade -> code
        self.shift: Shift | None = None

    def take(self, things: Iterable[Thing]) -> None:
        """What was committed, in order."""
        for thing in things:
            self._take(thing)

    def _take(self, thing: Thing) -> None:
        match thing:
            case Drop():
                _keep(self.drops, thing.drop, thing, thing.state is not DropState.ENDED)
            case Item():
                _keep(self.items, thing.item, thing, thing.place.lodging not in ENDS)
            case Trade():
                _keep(self.trades, thing.trade, thing, thing.state not in TRADE_ENDED)
            case Erasure():
                self.erasures[thing.trade] = thing
            case Settlement():
                self.settlements[thing.key] = thing
            case Bin():
                self.bins[thing.bin] = thing
            case Manifest():
                self.manifests[thing.manifest] = thing
            case Intent():
                _keep(self.intents, thing.intent, thing, thing.state in ("open", "unclear"))
            case Slip():
                self.printed[thing.subject] = thing.state
                _keep(self.slips, thing.slip, thing, thing.state != "printed")
            case Shift():
                self.shift = thing if thing.open else None
            case _:
                return

    # -- finding

    def trade(self, trade: str) -> Trade:
        """One that has not ended. :class:`Refused` "no_such_trade"."""
        return _found(self.trades.get(trade), "no_such_trade", trade)

    def item(self, item: str) -> Item:
        """One in our hands. :class:`Refused` "no_such_item"."""
        return _found(self.items.get(item), "no_such_item", item)

    def bin(self, number: int) -> Bin:
        """:class:`Refused` "no_such_bin"."""
        return _found(self.bins.get(number), "no_such_bin", str(number))

    def manifest(self, manifest: str) -> Manifest:
        """:class:`Refused` "no_such_manifest"."""
        return _found(self.manifests.get(manifest), "no_such_manifest", manifest)

    def drop(self, drop: str) -> Drop:
        """:class:`Refused` "drop_over": somebody else stands there by now."""
        return _found(self.drops.get(drop), "drop_over", drop)

    def settlement(self, trade: str) -> Settlement | None:
        """The one payment of a trade that was not refused."""
        return next(
            (
                one
                for one in self.settlements.values()
                if one.trade == trade and one.state is not Payment.REFUSED
            ),
            None,
        )

    def refused_payments(self, trade: str) -> int:
        """How many were refused for certain."""
        return sum(
            1 for one in self.settlements.values() if one.trade == trade and one.state is Payment.REFUSED
        )

    def in_bin(self, number: int) -> list[Item]:
        """What is in a bin."""
        wanted = f"bin:{number}"
        return [item for item in self.items.values() if str(item.place) == wanted]

    def intent_for(self, subject: str, kind: str) -> Intent | None:
        """The open or unclear one."""
        return next(
            (one for one in self.intents.values() if one.subject == subject and one.kind == kind), None
        )


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value, live: bool) -> None:
    if live:
        kept[key] = value
    else:
        kept.pop(key, None)


def _found(value: _Value | None, reason: str, what: str) -> _Value:
    if value is None:
        raise Refused(reason, f"{what[:40]}: {reason}")
    return value
