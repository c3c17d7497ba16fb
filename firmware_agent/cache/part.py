"""An unfinished file of the cache: opened without following links, and locked by whoever writes it."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from firmware_agent.durable import disk
from firmware_agent.errors import ReleaseRefused

_WRITABLE = 0o644


def open_part(path: Path) -> int:
    """A handle on it, unlocked; made where it was not. Raises ``ReleaseRefused`` (``cache_unwritable``)."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(path, flags, _WRITABLE)
        except PermissionError:
            path.chmod(_WRITABLE)  # a cut came between making it read-only and giving it its name
            handle = os.open(path, flags, _WRITABLE)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise ReleaseRefused("cache_unwritable", f"{path.name} in the cache is not a file")
        os.fchmod(handle, _WRITABLE)
    except OSError as exc:
        raise ReleaseRefused("cache_unwritable", f"the cache cannot be written: {exc.strerror}") from exc
    return handle


def is_same(path: Path, handle: int) -> bool:
    """Whether the name still is that open file's."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(handle))
    except OSError:
        return False


def is_written(path: Path) -> bool:
    """Whether somebody writes this part."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def remove(path: Path) -> bool:
    """Take a file away; whether that worked."""
    try:
        disk().unlink(path)
    except OSError:
        return False
    return True
