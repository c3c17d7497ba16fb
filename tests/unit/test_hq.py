"""Headquarters holds each entry once, believes only signatures, and finds what was altered."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hq import alarms, audit, commands, desk, queries, registry
from hq.desk import Mail, Outcomes
from hq.errors import HqError, RegistryError, SettingsError, StoreError
from hq.service import Headquarters
from hq.settings import Address, Settings, check, load
from hq.store import Store, now_ms
from hq.web import words
from ledger import cose
from mqtt import messages, topics
from mqtt.messages import CommandResult, Presence
from tests.stations import ReportingStation

TOPICS = topics.of("S01")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "hq.sqlite3")


@pytest.fixture
def station(tmp_path: Path, store: Store) -> ReportingStation:
    made = ReportingStation(tmp_path, "S01")
    registry.pin(store, "S01", made.key.public_key())
    return made


def bring(store: Store, topic: str, payload: bytes, retained: bool = False) -> Outcomes:
    outcomes = Outcomes()
    with store.write() as connection:
        desk.handle(connection, Mail(topic, payload, retained), outcomes)
    return outcomes


def sealed(station: ReportingStation, after: int = 0) -> bytes:
    made = station.outbox.next_batch(TOPICS.ev, after)
    assert made is not None
    return made.data


def held(store: Store) -> list[int]:
    with store.read() as connection:
        return [row[0] for row in connection.execute("SELECT idx FROM entries ORDER BY id")]


def kinds(store: Store) -> list[str]:
    return sorted(alarm.kind for alarm in queries.alarms(store))


def presence(station: ReportingStation, **changes: object) -> bytes:
    facts = {
        "station": "S01",
        "online": True,
        "nonce": b"n" * 16,
        "epoch": station.outbox.head()[0],
        "head": station.outbox.head()[1],
        "acked": 0,
        "at_ms": now_ms(),
    }
    payload = messages.encode_presence(Presence(**(facts | changes)))  # type: ignore[arg-type]
    return cose.sign1(payload, station.key, TOPICS.st.encode())


def test_a_batch_that_comes_twice_is_held_once(store: Store, station: ReportingStation) -> None:
    station.write("visit.begun", "V1")
    station.write("visit.closed", "V1", verdict="updated")
    first = bring(store, TOPICS.ev, sealed(station))
    again = bring(store, TOPICS.ev, sealed(station))
    assert held(store) == [1, 2]
    assert (first.entries, again.entries) == (2, 0)
    assert again.receipts["S01"].index == 2
    station.write("station.started")
    assert bring(store, TOPICS.ev, sealed(station)).entries == 1  # overlaps 1 and 2, brings 3
    assert held(store) == [1, 2, 3]
    assert audit.count(store) == audit.Count(1, 3, 3, 0)
    assert kinds(store) == []


def test_a_batch_that_comes_too_early_is_left_to_be_sent_again(
    store: Store, station: ReportingStation
) -> None:
    for _ in range(3):
        station.write("station.started")
    outcome = bring(store, TOPICS.ev, sealed(station, after=2))
    assert held(store) == []
    assert outcome.receipts["S01"].index == 0
    assert kinds(store) == []  # early is not wrong


def _rewritten(station: ReportingStation, folder: Path) -> ReportingStation:
    """The same station, key and epoch, with another past."""
    other = ReportingStation(folder, "S01")
    epoch = station.outbox.head()[0]
    other.connection.execute("DROP TRIGGER ledger_meta_update")
    other.connection.execute("UPDATE ledger_meta SET epoch = ?", (epoch,))
    other.key = station.key
    other.outbox._key = station.key
    return other


def test_the_same_index_with_another_hash_is_tampering_not_a_duplicate(
    store: Store, station: ReportingStation, tmp_path: Path
) -> None:
    station.write("write.done", "V1", bytes=1)
    bring(store, TOPICS.ev, sealed(station))
    other = _rewritten(station, tmp_path / "other")
    other.write("write.done", "V1", bytes=2)
    other.write("write.done", "V1", bytes=3)
    bring(store, TOPICS.ev, sealed(other))
    bring(store, TOPICS.ev, sealed(other))
    assert held(store) == [1]
    (alarm,) = queries.alarms(store)
    assert (alarm.kind, alarm.index, alarm.times) == ("tamper", 1, 2)
    bring(store, TOPICS.ev, sealed(other, after=1))
    assert kinds(store) == ["fork", "tamper"]
    assert audit.count(store).verified == 1


def test_one_altered_byte_in_a_stored_batch_is_found(store: Store, station: ReportingStation) -> None:
    for number in range(3):
        station.write("write.done", "V1", bytes=number)
        bring(store, TOPICS.ev, sealed(station, after=number))
    assert audit.count(store).verified == 3
    raw = sqlite3.connect(store.path)
    with pytest.raises(sqlite3.Error, match="stays as it came"):
        raw.execute("UPDATE batches SET data = x'00'")
    raw.execute("DROP TRIGGER batches_update")
    data = bytearray(raw.execute("SELECT data FROM batches WHERE id = 2").fetchone()[0])
    for position in range(0, len(data), 37):
        altered = data.copy()
        altered[position] ^= 0x01
        raw.execute("UPDATE batches SET data = ? WHERE id = 2", (bytes(altered),))
        raw.commit()
        found = audit.count(store)
        assert (found.entries, found.verified, found.missing) == (3, 2, 0)
        assert "entries 2 to 2" in found.faults[0]


@pytest.mark.parametrize(
    ("column", "value"),
    [("body", None), ("kind", "visit.closed"), ("visit", "V2"), ("wall_ms", 1), ("hash", bytes(32))],
)
def test_a_row_that_no_longer_says_what_was_signed_is_found(
    store: Store, station: ReportingStation, column: str, value: object
) -> None:
    station.write("write.done", "V1", bytes=1)
    station.write("write.done", "V1", bytes=2)
    bring(store, TOPICS.ev, sealed(station))
    raw = sqlite3.connect(store.path)
    raw.execute("DROP TRIGGER entries_update")
    raw.execute(f"UPDATE entries SET {column} = ? WHERE idx = 1", (value,))
    raw.commit()
    assert audit.count(store).verified < 2


def test_a_removed_row_is_missing(store: Store, station: ReportingStation) -> None:
    for _ in range(3):
        station.write("station.started")
    bring(store, TOPICS.ev, sealed(station))
    raw = sqlite3.connect(store.path)
    raw.execute("DROP TRIGGER entries_delete")
    raw.execute("DELETE FROM entries WHERE idx = 2")
    raw.commit()
    found = audit.count(store)
    assert (found.entries, found.missing) == (2, 1)
    assert found.verified < 2


def test_what_a_station_says_it_wrote_and_did_not_arrive_is_missing(
    store: Store, station: ReportingStation
) -> None:
    for _ in range(5):
        station.write("station.started")
    bring(store, TOPICS.st, presence(station))
    assert audit.count(store).missing == 5
    bring(store, TOPICS.ev, sealed(station))
    assert audit.count(store) == audit.Count(1, 5, 5, 0)


def test_only_the_pinned_key_is_believed(store: Store, station: ReportingStation) -> None:
    station.write("station.started")
    stranger = Ed25519PrivateKey.generate()
    station.outbox._key = stranger
    bring(store, TOPICS.ev, sealed(station))
    assert held(store) == []
    assert kinds(store) == ["signature"]
    with pytest.raises(RegistryError, match="not replaced"):
        registry.pin(store, "S01", stranger.public_key())


def test_a_batch_for_another_topic_or_of_another_station_is_refused(
    store: Store, station: ReportingStation
) -> None:
    station.write("station.started")
    elsewhere = topics.of("S02")
    registry.pin(store, "S02", station.key.public_key())
    bring(store, elsewhere.ev, sealed(station))
    assert kinds(store) == ["signature"]
    moved = station.outbox.next_batch(elsewhere.ev)
    assert moved is not None
    bring(store, elsewhere.ev, moved.data)
    assert kinds(store) == ["malformed", "signature"]
    assert held(store) == []


def test_strangers_and_garbage_are_counted_not_stored(store: Store, station: ReportingStation) -> None:
    for _ in range(3):
        bring(store, topics.of("NOBODY").ev, b"junk")
        bring(store, TOPICS.ev, b"junk")
        bring(store, TOPICS.rsp, cose.sign1(b"junk", station.key, TOPICS.rsp.encode()))
        bring(store, "something/else", b"junk")
    assert sorted((alarm.kind, alarm.times) for alarm in queries.alarms(store)) == [
        ("malformed", 6),
        ("unknown_station", 3),
    ]


def test_a_new_ledger_of_a_known_station_is_noticed(
    store: Store, station: ReportingStation, tmp_path: Path
) -> None:
    station.write("station.started")
    bring(store, TOPICS.ev, sealed(station))
    replaced = ReportingStation(tmp_path / "new-disk", "S01")
    replaced.outbox._key = station.key
    replaced.write("station.started")
    bring(store, TOPICS.ev, sealed(replaced))
    assert kinds(store) == ["new_epoch"]
    assert audit.count(store).entries == 2


def test_a_ledger_that_became_shorter_is_noticed(store: Store, station: ReportingStation) -> None:
    station.write("station.started")
    station.write("station.started")
    bring(store, TOPICS.ev, sealed(station))
    bring(store, TOPICS.st, presence(station, head=1))
    assert kinds(store) == ["rolled_back"]


def test_a_birth_that_the_broker_repeats_is_no_rollback(store: Store, station: ReportingStation) -> None:
    birth = presence(station)
    bring(store, TOPICS.st, birth)
    station.write("station.started")
    bring(store, TOPICS.ev, sealed(station))
    bring(store, TOPICS.st, birth, retained=True)  # headquarters was started again
    bring(store, TOPICS.st, birth)  # or had not acknowledged it yet
    assert kinds(store) == []


def test_a_will_does_not_make_headquarters_forget_what_is_missing(
    store: Store, station: ReportingStation
) -> None:
    will = presence(station, online=False)  # written before the connection began
    bring(store, TOPICS.st, presence(station))
    for _ in range(3):
        station.write("station.started")
    bring(store, TOPICS.st, presence(station))
    bring(store, TOPICS.st, will)
    assert audit.count(store).missing == 3


def test_a_number_no_entry_can_have_settles_no_call(store: Store, station: ReportingStation) -> None:
    station.write("call.requested", "V1", "customer")
    station.write("call.acknowledged", "V1", "hq", call_index=2**64 - 1)
    bring(store, TOPICS.ev, sealed(station))
    assert held(store) == [1, 2]
    assert queries.calls(store)[0].state == "open"


def test_a_commit_that_failed_does_not_stop_the_next_one(store: Store) -> None:
    def orphan() -> None:
        with store.write() as connection:
            connection.execute("PRAGMA defer_foreign_keys=ON")  # so that it is the COMMIT that fails
            connection.execute(
                "INSERT INTO entries (station, epoch, idx, hash, batch, visit, kind, actor, wall_ms,"
                " received_ms) VALUES ('S01', 'e', 1, x'00', 99, '', '', '', 1, 1)"
            )

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        orphan()
    with store.write() as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone()[0] == 0


def test_the_database_is_its_owners_alone_wherever_it_lies(tmp_path: Path) -> None:
    store = Store(tmp_path / "a?b#c%20" / "hq.sqlite3")
    assert queries.stations(store) == []
    assert store.path.stat().st_mode & 0o077 == 0


def test_two_headquarters_do_not_share_a_state(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, web=Address("127.0.0.1", 0))
    first = Headquarters(settings)
    with pytest.raises(SettingsError, match="another headquarters"):
        Headquarters(settings)
    first.close()
    Headquarters(settings).close()


def test_a_late_will_does_not_hide_a_station_that_is_back(store: Store, station: ReportingStation) -> None:
    bring(store, TOPICS.st, presence(station, nonce=b"1" * 16))
    bring(store, TOPICS.st, presence(station, nonce=b"2" * 16))
    bring(store, TOPICS.st, presence(station, nonce=b"1" * 16, online=False))
    assert queries.stations(store)[0].state == "online"
    bring(store, TOPICS.st, presence(station, nonce=b"2" * 16, online=False))
    assert queries.stations(store)[0].state == "offline"


def test_a_stations_clock_is_compared_only_when_it_speaks(store: Store, station: ReportingStation) -> None:
    bring(store, TOPICS.st, presence(station, at_ms=now_ms() - 3_600_000))
    assert queries.stations(store)[0].skew_ms == pytest.approx(-3_600_000, abs=5000)
    bring(store, TOPICS.st, presence(station, at_ms=1), retained=True)
    assert queries.stations(store)[0].skew_ms == pytest.approx(-3_600_000, abs=5000)


def test_a_call_is_taken_once_told_to_the_station_and_settled_by_its_entry(
    store: Store, station: ReportingStation
) -> None:
    station.write("visit.begun", "V1")
    station.write("call.requested", "V1", "customer")
    bring(store, TOPICS.ev, sealed(station))
    (call,) = queries.calls(store)
    assert call.state == "open"
    with store.write() as connection:
        assert commands.acknowledge(connection, call.id, " 王 经理 ", 60)
        assert not commands.acknowledge(connection, call.id, "李经理", 60)
        assert commands.acknowledge(connection, call.id, "王 经理", 60)  # a double click: one command
        assert connection.execute("SELECT count(*) FROM commands").fetchone()[0] == 1
        with pytest.raises(HqError):
            commands.acknowledge(connection, 99, "王经理", 60)
        assert commands.due(connection) == []  # the station is not there yet
    bring(store, TOPICS.st, presence(station))
    with store.write() as connection:
        (command,) = commands.due(connection)
        assert command.arguments == {"by": "王 经理", "call_index": 2, "visit": "V1"}
        commands.sent(connection, command)
        assert commands.due(connection) == []
    bring(store, TOPICS.st, presence(station, nonce=b"m" * 16))
    with store.read() as connection:
        (again,) = commands.due(connection)
    assert (again.id, again.nonce) == (command.id, b"m" * 16)  # sent anew after each birth
    result = messages.encode_result(CommandResult(command.id, "S01", "done", "", 1))
    bring(store, TOPICS.rsp, cose.sign1(result, station.key, TOPICS.rsp.encode()))
    with store.read() as connection:
        assert commands.due(connection) == []
    assert queries.calls(store)[0].state == "taken"
    station.write("call.acknowledged", "V1", "hq", by="王 经理")
    bring(store, TOPICS.ev, sealed(station, after=2))
    (call,) = queries.calls(store)
    assert (call.state, call.by) == ("shown", "王 经理")


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\x00b"])
def test_nobody_takes_a_call_without_a_name(name: str) -> None:
    with pytest.raises(HqError):
        commands.clean_name(name)


def test_a_visit_is_summed_up_from_its_entries(store: Store, station: ReportingStation) -> None:
    counts = {"before": 46, "after": 46, "identical": 46, "hashed": 46, "changed": 0, "missing": 0}
    station.write("visit.begun", "V1", bay=1)
    station.write("phone.identified", "V1", model="heron", version="1.0.0")
    station.write("plan.made", "V1", **{"from": "1.0.0", "to": "2.0.0"})
    station.write("visit.closed", "V1", verdict="updated", reason="", counts=counts, written=True)
    bring(store, TOPICS.ev, sealed(station))
    visit = queries.visit(store, "V1")
    assert visit is not None
    assert (visit.verdict, visit.model, visit.version_from, visit.version_to) == (
        "updated",
        "heron",
        "1.0.0",
        "2.0.0",
    )
    assert visit.counts == counts
    assert visit.entries == 4
    assert [event.kind for event in queries.events(store, "S01", "V1")][-1] == "visit.closed"


def test_visits_come_page_by_page(store: Store, station: ReportingStation) -> None:
    with store.write() as connection:
        connection.executemany(
            "INSERT INTO visits (station, visit, begun_ms, last_ms, entries, last_kind)"
            " VALUES (?, ?, ?, ?, 1, '')",
            [("S01", f"V{n:03}", n // 40, n) for n in range(120)],  # many in one millisecond
        )
    seen: list[str] = []
    page = queries.visits(store, "S01")
    while True:
        seen += [visit.visit for visit in page.visits]
        if not page.older:
            break
        page = queries.visits(store, "S01", page.older)
    assert seen == [f"V{n:03}" for n in reversed(range(120))]


def test_alarms_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "MAX_ALARMS", 3)
    with store.write() as connection:
        for number in range(9):
            alarms.sound(connection, f"S{number}", "unknown_station", "x")
    assert len(queries.alarms(store)) == 3


def test_no_noise_hides_another_stations_alarm(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "MAX_ALARMS", 3)
    monkeypatch.setattr(alarms, "MAX_EVIDENCE", 2)
    with store.write() as connection:
        for number in range(9):
            alarms.sound(connection, f"X{number}", "unknown_station", "x")
            alarms.sound(connection, "loud", "tamper", "x", epoch="e", index=number, evidence=b"m")
        alarms.sound(connection, "S01", "tamper", "x", epoch="e", index=1, evidence=b"m")
        kept = connection.execute("SELECT count(evidence) FROM alarms").fetchone()[0]
    assert len(queries.alarms(store)) == 3 + 3 + 1
    assert kept == 2 + 1


@pytest.mark.parametrize(
    "text",
    [
        'broker = "example.org:1883"',
        'web = "0.0.0.0:80"',
        'broker = "127.0.0.1:0"',
        "broker = 5",
        'colour = "red"',
        "command_life_s = true",
        'default_language = "fr"',
        'time_zone = "Nowhere/Atall"',
        "pins = 3",
        "not toml",
        "command_life_s = " + "9" * 5000,
        "pins = " + "[" * 5000,
        'web = "127.0.0.1:' + "9" * 5000 + '"',
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hq.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        check(load(file))
    assert "\n" not in refused.value.detail


def test_settings_are_read_from_toml(tmp_path: Path) -> None:
    file = tmp_path / "hq.toml"
    file.write_text('state = "here"\nbroker = "127.0.0.1:1884"\nweb = "[::1]:80"\n[pins]\nS01 = "s01.pub"\n')
    settings = check(load(file))
    assert settings.state == tmp_path / "here"
    assert settings.broker == Address("127.0.0.1", 1884)
    assert str(settings.web) == "[::1]:80"
    assert settings.pins == {"S01": tmp_path / "s01.pub"}
    assert check(Settings()).default_language == "zh"


def test_both_languages_have_every_word() -> None:
    folder = Path(words.__file__).parent / "locale"
    zh, en = (json.loads((folder / f"{language}.json").read_text()) for language in ("zh", "en"))
    assert zh.keys() == en.keys()
    for section in zh:
        assert zh[section].keys() == en[section].keys(), section
        assert all(zh[section].values()), section
        assert all(en[section].values()), section


def test_every_word_a_page_asks_for_exists() -> None:
    import re

    folder = Path(words.__file__).parent
    table = json.loads((folder / "locale" / "zh.json").read_text())["ui"]
    for template in sorted((folder / "templates").glob("*.html")):
        for key in re.findall(r"w\('([a-z_.]+)'", template.read_text()):
            assert key in table or any(known.startswith(key) for known in table), (template.name, key)


def test_a_body_is_shown_bounded_and_without_what_is_unknown() -> None:
    shown = words.Words("en").chips(
        {
            "partition": "boot_b",
            "bytes": 70_000_000,
            "battery_percent": -1,
            "detail": "x" * 500,
            "zzz": "new",
            "seconds": 65,
            "serial_digest": "ab" * 32,
        }
    )
    assert shown[:2] == [("partition", "boot_b"), ("size", "66.8 MiB")]
    assert ("took", "1 min 5 s") in shown
    assert ("serial digest", "abababababab") in shown
    assert shown[-1] == ("zzz", "new")
    assert max(len(value) for _, value in shown) == words.MAX_VALUE_CHARS
    assert all(label != "battery" for label, _ in shown)
    assert len(words.Words("zh").chips({f"k{n}": n for n in range(100)})) == words.MAX_CHIPS


def test_a_download_is_told_in_bytes_and_times_and_words() -> None:
    body = {"method": "delta", "why": "base_here", "fetch_bytes": 2 << 20, "ms": 2500, "at_bytes": 1 << 20}
    assert words.Words("en").chips(body) == [
        ("method", "difference"),
        ("why", "the base is here"),
        ("to download", "2.0 MiB"),
        ("at", "1.0 MiB"),
        ("took", "2 s"),
    ]
