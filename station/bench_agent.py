"""The update agent's figures on MicroPython's unix port, with the heap of a small board, on real firmware.

Times are of this machine: a board is slower, and by how much only a board can say. The share that is Python's is
measured by decoding the same patch three times: by ``deflate`` alone, through our reader of it, and whole.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.agent_patch import make
from firmware_agent.signing.key import make_key
from hw.virtual.agent_process import HEAP, RESET, interpreter, sources
from hw.virtual.control import Customer
from station.agent_images import Pair, pair
from station.agent_process import AgentProcess, Talk, peak_memory
from station.agent_rig import (
    BLOCK_BYTES,
    FEW_SIGNATURES,
    GROUP_BLOCKS,
    KIB,
    MODES,
    NEW_VERSION,
    Images,
    Rig,
)
from station.bench import Row, median
from station.children import Child, last_json, run
from station.errors import OURS, StationError
from station.sample_agent import write_release

PAIRS = ("small", "microbit", "large")
LARGE_RUNS = 3
VISITED = {"kinglet": "slots", "firecrest": "in place"}
VISIT_S = 600
FEW_FILES = "6KiB"  # what is listed of the owner's files goes over the same wire
OVERHEAD_PERCENT, OVERHEAD_BYTES = 2, 4 * KIB
_SCRIPT_S = 300
_BIG_HEAP = "64m"

_DECODE = """
import sys, time, io, json
from firmware_agent.device.inflate import Inflater
from firmware_agent.device.lite import LiteReader
patch, base, what, base_size, image_size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
size = int(sys.argv[6])
file, old = open(patch, "rb"), open(base, "rb")
def read_patch(offset, buffer):
    file.seek(offset)
    return file.readinto(buffer)
def read_old(offset, buffer):
    old.seek(offset)
    old.readinto(buffer)
block = memoryview(bytearray(4096))
if what == "deflate":
    import deflate
    source = deflate.DeflateIO(io.BytesIO(file.read()), deflate.ZLIB, 15)
elif what == "inflate":
    source = Inflater(read_patch, size, 15)
else:
    source = LiteReader(Inflater(read_patch, size, 15), read_old, base_size, image_size)
begun = time.ticks_us()
while source.readinto(block):
    pass
print(time.ticks_diff(time.ticks_us(), begun) / 1e6)
"""

_VERIFY = """
import sys, time
from firmware_agent.device.lms import verify
with open(sys.argv[1], "rb") as file:
    key, order, signature = file.read(60), file.read(192), file.read()
begun = time.ticks_us()
for _ in range(20):
    assert verify(key, order, signature)
print(time.ticks_diff(time.ticks_us(), begun) / 20 / 1e3)
"""


@dataclass(frozen=True, slots=True)
class Trip:
    """One whole update of a device, measured."""

    apply_s: float
    wire_bytes: int
    peak_bytes: int
    heap_bytes: int


def rows(runs: int, _mib: int) -> list[Row]:
    """All rows of ``station bench agent``; the images are pinned, so their size is not asked for."""
    found: list[Row] = []
    for name in PAIRS:
        images = pair(name)
        times = min(runs, LARGE_RUNS) if name == "large" else runs
        with tempfile.TemporaryDirectory(prefix="station-bench-agent-") as folder:
            rig = Rig(Path(folder), Images(images.old, images.new))
            label = f"{name} firmware, {len(images.new) // KIB} KiB"
            for mode in MODES:
                found += _updates(rig, mode, label, times)
            for model, mode in VISITED.items():
                found.append(_visit(Path(folder), images, model, mode, label))
            found += _decoding(rig, label, times)
            if name == PAIRS[0]:
                found.append(_verification(rig, times))
    return found


def _updates(rig: Rig, mode: str, label: str, runs: int) -> list[Row]:
    """Whole updates of fresh devices: how fast the image is built, what went over the wire, memory."""
    update = rig.update(mode)
    trips = []
    measured = _trip(rig, mode, measured=True)  # counting memory takes time
    for number in range(runs):
        trips.append(_trip(rig, mode))
        print(f"run {number + 1}/{runs} {label}, {mode} {trips[-1].apply_s:.3f} s", file=sys.stderr)
    apply_s = median([trip.apply_s for trip in trips])
    wire = max(trip.wire_bytes for trip in trips)
    where = f"{label}, {mode.replace('_', ' ')}"
    bound = len(update.patch) * (100 + OVERHEAD_PERCENT) / 100 + OVERHEAD_BYTES
    whole = len(rig.whole(mode).patch)
    return [
        Row(f"{where}: patch", len(update.patch) / KIB, "whole image, zlib", whole / KIB, "KiB"),
        Row(f"{where}: over the wire", wire / KIB, "patch + 2 % + 4 KiB", bound / KIB, "KiB", 1.0),
        Row(f"{where}: commit", apply_s, None, None, "s"),
        Row(f"{where}: image built", update.order.image_size / KIB / apply_s, None, None, "KiB/s"),
        Row(
            f"{where}: peak heap",
            measured.peak_bytes / KIB,
            f"heap of {HEAP}",
            measured.heap_bytes / KIB,
            "KiB",
            1.0,
        ),
    ]


def _trip(rig: Rig, mode: str, measured: bool = False) -> Trip:
    update = rig.update(mode)
    device = rig.device(mode).copy(f"{mode}-trip")
    with AgentProcess(device.folder, measured=measured) as process:
        talk = Talk(process)
        talk.hello()
        talk.place(update.signed)
        talk.send(update.patch)
        begun = time.perf_counter()
        talk.commit()
        apply_s = time.perf_counter() - begun
        if talk.reboot() != RESET:
            raise StationError("the agent did not restart after its update", OURS)
    peak, heap = peak_memory(device.folder) if measured else (0, 0)
    with AgentProcess(device.folder) as process:
        if Talk(process).hello().image_sha256 != update.image_sha256:
            raise StationError("the device does not run the new image", OURS)
    device.remove()
    return Trip(apply_s, talk.host.went_bytes + talk.host.came_bytes, peak, heap)


def _visit(folder: Path, images: Pair, model: str, mode: str, label: str) -> Row:
    """``station update`` of a virtual phone over USB/IP, from one real version to the next: bytes both ways."""
    place = folder / model
    place.mkdir()
    key = make_key(place / "key", FEW_SIGNATURES, workers=1)
    target = make.Target(model, NEW_VERSION, 2, images.new)
    delta = (
        make.slot_delta(target, images.old)
        if mode == "slots"
        else make.in_place_delta(target, images.old, make.Flash(BLOCK_BYTES, GROUP_BLOCKS))
    )
    write_release(
        place / "releases", model, NEW_VERSION, make.bundle_of([delta, make.whole(target)], key.sign)
    )
    (place / "old.bin").write_bytes(images.old)
    (place / "trust").write_text(key.public_key.hex(), "ascii")
    words = ("--model", model, "--firmware", str(place / "old.bin"), "--trust", str(place / "trust"))
    with Child("phone", *words, "--user-data-size", FEW_FILES, "--boot-delay", "0.1") as phone:
        update = ("update", "--phone", phone.ready["usbip"], "--releases", str(place / "releases"))
        done = run((*update, "--state", str(place / "state"), "--yes", "--json"), VISIT_S)
        answer = last_json(done.stdout)
        data = answer["user_data"]
        if answer["verdict"] != "updated" or data["identical"] != data["before"]:
            raise StationError(f"{label}, {mode}: ended {answer['verdict']} ({answer['reason']})", OURS)
        status = Customer(phone.ready["control"]).status()
    wire = status["download_bytes"] + status["upload_bytes"]
    bound = len(delta.payload) * (100 + OVERHEAD_PERCENT) / 100 + OVERHEAD_BYTES
    print(f"{label}, {mode}: updated in {answer['seconds']['total']} s", file=sys.stderr)
    return Row(f"{label}, {mode}: a whole visit", wire / KIB, "patch + 2 % + 4 KiB", bound / KIB, "KiB", 1.0)


def _decoding(rig: Rig, label: str, runs: int) -> list[Row]:
    """Where decoding spends its time: the same patch, three times as much of the way."""
    update = rig.update("slots")
    patch, base = rig.folder / "patch", rig.folder / "base"
    patch.write_bytes(update.patch)
    base.write_bytes(rig.images.old)
    sizes = (update.order.base_size, update.order.image_size, len(update.patch))
    seconds: dict[str, list[float]] = {"deflate": [], "inflate": [], "whole": []}
    for _run in range(runs):
        for what, found in seconds.items():
            heap = _BIG_HEAP if what == "deflate" else HEAP
            found.append(_script(_DECODE, heap, patch, base, what, *sizes))
    whole, reader, deflate = (statistics.median(seconds[what]) for what in ("whole", "inflate", "deflate"))
    return [
        Row(f"{label}: decoded", update.order.image_size / KIB / whole, None, None, "KiB/s"),
        Row(f"{label}: of decoding, deflate in C", 100 * deflate / whole, None, None, "%"),
        Row(
            f"{label}: of decoding, feeding it from Python", 100 * (reader - deflate) / whole, None, None, "%"
        ),
        Row(f"{label}: of decoding, HPatchLite in Python", 100 * (whole - reader) / whole, None, None, "%"),
    ]


def _verification(rig: Rig, runs: int) -> Row:
    update = rig.update("slots")
    signed = rig.folder / "signed"
    signed.write_bytes(rig.key.public_key + update.signed)
    taken = [_script(_VERIFY, HEAP, signed) for _ in range(runs)]
    return Row("one LMS signature (H5, W8) verified", median(taken), None, None, "ms")


def _script(script: str, heap: str, *words: object) -> float:
    """What it prints: one number."""
    command: Sequence[str] = [str(interpreter()), "-X", f"heapsize={heap}", "-c", script, *map(str, words)]
    done = subprocess.run(
        command,
        env={"MICROPYPATH": str(sources())},
        capture_output=True,
        text=True,
        timeout=_SCRIPT_S,
        check=False,
    )
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise StationError(f"MicroPython could not measure: {''.join(last)}", OURS)
    return float(json.loads(done.stdout))
