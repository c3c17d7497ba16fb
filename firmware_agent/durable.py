"""The few ways in which downloads, rebuilt images and the cache change the disk.

One place, so that the fault matrix can cut the power at every single one. It decides nothing.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path


class Disk:
    """The real one. A test's subclass takes its place through :func:`use`."""

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        """All of ``data`` at ``offset``; ``OSError`` as it comes."""
        view = memoryview(data).cast("B")
        while view.nbytes:
            count = os.pwrite(handle, view, offset)
            view, offset = view[count:], offset + count

    def truncate(self, handle: int, size_bytes: int) -> None:
        """Cut, or extend with zeros."""
        os.ftruncate(handle, size_bytes)

    def sync(self, handle: int) -> None:
        """What was written to the file survives a power cut from here on."""
        os.fsync(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Atomically, and durably once the folder is synced, which this does."""
        source.replace(target)
        self.sync_folder(target.parent)

    def unlink(self, path: Path) -> None:
        """Remove a file; that it is gone already is no error."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """New and gone names in the folder survive a power cut."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


_REAL = Disk()
_current = _REAL


def disk() -> Disk:
    """The disk that this process writes to."""
    return _current


def use(other: Disk | None) -> None:
    """Put a test's disk in the real one's place; None puts the real one back."""
    global _current  # noqa: PLW0603 - the one seam, for a process that exists to be killed
    _current = other or _REAL


def write_file(path: Path, raw: bytes) -> None:
    """A small file, whole or as it was before, also after a power cut."""
    # Two threads may write the same file: each its own scratch, and the last rename stands.
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        disk().write(handle, raw, 0)
        disk().sync(handle)
    finally:
        os.close(handle)
    disk().rename(scratch, path)
