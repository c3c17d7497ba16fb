"""The disk that loses power must lose what a real one may lose, or the fault matrix proves nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from station.fault_disk import Cut

VICTIM = """
import os, sys
from pathlib import Path
from firmware_agent import durable
from station.fault_disk import Cut, CuttingDisk
root, steps = Path(sys.argv[1]), sys.argv[3].split()
durable.use(CuttingDisk(lambda path: "download", Cut.parse(sys.argv[2])))
disk = durable.disk()
handle = os.open(root / "part", os.O_RDWR | os.O_CREAT, 0o644)
for step in steps:
    if step == "write": disk.write(handle, b"x" * 4096, os.fstat(handle).st_size)
    if step == "sync": disk.sync(handle)
    if step == "rename": disk.rename(root / "part", root / "whole")
    if step == "unlink": disk.unlink(root / "old")
"""


def cut(root: Path, cut: Cut, steps: str) -> None:
    (root / "old").write_bytes(b"old")
    ended = subprocess.run(
        [sys.executable, "-c", VICTIM, str(root), cut.text, steps], check=False, env={**os.environ}
    )
    assert ended.returncode == -signal.SIGKILL


def many(tmp_path: Path, kind: str, at: int, steps: str) -> list[Path]:
    roots = []
    for seed in range(12):
        root = tmp_path / str(seed)
        root.mkdir()
        cut(root, Cut("cache" if kind == "name" else "download", kind, at, seed), steps)  # type: ignore[arg-type]
        roots.append(root)
    return roots


def test_what_was_synced_survives_every_cut(tmp_path: Path) -> None:
    for root in many(tmp_path, "bytes", 2 * 4096, "write sync write"):
        assert (root / "part").read_bytes()[:4096] == b"x" * 4096


def test_what_was_not_synced_is_sometimes_gone_sometimes_torn_sometimes_there(tmp_path: Path) -> None:
    found = {(root / "part").read_bytes().rstrip(b"\0") for root in many(tmp_path, "sync", 1, "write sync")}
    assert b"" in found
    assert b"x" * 4096 in found
    assert any(0 < len(left) < 4096 for left in found)


def test_a_rename_before_its_sync_loses_bytes_under_the_new_name(tmp_path: Path) -> None:
    roots = many(tmp_path, "name", 2, "write rename")
    names = {tuple(sorted(path.name for path in root.iterdir())) for root in roots}
    assert names == {("old", "part"), ("old", "whole")}
    whole = [(root / "whole").read_bytes() for root in roots if (root / "whole").exists()]
    assert any(raw.rstrip(b"\0") != b"x" * 4096 for raw in whole)


def test_a_removed_file_may_be_there_again(tmp_path: Path) -> None:
    there = {(root / "old").exists() for root in many(tmp_path, "name", 2, "unlink rename")}
    assert there == {True, False}


def test_a_cut_survives_being_written_down() -> None:
    draw = random.Random(7)
    for _ in range(20):
        one = Cut("apply", "sync", draw.randrange(1, 99), draw.randrange(99), draw.random() < 0.5)
        assert Cut.parse(one.text) == one
    for wrong in (
        "",
        "apply:sync:1:2",
        "dinner:sync:1:2:kill",
        "apply:bites:1:2:kill",
        "apply:sync:x:2:kill",
    ):
        with pytest.raises(ValueError, match=r".*"):
            Cut.parse(wrong)
