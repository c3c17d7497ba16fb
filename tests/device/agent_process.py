"""An agent process for tests: its folder, its flash, and a plain talk over its pipes. Checks nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import zlib
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import hdiffpatch
import pytest

from firmware_agent import wire
from firmware_agent.device.board.unix import FileFlash, layout_of
from firmware_agent.device.device import install_factory
from firmware_agent.order import Order
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Shape
from tests.device.test_both_interpreters import micropython

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = micropython() or Path("micropython")
needs_micropython = pytest.mark.skipif(
    micropython() is None,
    reason="NOT RUN: there is no MicroPython here (its package has no wheel for this machine)",
)
MODEL = "kinglet"


@cache
def key() -> LmsKey:
    """A small key, made once."""
    folder = Path(mkdtemp()) / "key"
    make_key(folder, Shape(5, 8))
    return LmsKey(folder)


def facts(mode: str = "slots", **changes: object) -> dict[str, object]:
    """A board.json."""
    found: dict[str, object] = {
        "model": MODEL,
        "variant": "cn",
        "serial": "A1",
        "mode": mode,
        "block_bytes": 4096,
        "page_bytes": 256,
        "image_bytes": 128 * 1024,
        "staging_bytes": 64 * 1024,
        "group_blocks": 3,
        "user_bytes": 32 * 1024,
        "public_key": key().public_key.hex(),
        "battery_percent": 80,
        "min_battery_percent": 30,
        "self_test": "pass",
    }
    return found | changes


def make_folder(folder: Path, image: bytes, board: dict[str, object]) -> Path:
    """A device as it leaves the factory."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "board.json").write_text(json.dumps(board))
    layout = layout_of(board)
    (folder / "flash.bin").write_bytes(b"\xff" * layout.total_bytes)
    flash = FileFlash(str(folder / "flash.bin"), layout.total_bytes, layout.block_bytes, layout.page_bytes)
    install_factory(flash, layout, image, "1.0.0", 1)
    flash.close()
    return folder


def slot_order(old: bytes, new: bytes, **changes: object) -> tuple[Order, bytes]:
    """An order for the difference from ``old`` to ``new``, and the patch."""
    patch = zlib.compress(hdiffpatch.diff_lite(old, new), 9)
    order = Order()
    order.method, order.model, order.version, order.rollback_index = wire.SLOT_DELTA, MODEL, "2.0.0", 2
    order.base_size, order.base_sha256 = len(old), hashlib.sha256(old).digest()
    order.image_size, order.image_sha256 = len(new), hashlib.sha256(new).digest()
    order.patch_size, order.patch_sha256 = len(patch), hashlib.sha256(patch).digest()
    for name, value in changes.items():
        setattr(order, name, value)
    return order, patch


class AgentProcess:
    """The process and a talk with it, one question at a time."""

    def __init__(self, folder: Path, heap: str = "192k", **environment: str) -> None:
        self.process = subprocess.Popen(
            [INTERPRETER, "-X", f"heapsize={heap}", "-m", "firmware_agent.device.main", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"MICROPYPATH": str(ROOT)} | environment,
        )
        self._deframer = wire.Deframer()
        self.sequence = 0

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ask(self, kind: int, payload: bytes = b"", sequence: int | None = None) -> wire.Frame:
        """A question and its answer."""
        self.sequence = self.sequence + 1 if sequence is None else sequence
        self.raw(wire.frame(kind, self.sequence, payload))
        return self.answer()

    def answer(self) -> wire.Frame:
        """The next frame; EOFError where the process has ended."""
        assert self.process.stdout
        while True:
            frame = self._deframer.next()
            if frame is not None:
                return frame
            got = os.read(self.process.stdout.fileno(), self._deframer.room)
            if not got:
                raise EOFError
            self._deframer.feed(got)

    def hello(self) -> wire.Welcome:
        """A new talk."""
        return wire.unpack_welcome(
            self.ask(wire.HELLO, wire.pack_hello(1, 1, wire.MAX_PAYLOAD_BYTES)).payload
        )

    def order(self, order: Order) -> wire.Frame:
        """Give a signed order."""
        raw = order.pack()
        return self.ask(wire.ORDER, raw + key().sign(raw))

    def data(self, patch: bytes, at: int = 0, piece: int = 4096) -> None:
        """Send the patch from ``at``."""
        for offset in range(at, len(patch), piece):
            got = self.ask(wire.DATA, wire.pack_data(offset, patch[offset : offset + piece]))
            assert got.kind == wire.TAKEN, wire.unpack_refused(got.payload)

    def commit(self) -> wire.Frame:
        """The last answer to a commit."""
        got = self.ask(wire.COMMIT)
        while got.kind == wire.WORKING:
            done, total = wire.unpack_counts(got.payload)
            if done == total:
                break
            got = self.answer()
        return got

    def reboot(self) -> int:
        """Ask for a reset; the exit code."""
        assert self.ask(wire.REBOOT).kind == wire.REBOOTING
        return self.wait()

    def wait(self) -> int:
        """The exit code; the pipes are closed."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        code = self.process.wait(60)
        self.process.stdout.close()
        return code

    def end(self, hang_up: bool = False) -> int:
        """Close the line, both ways at once to ``hang_up``; the exit code."""
        assert self.process.stdout
        if hang_up:
            self.process.stdout.close()
        return self.wait()


def give_files(folder: Path, files: dict[str, bytes]) -> None:
    """Format the owner's part of a device and put files there, as its own firmware would."""
    source = folder / "owner"
    for path, data in files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(data)
    command: list[str | Path] = [INTERPRETER, "-X", "heapsize=8m", "-c", _GIVE, folder, *files]
    subprocess.run(command, env=os.environ | {"MICROPYPATH": str(ROOT)}, check=True)


_GIVE = """
import json, os, sys, vfs
from firmware_agent.device.board.unix import FileFlash, UserBlocks, layout_of
folder, names = sys.argv[1], sys.argv[2:]
layout = layout_of(json.load(open(folder + "/board.json")))
flash = FileFlash(folder + "/flash.bin", layout.total_bytes, layout.block_bytes, layout.page_bytes)
blocks = UserBlocks(flash, layout.user_at, layout.user_bytes, True)
vfs.VfsLfs2.mkfs(blocks, progsize=layout.page_bytes)
vfs.mount(vfs.VfsLfs2(blocks, progsize=layout.page_bytes), "/o")
for name in names:
    if "/" in name and name.split("/")[0] not in os.listdir("/o"):
        os.mkdir("/o/" + name.split("/")[0])
    with open("/o/" + name, "wb") as file:
        file.write(open(folder + "/owner/" + name, "rb").read())
vfs.umount("/o")
flash.close()
"""
