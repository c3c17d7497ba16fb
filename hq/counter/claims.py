"""One live trade-in per IMEI in the whole network, and each voucher redeemed once. Decides inside a transaction.

A claim is granted to a trade of a station. Asking again for the same trade is granted again. It ends when that
station's ledger says that the phone went back, and for good when it says that the phone was processed.
"""

from __future__ import annotations

import sqlite3

from recycling.voucher import VoucherClaim

IMEI_DIGITS = 15


def is_imei(text: str) -> bool:
    """Whether ``text`` has the shape of one; a wrong check digit is the station's to refuse."""
    return len(text) == IMEI_DIGITS and text.isascii() and text.isdigit()


def claim(connection: sqlite3.Connection, imei: str, station: str, trade: str, at_ms: int) -> str:
    """granted, elsewhere or processed.

    A station's new trade takes over the claim of its own earlier one that nobody has accepted: its database allows
    one live trade per IMEI, so the earlier one has ended there and its entries are still on their way.
    """
    row = connection.execute(
        "SELECT station, trade, state, accepted FROM claims WHERE imei = ?", (imei,)
    ).fetchone()
    holder, of_trade, state, taken = row or ("", "", "released", 0)
    if state == "processed":
        return "processed"
    if state == "live" and (holder, of_trade) == (station, trade):
        return "granted"
    if state == "live" and (holder != station or taken):
        return "elsewhere"
    _grant(connection, imei, station, trade, at_ms)
    return "granted"


def _grant(connection: sqlite3.Connection, imei: str, station: str, trade: str, at_ms: int) -> None:
    connection.execute(
        "INSERT INTO claims (imei, station, trade, state, accepted, at_ms) VALUES (?, ?, ?, 'live', 0, ?)"
        " ON CONFLICT (imei) DO UPDATE SET station = excluded.station, trade = excluded.trade, state = 'live',"
        " accepted = 0, at_ms = excluded.at_ms",
        (imei, station, trade, at_ms),
    )


def accepted(connection: sqlite3.Connection, station: str, trade: str, imei: str, at_ms: int) -> str:
    """The station's ledger says that ``trade`` was accepted; the rule it breaks, "" when none.

    It may have been accepted without asking, while headquarters could not be reached.
    """
    if not is_imei(imei):
        return ""
    verdict = claim(connection, imei, station, trade, at_ms)
    if verdict != "granted":
        return f"claim_{verdict}"
    connection.execute("UPDATE claims SET accepted = 1 WHERE imei = ?", (imei,))
    return ""


def release(connection: sqlite3.Connection, station: str, trade: str, at_ms: int) -> None:
    """The phone went back to its owner."""
    _end(connection, station, trade, "released", at_ms)


def processed(connection: sqlite3.Connection, station: str, trade: str, at_ms: int) -> None:
    """The phone does not exist any more."""
    _end(connection, station, trade, "processed", at_ms)


def _end(connection: sqlite3.Connection, station: str, trade: str, state: str, at_ms: int) -> None:
    connection.execute(
        "UPDATE claims SET state = ?, at_ms = ? WHERE station = ? AND trade = ? AND state = 'live'",
        (state, at_ms, station, trade),
    )


def redeem(connection: sqlite3.Connection, said: VoucherClaim, station: str, at_ms: int) -> str:
    """granted, used, forged where the issuing station's ledger names another amount than its code, or unknown while
    the entry that issued the voucher has not arrived. The signature was checked.

    Granted is a promise to one station; it may ask again until its ledger says that the voucher was redeemed.
    """
    row = connection.execute(
        "SELECT promised_to, redeemed_ms, amount_fen FROM vouchers WHERE voucher = ? AND station = ?",
        (said.voucher, said.station),
    ).fetchone()
    if row is None:
        return "unknown"
    if row[2] != said.amount_fen:
        return "forged"
    if row[1] is not None or row[0] not in {"", station}:
        return "used"
    connection.execute(
        "UPDATE vouchers SET promised_to = ?, promised_ms = coalesce(promised_ms, ?)"
        " WHERE voucher = ? AND station = ?",
        (station, at_ms, said.voucher, said.station),
    )
    return "granted"
