"""What must hold of a custody case: at the moment of the cut, and when staff have finished. Read from outside.

The kiosk's tables and ledger, the payee's book, the phone, and what really lies in the bins are held against each
other.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import ledger.store
import ledger.verify
from kiosk.store.database import FILE
from kiosk.till import VirtualPayments
from station.custody_floor import Truth
from station.custody_rig import BINS, LOG, PAYEE
from station.custody_world import World

PAGE = 500
ERASED = ("erase.certified", "erase.warning")
TRADE_ENTRIES = {
    "accepted": ("trade.accepted",),
    "sealed": ("trade.sealed",),
    "settled": ("trade.settled", "settlement.paid|settlement.reconciled"),
    "held": ("trade.held",),
    "released": ("trade.released",),
    "binned": ("trade.binned",),
}
"""What a trade-in that has come so far must have told exactly once; a payment in one of two ways."""
ORDER = (
    "accepted",
    "sealed",
    "settled",
    "held",
    "released",
    "binned",
    "manifested",
    "received",
    "processed",
)
AFTER_SEAL = ("erasing", "erased", "destroy")
MANIFEST_ENTRIES = {
    "draft": "manifest.drafted",
    "sealed": "manifest.sealed",
    "picked_up": "manifest.picked_up",
    "answered": "manifest.answered",
    "processed": "manifest.processed",
}
REPLIES = ("revision.accepted", "revision.refused")
OURS = frozenset({"bin", "drawer", "quarantine", "parcel", "transit", "processor", "gone"})


@dataclass(slots=True)
class Found:
    """What a check found. ``wrong``: one line each."""

    wrong: list[str] = field(default_factory=list)
    lost: int = 0  # entries
    twice: int = 0
    entries: int = 0

    def say(self, is_wrong: object, line: str) -> None:
        """Note it where it is so."""
        if is_wrong:
            self.wrong.append(line)


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the ledger."""

    kind: str
    subject: str
    body: dict[str, Any]


def told(world: World) -> list[Told]:
    """The whole ledger, in order."""
    found: list[Told] = []
    with _base(world) as base:
        after = 0
        while page := ledger.store.entries(base, after, PAGE):
            found += [Told(one.entry.kind, one.entry.visit or "", dict(one.body or {})) for one in page]
            after = page[-1].entry.index
    return found


def at_the_cut(world: World) -> Found:
    """The kiosk is dark: nothing may have happened that it had not written down before."""
    found, entries, truth = Found(), told(world), Truth(world.place.state)
    found.entries = len(entries)
    found.lost += max(0, world.head() - len(entries))
    found.say(found.lost, f"{found.lost} entries that were committed are not there")
    phone = world.phone()
    trades = truth.trades()
    if phone and (phone["wizard"] or phone["user_objects"] == 0):
        accepted = [one for one in trades if one["accepted_ms"] > 0 and one["signed"]]
        found.say(not accepted, "a phone is erased and nobody accepted that")
        found.say(not any(one.kind == "erase.intended" for one in entries), "erased without an intent")
    keys = {one["settlement"]: one for one in truth.now("settlements", "settlement")}
    for key, amount_fen in _moved(world).items():
        found.say(key not in keys, f"payment {key} left without an intent")
        found.say(key in keys and keys[key]["amount_fen"] != amount_fen, f"payment {key} of {amount_fen} fen")
    return found


def at_the_end(world: World) -> Found:
    """Staff have finished: every thing has its place, every intent its outcome, every entry is there once."""
    found, entries, truth = Found(), told(world), Truth(world.place.state)
    found.entries = len(entries)
    _places(world, truth, found)
    _dock(world, found)
    _outcomes(truth, found)
    _money(world, truth, found)
    _drawer(truth, entries, found)
    _entries(truth, entries, found)
    with _base(world) as base:
        report = ledger.verify.check(base)
        found.say(report.fault, f"the ledger: {report.fault}")
        found.say(base.execute("PRAGMA integrity_check").fetchone()[0] != "ok", "the database is damaged")
    log = world.place.folder / LOG
    if log.exists():
        blown = [line for line in log.read_text("utf-8").splitlines() if line.startswith("kiosk.flow")]
        found.say(blown, f"the counter logged {blown[:1]}")
    return found


def _places(world: World, truth: Truth, found: Found) -> None:
    items, trades = truth.items(), truth.trades()
    known = {one["item"] for one in items}
    for one in trades:
        found.say(one["trade"] not in known, f"trade-in {one['trade']} has no phone")
    for one in items:
        nowhere = one["lodging"] in ("entering", "scale") or not one["place"]
        found.say(nowhere, f"item {one['item']} is {one['place'] or 'nowhere'}")
    status, bins = world.dock.status(), {one["bin"]: one for one in truth.now("bins", "bin")}
    for number in range(1, len(BINS) + 1):
        inside = [one for one in items if one["place"] == f"bin:{number}"]
        booked_g, lies_g = sum(one["mass_g"] for one in inside), status[f"bin{number}_g"]
        kept = bins[str(number)] if str(number) in bins else bins[number]
        found.say(booked_g != lies_g, f"bin {number} holds {lies_g} g, the book says {booked_g} g")
        found.say(
            (kept["mass_g"], kept["items"]) != (booked_g, len(inside)), f"bin {number} and its items differ"
        )
    in_drawer = any(one["lodging"] == "drawer" for one in items)
    found.say(in_drawer != bool(status["drawer_g"]), f"the drawer holds {status['drawer_g']} g")


def _dock(world: World, found: Found) -> None:
    """Everything closed and locked: nobody stands there any more."""
    status = world.dock.status()
    gates = [f"bin{number}" for number in range(1, len(BINS) + 1)]
    for name in gates:
        found.say(status[f"{name}_lock"] != "locked", f"the flap of {name} is {status[f'{name}_lock']}")
        found.say(
            status[f"{name}_door_lock"] != "locked", f"the door of {name} is {status[f'{name}_door_lock']}"
        )
    found.say(status["drawer_lock"] != "locked", f"the drawer is {status['drawer_lock']}")


def _outcomes(truth: Truth, found: Found) -> None:
    for one in truth.now("intents", "intent"):
        found.say(one["state"] in ("open", "unclear"), f"the {one['kind']} intent has no outcome")
    for one in truth.now("settlements", "settlement"):
        found.say(one["state"] in ("intended", "unknown"), f"payment {one['settlement']} is {one['state']}")
    for one in truth.now("slips", "slip"):
        found.say(one["state"] != "printed", f"a slip is {one['state']}")
    for one in truth.now("erasures", "trade"):
        found.say(one["state"] in ("running", "verifying"), f"an erase is {one['state']}")
    for one in truth.now("drops", "drop_off"):
        found.say(one["state"] != "ended", f"a drop-off is {one['state']}")


def _money(world: World, truth: Truth, found: Found) -> None:
    paid = [one for one in truth.now("settlements", "settlement") if one["state"] == "paid"]
    moved = _moved(world)
    by_transfer = {one["settlement"]: one["amount_fen"] for one in paid if one["method"] == "transfer"}
    found.say(by_transfer != moved, f"paid by transfer {by_transfer}, left {moved}")
    twice = [trade for trade, count in Counter(one["trade"] for one in paid).items() if count > 1]
    found.say(twice, f"paid twice: {twice}")
    for one in truth.now("vouchers", "voucher"):
        found.say(one["amount_fen"] <= 0, "a voucher of nothing")
    by_trade = Counter(one["trade"] for one in truth.now("cash", "move") if one["trade"])
    found.say(any(count > 1 for count in by_trade.values()), "cash moved twice for one trade-in")


def _drawer(truth: Truth, entries: list[Told], found: Found) -> None:
    """What was carried over and changed by hand is told once; no shift's drawer holds less than nothing."""
    moves, shifts = truth.now("cash", "move"), truth.now("shifts", "shift")
    by_hand = Counter(one["amount_fen"] for one in moves if not one["trade"])
    names = {"shift.opened": "carried_fen", "cash.changed": "amount_fen"}
    told_fen = Counter(one.body[names[one.kind]] for one in entries if one.kind in names)
    del told_fen[0]
    found.lost += (by_hand - told_fen).total()
    found.twice += (told_fen - by_hand).total()
    found.say(by_hand != told_fen, f"cash moved by hand {dict(by_hand)}, told {dict(told_fen)}")
    for shift in shifts:
        held_fen = sum(one["amount_fen"] for one in moves if one["shift"] == shift["shift"])
        found.say(held_fen < 0, f"the drawer holds {held_fen} fen")
        expected = [
            one.body["expected_fen"]
            for one in entries
            if one.subject == shift["shift"] and "expected_fen" in one.body
        ]
        found.say(expected not in ([], [held_fen]), f"expected {expected} fen, moved {held_fen}")


def _moved(world: World) -> dict[str, int]:
    payee = VirtualPayments(world.place.folder / PAYEE)
    try:
        return payee.moved_fen()
    finally:
        payee.close()


# -- entries


def _entries(truth: Truth, entries: list[Told], found: Found) -> None:
    """What has happened stands in the ledger, once."""
    count = Counter((one.kind, one.subject) for one in entries)
    for trade in truth.trades():
        _of_trade(trade, count, found)
    for manifest in truth.manifests():
        so_far = list(MANIFEST_ENTRIES)
        state = "answered" if manifest["state"] in ("accepted", "partial", "refused") else manifest["state"]
        for step in so_far[: so_far.index(state) + 1]:
            _once(count[MANIFEST_ENTRIES[step], manifest["manifest"]], MANIFEST_ENTRIES[step], found)
        proposed = count["revision.proposed", manifest["manifest"]]
        replied = sum(count[kind, manifest["manifest"]] for kind in REPLIES)
        found.say(proposed != replied, f"{proposed} corrections, {replied} replies")
    deposits = Counter(one.body["item"] for one in entries if one.kind == "drop.deposited")
    for item in truth.items():
        if item["trade"] or item["lodging"] not in OURS:
            found.say(deposits[item["item"]], f"a deposit of what is {item['place']}")
            continue
        _once(deposits[item["item"]], "drop.deposited", found, resolved=item["lodging"] == "quarantine")
    for shift in truth.now("shifts", "shift"):
        _once(count["shift.opened", shift["shift"]], "shift.opened", found)
        if not shift["open"]:
            _once(count["shift.closed", shift["shift"]], "shift.closed", found)
    told_vouchers = Counter(
        (one.kind, one.body.get("voucher")) for one in entries if one.kind.startswith("voucher.")
    )
    for voucher in truth.now("vouchers", "voucher"):
        _once(told_vouchers["voucher.issued", voucher["voucher"]], "voucher.issued", found)
        if voucher["state"] == "redeemed":
            _once(told_vouchers["voucher.redeemed", voucher["voucher"]], "voucher.redeemed", found)


def _of_trade(trade: dict[str, Any], count: Counter[tuple[str, str]], found: Found) -> None:
    state, name = trade["state"], trade["trade"]
    state = "accepted" if state in AFTER_SEAL else state
    if state not in ORDER:
        return
    for step in ORDER[: ORDER.index(state) + 1]:
        for kinds in TRADE_ENTRIES.get(step, ()):
            number = sum(count[kind, name] for kind in kinds.split("|"))
            # A payment that was reconciled is told as such and as paid.
            most = 2 if "|" in kinds else 1
            found.lost += number == 0
            found.twice += number > most
            found.say(not 1 <= number <= most, f"{kinds} is told {number} times")
    proven = sum(count[kind, name] for kind in (*ERASED, "trade.destroy_routed"))
    if ORDER.index(state) > 0:
        _once(proven, "a certificate or the way to destruction", found)


def _once(number: int, kind: str, found: Found, resolved: bool = False) -> None:
    """``resolved``: staff put it there by hand, which is told as a place."""
    found.lost += number == 0 and not resolved
    found.twice += number > 1
    found.say(number > 1 or (number == 0 and not resolved), f"{kind} is told {number} times")


@contextlib.contextmanager
def _base(world: World) -> Iterator[sqlite3.Connection]:
    path = world.place.state / FILE
    with contextlib.closing(sqlite3.connect(path, timeout=20.0, isolation_level=None)) as base:
        yield base
