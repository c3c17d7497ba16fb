"""A board that is a process: its flash is a file that keeps the rules of NOR flash, its line is stdin and stdout.

For tests and for virtual phones. A broken rule, or a cut that was asked for, ends the process as a lost power would.
"""

import binascii
import gc
import json
import os
import struct
import sys

from firmware_agent.device.device import LARGEST_BLOCK_BYTES, Board, Layout
from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Flash, Region
from firmware_agent.device.main import Line
from firmware_agent.wire import USER_DATA

_MOUNT = "/owner"
_GET_BLOCKS = 4
_GET_BLOCK_BYTES = 5
_ERASE = 6


class FileFlash(Flash):
    """A file as flash. ``path`` must have the layout's size; ``ops_path`` counts what was done to it.

    ``cut`` is (number of the write or erase, percent of its bytes that are done) after which the process
    kills itself.
    """

    def __init__(
        self,
        path: str,
        size_bytes: int,
        block_bytes: int,
        page_bytes: int,
        ops_path: str = "",
        cut: "tuple[int, int] | None" = None,
    ) -> None:
        super().__init__(size_bytes, block_bytes, page_bytes)
        self._file = _unbuffered(path, "r+b")
        if self._file.seek(0, 2) != size_bytes:
            raise ValueError("the flash file does not have the layout's size")
        self._ops = _unbuffered(ops_path, "w+b") if ops_path else None
        self._cut = cut
        self._count = 0
        self._bytes = 0
        self._erased = b"\xff" * block_bytes

    def read(self, offset: int, buffer: "bytearray | memoryview") -> None:
        """Any bytes."""
        self._file.seek(offset)
        if self._file.readinto(buffer) != len(buffer):
            raise OSError(5)

    def erase(self, offset: int) -> None:
        """One whole block."""
        if offset % self.block_bytes:
            _die(f"erase of no block at {offset}")
        self._do(offset, self._erased)

    def program(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        """Whole erased pages of one block, or the process ends: an agent that does otherwise breaks real flash."""
        count = len(data)
        if (
            offset % self.page_bytes
            or count % self.page_bytes
            or offset % self.block_bytes + count > self.block_bytes
        ):
            _die(f"program of no whole pages at {offset}")
        for at in range(0, count, len(self.scratch)):
            before = self.scratch[: min(len(self.scratch), count - at)]
            self.read(offset + at, before)
            if bytes(before).strip(b"\xff"):
                _die(f"program of a page that is not erased at {offset}")
        self._do(offset, data)

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()
        if self._ops:
            self._ops.close()

    def _do(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        self._file.seek(offset)
        if self._cut and self._count == self._cut[0]:
            self._file.write(memoryview(data)[: len(data) * self._cut[1] // 100])
            _kill()
        self._file.write(data)
        self._count += 1
        self._bytes += len(data)
        if self._ops:
            self._ops.seek(0)
            self._ops.write(struct.pack("<QQ", self._count, self._bytes))


class UserBlocks:
    """The owner's part of a flash as a block device for littlefs; the agent's own is never writable."""

    def __init__(self, flash: Flash, offset: int, size_bytes: int, writable: bool = False) -> None:
        self._region = Region(flash, offset, size_bytes)
        self._writable = writable

    def readblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        """Extended block protocol: any bytes of a block."""
        self._region.read(number * self._region.block_bytes + offset, buffer)

    def writeblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        """Whole erased pages."""
        if not self._writable:
            raise OSError(30)
        self._region.program(number * self._region.block_bytes + offset, buffer)

    def ioctl(self, operation: int, number: int) -> "int | None":
        """Size, and erasing a block."""
        if operation == _GET_BLOCKS:
            return self._region.size_bytes // self._region.block_bytes
        if operation == _GET_BLOCK_BYTES:
            return self._region.block_bytes
        if operation == _ERASE:
            if not self._writable:
                raise OSError(30)
            self._region.erase(number * self._region.block_bytes)
        return 0


class UnixBoard(Board):
    """The board that ``folder`` describes: board.json and flash.bin; ops and memory.json are written there."""

    def __init__(self, folder: str) -> None:
        with open(folder + "/board.json") as file:
            self._facts = json.load(file)
        facts = self._facts
        layout = layout_of(facts)
        flash = FileFlash(
            folder + "/flash.bin",
            layout.total_bytes,
            layout.block_bytes,
            layout.page_bytes,
            folder + "/ops",
            _asked_cut(),
        )
        super().__init__(flash, layout)
        self._file_flash = flash
        self.model = facts["model"]
        self.variant = facts["variant"]
        self.serial = facts["serial"]
        self.public_key = binascii.unhexlify(facts["public_key"])
        self.min_battery_percent = facts.get("min_battery_percent", 0)
        self._folder = folder
        self._mounted = False
        self._launched = ""
        self._measure = _environment("AGENT_MEM") == "1"
        self._peak = 0

    def battery_percent(self) -> int:
        """What board.json says."""
        return int(self._facts.get("battery_percent", 255))

    def launch(self, image: Region, size_bytes: int, version: str) -> None:  # noqa: ARG002
        """Nothing runs here; the self-test wants to know of which version it is."""
        self._launched = version

    def self_test(self) -> bool:
        """What board.json says: "pass", "fail", or "fail VERSION" for a single version that is bad."""
        asked = self._facts.get("self_test", "pass")
        return asked not in {"fail", "fail " + self._launched}

    def user_root(self) -> str:
        """The owner's littlefs, mounted read-only the first time."""
        if not self._mounted:
            import vfs

            try:
                blocks = UserBlocks(self.flash, self.layout.user_at, self.layout.user_bytes)
                files = vfs.VfsLfs2(blocks, progsize=self.layout.page_bytes)  # type: ignore[arg-type,unused-ignore]
                vfs.mount(files, _MOUNT, readonly=True)
            except (OSError, AgentError):
                raise AgentError(USER_DATA)  # noqa: B904 - MicroPython chains no exceptions
            self._mounted = True
        return _MOUNT

    def note_memory(self) -> None:
        """Keep the most that was in use, after a collection."""
        if self._measure:
            gc.collect()
            self._peak = max(self._peak, gc.mem_alloc())  # type: ignore[attr-defined]

    def log(self, text: str) -> None:
        """To stderr."""
        sys.stderr.write(text + "\n")

    def close(self) -> None:
        """Write what was measured, let go of the flash."""
        if self._measure:
            with open(self._folder + "/memory.json", "w") as file:
                heap = gc.mem_alloc() + gc.mem_free()  # type: ignore[attr-defined]
                json.dump({"peak_bytes": self._peak, "heap_bytes": heap}, file)
        self._file_flash.close()


class PipeLine(Line):
    """stdin and stdout. A read waits until it has all it asked for, so it asks for no more than must come."""

    def __init__(self) -> None:
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._listens = True

    def readinto(self, buffer: memoryview, wanted: int) -> int:
        """Exactly ``wanted`` bytes; fewer only at the end."""
        return self._in.readinto(buffer[:wanted]) or 0  # type: ignore[union-attr]

    def send(self, data: bytes) -> None:
        """Lost where the other end is gone: an installation goes on without it."""
        if self._listens:
            try:
                self._out.write(data)
                if hasattr(self._out, "flush"):
                    self._out.flush()
            except OSError:
                self._listens = False


def layout_of(facts: "dict[str, object]") -> Layout:
    """The layout that a board.json describes."""
    names = ("block_bytes", "page_bytes", "image_bytes", "staging_bytes", "group_blocks", "user_bytes")
    sizes = [int(str(facts[name])) for name in names]
    sizes.append(int(str(facts.get("largest_block_bytes", LARGEST_BLOCK_BYTES))))
    return Layout(str(facts["mode"]), *sizes)


def _asked_cut() -> "tuple[int, int] | None":
    asked = _environment("AGENT_CUT")
    if not asked:
        return None
    number, part = asked.split(":")
    return int(number), int(part)


def _environment(name: str) -> str:
    return os.getenv(name) or ""


def _unbuffered(path: str, mode: str):  # type: ignore[no-untyped-def]
    if sys.implementation.name == "micropython":
        return open(path, mode)  # it has no buffer
    return open(path, mode, buffering=0)


def _kill() -> None:
    with open("/proc/self/stat") as file:
        pid = file.read().split(" ")[0]
    os.system("kill -9 " + pid)  # noqa: S605 - MicroPython has no os.kill
    raise SystemExit(9)  # not reached


def _die(why: str) -> None:
    sys.stderr.write("flash rule broken: " + why + "\n")
    _kill()
