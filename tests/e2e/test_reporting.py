"""From a station's ledger to headquarters over a real mosquitto: every entry exactly once, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hq import audit, commands, queries, registry
from hq.intake import Intake
from hq.settings import Address
from hq.store import Store
from ledger import keys, verify
from mqtt.messages import Command
from station.broker import Broker
from tests.stations import WAIT_S, ReportingStation

pytestmark = pytest.mark.tool("mosquitto")


class Headquarters:
    """Store and intake, in this process."""

    def __init__(self, folder: Path, port: int) -> None:
        self.store = Store(folder / "hq.sqlite3")
        self.key = keys.load_or_create(folder / "hq.pem")
        self.public = folder / "hq.pub"
        keys.save_public(self.key.public_key(), self.public)
        self._changed = threading.Condition()
        self.store.on_change(self._notify)
        self.intake = Intake(self.store, Address("127.0.0.1", port), self.key)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait(self, seen: Callable[[], bool], timeout_s: float = WAIT_S) -> bool:
        with self._changed:
            return self._changed.wait_for(seen, timeout_s)

    def start(self) -> Headquarters:
        self.intake.start()
        assert self.intake.wait_connected(WAIT_S)
        return self

    def close(self) -> None:
        self.intake.stop()
        self.store.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def headquarters(tmp_path: Path, broker: Broker) -> Iterator[Headquarters]:
    made = Headquarters(tmp_path, broker.port)
    yield made
    made.close()


@pytest.fixture
def station(tmp_path: Path, headquarters: Headquarters) -> Iterator[ReportingStation]:
    made = ReportingStation(tmp_path, "S01")
    registry.pin(headquarters.store, "S01", made.key.public_key())
    yield made
    made.close()


def exactly_once(store: Store, station: ReportingStation, entries: int) -> None:
    """Headquarters holds what the ledger holds, in order, each entry once, all of it verified."""
    with store.read() as connection:
        held = [
            (row[0], bytes(row[1])) for row in connection.execute("SELECT idx, hash FROM entries ORDER BY id")
        ]
    written = [
        (row[0], bytes(row[1]))
        for row in station.connection.execute("SELECT idx, hash FROM ledger_leaves ORDER BY idx")
    ]
    assert held == written
    assert len(held) == entries
    found = audit.count(store)
    assert (found.entries, found.verified, found.missing) == (entries, entries, 0)
    assert queries.alarms(store) == []


def test_entries_arrive_as_they_are_written(
    headquarters: Headquarters, station: ReportingStation, broker: Broker
) -> None:
    headquarters.start()
    station.report(broker.port, headquarters.public)
    for number in range(30):
        station.write("write.done", "V1", bytes=number)
    assert station.wait_settled()
    exactly_once(headquarters.store, station, 30)
    assert headquarters.wait(lambda: queries.stations(headquarters.store)[0].state == "online")
    assert station.troubles == []


def test_a_broker_that_was_away_all_visit_brings_every_entry_once(
    headquarters: Headquarters, station: ReportingStation, broker: Broker
) -> None:
    headquarters.start()
    station.report(broker.port, headquarters.public)
    station.write("visit.begun", "V1")
    assert station.wait_settled()
    broker.stop()
    for number in range(300):
        station.write("write.done", "V1", bytes=number)
    assert not station.wait_settled(0.1)
    broker.start()
    assert station.wait_settled()
    exactly_once(headquarters.store, station, 301)


def test_what_a_killed_broker_had_acknowledged_still_arrives_once(
    headquarters: Headquarters, station: ReportingStation, broker: Broker
) -> None:
    """Headquarters is away, so the broker alone has the messages and has given its PUBACK; then it dies."""
    headquarters.start()
    headquarters.intake.stop()
    station.report(broker.port, headquarters.public)
    for number in range(100):
        station.write("write.done", "V1", bytes=number)
    assert not station.wait_settled(1.5)
    broker.kill()
    broker.start()
    headquarters.intake = Intake(headquarters.store, Address("127.0.0.1", broker.port), headquarters.key)
    headquarters.start()
    assert station.wait_settled()
    exactly_once(headquarters.store, station, 100)


def test_what_a_broker_threw_away_because_nobody_listened_is_sent_again(
    headquarters: Headquarters, station: ReportingStation, broker: Broker
) -> None:
    """The connection holds and the broker gives its PUBACK; only the missing receipt tells."""
    reporter = station.report(broker.port, headquarters.public)
    for number in range(100):
        station.write("write.done", "V1", bytes=number)
    assert not station.wait_settled(0.5)
    headquarters.start()
    assert station.wait_settled()
    exactly_once(headquarters.store, station, 100)
    assert reporter.online


_DIES_AFTER_COMMIT = """
import os, sys
from pathlib import Path
from hq.intake import Intake
from hq.settings import Address
from hq.store import Store
from ledger import keys

class DiesAfterCommit(Intake):
    def committed(self, group):
        if any(came.mail.topic.endswith("/ev") for came in group):
            os._exit(9)

folder, port = Path(sys.argv[1]), int(sys.argv[2])
key = keys.load_private(folder / "hq.pem")
intake = DiesAfterCommit(Store(folder / "hq.sqlite3"), Address("127.0.0.1", port), key)
intake.start()
intake.wait_connected(20)
print("up", flush=True)
intake._worker.join(60)
"""


def test_headquarters_killed_between_commit_and_acknowledgement_holds_each_entry_once(
    headquarters: Headquarters, station: ReportingStation, broker: Broker, tmp_path: Path
) -> None:
    dying = subprocess.Popen(
        [sys.executable, "-c", _DIES_AFTER_COMMIT, str(tmp_path), str(broker.port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert dying.stdout is not None
    assert dying.stdout.readline() == "up\n"
    station.write("visit.begun", "V1")
    station.write("write.done", "V1", bytes=1)
    station.report(broker.port, headquarters.public)
    assert dying.wait(WAIT_S) == 9
    dying.stdout.close()
    with headquarters.store.read() as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone()[0] == 2
    assert station.outbox.watermark() == 0  # committed, and the station cannot know it
    headquarters.start()
    assert station.wait_settled()
    station.write("visit.closed", "V1", verdict="updated")
    assert station.wait_settled()
    exactly_once(headquarters.store, station, 3)


def states(headquarters: Headquarters) -> list[str]:
    return [one.state for one in queries.stations(headquarters.store)]


def test_a_station_killed_in_the_middle_goes_on_from_its_last_receipt(
    headquarters: Headquarters, station: ReportingStation, broker: Broker, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.stations import ReportingStation\n"
        "s = ReportingStation(Path(sys.argv[1]), 'S01'); s.report(int(sys.argv[2]), Path(sys.argv[3]))\n"
        "n = 0\n"
        "while True:\n"
        "    s.write('write.done', 'V1', bytes=n); n += 1\n"
        "    if n == 50: print('going', flush=True)\n"
    )
    headquarters.start()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(broker.port), str(headquarters.public)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "going\n"
    # Writing may be quicker than connecting, and who never came leaves no will.
    assert headquarters.wait(lambda: states(headquarters) == ["online"])
    process.kill()
    process.wait()
    process.stdout.close()
    assert headquarters.wait(lambda: states(headquarters) == ["offline"])  # the will
    station.report(broker.port, headquarters.public)
    station.write("station.resumed", "V1")
    assert station.wait_settled()
    assert verify.check(station.connection).fault == ""
    exactly_once(headquarters.store, station, station.outbox.head()[1])


def test_a_headquarters_restored_from_an_old_copy_gets_the_rest_again(
    headquarters: Headquarters, station: ReportingStation, broker: Broker, tmp_path: Path
) -> None:
    headquarters.start()
    station.report(broker.port, headquarters.public)
    station.write("visit.begun", "V1")
    assert station.wait_settled()
    headquarters.intake.stop()
    old_copy = tmp_path / "old"
    old_copy.mkdir()
    older = Headquarters(old_copy, broker.port)
    older.key = headquarters.key
    older.intake = Intake(older.store, Address("127.0.0.1", broker.port), headquarters.key)
    registry.pin(older.store, "S01", station.key.public_key())
    older.start()
    assert older.wait(lambda: audit.count(older.store).entries == 1)
    station.write("visit.closed", "V1")
    assert station.wait_settled()
    exactly_once(older.store, station, 2)
    older.close()


def test_a_station_with_another_key_is_not_believed(
    headquarters: Headquarters, station: ReportingStation, broker: Broker, tmp_path: Path
) -> None:
    (tmp_path / "impostor").mkdir()
    impostor = ReportingStation(tmp_path / "impostor", "S01")
    headquarters.start()
    impostor.report(broker.port, headquarters.public)
    impostor.write("visit.begun", "V1")
    assert headquarters.wait(
        lambda: any(alarm.kind == "signature" for alarm in queries.alarms(headquarters.store))
    )
    assert audit.count(headquarters.store).entries == 0
    assert impostor.outbox.watermark() == 0
    impostor.close()


def test_a_receipt_that_headquarters_did_not_sign_is_not_believed(
    headquarters: Headquarters, station: ReportingStation, broker: Broker, tmp_path: Path
) -> None:
    stranger = keys.load_or_create(tmp_path / "stranger.pem")
    keys.save_public(stranger.public_key(), tmp_path / "stranger.pub")
    headquarters.start()
    station.write("visit.begun", "V1")
    station.report(broker.port, tmp_path / "stranger.pub")
    assert headquarters.wait(lambda: audit.count(headquarters.store).entries == 1)
    assert not station.wait_settled(0.5)
    assert any("not signed by headquarters" in line for line in station.troubles)


def test_a_call_that_is_taken_reaches_the_station_also_after_it_was_away(
    headquarters: Headquarters, station: ReportingStation, broker: Broker
) -> None:
    def show(command: Command) -> str:
        visit, by = str(command.arguments["visit"]), command.arguments["by"]
        station.write("call.acknowledged", visit, "hq", by=by, call_index=command.arguments["call_index"])
        return ""

    store = headquarters.store
    headquarters.start()
    reporter = station.report(broker.port, headquarters.public, show)
    station.write("visit.begun", "V1")
    station.write("call.requested", "V1", "customer")
    assert station.wait_settled()
    reporter.stop()
    assert headquarters.wait(lambda: queries.stations(store)[0].state == "offline")
    (call,) = queries.calls(store)
    with store.write() as connection:
        commands.acknowledge(connection, call.id, "王经理", 600)
    headquarters.intake.send_commands()
    assert queries.calls(store)[0].state == "taken"
    station.report(broker.port, headquarters.public, show)
    assert headquarters.wait(lambda: queries.calls(store)[0].state == "shown")
    assert queries.calls(store)[0].by == "王经理"
    assert len(station.commands) == 1


def _station(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "station", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_commands_serve_show_and_stop(broker: Broker, tmp_path: Path) -> None:
    station = ReportingStation(tmp_path, "S01")
    process = _station(
        *("hq", "--state", str(tmp_path / "hq"), "--broker", f"127.0.0.1:{broker.port}"),
        *("--web", "127.0.0.1:0", "--pin", f"S01={station.public}"),
    )
    assert process.stdout is not None
    word, _, text = process.stdout.readline().partition(" ")
    assert word == "ready"
    ready = json.loads(text)
    assert ready["web"].startswith("http://127.0.0.1:")
    station.report(broker.port, Path(ready["public_key"]))
    station.write("visit.begun", "V1", bay=1)
    assert station.wait_settled()
    station.close()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=WAIT_S)
    assert (process.returncode, errors) == (0, "")

    database = str(station.database)
    for words, expected in (
        (("ledger", "head", "--db", database, "--json"), {"station": "S01", "index": 1}),
        (("ledger", "verify", "--db", database, "--json"), {"entries": 1, "verified": 1, "fault": ""}),
    ):
        process = _station(*words)
        out, errors = process.communicate(timeout=WAIT_S)
        assert (process.returncode, errors) == (0, "")
        found = json.loads(out.splitlines()[-1])
        assert {key: found[key] for key in expected} == expected
    out, _ = _station("ledger", "show", "--db", database).communicate(timeout=WAIT_S)
    assert "visit.begun" in out


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("hq", "--web", "0.0.0.0:80"), 3, "must be on loopback"),
        (("hq", "--broker", "nonsense"), 3, "not an address"),
        (("hq", "--pin", "S01"), 2, "STATION=PUBKEYFILE"),
        (("hq", "--pin", "S01=/nowhere.pub"), 3, "/nowhere.pub"),
        (("ledger", "verify", "--db", "/nowhere.sqlite3"), 3, "no such file"),
        (("ledger", "head", "--db", "/dev/null"), 3, "no such file"),
    ],
)
def test_bad_input_gets_one_line_and_no_traceback(
    tmp_path: Path, words: tuple[str, ...], code: int, line: str
) -> None:
    extra = ("--state", str(tmp_path / "hq")) if words[0] == "hq" else ()
    process = _station(*words, *extra)
    out, errors = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (code, "")
    assert line in errors
    assert len(errors.strip().splitlines()) == 1


def test_an_altered_ledger_needs_staff(tmp_path: Path) -> None:
    station = ReportingStation(tmp_path, "S01")
    station.write("visit.begun", "V1")
    station.connection.execute("DROP TRIGGER ledger_leaves_update")
    station.connection.execute("UPDATE ledger_leaves SET leaf = x'00'")
    station.close()
    process = _station("ledger", "verify", "--db", str(station.database), "--json")
    out, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 4
    assert json.loads(out.splitlines()[-1])["verified"] == 0
    assert "the log was altered" in errors
    (tmp_path / "other.sqlite3").write_bytes(os.urandom(4096))
    process = _station("ledger", "verify", "--db", str(tmp_path / "other.sqlite3"))
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3
    assert len(errors.strip().splitlines()) == 1
