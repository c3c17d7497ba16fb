"""The sample firmware of models with our update agent: two versions, the maker's LMS key, and a bundle as a release.

For the demo and the tests. The images are made up, the same on every machine; nothing is downloaded.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.agent_patch import make
from firmware_agent.release import Heading, build
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Shape
from hw.virtual.agent_models import agent_model
from station.sample_firmware import NEW, NOTES, OLD, VARIANT

SAMPLE_BYTES = 80 * 1024
_FEW_SIGNATURES = Shape(5, 8)  # as long as a default key's, and made in no time
_ROLLBACK = {OLD: 1, NEW: 2}


@dataclass(frozen=True, slots=True)
class Images:
    """Two versions of one firmware."""

    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Factory:
    """What a new phone of the model is born with: a file with its image, one with the maker's public key in hex."""

    image: Path
    public_key: Path


def sample_images() -> Images:
    """Code-like, with moved, changed, new and lost parts."""
    draw = random.Random(4)  # noqa: S311 - repeatable, not secret
    words = [draw.randbytes(draw.randrange(3, 12)) for _ in range(300)]
    old = b"".join(draw.choices(words, k=SAMPLE_BYTES // 6))[:SAMPLE_BYTES]
    third = len(old) // 3
    new = old[:third] + draw.randbytes(9000) + old[third : 2 * third] + old[2 * third + 1500 :]
    changed = bytearray(new + old[third : third + 2100])
    for at in range(0, len(changed), 900):
        changed[at] ^= 0x55
    return Images(old, bytes(changed))


def make_agent_releases(root: Path, models: Sequence[str]) -> dict[str, Factory]:
    """Both versions of every model under ``root``/MODEL/VERSION; what its phones are born with, by model.

    What is there already is kept. The keys and the images lie beside ``root``.
    """
    return {model: _made(root, model) for model in models}


def _made(root: Path, model: str) -> Factory:
    born = root.parent / "agents" / model
    factory = Factory(born / "image.bin", born / "public-key.txt")
    images = sample_images()
    if not factory.public_key.exists():
        shutil.rmtree(born, ignore_errors=True)  # a run that was stopped in between
        key = make_key(born / "key", _FEW_SIGNATURES)
        factory.image.write_bytes(images.old)
        for version, image, base in ((OLD, images.old, None), (NEW, images.new, images.old)):
            shutil.rmtree(root / model / version, ignore_errors=True)
            write_release(root, model, version, _bundle(key, model, version, image, base))
        factory.public_key.write_text(key.public_key.hex() + "\n", "ascii")
    return factory


def _bundle(key: LmsKey, model: str, version: str, image: bytes, base: bytes | None) -> bytes:
    target = make.Target(model, version, _ROLLBACK[version], image)
    patches = [make.whole(target)]
    if base is not None:
        form = agent_model(model)
        flash = make.Flash(form.block_bytes, form.group_blocks)
        delta = make.slot_delta(target, base) if form.layout == "slots" else None
        patches.insert(0, delta or make.in_place_delta(target, base, flash))
    return make.bundle_of(patches, key.sign)


def write_release(root: Path, model: str, version: str, bundle: bytes) -> Path:
    """A release whose only partition is this bundle, as a folder of releases has it."""
    folder = root / model / version
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=root) as scratch:
        file = Path(scratch) / "firmware.agu"
        file.write_bytes(bundle)
        heading = Heading(model, VARIANT, version, _ROLLBACK.get(version, 1), NOTES)
        build(heading, {"firmware": file}, None, folder)
    return folder
