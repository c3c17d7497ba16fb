"""Makes delta packages, and proves each by applying it before it has a name. The same images give the same bytes.

Exact runs are found first (match.py), so that the expensive search only sees what is really different.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_agent.delta.apply import Expected, apply
from firmware_agent.delta.format import (
    ENTRY_BYTES,
    HEADER_BYTES,
    MAX_SEGMENTS,
    VERSION,
    Header,
    Segment,
    write_front,
)
from firmware_agent.delta.match import Bytes, match
from firmware_agent.delta.segment import Cut, SegmentMaker, cuts
from firmware_agent.errors import BuildFailed, DeltaRefused, NoRoom
from firmware_agent.manifest import MAX_IMAGE_BYTES
from firmware_agent.watch import Watch

_PIECE_BYTES = 1024 * 1024

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A package that was applied and gave its image. Named like the fields of ``index.Package``."""

    size_bytes: int
    sha256: str
    base_sha256: str
    base_size_bytes: int
    result_sha256: str
    result_size_bytes: int
    segments: int


def _nobody(done: int, total: int) -> None:
    """Nobody listens."""


def make(
    base: Path | None, new: Path, out: Path, *, workers: int = 2, on_progress: OnProgress = _nobody
) -> Made:
    """Write ``out``, the package that turns ``base`` (None = nothing) into ``new``; whole or not at all.

    ``on_progress(done, total)`` counts bytes of ``new`` twice: made, and proved by applying. Needs room for
    the package and one image beside ``out`` meanwhile. Raises ``BuildFailed``.
    """
    try:
        old_data = np.empty(0, np.uint8) if base is None else _mapped(base)
        new_data = _mapped(new)
        sizes = (len(old_data), _sha256(old_data) if base else "", len(new_data), _sha256(new_data))
        with tempfile.TemporaryDirectory(prefix=".delta-", dir=out.parent) as scratch:
            package = Path(scratch) / "package"
            total = 2 * len(new_data)
            header = _write(package, sizes, old_data, new_data, workers, lambda d: on_progress(d, total))
            watch = Watch(on_bytes=lambda done, _: on_progress(len(new_data) + done, total))
            _prove(package, base, header, watch, workers)
            made = _made(package, header)
            package.replace(out)
            _sync_folder(out.parent)
    except OSError as exc:
        raise BuildFailed("no_delta", f"no delta could be made: {exc.strerror or exc}") from exc
    return made


def _mapped(path: Path) -> Bytes:
    size_bytes = path.stat().st_size
    if not 1 <= size_bytes <= MAX_IMAGE_BYTES:
        raise BuildFailed("no_delta", f"{path.name} has {size_bytes} bytes: no image")
    return np.memmap(path, np.uint8, "r").view(np.ndarray)


def _sha256(data: Bytes) -> str:
    digest = hashlib.sha256()
    for at in range(0, len(data), _PIECE_BYTES):
        digest.update(data[at : at + _PIECE_BYTES].data)
    return digest.hexdigest()


def _write(
    path: Path,
    sizes: tuple[int, str, int, str],
    old: Bytes,
    new: Bytes,
    workers: int,
    made: Callable[[int], None],
) -> Header:
    """The package's file, synced."""
    matches = match(old, new)
    segments: list[Segment] = []
    parts = list(cuts(matches.runs, len(new)))
    if len(parts) > MAX_SEGMENTS:
        raise BuildFailed("no_delta", f"{len(parts)} segments are more than a package may have")
    at = HEADER_BYTES + len(parts) * ENTRY_BYTES
    with path.open("wb") as file, ThreadPoolExecutor(workers, "delta-make") as pool:
        file.seek(at)
        for cut, (blob, source) in _in_order(pool, SegmentMaker(old, new, matches), parts, workers + 1):
            result = hashlib.sha256(new[cut.first : cut.end].data).digest()
            blob_hash = hashlib.sha256(blob).digest()
            length = cut.end - cut.first
            segments.append(Segment(cut.first, length, at, len(blob), source, result, blob_hash))
            file.write(blob)
            at += len(blob)
            made(cut.end)
        header = Header(VERSION, *sizes, at, tuple(segments))
        file.seek(0)
        file.write(write_front(header))
        file.flush()
        os.fsync(file.fileno())
    return header


def _in_order(
    pool: ThreadPoolExecutor, maker: SegmentMaker, parts: Sequence[Cut], ahead: int
) -> Iterator[tuple[Cut, tuple[bytes, bytes]]]:
    """Every segment's blob and source hash, in order, made a few ahead."""
    waiting: deque[tuple[Cut, Future[tuple[bytes, bytes]]]] = deque()
    for cut in parts:
        waiting.append((cut, pool.submit(maker.make, cut)))
        if len(waiting) > ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


def _prove(package: Path, base: Path | None, header: Header, watch: Watch, workers: int) -> None:
    """Apply it; a package that does not give its image was never made."""
    expected = Expected(
        header.base_sha256, header.base_size_bytes, header.result_sha256, header.result_size_bytes
    )
    handle = None if base is None else os.open(base, os.O_RDONLY | os.O_CLOEXEC)
    try:
        apply(package, handle, package.with_name("proof"), expected, watch, workers)
    except (DeltaRefused, NoRoom) as exc:
        raise BuildFailed("no_delta", f"the delta does not give its image: {exc.detail}") from exc
    finally:
        if handle is not None:
            os.close(handle)


def _made(package: Path, header: Header) -> Made:
    sha256 = _sha256(_mapped(package))
    fields = (header.base_sha256, header.base_size_bytes, header.result_sha256, header.result_size_bytes)
    return Made(header.package_bytes, sha256, *fields, len(header.segments))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
