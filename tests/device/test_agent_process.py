"""The agent as a process: the files that go on a board, under MicroPython with a board's heap, over real pipes."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import struct
from pathlib import Path

import pytest

from firmware_agent import wire
from firmware_agent.agent_patch import make
from firmware_agent.order import Order
from tests.device.agent_process import (
    MODEL,
    AgentProcess,
    facts,
    give_files,
    make_folder,
    needs_micropython,
    slot_order,
)

OLD = random.Random(1).randbytes(60_000)
pytestmark = needs_micropython
MODES = ["slots", "in_place"]
NEW = OLD[:20_000] + random.Random(2).randbytes(9_000) + OLD[18_000:]


def order_for(mode: str) -> tuple[Order, bytes]:
    """The update from OLD to NEW as the release tool makes it."""
    if mode == "slots":
        return slot_order(OLD, NEW)
    target = make.Target(MODEL, "2.0.0", 2, NEW)
    patch = make.in_place_delta(target, OLD, make.Flash(4096, 3))
    return patch.order, patch.payload


def operations(folder: Path) -> int:
    """Flash writes and erases since the process began."""
    return int(struct.unpack("<QQ", (folder / "ops").read_bytes())[0])


@pytest.mark.parametrize("mode", MODES)
def test_an_update_is_received_written_booted_and_confirmed_in_192_kilobytes(
    tmp_path: Path, mode: str
) -> None:
    folder = make_folder(tmp_path / "phone", OLD, facts(mode))
    agent = AgentProcess(folder, AGENT_MEM="1")
    welcome = agent.hello()
    assert (welcome.model, welcome.image_version, welcome.state) == (MODEL, "1.0.0", wire.IDLE)
    order, patch = order_for(mode)
    assert agent.order(order).kind == wire.ORDERED
    agent.data(patch)
    done = agent.commit()
    assert (done.kind, wire.unpack_counts(done.payload)) == (wire.WORKING, (len(NEW), len(NEW)))
    assert agent.reboot() == 3
    memory = json.loads((folder / "memory.json").read_text())
    assert memory["peak_bytes"] < memory["heap_bytes"] < 200_000
    agent = AgentProcess(folder)
    welcome = agent.hello()
    assert (welcome.state, welcome.image_version, welcome.rollback_index) == (wire.IDLE, "2.0.0", 2)
    assert welcome.image_size == len(NEW)
    assert agent.reboot() == 3


@pytest.mark.parametrize("mode", MODES)
def test_power_that_goes_within_the_commit_costs_nothing_but_time(tmp_path: Path, mode: str) -> None:
    folder = make_folder(tmp_path / "phone", OLD, facts(mode))
    order, patch = order_for(mode)
    agent = AgentProcess(folder)
    agent.hello()
    agent.order(order)
    agent.data(patch)
    agent.end()
    agent = AgentProcess(folder, AGENT_CUT="9:50")
    assert agent.hello().durable == len(patch)
    agent.order(order)
    with pytest.raises(EOFError):
        agent.commit()
    assert agent.end() == -signal.SIGKILL
    assert operations(folder) == 9
    agent = AgentProcess(folder)
    welcome = agent.hello()
    if mode == "slots":  # the station says when; in place the device has finished on its own
        assert (welcome.state, welcome.image_version, welcome.durable) == (wire.READY, "1.0.0", len(patch))
        agent.commit()
        assert agent.reboot() == 3
        agent = AgentProcess(folder)
        welcome = agent.hello()
    assert (welcome.state, welcome.image_version) == (wire.IDLE, "2.0.0")
    agent.end()


def test_a_new_image_that_fails_its_test_is_left_after_three_boots(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "phone", OLD, facts(self_test="fail 2.0.0"))
    order, patch = order_for("slots")
    agent = AgentProcess(folder)
    agent.hello()
    agent.order(order)
    agent.data(patch)
    agent.commit()
    assert agent.reboot() == 3
    assert [AgentProcess(folder).end() for _ in range(3)] == [3, 3, 3]
    agent = AgentProcess(folder)
    welcome = agent.hello()
    assert (welcome.state, welcome.image_version, welcome.last_code) == (
        wire.FELL_BACK,
        "1.0.0",
        wire.SELF_TEST,
    )
    agent.end()


def test_a_station_that_goes_away_in_the_commit_does_not_stop_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "phone", OLD, facts("in_place"))
    order, patch = order_for("in_place")
    agent = AgentProcess(folder)
    agent.hello()
    agent.order(order)
    agent.data(patch)
    agent.raw(wire.frame(wire.COMMIT, 1 + agent.sequence))
    assert agent.end(hang_up=True) == 0
    agent = AgentProcess(folder)
    assert agent.hello().image_version == "2.0.0"
    agent.end()


def test_garbage_on_the_line_is_refused_and_the_talk_goes_on(tmp_path: Path) -> None:
    agent = AgentProcess(make_folder(tmp_path / "phone", OLD, facts()))
    agent.raw(b"\0\1\2 no frame \xa5")
    refused = agent.answer()
    assert (refused.kind, refused.sequence) == (wire.REFUSED, 0)
    assert wire.unpack_refused(refused.payload)[0] == wire.GARBAGE
    agent.raw(wire.frame(wire.STATUS, 1)[:-1] + b"!")
    assert wire.unpack_refused(agent.answer().payload)[0] == wire.BAD_CRC
    while agent.ask(wire.HELLO, wire.pack_hello(1, 1, 4352)).kind == wire.REFUSED:
        pass
    agent.end()


def test_the_owners_files_are_listed_page_by_page_and_cannot_be_written(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "phone", OLD, facts(user_bytes=1024 * 1024))
    files = {f"photos/{n:03}.bin": random.Random(n).randbytes(n * 37) for n in range(90)} | {
        "a note": b"",
        "照片/一": b"1",
    }
    give_files(folder, files)
    before = (folder / "flash.bin").read_bytes()
    agent = AgentProcess(folder)
    assert agent.hello().health == 0
    found: dict[str, tuple[int, bytes]] = {}
    while True:
        page = agent.ask(wire.USER_FILES, wire.pack_user_question(len(found), True))
        total, some = wire.unpack_user_page(page.payload)
        found |= {path: (size, digest) for path, size, digest in some}
        if not some:
            break
    assert total == len(files)
    assert found == {path: (len(data), hashlib.sha256(data).digest()) for path, data in files.items()}
    agent.end()
    user = before[-1024 * 1024 :]
    assert (folder / "flash.bin").read_bytes()[-1024 * 1024 :] == user
