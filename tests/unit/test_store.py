"""The station's database: all or nothing, forgets the owner's paths, one process per bay."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import cbor2
import pytest

from firmware_agent.plan import FlashPlan, Write
from kiosk.errors import BayTaken, StoreError
from kiosk.flow.clock import SystemClock
from kiosk.flow.effects import Forget, Keep, Keyed, Record
from kiosk.flow.user_data import UserData
from kiosk.flow.visit import BootFacts, FetchFacts, Options, State, Visit
from kiosk.store import codec
from kiosk.store.book import Book
from kiosk.store.database import FILE, Database
from kiosk.store.process import Process, myself
from ledger import store as ledger

FULL = Visit(
    "01JAAAAAAAAAAAAAAAAAAAAAAA",
    "usbip://127.0.0.1:1/1-1",
    2,
    "en",
    Options(12.5, True, "2.0.0", 99),
    State.WRITING,
    product="heron",
    battery_percent=None,
    facts=BootFacts("heron", "S1", slotted_partitions=frozenset({"boot"}), partition_sizes={"boot_a": 5}),
    plan=FlashPlan("heron", "cn", "1.0", "2.0", (Write("boot_b", "images/b.img", 5, "ab" * 32),), "b", 2),
    notes={"zh": "新", "en": "new"},
    fetch=FetchFacts(
        "delta", "base_here", "1.0", 3, 5, 1, 3, complete=False, away=True, mirrors=("m1", "m2")
    ),
    noted=7,
    resume_to=State.WRITING,
    user_data=UserData(before=3, bytes_before=9),
    began_ms=1,
    seconds={"unlock": 1.5},
)


@dataclass(frozen=True)
class Item:
    path: str
    size_bytes: int
    modified: str
    sha256: str | None


SECRET = "DCIM/Camera/生日 2024.jpg"
ITEMS = (Item(SECRET, 5, "20240101T000000", hashlib.sha256(b"x").hexdigest()), Item("b", 6, "", None))


def open_book(folder: Path) -> Book:
    return Book(Database(folder, "station-1"), SystemClock())


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return open_book(tmp_path)


def raw(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / FILE)


def test_a_visit_reads_back_as_it_was_written() -> None:
    assert codec.decode(codec.encode(FULL)) == FULL
    bare = Visit("V", "bay")
    assert codec.decode(codec.encode(bare)) == bare


def test_what_an_older_version_wrote_is_read_with_the_new_fields_defaults() -> None:
    form, fields = cbor2.loads(codec.encode(FULL))
    del fields["started"]
    assert codec.decode(cbor2.dumps([form, fields])) == replace(FULL, started=False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        cbor2.dumps([1]),
        cbor2.dumps([2, {}]),
        cbor2.dumps([1, {"visit": "V"}]),
        codec.encode(FULL).replace(b"writing", b"writinG"),
        codec.encode(FULL)[:-3],
    ],
)
def test_what_another_version_wrote_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError):
        codec.decode(content)


def test_a_visit_from_before_there_were_downloads_is_still_read() -> None:
    form, fields = cbor2.loads(codec.encode(FULL))
    del fields["fetch"], fields["noted"], fields["options"]["full"]
    old = codec.decode(cbor2.dumps([form, fields]))
    assert old == replace(FULL, fetch=FetchFacts(), noted=0)


def test_a_visit_and_its_entries_stand_or_fall_together(book: Book, tmp_path: Path) -> None:
    mark = book.commit(FULL, [Record("visit.begun", {"bay": 2}), Record("write.intended", {"bytes": 5})])
    assert mark.index == 2
    assert book.open_visits() == [FULL]
    broken = replace(FULL, state=State.SWITCHING)
    with pytest.raises(StoreError):
        book.commit(broken, [Record("write.done"), Record("Not A Kind")])
    assert book.open_visits() == [FULL]
    assert book.head().index == 2


def test_a_closed_visit_is_open_no_more_and_its_bay_is_free(book: Book) -> None:
    book.commit(FULL, [])
    with pytest.raises(StoreError):
        book.commit(replace(FULL, visit="01JBBBBBBBBBBBBBBBBBBBBBBB"), [])
    book.commit(replace(FULL, state=State.UPDATED), [Record("visit.closed")])
    assert book.open_visits() == []
    book.commit(replace(FULL, visit="01JBBBBBBBBBBBBBBBBBBBBBBB"), [])


def test_the_owners_paths_are_kept_for_the_visit_and_gone_from_the_file_after_it(
    book: Book, tmp_path: Path
) -> None:
    book.commit(FULL, [Keep(ITEMS), Record("inventory.taken", {"objects": 2})])
    kept = book.inventory(FULL.visit)
    assert [(item.path, item.size_bytes, item.modified, item.sha256) for item in kept] == [
        (item.path, item.size_bytes, item.modified, item.sha256) for item in ITEMS
    ]
    everything = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    assert SECRET.encode() in everything
    book.commit(replace(FULL, state=State.UPDATED), [Forget(), Record("visit.closed")])
    assert book.inventory(FULL.visit) == []
    everything = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    assert SECRET.encode() not in everything


def test_a_log_that_cannot_be_emptied_does_not_undo_the_commit_before_it(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.commit(FULL, [Keep(ITEMS)])
    closed = replace(FULL, state=State.UPDATED)
    broken = sqlite3.connect(tmp_path / FILE)
    broken.close()
    monkeypatch.setattr(Database, "raw_connection", lambda _self: broken)
    book.commit(closed, [Forget(), Record("visit.closed")])
    assert book.open_visits() == []
    assert book.inventory(FULL.visit) == []


def test_serial_numbers_stand_in_entries_only_as_keyed_digests(book: Book, tmp_path: Path) -> None:
    book.record(Record("phone.identified", {"serial_digest": Keyed("HER123")}))
    body = ledger.entries(raw(tmp_path))[0].body
    assert body is not None
    assert body["serial_digest"] == book.digest("HER123") == open_book(tmp_path).digest("HER123")
    assert "HER123" not in str(body)
    assert body["serial_digest"] != hashlib.sha256(b"HER123").hexdigest()[:32]


def test_the_models_that_came_lately_are_known_the_most_frequent_first(book: Book) -> None:
    assert book.recent_models(0) == ()
    came = [("a", "wren", 10), ("b", "heron", 20), ("c", "wren", 30), ("d", "", 40), ("e", "wren", 50)]
    for visit, product, began_ms in came:
        book.commit(Visit(visit, visit, state=State.UPDATED, product=product, began_ms=began_ms), [])
    assert book.recent_models(0) == ("wren", "heron")
    assert book.recent_models(20) == ("wren", "heron")
    assert book.recent_models(25) == ("wren",)
    assert book.recent_models(51) == ()


def test_a_visit_that_cannot_be_read_hides_no_model(book: Book, tmp_path: Path) -> None:
    book.commit(Visit("a", "a", state=State.UPDATED, product="wren", began_ms=1), [])
    book.commit(Visit("b", "b", state=State.UPDATED, product="heron", began_ms=1), [])
    with raw(tmp_path) as connection:
        connection.execute("UPDATE visits SET content = x'00' WHERE visit = 'a'")
        connection.commit()
    assert book.recent_models(0) == ("heron",)


def test_a_bay_has_one_holder_and_a_dead_one_loses_it(book: Book, tmp_path: Path) -> None:
    book.lease("bay")
    book.lease("bay")  # again by the same book
    other = open_book(tmp_path)
    with pytest.raises(BayTaken):
        other.lease("bay")
    assert other.held_elsewhere() == {"bay"}
    assert book.held_elsewhere() == frozenset()
    book.release("bay")
    other.lease("bay")
    other.release("bay")
    code = (
        "import os, signal, sys; from pathlib import Path; from kiosk.flow.clock import SystemClock;"
        "from kiosk.store.book import Book; from kiosk.store.database import Database;"
        f"Book(Database(Path({str(tmp_path)!r}), 'station-1'), SystemClock()).lease('bay');"
        "print('held', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (died.stdout.strip(), died.returncode) == ("held", -9)
    book.lease("bay")


def test_a_pid_that_was_given_to_another_process_does_not_hold_a_bay() -> None:
    me = myself()
    assert me.alive
    assert not replace(me, started=me.started - 1).alive
    assert not replace(me, boot_id="another boot").alive
    assert not Process(2**22 + 5, 1, me.boot_id).alive


def _write_entries(folder: str, count: int, together: Barrier) -> None:
    book = open_book(Path(folder))
    together.wait(30)
    for number in range(count):
        book.record(Record("test.entry", {"n": number}))


def test_two_processes_share_one_unbroken_ledger(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    workers = [context.Process(target=_write_entries, args=(str(tmp_path), 100, together)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    stored = ledger.entries(raw(tmp_path))
    assert [item.entry.index for item in stored] == list(range(1, 201))
    for before, after in itertools.pairwise(stored):
        assert after.entry.prev == before.hash


def test_a_database_of_another_station_is_refused(tmp_path: Path) -> None:
    open_book(tmp_path)
    with pytest.raises(Exception, match="station-1"):
        Database(tmp_path, "station-2")


def test_every_commit_is_synced_and_private(book: Book, tmp_path: Path) -> None:
    connection = Database(tmp_path, "station-1").raw_connection()
    answers = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    assert answers == [2, "wal"]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
