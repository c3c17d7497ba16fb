"""Makes a release directory: images, their hashes, a vbmeta that seals them, and last of all the manifest.

It signs no catalogue and publishes nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.errors import BuildFailed, PartitionRefused, ReleaseRefused
from firmware_agent.ext4 import make_ext4
from firmware_agent.manifest import MAX_PARTITIONS, Part, Release, parse_manifest, write_manifest
from firmware_agent.partitions import base_name, check_partition
from firmware_agent.vbmeta import describe, load_or_create_key, make_vbmeta

SYSTEM = "system"
VBMETA = "vbmeta"
AGENT = "firmware"
"""A bundle for devices with our agent: its orders are signed themselves, and no verified boot seals it."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a release says of itself, as in its manifest."""

    model: str
    variant: str
    version: str
    rollback_index: int
    notes: Mapping[str, str]
    min_battery_percent: int = 30
    wipes_data: bool = False


def build(heading: Heading, partitions: Mapping[str, Path], key: Path | None, out: Path) -> Release:
    """Make the release directory ``out`` from image files or folders by base partition name.

    A folder becomes an ext4; the one of ``system`` also gets ``/build.prop``. Without a ``vbmeta`` among
    ``partitions`` one is made and signed with the RSA key in the PEM file ``key`` (created when missing); a release
    of :data:`AGENT` alone has none and needs no key.
    ``out`` appears whole or not at all, and is never overwritten. Raises :class:`BuildFailed`,
    :class:`~firmware_agent.errors.ToolFailed`.
    """
    _check_names(partitions)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BuildFailed("exists", f"{out} is there already; a release is never overwritten")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=out.parent))
    try:
        release = _build_in(scratch, heading, partitions, key)
        scratch.chmod(0o755)
        _sync(scratch)
        scratch.replace(out)
        _sync(out.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return release


def build_properties(heading: Heading) -> bytes:
    """``/build.prop`` of the system image: what the phone reads its version from."""
    lines = {
        "ro.product.device": heading.model,
        "ro.product.variant": heading.variant,
        "ro.build.version.release": heading.version,
        "ro.build.rollback_index": str(heading.rollback_index),
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items()).encode("ascii", "replace")


def _check_names(partitions: Mapping[str, Path]) -> None:
    if not 1 <= len(partitions) < MAX_PARTITIONS:
        raise BuildFailed("no_partitions", "a release has at least one partition")
    for name in partitions:
        try:
            check_partition(name)
        except PartitionRefused as exc:
            raise BuildFailed(exc.reason, exc.detail) from exc
        if name != base_name(name):
            raise BuildFailed(
                "unknown_partition", f"{name}: name partitions in lower case, without a slot suffix"
            )


def _build_in(scratch: Path, heading: Heading, partitions: Mapping[str, Path], key: Path | None) -> Release:
    images = scratch / "images"
    images.mkdir()
    for name, source in partitions.items():
        _make_image(images / f"{name}.img", name, source, heading)
    sealed = VBMETA not in partitions and set(partitions) != {AGENT}
    if sealed and key is None:
        raise BuildFailed("no_key", "a key is needed: what signs vbmeta, which seals the images")
    if sealed and key is not None:
        _seal(images, sorted(partitions), heading, key)
    names = [*sorted(partitions, key=lambda name: name == VBMETA)]
    if sealed:
        names.append(VBMETA)
    release = Release(
        model=heading.model,
        variant=heading.variant,
        version=heading.version,
        rollback_index=heading.rollback_index,
        min_battery_percent=heading.min_battery_percent,
        wipes_data=heading.wipes_data,
        notes=dict(heading.notes),
        partitions=tuple(_part(images / f"{name}.img", name) for name in names),
    )
    raw = write_manifest(release)
    try:
        # What would be refused in the shop is refused here.
        parse_manifest(raw)
    except ReleaseRefused as exc:
        raise BuildFailed(exc.reason, exc.detail) from exc
    _write(scratch / MANIFEST, raw)
    return release


def _make_image(image: Path, name: str, source: Path, heading: Heading) -> None:
    if source.is_dir():
        extra = {"build.prop": build_properties(heading)} if name == SYSTEM else {}
        make_ext4(source, image, extra, label=name)
    elif source.is_file():
        shutil.copyfile(source, image)
    else:
        raise BuildFailed("no_source", f"{name}: {source} is neither a file nor a folder")
    _sync(image)


def _seal(images: Path, names: list[str], heading: Heading, key: Path) -> None:
    signer = load_or_create_key(key)
    identity = f"{heading.model}/{heading.variant}/{heading.version}"
    descriptors = [
        # The salt only has to differ between images; derived, so that a build can be repeated bit for bit.
        describe(name, images / f"{name}.img", hashlib.sha256(f"{identity}/{name}".encode()).digest())
        for name in names
    ]
    _write(images / f"{VBMETA}.img", make_vbmeta(descriptors, heading.rollback_index, signer))


def _part(image: Path, name: str) -> Part:
    with image.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Part(
        name=name, file=f"images/{image.name}", size_bytes=image.stat().st_size, sha256=digest.hexdigest()
    )


def _write(path: Path, raw: bytes) -> None:
    with path.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
