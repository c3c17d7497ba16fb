"""The counter's database: append-only, its invariants refused by itself, personal data forgotten with its key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.dialects.sqlite import dialect

from kiosk.errors import StoreError
from kiosk.flow.clock import SystemClock
from kiosk.flow.counter.things import (
    CashMove,
    Change,
    Intent,
    Noted,
    PhotoSeen,
    Seal,
    Secret,
    Shift,
    Slip,
    Thing,
    Voucher,
)
from kiosk.flow.effects import Record
from kiosk.store import reference_tables
from kiosk.store.counter_book import CounterStore
from kiosk.store.counter_rows import ROWS
from kiosk.store.database import FILE, Database
from kiosk.store.migrations.versions.v0002_counter import _MOVES, _TABLES
from kiosk.store.tables import METADATA
from recycling.bins import Bin
from recycling.bins import State as BinState
from recycling.custody import MOVES, Item, Place
from recycling.drop_off import Drop
from recycling.erasure import Erasure
from recycling.erasure import State as ErasureState
from recycling.goods import Category, Hazard, Lodging
from recycling.manifest import Manifest
from recycling.manifest import State as ManifestState
from recycling.settlement import Settlement
from recycling.settlement import State as Payment
from recycling.trade import State, Trade
from tests.unit.test_trade_in import GIVEN, NOW, OFFERED, SEALED

ITEM = Item("T", Category.PHONE, Hazard.NONE, 180, Place(Lodging.COUNTER), NOW, "T")
MANIFEST = Manifest("M", "green", "1001", NOW, NOW)
ACCEPTED = replace(OFFERED, state=State.ACCEPTED, acceptance=GIVEN)
DUE = Settlement("T", "T", "cash", 105_000, 0, NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CounterStore]:
    database = Database(tmp_path, "shop-1")
    yield CounterStore(database, SystemClock())
    database.close()


def put(store: CounterStore, *things: Thing) -> None:
    store.commit(Change(things))


def moved(item: Item, lodging: Lodging, name: str = "", **values: object) -> Item:
    return replace(item, place=Place(lodging, name), **values)  # type: ignore[arg-type]


# -- append-only


EVERY: tuple[Thing, ...] = (
    Drop("D", "zh", NOW, NOW),
    ITEM,
    OFFERED,
    Erasure("T"),
    Bin(1, Category.PHONE),
    MANIFEST,
    Intent("N", "flap", "I", NOW, names={"a": "b"}, figures={"bin": 1}),
    Slip("P", "drop_receipt", "D", (), NOW),
    Shift("S", "1001", NOW, NOW),
    CashMove("C", "S", "T", -100, NOW),
    Voucher("V", 55_000, "T", "VCODE", NOW),
    Seal("SEAL1", "T", NOW),
    PhotoSeen("digest", "T", NOW),
)


def test_everything_comes_back_as_it_was_written(store: CounterStore) -> None:
    put(store, *EVERY)
    put(store, SEALED, DUE)
    found = store.live()
    for thing in EVERY:
        if not isinstance(thing, Trade | CashMove | Voucher | Seal | PhotoSeen):
            assert thing in found
    assert SEALED in found
    assert DUE in found
    assert store.voucher("V") == EVERY[10]
    assert store.seal_used("SEAL1")
    assert store.photo_seen("digest", "another")
    assert not store.photo_seen("digest", "T")
    assert store.cash_fen("S") == -100


@pytest.mark.parametrize("table", sorted({*_TABLES, "personal"}))
def test_no_row_is_ever_changed_deleted_or_replaced(store: CounterStore, tmp_path: Path, table: str) -> None:
    put(store, *EVERY, SEALED, DUE)
    store.commit(Change(secrets=(Secret("T:imei", "imei", b"1"),)))
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as raw:
        columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
        assert raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for statement in (
            f"UPDATE {table} SET at_ms = 0",
            f"DELETE FROM {table}",
            f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {table}",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(statement)


def kept_as(declared: str) -> str:
    """What SQLite makes of a declared type (its rules 3.1)."""
    for kind, parts in (("INTEGER", ("INT",)), ("TEXT", ("CHAR", "CLOB", "TEXT")), ("BLOB", ("BLOB",))):
        if any(part in declared.upper() for part in parts):
            return kind
    return "NUMERIC"


def test_the_tables_in_the_code_are_those_of_the_migrations_column_by_column(
    store: CounterStore, tmp_path: Path
) -> None:
    del store
    coded = {
        name: {
            (one.name, kept_as(str(one.type.compile(dialect()))), not one.nullable, one.primary_key)
            for one in table.columns
        }
        for name, table in METADATA.tables.items()
    }
    with closing(sqlite3.connect(tmp_path / FILE)) as raw:
        names = [row[0] for row in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        migrated = {
            name: {
                (column, kept_as(declared), bool(filled), bool(key))
                for _, column, declared, filled, _, key in raw.execute(f"PRAGMA table_info({name})")
            }
            for name in names
            if not name.startswith(("ledger_", "alembic_", "sqlite_"))
        }
    assert coded == migrated
    assert {*(row.table.name for row in ROWS), reference_tables.STAFF.name} <= coded.keys()


def test_the_database_allows_the_moves_of_the_domain_and_no_other() -> None:
    quoted = {f"('{source}','{target}')" for source, target in MOVES}
    assert set(_MOVES.replace("),(", ")|(").split("|")) == quoted


# -- items


def test_a_thing_goes_only_where_the_domain_lets_it(store: CounterStore) -> None:
    put(store, ITEM)
    for lodging in (Lodging.BIN, Lodging.TRANSIT, Lodging.GONE, Lodging.SCALE, Lodging.DRAWER):
        with pytest.raises(StoreError, match=r"from there to there|picked up"):
            put(store, moved(ITEM, lodging, manifest="M"))


def test_a_thing_begins_on_the_scale_or_the_counter(store: CounterStore) -> None:
    for lodging in set(Lodging) - {Lodging.SCALE, Lodging.COUNTER}:
        with pytest.raises(StoreError):
            put(store, moved(ITEM, lodging, manifest="M"))


def test_what_is_dangerous_or_unweighed_does_not_reach_a_bin(store: CounterStore) -> None:
    entering = moved(ITEM, Lodging.ENTERING, "bin:1", trade="")
    put(store, moved(ITEM, Lodging.SCALE, trade=""), entering)
    for bad in (replace(entering, hazard=Hazard.SWOLLEN), replace(entering, mass_g=0)):
        with pytest.raises(StoreError, match="CHECK"):
            put(store, moved(bad, Lodging.BIN, "1"))
    put(store, moved(entering, Lodging.BIN, "1"))


def test_a_thing_leaves_a_bin_under_a_draft_and_the_house_under_a_sealed_manifest(
    store: CounterStore,
) -> None:
    item = moved(ITEM, Lodging.SCALE, trade="")
    put(store, item, moved(item, Lodging.ENTERING, "bin:1"), moved(item, Lodging.BIN, "1"))
    parcel = moved(item, Lodging.PARCEL, "M", manifest="M")
    with pytest.raises(StoreError, match="draft"):
        put(store, parcel)
    with pytest.raises(StoreError):
        put(store, MANIFEST, replace(parcel, manifest=""))
    put(store, MANIFEST, parcel)
    road = moved(parcel, Lodging.TRANSIT, "M")
    for state in (ManifestState.DRAFT, ManifestState.SEALED):
        put(store, replace(MANIFEST, state=state))
        with pytest.raises(StoreError, match="picked up"):
            put(store, road)
    put(store, replace(MANIFEST, state=ManifestState.PICKED_UP), road)
    with pytest.raises(StoreError):
        put(store, moved(parcel, Lodging.PARCEL, "M2", manifest="M2"))


def test_held_stock_does_not_leave_its_shelf_and_is_not_offered(store: CounterStore) -> None:
    held = replace(SEALED, state=State.HELD, hold_until_ms=NOW + 10)
    shelf = moved(ITEM, Lodging.SHELF, "A3")
    put(store, SEALED, replace(DUE, state=Payment.INTENDED), replace(DUE, state=Payment.PAID))
    put(store, replace(SEALED, state=State.SETTLED), held, MANIFEST, ITEM, shelf)
    assert store.packable(NOW + 100) == []
    for target in (moved(shelf, Lodging.BIN, "1"), moved(shelf, Lodging.PARCEL, "M", manifest="M")):
        with pytest.raises(StoreError, match="held stock"):
            put(store, target)
    assert held.check is not None
    released = replace(held, state=State.RELEASED, check=replace(held.check, at_ms=NOW + 10))
    with pytest.raises(StoreError, match="CHECK"):
        put(store, replace(released, since_ms=NOW + 9))
    with pytest.raises(StoreError, match="another passing check"):
        put(store, replace(released, check=held.check, since_ms=NOW + 10))
    put(store, replace(released, since_ms=NOW + 10))
    assert store.packable(NOW + 9) == []
    assert store.packable(NOW + 10) == [shelf]


# -- trades


@pytest.mark.parametrize(
    "forged",
    [
        replace(ACCEPTED, acceptance=None),
        replace(ACCEPTED, acceptance=replace(GIVEN, signature_digest="")),
        replace(ACCEPTED, acceptance=replace(GIVEN, id_digest="")),
        replace(ACCEPTED, check=None),
        replace(ACCEPTED, check=replace(OFFERED.check, register="unknown")),  # type: ignore[type-var]
        replace(ACCEPTED, acceptance=replace(GIVEN, at_ms=NOW + 86_400_000)),
        replace(ACCEPTED, acceptance=replace(GIVEN, at_ms=NOW - 1)),
        replace(ACCEPTED, flags=("mass_off",)),
        replace(ACCEPTED, flags=("mass_off",), approved_by="1001"),
        replace(ACCEPTED, quote=replace(OFFERED.quote, price_fen=-1)),  # type: ignore[type-var]
        replace(ACCEPTED, quote=replace(OFFERED.quote, voucher_fen=-1)),  # type: ignore[type-var]
        replace(ACCEPTED, state=State.ERASING, acceptance=None),
        replace(SEALED, state=State.SETTLED),
        replace(SEALED, state=State.HELD, seal=""),
        replace(SEALED, state=State.HELD, certificate=""),
        replace(ACCEPTED, state=State.ERASED),
    ],
)
def test_the_database_itself_refuses_what_the_rules_forbid(store: CounterStore, forged: Trade) -> None:
    with pytest.raises(StoreError):
        put(store, forged)
    put(store, ACCEPTED)


def test_one_live_trade_in_per_phone(store: CounterStore) -> None:
    put(store, ACCEPTED)
    second = replace(OFFERED, trade="T2", state=State.IDENTIFIED)
    with pytest.raises(StoreError, match="is live"):
        put(store, second)
    put(store, replace(second, state=State.STOPPED))
    put(store, replace(ACCEPTED, state=State.STOPPED), replace(ACCEPTED, state=State.RETURNED))
    put(store, replace(second, trade="T3"))


def test_nothing_is_erased_without_an_acceptance_and_nothing_certified_unseen(store: CounterStore) -> None:
    running = Erasure("T", ErasureState.RUNNING, attempt=1)
    put(store, ACCEPTED)
    with pytest.raises(StoreError, match="without an acceptance"):
        put(store, running)
    put(store, replace(ACCEPTED, state=State.ERASING), running)
    erased = replace(ACCEPTED, state=State.ERASED, certificate="EC1")
    for state in (ErasureState.RUNNING, ErasureState.FAILED, ErasureState.INTERRUPTED):
        put(store, replace(running, state=state))
        with pytest.raises(StoreError, match="second inspection"):
            put(store, erased)
    with pytest.raises(StoreError, match="CHECK"):
        put(store, replace(running, attempt=4))
    put(store, replace(running, state=ErasureState.CERTIFIED), erased)


# -- money


def test_one_trade_in_is_paid_once(store: CounterStore) -> None:
    with pytest.raises(StoreError, match="sealed phone only"):
        put(store, DUE)
    put(store, SEALED, DUE)
    with pytest.raises(StoreError, match="paid once"):
        put(store, replace(DUE, key="T-2"))
    with pytest.raises(StoreError, match="amount never changes"):
        put(store, replace(DUE, state=Payment.PAID, amount_fen=1))
    put(store, replace(DUE, state=Payment.REFUSED))
    put(store, replace(DUE, key="T-2"), replace(DUE, key="T-2", state=Payment.PAID))
    for state in Payment:
        with pytest.raises(StoreError, match="final"):
            put(store, replace(DUE, key="T-2", state=state))
    with pytest.raises(StoreError, match="paid once"):
        put(store, replace(DUE, key="T-3"))


@pytest.mark.parametrize("amounts", [{"amount_fen": -1}, {"receive_fen": -1}])
def test_no_payment_is_below_zero(store: CounterStore, amounts: dict[str, int]) -> None:
    put(store, SEALED)
    with pytest.raises(StoreError, match="CHECK"):
        put(store, replace(DUE, **amounts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "once",
    [CashMove("C", "S", "T", 5, NOW), Seal("S1", "T", NOW), Voucher("V", 5, "T", "c", NOW, "redeemed")],
)
def test_cash_seals_and_vouchers_are_used_once(store: CounterStore, once: Thing) -> None:
    put(store, once)
    with pytest.raises(StoreError):
        put(store, once)


@pytest.mark.parametrize(
    "bad",
    [
        Bin(1, Category.PHONE, mass_g=-1),
        Bin(1, Category.PHONE, items=-1),
        Bin(1, Category.PHONE, BinState.EMPTYING),
    ],
)
def test_a_bin_holds_nothing_negative_and_is_emptied_by_two(store: CounterStore, bad: Bin) -> None:
    with pytest.raises(StoreError, match="CHECK"):
        put(store, bad)


# -- one transaction


def test_things_and_entries_stand_or_fall_together(store: CounterStore) -> None:
    bad_entry = Noted(Record("no dots", {}), "")
    with pytest.raises(StoreError):
        store.commit(Change((ITEM,), (bad_entry,)))
    assert store.live() == []
    good = Noted(Record("trade.begun", {}), "T")
    with pytest.raises(StoreError):
        store.commit(Change((moved(ITEM, Lodging.BIN, "1"),), (good,)))
    assert store.commit(Change((ITEM,), (good,))).index == 1


# -- personal data


def test_what_is_personal_is_not_readable_on_the_disk_and_goes_with_its_key(tmp_path: Path) -> None:
    database = Database(tmp_path, "shop-1")
    store = CounterStore(database, SystemClock())
    number = b"110101199003071234"
    store.commit(Change(secrets=(Secret("T:id_number", "id_number", number),)))
    assert store.reveal("T:id_number", "id_number") == number
    assert store.kept_subjects() == ["T:id_number"]
    with closing(sqlite3.connect(tmp_path / FILE)) as raw:
        key = raw.execute("SELECT key FROM personal_keys").fetchone()[0]
    store.commit(Change(forget=("T:id_number",)))
    assert store.reveal("T:id_number", "id_number") is None
    database.close()
    bytes_left = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert number not in bytes_left
    assert key not in bytes_left


def test_a_destroyed_key_is_never_made_anew(store: CounterStore) -> None:
    secret = Secret("T:imei", "imei", b"490154203237518")
    store.commit(Change(secrets=(secret,)))
    store.commit(Change(forget=("T:imei",)))
    with pytest.raises(StoreError, match="never replaced"):
        store.commit(Change(secrets=(secret,)))


def test_a_ciphertext_of_another_subject_is_not_believed(store: CounterStore, tmp_path: Path) -> None:
    for subject in ("A:imei", "B:imei"):
        store.commit(Change(secrets=(Secret(subject, "imei", subject.encode()),)))
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER personal_update")
        raw.execute(
            "UPDATE personal SET (nonce, ciphertext) ="
            " (SELECT nonce, ciphertext FROM personal WHERE subject = 'A:imei') WHERE subject = 'B:imei'"
        )
    with pytest.raises(StoreError, match="changed on the disk"):
        store.reveal("B:imei", "imei")
