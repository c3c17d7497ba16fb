"""What headquarters' people should look at: fraud flags, refused log-ins, and which prices are in force."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from hq.counter.told import Told, put

ACTIONS = ("stop", "review", "again", "hq")
"""What the station did: stopped it, asked for a second look, inspects again, or only tells headquarters."""

USUAL: Mapping[str, str] = {
    "blacklisted": "stop",
    "imei_bad": "stop",
    "imei_usb_differs": "stop",
    "imei_live": "stop",
    "imei_processed": "stop",
    "claim_elsewhere": "stop",
    "claim_processed": "stop",
    "voucher_replay": "stop",
    "voucher_forged": "stop",
    "photo_reused": "again",
    "mass_off": "again",
    "imei_differs": "review",
    "invoice_before_made": "review",
    "invoice_future": "review",
    "invoice_after_first_use": "review",
}
"""The action of a rule whose entry names none; any other rule is headquarters' to judge."""


def flag(connection: sqlite3.Connection, told: Told, rule: str, action: str = "") -> None:
    """Put ``rule`` into the queue, once for each subject; what has no subject, each time."""
    name = rule or "unnamed"
    chosen = action if action in ACTIONS else USUAL.get(name, "hq")
    connection.execute(
        "INSERT INTO flags (station, subject, rule, action, detail, at_ms, stamp) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (station, subject, rule, stamp) DO UPDATE SET detail = CASE WHEN detail = ''"
        " THEN excluded.detail ELSE detail END,"
        " action = CASE WHEN excluded.action = 'stop' THEN 'stop' ELSE action END",
        (
            told.station,
            told.subject,
            name,
            chosen,
            told.text("detail"),
            told.at_ms,
            0 if told.subject else told.at_ms,
        ),
    )


def apply(connection: sqlite3.Connection, told: Told) -> None:
    """Kinds fraud., staff. and price_book."""
    if told.kind == "fraud.flagged":
        flag(connection, told, told.text("rule"), told.text("action"))
    elif told.kind in {"staff.refused", "staff.locked"}:
        connection.execute(
            "INSERT INTO refusals (station, staff, kind, wait_s, at_ms) VALUES (?, ?, ?, ?, ?)",
            (told.station, told.text("staff"), told.kind, told.count("wait_s"), told.at_ms),
        )
    elif told.kind == "price_book.adopted":
        facts = {"book": told.text("book"), "approvers": ", ".join(told.texts("approvers"))}
        put(connection, "prices", {"station": told.station}, {**facts, "adopted_ms": told.at_ms})


def looked(connection: sqlite3.Connection, number: int, by: str, at_ms: int) -> bool:
    """Somebody has looked at a flag; False when somebody had before, or there is none."""
    changed = connection.execute(
        "UPDATE flags SET looked_by = ?, looked_ms = ? WHERE id = ? AND looked_ms IS NULL",
        (by, at_ms, number),
    )
    return bool(changed.rowcount)
