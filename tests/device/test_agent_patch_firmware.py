"""Patches between real releases of microcontroller firmware, applied by the device's decoder in MicroPython."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import hdiffpatch
import pytest

from firmware_agent.agent_patch import make
from firmware_agent.agent_patch.covers import difference
from firmware_agent.agent_patch.simulate import reading
from firmware_agent.device.inflate import Packed
from firmware_agent.device.lite import LiteReader
from station.agent_images import Pair, pair
from tests.device.test_both_interpreters import ROOT, micropython

DECODER_BYTES = 40 * 1024
APPLY = """
import gc, sys
from binascii import hexlify
from hashlib import sha256
from firmware_agent.device.inflate import Inflater
from firmware_agent.device.lite import LiteReader

def size_of(file):
    return file.seek(0, 2)

old, patch = open("old", "rb"), open("patch", "rb")
def read_old(offset, target):
    old.seek(offset)
    return old.readinto(target)
def read_patch(offset, target):
    patch.seek(offset)
    return patch.readinto(target)

size = int(sys.argv[1])
block = memoryview(bytearray(4096))
digest = sha256()
gc.collect()
before = gc.mem_alloc()
reader = LiteReader(Inflater(read_patch, size_of(patch), 15), read_old, size_of(old), size)
held = 0
while True:
    got = reader.readinto(block)
    if not got:
        break
    digest.update(block[:got])
    gc.collect()
    held = max(held, gc.mem_alloc() - before)
reader.finish()
print(str(hexlify(digest.digest()), "ascii"), held)
"""


@pytest.fixture(scope="module", params=["small", "microbit"])
def firmware(request: pytest.FixtureRequest) -> Pair:
    return pair(request.param)


def test_the_device_reads_hdiffpatch_s_difference_of_real_firmware(firmware: Pair) -> None:
    diff = difference(firmware.old, firmware.new)
    reader = LiteReader(
        Packed(reading(diff), len(diff)), reading(firmware.old), len(firmware.old), len(firmware.new)
    )
    out = bytearray(len(firmware.new))
    assert reader.readinto(out) == len(out)
    reader.finish()
    assert out == hdiffpatch.apply_lite(firmware.old, diff) == firmware.new


def test_micropython_makes_the_new_firmware_within_the_decoder_s_memory(
    firmware: Pair, tmp_path: Path
) -> None:
    interpreter = micropython()
    if interpreter is None:
        pytest.skip("no MicroPython here: its wheel is for x86-64 only")
    patch = make.slot_delta(make.Target("kinglet", "2", 1, firmware.new), firmware.old)
    (tmp_path / "old").write_bytes(firmware.old)
    (tmp_path / "patch").write_bytes(patch.payload)
    (tmp_path / "apply.py").write_text(APPLY)
    done = subprocess.run(
        [str(interpreter), "-X", "heapsize=192k", "apply.py", str(len(firmware.new))],
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    digest, held = done.stdout.split()
    assert digest == hashlib.sha256(firmware.new).hexdigest()
    assert int(held) <= DECODER_BYTES


def test_a_difference_is_no_larger_than_hdiffpatch_s_own_and_in_place_costs_a_fifth_more_at_most(
    firmware: Pair,
) -> None:
    target = make.Target("kinglet", "2", 1, firmware.new)
    own = len(hdiffpatch.diff_lite(firmware.old, firmware.new, compression="zlib"))
    slot = len(make.slot_delta(target, firmware.old).payload)
    in_place = len(make.in_place_delta(target, firmware.old, make.Flash()).payload)
    whole = len(make.whole(target).payload)
    assert slot <= own + 16
    assert in_place <= 1.2 * slot
    assert in_place < whole / 2
