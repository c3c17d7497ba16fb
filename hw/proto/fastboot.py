"""The host's half of fastboot as a state machine without I/O: commands in, packets out, events back.

It moves no bytes itself and knows no transport. Source: AOSP ``system/core/fastboot/README.md``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from hw.errors import Forbidden, LocalProtocolError, RemoteProtocolError

MAX_COMMAND_BYTES = 64  # README.md "Transport and Framing"; newer phones take 4096, none needs it here
MAX_RESPONSE_BYTES = 256
MAX_INFO_LINES = 4096  # per command; ``getvar all`` of a phone with dynamic partitions says some 700
MAX_DOWNLOAD_BYTES = 0xFFFFFFFF  # DATA carries eight hex digits

_PARTITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,35}\Z", re.ASCII)  # 36: the GPT's own limit
_GETVAR = re.compile(r"getvar:[A-Za-z0-9][A-Za-z0-9_:.-]*\Z", re.ASCII)
_DOWNLOAD = re.compile(r"download:[0-9a-f]{8}\Z", re.ASCII)
_SET_ACTIVE = re.compile(r"set_active:[a-z]\Z", re.ASCII)
_SLOT_SUFFIX = re.compile(r"(?:[_-][a-z])+\Z", re.ASCII)

PROTECTED_PREFIXES = (
    # The owner's data and what decrypts it.
    *("userdata", "metadata", "persist", "frp", "keymaster", "keystore"),
    # This one phone's radio identity, calibration and locks.
    *(
        "efs",
        "sec_efs",
        "modemst",
        "nv",
        "protect",
        "proinfo",
        "seccfg",
        "simlock",
        "keybox",
        "rpmb",
        "devinfo",
    ),
    # The way to them: a new partition table, or a boot message that asks for a factory reset.
    *("partition", "gpt", "pgpt", "sgpt", "misc"),
)
"""A partition whose name begins like this is never written, in any case of letters, with any slot suffix."""

PROTECTED_NAMES = frozenset({"data", "fsg", "fsc", "mbr", "ebr", "param", "ssd", "steady"})


def protects(partition: str) -> bool:
    """Whether ``partition`` (with or without a slot suffix, in any case) holds what must never be written."""
    folded = partition.strip().casefold()
    base = _SLOT_SUFFIX.sub("", folded)
    return folded.startswith(PROTECTED_PREFIXES) or base in PROTECTED_NAMES or folded in PROTECTED_NAMES


class State(Enum):
    """Where one conversation is."""

    IDLE = "idle"
    AWAIT_REPLY = "await_reply"  # a command was sent
    AWAIT_GRANT = "await_grant"  # download was sent; DATA or FAIL must come
    SENDING = "sending"  # the phone waits for the data phase
    AWAIT_DATA_REPLY = "await_data_reply"  # every byte was sent
    BROKEN = "broken"  # one side broke the protocol; only a new connection helps


@dataclass(frozen=True, slots=True)
class Okay:
    """The phone did it. ``text`` is a variable's value; old bootloaders leave an unknown one empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The phone said no, with its reason."""

    text: str


@dataclass(frozen=True, slots=True)
class Info:
    """One line for people, any number of them before the answer (INFO and TEXT)."""

    text: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The phone waits for exactly ``size_bytes``."""

    size_bytes: int


Event = Okay | Fail | Info | Granted

TABLE: dict[tuple[State, type[Event]], State] = {
    (State.AWAIT_REPLY, Okay): State.IDLE,
    (State.AWAIT_REPLY, Fail): State.IDLE,
    (State.AWAIT_REPLY, Info): State.AWAIT_REPLY,
    (State.AWAIT_GRANT, Granted): State.SENDING,
    (State.AWAIT_GRANT, Fail): State.IDLE,
    (State.AWAIT_GRANT, Info): State.AWAIT_GRANT,
    (State.AWAIT_DATA_REPLY, Okay): State.IDLE,
    (State.AWAIT_DATA_REPLY, Fail): State.IDLE,
    (State.AWAIT_DATA_REPLY, Info): State.AWAIT_DATA_REPLY,
}
"""What the phone may say when. A pair that is not here breaks the protocol."""


def check_command(command: str) -> None:
    """Raise :class:`Forbidden` unless ``command`` is on the allow-list and cannot touch the owner's data."""
    if not command.isascii() or len(command) > MAX_COMMAND_BYTES:
        raise Forbidden(f"a fastboot command is at most {MAX_COMMAND_BYTES} ASCII characters")
    verb, _, argument = command.partition(":")
    if verb == "flash":
        if not _PARTITION.match(argument):
            raise Forbidden(f"{argument!r} is not a partition name")
        if protects(argument):
            raise Forbidden(f"partition {argument} holds or guards the owner's data: it is never written")
        return
    if command in {"reboot", "reboot-bootloader"} or any(
        shape.match(command) for shape in (_GETVAR, _DOWNLOAD, _SET_ACTIVE)
    ):
        return
    raise Forbidden(f"fastboot command {command!r} is not one this station sends")


def printable(raw: bytes) -> str:
    """Text from a phone, one line: bytes nobody should see are replaced."""
    text = raw.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text).strip()


def parse(packet: bytes) -> Event:
    """One packet of the phone as an event (README.md, "Responses"). Raises :class:`RemoteProtocolError`."""
    if len(packet) > MAX_RESPONSE_BYTES:
        raise RemoteProtocolError(
            f"the phone's answer has {len(packet)} bytes, {MAX_RESPONSE_BYTES} are allowed"
        )
    kind, rest = packet[:4], packet[4:]
    if kind == b"OKAY":
        return Okay(printable(rest))
    if kind == b"FAIL":
        return Fail(printable(rest) or "no reason given")
    if kind in (b"INFO", b"TEXT"):
        return Info(printable(rest))
    if kind == b"DATA":
        if not re.fullmatch(rb"[0-9a-fA-F]{8}", rest):
            raise RemoteProtocolError(f"the phone's DATA answer has no size: {printable(rest)!r}")
        return Granted(int(rest, 16))
    raise RemoteProtocolError(f"the phone's answer is not fastboot: {printable(packet[:16])!r}")


class Host:
    """One conversation. Every method raises :class:`LocalProtocolError` when it is not its turn."""

    def __init__(self) -> None:
        self.state = State.IDLE
        self._asked_bytes = 0
        self._left_bytes = 0
        self._info_lines = 0

    @property
    def left_bytes(self) -> int:
        """Bytes of the data phase still to be sent."""
        return self._left_bytes

    def command(self, command: str) -> bytes:
        """The packet for ``command``; :class:`Forbidden` if it must not be sent."""
        check_command(command)
        return self._begin(command)

    def _begin(self, command: str) -> bytes:
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"cannot send {command!r} while {self.state.value}")
        self._info_lines = 0
        self._asked_bytes = int(command[9:], 16) if command.startswith("download:") else 0
        self.state = State.AWAIT_GRANT if command.startswith("download:") else State.AWAIT_REPLY
        return command.encode("ascii")

    def download(self, size_bytes: int) -> bytes:
        """The packet that asks to send ``size_bytes``."""
        if not 0 < size_bytes <= MAX_DOWNLOAD_BYTES:
            raise LocalProtocolError(f"cannot download {size_bytes} bytes")
        return self.command(f"download:{size_bytes:08x}")

    def data_sent(self, count_bytes: int) -> None:
        """Tell the core that the link has carried this many bytes of the data phase."""
        if self.state is not State.SENDING or not 0 < count_bytes <= self._left_bytes:
            raise LocalProtocolError(
                f"{count_bytes} data bytes while {self.state.value}, {self._left_bytes} left"
            )
        self._left_bytes -= count_bytes
        if self._left_bytes == 0:
            self.state = State.AWAIT_DATA_REPLY

    def receive(self, packet: bytes) -> Event | None:
        """What the phone's packet means; None for an empty packet (a ZLP). Breaks on anything not allowed."""
        if not packet:
            return None
        try:
            event = parse(packet)
            following = self._check(event)
        except RemoteProtocolError:
            self.state = State.BROKEN
            raise
        self.state = following
        return event

    def _check(self, event: Event) -> State:
        following = TABLE.get((self.state, type(event)))
        if following is None:
            raise RemoteProtocolError(f"the phone said {type(event).__name__} while {self.state.value}")
        if isinstance(event, Info):
            self._info_lines += 1
            if self._info_lines > MAX_INFO_LINES:
                raise RemoteProtocolError(f"the phone sent more than {MAX_INFO_LINES} lines for one command")
        elif isinstance(event, Granted):
            if event.size_bytes != self._asked_bytes:
                raise RemoteProtocolError(
                    f"asked to send {self._asked_bytes} bytes, the phone wants {event.size_bytes}"
                )
            self._left_bytes = self._asked_bytes
        return following


def number(text: str) -> int | None:
    """A size variable, "0x"-hex or decimal (``max-download-size``; AOSP ``fastboot.cpp``); None otherwise."""
    text = text.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}", text):
        return int(text, 16)
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text, re.ASCII) else None


def hex_number(text: str) -> int | None:
    """A size in hex with or without "0x" (``partition-size``: some bootloaders leave the prefix out)."""
    text = text.strip().casefold().removeprefix("0x")
    return int(text, 16) if re.fullmatch(r"[0-9a-f]{1,16}", text) else None


def yes_no(text: str) -> bool | None:
    """A yes/no variable; None for anything else."""
    return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}.get(
        text.strip().casefold()
    )
