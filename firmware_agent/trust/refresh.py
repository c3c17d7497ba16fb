"""One refresh of the catalogue: mirror after mirror until one gives the whole set. It answers no question.

The caller holds the store. What ngclient accepts it keeps at once, as TUF asks; what a station works from
changes only when a set is complete.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tuf.api.metadata import Metadata, Root, Snapshot, Timestamp
from tuf.ngclient import Updater

from firmware_agent.download.http import Http
from firmware_agent.errors import CatalogueRefused, Unreachable
from firmware_agent.mirrors.book import WRONG, Mirror, MirrorBook, Trial
from firmware_agent.mirrors.listing import parse_mirrors
from firmware_agent.trust.fetch import BASE, CONFIG, MirrorFetcher, detail, is_stale, is_wrong, why
from firmware_agent.trust.store import MAX_FILE_BYTES, Store, Whole
from firmware_agent.trust.view import (
    MIRRORS,
    UNUSABLE,
    View,
    below_mirror,
    index_target,
    rollout_target,
    sha256_of,
)
from firmware_agent.watch import Watch

MIRRORS_ASKED = 12
"""At most, for one refresh: then there is no line, or something is wrong with all of them."""
BUDGET_S = 60.0
"""After which no further file is asked for."""
MIRROR_S = 20.0
"""For one mirror, where others are left. What it has given by then is kept, and need not come again."""
_SMALL_BYTES = 16_384
_FAILED = (*UNUSABLE, Unreachable, CatalogueRefused)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``failure``: the first thing that was refused; silence is none. ``is_empty``: no mirror gave a set."""

    failure: Exception | None
    is_whole: bool
    is_empty: bool


@dataclass(slots=True)
class _Gathered:
    """What one mirror gave: the set, and whose files are missing from it (models, or :data:`MIRRORS`)."""

    whole: Whole
    missing: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Failures:
    """What went wrong with whom: what a mirror did wrong is said at once, who could not be reached in one line."""

    watch: Watch
    first: Exception | None = None
    silent: list[tuple[Mirror, Exception]] = field(default_factory=list)
    slow: set[Mirror] = field(default_factory=set)

    def add(self, mirror: Mirror, exc: Exception, model: str = "") -> None:
        """``model`` = whose files, where it is not the top level."""
        if _is_silent(exc):
            self.silent.append((mirror, exc))
            return
        self.first = self.first or exc
        about = {"model": model} if model else {}
        reason = exc.reason if isinstance(exc, Unreachable | CatalogueRefused) else why(exc)
        if reason == "slow":
            if mirror in self.slow:
                return  # it has run out of time for every further file
            self.slow.add(mirror)
        self.watch.note("catalogue.refused", mirror=mirror.url, reason=reason, detail=detail(exc), **about)

    def close(self) -> None:
        """Say who did not answer."""
        if self.silent:
            mirror, exc = self.silent[0]
            self.watch.note(
                "catalogue.unreachable", mirrors=len(self.silent), mirror=mirror.url, detail=detail(exc)
            )


class Refresher:
    """Fills a store. ``clock_s`` is wall time."""

    def __init__(
        self, root: bytes, store: Store, book: MirrorBook, http: Http, clock_s: Callable[[], float]
    ) -> None:
        self._root = root
        self._store = store
        self._book = book
        self._http = http
        self._clock = clock_s

    def renew(self, before: Whole, models: Sequence[str], watch: Watch) -> Outcome:
        """Bring the stored set up to date, with the files of ``models``.

        Where no mirror has it, ``before`` stays. Raises ``Stopped``.
        """
        failures = _Failures(watch)
        try:
            self._store.heal(before, watch)
            best = self._ask_around(models, failures)
            failures.close()
            if best is not None:
                return Outcome(failures.first, self._conclude(before, best, watch), is_empty=False)
            if before.metadata:
                watch.note("catalogue.stored", age_s=max(0, int(self._clock()) - before.refreshed_s))
        except OSError as exc:
            watch.note("catalogue.damaged", file=str(exc.filename or ""), detail=str(exc.strerror or exc))
            return Outcome(exc, is_whole=False, is_empty=True)
        return Outcome(failures.first, is_whole=False, is_empty=True)

    def _ask_around(self, models: Sequence[str], failures: _Failures) -> _Gathered | None:
        """The best that any mirror gave."""
        best: _Gathered | None = None
        end_s = time.monotonic() + BUDGET_S
        mirrors = self._book.ranked(_SMALL_BYTES)[:MIRRORS_ASKED]
        for number, mirror in enumerate(mirrors):
            now_s = time.monotonic()
            if now_s > end_s:
                break
            share_s = max(MIRROR_S, (end_s - now_s) / (len(mirrors) - number))
            fetcher = MirrorFetcher(self._http, mirror, failures.watch.stop, min(end_s, now_s + share_s))
            try:
                gathered = self._ask(mirror, fetcher, models, failures)
            except UNUSABLE as exc:
                self._blame(mirror, exc)
                failures.add(mirror, exc)
                continue
            if best is None or len(gathered.missing) < len(best.missing):
                best = gathered
            if not best.missing:
                break
        return best

    def _ask(
        self, mirror: Mirror, fetcher: MirrorFetcher, models: Sequence[str], failures: _Failures
    ) -> _Gathered:
        """Everything from one mirror. Raises :data:`UNUSABLE` when its top level is not good."""
        watch = failures.watch
        known: list[str] = []
        missing: list[str] = []
        try:
            updater = Updater(
                str(self._store.live), BASE, fetcher=fetcher, config=CONFIG, bootstrap=self._root
            )
            updater.refresh()
            for owner in (MIRRORS, *models):
                targets = (MIRRORS,) if owner == MIRRORS else (index_target(owner), rollout_target(owner))
                try:
                    named = [self._bring(updater, fetcher, target) for target in targets]
                except _FAILED as exc:
                    self._blame(mirror, exc)
                    failures.add(mirror, exc, owner)
                    missing.append(owner)
                else:
                    known += [owner] if named[0] else []
        finally:
            self._store.settle()
        watch.note("catalogue.refreshed", mirror=mirror.url, **self._versions())
        followed = tuple(model for model in models if model in known or model in missing)
        return _Gathered(Whole(int(self._clock()), followed, self._collect()), missing)

    def _bring(self, updater: Updater, fetcher: MirrorFetcher, target: str) -> bool:
        """Have a small target file; whether the catalogue names it at all."""
        entry = updater.get_targetinfo(target)
        if entry is None:
            return False
        if entry.length > MAX_FILE_BYTES:
            raise CatalogueRefused("too_long", f"{target} would have {entry.length} bytes")
        raw = self._store.content(sha256_of(entry))
        if raw is None:
            raw = fetcher.get(below_mirror(entry), entry.length)
        entry.verify_length_and_hashes(raw)
        self._store.keep(raw)
        return True

    def _blame(self, mirror: Mirror, exc: Exception) -> None:
        """The downloader has told the book of what it saw itself; only ngclient knows wrong bytes."""
        if is_wrong(exc) and not isinstance(exc, Unreachable | CatalogueRefused):
            self._book.report(mirror, Trial(failure="stale" if is_stale(exc) else WRONG))

    # -- the set

    def _conclude(self, before: Whole, gathered: _Gathered, watch: Watch) -> bool:
        """Make it the stored set, unless that would lose something that is good until now; whether it is whole."""
        if any(self._had(before, owner) for owner in gathered.missing):
            return False
        whole = gathered.whole
        if gathered.missing:  # so that it is asked for again soon
            whole = replace(whole, refreshed_s=before.refreshed_s)
        self._store.commit(whole)
        view = View(self._root, self._store, whole)
        used = list(whole.metadata.values())
        for target in (MIRRORS, *(f(m) for m in whole.models for f in (index_target, rollout_target))):
            try:
                entry = view.entry(target)
                used += [sha256_of(entry)] if entry else []
                if target == MIRRORS and entry is not None and (raw := view.file(entry)) is not None:
                    self._book.learn(parse_mirrors(raw))
            except (*UNUSABLE, CatalogueRefused) as exc:
                if target == MIRRORS:
                    watch.note("catalogue.refused", reason="bad_mirrors", detail=detail(exc))
        self._store.sweep(used)
        return not gathered.missing

    def _had(self, before: Whole, owner: str) -> bool:
        """Whether the set until now is good, and holds this."""
        if not before.metadata:
            return False
        try:
            view = View(self._root, self._store, before)
            if owner != MIRRORS:
                return view.index(owner) is not None
            entry = view.entry(MIRRORS)
            return entry is not None and view.file(entry) is not None
        except (*UNUSABLE, CatalogueRefused, LookupError):
            return False

    def _collect(self) -> dict[str, str]:
        """The live files that ngclient has just verified, by name; each kept by its hash."""
        snapshot = Metadata[Snapshot].from_bytes(self._store.live_path("snapshot.json").read_bytes())
        names = ["timestamp.json", "snapshot.json"]
        for name, meta in snapshot.signed.meta.items():
            path = self._store.live_path(name)
            if path.is_file() and Metadata.from_bytes(path.read_bytes()).signed.version == meta.version:
                names.append(name)
        first = Metadata[Root].from_bytes(self._root).signed.version
        names += [f"{version}.root.json" for version in range(first + 1, self._versions()["root"] + 1)]
        return {name: self._store.keep(self._store.live_path(name).read_bytes()) for name in names}

    def _versions(self) -> dict[str, int]:
        def read(name: str) -> bytes:
            return self._store.live_path(name).read_bytes()

        return {
            "root": Metadata[Root].from_bytes(read("root.json")).signed.version,
            "timestamp": Metadata[Timestamp].from_bytes(read("timestamp.json")).signed.version,
            "snapshot": Metadata[Snapshot].from_bytes(read("snapshot.json")).signed.version,
        }


def _is_silent(exc: Exception) -> bool:
    """Whether the mirror just did not answer; one that trickles, or sends too much, is worth its own line."""
    if isinstance(exc, Unreachable):
        return exc.reason not in ("slow", "silent", "other_length")
    return why(exc) in ("unreachable", "not_found")
