"""A conversation with a phone's bootloader: pumps the fastboot core over a link and reads its variables.

It decides nothing about what may be written; the core below refuses what must not be, the plan above chose.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator

from hw.errors import LinkLost, LocalProtocolError, PhoneRefused, RemoteProtocolError, SwappedPhone
from hw.facts import Identity, Timeouts, Who
from hw.link.base import Bytes, OnSent, PacketLink
from hw.proto import fastboot
from hw.quirks import Model, model_of
from hw.readahead import Fill, from_chunks, read_ahead, read_now

_USUAL_PARTITIONS = (
    "boot",
    "init_boot",
    "vendor_boot",
    "dtbo",
    "vbmeta",
    "system",
    "vendor",
    "product",
    "super",
)
"""Asked for one by one where ``getvar all`` names none."""

_MAX_PARTITIONS = 256
_LISTED = re.compile(r"(has-slot|partition-size):([A-Za-z0-9_-]{1,36}):\s*(\S{1,40})\s*\Z", re.ASCII)


class Bootloader:
    """One connection to one bootloader. After a link error it is useless; connect anew."""

    def __init__(self, link: PacketLink, timeouts: Timeouts, core: fastboot.Host | None = None) -> None:
        self._link = link
        self._timeouts = timeouts
        self._core = core or fastboot.Host()

    def variable(self, name: str) -> str | None:
        """One variable; None where the phone says FAIL or, as old bootloaders do, nothing."""
        try:
            return self._command(f"getvar:{name}") or None
        except PhoneRefused:
            return None

    def listed(self) -> list[str]:
        """The lines of ``getvar all``, bounded; empty where the phone does not know it."""
        lines: list[str] = []
        try:
            self._command("getvar:all", lines.append)
        except PhoneRefused:
            return []
        return lines

    def identify(self) -> Identity:
        """Everything the flow wants to know. Raises RemoteProtocolError without product or serialno."""
        product, serialno = self.who()
        model = model_of(product)
        slot = self._slot()
        slotted, sizes = self._partitions()

        def said(kind: str) -> str | None:
            name = model.getvar(kind) if model is not None else Model.default_getvar(kind)
            return self.variable(name) if name else None

        return Identity(
            product=product,
            serialno=serialno,
            variant=said("variant"),
            version=said("version"),
            current_slot=slot,
            slot_successful=_flag(self.variable(f"slot-successful:{slot}")) if slot else None,
            unlocked=_flag(self.variable("unlocked")),
            secure=_flag(self.variable("secure")),
            battery_percent=_percent(said("battery")),
            battery_soc_ok=_flag(self.variable("battery-soc-ok")),
            rollback_index=_count(said("rollback")),
            max_download_bytes=_count(self.variable("max-download-size")),
            snapshot_update_status=self.variable("snapshot-update-status"),
            slotted_partitions=slotted,
            partition_sizes=sizes,
        )

    def check(self, who: Who) -> None:
        """Raise :class:`SwappedPhone` unless product and serialno are ``who``'s."""
        product, serialno = self.who()
        if product != who.product:
            raise SwappedPhone(
                f"another phone is in the bay: a {product}, not the {who.product} of this visit"
            )
        if serialno != who.serialno:
            raise SwappedPhone("another phone is in the bay: same model, other serial number")

    def download(self, size_bytes: int, data: Iterable[Bytes] | Fill, on_sent: OnSent) -> None:
        """Send ``size_bytes`` into the phone's memory. Nothing is written to its flash by this."""
        self._link.write(self._core.download(size_bytes), self._timeouts.command_s)
        event = self._answer(self._timeouts.command_s, None)
        if isinstance(event, fastboot.Fail):
            raise PhoneRefused(f"the phone refused {size_bytes} bytes: {event.text}")
        piece_bytes = min(self._link.transfer_bytes, size_bytes)
        source = read_now(data, piece_bytes) if callable(data) else read_ahead(from_chunks(data), piece_bytes)
        with contextlib.closing(source) as pieces:
            sent = self._link.write_all(_exactly(pieces, size_bytes), self._timeouts.transfer_s, on_sent)
        self._core.data_sent(sent)
        self._finish("the data", self._timeouts.flash_s, None)

    def flash(self, partition: str) -> None:
        """Write what was downloaded to ``partition``; returns after the phone's OKAY."""
        self._command(f"flash:{partition}", timeout_s=self._timeouts.flash_s)

    def set_active(self, slot: str) -> None:
        """Boot from ``slot`` next time."""
        self._command(f"set_active:{slot}")

    def reboot(self) -> None:
        """Leave the bootloader. A link that ends before the answer is how some phones say yes."""
        self._link.write(self._core.command("reboot"), self._timeouts.command_s)
        try:
            self._finish("reboot", self._timeouts.command_s, None)
        except LinkLost:
            return

    def who(self) -> tuple[str, str]:
        """Product and serialno; RemoteProtocolError without."""
        product, serialno = self.variable("product"), self.variable("serialno")
        if not product or not serialno:
            raise RemoteProtocolError("the phone's bootloader does not say its product and serial number")
        return product, serialno

    def _slot(self) -> str | None:
        slot = (self.variable("current-slot") or "").removeprefix("_")
        return slot if re.fullmatch(r"[a-z]", slot) else None

    def _partitions(self) -> tuple[frozenset[str], dict[str, int]]:
        slotted: set[str] = set()
        sizes: dict[str, int] = {}
        for line in self.listed():
            match = _LISTED.match(line)
            if match is None or len(sizes) >= _MAX_PARTITIONS:
                continue
            kind, name, value = match.groups()
            if kind == "has-slot" and fastboot.yes_no(value):
                slotted.add(name)
            elif kind == "partition-size" and (size := fastboot.hex_number(value)) is not None:
                sizes[name] = size
        if not slotted and not sizes:
            self._probe(slotted, sizes)
        return frozenset(slotted), sizes

    def _probe(self, slotted: set[str], sizes: dict[str, int]) -> None:
        for base in _USUAL_PARTITIONS:
            has_slot = _flag(self.variable(f"has-slot:{base}"))
            if has_slot:
                slotted.add(base)
            for name in (f"{base}_a", f"{base}_b") if has_slot else (base,):
                size = fastboot.hex_number(self.variable(f"partition-size:{name}") or "")
                if size is not None:
                    sizes[name] = size

    def _command(
        self, command: str, on_info: Callable[[str], None] | None = None, timeout_s: float | None = None
    ) -> str:
        return self._ask(self._core.command(command), command, on_info, timeout_s)

    def _ask(
        self,
        packet: bytes,
        what: str,
        on_info: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> str:
        self._link.write(packet, self._timeouts.command_s)
        return self._finish(what, timeout_s or self._timeouts.command_s, on_info)

    def _finish(self, what: str, timeout_s: float, on_info: Callable[[str], None] | None) -> str:
        event = self._answer(timeout_s, on_info)
        if isinstance(event, fastboot.Fail):
            raise PhoneRefused(f"the phone refused {what}: {event.text}")
        return event.text if isinstance(event, fastboot.Okay) else ""

    def _answer(self, timeout_s: float, on_info: Callable[[str], None] | None) -> fastboot.Event:
        """The next event that is not INFO; the time counts from the last sign of life."""
        while True:
            event = self._core.receive(self._link.read(fastboot.MAX_RESPONSE_BYTES, timeout_s))
            if isinstance(event, fastboot.Info):
                if on_info is not None:
                    on_info(event.text)
            elif event is not None:
                return event


def _exactly(pieces: Iterable[memoryview], size_bytes: int) -> Iterator[memoryview]:
    """Pass pieces on and check their sum: a file that changed its size must not desynchronise the phone."""
    left = size_bytes
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise LocalProtocolError(
            "the image's size changed while it was sent; the phone has written nothing of it"
        )


def _flag(text: str | None) -> bool | None:
    return None if text is None else fastboot.yes_no(text)


def _count(text: str | None) -> int | None:
    return None if text is None else fastboot.number(text)


def _percent(text: str | None) -> int | None:
    value = _count(text.strip().removesuffix("%")) if text is not None else None
    return value if value is not None and value <= 100 else None
