"""A Raspberry Pi Pico: flash behind ``rp2.Flash``, a USB serial line of the agent's own, VSYS, the watchdog.

Launches an application bundle (a ROMFS image) from a slot; it decides nothing. The agent itself is frozen into the
firmware and is not what is updated. docs/board-bringup.md says how it gets there, and what nobody has tried.
"""

import gc
import sys
import time

import machine
import rp2
import vfs

from firmware_agent.device.board.pico import (
    BLOCK_BYTES,
    PAGE_BYTES,
    WATCHDOG_MS,
    PicoFlash,
    flash_blocks,
    serial_line,
)
from firmware_agent.device.device import Board, Layout
from firmware_agent.device.errors import AgentError
from firmware_agent.device.first_format import FirstFormat
from firmware_agent.device.flash import Region
from firmware_agent.device.main import Line, serve
from firmware_agent.wire import FLASH_BOUNDS, UNKNOWN_BATTERY, USER_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_APP = "/app"
_VBUS_PIN = 24
_VSYS_PIN = 29
_EMPTY_MV = 3300
_FULL_MV = 4150


class PicoBoard(Board):
    """The board that ``facts`` (frozen beside the agent, so that no owner's file can change it) describes."""

    def __init__(self, facts: "dict[str, object]") -> None:
        layout = layout_of(facts)
        flash = PicoFlash()
        if layout.total_bytes != flash.size_bytes or layout.in_place:
            # in place the application would run from what is being rewritten
            raise AgentError(FLASH_BOUNDS, flash.size_bytes)
        super().__init__(flash, layout)
        self.model = str(facts["model"])
        self.variant = str(facts["variant"])
        self.serial = machine.unique_id().hex()
        self.public_key = bytes.fromhex(str(facts["public_key"]))
        self.min_battery_percent = int(str(facts["min_battery_percent"]))
        self._has_battery = facts["has_battery"] is True
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._application: Any = None

    def battery_percent(self) -> int:
        """From VSYS where a lithium cell is what feeds it; unknown without a cell, or while USB feeds the board."""
        if not self._has_battery or machine.Pin(_VBUS_PIN, machine.Pin.IN).value():
            return UNKNOWN_BATTERY
        millivolt = machine.ADC(_VSYS_PIN).read_u16() * 3 * 3300 // 65535
        percent: int = (millivolt - _EMPTY_MV) * 100 // (_FULL_MV - _EMPTY_MV)
        return max(0, min(100, percent))

    def launch(self, image: Region, size_bytes: int, version: str) -> None:  # noqa: ARG002 - a ROMFS knows its size
        """Mount the bundle where it lies in flash and call ``app.start()``, which returns while timers go on."""
        rom = vfs.VfsRom(rp2.Flash(start=image.offset, len=image.size_bytes))  # type: ignore[attr-defined,unused-ignore]
        vfs.mount(rom, _APP, readonly=True)
        sys.path.insert(0, _APP)
        self._application = __import__("app")
        self._application.start()

    def self_test(self) -> bool:
        """What the application says of itself."""
        passed: bool = self._application.self_test() is True
        return passed

    def user_root(self) -> str:
        """The owner's littlefs, which _boot.py has mounted as the root."""
        for file_system, place in vfs.mount():
            if place == "/" and isinstance(file_system, vfs.VfsLfs2):
                return ""
        raise AgentError(USER_DATA)

    def feed(self) -> None:
        """Keep the watchdog quiet."""
        self._watchdog.feed()

    def log(self, text: str) -> None:
        """To the console, where there is one (UART)."""
        print(text)


class CdcLine(Line):
    """A USB serial interface of its own: the interpreter's console is not on it, nor on the bus."""

    def __init__(self, board: PicoBoard, facts: "dict[str, object]") -> None:
        self._board = board
        self._cdc = serial_line(facts, board.model, board.serial, 8192)

    def readinto(self, buffer: memoryview, wanted: int) -> int:  # noqa: ARG002 - it gives what is there
        """Whatever has come, at least a byte; the watchdog is fed while nothing does."""
        while True:
            got = self._cdc.readinto(buffer)
            if got:
                return int(got)
            self._board.feed()
            machine.idle()

    def send(self, data: bytes) -> None:
        """Until it is sent, the host goes away, or takes nothing for a second."""
        view, quiet = memoryview(data), 0
        while view and quiet < 1000 and self._cdc.is_open():
            sent = self._cdc.write(view)
            view = view[sent:]
            quiet = 0 if sent else quiet + 1
            if not sent:
                self._board.feed()
                _wait_ms(1)  # no event says that the host took something

    def finish(self) -> None:
        """Let the last answer leave before a reset."""
        _wait_ms(100)  # no event says that the last packet has left


def run(facts: "dict[str, object]") -> None:
    """Everything, for ever: what main.py calls. Ends in a reset, also where the agent itself has failed."""
    gc.collect()
    try:
        board = PicoBoard(facts)
        line = CdcLine(board, facts)
        serve(board, line)
        line.finish()
    finally:
        machine.reset()


def layout_of(facts: "dict[str, object]") -> Layout:
    """The layout; _boot.py needs it as well, for the owner's part."""
    sizes = [int(str(facts[name])) for name in ("image_bytes", "staging_bytes")]
    agents = Layout("slots", BLOCK_BYTES, PAGE_BYTES, sizes[0], sizes[1], 0, 0)
    owners = flash_blocks() * BLOCK_BYTES - agents.total_bytes
    return Layout("slots", BLOCK_BYTES, PAGE_BYTES, sizes[0], sizes[1], 0, owners)


def mount_owner(facts: "dict[str, object]") -> None:
    """Mount the owner's littlefs as the root; made on the first start, when that part of the flash is erased."""
    layout = layout_of(facts)
    blocks = rp2.Flash(start=layout.user_at, len=layout.user_bytes)
    first = FirstFormat(Region(PicoFlash(), layout.user_at, layout.user_bytes))
    try:
        files = vfs.VfsLfs2(blocks, progsize=PAGE_BYTES)
    except OSError:
        try:
            first.begin()
        except AgentError:
            return  # an owner's data that cannot be read is never formatted; the agent says so
        vfs.VfsLfs2.mkfs(blocks, progsize=PAGE_BYTES)
        files = vfs.VfsLfs2(blocks, progsize=PAGE_BYTES)
    for _ in files.ilistdir("/"):
        break  # it has been used: whatever looks like the mark is not ours to erase
    else:
        first.end()
    vfs.mount(files, "/")


def _wait_ms(count: int) -> None:
    time.sleep_ms(count)  # type: ignore[attr-defined,unused-ignore]
