"""The station's half of the update agent's protocol as a state machine without I/O: questions in, bytes out,
answers back as facts.

It moves no bytes itself and chooses no update. docs/agent-protocol.md has the frames and the rules.
"""

from __future__ import annotations

from collections import deque

from firmware_agent import order as orders
from firmware_agent import wire
from hw.errors import LocalProtocolError, RemoteProtocolError
from hw.proto.agent_facts import (
    CAME_DAMAGED,
    OUT_OF_STEP,
    Aborted,
    Doing,
    Event,
    Files,
    Ordered,
    Question,
    Rebooting,
    Refused,
    Taken,
    Welcomed,
    Working,
    check_welcome,
    listed,
)  # fmt: skip

MAX_STALE_BYTES = 64 << 10
"""Before WELCOME anything may come (the end of a former conversation), but no more than this."""


class Host:
    """One conversation, from a HELLO on. Every question raises LocalProtocolError when it is not its turn.

    ``welcome`` is what the device last said of itself. ``order`` is the one placed, ``sent`` where the next
    piece of its patch begins, ``taken`` what the device has acknowledged of it, ``durable`` what would survive
    a power cut; all in bytes. ``came_bytes`` and ``went_bytes`` count everything on the wire, ``stale_bytes``
    what came while a HELLO was unanswered; ``late_work`` counts signs of a commit that goes on from before.
    ``sequence``: where to begin, so that an answer to a former conversation is not taken for one to this.
    """

    def __init__(self, sequence: int = 0) -> None:
        self.welcome: wire.Welcome | None = None
        self.sent = self.taken = self.durable = 0
        self.came_bytes = self.went_bytes = 0
        self._sequence = sequence & 0xFFFF
        self._deframer = wire.Deframer()
        self._asked: deque[Question] = deque()
        self.stale_bytes = self.late_work = 0
        self._broken = self._out_of_step = False
        self.order: orders.Order | None = None
        self._working = (0, 0)

    @property
    def waits(self) -> bool:
        """Whether a question has no answer yet."""
        return bool(self._asked)

    @property
    def is_greeting(self) -> bool:
        """Whether a HELLO has no answer yet: what else comes is the end of something former."""
        return bool(self._asked) and self._asked[0].kind == wire.HELLO

    @property
    def needs_hello(self) -> bool:
        """Whether only :meth:`hello` can be asked: at the start, or after the two lost step."""
        return self._out_of_step or (self.welcome is None and not self.is_greeting)

    def flush(self) -> bytes:
        """Bytes that end a frame the device may still be waiting for the rest of; a HELLO must follow."""
        self.went_bytes += wire.MAX_FRAME_BYTES
        return bytes(wire.MAX_FRAME_BYTES)

    # -- questions ------------------------------------------------------------------------------

    def hello(self) -> bytes:
        """The frame that (re)starts the conversation; allowed at any time that the peer kept the protocol."""
        if self._broken:
            raise LocalProtocolError("the phone broke the protocol: only a new connection helps")
        self._asked.clear()
        self._out_of_step = False
        self.welcome, self.order = None, None
        self.stale_bytes = 0
        payload = wire.pack_hello(wire.OLDEST_VERSION, wire.VERSION, wire.MAX_PAYLOAD_BYTES)
        return self._ask(wire.HELLO, payload)

    def place_order(self, order: bytes, signature: bytes) -> bytes:
        """The frame with an order and the signature of exactly these bytes."""
        self._alone("an order")
        try:
            self.order = orders.parse(order)
        except orders.OrderError as exc:
            raise LocalProtocolError(f"the update's order cannot be read: {exc.args[0]}") from exc
        self.sent = self.taken = self.durable = 0
        return self._ask(wire.ORDER, order + signature)

    def room(self) -> int:
        """How many bytes :meth:`data` may carry now; 0: wait for an answer, or everything was sent."""
        if self.order is None or self.welcome is None or self._out_of_step:
            return 0
        if self._asked and self._asked[0].kind != wire.DATA:
            return 0
        piece = min(self.welcome.max_payload - 4, max(1, self.welcome.window // 2))
        free = self.welcome.window - (self.sent - self.taken)
        left = self.order.patch_size - self.sent
        return left if left <= min(piece, free) else piece if piece <= free else 0

    def data(self, piece: bytes | memoryview) -> bytes:
        """The frame with the patch's next bytes, those from ``sent`` on."""
        if not 0 < len(piece) <= self.room():
            raise LocalProtocolError(f"{len(piece)} bytes of a patch, {self.room()} may be sent now")
        out = self._ask(wire.DATA, wire.pack_data(self.sent, piece), len(piece))
        self.sent += len(piece)
        return out

    def commit(self) -> bytes:
        """The frame that has the image built; answered by :class:`Working` until done == total."""
        self._alone("a commit")
        self._working = (0, 0)
        return self._ask(wire.COMMIT)

    def abort(self) -> bytes:
        """The frame that drops what is staged."""
        self._alone("an abort")
        return self._ask(wire.ABORT)

    def reboot(self) -> bytes:
        """The frame that restarts the device."""
        self._alone("a reboot")
        return self._ask(wire.REBOOT)

    def status(self) -> bytes:
        """The frame that asks what the device is doing."""
        self._alone("a question")
        return self._ask(wire.STATUS)

    def user_files(self, first: int, with_hash: bool) -> bytes:
        """The frame that asks for a page of the owner's files from number ``first`` on."""
        self._alone("a question")
        return self._ask(wire.USER_FILES, wire.pack_user_question(first, with_hash))

    # -- answers --------------------------------------------------------------------------------

    def receive(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """What the bytes mean. Raises RemoteProtocolError, after which the conversation is over."""
        self.came_bytes += len(data)
        events: list[Event] = []
        view = memoryview(data)
        if self._broken:
            raise RemoteProtocolError("the phone broke the agent's protocol before")
        try:
            self._bounded(len(view))
            while view:
                held = self._deframer.feed(view)
                view = view[held:]
                while (frame := self._next()) is not None:
                    event = frame if isinstance(frame, Refused) else self._answer(frame)
                    if event is not None:
                        events.append(event)
        except RemoteProtocolError:
            self._broken = True
            raise
        return events

    def _bounded(self, size_bytes: int) -> None:
        if self.is_greeting:
            self.stale_bytes += size_bytes
            if self.stale_bytes > MAX_STALE_BYTES:
                raise RemoteProtocolError("the phone does not speak the agent's protocol")

    def _next(self) -> wire.Frame | Refused | None:
        """The next frame; our own refusal where one came damaged, once until the two are in step again."""
        while True:
            try:
                return self._deframer.next()
            except wire.WireError as exc:
                if not self.is_greeting and not self._out_of_step:
                    self._out_of_step = True
                    self._asked.clear()
                    return Refused(exc.code, exc.detail, CAME_DAMAGED)

    def _answer(self, frame: wire.Frame) -> Event | None:
        try:
            if self.is_greeting:
                return self._greeted(frame)
            if frame.kind == wire.REFUSED:
                return self._refused(frame)
            return self._meant(frame)
        except wire.WireError as exc:
            raise RemoteProtocolError("the phone's answer cannot be read") from exc

    def _greeted(self, frame: wire.Frame) -> Event | None:
        """Only what carries the HELLO's sequence answers it; the rest is late."""
        hello = self._asked[0]
        if frame.sequence == hello.sequence and frame.kind == wire.REFUSED:
            self._asked.clear()
            return Refused(*wire.unpack_refused(frame.payload), question=wire.HELLO)
        if frame.sequence != hello.sequence or frame.kind != wire.WELCOME:
            self.late_work += frame.kind == wire.WORKING
            return None
        self.welcome = check_welcome(wire.unpack_welcome(frame.payload))
        self._asked.clear()
        return Welcomed(self.welcome)

    def _refused(self, frame: wire.Frame) -> Refused | None:
        code, detail = wire.unpack_refused(frame.payload)
        if code in OUT_OF_STEP:
            self._out_of_step = True
            self._asked.clear()
            return Refused(code, detail, question=0)
        if self._out_of_step:
            return None
        question = self._question(frame)
        self._asked.popleft()
        if question.kind == wire.ORDER:
            self.order = None
        if self._asked:  # what was sent behind it is refused as well
            self._out_of_step = True
            self._asked.clear()
        return Refused(code, detail, question.kind)

    def _meant(self, frame: wire.Frame) -> Event | None:
        if self._out_of_step:
            return None  # late answers; the HELLO that comes next sorts them out
        question = self._question(frame)
        if frame.kind != question.kind | wire.IS_ANSWER:
            raise RemoteProtocolError(f"the phone answered {question.kind:#04x} with {frame.kind:#04x}")
        if frame.kind == wire.WORKING:
            return self._worked(frame.payload)
        self._asked.popleft()
        if frame.kind in (wire.ORDERED, wire.TAKEN):
            return self._received(question, *wire.unpack_counts(frame.payload))
        if frame.kind in (wire.USER_PAGE, wire.STATE):
            return self._told(frame)
        self.order = None
        return Rebooting() if frame.kind == wire.REBOOTING else Aborted()

    def _told(self, frame: wire.Frame) -> Event:
        if frame.kind == wire.STATE:
            return Doing(*wire.unpack_counts(frame.payload))
        return Files(*listed(*wire.unpack_user_page(frame.payload)))

    def _question(self, frame: wire.Frame) -> Question:
        """The oldest question, which is the one that must be answered now."""
        if not self._asked or self._asked[0].sequence != frame.sequence:
            raise RemoteProtocolError(f"the phone answered what was not asked ({frame.kind:#04x})")
        return self._asked[0]

    def _received(self, question: Question, received: int, durable: int) -> Event:
        whole = self.order.patch_size if self.order is not None else 0
        first = question.kind == wire.ORDER
        if durable > received or (
            received > whole if first else received != self.taken + question.size_bytes
        ):
            raise RemoteProtocolError(f"the phone says it has {received} bytes, {durable} of them for good")
        if not first and durable < self.durable:
            raise RemoteProtocolError("the phone says that bytes it had for good are gone")
        self.taken, self.durable = received, durable
        if first:
            self.sent = received
            return Ordered(received, durable)
        return Taken(received, durable)

    def _worked(self, payload: bytes) -> Working:
        done, total = wire.unpack_counts(payload)
        before, announced = self._working
        if (
            not 0 < total <= orders.MAX_IMAGE_BYTES
            or not before <= done <= total
            or announced not in (0, total)
        ):
            raise RemoteProtocolError(f"the phone says it has done {done} of {total} bytes")
        self._working = (done, total)
        if done == total:
            self._asked.popleft()
        return Working(done, total)

    # -- frames out -----------------------------------------------------------------------------

    def _alone(self, what: str) -> None:
        if self.welcome is None or self._out_of_step or self._broken:
            raise LocalProtocolError(f"{what} before the phone has said what it is")
        if self._asked:
            raise LocalProtocolError(f"{what} while the phone still owes an answer")

    def _ask(self, kind: int, payload: bytes = b"", size_bytes: int = 0) -> bytes:
        limit = self.welcome.max_payload if self.welcome is not None else wire.MAX_PAYLOAD_BYTES
        if len(payload) > limit:
            raise LocalProtocolError(f"{len(payload)} bytes for the phone, which takes {limit} at once")
        self._sequence = (self._sequence + 1) & 0xFFFF
        if kind == wire.HELLO and self._sequence == 0:
            self._sequence = 1  # 0 is what refusals carry that answer no frame
        out = wire.frame(kind, self._sequence, payload)
        self._asked.append(Question(kind, self._sequence, size_bytes))
        self.went_bytes += len(out)
        return out
