"""Blacklist registers behind :class:`kiosk.counter_ports.Register`: a file, or a service. They decide nothing.

A register that cannot be read answers "unknown", never "clean".
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import urllib3
from urllib3.exceptions import HTTPError

from kiosk.errors import SettingsError

Result = Literal["clean", "blacklisted", "unknown"]
MAX_FILE_BYTES = 32 << 20
MAX_ROWS = 500_000
MAX_ANSWER_BYTES = 64 << 10
TIMEOUT_S = 5.0
SOURCE_CHARACTERS = 80
_READ_BYTES = 4096

_RESULTS: dict[str, Result] = {"clean": "clean", "blacklisted": "blacklisted"}
_IMEI_DIGITS, _TAC_DIGITS = 15, 8


class _Unreadable(Exception):
    """One line."""


@dataclass(frozen=True, slots=True)
class _Listing:
    rows: dict[str, tuple[Result, str]]
    source: str


class FileRegister:
    """A CSV of ``number,result,reason``: an IMEI (15 digits) or a TAC (8), "blacklisted" or "clean", and why.

    The IMEI's own row counts before its TAC's; what is not listed is clean. Read again whenever the file changes;
    a file with one bad row is not believed at all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._listing: _Listing | str = ""

    def look(self, imei: str) -> tuple[Result, str]:
        """Result, and the file's name with its version (the beginning of its SHA-256) and the reason."""
        with self._lock:
            listing = self._current()
        if isinstance(listing, str):
            return "unknown", _bounded(f"{self._path.name}: {listing}")
        result, reason = listing.rows.get(imei) or listing.rows.get(imei[:_TAC_DIGITS]) or ("clean", "")
        return result, _bounded(f"{listing.source}: {reason}" if reason else listing.source)

    def _current(self) -> _Listing | str:
        try:
            facts = os.stat(self._path)
            seen = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if seen != self._seen:
                self._listing = _listing(self._path)
                self._seen = seen
        except (OSError, _Unreadable) as exc:
            # Asked again at the next look: a file that is being replaced is there a moment later.
            self._seen = ()
            self._listing = exc.strerror or "unreadable" if isinstance(exc, OSError) else str(exc)
        return self._listing


def _listing(path: Path) -> _Listing:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise _Unreadable(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _Unreadable(f"line {data[: exc.start].count(10) + 1} is not UTF-8") from exc
    rows: dict[str, tuple[Result, str]] = {}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if reader.line_num == 1 and row[:2] == ["number", "result"]:
                continue
            if any(cell.strip() for cell in row):
                number, listed = _row(row, reader.line_num)
                if rows.get(number, ("clean", ""))[0] == "clean":  # of two rows the bad one counts
                    rows[number] = listed
            if len(rows) > MAX_ROWS:
                raise _Unreadable(f"more than {MAX_ROWS} rows")
    except csv.Error as exc:
        raise _Unreadable(f"line {reader.line_num}: {exc}") from exc
    if not text.strip():
        raise _Unreadable("empty")  # cut off while it was written; a register of nobody has its heading
    return _Listing(rows, f"{path.name} {hashlib.sha256(data).hexdigest()[:12]}")


def _row(row: list[str], line: int) -> tuple[str, tuple[Result, str]]:
    number, result, reason = ([cell.strip() for cell in row] + ["", "", ""])[:3]
    if len(number) not in (_IMEI_DIGITS, _TAC_DIGITS) or not (number.isascii() and number.isdigit()):
        raise _Unreadable(f"line {line}: neither an IMEI nor a TAC")
    if result not in _RESULTS:
        raise _Unreadable(f"line {line}: the result is blacklisted or clean")
    return number, (_RESULTS[result], reason)


class HttpRegister:
    """A service with the interface of GSMA's CAMARA project, "IMEI Fraud Check": POST ``url``/check-status.

    ``token`` is sent as a bearer token. prohibited is "blacklisted"; allowed, and on no list, are "clean"; tracked, and
    every answer that is not such an answer about this IMEI, are "unknown".
    """

    def __init__(self, url: str, token: str = "", timeout_s: float = TIMEOUT_S) -> None:
        if not url.startswith(("https://", "http://")):
            raise SettingsError(f"a register's address begins with https://, not {url[:40]!r}")
        self._url = url.rstrip("/") + "/check-status"
        self._name = url.split("://", 1)[1].split("/", 1)[0].rsplit("@", 1)[-1]
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout_s = timeout_s
        timeout = urllib3.Timeout(total=timeout_s)
        self._pool = urllib3.PoolManager(num_pools=1, timeout=timeout, retries=False)

    def look(self, imei: str) -> tuple[Result, str]:
        """Result, and the service's name with the reason it gives."""
        try:
            status, data = self._ask(imei)
        except (HTTPError, OSError, ValueError) as exc:
            return "unknown", _bounded(f"{self._name}: {type(exc).__name__}")
        result, why = _answer(status, data, imei)
        return result, _bounded(f"{self._name}: {why}" if why else self._name)

    def _ask(self, imei: str) -> tuple[int, bytes]:
        response = self._pool.request(
            "POST",
            self._url,
            body=json.dumps({"imei": imei}).encode(),
            headers=self._headers,
            preload_content=False,
            decode_content=False,
            redirect=False,
        )
        deadline_s = time.monotonic() + self._timeout_s
        data = b""
        try:
            while part := response.read1(_READ_BYTES):
                data += part
                # A service that drips keeps every single read within its timeout.
                if len(data) > MAX_ANSWER_BYTES or time.monotonic() > deadline_s:
                    raise ValueError("the answer is too long or too slow")
        finally:
            # Never back into the pool: what is left of an answer must not be taken for the next one.
            response.close()
        return response.status, data


_STATUS: dict[str, Result] = {"prohibited": "blacklisted", "allowed": "clean", "unknown": "clean"}
"""``operationalStatus``; "unknown" says that it is on no list."""


def _answer(status: int, data: bytes, imei: str) -> tuple[Result, str]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return "unknown", f"HTTP {status}"
    if status == 404 and found.get("code") == "IDENTIFIER_NOT_FOUND":
        return "clean", "on no list"
    if status != 200 or found.get("imei") != imei:
        return "unknown", f"HTTP {status}"
    said, reason = str(found.get("operationalStatus")), found.get("prohibitedReason")
    result = _STATUS.get(said, "unknown")
    if result == "unknown":
        return result, said
    return result, reason if result == "blacklisted" and isinstance(reason, str) else ""


def _bounded(text: str) -> str:
    """For a screen and an entry: one line, not long."""
    return "".join(one if one.isprintable() else " " for one in text)[:SOURCE_CHARACTERS]
