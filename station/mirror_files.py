"""What a request to a mirror means: a file below its root, and a stretch of it. Nothing outside is reachable."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from urllib.parse import unquote_to_bytes

_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\Z", re.ASCII)
_MAX_DEPTH = 16


def plain(target: str) -> str | None:
    """The path below the root that a request means; None for one that means none."""
    raw = unquote_to_bytes(target.partition("?")[0])
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        return None
    parts = text.split("/")[1:]
    if not text.startswith("/") or not text.isprintable() or "\\" in text or len(parts) > _MAX_DEPTH:
        return None
    if any(not part or part.startswith(".") for part in parts):
        return None
    return "/".join(parts)


def open_file(root: Path, path: str) -> int | None:
    """A regular file, opened from folder to folder so that no link leads elsewhere; None = nothing to serve."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    *folders, name = path.split("/")
    try:
        with contextlib.ExitStack() as stack:
            here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, here)
            for folder in folders:
                here = os.open(folder, flags | os.O_DIRECTORY, dir_fd=here)
                stack.callback(os.close, here)
            handle = os.open(name, flags, dir_fd=here)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None


def span(text: str, size_bytes: int) -> tuple[int, int, bool] | None:
    """A Range header's one stretch as (begin, end, is a part); None = none such. Anything else means the whole."""
    match = _RANGE.match(text)
    if not match:
        return 0, size_bytes, False
    if match[3] is not None:
        begin, end = max(0, size_bytes - int(match[3])), size_bytes
    else:
        begin = int(match[1])
        if match[2] and int(match[2]) < begin:
            return 0, size_bytes, False  # RFC 9110, 14.1.1: an invalid range is ignored
        end = min(size_bytes, int(match[2]) + 1) if match[2] else size_bytes
    return (begin, end, True) if begin < end else None
