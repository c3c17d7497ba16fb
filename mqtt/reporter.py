"""The station's end of the wire to headquarters: publishes from the last receipt to the ledger's head, for
ever.

The only user of paho in the station. It holds no queue of its own: after every break it starts again from the
outbox's watermark, and a PUBACK counts for nothing; only headquarters' signed receipt does.
"""

from __future__ import annotations

import logging
import queue
import random
import socket
import threading
import time
from dataclasses import dataclass
from typing import Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from mqtt import topics
from mqtt.asking import Asking
from mqtt.errors import LinkError, MqttError
from mqtt.ports import Batch, Broker, Callbacks, Outbox, Sign, Verify
from mqtt.questions import Answer, Ask
from mqtt.session import Say, Session
from mqtt.topics import Topics

__all__ = ["Batch", "Broker", "Callbacks", "Outbox", "Reporter", "Sign", "Verify"]

log = logging.getLogger(__name__)

RECEIVE_MAXIMUM = 64
CONNECT_S = 5.0
MIN_BACKOFF_S, MAX_BACKOFF_S = 0.5, 30.0
STEADY_S = 30.0
"""A connection that lasted this long starts the backoff afresh."""
MAX_EVENTS = 4096
"""Messages from the broker that may wait; a broker that sends more loses the connection."""


@dataclass(frozen=True, slots=True)
class _Event:
    """From paho's thread or a caller's to the reporter's; ``connection`` 0 is a caller."""

    connection: int
    what: Literal["up", "down", "message", "poke"]
    topic: str = ""
    payload: bytes = b""
    why: str = ""


class Reporter:
    """Call :meth:`start`, then :meth:`poke` after each commit, and :meth:`stop` at the end.

    ``sign`` and ``verify`` are the station's and headquarters' keys as functions; the reporter knows no keys.
    """

    def __init__(
        self,
        broker: Broker,
        station: str,
        outbox: Outbox,
        *,
        sign: Sign,
        verify: Verify,
        callbacks: Callbacks | None = None,
    ) -> None:
        self._broker = broker
        self._topics = topics.of(station)
        self._outbox = outbox
        self._sign, self._verify = sign, verify
        self._tell = callbacks or Callbacks()
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._poked = threading.Event()
        self._stopping = threading.Event()
        self._asking = Asking()
        self._connection = 0
        self._online = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    @property
    def online(self) -> bool:
        """Whether the broker is connected and headquarters' receipts come in time."""
        return self._online

    def start(self) -> None:
        """Begin to connect, in the background; returns at once."""
        self._thread.start()

    def poke(self) -> None:
        """Say that new entries were committed. Cheap; from any thread."""
        if not self._poked.is_set():
            self._poked.set()
            self._events.put(_Event(0, "poke"))

    def ask(self, ask: Ask, timeout_s: float) -> Answer | None:
        """Headquarters' answer, waited for ``timeout_s``; None when there was none. From any thread.

        Broken connections in between do not matter. None does not mean that headquarters did nothing: it may have
        answered too late. Asking again must therefore be harmless, and for every kind of question it is.
        """
        pending = self._asking.begin(ask, timeout_s)
        if pending is None:
            return None
        self.poke()
        pending.done.wait(timeout_s)
        self._asking.end(pending)
        return pending.answer

    def stop(self, timeout_s: float = 8.0) -> None:
        """Announce the departure, disconnect and end the thread."""
        self._stopping.set()
        self._asking.close()
        self._events.put(_Event(0, "poke"))
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._one_connection()
            except MqttError as exc:
                log.info("headquarters' broker: %s", exc.detail)
            except Exception as exc:  # noqa: BLE001 - the thread's last boundary: report, then try again
                self._tell.on_trouble(f"reporting: {getattr(exc, 'detail', None) or repr(exc)}")
            self._show_online(False)
            failures = 1 if time.monotonic() - began_s > STEADY_S else failures + 1
            ceiling_s = min(MAX_BACKOFF_S, MIN_BACKOFF_S * 2 ** min(failures - 1, 10))
            # Jitter: a broker that comes back is not met by every station in the same moment.
            self._stopping.wait(random.uniform(0.3, 1.0) * ceiling_s)  # noqa: S311 - not a secret

    def _show_online(self, online: bool) -> None:
        if online != self._online:
            self._online = online
            self._tell.on_online(online)

    def _one_connection(self) -> None:
        self._connection += 1
        session = Session(
            self._broker,
            self._topics,
            self._outbox,
            sign=self._sign,
            verify=self._verify,
            callbacks=self._tell,
            asking=self._asking,
        )
        client = _client(self._topics, session.presence(False))
        say = _speaker(client)
        self._listen(client, self._connection)
        try:
            _connect(client, self._broker)
            self._serve(session, say)
            session.close(say)
            _drain(client)
        finally:
            client.disconnect()
            client.loop_stop()

    def _listen(self, client: paho.Client, connection: int) -> None:
        def put(what: Literal["up", "down", "message"], topic: str, payload: bytes, why: str) -> None:
            if self._events.qsize() < MAX_EVENTS:
                self._events.put(_Event(connection, what, topic, payload, why))
            elif self._connection == connection:
                client.disconnect()  # more than can be read; gone() then says so

        def connected(_c: paho.Client, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
            if reason.is_failure:
                put("down", "", b"", f"connection refused: {reason}")
            else:
                client.subscribe(
                    [(topic, 1) for topic in (self._topics.ack, self._topics.cmd, self._topics.res)]
                )

        def gone(_c: paho.Client, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
            self._events.put(_Event(connection, "down", why=f"connection lost: {reason}"))

        def message(_c: paho.Client, _d: object, came: paho.MQTTMessage) -> None:
            put("message", came.topic, bytes(came.payload), "")

        client.on_connect = connected
        client.on_subscribe = lambda *_: put("up", "", b"", "")
        client.on_disconnect = gone
        client.on_message = message

    def _serve(self, session: Session, say: Say) -> None:
        """Until stopped; :exc:`LinkError` when the connection breaks or never opens."""
        opened = False
        give_up_s = time.monotonic() + CONNECT_S
        wait_s = CONNECT_S
        while not self._stopping.is_set():
            if opened:
                wait_s = session.work(say)
                self._show_online(session.healthy)
            elif time.monotonic() > give_up_s:
                raise LinkError("the broker accepts connections but does not answer")
            try:
                event = self._events.get(timeout=max(0.001, wait_s))
            except queue.Empty:
                continue
            if event.what == "poke":
                self._poked.clear()
            elif event.connection != self._connection:
                continue
            elif event.what == "down":
                raise LinkError(event.why)
            elif event.what == "up":
                opened = True
                session.open(say)
            elif event.what == "message":
                session.receive(event.topic, event.payload, say)


def _client(ours: Topics, will: bytes) -> paho.Client:
    # A new client for every connection: paho's own queue would resend what the ledger resends anyway.
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"station-{ours.station}",
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_S
    client.on_socket_open = _without_delay
    client.will_set(ours.st, will, qos=1, retain=True)
    return client


def _without_delay(_client: paho.Client, _data: object, link: object) -> None:
    # Nagle's algorithm would hold a small PUBLISH back until the broker's delayed TCP ACK: 40 ms each.
    if isinstance(link, socket.socket):
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _connect(client: paho.Client, broker: Broker) -> None:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    try:
        client.connect(
            broker.host,
            broker.port,
            keepalive=broker.keepalive_s,
            clean_start=True,
            properties=properties,
        )
    except (OSError, ValueError) as exc:
        raise LinkError(f"{broker.host}:{broker.port} does not answer: {exc}") from exc
    client.loop_start()


def _speaker(client: paho.Client) -> Say:
    def say(topic: str, message: bytes, qos: Literal[0, 1], retain: bool, expiry_s: int | None) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        try:
            sent = client.publish(topic, message, qos=qos, retain=retain, properties=properties)
        except (OSError, ValueError) as exc:
            raise LinkError(f"publishing failed: {exc}") from exc
        if sent.rc != paho.MQTT_ERR_SUCCESS:
            raise LinkError(f"publishing failed: {paho.error_string(sent.rc)}")

    return say


def _drain(client: paho.Client) -> None:
    """Give the farewell a moment to leave."""
    deadline_s = time.monotonic() + 1.0
    while client.want_write() and time.monotonic() < deadline_s:
        time.sleep(0.01)
