"""The owner's tree as MTP objects: handles of one session, their properties and their bytes. Read only."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hw.virtual import mtp_dataset as mtp
from hw.virtual.mtp_dataset import Prop

STORAGE_ID = 0x00010001
ROOT = 0xFFFFFFFF
_READ_ONLY = 0x0001


@dataclass(frozen=True, slots=True)
class MtpObject:
    """One file or folder, as it was when the session first looked."""

    handle: int
    parent: int  # 0 at the root
    path: Path
    is_folder: bool
    size_bytes: int
    modified_s: float
    inode: int

    @property
    def format(self) -> int:
        """The object format code."""
        return mtp.FORMAT_ASSOCIATION if self.is_folder else mtp.format_of(self.path.name)

    def info(self) -> bytes:
        """The ObjectInfo dataset (5.3.1); a size beyond 32 bits is 0xFFFFFFFF."""
        size = min(self.size_bytes, 0xFFFFFFFF)
        head = struct.pack("<IHHI", STORAGE_ID, self.format, _READ_ONLY, size)
        thumbnail_and_picture = struct.pack("<HIII III", 0, 0, 0, 0, 0, 0, 0)
        place = struct.pack("<IHII", self.parent, 1 if self.is_folder else 0, 0, 0)
        date = mtp.string(mtp.moment(self.modified_s))
        return (
            head + thumbnail_and_picture + place + mtp.string(self.path.name) + date + date + mtp.string("")
        )

    def property(self, code: int) -> int | str:
        """One object property's value."""
        values: dict[int, int | str] = {
            Prop.STORAGE_ID: STORAGE_ID,
            Prop.OBJECT_FORMAT: self.format,
            Prop.PROTECTION_STATUS: _READ_ONLY,
            Prop.OBJECT_SIZE: self.size_bytes,
            Prop.FILE_NAME: self.path.name,
            Prop.DATE_MODIFIED: mtp.moment(self.modified_s),
            Prop.PARENT: self.parent,
            Prop.PERSISTENT_UID: self.inode,
            Prop.NAME: self.path.stem,
        }
        return values[code]


class ObjectTable:
    """Every object under ``folder``, with handles that mean nothing in another session."""

    def __init__(self, folder: Path, first_handle: int) -> None:
        self._objects: dict[int, MtpObject] = {}
        self._children: dict[int, list[int]] = {}
        self._next = first_handle
        self._walk(folder)

    def _walk(self, folder: Path) -> None:
        waiting = [(folder, 0)]
        while waiting:
            place, parent = waiting.pop()
            for path in sorted(place.iterdir()):
                stat = path.stat()
                found = MtpObject(
                    handle=self._next,
                    parent=parent,
                    path=path,
                    is_folder=path.is_dir(),
                    size_bytes=0 if path.is_dir() else stat.st_size,
                    modified_s=stat.st_mtime,
                    inode=stat.st_ino,
                )
                self._objects[self._next] = found
                self._children.setdefault(parent, []).append(self._next)
                if found.is_folder:
                    waiting.append((path, self._next))
                self._next += 1

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, handle: int) -> MtpObject | None:
        """The object of ``handle``, or None."""
        return self._objects.get(handle)

    def children(self, parent: int) -> Iterator[MtpObject]:
        """The objects directly in ``parent`` (0: the root)."""
        return (self._objects[handle] for handle in self._children.get(parent, ()))

    def all(self) -> Iterator[MtpObject]:
        """Every object."""
        return iter(self._objects.values())
