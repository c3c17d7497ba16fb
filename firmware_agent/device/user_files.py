"""Names, sizes and hashes of the owner's files, page by page in a fixed order. Reads; cannot write.

Holds one name for each level of folders and one page of answers, whatever the number of files.
"""

import os
from hashlib import sha256

from firmware_agent.device.device import Board
from firmware_agent.device.errors import AgentError
from firmware_agent.wire import USER_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_IS_FOLDER = 0x4000
_DEEPEST = 16
_LONGEST_PATH_BYTES = 255
_PAGE_HEAD_BYTES = 6
_FILE_BYTES = 6  # of a page, besides its path and hash
_READ_BYTES = 1024
_MOST_FILES = 64
"""On a page: as many names of a few letters as would fit are more than an answer may weigh."""


def readable(board: Board) -> bool:
    """Whether the owner's file system can be mounted."""
    try:
        board.user_root()
    except AgentError:
        return False
    return True


def page(
    board: Board, first: int, with_hash: bool, max_bytes: int
) -> "tuple[int, list[tuple[str, int, bytes]]]":
    """(how many files there are, (path, size in bytes, SHA-256 or b"") from number ``first`` as many as fit).

    ``max_bytes`` is the payload's limit. AgentError(USER_DATA) where the file system cannot be read.
    """
    root = board.user_root()
    files: list[tuple[str, int, bytes]] = []
    used, total, full = _PAGE_HEAD_BYTES, 0, False
    scratch = memoryview(bytearray(_READ_BYTES))
    try:
        for path, size in _walk(root, "", 0):
            if total >= first and not full:
                used += _FILE_BYTES + len(path.encode()) + (32 if with_hash else 0)
                full = used > max_bytes or len(files) == _MOST_FILES
                if not full:
                    digest = _hash(root + "/" + path, scratch, board) if with_hash else b""
                    files.append((path, size, digest))
            total += 1
            board.feed()
    except OSError:
        raise AgentError(USER_DATA)  # noqa: B904 - MicroPython chains no exceptions
    return total, files


def _walk(root: str, folder: str, depth: int) -> "Iterator[tuple[str, int]]":
    if depth > _DEEPEST:
        raise AgentError(USER_DATA, depth)
    for name, is_folder, size in _listing(root + "/" + folder):
        path = folder + "/" + name if folder else name
        if len(path.encode()) > _LONGEST_PATH_BYTES:
            raise AgentError(USER_DATA, depth)
        if is_folder:
            yield from _walk(root, path, depth + 1)
        else:
            yield path, size


def _listing(folder: str) -> "Iterator[tuple[str, bool, int]]":
    """(name, whether it is a folder, size in bytes), always in the same order: littlefs keeps names in theirs."""
    if hasattr(os, "ilistdir"):
        for row in os.ilistdir(folder):
            if len(row) > 3:  # without a size: another file system's mount point, not the owner's
                yield row[0], row[1] == _IS_FOLDER, row[3]
    else:  # CPython
        for name in sorted(os.listdir(folder)):
            path = folder + "/" + name
            is_folder = os.stat(path)[0] & 0xF000 == _IS_FOLDER
            yield name, is_folder, os.stat(path)[6]


def _hash(path: str, view: memoryview, board: Board) -> bytes:
    digest = sha256()
    with open(path, "rb") as file:
        while True:
            got = file.readinto(view)
            if not got:
                break
            digest.update(view[:got])
            board.feed()
    found: bytes = digest.digest()
    return found
