"""A seeded sample of the fault matrix; ``make faults`` runs all of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from station.children import last_json

SEED = 20261121


@pytest.mark.timeout(420)
def test_a_sample_of_every_kind_of_fault_loses_nothing() -> None:
    command = [
        sys.executable,
        "-m",
        "station",
        "faults",
        "update",
        "--sample",
        "1",
        "--seed",
        str(SEED),
        "--json",
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    tally = last_json(run.stdout)
    assert tally["failures"] == []
    assert run.returncode == 0, run.stderr
    assert tally["bricks"] == tally["user_bytes_lost"] == tally["entries_lost"] == tally["entries_twice"] == 0
    assert tally["injected"] == tally["recovered"] + tally["latched"] == len(tally["groups"]) >= 10
    assert tally["entries"] > 100
    percents = [int(line.split()[1]) for line in run.stderr.splitlines() if line.startswith("progress ")]
    assert percents == sorted(percents)
