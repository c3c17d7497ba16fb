"""A seeded sample of the fault matrix; ``make faults`` runs all of it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from hw.virtual.agent_process import interpreter
from hw.virtual.errors import BadState
from station.children import last_json

SEED = 20261121


def faults(name: str, *words: str) -> tuple[int, dict[str, Any], list[str]]:
    """One matrix's exit code, its JSON, and what it said."""
    command = [sys.executable, "-m", "station", "faults", name, *words, "--seed", str(SEED), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    lines = run.stderr.splitlines()
    percents = [int(line.split()[1]) for line in lines if line.startswith("progress ")]
    assert percents == sorted(percents)
    return run.returncode, last_json(run.stdout), lines


@pytest.mark.timeout(420)
def test_a_sample_of_every_kind_of_fault_loses_nothing() -> None:
    code, tally, lines = faults("update", "--sample", "1")
    assert tally["failures"] == []
    assert code == 0, lines
    assert tally["bricks"] == tally["user_bytes_lost"] == tally["entries_lost"] == tally["entries_twice"] == 0
    assert tally["injected"] == tally["recovered"] + tally["latched"] == len(tally["groups"]) >= 10
    assert tally["entries"] > 100


@pytest.mark.timeout(420)
def test_a_fetch_cut_at_any_kind_of_moment_goes_on_to_the_makers_bytes() -> None:
    code, tally, lines = faults("fetch", "--sample", "3")
    assert tally["failures"] == []
    assert code == 0, lines
    assert tally["injected"] == tally["recovered"] == 9
    assert set(tally["groups"]) == {"download", "apply", "cache"}


@pytest.mark.timeout(180)
def test_an_agent_whose_power_goes_at_any_write_starts_and_finishes_its_update() -> None:
    try:
        interpreter()
    except BadState:
        pytest.skip("no MicroPython for this machine: the update agent was not tried")
    code, tally, lines = faults("agent", "--sample", "8")
    assert tally["failures"] == []
    assert code == 0, lines
    assert tally["bricks"] == tally["user_bytes_lost"] == 0
    assert tally["injected"] == tally["recovered"] == 24
    assert set(tally["groups"]) == {"slots", "in_place", "again"}
    figures = tally["figures"]
    assert figures["cuts"] == 32, "two for each case of the third group"
    assert figures["started_old"] + figures["started_new"] == 24
