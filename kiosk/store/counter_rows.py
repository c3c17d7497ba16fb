"""Which table a thing of the counter goes to, and the columns that the database checks of it. It writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kiosk.flow.counter.things import (
    CashMove,
    Intent,
    PhotoSeen,
    Seal,
    Shift,
    Slip,
    Thing,
    Voucher,
)
from kiosk.store import counter_tables as t
from recycling.bins import Bin
from recycling.custody import Item
from recycling.drop_off import Drop
from recycling.erasure import Erasure
from recycling.manifest import Manifest
from recycling.settlement import Settlement
from recycling.trade import LIVE, Trade


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of thing."""

    kind: type[Any]
    table: sa.Table
    columns: Callable[[Any], Mapping[str, object]]
    key: Callable[[Any], str]
    at_ms: Callable[[Any], int]

    @property
    def id_column(self) -> sa.Column[Any]:
        """The column of its id."""
        return next(iter(self.table.primary_key.columns))


def _item(item: Item) -> Mapping[str, object]:
    return {
        "category": item.category.value,
        "hazard": item.hazard.value,
        "lodging": item.place.lodging.value,
        "place": str(item.place),
        "mass_g": item.mass_g,
        "trade": item.trade,
        "manifest": item.manifest,
    }


def _trade(trade: Trade) -> Mapping[str, object]:
    given, check, quote = trade.acceptance, trade.check, trade.quote
    amounts = (quote.to_pay_fen, quote.payout_fen, quote.voucher_fen, quote.new_price_fen) if quote else (0,)
    return {
        "state": trade.state.value,
        "imei_digest": trade.imei_digest,
        "live": int(trade.state in LIVE),
        "id_digest": given.id_digest if given else "",
        "accepted_ms": given.at_ms if given else 0,
        "signed": int(bool(given and given.signature_digest)),
        "passing": int(check is not None and check.passing),
        "checked_ms": check.at_ms if check else 0,
        "provisional": int(trade.provisional),
        "price_fen": quote.price_fen if quote else 0,
        "least_fen": min(amounts),
        "quoter": quote.by if quote else "",
        "needs_second": int(bool(trade.flags) or bool(quote and quote.needs_second)),
        "approver": trade.approved_by,
        "override_by": quote.by if quote and quote.override_reason else "",
        "certificate": trade.certificate,
        "destroy": trade.destroy,
        "seal": trade.seal,
        "hold_until_ms": trade.hold_until_ms,
    }


ROWS: tuple[Row, ...] = (
    Row(
        Drop, t.DROPS, lambda one: {"state": one.state.value}, lambda one: one.drop, lambda one: one.since_ms
    ),
    Row(Item, t.ITEMS, _item, lambda one: one.item, lambda one: one.at_ms),
    Row(Trade, t.TRADES, _trade, lambda one: one.trade, lambda one: one.since_ms),
    Row(
        Erasure,
        t.ERASURES,
        lambda one: {"state": one.state.value, "attempt": one.attempt},
        lambda one: one.trade,
        lambda one: one.at_ms,
    ),
    Row(
        Settlement,
        t.SETTLEMENTS,
        lambda one: {
            "trade": one.trade,
            "state": one.state.value,
            "method": one.method,
            "amount_fen": one.amount_fen,
            "receive_fen": one.receive_fen,
        },
        lambda one: one.key,
        lambda one: one.at_ms,
    ),
    Row(
        Bin,
        t.BINS,
        lambda one: {
            "state": one.state.value,
            "mass_g": one.mass_g,
            "items": one.items,
            "second": one.second,
        },
        lambda one: str(one.bin),
        lambda one: one.at_ms,
    ),
    Row(
        Manifest,
        t.MANIFESTS,
        lambda one: {"state": one.state.value, "processor": one.processor, "mass_g": one.mass_g},
        lambda one: one.manifest,
        lambda one: one.since_ms,
    ),
    Row(
        Intent,
        t.INTENTS,
        lambda one: {"kind": one.kind, "subject": one.subject, "state": one.state},
        lambda one: one.intent,
        lambda one: one.at_ms,
    ),
    Row(
        Slip,
        t.SLIPS,
        lambda one: {"state": one.state, "subject": one.subject},
        lambda one: one.slip,
        lambda one: one.at_ms,
    ),
    Row(
        Shift,
        t.SHIFTS,
        lambda one: {"open": int(one.open), "counted_fen": one.counted_fen},
        lambda one: one.shift,
        lambda one: one.at_ms,
    ),
    Row(
        CashMove,
        t.CASH,
        lambda one: {"shift": one.shift, "trade": one.trade, "amount_fen": one.amount_fen},
        lambda one: one.move,
        lambda one: one.at_ms,
    ),
    Row(
        Voucher,
        t.VOUCHERS,
        lambda one: {"state": one.state, "trade": one.trade, "amount_fen": one.amount_fen},
        lambda one: one.voucher,
        lambda one: one.at_ms,
    ),
    Row(Seal, t.SEALS, lambda one: {"subject": one.subject}, lambda one: one.seal, lambda one: one.at_ms),
    Row(
        PhotoSeen,
        t.PHOTOS,
        lambda one: {"digest": one.digest, "trade": one.trade},
        lambda one: f"{one.trade}/{one.digest}",
        lambda one: one.at_ms,
    ),
)

BY_KIND: Mapping[type[Any], Row] = {row.kind: row for row in ROWS}


def row_of(thing: Thing) -> Row:
    """Where it goes."""
    return BY_KIND[type(thing)]
