"""The factory: puts a release's images into a new phone. It reads the manifest with a reader of its own."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hw.virtual.errors import BadState, Refused
from hw.virtual.flash import Flash
from hw.virtual.models import Model
from hw.virtual.slots import SlotTable

_MAX_MANIFEST_BYTES = 1 << 20


def install(release: Path, model: Model, flash: Flash, slots: SlotTable) -> None:
    """Write every partition of the directory ``release`` into the first slot, make it the one to boot."""
    slot = slots.letters[0]
    for name, file in _images(release, model):
        full = model.full_name(name, slot or None)
        try:
            with flash.writer(full) as partition:
                _copy(file, partition.write)
        except Refused as exc:
            raise BadState(f"{file}: {exc.detail}") from exc
    slots.factory()


def _images(release: Path, model: Model) -> list[tuple[str, Path]]:
    path = release / "manifest.json"
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise BadState(f"{path} is too large for a manifest")
        manifest: Any = json.loads(path.read_text("utf-8"))
        made_for = manifest["model"]
        found = [(str(part["name"]), release / str(part["file"])) for part in manifest["partitions"]]
    except OSError as exc:
        raise BadState(f"{path}: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise BadState(f"{path} is not a release's manifest") from exc
    if made_for != model.name:
        raise BadState(f"{release} is made for {made_for}, not for {model.name}")
    return found


def _copy(file: Path, write: Callable[[int, memoryview], None]) -> None:
    try:
        with file.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as image:
            view = memoryview(image)
            try:
                write(0, view)
            finally:
                view.release()
    except (OSError, ValueError) as exc:
        raise BadState(f"{file}: {exc}") from exc
