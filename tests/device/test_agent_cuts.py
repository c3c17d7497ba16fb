"""Two power cuts, the second while the device recovers from the first: it boots old or new, and the update finishes."""

from __future__ import annotations

import random

import pytest

from tests.device.micro import agent_bench
from tests.device.micro.agent_bench import NEW, OLD, OWNER, MemoryFlash, PowerCut, board, running, update

JOBS = {
    "slots": ("slots", agent_bench.slot_delta),
    "in_place": ("in_place", agent_bench.in_place_delta),
    "whole_in_place": ("in_place", agent_bench.whole),
}
SEED = 4


def powered(flash: MemoryFlash, mode: str, job: str, cut: int, part: int) -> bool:
    """Live until the update is done or the power goes at write ``cut``; whether it went."""
    flash.count, flash.cut, flash.part = 0, cut, part
    order, patch = JOBS[job][1]()
    try:
        update(board(mode, flash), order, patch)
        running(board(mode, flash))
    except PowerCut:
        return True
    return False


@pytest.mark.parametrize("job", sorted(JOBS))
def test_a_second_cut_in_the_recovery_from_the_first_leaves_old_or_new(job: str) -> None:
    mode = JOBS[job][0]
    chance = random.Random(SEED)
    fresh = bytes(board(mode).flash.data)
    first = tried = 0
    while True:
        flash = MemoryFlash(len(fresh))
        flash.data[:] = fresh
        if not powered(flash, mode, job, first, chance.choice((0, 1, 50, 99, 100))):
            break
        torn = bytes(flash.data)
        second = 0
        while True:
            flash.data[:] = torn
            if not powered(flash, mode, job, second, chance.choice((0, 1, 50, 99, 100))):
                break
            flash.cut = -1
            device, image = running(board(mode, flash))
            assert image == (NEW if device.image.version == "2.0.0" else OLD), (first, second)
            assert not powered(flash, mode, job, -1, 0), (first, second)
            assert running(board(mode, flash))[1] == NEW, (first, second)
            assert bytes(flash.data[device.layout.user_at :]) == OWNER, (first, second)
            tried += 1
            second += 1
        first += 1
    assert tried > 300
