"""One connection's conversation with headquarters. It decides what to say and when; it opens no socket.

``Say`` is how it speaks: ``(topic, message, qos, retain, expiry_s)``. A new one is made after every break.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from typing import Literal

from mqtt import messages, questions
from mqtt.asking import Asking, Pending
from mqtt.errors import MqttError
from mqtt.messages import CommandResult, Outcome, Presence
from mqtt.orders import Orders
from mqtt.ports import Broker, Callbacks, Outbox, Sign, Verify
from mqtt.questions import Question
from mqtt.topics import Topics
from mqtt.window import Window

log = logging.getLogger(__name__)

HEALTH_MIN_S = 2.0
IDLE_S = 1.0
"""Longest pause between two looks at the ledger, for entries of another process that cannot poke us."""

Say = Callable[[str, bytes, Literal[0, 1], bool, int | None], None]


def now_ms() -> int:
    """UTC in milliseconds."""
    return time.time_ns() // 1_000_000


class Session:
    """Made before connecting, because the will travels with the CONNECT; then :meth:`open` and
    :meth:`work`.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Topics,
        outbox: Outbox,
        *,
        sign: Sign,
        verify: Verify,
        callbacks: Callbacks,
        asking: Asking | None = None,
    ) -> None:
        self._broker, self._topics, self._outbox = broker, topics, outbox
        self._sign, self._verify, self._tell = sign, verify, callbacks
        self._nonce = os.urandom(messages.NONCE_BYTES)
        self._epoch, self._head = outbox.head()
        self._window = Window(outbox.watermark(), broker.resend_s)
        self._orders = Orders(topics.station, self._epoch, self._nonce)
        self._asking = asking or Asking()
        self._asked: set[bytes] = set()
        self._said: tuple[int, int] = (-1, -1)
        self._said_s = 0.0

    @property
    def healthy(self) -> bool:
        """Whether headquarters' receipts come in time."""
        return not self._window.overdue

    def presence(self, online: bool) -> bytes:
        """The signed birth or will of this connection."""
        presence = Presence(
            self._topics.station,
            online,
            self._nonce,
            self._epoch,
            self._head,
            self._window.watermark,
            now_ms(),
        )
        return self._sign(messages.encode_presence(presence), self._topics.st)

    def open(self, say: Say) -> None:
        """Subscribed: announce the birth."""
        say(self._topics.st, self.presence(True), 1, True, None)
        self._said, self._said_s = (self._head, self._window.watermark), time.monotonic()

    def close(self, say: Say) -> None:
        """An orderly departure, in the will's place."""
        say(self._topics.st, self.presence(False), 1, True, None)

    def work(self, say: Say) -> float:
        """Send what may be sent now; seconds after which to come back even if nothing happens."""
        now_s = time.monotonic()
        if self._window.late(now_s):
            log.info("no receipt in time; sending again from entry %d", self._window.watermark + 1)
        while self._window.has_room():
            batch = self._outbox.next_batch(self._topics.ev, self._window.cursor)
            if batch is None:
                break
            say(self._topics.ev, batch.data, 1, False, None)
            self._window.sent(batch.first_index, batch.last_index, now_s)
        self._ask(say)
        self._health(say, now_s)
        patience_s = self._window.patience_s(now_s)
        return IDLE_S if patience_s is None else min(IDLE_S, patience_s)

    def _health(self, say: Say, now_s: float) -> None:
        self._head = self._outbox.head()[1]
        facts = (self._head, self._window.watermark)
        age_s = now_s - self._said_s
        if age_s < (self._broker.health_s if facts == self._said else HEALTH_MIN_S):
            return
        presence = Presence(self._topics.station, True, self._nonce, self._epoch, *facts, now_ms())
        message = self._sign(messages.encode_presence(presence), self._topics.hl)
        say(self._topics.hl, message, 0, False, int(self._broker.health_s * 2) + 1)
        self._said, self._said_s = facts, now_s

    def _ask(self, say: Say) -> None:
        """Each question once on this connection, under this connection's nonce."""
        waiting = self._asking.waiting()
        for pending in waiting:
            if pending.id not in self._asked:
                expiry_s = max(1, math.ceil(pending.left_s()))
                say(self._topics.req, self._question(pending, expiry_s), 1, False, expiry_s)
        self._asked = {pending.id for pending in waiting}

    def _question(self, pending: Pending, life_s: int) -> bytes:
        at_ms, ask = now_ms(), pending.ask
        question = Question(
            pending.id,
            self._topics.station,
            self._epoch,
            ask.kind,
            dict(ask.arguments),
            at_ms,
            at_ms + life_s * 1000,
            self._nonce,
        )
        return self._sign(questions.encode_question(question), self._topics.req)

    def _bound(self, topic: str) -> int:
        """Bytes of the largest message that is looked at, signature and all."""
        sizes = {self._topics.cmd: messages.MAX_COMMAND_BYTES, self._topics.res: questions.MAX_ANSWER_BYTES}
        return sizes.get(topic, messages.MAX_BYTES) + messages.MAX_BYTES

    def receive(self, topic: str, message: bytes, say: Say) -> None:
        """A receipt, a command or an answer came; anything else, or anything unsigned, is refused in one line."""
        payload = self._verify(message, topic) if len(message) <= self._bound(topic) else None
        if payload is None:
            self._tell.on_trouble(f"{topic}: not signed by headquarters; ignored")
            return
        try:
            if topic == self._topics.ack:
                self._receipt(payload)
            elif topic == self._topics.cmd:
                self._command(payload, say)
            elif topic == self._topics.res:
                self._answer(payload)
        except MqttError as exc:
            self._tell.on_trouble(f"{topic}: {exc.detail}; ignored")

    def _receipt(self, payload: bytes) -> None:
        receipt = messages.decode_receipt(payload)
        if receipt.station != self._topics.station:
            self._tell.on_trouble(f"a receipt for station {receipt.station}; ignored")
            return
        outcome = self._outbox.settle(receipt)
        if outcome == "not_ours":
            self._tell.on_trouble(
                f"headquarters holds entry {receipt.index} of this epoch, but not as it stands here: "
                "this ledger was rolled back or copied"
            )
        elif outcome in {"moved", "same"}:
            self._window.received(receipt.index)
        if outcome == "moved":
            self._tell.on_receipt(receipt.index)

    def _answer(self, payload: bytes) -> None:
        answer = questions.decode_answer(payload)
        if answer.station != self._topics.station:
            self._tell.on_trouble(f"an answer for station {answer.station}; ignored")
        elif not self._asking.settle(answer):
            log.info("an answer that nobody waits for any more; ignored")

    def _command(self, payload: bytes, say: Say) -> None:
        command = messages.decode_command(payload)
        if self._orders.stale(command):
            log.info("a command for an earlier connection; ignored")
            return
        why = self._orders.answered(command)
        if why is None:
            why = self._orders.refusal(command, now_ms())
            if not why:
                carry_out = self._tell.on_command
                why = "this station carries out no commands" if carry_out is None else carry_out(command)
            self._orders.answer(command, why)
        outcome: Outcome = "refused" if why else "done"
        result = CommandResult(command.id, self._topics.station, outcome, why[: messages.MAX_TEXT], now_ms())
        say(
            self._topics.rsp,
            self._sign(messages.encode_result(result), self._topics.rsp),
            1,
            False,
            None,
        )
