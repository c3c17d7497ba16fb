"""The rows of trade-ins, their erasure and their money, from entries. It judges nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from hq.counter import claims, custody, watch
from hq.counter.told import Told, change

STATES: Mapping[str, str] = {
    "trade.begun": "draft",
    "trade.identified": "identified",
    "trade.stopped": "stopped",
    "trade.cleared": "cleared",
    "trade.inspected": "inspected",
    "trade.quoted": "quoted",
    "trade.offered": "offered",
    "trade.declined": "declined",
    "trade.expired": "expired",
    "trade.returned": "returned",
    "trade.accepted": "accepted",
    "erase.intended": "erasing",
    "erase.certified": "erased",
    "erase.warning": "erased",
    "erase.failed": "erasing",
    "trade.destroy_routed": "destroy",
    "trade.sealed": "sealed",
    "trade.settled": "settled",
    "trade.held": "held",
    "trade.quarantined": "quarantined",
    "trade.released": "released",
    "trade.binned": "binned",
}
"""Kinds that move a trade-in; what happens to the item afterwards moves it on (:mod:`hq.counter.custody`)."""

ENDED = frozenset({"declined", "expired", "returned"})

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "trade.identified": ("model", "imei_end"),
    "trade.inspected": ("grade",),
    "trade.quoted": ("book",),
    "trade.accepted": ("payout",),
    "erase.intended": ("method",),
    "erase.certified": ("certificate", "method", "verification"),
    "erase.warning": ("certificate", "method", "verification"),
    "trade.sealed": ("seal",),
}
_COUNTS: Mapping[str, tuple[str, ...]] = {
    "trade.inspected": ("mass_g",),
    "trade.quoted": ("price_fen",),
    "trade.offered": ("price_fen",),
    "trade.accepted": ("price_fen",),
}
_ERASURES = {"intended": "running", "looked": "verifying"}
_SETTLEMENTS = {"intended", "paid", "refused", "unknown", "reconciled"}


def apply(connection: sqlite3.Connection, told: Told) -> None:
    """Bring one trade-in up to this entry: kinds trade., erase., settlement., voucher."""
    head, _, what = told.kind.partition(".")
    if head == "voucher":
        _voucher(connection, told)
    if not told.subject or (head == "voucher" and what != "issued"):
        return
    key = {"station": told.station, "trade": told.subject}
    connection.execute(
        "INSERT OR IGNORE INTO trades (station, trade, begun_ms, last_ms) VALUES (?, ?, ?, ?)",
        (told.station, told.subject, told.at_ms, told.at_ms),
    )
    values = _values(told, head, what)
    if values:
        change(connection, "trades", key, values)
    _consequences(connection, told)


def _values(told: Told, head: str, what: str) -> dict[str, object]:
    values: dict[str, object] = {}
    if told.kind in STATES:
        values["state"] = STATES[told.kind]
    for name in _TEXTS.get(told.kind, ()):
        if told.text(name):
            values[name] = told.text(name)
    for name in _COUNTS.get(told.kind, ()):
        if told.count(name) is not None:
            values[name] = told.count(name)
    if head == "erase":
        values["erasure"] = _ERASURES.get(what, what)
    return values | _special(told) | _money(told, head, what)


def _special(told: Told) -> dict[str, object]:
    """What only one kind tells, in a way of its own."""
    imei = told.text("imei") if told.kind == "trade.accepted" else ""
    values: dict[str, object] = {"imei": imei, "imei_end": imei[-4:]} if claims.is_imei(imei) else {}
    if "provisional" in told.body and told.kind in {"trade.cleared", "trade.accepted"}:
        values["provisional"] = told.yes("provisional")
    match told.kind:
        case "trade.identified":
            values["repeat"] = told.yes("repeat")
        case "trade.confirmed":
            values["provisional"] = False
        case "trade.stopped":
            values["stopped"] = told.text("rule")
        case "trade.quoted":
            values["override"] = told.yes("override")
        case "trade.held":
            values["hold_ms"] = told.count("until_ms")
    return values


def _money(told: Told, head: str, what: str) -> dict[str, object]:
    values: dict[str, object] = {}
    if head == "settlement" and what in _SETTLEMENTS:
        values["settlement"] = (told.text("state") or what) if what == "reconciled" else what
        if told.count("amount_fen") is not None:
            values["paid_fen"] = told.count("amount_fen")
    if told.kind == "voucher.issued":
        values["voucher_fen"] = told.count("amount_fen")
    return values


def _place(told: Told) -> str:
    """Where a trade-in's own entry says the phone is: it is an item of the same number."""
    match told.kind:
        case "trade.begun":
            return "counter"
        case "trade.held":
            return f"shelf:{told.text('shelf')}" if told.text("shelf") else "shelf"
        case "trade.quarantined":
            return "quarantine"
        case "trade.returned":
            return "owner"
        case "trade.binned" if told.count("bin") is not None:
            return f"bin:{told.count('bin')}"
        case _:
            return ""


def _consequences(connection: sqlite3.Connection, told: Told) -> None:
    to = _place(told)
    if to:
        phone = replace(told, body={"category": "phone", "trade": told.subject})
        custody.place(connection, phone, told.subject, to, "")
    state = STATES.get(told.kind, "")
    if state in ENDED:
        claims.release(connection, told.station, told.subject, told.at_ms)
    elif state == "stopped":
        watch.flag(connection, told, told.text("rule"), "stop")
    elif state == "accepted":
        rule = claims.accepted(connection, told.station, told.subject, told.text("imei"), told.at_ms)
        if rule:
            watch.flag(connection, told, rule, "hq")
    elif told.kind == "trade.review":
        for rule in told.texts("rules"):
            watch.flag(connection, told, rule, "review")


def _voucher(connection: sqlite3.Connection, told: Told) -> None:
    voucher = told.text("voucher")
    if not voucher:
        return
    if told.kind == "voucher.issued":
        connection.execute(
            "INSERT OR IGNORE INTO vouchers (voucher, station, trade, amount_fen, issued_ms)"
            " VALUES (?, ?, ?, ?, ?)",
            (voucher, told.station, told.subject, told.count("amount_fen"), told.at_ms),
        )
    elif told.kind == "voucher.redeemed":
        # What was promised to one station is not used up by the word of another.
        changed = connection.execute(
            "UPDATE vouchers SET redeemed_at = ?, redeemed_ms = ? WHERE voucher = ? AND redeemed_ms IS NULL"
            " AND promised_to IN ('', ?)",
            (told.station, told.at_ms, voucher, told.station),
        )
        known = connection.execute("SELECT 1 FROM vouchers WHERE voucher = ?", (voucher,)).fetchone()
        if known is not None and not changed.rowcount:
            watch.flag(connection, told, "voucher_replay", "stop")
