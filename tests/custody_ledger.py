"""Invariants that are read from the order of a ledger's entries: the drawer's cash, who was there, what was corrected.

Where a table tells the same, both must agree. What one table says by itself is in custody_checks.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from recycling.manifest import Manifest

if TYPE_CHECKING:
    from tests.custody_checks import Books, Row

CASH = ("cash", "top_up")
PROPOSED, DISCREPANCY = "revision.proposed", "manifest.discrepancy"
REPLIES = ("revision.accepted", "revision.refused")
OTHER = {"ours": "theirs", "theirs": "ours"}
ADDRESSES = ("manifest.drafted", "manifest.redirected")


def drawer(books: Books) -> None:
    """1: the drawer holds what it began with and every move since, never less than nothing; a count starts anew."""
    held_fen: int | None = None
    shift = ""
    for one in books.entries:
        kind, body = one.entry.kind, one.body or {}
        if kind == "shift.opened":
            assert held_fen in (None, body["carried_fen"]), f"{held_fen} fen became {body}"
            held_fen, shift = body["carried_fen"], one.entry.visit
        elif kind == "settlement.paid":
            paid = books["settlements"][body["key"]][-1]
            if paid.method in CASH and paid.receive_fen != paid.amount_fen:
                assert held_fen is not None, "cash moved before any shift"
                held_fen += paid.receive_fen - paid.amount_fen
        elif kind == "cash.changed":
            assert held_fen is not None
            assert body["reason"].strip()
            assert one.entry.actor not in ("station", f"staff:{body['second']}"), "two people see it"
            held_fen += body["amount_fen"]
        elif kind == "shift.closed":
            assert held_fen == body["expected_fen"], f"{held_fen} fen by the moves: {body}"
            held_fen, shift = body["counted_fen"], ""
        assert held_fen is None or held_fen >= 0, f"{kind}: {held_fen} fen in the drawer"
    booked_fen = sum(rows[0].amount_fen for rows in books["cash"].values() if rows[0].shift == shift)
    assert not shift or booked_fen == held_fen, f"booked {booked_fen} fen, moved {held_fen}"


def present(books: Books) -> None:
    """8: the screen comes back only to whoever logged in last and has not left."""
    here = ""
    for one in books.entries:
        kind, body = one.entry.kind, one.body or {}
        if kind == "staff.in":
            here = body["staff"]
        elif kind in ("staff.out", "shift.closed"):
            here = ""
        elif kind == "staff.back":
            assert here == body["staff"], f"{body['staff']} came back, {here or 'nobody'} was there"
            assert one.entry.actor == f"staff:{here}"


def corrections(books: Books) -> None:
    """5: a correction waits for the other side's word, and a mass becomes what both of them said."""
    waiting: dict[str, str] = {}
    apart: set[str] = set()
    for one in books.entries:
        kind, name, body = one.entry.kind, one.entry.visit, one.body or {}
        if kind == DISCREPANCY:
            apart.add(name)
        elif kind == PROPOSED:
            assert name not in waiting or name in apart, f"{name}: two corrections at once"
            waiting[name] = body["by"]
            apart.discard(name)
        elif kind in REPLIES:
            assert waiting.pop(name, "") == OTHER[body["by"]], f"{name}: {kind} by {body['by']}"
    for rows in books["manifests"].values():
        for before, after in pairwise(row.thing for row in rows):
            _corrected(before, after)
    for row in books.now("manifests"):
        revision = row.thing.revision
        asked = revision.by if revision is not None and revision.state == "open" else ""
        assert waiting.get(row.manifest, "") == asked, f"{row.manifest}: {revision}"


def _corrected(before: Manifest, after: Manifest) -> None:
    was = {line.item: line.mass_g for line in before.lines}
    now = {line.item: line.mass_g for line in after.lines if line.item in was}
    assert now.keys() == was.keys(), "nothing is taken off a manifest"
    agreed = before.revision is not None and before.revision.state == "open" and after.revision is not None
    if agreed and after.revision is not None and after.revision.state == "agreed":
        assert now == {**was, **after.revision.changes}
    else:
        assert now == was, f"{before.manifest}: a mass changed and nobody had agreed"


def addressed(books: Books) -> None:
    """5: a manifest goes where the ledger last said that it goes, and it says so only while it is a draft."""
    for name, rows in books["manifests"].items():
        ways = [one.body for one in books.entries if one.entry.visit == name and one.entry.kind in ADDRESSES]
        assert [body["processor"] for body in ways if body] == _came_to(rows), name
        assert {row.processor for row in rows if row.state != "draft"} <= {rows[-1].processor}


def _came_to(rows: Sequence[Row]) -> list[str]:
    return [key for key, _ in groupby(row.processor for row in rows)]


CHECKS = (drawer, present, corrections, addressed)
