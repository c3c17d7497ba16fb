"""Packages between two releases, laid out for publishing: a difference and a compressed whole per image.

What is not smaller than the raw image is thrown away. Making a difference is ``delta_make``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.delta import make as delta_make
from firmware_agent.durable import disk
from firmware_agent.errors import BuildFailed, DeltaRefused
from firmware_agent.index import find_part, package_target
from firmware_agent.manifest import Part, Release, version_key
from firmware_agent.repository.folder import read_content
from firmware_agent.repository.publish import read_manifest
from firmware_agent.repository.whole import read_whole


@dataclass(frozen=True, slots=True)
class Packed:
    """One package. ``kept`` is False where the raw image is no bigger, and no file is left."""

    target: str
    size_bytes: int
    image_bytes: int
    kept: bool


def make_packages(
    base: Path | None,
    new: Path,
    out: Path,
    *,
    workers: int = 2,
    whole: bool = True,
    on_package: Callable[[Packed], None] = lambda packed: None,
) -> list[Packed]:
    """Packages that make ``new``'s images, from ``base``'s where one is given, and where ``whole`` from nothing.

    A whole package that is there already is kept. Raises :class:`BuildFailed`, ``ReleaseRefused``.
    """
    result = read_manifest(new)
    origin = read_manifest(base) if base else None
    if origin and (origin.model, origin.variant) != (result.model, result.variant):
        detail = f"{origin.model} {origin.variant} is no base for {result.model} {result.variant}"
        raise BuildFailed("other_model", detail)
    if origin and version_key(origin.version) >= version_key(result.version):
        raise BuildFailed("not_newer", f"{result.version} is not newer than {origin.version}")
    packed = []
    for part, start in _pairs(origin, result, whole):
        image = _checked(new, part)
        source = _checked(base, start) if base and start else None
        target = package_target(result, part.name, origin.version if origin and start else "")
        packed.append(_pack(source, image, out / target, target, workers))
        on_package(packed[-1])
    return packed


def _pairs(origin: Release | None, result: Release, whole: bool) -> Iterator[tuple[Part, Part | None]]:
    """Every image with its base, and every image alone; an image that did not change needs no difference."""
    for part in result.partitions:
        start = find_part(origin, part.name) if origin else None
        if start is not None and start.sha256 != part.sha256:
            yield part, start
        if whole:
            yield part, None


def _pack(base: Path | None, image: Path, out: Path, target: str, workers: int) -> Packed:
    image_bytes = image.stat().st_size
    if not _is_there(out, base, image):
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            disk().unlink(out)
        except OSError as exc:
            raise BuildFailed("cannot_write", f"{out}: {exc.strerror}") from exc
        delta_make.make(base, image, out, workers=workers)
    size_bytes = out.stat().st_size
    kept = size_bytes < image_bytes
    if not kept:
        disk().unlink(out)
    return Packed(target, size_bytes, image_bytes, kept)


def _is_there(out: Path, base: Path | None, image: Path) -> bool:
    """Whether an earlier run has made this very package, and it is whole; a damaged one is made anew."""
    try:
        header = read_whole(out)
    except (OSError, DeltaRefused):
        return False
    base_sha256 = read_content(base).sha256 if base else ""
    return (header.base_sha256, header.result_sha256) == (base_sha256, read_content(image).sha256)


def _checked(folder: Path, part: Part) -> Path:
    path = folder / part.file
    content = read_content(path)
    if (content.sha256, content.size_bytes) != (part.sha256, part.size_bytes):
        raise BuildFailed("hash_mismatch", f"{path} is not what its manifest says")
    return path
