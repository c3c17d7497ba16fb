"""Whatever comes over the line or lies in flash: the agent answers, its image stays, nothing is raised."""

from __future__ import annotations

import struct
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import wire
from firmware_agent.device.block_order import BlockOrder
from firmware_agent.device.boot import RESET, boot
from firmware_agent.device.device import Device
from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Region
from firmware_agent.device.journal import Journal, journal_blocks
from firmware_agent.device.main import Receiver
from tests.device.micro.agent_bench import (
    BLOCK,
    GROUP,
    OLD,
    SIGNATURE,
    BenchBoard,
    MemoryFlash,
    Station,
    board,
    in_place_delta,
    running,
    slot_delta,
    whole,
)

KINDS = [
    wire.HELLO,
    wire.ORDER,
    wire.DATA,
    wire.COMMIT,
    wire.ABORT,
    wire.STATUS,
    wire.USER_FILES,
    0,
    0x7F,
    0x81,
]
PARTS = st.one_of(
    st.binary(max_size=60),
    st.builds(wire.pack_data, st.integers(0, 9000), st.binary(min_size=1, max_size=900)),
    st.just(wire.pack_hello(1, 1, 4352)),
    st.just(slot_delta()[0].pack() + SIGNATURE),
    st.just(whole()[0].pack() + SIGNATURE),
    st.just(in_place_delta()[0].pack() + SIGNATURE),
)


@given(
    st.sampled_from(["slots", "in_place"]), st.lists(st.tuples(st.sampled_from(KINDS), PARTS), max_size=25)
)
def test_any_frames_in_any_order_are_answered_and_leave_the_image(
    mode: str, frames: list[tuple[int, bytes]]
) -> None:
    bench = board(mode)
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    for kind, payload in frames:
        answered, _ = station.ask(kind, payload)
        assert answered in {wire.REFUSED, kind | wire.IS_ANSWER}
    assert not [line for line in bench.said if line]  # nothing that only the last resort caught
    assert running(bench)[1] == OLD


@given(
    st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=300)), min_size=1, max_size=6)
)
def test_whatever_lies_in_the_agents_flash_it_boots_and_talks(damage: list[tuple[int, bytes]]) -> None:
    for mode in ("slots", "in_place"):
        bench = board(mode)
        for place, data in damage:
            at = place % (bench.layout.user_at - len(data))
            bench.flash.data[at : at + len(data)] = data
        device = Device(bench)
        while boot(device) == RESET:
            device = Device(bench)
        welcome = Station(device).hello()
        record = device.control.record
        healthy = welcome.health & wire.HEALTH_IMAGE == 0
        assert not healthy or welcome.image_sha256 == sha256(_image(bench, device)).digest()
        assert healthy or record.boot_state == 3


def _image(bench: BenchBoard, device: Device) -> bytes:
    image = bytearray(device.image.size)
    if not 0 < len(image) <= bench.layout.image_bytes:
        return b"\0"
    device.image_region(device.running).read(0, image)
    return bytes(image)


@given(st.integers(1, 40), st.binary(max_size=120))
def test_an_order_of_blocks_is_each_block_once_or_refused(blocks: int, raw: bytes) -> None:
    _once_or_refused(blocks, raw)


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 1)), min_size=1, max_size=4),
)
def test_runs_that_overlap_or_leave_a_block_out_are_refused(
    blocks: int, runs: list[tuple[int, int, int]]
) -> None:
    raw = struct.pack("<HH", len(runs), 0)
    raw += b"".join([struct.pack("<HHBB", first, count, backward, 0) for first, count, backward in runs])
    named = [block for first, count, _ in runs for block in range(first, first + count)]
    fits = sorted(named) == list(range(blocks)) and all(count for _, count, _ in runs)
    assert _once_or_refused(blocks, raw) == fits


def _once_or_refused(blocks: int, raw: bytes) -> bool:
    def read(offset: int, buffer: memoryview) -> int:
        part = raw[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        return len(part)

    try:
        order = BlockOrder(read, blocks)
    except AgentError as problem:
        assert problem.code == wire.BAD_PATCH  # noqa: PT017 - either outcome is right
        return False
    assert sorted(order) == list(range(blocks))
    return True


@given(st.binary(max_size=200), st.integers(0, journal_blocks(GROUP) * BLOCK - 200))
def test_a_damaged_journal_is_a_step_less_and_never_a_wrong_block(data: bytes, at: int) -> None:
    flash = MemoryFlash((journal_blocks(GROUP) + 4) * BLOCK)
    region = Region(flash, 0, journal_blocks(GROUP) * BLOCK)
    image = Region(flash, journal_blocks(GROUP) * BLOCK, 4 * BLOCK)
    journal, scratch = Journal(region, image, GROUP, b"o" * 32), memoryview(bytearray(BLOCK))
    for step in range(2):
        for target in (2 * step, 2 * step + 1):
            scratch[:] = bytes([65 + target]) * BLOCK
            journal.add(step, target, BLOCK, scratch)
        journal.commit(step, scratch)
    flash.data[at : at + len(data)] = data
    try:
        assert Journal(region, image, GROUP, b"o" * 32).recover(scratch) in {0, 1, 2}
    except AgentError as problem:
        assert problem.code == wire.FLASH_FAILED  # noqa: PT017 - as above
    for target in range(4):
        assert bytes(flash.data[image.offset + target * BLOCK :][:BLOCK]) == bytes([65 + target]) * BLOCK


@given(st.binary(max_size=300), st.integers(0, 65535), st.binary(max_size=40))
def test_a_line_that_blocks_is_never_asked_for_more_than_comes(
    garbage: bytes, sequence: int, payload: bytes
) -> None:
    stream = garbage + wire.frame(wire.STATUS, sequence, payload) * 2
    receiver, at, found = Receiver(), 0, 0
    while at < len(stream):
        wanted = receiver.missing
        assert 1 <= wanted <= receiver.room
        at += receiver.feed(stream[at : at + wanted])
        while True:
            try:
                got = receiver.next()
            except wire.WireError:
                continue
            if got is None:
                break
            found += got.payload == payload
    if wire.MAGIC[:1] not in garbage:
        assert found == 2
