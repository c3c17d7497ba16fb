"""What a device's update agent can answer, as facts, and its refusals as lines for people. No I/O, no state."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_agent import wire
from hw.errors import RemoteProtocolError

MAX_WINDOW_BYTES = 1 << 20
MAX_USER_FILES = 100_000
_METHODS = 1 << wire.WHOLE | 1 << wire.SLOT_DELTA | 1 << wire.IN_PLACE_DELTA

OUT_OF_STEP = frozenset(
    {wire.GARBAGE, wire.BAD_HEADER, wire.BAD_CRC, wire.OVERSIZE, wire.DUPLICATE, wire.OUT_OF_ORDER, wire.NO_HELLO}
)  # fmt: skip
"""Refusals of a frame rather than of what it asks: nothing changed, and a new HELLO puts the two in step."""


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The device said what it is."""

    welcome: wire.Welcome


@dataclass(frozen=True, slots=True)
class Ordered:
    """The order is accepted; the patch goes on at ``received`` bytes."""

    received: int
    durable: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A piece of the patch arrived; ``durable`` bytes would survive a power cut."""

    received: int
    durable: int


@dataclass(frozen=True, slots=True)
class Working:
    """The image is being built: bytes of output done, and all of them."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Aborted:
    """What was staged is dropped."""


@dataclass(frozen=True, slots=True)
class Rebooting:
    """The device restarts now."""


@dataclass(frozen=True, slots=True)
class Doing:
    """One of wire's states, and the code of the last refusal."""

    state: int
    last_code: int


@dataclass(frozen=True, slots=True)
class Files:
    """Some of the owner's files, of ``total``: (path, size in bytes, SHA-256 or b"")."""

    total: int
    files: tuple[tuple[str, int, bytes], ...]


CAME_DAMAGED = -1
"""In place of a question: it is the station that could not take what came from the device."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The device said no to a question of kind ``question``; 0: to a frame it could not take."""

    code: int
    detail: int
    question: int

    @property
    def out_of_step(self) -> bool:
        """Whether a new HELLO is all that is needed."""
        return self.code in OUT_OF_STEP

    @property
    def line(self) -> str:
        """For people. What is refused before the commit may be staged, but has changed no firmware."""
        if self.question == CAME_DAMAGED:
            return "a damaged frame came from the phone"
        line = explain(self.code, self.detail)
        if self.question not in (wire.ORDER, wire.DATA) or _SAME in line:
            return line
        return f"{line}; {_SAME}"


Event = Welcomed | Ordered | Taken | Working | Aborted | Rebooting | Doing | Files | Refused


@dataclass(frozen=True, slots=True)
class Question:
    """A frame that is to be answered; ``size_bytes`` of DATA's piece."""

    kind: int
    sequence: int
    size_bytes: int = 0


_SAME = "its firmware is unchanged"

LINES: dict[int, str] = {
    wire.GARBAGE: f"bytes that are no frame reached the phone; {_SAME}",
    wire.BAD_HEADER: f"a frame with a damaged header reached the phone; {_SAME}",
    wire.BAD_CRC: f"a damaged frame reached the phone; {_SAME}",
    wire.OVERSIZE: f"a frame of {{detail}} bytes is more than the phone takes; {_SAME}",
    wire.DUPLICATE: f"a frame reached the phone twice; {_SAME}",
    wire.OUT_OF_ORDER: f"frames reached the phone out of order (it expected number {{detail}}); {_SAME}",
    wire.UNKNOWN_KIND: f"the phone does not know this kind of frame; {_SAME}",
    wire.BAD_PAYLOAD: f"the phone could not read what a frame carries; {_SAME}",
    wire.NO_HELLO: f"the phone was not greeted first; {_SAME}",
    wire.NO_VERSION: f"the phone's agent speaks no version of the protocol that this station does; {_SAME}",
    wire.NO_ORDER: f"the phone has no order to which this belongs; {_SAME}",
    wire.BAD_ORDER: f"the phone cannot read the update's order; {_SAME}",
    wire.BAD_SIGNATURE: f"the update is not signed with the key the phone trusts; {_SAME}",
    wire.WRONG_MODEL: f"the update is for another model; {_SAME}",
    wire.ROLLBACK: f"the update is older than what the phone accepts (its rollback index is {{detail}}); {_SAME}",
    wire.WRONG_BASE: f"the difference is for another firmware than the one on the phone; {_SAME}",
    wire.WRONG_METHOD: f"the phone does not take this kind of update; {_SAME}",
    wire.TOO_LARGE: f"the update is too large for the phone, which takes {{detail}} bytes; {_SAME}",
    wire.BATTERY_LOW: f"the phone's battery is too low: {{detail}} percent are needed; {_SAME}",
    wire.NOT_CONFIRMED: f"the phone is still trying its present firmware out, and keeps its way back; {_SAME}",
    wire.WRONG_OFFSET: f"a piece of the update came at the wrong place (expected at {{detail}}); {_SAME}",
    wire.TOO_MUCH: f"more bytes came than the update has; {_SAME}",
    wire.INCOMPLETE: f"the update has not arrived in full ({{detail}} bytes are there); {_SAME}",
    wire.PATCH_HASH: f"the update that arrived is not the one that was signed for; {_SAME}",
    wire.BAD_PATCH: "the phone cannot decode the update; it starts with the firmware it had",
    wire.IMAGE_HASH: "the firmware that was built is not the one that was signed for; the phone keeps what it had",
    wire.FLASH_FAILED: "the phone's flash memory could not be written",
    wire.FLASH_BOUNDS: "the phone's agent refused to write outside its own part of the flash memory",
    wire.USER_DATA: f"the phone cannot read its owner's files; {_SAME}",
    wire.SELF_TEST: "the phone's firmware does not pass its own test",
    wire.BUSY: f"the phone is busy with something else; {_SAME}",
    wire.INTERNAL: "the phone's agent met an error of its own",
}
"""One line for every code a device refuses with; ``{detail}`` is the number that came with it."""


def explain(code: int, detail: int) -> str:
    """The refusal as one line."""
    line = LINES.get(code)
    return (
        f"the phone refused for a reason this station does not know ({code})"
        if line is None
        else (line.format(detail=detail))
    )


def check_welcome(welcome: wire.Welcome) -> wire.Welcome:
    """The same, when every later calculation can rest on it. Raises RemoteProtocolError."""
    w = welcome
    sane = (
        wire.OLDEST_VERSION <= w.version <= wire.VERSION
        and w.state <= wire.UNFIT
        and wire.MIN_PAYLOAD_BYTES <= w.max_payload <= wire.MAX_PAYLOAD_BYTES
        and 0 < w.window <= MAX_WINDOW_BYTES
        and not w.methods & ~_METHODS
        and 8 <= w.block_log2 <= 16
        and 8 <= w.window_log2 <= 15
        and (w.battery <= 100 or w.battery == wire.UNKNOWN_BATTERY)
        and bool(w.model and w.serial)
        and all(text.isprintable() for text in (w.model, w.variant, w.serial, w.image_version))
    )
    if not sane:
        raise RemoteProtocolError("what the phone's agent says of the phone makes no sense")
    return w


def listed(total: int, files: list[tuple[str, int, bytes]]) -> tuple[int, tuple[tuple[str, int, bytes], ...]]:
    """A page of the owner's files, when it can be one. Raises RemoteProtocolError."""
    if total > MAX_USER_FILES or len(files) > total:
        raise RemoteProtocolError("the phone lists more files than it may have")
    return total, tuple(files)
