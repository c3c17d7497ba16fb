"""Headquarters' intake between broker and store, without a broker: what fails stops nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from hq import commands, desk, intake, queries, registry
from hq.desk import Mail, Outcomes
from hq.errors import StoreError
from hq.intake import Intake, _Came
from hq.settings import Address
from hq.store import Store
from ledger import keys
from mqtt import topics
from tests.stations import ReportingStation
from tests.unit.test_hq import TOPICS, bring, held, presence, sealed


class Acks(paho.Client):
    """A client that only remembers what it was told to acknowledge."""

    def __init__(self) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, manual_ack=True)
        self.acked: list[int] = []

    def ack(self, mid: int, qos: int) -> MQTTErrorCode:
        self.acked.append(mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "hq.sqlite3")


@pytest.fixture
def station(tmp_path: Path, store: Store) -> ReportingStation:
    made = ReportingStation(tmp_path, "S01")
    registry.pin(store, "S01", made.key.public_key())
    return made


@pytest.fixture
def made(tmp_path: Path, store: Store) -> Intake:
    return Intake(store, Address("127.0.0.1", 1), keys.load_or_create(tmp_path / "hq.pem"))


def test_a_message_we_fail_over_ourselves_stops_no_other(
    made: Intake, store: Store, station: ReportingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = desk.handle

    def fragile(connection: object, mail: Mail, outcomes: Outcomes) -> None:
        if mail.payload == b"poison":
            raise ZeroDivisionError
        real(connection, mail, outcomes)  # type: ignore[arg-type]

    monkeypatch.setattr(desk, "handle", fragile)
    station.write("visit.begun", "V1")
    client = Acks()
    bad = topics.of("S02").ev
    made._take_in(
        [
            _Came(client, 1, 1, Mail(bad, b"poison", False)),
            _Came(client, 2, 1, Mail(TOPICS.ev, sealed(station), False)),
        ]
    )
    assert held(store) == [1]
    assert client.acked == [1, 2]
    assert [(alarm.station, alarm.kind) for alarm in queries.alarms(store)] == [("S02", "our_error")]
    assert made.trouble == ""


def test_a_disk_that_recovers_loses_nothing_and_the_trouble_is_over(
    made: Intake, store: Store, station: ReportingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = desk.handle
    seen: list[str] = []

    def full_once(connection: object, mail: Mail, outcomes: Outcomes) -> None:
        seen.append(made.trouble)
        if len(seen) == 1:
            raise StoreError("the disk is full")
        real(connection, mail, outcomes)  # type: ignore[arg-type]

    monkeypatch.setattr(desk, "handle", full_once)
    monkeypatch.setattr(intake, "RETRY_STORE_S", 0.0)
    station.write("visit.begun", "V1")
    client = Acks()
    made._take_in([_Came(client, 7, 1, Mail(TOPICS.ev, sealed(station), False))])
    assert seen == ["", "the disk is full"]
    assert (held(store), client.acked, made.trouble) == ([1], [7], "")


def test_a_command_that_a_lost_link_may_have_swallowed_is_sent_again(
    made: Intake, store: Store, station: ReportingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def publish(topic: str, *_: object, **__: object) -> bool:
        said.append(topic)
        return True

    monkeypatch.setattr(made, "_publish", publish)
    station.write("call.requested", "V1", "customer")
    bring(store, TOPICS.ev, sealed(station))
    bring(store, TOPICS.st, presence(station))
    client = paho.Client(CallbackAPIVersion.VERSION2)
    made._listen(client)
    with store.write() as connection:
        commands.acknowledge(connection, queries.calls(store)[0].id, "王经理", 600)
    for expected in (1, 2):
        subscribed: Any = client.on_subscribe
        subscribed()  # connected, and then connected again
        made.send_commands()
        made.send_commands()
        assert said == [TOPICS.cmd] * expected


def test_health_samples_beyond_what_can_be_read_are_dropped_and_entries_are_not(
    made: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "RECEIVE_MAXIMUM", 2)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    made._listen(client)
    assert client.on_message is not None
    for qos in (0,) * 9 + (1,) * 9:
        message = paho.MQTTMessage(1, b"f/1/0/S/hl")
        message.qos = qos
        client.on_message(client, None, message)
    assert made._inbox.qsize() == 3 + 9
