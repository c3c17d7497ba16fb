"""Tests that share what is dear to make are run by one worker, whatever pytest and xdist think of their ids."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.scheduling import FIRST, SHARED, rank, shared

ROOT = Path(__file__).parents[2]

INSIDE = """
import pytest
from tests.scheduling import InTurn, SHARED, shared
SHARED["test_shared.py"] = ""

def pytest_xdist_make_scheduler(config, log):
    return InTurn(config, log)
"""
TESTS = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(12))
def test_it(number, worker_id):
    with pathlib.Path(os.environ["WHO"]).open("a") as file:
        file.write(worker_id + "\\n")
"""


def test_every_file_that_is_named_is_there() -> None:
    assert all((ROOT / file).is_file() for file in SHARED)
    for start in FIRST:
        assert list(ROOT.glob(f"{start}*")), start


def test_a_shared_file_is_one_group_and_its_patterns_part_it() -> None:
    assert shared("tests/e2e/test_whole_system.py::test_a[1]@x") == shared(
        "tests/e2e/test_whole_system.py::test_b"
    )
    suites = "tests/device/test_both_interpreters.py::test_under_micropython"
    assert shared(f"{suites}[suite_wire-test_a]") == shared(f"{suites}[suite_wire-test_b]")
    assert shared(f"{suites}[suite_wire-test_a]") != shared(f"{suites}[suite_dock-test_a]")
    assert shared("tests/unit/test_wire.py::test_a") != shared("tests/unit/test_wire.py::test_b")
    assert rank("tests/e2e/test_whole_system.py::test_a") < rank("tests/unit/test_wire.py::test_a")


def test_one_worker_runs_the_whole_of_a_shared_file(tmp_path: Path) -> None:
    for name, text in (("conftest.py", INSIDE), ("test_shared.py", TESTS), ("test_other.py", TESTS)):
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "ascii")
    workers = {}
    for name in ("test_shared.py", "test_other.py"):
        who = tmp_path / f"{name}.txt"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n2",
            "--dist",
            "loadgroup",
            "-p",
            "no:cacheprovider",
            name,
        ]
        places = {"PYTHONPATH": str(ROOT), "WHO": str(who)}
        run = subprocess.run(command, cwd=tmp_path, env=places, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        workers[name] = who.read_text("ascii").split()
    assert len(workers["test_shared.py"]) == len(workers["test_other.py"]) == 12
    assert len(set(workers["test_shared.py"])) == 1
    assert len(set(workers["test_other.py"])) == 2
