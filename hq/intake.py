"""Headquarters' end of the wire: verifies, commits, and only then acknowledges and gives a signed receipt.

The only user of paho at headquarters. Messages are taken in groups, one transaction each; the broker keeps
what is not yet committed (session of seven days) and the stations send again what it lost.
"""

from __future__ import annotations

import logging
import queue
import random
import socket
import threading
from dataclasses import dataclass

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from hq import commands, desk
from hq.desk import Mail, Outcomes
from hq.errors import BrokerError, HqError, StoreError
from hq.settings import Address
from hq.store import Store, now_ms
from ledger import cose
from mqtt import messages, topics

log = logging.getLogger(__name__)

RECEIVE_MAXIMUM = 4096
SESSION_S = 7 * 86400
KEEPALIVE_S = 15
GROUP = 256
"""Messages that share one transaction at most."""
MAX_MESSAGE_BYTES = 1024 * 1024
UP = ("ev", "st", "hl", "rsp", "req")
CONNECT_S = 5.0
RETRY_S = (0.3, 2.0)
RETRY_STORE_S = 1.0
CLIENT_ID = "hq-intake"


@dataclass(frozen=True, slots=True)
class _Came:
    """A message and the connection that can acknowledge it."""

    client: paho.Client
    mid: int
    qos: int
    mail: Mail


def _without_delay(_client: paho.Client, _data: object, link: object) -> None:
    # Nagle's algorithm would hold a small PUBACK back until the broker's delayed TCP ACK: 40 ms each.
    if isinstance(link, socket.socket):
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Intake:
    """Runs on two threads of its own between :meth:`start` and :meth:`stop`."""

    def __init__(self, store: Store, broker: Address, key: Ed25519PrivateKey) -> None:
        self._store, self._broker = store, broker
        self._sign = cose.signer(key)
        self._inbox: queue.SimpleQueue[_Came | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._lost = threading.Event()
        self._client: paho.Client | None = None
        self._link = threading.Thread(target=self._connect_for_ever, name="hq-link", daemon=True)
        self._worker = threading.Thread(target=self._work, name="hq-intake", daemon=True)
        self._links = self._links_served = 0
        self._commands = threading.Lock()
        self._link_trouble = ""
        self._store_trouble = ""

    @property
    def trouble(self) -> str:
        """One line about what keeps the intake from working now; empty when nothing does."""
        return self._store_trouble or self._link_trouble

    @property
    def connected(self) -> bool:
        """Whether the broker is there and headquarters is subscribed."""
        return self._ready.is_set()

    def start(self) -> None:
        """Connect in the background."""
        self._worker.start()
        self._link.start()

    def wait_connected(self, timeout_s: float) -> bool:
        """True once subscribed."""
        return self._ready.wait(timeout_s)

    def wait_lost(self, timeout_s: float) -> bool:
        """True once the broker is gone."""
        return self._lost.wait(timeout_s)

    def stop(self) -> None:
        """Finish the group in hand, then disconnect; the broker keeps the rest."""
        self._stopping.set()
        self._inbox.put(None)
        if self._worker.is_alive():
            self._worker.join(10)
        client = self._client
        if client is not None:
            client.disconnect()
        if self._link.is_alive():
            self._link.join(CONNECT_S + 3)

    # the link: one paho client per connection ---------------------------------------------------------------

    def _connect_for_ever(self) -> None:
        while not self._stopping.is_set():
            try:
                self._one_connection()
            except BrokerError as exc:
                self._link_trouble = exc.detail
                log.info("broker: %s", exc.detail)
            except Exception as exc:  # noqa: BLE001 - the thread's last boundary: report, then try again
                self._link_trouble = f"the link to the broker failed: {exc!r}"
                log.warning("%s", self._link_trouble)
            self._ready.clear()
            self._stopping.wait(random.uniform(*RETRY_S))  # noqa: S311 - not a secret

    def _one_connection(self) -> None:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=CLIENT_ID,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S
        client.on_socket_open = _without_delay
        client.max_inflight_messages_set(1000)
        self._listen(client)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.SessionExpiryInterval = SESSION_S
        properties.MaximumPacketSize = MAX_MESSAGE_BYTES
        try:
            client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=KEEPALIVE_S,
                clean_start=False,
                properties=properties,
            )
        except (OSError, ValueError) as exc:
            raise BrokerError(f"the broker at {self._broker} does not answer: {exc}") from exc
        self._client = client
        client.loop_forever()
        self._client = None

    def _listen(self, client: paho.Client) -> None:
        def connected(_c: paho.Client, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
            if reason.is_failure:
                self._link_trouble = f"the broker refuses headquarters: {reason}"
                client.disconnect()
            else:
                client.subscribe([(topics.every(leaf), 1 if leaf != "hl" else 0) for leaf in UP])

        def subscribed(*_: object) -> None:
            self._link_trouble = ""
            self._lost.clear()
            self._ready.set()
            self._links += 1
            self._inbox.put(None)  # the worker sends again what the old connection may have lost

        def gone(_c: paho.Client, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
            self._ready.clear()
            if not self._stopping.is_set():
                self._link_trouble = f"the broker's connection was lost: {reason}"
            self._lost.set()

        def message(_c: paho.Client, _d: object, came: paho.MQTTMessage) -> None:
            if not came.qos and self._inbox.qsize() > RECEIVE_MAXIMUM:
                return  # a health sample: nothing else bounds how many of those may wait
            mail = Mail(came.topic, bytes(came.payload), came.retain)
            self._inbox.put(_Came(client, came.mid, came.qos, mail))

        client.on_connect = connected
        client.on_subscribe = subscribed
        client.on_disconnect = gone
        client.on_message = message

    # the worker: one transaction per group -----------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._take_in(self._next_group())
            self.send_commands()

    def _take_in(self, group: list[_Came]) -> None:
        """Until it is committed; what we fail over ourselves is found by itself and stops nothing else."""
        while group and not self._stopping.is_set():
            try:
                self._take(group)
                self._store_trouble = ""
                group = []
            except StoreError as exc:
                # Not acknowledged, so nothing is lost; the disk may recover (full, busy).
                self._store_trouble = exc.detail
                log.warning("%s; trying again", exc.detail)
                self._stopping.wait(RETRY_STORE_S)
            except Exception as exc:  # the thread's last boundary: report, go on
                if len(group) == 1:
                    log.exception("our own error while taking a message in")
                    self._set_aside(group[0], exc)
                else:
                    for came in group:
                        self._take_in([came])
                group = []

    def _set_aside(self, came: _Came, exc: Exception) -> None:
        """No receipt, so the station keeps what it sent; acknowledged, or it would stop the others again."""
        try:
            with self._store.write() as connection:
                desk.set_aside(connection, came.mail, repr(exc))
        except StoreError as failed:
            log.warning("no alarm could be written: %s", failed.detail)
        if came.qos:
            came.client.ack(came.mid, came.qos)

    def _next_group(self) -> list[_Came]:
        first = self._inbox.get()
        group = [] if first is None else [first]
        while group and len(group) < GROUP:
            try:
                came = self._inbox.get_nowait()
            except queue.Empty:
                break
            if came is not None:
                group.append(came)
        return group

    def _take(self, group: list[_Came]) -> None:
        outcomes = Outcomes()
        with self._store.write() as connection:
            for came in group:
                desk.handle(connection, came.mail, outcomes)
        self.committed(group)
        for came in group:
            if came.qos:
                came.client.ack(came.mid, came.qos)
        for reply in desk.replies(outcomes):
            message = self._sign(reply.payload, reply.topic)
            self._publish(reply.topic, message, retain=reply.retain, expiry_s=reply.expiry_s)

    def committed(self, group: list[_Came]) -> None:
        """Between commit and acknowledgement: a crash here loses nothing (tests die here)."""

    def _publish(self, topic: str, message: bytes, *, retain: bool, expiry_s: int | None = None) -> bool:
        client = self._client
        if client is None:
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        sent = client.publish(topic, message, qos=1, retain=retain, properties=properties)
        return sent.rc == paho.MQTT_ERR_SUCCESS

    def send_commands(self) -> None:
        """Send what is waiting to every station that is there; safe from any thread, and quick when idle."""
        if not self._ready.is_set():
            return
        try:
            with self._commands:
                self._send_commands()
        except HqError as exc:
            log.warning("commands wait: %s", exc.detail)

    def _send_commands(self) -> None:
        links = self._links
        if links != self._links_served:
            with self._store.write() as connection:
                commands.unsent(connection)
            self._links_served = links
        with self._store.read() as connection:
            waiting = commands.due(connection)
        for command in waiting:
            topic = topics.of(command.station).cmd
            life_s = max(1, (command.expires_ms - now_ms()) // 1000)
            message = self._sign(messages.encode_command(command), topic)
            if self._publish(topic, message, retain=False, expiry_s=life_s):
                with self._store.write() as connection:
                    commands.sent(connection, command)
