"""The mirrors a station knows, and in which order to ask them. It opens no connection."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from firmware_agent.errors import CatalogueRefused
from firmware_agent.mirrors import memory as mirror_memory
from firmware_agent.mirrors import ranking
from firmware_agent.mirrors.memory import MAX_URL_CHARS
from firmware_agent.mirrors.ranking import WRONG, Ask, Record, Standing, Trial

__all__ = ["MAX_MIRRORS", "WRONG", "Mirror", "MirrorBook", "Row", "Trial"]

MAX_MIRRORS = 2000
_SAVE_EVERY_S = 60.0
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\Z|\[[0-9a-f:.]{2,45}\]\Z")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]{1,100})*\Z")
_REGION = re.compile(r"[a-z0-9-]{0,32}\Z")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, order=True)
class Mirror:
    """A folder on a web server. Any way of writing the same URL gives the same value.

    Raises :class:`CatalogueRefused` (``bad_mirror``) for anything but plain http and https.
    """

    url: str
    region: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _normal(self.url))
        if not _REGION.match(self.region):
            raise CatalogueRefused("bad_mirror", f"region {self.region[:40]!r} is not a word")


def _normal(url: str) -> str:
    def refuse(what: str) -> CatalogueRefused:
        return CatalogueRefused("bad_mirror", f"mirror {url[:80]!r}: {what}")

    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise refuse("not a URL of printable ASCII and bounded length")
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError as exc:
        raise refuse(str(exc)) from exc
    if split.scheme not in _PORTS:
        raise refuse("neither http nor https")
    if "@" in split.netloc:
        raise refuse("holds credentials")
    if "?" in url or "#" in url:
        raise refuse("has a query or a fragment")
    host = split.hostname or ""
    host = f"[{host}]" if ":" in host else host
    path = split.path.rstrip("/")
    if not _HOST.match(host) or ".." in host or port == 0:
        raise refuse("no host that could be asked")
    if not _PATH.match(path) or any(part in (".", "..") for part in path.split("/")):
        raise refuse("a path that is not plain")
    shown = "" if port in (None, _PORTS[split.scheme]) else f":{port}"
    return f"{split.scheme}://{host}{shown}{path}"


@dataclass(frozen=True, slots=True)
class Row:
    """One mirror as a table shows it, best first. None = not measured."""

    mirror: Mirror
    expected_s: float
    first_byte_ms: int | None
    kib_s: int | None
    failures: int  # in a row
    rests_s: float  # until it is asked again; 0 = now


class MirrorBook:
    """Every mirror with what was measured of it. May be used by any number of threads.

    ``seeds`` are known before any list is read and never forgotten. ``salt`` (the station's name) spreads
    stations over mirrors that look the same; without one the order given settles ties. ``clock_s`` is wall time.
    """

    def __init__(
        self,
        seeds: Iterable[Mirror],
        *,
        region: str = "",
        memory: Path | None = None,
        clock_s: Callable[[], float] = time.time,
        salt: str = "",
    ) -> None:
        self._seeds = {mirror.url: mirror for mirror in seeds}
        self._region = region
        self._memory = memory
        self._clock = clock_s
        self._salt = salt
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._saved_s = clock_s()
        # Figures of mirrors that no list has named yet wait for the list; they are not mirrors by that.
        self._records: dict[str, Record] = mirror_memory.load(memory) if memory else {}
        self._mirrors: dict[str, Mirror] = {}
        self._distances: dict[str, int] = {}
        self._arrange({})

    # -- which there are

    def learn(self, listed: Iterable[Mirror]) -> None:
        """The signed list: what it no longer names is forgotten, unless it is a seed."""
        found = {mirror.url: mirror for mirror in listed}
        with self._lock:
            self._arrange(dict(list(found.items())[:MAX_MIRRORS]))
            self._records = {url: record for url, record in self._records.items() if url in self._mirrors}

    def _arrange(self, listed: Mapping[str, Mirror]) -> None:
        def draw(url: str) -> str:
            return hashlib.sha256(f"{self._salt}/{url}".encode()).hexdigest()

        others = [url for url in listed if url not in self._seeds]
        others = sorted(others, key=draw) if self._salt else others
        self._mirrors = {url: listed.get(url, seed) for url, seed in self._seeds.items()}
        self._mirrors |= {url: listed[url] for url in others}
        self._distances = {url: self._distance(mirror.region) for url, mirror in self._mirrors.items()}

    def _distance(self, region: str) -> int:
        if not region or not self._region:
            return 1
        if region == self._region:
            return 0
        return 1 if region.partition("-")[0] == self._region.partition("-")[0] else 2

    @property
    def mirrors(self) -> tuple[Mirror, ...]:
        """All of them, unranked."""
        with self._lock:
            return tuple(self._mirrors.values())

    # -- in which order

    def ranked(self, size_bytes: int, skip_bytes: int = 0) -> list[Mirror]:
        """Every mirror, the likeliest to deliver ``size_bytes`` soonest in front; those that rest last.

        ``skip_bytes`` lie before the wanted ones; a mirror without Range would send them again.
        """
        return [mirror for mirror, _ in self.standings(size_bytes, skip_bytes)]

    def standings(self, size_bytes: int, skip_bytes: int = 0) -> list[tuple[Mirror, Standing]]:
        """As :meth:`ranked`, with the reasons."""
        with self._lock:
            ranked = ranking.rank(self._records, self._distances, Ask(size_bytes, skip_bytes), self._clock())
            return [(self._mirrors[standing.key], standing) for standing in ranked]

    def is_measured(self, mirror: Mirror, size_bytes: int) -> bool:
        """Whether there is a figure of it for a file of that size."""
        return self._record(mirror).aged(self._clock()).is_measured(size_bytes)

    def rows(self, size_bytes: int) -> list[Row]:
        """For a table that people read."""
        rows = []
        now_s = self._clock()
        for mirror, standing in self.standings(size_bytes):
            record = self._record(mirror).aged(now_s)
            known, sent = record.is_measured(0), record.is_measured(ranking.SMALL_BYTES)
            rows.append(
                Row(
                    mirror,
                    standing.expected_s,
                    round(1000 * record.first_byte_s / record.first_bytes) if known else None,
                    round(record.body_bytes / max(record.body_s, 1e-9) / 1024) if sent else None,
                    record.failures,
                    standing.rests_s,
                )
            )
        return rows

    def _record(self, mirror: Mirror) -> Record:
        with self._lock:
            return self._records.get(mirror.url, Record())

    # -- what happened

    def report(self, mirror: Mirror, trial: Trial) -> None:
        """One request's outcome. A mirror that is not known any more is not remembered."""
        now_s = self._clock()
        with self._lock:
            if mirror.url not in self._mirrors:
                return
            self._records[mirror.url] = self._records.get(mirror.url, Record()).after(trial, now_s)
            due = not 0 <= now_s - self._saved_s < _SAVE_EVERY_S
        if due:
            self.save()

    def excuse(self, mirrors: Sequence[Mirror]) -> None:
        """Take back one failure of each: all of them failed together, so it was the shop's line."""
        with self._lock:
            for mirror in mirrors:
                record = self._records.get(mirror.url)
                if record is not None:
                    self._records[mirror.url] = record.excused()

    def save(self) -> None:
        """Remember it across restarts. That it cannot be written is no reason to stop anything."""
        if self._memory is None:
            return
        with self._lock:
            records = {url: replace(record) for url, record in self._records.items()}
            self._saved_s = self._clock()
        with self._saving:
            try:
                mirror_memory.save(self._memory, records)
            except OSError:
                return
