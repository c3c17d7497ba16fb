"""Two firmware versions made of real files at hand, for the demo, the benchmarks and the fault matrix.

The files are this machine's own Python library; which ones go where depends on their names alone, so one machine
makes the same two trees every time. It lays out folders; building images from them is ``firmware_agent.release``.
"""

from __future__ import annotations

import hashlib
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
REPLACED_PERMILLE, REMOVED_PERMILLE, ADDED_PERMILLE = 80, 20, 25
"""Of the older version's files: what the newer one replaces, drops and adds. At least 5 % are replaced."""


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between the two trees, in files."""

    files: int
    replaced: int
    removed: int
    added: int


def _draw(name: str) -> int:
    """0..999, from the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 1000


def real_files() -> Iterator[tuple[str, Path]]:
    """Real files of this machine with the names they get in the image, in a fixed order."""
    seen: set[Path] = set()
    for label in ("stdlib", "purelib", "platlib"):
        root = Path(sysconfig.get_paths()[label])
        if root in seen:
            continue
        seen.add(root)
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            skipped = {"__pycache__", "site-packages"} & set(relative.parts)
            if path.is_file() and not path.is_symlink() and (not skipped or label != "stdlib"):
                if "__pycache__" not in relative.parts and path.stat().st_size > 0:
                    yield f"{label}/{relative.as_posix()}", path


def lay_out(old: Path, new: Path, size_bytes: int, model: str, versions: tuple[str, str]) -> Change:
    """Fill the folders ``old`` and ``new`` with two versions of a system of at least ``size_bytes``.

    Raises :class:`ValueError` when this machine has not that many bytes of files to give.
    """
    kept: list[tuple[str, Path]] = []
    spare: list[tuple[str, Path]] = []
    total = 0
    for name, path in real_files():
        if total < size_bytes:
            kept.append((name, path))
            total += path.stat().st_size
        else:
            spare.append((name, path))
            if len(spare) >= max(16, len(kept) // 4):
                break
    if total < size_bytes or not spare:
        raise ValueError(f"only {total} bytes of real files found, {size_bytes} wanted: use a smaller --system-mib")
    replaced = removed = 0
    for index, (name, path) in enumerate(kept):
        place(path, old / "lib" / name)
        fate = _draw(name)
        if fate < REPLACED_PERMILLE:
            place(spare[index % len(spare)][1], new / "lib" / name)
            replaced += 1
        elif fate < REPLACED_PERMILLE + REMOVED_PERMILLE:
            removed += 1
        else:
            place(path, new / "lib" / name)
    fresh = spare[: max(1, len(kept) * ADDED_PERMILLE // 1000)]
    for name, path in fresh:
        place(path, new / "lib" / "new" / name)
    for folder, version, rollback in ((old, versions[0], 1), (new, versions[1], 2)):
        (folder / "build.prop").write_text(
            f"ro.product.device={model}\nro.build.version.release={version}\nro.build.rollback_index={rollback}\n",
            "utf-8",
        )
    return Change(len(kept), replaced, removed, len(fresh))


def place(source: Path, target: Path) -> None:
    """Copy one file's bytes, making its folders."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def boot_image(model: str, version: str, size_bytes: int = 4 * MIB) -> bytes:
    """A kernel-sized blob that differs wholly between versions: SHA-256 in counter mode of its name."""
    seed = f"{model} {version}".encode()
    blocks = (hashlib.sha256(seed + index.to_bytes(8, "big")).digest() for index in range(size_bytes // 32))
    return b"".join(blocks)
