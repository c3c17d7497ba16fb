"""Where things are: drop-offs, items, bins and manifests, from entries. Every item has one place at any time."""

from __future__ import annotations

import sqlite3

from hq.counter import claims
from hq.counter.told import Told, change, put

TRADE_STATES = {
    "parcel": "manifested",
    "transit": "manifested",
    "processor": "received",
    "gone": "processed",
    "owner": "returned",
    "quarantine": "quarantined",
}
"""Kinds of places that say more of a trade-in than its own last entry."""

MANIFEST_STATES = {
    "manifest.drafted": "draft",
    "manifest.sealed": "sealed",
    "manifest.picked_up": "picked_up",
    "manifest.received": "received",
    "manifest.processed": "processed",
}
TWICE = ("entering", "parcel", "transit", "processor")
"""Two entries tell of the way there, the item's own and another's; where they differ, the item's own stands."""
WITH_MANIFEST = ("parcel", "transit", "processor")


def kind_of(place: str) -> str:
    """``shelf`` of ``shelf:A3``."""
    return place.partition(":")[0]


def apply(connection: sqlite3.Connection, told: Told) -> None:
    """Bring the rows up to this entry: kinds drop., item., bin., dock., manifest., revision."""
    head = told.kind.partition(".")[0]
    if head == "drop":
        _drop(connection, told)
    elif told.kind == "item.placed":
        place(connection, told, told.text("item") or told.subject, told.text("to"), told.text("from"))
    elif head == "bin":
        _bin(connection, told)
    elif head == "dock":
        _dock(connection, told)
    elif head in {"manifest", "revision"} and told.subject:
        _manifest(connection, told)


def _drop(connection: sqlite3.Connection, told: Told) -> None:
    if not told.subject:
        return
    connection.execute(
        "INSERT OR IGNORE INTO drops (station, drop_id, begun_ms, last_ms) VALUES (?, ?, ?, ?)",
        (told.station, told.subject, told.at_ms, told.at_ms),
    )
    key = {"station": told.station, "drop_id": told.subject}
    item = told.text("item")
    if told.kind == "drop.weighed" and item:
        facts = {"drop_id": told.subject, **_facts(told)}
        put(connection, "items", {"station": told.station, "item": item}, facts)
        place(connection, told, item, "scale", "")
        if told.text("hazard") not in {"", "none"}:
            change(connection, "drops", key, {"hazard": told.text("hazard")})
    elif told.kind == "drop.assigned" and item:
        place(connection, told, item, "entering", "")
    elif told.kind == "drop.deposited" and item:
        put(
            connection,
            "items",
            {"station": told.station, "item": item},
            {"drop_id": told.subject, **_facts(told)},
        )
        if told.count("bin") is not None:
            place(connection, told, item, f"bin:{told.count('bin')}", "")
            _filled(connection, told)
        connection.execute(
            "UPDATE drops SET items = items + 1, mass_g = mass_g + ?, kept_g = kept_g + ?"
            " WHERE station = ? AND drop_id = ?",
            (told.count("mass_g") or 0, told.count("kept_g") or 0, told.station, told.subject),
        )
    elif told.kind == "drop.abandoned":
        change(connection, "drops", key, {"abandoned": told.text("why") or "left"})
        on_scale = connection.execute(
            "SELECT 1 FROM items WHERE station = ? AND item = ? AND place = 'scale'", (told.station, item)
        ).fetchone()
        if on_scale is not None:
            place(connection, told, item, "owner", "")  # it was never let go of


def _filled(connection: sqlite3.Connection, told: Told) -> None:
    if told.count("fill_percent") is not None:
        key = {"station": told.station, "bin": told.count("bin")}
        put(connection, "bins", key, {"fill_percent": told.count("fill_percent")})


def _facts(told: Told) -> dict[str, object]:
    facts: dict[str, object] = {name: told.text(name) for name in ("category", "hazard") if told.text(name)}
    if told.count("mass_g") is not None:
        facts["mass_g"] = told.count("mass_g")
    return facts


def place(connection: sqlite3.Connection, told: Told, item: str, to: str, origin: str) -> None:
    """Put an item where the entry says; what went before is kept as a move."""
    if not item or not to:
        return
    row = connection.execute(
        "SELECT place, trade, drop_id, mass_g FROM items WHERE station = ? AND item = ?", (told.station, item)
    ).fetchone()
    before, trade, drop, mass_g = row or ("", "", "", None)
    trade = told.text("trade") or trade or _trade(connection, told, item)
    facts = _facts(told) | {"place": to, "trade": trade, "since_ms": told.at_ms}
    kind, _, name = to.partition(":")
    if kind in WITH_MANIFEST:
        manifest = _manifest_of(connection, told, name)
        facts |= {"manifest": manifest} if manifest else {}
    put(connection, "items", {"station": told.station, "item": item}, facts)
    told_before = kind in TWICE and kind_of(before) == kind
    if told_before and told.kind == "item.placed":
        # The station's own word of where it is; the other entry could name no more than the manifest.
        connection.execute(
            "UPDATE moves SET place = ? WHERE id ="
            " (SELECT max(id) FROM moves WHERE station = ? AND item = ? AND place = ?)",
            (to, told.station, item, before),
        )
    elif before != to and not told_before:
        connection.execute(
            "INSERT INTO moves (station, item, trade, drop_id, origin, place, mass_g, at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (told.station, item, trade, drop, origin or before, to, facts.get("mass_g", mass_g), told.at_ms),
        )
    if kind == "bin" and name.isascii() and name.isdigit() and len(name) < 6 and told.text("category"):
        put(
            connection,
            "bins",
            {"station": told.station, "bin": int(name)},
            {"category": told.text("category")},
        )
    if trade:
        _trade_moves(connection, told, trade, to)


def _trade(connection: sqlite3.Connection, told: Told, item: str) -> str:
    """An item's trade where the entry names none: the entry's subject or the item's own number."""
    row = connection.execute(
        "SELECT trade FROM trades WHERE station = ? AND trade IN (?, ?)", (told.station, told.subject, item)
    ).fetchone()
    return str(row[0]) if row else ""


def _manifest_of(connection: sqlite3.Connection, told: Told, name: str) -> str:
    row = connection.execute(
        "SELECT manifest FROM manifests WHERE station = ? AND manifest IN (?, ?, ?)",
        (told.station, name, told.subject, told.text("manifest")),
    ).fetchone()
    return str(row[0]) if row else ""


def _trade_moves(connection: sqlite3.Connection, told: Told, trade: str, to: str) -> None:
    key, state = {"station": told.station, "trade": trade}, TRADE_STATES.get(kind_of(to))
    change(connection, "trades", key, {"place": to} | ({"state": state} if state else {}))
    if state == "processed":
        claims.processed(connection, told.station, trade, told.at_ms)
    elif state == "returned":
        claims.release(connection, told.station, trade, told.at_ms)


def _bin(connection: sqlite3.Connection, told: Told) -> None:
    number = told.count("bin")
    if number is None:
        return
    key = {"station": told.station, "bin": number}
    if told.kind == "bin.state":
        facts: dict[str, object] = {"state": told.text("to") or "open", "why": told.text("why")}
        facts |= {
            name: told.count(name) for name in ("fill_percent", "mass_g") if told.count(name) is not None
        }
        put(connection, "bins", key, {**facts, "since_ms": told.at_ms})
        if told.text("from") == "fault" and told.text("to") != "fault":
            _mended(connection, told.station, f"bin:{number}")
    elif told.kind == "bin.emptied":
        facts = {"fill_percent": 0, "mass_g": 0, "emptied_ms": told.at_ms, "since_ms": told.at_ms}
        put(connection, "bins", key, facts)
        if told.text("manifest"):
            _pack(connection, told, f"bin:{number}")


def _pack(connection: sqlite3.Connection, told: Told, origin: str) -> None:
    """What lies in the bin by these rows goes into the manifest's parcel; entries of its items may say so too."""
    goal = f"parcel:{told.text('manifest')}"
    rows = connection.execute(
        "SELECT item, category FROM items WHERE station = ? AND place = ?", (told.station, origin)
    ).fetchall()
    for item, category in rows:
        moved = Told(
            told.station, told.text("manifest"), told.kind, told.actor, told.at_ms, {"category": category}
        )
        place(connection, moved, str(item), goal, origin)


def _dock(connection: sqlite3.Connection, told: Told) -> None:
    what = told.text("what") or told.kind.partition(".")[2]
    if told.kind == "dock.mended":
        connection.execute(
            "DELETE FROM troubles WHERE station = ? AND what = ? AND (? = '' OR place = ?)",
            (told.station, what, told.text("place"), told.text("place")),
        )
        return
    connection.execute(
        "INSERT OR IGNORE INTO troubles (station, what, place, since_ms) VALUES (?, ?, ?, ?)",
        (told.station, what, told.text("place"), told.at_ms),
    )


def _mended(connection: sqlite3.Connection, station: str, place: str) -> None:
    """The bin works again, whatever it was."""
    connection.execute("DELETE FROM troubles WHERE station = ? AND place = ?", (station, place))


def restarted(connection: sqlite3.Connection, station: str) -> None:
    """The station has started and tells its troubles anew; what was mended while it was off it cannot tell."""
    connection.execute("DELETE FROM troubles WHERE station = ?", (station,))


def _manifest(connection: sqlite3.Connection, told: Told) -> None:
    key = {"station": told.station, "manifest": told.subject}
    connection.execute(
        "INSERT OR IGNORE INTO manifests (station, manifest, begun_ms, last_ms) VALUES (?, ?, ?, ?)",
        (told.station, told.subject, told.at_ms, told.at_ms),
    )
    facts: dict[str, object] = {}
    if told.kind in MANIFEST_STATES:
        facts["state"] = MANIFEST_STATES[told.kind]
    for name in ("processor", "second", "carrier", "vehicle"):
        if told.text(name):
            facts[name] = told.text(name)
    for name in ("mass_g", "lithium_g", "received_g", "accepted", "refused"):
        if told.count(name) is not None:
            facts[name] = told.count(name)
    if told.kind == "manifest.sealed":
        facts |= {"items": told.count("items"), "seals": ", ".join(told.texts("seals"))}
    elif told.kind == "manifest.picked_up":
        facts["way"] = told.text("by")
    elif told.kind == "manifest.answered" and told.text("verdict"):
        facts |= {"verdict": told.text("verdict"), "state": told.text("verdict")}
    elif told.kind == "manifest.discrepancy":
        facts["discrepancy"] = True
    elif told.kind.startswith("revision."):
        facts |= {"revision": told.kind.partition(".")[2], "revision_by": told.text("by")}
    if facts:
        change(connection, "manifests", key, facts)
    _carry(connection, told)


def _carry(connection: sqlite3.Connection, told: Told) -> None:
    """A manifest moves what is packed under it, where no entries of the items themselves do."""
    goals = {
        "manifest.picked_up": ("parcel", "transit"),
        "manifest.received": ("transit", "processor"),
        "manifest.processed": ("processor", "gone"),
    }
    if told.kind not in goals:
        return
    origin, goal = goals[told.kind]
    rows = connection.execute(
        "SELECT item, place FROM items WHERE station = ? AND manifest = ? AND place LIKE ? || '%'",
        (told.station, told.subject, origin),
    ).fetchall()
    for item, before in rows:
        moved = Told(told.station, told.subject, told.kind, told.actor, told.at_ms, {})
        place(connection, moved, str(item), f"{goal}:{told.subject}" if goal != "gone" else goal, str(before))
