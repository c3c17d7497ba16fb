"""Where ngclient gets its metadata from: one mirror, or what is stored. And its verdicts in the house's words."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator

from tuf.api import exceptions as tuf
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, UpdaterConfig

from firmware_agent.download.exchange import MirrorFailed
from firmware_agent.download.http import Http
from firmware_agent.errors import CatalogueRefused, Unreachable
from firmware_agent.mirrors.book import Mirror, Trial

BASE = "metadata/"
"""Below a mirror's root."""
CONFIG = UpdaterConfig(
    max_root_rotations=256,
    root_max_length=512_000,
    timestamp_max_length=16_384,
    snapshot_max_length=2_000_000,
    targets_max_length=5_000_000,
)
_NOT_FOUND = 404

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (tuf.ExpiredMetadataError, "expired"),
    (tuf.BadVersionNumberError, "wrong_version"),
    (tuf.UnsignedMetadataError, "unsigned"),
    (tuf.LengthOrHashMismatchError, "wrong_hash"),
    (DeserializationError, "malformed"),
    (tuf.DownloadLengthMismatchError, "too_long"),
    (tuf.SlowRetrievalError, "slow"),
    (tuf.DownloadHTTPError, "not_found"),
    (tuf.DownloadError, "unreachable"),
)


class MirrorFetcher(FetcherInterface):
    """One mirror. Every file is bounded by what ngclient allows for it, and by the downloader's patience;

    all of them together by ``until_s`` (monotonic), after which none is begun.
    """

    def __init__(self, http: Http, mirror: Mirror, stop: threading.Event, until_s: float = math.inf) -> None:
        self._http = http
        self._mirror = mirror
        self._stop = stop
        self._begun_s = time.monotonic()
        self._until_s = until_s
        self._is_late = False

    def get(self, path: str, limit_bytes: int) -> bytes:
        """A file below the mirror's root. Raises ``MirrorFailed``, ``Stopped``."""
        now_s = time.monotonic()
        if now_s <= self._until_s:
            return self._http.get(self._mirror, path, limit_bytes, self._stop)
        spent_s = now_s - self._begun_s
        if not self._is_late:
            self._http.book.report(self._mirror, Trial(failure="slow", lost_s=spent_s))
        self._is_late = True
        raise MirrorFailed("slow", self._mirror, f"not the whole catalogue within {spent_s:.0f} s")

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """``url`` is a path below the mirror's root; ngclient has quoted it."""
        try:
            return self.get(url, max_length)
        except Unreachable as exc:
            raise _as_tuf(exc) from exc

    def _fetch(self, url: str) -> Iterator[bytes]:
        """Only for callers that know no bound: the smallest we have."""
        yield self.download_bytes(url, CONFIG.timestamp_max_length)


class StoredFetcher(FetcherInterface):
    """Metadata that is here already: ``read`` gives a file by its name without a version, except roots."""

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self._read = read

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """The stored file; "not found" ends the chain of roots, as on a mirror."""
        name = url.removeprefix(BASE)
        if not name.endswith(".root.json"):
            version, _, rest = name.partition(".")
            name = rest if version.isdecimal() else name
        raw = self._read(name)
        if raw is None:
            raise tuf.DownloadHTTPError(f"{name} is not stored", _NOT_FOUND)
        if len(raw) > max_length:
            raise tuf.DownloadLengthMismatchError(f"{name} is longer than {max_length} bytes")
        return raw

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, CONFIG.targets_max_length)


def why(exc: Exception) -> str:
    """What ngclient found, as a machine word."""
    return next((word for kind, word in _WORDS if isinstance(exc, kind)), "refused")


def detail(exc: Exception) -> str:
    """What ngclient found, as one line."""
    return " ".join(str(exc).split())[:300] or type(exc).__name__


def is_wrong(exc: Exception) -> bool:
    """Whether the mirror gave something bad, rather than nothing."""
    if isinstance(exc, tuf.DownloadLengthMismatchError):
        return True
    return not isinstance(exc, tuf.DownloadError)


def is_stale(exc: Exception) -> bool:
    """Whether it may be an honest mirror that has not caught up: what it gave was right once."""
    return isinstance(exc, tuf.ExpiredMetadataError | tuf.BadVersionNumberError)


def refusal(exc: Exception) -> CatalogueRefused:
    """Why stored or fetched metadata cannot be used."""
    if isinstance(exc, OSError):
        return CatalogueRefused("cannot_write", f"the catalogue cannot be kept on this disk: {detail(exc)}")
    if isinstance(exc, tuf.ExpiredMetadataError):
        return CatalogueRefused("catalogue_expired", f"the catalogue has expired: {detail(exc)}")
    return CatalogueRefused("catalogue_refused", f"the catalogue cannot be believed: {detail(exc)}")


def _as_tuf(exc: Unreachable) -> tuf.DownloadError:
    status = getattr(exc, "status", None)
    if isinstance(status, int) and status >= 400:
        return tuf.DownloadHTTPError(exc.detail, status)
    if exc.reason == "other_length":
        return tuf.DownloadLengthMismatchError(exc.detail)
    if exc.reason in ("slow", "silent"):
        return tuf.SlowRetrievalError(exc.detail)
    return tuf.DownloadError(exc.detail)
