"""The ledger keeps one unbroken chain, whoever writes and whatever comes."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import batch, cbor, entry, keys, store, verify
from ledger.entry import Entry
from ledger.errors import ChainError, KeyFileError, LedgerError, MalformedError
from ledger.outbox import Outbox
from ledger.store import Draft, Stamp
from mqtt.messages import Receipt
from tests.stations import open_ledger, write

STAMP = Stamp(1_700_000_000_000, 5_000, "boot-1", "synchronised")


@pytest.fixture
def ledger(tmp_path: Path) -> sqlite3.Connection:
    connection = open_ledger(tmp_path / "ledger.sqlite3")
    store.create(connection, "S01")
    return connection


def test_entries_come_back_as_written_and_chain(ledger: sqlite3.Connection) -> None:
    first = write(ledger, "visit.begun", "V1", bay=1)
    second = write(ledger, "write.done", "V1", partition="boot_b", bytes=4096, digest=b"\x01" * 32)
    assert (first.index, first.prev) == (1, bytes(32))
    assert second.prev == store.entries(ledger)[0].hash
    assert store.entries(ledger, 1)[0].body == {"partition": "boot_b", "bytes": 4096, "digest": b"\x01" * 32}
    assert store.head(ledger) == store.Head(first.epoch, 2, store.entries(ledger)[1].hash)
    report = verify.check(ledger)
    assert (report.entries, report.verified, report.fault) == (2, 2, "")


def test_an_entry_stands_or_falls_with_its_transaction(ledger: sqlite3.Connection) -> None:
    ledger.execute("CREATE TABLE domain (x)")
    ledger.execute("BEGIN IMMEDIATE")
    ledger.execute("INSERT INTO domain VALUES (1)")
    store.append(ledger, Draft("write.done", "V1", "station", {}), STAMP)
    ledger.execute("ROLLBACK")
    assert store.head(ledger).index == 0
    assert ledger.execute("SELECT count(*) FROM domain").fetchone() == (0,)
    with pytest.raises(LedgerError, match="open transaction"):
        store.append(ledger, Draft("write.done", "V1", "station", {}), STAMP)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_leaves SET kind = 'x'",
        "DELETE FROM ledger_leaves",
        "DELETE FROM ledger_leaves WHERE idx = 2",
        "INSERT OR REPLACE INTO ledger_leaves VALUES (1, x'00', x'00', '', '')",
        "INSERT INTO ledger_leaves VALUES (9, x'00', x'00', '', '')",
        "INSERT INTO ledger_leaves VALUES (0, x'00', x'00', '', '')",
        "INSERT INTO ledger_leaves VALUES (NULL, x'00', x'00', '', '')",
        "UPDATE ledger_bodies SET body = x'00'",
        "INSERT OR REPLACE INTO ledger_bodies VALUES (1, x'00')",
        "INSERT OR REPLACE INTO ledger_bodies VALUES (2, x'00')",
        "UPDATE ledger_meta SET epoch = 'x'",
        "DELETE FROM ledger_meta",
        "INSERT OR REPLACE INTO ledger_meta VALUES (1, 'a', 'b')",
    ],
)
def test_what_is_written_cannot_be_changed_through_sql(ledger: sqlite3.Connection, statement: str) -> None:
    write(ledger, "visit.begun", "V1")
    write(ledger, "visit.closed", "V1")
    before = ledger.execute("SELECT * FROM ledger_leaves").fetchall()
    with pytest.raises(sqlite3.Error):
        ledger.execute(statement)
    assert ledger.execute("SELECT * FROM ledger_leaves").fetchall() == before


def test_an_altered_leaf_or_body_is_found(ledger: sqlite3.Connection) -> None:
    for number in range(5):
        write(ledger, "write.done", "V1", bytes=number)
    assert verify.check(ledger).fault == ""
    ledger.execute("DROP TRIGGER ledger_bodies_update")
    body = bytearray(ledger.execute("SELECT body FROM ledger_bodies WHERE idx = 3").fetchone()[0])
    body[-1] ^= 1
    ledger.execute("UPDATE ledger_bodies SET body = ? WHERE idx = 3", (bytes(body),))
    report = verify.check(ledger)
    assert (report.verified, report.entries) == (2, 5)
    assert "entry 3" in report.fault


def test_a_removed_entry_is_found(ledger: sqlite3.Connection) -> None:
    for number in range(5):
        write(ledger, "write.done", "V1", bytes=number)
    ledger.execute("DROP TRIGGER ledger_leaves_delete")
    ledger.execute("PRAGMA foreign_keys=OFF")
    ledger.execute("DELETE FROM ledger_leaves WHERE idx = 2")
    report = verify.check(ledger)
    assert report.verified == 1
    assert "where 2 belongs" in report.fault


def test_forgetting_a_visit_keeps_its_leaves_and_the_chain(ledger: sqlite3.Connection) -> None:
    write(ledger, "visit.begun", "V1", bay=1)
    write(ledger, "visit.begun", "V2", bay=2)
    ledger.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="have not reached headquarters"):
        store.forget_bodies(ledger, "V1")
    head = store.head(ledger)
    ledger.execute("UPDATE ledger_receipt SET idx = ?", (head.index,))
    assert store.forget_bodies(ledger, "V1") == 1
    ledger.execute("COMMIT")
    gone, kept = store.entries(ledger)
    assert gone.body is None
    assert kept.body == {"bay": 2}
    report = verify.check(ledger)
    assert (report.verified, report.bodies_deleted, report.fault) == (2, 1, "")


def test_a_ledger_belongs_to_one_station_and_is_created_once(ledger: sqlite3.Connection) -> None:
    epoch = store.head(ledger).epoch
    store.create(ledger, "S01")
    assert store.head(ledger).epoch == epoch
    with pytest.raises(LedgerError, match="of station S01"):
        store.create(ledger, "S02")
    with pytest.raises(MalformedError):
        store.create(ledger, "S/#")


def _write_many(path: str, count: int, start: multiprocessing.synchronize.Barrier) -> None:
    connection = open_ledger(Path(path))
    store.create(connection, "S01")
    start.wait(20)
    for number in range(count):
        write(connection, "write.done", "V1", bytes=number)


def test_two_processes_keep_one_unbroken_chain(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    open_ledger(path).close()  # SQLite does not wait where two switch to the write-ahead log at once
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    writers = [context.Process(target=_write_many, args=(str(path), 150, start)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    report = verify.check(open_ledger(path))
    assert (report.entries, report.verified, report.fault) == (300, 300, "")


@pytest.mark.parametrize(
    "draft",
    [
        Draft("Write", "V1", "station", {}),
        Draft("write.done", "V 1", "station", {}),
        Draft("write.done", "V1", "a" * 65, {}),
        Draft("write.done", "V1", "station", {"big": "x" * 70_000}),
        Draft("write.done", "V1", "station", {"number": 2**65}),
        Draft("write.done", "V1", "station", {"number": float("nan")}),
        Draft("write.done", "V1", "station", {"object": object()}),
        Draft("write.done", "V1", "station", {1: "x"}),  # type: ignore[dict-item]
        Draft("write.done", "V1", "station", {"surrogate": "\ud800"}),
    ],
)
def test_a_draft_outside_the_format_is_refused_and_writes_nothing(
    ledger: sqlite3.Connection, draft: Draft
) -> None:
    ledger.execute("BEGIN IMMEDIATE")
    with pytest.raises(MalformedError):
        store.append(ledger, draft, STAMP)
    ledger.execute("COMMIT")
    assert store.head(ledger).index == 0


def test_a_deep_body_is_refused(ledger: sqlite3.Connection) -> None:
    deep: object = 1
    for _ in range(cbor.MAX_DEPTH + 1):
        deep = [deep]
    ledger.execute("BEGIN IMMEDIATE")
    with pytest.raises(MalformedError, match="deeper"):
        store.append(ledger, Draft("write.done", "V1", "station", {"deep": deep}), STAMP)
    ledger.execute("COMMIT")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=40)
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_encoded_decodes_to_itself(value: object) -> None:
    data = cbor.encode(value)
    assert cbor.encode(cbor.decode(data, len(data))) == data


@given(st.binary(max_size=200))
def test_any_bytes_decode_to_their_one_encoding_or_are_refused(data: bytes) -> None:
    try:
        value = cbor.decode(data, 200)
    except MalformedError:
        return
    assert cbor.encode(value) == data


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("1801", "integer not in its shortest form"),
        ("9f01ff", "indefinite length"),
        ("a2020101f6", "keys out of order"),
        ("a201010102", "key twice"),
        ("c074323031332d30332d32315432303a30343a30305a", "tag: date"),
        ("d8235f", "tag: regular expression"),
        ("d81c8101", "tag: shared value"),
        ("d9010080", "tag: string references"),
        ("f97e00", "not a number"),
        ("fb3ff8000000000000", "number not in its shortest form"),
        ("f7", "undefined"),
        ("e0", "simple value"),
        ("0000", "two values"),
        ("9bffffffffffffffff", "longer than the bytes"),
        ("a1200a", "negative key"),
        ("a1f600", "null key"),
        ("a201006161f6", "mixed keys"),
        ("81" * 40 + "00", "deep"),
        ("62c328", "not UTF-8"),
        ("", "nothing"),
    ],
)
def test_other_encodings_are_refused(data: str, what: str) -> None:
    with pytest.raises(MalformedError):
        cbor.decode(bytes.fromhex(data), 100)


def test_a_map_in_sorted_order_is_the_deterministic_one() -> None:
    # RFC 8949, section 4.2.1: bytewise order of the encoded keys.
    assert cbor.encode({300: 0, 1: 0, 24: 0}).hex() == "a3010018180019012c00"


ENTRY = Entry(
    "S01", "ab" * 16, 7, b"p" * 32, 1, 2, "boot", "unknown", "V1", "station", "write.done", b"h" * 32
)


def test_a_leaf_has_exactly_its_twelve_fields() -> None:
    leaf = entry.encode(ENTRY)
    assert entry.decode(leaf) == ENTRY
    fields = entry.to_fields(ENTRY)
    for changed in (
        fields | {13: 1},
        {k: v for k, v in fields.items() if k != 8},
        fields | {3: 0},
        fields | {3: True},
    ):
        with pytest.raises(MalformedError):
            entry.decode(cbor.encode(changed))


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_altered_leaf_has_the_same_hash_or_it_is_refused(position: int, flip: int) -> None:
    leaf = bytearray(entry.encode(ENTRY))
    leaf[position % len(leaf)] ^= flip
    assert entry.leaf_hash(bytes(leaf)) != entry.leaf_hash(entry.encode(ENTRY))
    try:
        assert entry.decode(bytes(leaf)) != ENTRY
    except MalformedError:
        pass


def _outbox(ledger: sqlite3.Connection, tmp_path: Path) -> Outbox:
    key = keys.load_or_create(tmp_path / "key.pem")
    return Outbox(lambda: open_ledger(tmp_path / "ledger.sqlite3"), "S01", key)


def test_the_outbox_holds_what_has_no_receipt(ledger: sqlite3.Connection, tmp_path: Path) -> None:
    outbox = _outbox(ledger, tmp_path)
    assert outbox.next_batch("topic") is None
    for number in range(70):
        write(ledger, "write.done", "V1", bytes=number)
    first = outbox.next_batch("topic")
    assert first is not None
    assert (first.first_index, first.last_index) == (1, batch.MAX_ENTRIES)
    second = outbox.next_batch("topic", first.last_index)
    assert second is not None
    assert (second.first_index, second.last_index) == (65, 70)
    head = store.head(ledger)
    held = store.entries(ledger, 63, 1)[0]
    assert outbox.settle(Receipt("S01", head.epoch, 64, held.hash, 1)) == "moved"
    assert outbox.settle(Receipt("S01", head.epoch, 64, held.hash, 2)) == "same"
    assert outbox.settle(Receipt("S01", "00" * 16, 3, held.hash, 2)) == "other_epoch"
    assert outbox.settle(Receipt("S01", head.epoch, 65, held.hash, 2)) == "not_ours"
    assert outbox.settle(Receipt("S01", head.epoch, 99, held.hash, 2)) == "not_ours"
    assert outbox.watermark() == 64
    again = outbox.next_batch("topic")
    assert again is not None
    assert (again.first_index, again.last_index) == (65, 70)
    assert outbox.settle(Receipt("S01", head.epoch, 0, bytes(32), 3)) == "moved"
    assert outbox.watermark() == 0


def test_large_bodies_share_no_batch_beyond_its_bytes(ledger: sqlite3.Connection, tmp_path: Path) -> None:
    outbox = _outbox(ledger, tmp_path)
    for _ in range(6):
        write(ledger, "write.done", "V1", blob=b"x" * 60_000)
    sealed = outbox.next_batch("topic")
    assert sealed is not None
    assert sealed.last_index == 4
    assert len(sealed.data) <= batch.MAX_PAYLOAD_BYTES + 1024


def test_a_chain_refuses_another_station_epoch_or_order() -> None:
    leaf = entry.encode(ENTRY)
    for chain in (
        verify.Chain("S02", ENTRY.epoch, 6, None),
        verify.Chain("S01", "00" * 16, 6, None),
        verify.Chain("S01", ENTRY.epoch, 5, None),
        verify.Chain("S01", ENTRY.epoch, 6, bytes(32)),
    ):
        with pytest.raises(ChainError):
            chain.follow(leaf, None)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = keys.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.raw_public(keys.load_or_create(path).public_key()) == keys.raw_public(key.public_key())
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        keys.load_private(path)
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(KeyFileError):
        keys.load_public(tmp_path / "junk.pem")
