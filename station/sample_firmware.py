"""Two firmware versions made of real files at hand, for the demo, the benchmarks and the fault matrix.

The files are this machine's own Python library; which ones go where depends on their names alone, so one machine
makes the same two trees every time. It lays out folders; building images from them is ``firmware_agent.release``.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.release import Heading, build

MIB = 1 << 20
OLD, NEW = "1.0.0", "2.0.0"
VARIANT = "cn"
NOTES = {
    "zh": "相机夜景更清晰；通话更省电；修复 12 个安全问题",
    "en": "Sharper night photos, longer calls on one charge, 12 security fixes",
}
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
            # What pip installed into the library's folder is met again under its own label.
            skipped = {"__pycache__", *(("site-packages",) if label == "stdlib" else ())}
            if skipped & set(relative.parts) or path.is_symlink() or not path.is_file():
                continue
            if path.stat().st_size > 0:
                yield f"{label}/{relative.as_posix()}", path


def lay_out(old: Path, new: Path, size_bytes: int) -> Change:
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
        raise ValueError(
            f"only {total} bytes of real files found, {size_bytes} wanted: use a smaller --system-mib"
        )
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


def make_releases(root: Path, models: tuple[str, ...], size_bytes: int) -> dict[str, Path]:
    """Both versions of every model under ``root``/MODEL/VERSION, as a catalogue has them; the older one by model.

    What is there already is kept. ``size_bytes`` is the least that the files of the system image add up to.
    Raises :class:`ValueError` and what :func:`firmware_agent.release.build` raises.
    """
    wanted = [(model, version) for model in models for version in (OLD, NEW)]
    if not all((root / model / version / "manifest.json").exists() for model, version in wanted):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".files-", dir=root) as scratch:
            trees = {OLD: Path(scratch) / "old", NEW: Path(scratch) / "new"}
            change = lay_out(trees[OLD], trees[NEW], size_bytes)
            print(
                f"firmware: {change.files} real files; in {NEW} {change.replaced} replaced, "
                f"{change.removed} removed, {change.added} added",
                file=sys.stderr,
            )
            for model, version in wanted:
                if not (root / model / version / "manifest.json").exists():
                    _build(root / model / version, model, version, trees[version], Path(scratch))
    return {model: root / model / OLD for model in models}


def _build(out: Path, model: str, version: str, system: Path, scratch: Path) -> None:
    boot = scratch / f"boot-{model}-{version}.img"
    boot.write_bytes(boot_image(model, version))
    parts = {"boot": boot, "system": system}
    if model == "heron":
        vendor = scratch / f"vendor-{version}"
        vendor.mkdir(exist_ok=True)
        (vendor / "vendor.prop").write_text(f"ro.vendor.build.version={version}\n", "ascii")
        parts["vendor"] = vendor
    rollback_index = 1 if version == OLD else 2
    build(Heading(model, VARIANT, version, rollback_index, NOTES), parts, _key(out), out)


def _key(release: Path) -> Path:
    """One verified-boot key per model, beside the releases and not among them."""
    keys = release.parent.parent.with_name("keys")
    keys.mkdir(exist_ok=True)
    return keys / f"{release.parent.name}.pem"
