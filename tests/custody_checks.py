"""The counter's invariants, read from a station's database and never from what a process says of itself.

:func:`station` is about one database, :func:`network` about all of them. Numbers are those of the design's list.
"""

from __future__ import annotations

import functools
import sqlite3
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import ledger.store
import ledger.verify
from kiosk.store import codec
from recycling.erasure import Erasure
from recycling.goods import Hazard
from recycling.manifest import Manifest
from recycling.trade import CHECK_GOOD_MS, LIVE, PAID, State, Trade
from tests import custody_ledger

KEYS = {
    "drops": "drop_off",
    "items": "item",
    "trades": "trade",
    "erasures": "trade",
    "settlements": "settlement",
    "bins": "bin",
    "manifests": "manifest",
    "intents": "intent",
    "slips": "slip",
    "shifts": "shift",
    "cash": "move",
    "vouchers": "voucher",
    "seals": "seal",
    "photos": "photo",
}
KINDS = {"trades": Trade, "erasures": Erasure, "manifests": Manifest}
AT_COUNTER = frozenset(
    {State.DECLINED, State.EXPIRED, State.STOPPED, State.ACCEPTED, State.ERASING, State.ERASED}
    | {State.DRAFT, State.IDENTIFIED, State.CLEARED, State.INSPECTED, State.QUOTED, State.OFFERED}
    | {State.DESTROY, State.SEALED, State.SETTLED}
)
PLACES: Mapping[State, frozenset[str]] = {
    **dict.fromkeys(AT_COUNTER, frozenset({"counter"})),
    State.RETURNED: frozenset({"owner"}),
    State.HELD: frozenset({"shelf"}),
    State.RELEASED: frozenset({"shelf"}),
    State.QUARANTINED: frozenset({"quarantine"}),
    State.BINNED: frozenset({"bin"}),
    State.MANIFESTED: frozenset({"parcel", "transit"}),
    State.RECEIVED: frozenset({"processor"}),
    State.PROCESSED: frozenset({"gone"}),
}
TOLD = {
    State.DECLINED: "trade.declined",
    State.EXPIRED: "trade.expired",
    State.STOPPED: "trade.stopped",
    State.RETURNED: "trade.returned",
    State.OFFERED: "trade.offered",
    State.ACCEPTED: "trade.accepted",
    State.DESTROY: "trade.destroy_routed",
    State.SEALED: "trade.sealed",
    State.SETTLED: "trade.settled",
    State.HELD: "trade.held",
    State.RELEASED: "trade.released",
    State.BINNED: "trade.binned",
}
"""What the ledger says each time a trade-in comes into that state."""

RESTING = frozenset({"bin", "drawer", "quarantine", "shelf", "parcel", "transit", "processor", "gone"})


@dataclass(frozen=True)
class Row:
    """One revision as it lies there; ``thing`` is its content where a check looks into it."""

    revision: int
    columns: Mapping[str, Any]
    thing: Any

    def __getattr__(self, name: str) -> Any:
        return self.columns[name]


History = dict[str, list[Row]]


class Books:
    """Everything that one database holds, by table and id, and the ledger's entries. ``earlier``: of the same one,
    so that only new entries are read; without it the ledger's chain is walked from its beginning.
    """

    def __init__(self, path: Path, earlier: Books | None = None) -> None:
        raw = sqlite3.connect(path, isolation_level=None)
        raw.row_factory = sqlite3.Row
        self.tables = {table: _read(raw, table, key) for table, key in KEYS.items()}
        self.secrets = {(row["subject"], row["kind"]) for row in raw.execute("SELECT * FROM personal")}
        raw.row_factory = None
        known: list[Any] = earlier.entries if earlier else []
        self.entries: list[Any] = [*known, *ledger.store.entries(raw, len(known), 10_000)]
        self.ledger_fault = "" if earlier else ledger.verify.check(raw).fault
        raw.close()
        self.told = Tally((one.entry.kind, one.entry.visit) for one in self.entries)

    def __getitem__(self, table: str) -> History:
        return self.tables[table]

    def now(self, table: str) -> Iterator[Row]:
        """The newest revision of each id."""
        return (rows[-1] for rows in self.tables[table].values())

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [one.body or {} for one in self.entries if one.entry.kind == kind]


def _read(raw: sqlite3.Connection, table: str, key: str) -> History:
    kind = KINDS.get(table)
    found: History = {}
    for row in raw.execute(f"SELECT * FROM {table} ORDER BY {key}, revision"):
        thing = _decoded(kind, bytes(row["content"])) if kind else None
        found.setdefault(row[key], []).append(Row(row["revision"], dict(row), thing))
    for name, rows in found.items():
        assert [one.revision for one in rows] == list(range(1, len(rows) + 1)), f"{table} {name} has a gap"
    return found


@functools.cache
def _decoded(kind: type[Trade | Erasure | Manifest], content: bytes) -> Trade | Erasure | Manifest:
    """What was written never changes, so it is read once."""
    return codec.decode_as(kind, content)


def came_into(rows: Sequence[Row], column: str = "state") -> list[str]:
    """The value each time it changed."""
    values = [str(one.columns[column]) for one in rows]
    return values[:1] + [after for before, after in pairwise(values) if before != after]


# -- one station


def amounts(books: Books) -> None:
    """1: no amount below 0; credit above the new price is a voucher, once, when it is settled."""
    for table, column in (("settlements", "amount_fen"), ("vouchers", "amount_fen"), ("trades", "price_fen")):
        assert all(row.columns[column] >= 0 for rows in books[table].values() for row in rows), column
    issued = Tally(row.trade for rows in books["vouchers"].values() for row in rows if row.state == "issued")
    for name, rows in books["trades"].items():
        quote = rows[-1].thing.quote
        paid = rows[-1].state in {state.value for state in PAID}
        assert issued[name] == int(bool(quote and quote.voucher_fen and paid)), f"vouchers of {name}"
        if quote is None:
            continue
        new_fen, price_fen = quote.new_price_fen, quote.price_fen
        wanted = (max(0, new_fen - price_fen), 0, max(0, price_fen - new_fen))
        parts = (quote.to_pay_fen, quote.payout_fen, quote.voucher_fen)
        assert parts == (wanted if new_fen else (0, price_fen, 0)), f"{name}: {parts}"
        assert min(parts) >= 0
        assert sum(line.amount_fen for line in quote.lines) == price_fen
    for rows in books["shifts"].values():
        assert rows[-1].counted_fen >= 0


def live_once(books: Books) -> None:
    """2: one live trade-in per IMEI here; a provisional one is unpaid."""
    live = Tally(row.imei_digest for row in books.now("trades") if row.live)
    assert all(count == 1 for count in live.values()), live
    for row in books.now("trades"):
        assert row.live == (row.thing.state in LIVE)
        if row.thing.provisional:
            _unpaid(books, row.trade)


def _unpaid(books: Books, trade: str) -> None:
    for table in ("settlements", "cash", "vouchers"):
        assert all(rows[0].trade != trade for rows in books[table].values()), f"{trade} is unpaid: {table}"


def accepted(books: Books) -> None:
    """3: signature, id, and a passing check younger than 24 hours; a locked phone is taken for nothing."""
    for name, rows in books["trades"].items():
        for row in rows:
            if row.state == "accepted":
                trade = row.thing
                assert row.signed == 1
                assert row.id_digest
                assert row.passing == 1
                assert trade.check.passing
                assert 0 <= row.accepted_ms - row.checked_ms < CHECK_GOOD_MS
                assert {(f"{name}:{kind}", kind) for kind in ("id_number", "signature")} <= books.secrets
                assert trade.check.lock == "none" or trade.quote.price_fen == 0, f"{name} is locked"
                assert len(trade.imei) == 15
            elif row.accepted_ms == 0:
                assert row.thing.imei == "", "an IMEI stands in full from the acceptance on"


def erased(books: Books) -> None:
    """4: nothing is erased before the acceptance; settled needs a seal, and certified or destroyed, and the money."""
    for name, rows in books["trades"].items():
        states = came_into(rows)
        if "erasing" in states:
            assert "accepted" in states[: states.index("erasing")], states
        if any(row.state in {state.value for state in PAID} for row in rows):
            assert "settled" in states
            assert "sealed" in states[: states.index("settled")]
            last = rows[-1]
            assert last.seal
            assert last.certificate or last.destroy
            assert any(
                one[-1].state == "paid" for one in books["settlements"].values() if one[0].trade == name
            )
        if rows[-1].certificate:
            assert came_into(books["erasures"][name])[-1] in ("certified", "warning")
    for name, rows in books["erasures"].items():
        assert all(row.attempt <= 3 for row in rows)
        assert "accepted" in came_into(books["trades"][name])


def one_place(books: Books) -> None:
    """5: where every item is agrees with its trade, its bin and its manifest; what has a mass keeps it."""
    for row in books.now("trades"):
        lodging = books["items"][row.trade][-1].lodging
        assert lodging in PLACES[row.thing.state], f"{row.trade}: {row.state}, but the phone: {lodging}"
    inside: dict[str, list[int]] = {}
    for row in books.now("items"):
        assert row.place == row.lodging or row.place.startswith(f"{row.lodging}:")
        if row.lodging == "bin":
            inside.setdefault(row.place.partition(":")[2], []).append(row.mass_g)
    for row in books.now("bins"):
        found = inside.pop(row.bin, [])
        assert (row.items, row.mass_g) == (len(found), sum(found)), f"bin {row.bin}: {found}"
    assert not inside, "items in a bin that there is not"
    for name, rows in books["items"].items():
        _kept_its_mass(books, name, rows)


def _kept_its_mass(books: Books, name: str, rows: Sequence[Row]) -> None:
    corrected = {
        manifest.thing.manifest
        for manifest in books.now("manifests")
        if any(kind == "revision.accepted" for kind, subject in books.told if subject == manifest.manifest)
    }
    for before, after in pairwise(rows):
        if before.mass_g != after.mass_g:
            here = before.lodging in ("scale", "entering", "drawer", "counter")
            assert here or before.manifest in corrected, f"{name}: {before.columns} {after.columns}"


def manifests(books: Books) -> None:
    """5: items leave only by a sealed manifest; masses too far apart are a discrepancy until both sides agree."""
    for name, rows in books["items"].items():
        for before, after in pairwise(rows):
            if before.lodging == "bin" != after.lodging:
                assert after.lodging == "parcel"
            if after.lodging in ("transit", "processor", "gone"):
                states = came_into(books["manifests"][after.manifest])
                assert states[:3] == ["draft", "sealed", "picked_up"], f"{name}: {states}"
    for row in books.now("manifests"):
        _manifest(books, row.thing)


def _manifest(books: Books, manifest: Manifest) -> None:
    lodgings = {
        "draft": {"parcel"},
        "sealed": {"parcel"},
        "picked_up": {"transit"},
        "received": {"processor"},
        "processed": {"gone"},
    }
    back = {one.item for one in manifest.answers if not one.accepted}
    for line in manifest.lines:
        item = books["items"][line.item][-1]
        if line.item in back:
            assert any(row.place == "quarantine:returned" for row in books["items"][line.item])
            continue
        assert item.manifest == manifest.manifest
        assert item.lodging in lodgings.get(manifest.state.value, {"processor"}), item.columns
        assert item.mass_g == line.mass_g
    on_it = {row.item for row in books.now("items") if row.manifest == manifest.manifest}
    assert on_it <= {line.item for line in manifest.lines}
    if manifest.answers and manifest.received_g is not None:
        apart_g = manifest.received_g - manifest.mass_g
        beyond = abs(apart_g) > max(50, manifest.mass_g * 2 // 100)
        assert manifest.discrepancy_g == (apart_g if beyond else None)
        assert not (beyond and manifest.state == "processed")
        if beyond:
            assert books.told["manifest.discrepancy", manifest.manifest]
    if manifest.state != "draft":
        assert manifest.seals
        assert manifest.second not in ("", manifest.by)


def held(books: Books) -> None:
    """6: nothing leaves its shelf before 30 days and another check; what is dangerous never comes near the others."""
    for name, rows in books["trades"].items():
        item = books["items"][name]
        if rows[-1].thing.hazard is not Hazard.NONE:
            assert not {"shelf", "bin"} & set(came_into(item, "lodging"))
        if "shelf" in came_into(item, "lodging")[:-1]:
            begun = next(row for row in rows if row.state == "held")
            free = next(row for row in rows if row.state == "released")
            assert free.at_ms >= begun.at_ms + 30 * 86_400_000
            assert free.checked_ms >= begun.hold_until_ms
            assert free.passing == 1
            assert free.thing.check.claim == "granted"
    for rows in books["items"].values():
        if any(row.hazard != "none" for row in rows):
            assert "bin" not in came_into(rows, "lodging")


def approved(books: Books) -> None:
    """8: above 2,000 yuan, on an override and on a flag another person than the quoter has agreed."""
    for name, rows in books["trades"].items():
        for row in rows:
            if row.state not in ("offered", "accepted"):
                continue
            trade = row.thing
            if trade.quote.price_fen > 200_000 or trade.quote.override_reason or trade.flags:
                assert trade.approved_by not in ("", trade.quote.by), f"{name} was approved by its quoter"
                seconds = [one.body for one in books.entries if one.entry.visit == name and one.body]
                assert any(body.get("second") == trade.approved_by for body in seconds)


def paid_once(books: Books) -> None:
    """9: a key is one payment of one amount; a trade-in is paid at most once; an answer that is certain is final."""
    paid: Tally[str] = Tally()
    for key, rows in books["settlements"].items():
        states = came_into(rows)
        assert states in (
            ["intended"],
            ["intended", "unknown"],
            ["intended", "paid"],
            ["intended", "refused"],
            ["intended", "unknown", "paid"],
            ["intended", "unknown", "refused"],
        ), f"{key}: {states}"
        assert len({(row.trade, row.amount_fen, row.receive_fen, row.method) for row in rows}) == 1
        paid[rows[0].trade] += states[-1] != "refused"
        last = books["trades"][rows[0].trade][-1]
        assert (states[-1] == "paid") <= (last.state in {state.value for state in PAID}), (
            f"{key}: {last.state}"
        )
    assert all(count <= 1 for count in paid.values()), paid
    for name in {rows[0].trade for rows in books["cash"].values()} - {""}:
        total_fen = sum(rows[0].amount_fen for rows in books["cash"].values() if rows[0].trade == name)
        settled = [
            rows[-1]
            for rows in books["settlements"].values()
            if rows[0].trade == name and rows[-1].state == "paid"
        ]
        assert total_fen == settled[0].receive_fen - settled[0].amount_fen


def told(books: Books) -> None:
    """Each change has its entry, once; the ledger holds."""
    assert books.ledger_fault == ""
    for name, rows in books["trades"].items():
        came = Tally(came_into(rows))
        for state, kind in TOLD.items():
            assert books.told[kind, name] == came[state.value], f"{name}: {kind}"
    _placed(books)
    for key, rows in books["bins"].items():
        last = [body["to"] for body in books.bodies("bin.state") if str(body["bin"]) == key]
        assert (last[-1] if last else "open") == rows[-1].state, f"bin {key}"
    vouchers = Tally(row.state for rows in books["vouchers"].values() for row in rows)
    assert len(books.bodies("voucher.issued")) == vouchers["issued"]
    assert len(books.bodies("voucher.redeemed")) == vouchers["redeemed"]
    shifts = [rows[-1] for rows in books["shifts"].values()]
    assert len(books.bodies("shift.opened")) == len(shifts)
    assert len(books.bodies("shift.closed")) == sum(1 for row in shifts if not row.open)


def told_of_payments(books: Books) -> None:
    """Each answer of the payee, each seal and each pick-up has its entry, once."""
    for table, by_state in (
        ("settlements", {"paid": "settlement.paid", "refused": "settlement.refused"}),
        ("manifests", {"sealed": "manifest.sealed", "picked_up": "manifest.picked_up"}),
    ):
        for key, rows in books[table].items():
            subject = rows[0].columns.get("trade", key)
            for wanted, kind in by_state.items():
                named = [
                    one
                    for one in books.entries
                    if one.entry.kind == kind
                    and one.entry.visit == subject
                    and (one.body or {}).get("key", key) == key
                ]
                assert len(named) == came_into(rows).count(wanted), f"{key}: {kind}"


def _placed(books: Books) -> None:
    placed = Tally((body["item"], body["to"]) for body in books.bodies("item.placed"))
    for name, rows in books["items"].items():
        came = Tally(to for to in came_into(rows, "place") if _rests(to))
        assert came == Tally({to: n for (item, to), n in placed.items() if item == name and _rests(to)}), name


def _rests(place: str) -> bool:
    return place.partition(":")[0] in RESTING


CHECKS: tuple[Callable[[Books], None], ...] = (
    amounts,
    live_once,
    accepted,
    erased,
    one_place,
    manifests,
    held,
    approved,
    paid_once,
    told,
    told_of_payments,
    *custody_ledger.CHECKS,
)


def station(path: Path, earlier: Books | None = None) -> Books:
    """Every invariant that one database can break; its books for the checks across stations."""
    books = Books(path, earlier)
    for check in CHECKS:
        check(books)
    return books


# -- a station and the world around it


class World(Protocol):
    """What really happened, as the devices remember it; see tests/custody_shop.py."""

    @property
    def moved(self) -> Mapping[str, int]: ...  # money, by key
    @property
    def ordered(self) -> Sequence[str]: ...  # trades whose phones were erased
    @property
    def packable(self) -> Sequence[str]: ...  # items that the repository offers

    @property
    def shown(self) -> Mapping[str, int]: ...  # right PINs, by staff number

    float_fen: int  # what the very first shift begins with


def world(outside: World, books: Books) -> None:
    """4, 6 and 9 once more, by what the payee and the phones remember and what the repository gives out."""
    leaves: Tally[str] = Tally()
    for key, amount_fen in outside.moved.items():
        row = books["settlements"][key][-1]
        assert (row.amount_fen, row.method) == (amount_fen, "transfer")
        leaves[row.trade] += 1
    assert all(count == 1 for count in leaves.values()), f"money left twice: {leaves}"
    for row in books.now("settlements"):
        assert row.state != "paid" or row.method != "transfer" or row.settlement in outside.moved
        assert row.state != "refused" or row.settlement not in outside.moved
    for trade in outside.ordered:
        assert "accepted" in came_into(books["trades"][trade]), f"{trade} was erased before its acceptance"
    for item in outside.packable:
        if books["items"][item][-1].lodging == "shelf":
            assert books["trades"][books["items"][item][-1].trade][-1].state == "released"
    came = Tally(one.entry.actor for one in books.entries if one.entry.kind == "staff.back")
    came += Tally(f"staff:{body['staff']}" for body in books.bodies("staff.in"))
    for actor, times in came.items():
        assert times <= outside.shown[actor.removeprefix("staff:")], f"{actor} is here without the PIN"
    assert [body["carried_fen"] for body in books.bodies("shift.opened")][:1] in ([], [outside.float_fen])


def silent_of_people(books: Books, words: Sequence[str], imeis: Sequence[str]) -> None:
    """No id number and no phone number stands in any entry; an IMEI first in that of its acceptance."""
    for one in books.entries:
        body = repr(one.body)
        assert not [word for word in words if word in body], one.entry.kind
        assert one.entry.kind == "trade.accepted" or not [imei for imei in imeis if imei in body], (
            one.entry.kind
        )


# -- all stations


def network(stations: Sequence[Books], imei_of: Mapping[str, str]) -> None:
    """2: one live trade-in per IMEI that headquarters has granted. ``imei_of``: digest -> IMEI."""
    live = Tally(
        imei_of[row.imei_digest]
        for books in stations
        for row in books.now("trades")
        if row.live and row.thing.check is not None and row.thing.check.claim == "granted"
    )
    assert all(count == 1 for count in live.values()), live
    redeemed = Tally(
        name
        for books in stations
        for name, rows in books["vouchers"].items()
        for row in rows
        if row.state == "redeemed"
    )
    assert all(count == 1 for count in redeemed.values()), redeemed
    issued = {row.voucher: row.amount_fen for books in stations for row in _vouchers(books, "issued")}
    for books in stations:
        for row in _vouchers(books, "redeemed"):
            assert issued[row.voucher] == row.amount_fen, f"voucher {row.voucher}"


def _vouchers(books: Books, state: str) -> list[Row]:
    return [row for rows in books["vouchers"].values() for row in rows if row.state == state]
