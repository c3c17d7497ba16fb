"""The bootloader's side of fastboot: commands in, answers out, over any channel. Knows no USB and no TCP.

Source: AOSP system/core/fastboot/README.md. It does what a careless bootloader does: what it is told, the
owner's data included, so that a host that tells it so is caught.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from typing import Protocol

from hw.virtual.bootloader import Bootloader
from hw.virtual.errors import LinkGone, PowerLost, Refused
from hw.virtual.faults import FaultBox

COMMAND_BYTES = 64
_ANSWER_BYTES = 256
_HUGE_PAGE_BYTES = 2 << 20


class Channel(Protocol):
    """A link that carries packets; every method raises :class:`LinkGone` when it is cut."""

    def receive(self) -> bytes:
        """One packet, as the host sent it."""
        ...

    def receive_into(self, view: memoryview, gate: Callable[[int], None] | None) -> None:
        """Fill ``view`` with download data; where ``gate`` is given every piece passes it."""
        ...

    def send(self, packet: bytes) -> None: ...


class FastbootDevice:
    """One stay in the bootloader. One host at a time; a second one waits or is sent away by its carrier."""

    def __init__(
        self,
        *,
        bootloader: Bootloader,
        faults: FaultBox,
        on_reboot: Callable[[str], None],
        on_cut: Callable[[bool], None],
        on_data: Callable[[int], None],
        max_download_bytes: int,
    ) -> None:
        self._bootloader = bootloader
        self._faults = faults
        self._on_reboot = on_reboot
        self._on_cut = on_cut
        self._on_data = on_data
        self.max_download_bytes = max_download_bytes
        self._memory: mmap.mmap | None = None
        self._downloaded = memoryview(b"")
        self._link = 0
        self.busy = threading.Lock()

    def serve(self, channel: Channel) -> None:
        """Answer until the link goes or the phone leaves the bootloader; the caller holds :attr:`busy`."""
        self._downloaded = memoryview(b"")
        self._link = self._faults.link
        try:
            while True:
                reboot = self._command(channel.receive(), channel)
                if reboot is not None:
                    self._on_reboot(reboot)
                    return
        except (LinkGone, PowerLost):
            return

    def _command(self, packet: bytes, channel: Channel) -> str | None:
        """Perform one command and answer; where to reboot to, or None."""
        try:
            command = _command_text(packet)
            verb, _, argument = command.partition(":")
            if command == "getvar:all":
                self._all(channel)
            elif verb == "download":
                self._download(argument, channel)
            else:
                answer = self._perform(verb, argument)
                self._answer(channel, "OKAY", answer)
        except Refused as exc:
            self._answer(channel, "FAIL", exc.detail)
        else:
            return {"reboot": "system", "continue": "system", "reboot-bootloader": "bootloader"}.get(verb)
        return None

    def _perform(self, verb: str, argument: str) -> str:
        if verb == "getvar":
            if argument == "max-download-size":
                return f"0x{self.max_download_bytes:x}"
            return self._bootloader.variable(argument)
        if verb in ("reboot", "continue", "reboot-bootloader") and not argument:
            return ""
        if verb == "flash":
            if not len(self._downloaded):
                raise Refused("nothing was downloaded")
            self._bootloader.flash_partition(argument, self._downloaded)
        elif verb == "erase":
            self._bootloader.erase_partition(argument)
            if self._faults.erases("drop", argument):
                self._on_cut(False)
                raise LinkGone("the cable was cut")
        elif verb == "set_active":
            self._bootloader.set_active(argument)
        elif verb in ("flashing lock", "flashing unlock"):
            self._bootloader.set_locked(verb == "flashing lock")
        elif verb == "flashing get_unlock_ability":
            return "1"
        else:
            raise Refused("unknown command")
        return ""

    def _all(self, channel: Channel) -> None:
        for name, value in self._bootloader.all_variables():
            self._answer(channel, "INFO", f"{name}: {value}")
        self._answer(channel, "INFO", f"max-download-size: 0x{self.max_download_bytes:x}")
        self._answer(channel, "OKAY", "")

    def _download(self, argument: str, channel: Channel) -> None:
        if len(argument) != 8 or any(digit not in "0123456789abcdefABCDEF" for digit in argument):
            raise Refused("download takes eight hexadecimal digits")
        size_bytes = int(argument, 16)
        if not 0 < size_bytes <= self.max_download_bytes:
            raise Refused("download size out of range")
        self._downloaded = memoryview(b"")
        place = memoryview(self._ram())[:size_bytes]
        self._answer(channel, "DATA", f"{size_bytes:08x}")
        filled = 0
        while filled < size_bytes:
            step = size_bytes - filled
            if self._faults.link_is_faulty():
                step = self._faults.piece_bytes(step)
                channel.receive_into(place[filled : filled + step], self._gate)
            else:
                channel.receive_into(place[filled : filled + step], None)
            filled += step
            self._on_data(step)
        self._downloaded = place
        self._answer(channel, "OKAY", "")

    def _gate(self, size_bytes: int) -> None:
        cut = self._faults.data(size_bytes, self._link)
        if cut is not None:
            self._on_cut(cut.replug)
            raise LinkGone("the cable was cut")

    def _ram(self) -> mmap.mmap:
        # Taken once and kept: pages the host has filled before cost nothing the next time.
        if self._memory is None:
            self._memory = mmap.mmap(-1, -(-self.max_download_bytes // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES)
            self._memory.madvise(mmap.MADV_HUGEPAGE)
        return self._memory

    def _answer(self, channel: Channel, kind: str, text: str) -> None:
        packet = (kind + text).encode("ascii", "replace")[:_ANSWER_BYTES]
        channel.send(self._faults.noise(packet))


def _command_text(packet: bytes) -> str:
    if len(packet) > COMMAND_BYTES:
        raise Refused("command too long")
    try:
        return packet.decode("ascii")
    except UnicodeDecodeError as exc:
        raise Refused("unknown command") from exc
