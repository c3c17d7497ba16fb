"""A seeded sample of the counter's fault matrix; ``station faults custody`` runs all of it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from station.children import last_json

SEED = 20261122


def custody(*words: str) -> tuple[int, dict[str, Any], list[str]]:
    """The matrix's exit code, its JSON, and what it said."""
    command = [
        sys.executable,
        "-m",
        "station",
        "faults",
        "custody",
        *words,
        "--seed",
        str(SEED),
        "--json",
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    lines = run.stderr.splitlines()
    percents = [int(line.split()[1]) for line in lines if line.startswith("progress ")]
    assert percents == sorted(percents)
    return run.returncode, last_json(run.stdout), lines


@pytest.mark.timeout(220)
def test_a_kiosk_that_dies_at_its_counter_loses_no_thing_no_money_and_no_entry() -> None:
    groups = ("accessory", "damaged battery", "emptied bin", "provisional", "transfer")
    code, tally, lines = custody(*(word for group in groups for word in ("--group", group)), "--sample", "2")
    assert tally["failures"] == []
    assert code == 0, lines
    assert tally["bricks"] == tally["user_bytes_lost"] == tally["entries_lost"] == tally["entries_twice"] == 0
    assert tally["injected"] == tally["recovered"] + tally["latched"] == 10
    assert set(tally["groups"]) == set(groups)
    assert tally["flows"] == 5
    assert tally["points"] > 200
    assert tally["entries"] > 100


def test_an_unknown_flow_is_refused_with_the_names_there_are() -> None:
    command = [sys.executable, "-m", "station", "faults", "custody", "--group", "nothing"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    assert "no group is called nothing; there are: top-up" in run.stderr
