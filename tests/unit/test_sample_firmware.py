"""The demo's two firmware versions are real, repeatable and differ as an update does."""

from __future__ import annotations

import hashlib
from pathlib import Path

from station.sample_firmware import MIB, NEW, OLD, lay_out, make_releases


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_an_update_replaces_adds_and_removes_real_files(tmp_path: Path) -> None:
    change = lay_out(tmp_path / "old", tmp_path / "new", 4 * MIB)
    old, new = digests(tmp_path / "old"), digests(tmp_path / "new")
    replaced = [name for name in old.keys() & new.keys() if old[name] != new[name]]
    assert change.files == len(old)
    assert len(replaced) >= 0.05 * len(old)
    assert len(replaced) == change.replaced
    assert len(old.keys() - new.keys()) == change.removed > 0
    assert len(new.keys() - old.keys()) == change.added > 0
    assert sum((tmp_path / "old" / name).stat().st_size for name in old) >= 4 * MIB


def test_the_same_machine_makes_the_same_images(tmp_path: Path) -> None:
    for place in ("one", "two"):
        make_releases(tmp_path / place / "releases", ("heron",), MIB)
    manifests = [
        [
            (tmp_path / place / "releases/heron" / version / "images/system.img").read_bytes()
            for version in (OLD, NEW)
        ]
        for place in ("one", "two")
    ]
    assert manifests[0] == manifests[1]
    assert manifests[0][0] != manifests[0][1]
