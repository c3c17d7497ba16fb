"""Which leaf of a key is next: counted on disk before it is used, so that none is used twice. It knows no secret.

Two records that must agree: ``state.json`` says which leaf is next, ``signed.log`` which were taken for what. A state
behind the log was put back from a copy, and every leaf between the two has signed already.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_agent.durable import disk, write_file
from firmware_agent.errors import BuildFailed

STATE, LOG, LOCK = "state.json", "signed.log", "lock"
_LINE = re.compile(rb"([0-9]{10}) ([0-9a-f]{64})\n")
_LINE_BYTES = 76
_FORM = b"0" * 10 + b" " + b"0" * 64 + b"\n"
_STATE_BYTES_MOST = 4096


class Leaves:
    """The leaves of one key, ``count`` of them. ``mark`` tells its state from another key's."""

    def __init__(self, folder: Path, mark: str, count: int) -> None:
        self._folder = folder
        self._mark = mark
        self._count = count

    def begin(self) -> None:
        """The first state of a new key; in a folder that nobody else sees yet."""
        for name in (LOCK, LOG):
            handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                disk().sync(handle)
            finally:
                os.close(handle)
        self._write(0)

    def left(self) -> int:
        """How many have not been used. BuildFailed where the records cannot be trusted."""
        with self._locked():
            return self._count - self._next()

    def take(self, message: bytes) -> int:
        """One leaf that nobody has had and nobody will get again, whatever happens from here on, for ``message``.

        BuildFailed: ``key_exhausted``, or ``bad_state`` where the records are missing or disagree.
        """
        with self._locked():
            leaf = self._next()
            if leaf >= self._count:
                raise BuildFailed(
                    "key_exhausted", f"{self._folder}: all {self._count} signatures of this key are used"
                )
            try:
                self._write(leaf + 1)
                self._append(leaf, message)
            except OSError as exc:
                raise BuildFailed(
                    "cannot_write", f"{self._folder}: {exc.strerror}; nothing was signed"
                ) from exc
            return leaf

    # -- inside

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process, and one thread of it, at a time; the kernel lets go of a dead one's lock."""
        try:
            handle = os.open(self._folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError as exc:
            raise self._bad(f"{LOCK} cannot be opened: {exc.strerror}") from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _next(self) -> int:
        path = self._folder / STATE
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(_STATE_BYTES_MOST))
            leaf, mark = found["next"], found["key"]
        except FileNotFoundError as exc:
            raise self._bad(f"{STATE} is missing") from exc
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as exc:
            raise self._bad(f"{STATE} cannot be read") from exc
        if type(leaf) is not int or not 0 <= leaf <= self._count or mark != self._mark:
            raise self._bad(f"{STATE} is not this key's")
        newest, _ = self._logged()
        if newest >= leaf:
            raise self._bad(f"{STATE} is older than {LOG}: leaf {newest} has signed already")
        return leaf

    def _logged(self) -> tuple[int, int]:
        """The highest leaf in the log, -1 for none, and where the log ends.

        A last line that a power cut tore, or left as zeros, was never followed by a signature: it is written over.
        A cut leaves the beginning of a line and nothing or zeros behind it; anything else is a line that was spoilt.
        """
        try:
            raw = (self._folder / LOG).read_bytes()
        except OSError as exc:
            raise self._bad(f"{LOG} cannot be read: {exc.strerror}") from exc
        newest, end = -1, 0
        while line := _LINE.match(raw, end):
            newest, end = max(newest, int(line[1])), line.end()
        torn = raw[end:].rstrip(b"\0")
        if (
            len(raw) - end > _LINE_BYTES
            or not _LINE.fullmatch(torn + _FORM[len(torn) :])
            or len(torn) == _LINE_BYTES
        ):
            raise self._bad(f"{LOG} is damaged")
        return newest, end

    def _append(self, leaf: int, message: bytes) -> None:
        line = f"{leaf:010} {hashlib.sha256(message).hexdigest()}\n".encode()
        _, end = self._logged()
        handle = os.open(self._folder / LOG, os.O_WRONLY | os.O_CLOEXEC)
        try:
            disk().write(handle, line, end)
            disk().sync(handle)
        finally:
            os.close(handle)

    def _write(self, leaf: int) -> None:
        write_file(self._folder / STATE, json.dumps({"key": self._mark, "next": leaf}).encode() + b"\n")

    def _bad(self, what: str) -> BuildFailed:
        return BuildFailed("bad_state", f"{self._folder}: {what}; the key signs no more, make a new one")
