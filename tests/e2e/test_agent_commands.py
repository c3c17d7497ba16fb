"""The way of an update for devices with our agent as its maker types it: key, bundle, release, phone, visit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hw.virtual.agent_process import interpreter
from hw.virtual.errors import BadState
from station.children import last_json
from station.sample_agent import sample_images
from tests.e2e.visits import virtual_phone

try:
    interpreter()
except BadState:
    pytest.skip("no MicroPython for this machine: the update agent was not tried", allow_module_level=True)


def station(*words: object, expected: int = 0) -> dict[str, Any]:
    command = [sys.executable, "-m", "station", *map(str, words), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == expected, run.stderr
    return last_json(run.stdout)


def test_key_bundle_release_and_visit_as_the_readme_has_them(tmp_path: Path) -> None:
    images = sample_images()
    (tmp_path / "old.bin").write_bytes(images.old)
    (tmp_path / "new.bin").write_bytes(images.new)
    key = station("release", "keys", "--lms", tmp_path / "K", "--height", 5)
    (tmp_path / "public-key.txt").write_text(key["public_key"], "ascii")
    heading = ("--model", "kinglet", "--version", "2.0.0", "--rollback", 2)
    made = ("--new", tmp_path / "new.bin", "--base", f"{tmp_path / 'old.bin'}@1.0.0", "--mode", "slots")
    bundle = tmp_path / "firmware.agu"
    station("release", "agent", *heading, *made, "--key", tmp_path / "K", "--out", bundle)
    releases = tmp_path / "releases"
    build = ("--model", "kinglet", "--variant", "cn", "--version", "2.0.0", "--rollback-index", 2)
    out = releases / "kinglet" / "2.0.0"
    station("release", "build", *build, "--partition", f"firmware={bundle}", "--out", out)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert [part["name"] for part in manifest["partitions"]] == ["firmware"]
    words = ("--trust", os.fspath(tmp_path / "public-key.txt"))
    with virtual_phone("kinglet", tmp_path / "old.bin", *words) as phone:
        seen = station("phones", "--where", phone.where)["phones"][0]
        assert (seen["mode"], seen["model"], seen["version"], seen["error"]) == (
            "agent",
            "kinglet",
            "1.0.0",
            None,
        )
        refused = station("flash", "--phone", phone.where, "firmware", bundle, expected=3)
        assert refused["written"] is False
        assert "station update" in refused["reason"]
        words = ("--yes", "--releases", os.fspath(releases), "--state", os.fspath(tmp_path / "station"))
        answer = station("update", "--phone", phone.where, *words)
        assert (answer["verdict"], answer["from"], answer["to"]) == ("updated", "1.0.0", "2.0.0")
        assert station("phones", "--where", phone.where)["phones"][0]["version"] == "2.0.0"


def test_a_phone_trusts_no_key_that_no_signature_can_fit(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("deadbeef", "ascii")
    words = ("phone", "--model", "kinglet", "--trust", os.fspath(tmp_path / "key.txt"))
    run = subprocess.run(
        [sys.executable, "-m", "station", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "public key" in run.stderr
