"""One live trade-in per IMEI in the whole network, each voucher once, and no question counts twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hq import queries, registry
from hq.counter import claims, history, questions
from hq.desk import replies
from hq.intake import Intake
from hq.settings import Address
from hq.store import Store, now_ms
from kiosk.claims import HqClaims
from kiosk.counter_ports import Claims
from ledger import cose, keys
from mqtt import questions as wire
from mqtt import topics
from mqtt.questions import Answer, Ask, Question
from recycling import voucher
from station.broker import Broker
from tests.stations import WAIT_S, ReportingStation
from tests.unit.test_hq import bring

IMEI, OTHER = "490154203237518", "356938035643809"
T1, T2, T3 = (f"01JZZZZZZZZZZZZZZZZZZZZZZ{n}" for n in (1, 2, 3))
VOUCHER = "01JZZZZZZZZZZZZZZZZZZZZZV1"


class Asker:
    """A station whose questions headquarters takes in directly; every message is signed as on the wire."""

    def __init__(self, store: Store, folder: Path, name: str) -> None:
        self.store, self.name = store, name
        self.station = ReportingStation(folder, name)
        self.topics = topics.of(name)
        self.nonce = name.encode().ljust(16, b"\0")
        self._sent = 0
        registry.pin(store, name, self.station.key.public_key())
        self.born()

    def born(self, skew_ms: int = 0) -> None:
        with self.store.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO presence VALUES (?, 1, ?, ?, 0, 0, 1, ?, ?)",
                (self.name, self.nonce, self.station.outbox.head()[0], now_ms(), skew_ms),
            )

    def question(self, ask: Ask, number: int = 0) -> Question:
        self._sent += 1
        identity = (number or self._sent).to_bytes(16, "big")
        epoch, at_ms = self.station.outbox.head()[0], now_ms()
        arguments = dict(ask.arguments)
        return Question(identity, self.name, epoch, ask.kind, arguments, at_ms, at_ms + 60_000, self.nonce)

    def send(self, question: Question) -> Answer | None:
        payload = cose.sign1(wire.encode_question(question), self.station.key, self.topics.req.encode())
        answers = bring(self.store, self.topics.req, payload).answers
        return answers[0] if answers else None

    def ask(self, ask: Ask, timeout_s: float = 0.0) -> Answer | None:
        return self.send(self.question(ask))

    def claim(self, imei: str, trade: str) -> str:
        return HqClaims(self).claim(imei, trade)

    def tell(self, kind: str, subject: str = "", **body: object) -> None:
        index = self.station.write(kind, subject, "station", **body).index
        batch = self.station.outbox.next_batch(self.topics.ev, index - 1)
        assert batch is not None
        bring(self.store, self.topics.ev, batch.data)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "hq.sqlite3")


@pytest.fixture
def make(store: Store, tmp_path: Path) -> Iterator[Callable[[str], Asker]]:
    made: list[Asker] = []

    def build(name: str) -> Asker:
        made.append(Asker(store, tmp_path, name))
        return made[-1]

    yield build
    for asker in made:
        asker.station.close()


def test_the_port_is_the_kiosks() -> None:
    port: Claims = HqClaims(None)
    assert (port.claim(IMEI, T1), port.redeem("V", "S01")) == ("offline", "offline")


def test_one_phone_is_taken_in_at_one_place(make: Callable[[str], Asker]) -> None:
    here, there = make("S01"), make("S02")
    assert here.claim(IMEI, T1) == "granted"
    assert here.claim(IMEI, T1) == "granted", "the same trade may ask again"
    assert there.claim(IMEI, T2) == "elsewhere"
    assert there.claim(OTHER, T2) == "granted"


@pytest.mark.parametrize("kind", ["trade.returned", "trade.declined", "trade.expired"])
def test_a_phone_that_went_back_may_be_taken_in_elsewhere(make: Callable[[str], Asker], kind: str) -> None:
    here, there = make("S01"), make("S02")
    here.claim(IMEI, T1)
    there.tell(kind, T1)  # another station's word about it does not count
    assert there.claim(IMEI, T2) == "elsewhere"
    here.tell(kind, T3)
    assert there.claim(IMEI, T2) == "elsewhere"
    here.tell(kind, T1)
    assert there.claim(IMEI, T2) == "granted"


@pytest.mark.parametrize("kind", ["trade.returned", "trade.declined", "trade.expired"])
def test_a_question_that_comes_after_its_trade_has_ended_holds_no_phone(
    make: Callable[[str], Asker], kind: str
) -> None:
    here, there = make("S01"), make("S02")
    here.tell("trade.begun", T1)
    here.tell(kind, T1)
    assert here.claim(IMEI, T1) == "offline"
    assert there.claim(IMEI, T2) == "granted", "nothing would ever have released it"


def test_a_processed_phone_is_never_taken_in_again(make: Callable[[str], Asker]) -> None:
    here, there = make("S01"), make("S02")
    here.claim(IMEI, T1)
    here.tell("trade.accepted", T1, imei=IMEI, price_fen=100)
    here.tell("item.placed", T1, item=T1, trade=T1, **{"from": "processor:p", "to": "gone"})
    assert there.claim(IMEI, T2) == "processed"
    assert here.claim(IMEI, T1) == "processed"


def test_a_stations_next_trade_does_not_wait_for_its_own_last_entries(make: Callable[[str], Asker]) -> None:
    here = make("S01")
    here.claim(IMEI, T1)
    assert here.claim(IMEI, T2) == "granted"
    here.tell("trade.returned", T1)  # late: it ends T1's claim, not T2's
    assert make("S02").claim(IMEI, T3) == "elsewhere"
    here.tell("trade.accepted", T2, imei=IMEI)
    assert here.claim(IMEI, T3) == "elsewhere", "an accepted phone is on the shelf"


def test_what_was_accepted_offline_is_claimed_by_its_entry_and_the_second_is_flagged(
    make: Callable[[str], Asker], store: Store
) -> None:
    here, there = make("S01"), make("S02")
    here.tell("trade.accepted", T1, imei=IMEI)
    assert there.claim(IMEI, T2) == "elsewhere"
    there.tell("trade.accepted", T2, imei=IMEI)
    with store.read() as connection:
        found = connection.execute("SELECT station, subject, rule, action FROM flags").fetchall()
    assert [tuple(row) for row in found] == [("S02", T2, "claim_elsewhere", "hq")]


def test_many_stations_that_ask_at_once_get_one_grant(make: Callable[[str], Asker]) -> None:
    askers = [make(f"S{n:02}") for n in range(6)]
    found: list[str] = []
    gate = threading.Barrier(len(askers))

    def run(asker: Asker, trade: str) -> None:
        gate.wait(WAIT_S)
        found.append(asker.claim(IMEI, trade))

    threads = [
        threading.Thread(target=run, args=(asker, f"01JZZZZZZZZZZZZZZZZZZZZZA{n}"))
        for n, asker in enumerate(askers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(found) == ["elsewhere"] * 5 + ["granted"]


def test_a_recorded_question_does_nothing_again(make: Callable[[str], Asker]) -> None:
    here, there = make("S01"), make("S02")
    recorded = here.question(wire.claim(IMEI, T1))
    first = here.send(recorded)
    here.tell("trade.returned", T1)
    again = here.send(recorded)
    assert first == again, "a duplicate gets its answer once more"
    assert there.claim(IMEI, T2) == "granted", "and claims nothing once more"
    here.nonce = b"m" * 16
    here.born()
    late = here.send(replace(recorded, id=b"z" * 16))
    assert late is not None
    assert (late.outcome, "another connection" in late.why) == ("refused", True)


def test_an_expired_question_is_refused_by_the_stations_own_clock(make: Callable[[str], Asker]) -> None:
    here = make("S01")
    old = replace(here.question(wire.claim(IMEI, T1)), expires_ms=now_ms() - 1)
    answer = here.send(old)
    assert answer is not None
    assert (answer.outcome, answer.why) == ("refused", "it has expired")
    here.born(skew_ms=-3_600_000)  # an hour slow, and it says so with each sign of life
    slow = replace(old, id=b"y" * 16, expires_ms=now_ms() - 3_590_000)
    answer = here.send(slow)
    assert answer is not None
    assert answer.outcome == "granted"


def test_forged_and_foreign_questions_get_no_answer_but_an_alarm(
    make: Callable[[str], Asker], store: Store
) -> None:
    here, there = make("S01"), make("S02")
    question = here.question(wire.claim(IMEI, T1))
    forged = cose.sign1(wire.encode_question(question), there.station.key, here.topics.req.encode())
    assert bring(store, here.topics.req, forged).answers == []
    elsewhere = cose.sign1(wire.encode_question(question), here.station.key, here.topics.rsp.encode())
    assert bring(store, here.topics.req, elsewhere).answers == []
    assert here.send(replace(question, station="S02")) is None
    signed_junk = cose.sign1(b"junk", here.station.key, here.topics.req.encode())
    assert bring(store, here.topics.req, signed_junk).answers == []
    assert sorted(alarm.kind for alarm in queries.alarms(store)) == ["malformed", "signature"]
    assert there.claim(IMEI, T2) == "granted"


@pytest.mark.parametrize(
    "ask",
    [
        Ask("claim", {"imei": "49015420323751", "trade": T1}),
        Ask("claim", {"imei": 490154203237518, "trade": T1}),
        Ask("claim", {"imei": IMEI, "trade": "x" * 65}),
        Ask("claim", {}),
        Ask("redeem", {"code": "nonsense"}),
        Ask("imei_history", {"imei": "x" * 15}),
    ],
)
def test_a_question_without_sense_is_refused_in_one_line(make: Callable[[str], Asker], ask: Ask) -> None:
    answer = make("S01").ask(ask)
    assert answer is not None
    assert answer.outcome == "refused"
    assert answer.why
    assert "\n" not in answer.why


def test_answers_that_are_kept_are_bounded(
    make: Callable[[str], Asker], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MAX_KEPT", 3)
    here, there = make("S01"), make("S02")
    there.claim(OTHER, T2)
    for number in range(9):
        here.claim(IMEI, f"01JZZZZZZZZZZZZZZZZZZZZZB{number}")
    with store.read() as connection:
        kept = connection.execute("SELECT station, count(*) FROM questions GROUP BY station").fetchall()
    assert [tuple(row) for row in kept] == [("S01", 3), ("S02", 1)]


def code_of(asker: Asker, expires_ms: int = 2**41) -> str:
    return voucher.issue(asker.station.key.sign, VOUCHER, 55_000, asker.name, expires_ms)


def test_a_voucher_is_redeemed_once_in_the_whole_network(make: Callable[[str], Asker]) -> None:
    issuer, here, there = make("S01"), make("S02"), make("S03")
    code = code_of(issuer)
    assert HqClaims(here).redeem(code, "S01") == "offline", "nobody has heard of it yet"
    issuer.tell("voucher.issued", T1, voucher=VOUCHER, amount_fen=55_000)
    assert HqClaims(here).redeem(code, "S01") == "granted"
    assert HqClaims(here).redeem(code, "S01") == "granted", "its answer may have been lost"
    assert HqClaims(there).redeem(code, "S01") == "used"
    here.tell("voucher.redeemed", "", voucher=VOUCHER, amount_fen=55_000)
    assert HqClaims(here).redeem(code, "S01") == "used"


def test_another_stations_word_neither_uses_up_a_promised_voucher_nor_blames_who_redeems_it(
    make: Callable[[str], Asker], store: Store
) -> None:
    issuer, here, there = make("S01"), make("S02"), make("S03")
    issuer.tell("voucher.issued", T1, voucher=VOUCHER, amount_fen=55_000)
    assert HqClaims(here).redeem(code_of(issuer), "S01") == "granted"
    there.tell("voucher.redeemed", "", voucher=VOUCHER, amount_fen=55_000)
    assert HqClaims(here).redeem(code_of(issuer), "S01") == "granted", "its answer may have been lost"
    here.tell("voucher.redeemed", "", voucher=VOUCHER, amount_fen=55_000)
    with store.read() as connection:
        flags = connection.execute("SELECT station, rule FROM flags").fetchall()
        redeemed = connection.execute("SELECT redeemed_at FROM vouchers").fetchall()
    assert ([tuple(row) for row in flags], redeemed[0][0]) == ([("S03", "voucher_replay")], "S02")


def test_a_code_over_another_amount_than_was_issued_is_worth_nothing(make: Callable[[str], Asker]) -> None:
    issuer, here = make("S01"), make("S02")
    issuer.tell("voucher.issued", T1, voucher=VOUCHER, amount_fen=100)
    answer = here.ask(wire.redeem(code_of(issuer)))
    assert answer is not None
    assert answer.outcome == "forged", "the station's key is right, its ledger says another amount"
    issuer.tell("voucher.issued", T1, voucher=VOUCHER, amount_fen=55_000)
    assert HqClaims(here).redeem(code_of(issuer), "S01") == "forged", "the first word counts"


def test_a_forged_or_expired_voucher_is_worth_nothing(make: Callable[[str], Asker]) -> None:
    issuer, here = make("S01"), make("S02")
    issuer.tell("voucher.issued", T1, voucher=VOUCHER, amount_fen=55_000)
    forged = voucher.issue(here.station.key.sign, VOUCHER, 99_000, "S01", 2**41)
    for code, outcome in ((forged, "forged"), (code_of(issuer, 1000), "expired")):
        answer = here.ask(wire.redeem(code))
        assert answer is not None
        assert answer.outcome == outcome
        assert HqClaims(here).redeem(code, "S01") == outcome
    stranger = voucher.issue(here.station.key.sign, VOUCHER, 99_000, "nobody", 2**41)
    assert HqClaims(here).redeem(stranger, "nobody") == "forged"


def test_a_phones_history_is_found_over_all_stations_by_its_index(
    make: Callable[[str], Asker], store: Store
) -> None:
    here, there = make("S01"), make("S02")
    here.tell("trade.begun", T1)
    here.tell("trade.accepted", T1, imei=IMEI)
    there.tell("trade.accepted", T2, imei=IMEI)
    there.tell("trade.accepted", T3, imei=OTHER)
    with store.write() as connection:
        connection.execute("INSERT INTO batches VALUES (99, 'X', 'e', 1, 2, '', x'', 1)")
        connection.executemany(
            "INSERT INTO entries (station, epoch, idx, hash, batch, visit, kind, actor, wall_ms, received_ms)"
            " VALUES ('X', 'e', ?, x'00', 99, ?, 'trade.begun', '', 1, 1)",
            ((number, f"V{number % 5000}") for number in range(1, 100_000)),
        )
        plan = connection.execute(f"EXPLAIN QUERY PLAN {history.NEWEST}", (IMEI, 64)).fetchall()
    steps = " ".join(row[3] for row in plan)
    assert "entries_visit" in steps, "within a second means never to read through a station's entries"
    assert "SCAN" not in steps
    answer = here.ask(wire.imei_history(IMEI))
    assert answer is not None
    assert [(row["station"], row["kind"]) for row in answer.rows] == [
        ("S02", "trade.accepted"),
        ("S01", "trade.accepted"),
        ("S01", "trade.begun"),
    ]
    assert HqClaims(here).history(IMEI) == answer.rows
    assert HqClaims(here).history("0" * 15) == ()


def test_answers_are_for_the_station_that_asked(make: Callable[[str], Asker], store: Store) -> None:
    here = make("S01")
    question = here.question(wire.claim(IMEI, T1))
    payload = cose.sign1(wire.encode_question(question), here.station.key, here.topics.req.encode())
    (reply,) = replies(bring(store, here.topics.req, payload))
    assert (reply.topic, reply.retain) == (here.topics.res, False)
    assert reply.expiry_s is not None
    assert wire.decode_answer(reply.payload).id == question.id


@pytest.mark.tool("mosquitto")
def test_a_claim_goes_over_a_real_broker_and_back(tmp_path: Path, store: Store) -> None:
    broker = Broker(tmp_path / "broker")
    broker.start()
    key = keys.load_or_create(tmp_path / "hq.pem")
    keys.save_public(key.public_key(), tmp_path / "hq.pub")
    intake = Intake(store, Address("127.0.0.1", broker.port), key)
    stations = [ReportingStation(tmp_path, name) for name in ("S01", "S02")]
    for station in stations:
        registry.pin(store, station.name, station.key.public_key())
    intake.start()
    try:
        assert intake.wait_connected(WAIT_S)
        here, there = (
            HqClaims(station.report(broker.port, tmp_path / "hq.pub"), WAIT_S) for station in stations
        )
        assert here.claim(IMEI, T1) == "granted"
        assert there.claim(IMEI, T2) == "elsewhere"
        stations[0].write("trade.returned", T1)
        assert stations[0].wait_settled()
        assert there.claim(IMEI, T2) == "granted"
        assert stations[0].troubles == stations[1].troubles == []
    finally:
        for station in stations:
            station.close()
        intake.stop()
        broker.stop()


def test_only_fifteen_digits_are_an_imei() -> None:
    assert claims.is_imei(IMEI)
    assert not any(claims.is_imei(text) for text in ("", IMEI[:-1], IMEI + "0", "４" * 15, "-" + IMEI[1:]))
