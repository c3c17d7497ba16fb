"""The factory of phones with an update agent: a state directory with its board, its flash and its owner's files.

The flash is laid out with the device's own modules, in processes of their own; this only says what goes in.

board.json   what the board is (model, serial, layout, whose signature it trusts, charge)
flash.bin    its flash, all of it: the agent's regions and the owner's littlefs
ops          how many writes and erases the flash has seen since the last start
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hw.virtual.agent_models import AgentModel
from hw.virtual.agent_process import interpreter, sources
from hw.virtual.errors import BadState

NOBODY = bytes.fromhex("000000010000000600000004" + "00" * 48)
"""A public key (RFC 8554, 6.1: one level, H10, W8) that no signature can be good for."""

_SECONDS = 120
_HEAP = "1m"

_IMAGE = """
import json, sys
from firmware_agent.device.board.unix import FileFlash, layout_of
from firmware_agent.device.device import install_factory

folder, image, version, rollback = sys.argv[1:5]
with open(folder + "/board.json") as file:
    layout = layout_of(json.load(file))
with open(folder + "/flash.bin", "wb") as file:
    for _ in range(layout.total_bytes // layout.block_bytes):
        file.write(b"\\xff" * layout.block_bytes)
flash = FileFlash(folder + "/flash.bin", layout.total_bytes, layout.block_bytes, layout.page_bytes)
with open(image, "rb") as file:
    install_factory(flash, layout, file.read(), version, int(rollback))
flash.close()
"""
"""For CPython: an image of many MiB would take a small interpreter minutes."""

_FILES = """
import json, os, sys, vfs
from hashlib import sha256
from firmware_agent.device.board.unix import FileFlash, UserBlocks, layout_of

folder, seed, amount = sys.argv[1:4]
with open(folder + "/board.json") as file:
    layout = layout_of(json.load(file))
flash = FileFlash(folder + "/flash.bin", layout.total_bytes, layout.block_bytes, layout.page_bytes)
blocks = UserBlocks(flash, layout.user_at, layout.user_bytes, True)
vfs.VfsLfs2.mkfs(blocks, progsize=layout.page_bytes)
vfs.mount(vfs.VfsLfs2(blocks, progsize=layout.page_bytes), "/owner")
for name in ("notes", "photos", "照片"):
    os.mkdir("/owner/" + name)
left, number = int(amount), 0
while left > 0:
    block = sha256(("%s %d" % (seed, number)).encode()).digest()
    size = min(left, 200 + (block[0] | block[1] << 8) % 9000)
    path = "/owner/%s/%03d.bin" % (("notes", "photos", "照片")[number % 3], number)
    with open(path, "wb") as file:
        at = 0
        while at < size:
            file.write(block[: min(32, size - at)])
            block = sha256(block).digest()
            at += 32
    left, number = left - size, number + 1
vfs.umount("/owner")
flash.close()
"""
"""For MicroPython, which has the littlefs that the agent reads."""


@dataclass(frozen=True, slots=True)
class Make:
    """What a new phone is made of. Sizes in bytes; None = the model's."""

    serial: str
    image: bytes
    version: str = "1.0.0"
    rollback_index: int = 1
    public_key: bytes = NOBODY
    image_bytes: int | None = None
    staging_bytes: int | None = None
    user_seed: str = ""
    user_bytes: int = 96 << 10
    battery_percent: int = 80
    self_test: str = "pass"


def make(folder: Path, model: AgentModel, new: Make) -> None:
    """Make a phone in ``folder``. :class:`BadState` where it does not work out; the folder is then no phone's."""
    if not new.serial.isascii() or not new.serial.isalnum() or len(new.serial) > 32:
        raise BadState(f"serial {new.serial!r}: letters and digits, at most 32")
    folder.mkdir(parents=True, exist_ok=True)
    board = {
        "model": model.name,
        "variant": model.variant,
        "serial": new.serial,
        "mode": model.layout,
        "block_bytes": model.block_bytes,
        "page_bytes": model.page_bytes,
        "image_bytes": new.image_bytes or model.image_bytes,
        "staging_bytes": new.staging_bytes or model.staging_bytes,
        "group_blocks": model.group_blocks,
        "user_bytes": model.user_bytes,
        "public_key": new.public_key.hex(),
        "battery_percent": new.battery_percent,
        "min_battery_percent": model.min_battery_percent,
        "self_test": new.self_test,
    }
    size = int(str(board["image_bytes"]))
    if not 0 < len(new.image) <= size:
        raise BadState(f"an image of {len(new.image)} bytes; a {model.name} has room for 1 to {size}")
    save(folder, board)
    try:
        _lay_out(folder, new)
    except BaseException:
        (folder / "board.json").unlink()
        raise


def is_made(folder: Path) -> bool:
    """Whether a phone is in ``folder``."""
    return (folder / "board.json").exists() and (folder / "flash.bin").exists()


def load(folder: Path, model: AgentModel) -> dict[str, object]:
    """Its board. :class:`BadState` where it is none, or another model's."""
    try:
        board = json.loads((folder / "board.json").read_text("utf-8"))
        name = board["model"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BadState(f"{folder / 'board.json'} is not the board of a phone with an update agent") from exc
    if name != model.name:
        raise BadState(f"{folder} holds a {name}, not a {model.name}")
    return dict(board)


def save(folder: Path, board: dict[str, object]) -> None:
    """Replace its board atomically; the agent reads it when it starts."""
    fresh = folder / "board.new"
    fresh.write_text(json.dumps(board, indent=1), "utf-8")
    fresh.replace(folder / "board.json")


def _lay_out(folder: Path, new: Make) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(new.image)
        file.flush()
        words = [str(folder), file.name, new.version, str(new.rollback_index)]
        _run([sys.executable, "-c", _IMAGE, *words], folder)
    files = [str(folder), new.user_seed or new.serial, str(new.user_bytes)]
    _run([str(interpreter()), "-X", f"heapsize={_HEAP}", "-c", _FILES, *files], folder)


def _run(command: list[str], folder: Path) -> None:
    root = str(sources())
    done = subprocess.run(
        command,
        env={**os.environ, "MICROPYPATH": root, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise BadState(f"the factory could not lay out {folder}: {''.join(last)}")
