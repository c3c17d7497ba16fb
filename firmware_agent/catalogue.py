"""What this station may offer, by the signed catalogue: the port that a visit sees.

Metadata is :mod:`firmware_agent.trust.trust`'s, bytes are :mod:`firmware_agent.supply`'s; it joins them and narrows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from firmware_agent.errors import CatalogueRefused, FirmwareError, ReleaseRefused, Stopped
from firmware_agent.images import Images
from firmware_agent.index import Index
from firmware_agent.manifest import Part, Release, is_version, version_key
from firmware_agent.partitions import base_name
from firmware_agent.plan import FlashPlan
from firmware_agent.supply import Supply, Vouch
from firmware_agent.trust.trust import Trust
from firmware_agent.wanted import Wanted
from firmware_agent.watch import FewNotes, Note, Offer, Watch

FRESH_S = 600.0
"""Metadata seen this recently is not asked for again when a visit begins."""
_POLL_S = 0.1
_CLOSE_WITHIN_S = 10.0


@dataclass(slots=True)
class _Ahead:
    """A download that began before anybody agreed to it, and how it came along."""

    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    version: str = ""
    offer: Offer | None = None
    bytes_by_mirror: dict[str, int] = field(default_factory=dict)

    def see(self, note: Note) -> None:
        """Count what each mirror delivered."""
        if note.kind == "fetch.done":
            mirror, size_bytes = str(note.body.get("mirror", "")), int(note.body.get("bytes", 0))
            self.bytes_by_mirror[mirror] = self.bytes_by_mirror.get(mirror, 0) + size_bytes

    def end(self, stop: threading.Event) -> None:
        """Stop it; what has come is kept. Whoever waits may give up waiting by ``stop``."""
        self.stop.set()
        while self.thread is not None and self.thread.is_alive() and not stop.is_set():
            self.thread.join(_POLL_S)


@dataclass(slots=True)
class SignedCatalogue:
    """The catalogue of one station. Every method may be called from any thread.

    ``on_note`` hears of work that no visit waits for (:meth:`hint`, :meth:`stock`).
    """

    trust: Trust
    supply: Supply
    station: str
    on_note: Callable[[Note], None] = lambda note: None
    fresh_s: float = FRESH_S
    _ahead: dict[str, _Ahead] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # -- what is offered

    def newest(self, model: str, variant: str | None, watch: Watch) -> Release | None:
        """The newest release that this station may offer; with an unknown variant the newest of any.

        Never one that erases the owner's data, is withdrawn, or is staged and not for this station.
        Raises ``CatalogueRefused``.
        """
        self.trust.refresh(watch, max_age_s=self.fresh_s)
        index = self.trust.index(model, watch)
        if index is None:
            return None
        rollout = self.trust.rollout(model, watch)
        offered = [
            release
            for release in index.releases
            if not release.wipes_data and rollout.admits(self.station, release.version)
        ]
        chosen = next((release for release in offered if variant in (None, release.variant)), None)
        return chosen or next(iter(offered), None)

    def exact(self, model: str, version: str, watch: Watch) -> Release:
        """The release of that version; staging does not hold it back, withdrawal does."""
        if not is_version(version):
            raise ReleaseRefused("no_release", f"{version[:40]!r} is not a version")
        self.trust.refresh(watch, max_age_s=self.fresh_s)
        release = _find(self._index(model, watch), version)
        if self.trust.rollout(model, watch).is_withdrawn(release.version):
            raise ReleaseRefused("withdrawn", f"{model} {version} has been withdrawn")
        return release

    def offer(self, release: Release, whole_only: bool = False) -> Offer:
        """What fetching it would download, how and why. Looks at the disk only.

        What :meth:`hint` has begun already is said as it was then, not as if it had always been here.
        """
        with self._lock:
            ahead = self._ahead.get(release.model)
        if ahead and ahead.offer and ahead.version == release.version and not whole_only:
            return ahead.offer
        return self.supply.offer(self._index(release.model, Watch()), release, whole_only)

    # -- for a visit

    def fetch(self, visit: str, release: Release, watch: Watch, whole_only: bool = False) -> Images:
        """Every image of the release, here, checked in full and kept for the visit until :meth:`let_go`."""
        fetched_bytes = self._bring(visit, release, watch, whole_only)
        return self.supply.open(release.partitions, watch, fetched_bytes)

    def again(self, visit: str, plan: FlashPlan, watch: Watch) -> Images:
        """The images of a plan that a restart interrupted, by the plan's own hashes.

        They were vouched for when the plan was made, and a half-written phone must not wait for a catalogue
        that has expired meanwhile: what is held is enough.
        """
        parts = [
            Part(base_name(write.partition), write.file, write.size_bytes, write.sha256)
            for write in plan.writes
        ]
        try:
            self.supply.cache.pin(visit, [part.sha256 for part in parts])
        except (FirmwareError, OSError) as exc:
            # A disk that takes no pin is no reason to leave a phone half-written.
            watch.note("fetch.failed", reason="not_pinned", detail=f"{type(exc).__name__}: {exc}")
        if self.supply.holds(parts):
            try:
                return self.supply.open(parts, watch)
            except ReleaseRefused as exc:
                # Rotten, and thrown away: fetched again below.
                watch.note("fetch.failed", reason=exc.reason, detail=exc.detail)
        self._bring(visit, self._planned(plan, parts, watch), watch)
        return self.supply.open(parts, watch)

    def let_go(self, visit: str) -> None:
        """The visit is over."""
        self.supply.cache.unpin(visit)

    # -- ahead of time

    def hint(self, model: str) -> None:
        """Begin to fetch what a phone of this model will want, in the background."""
        with self._lock:
            running = self._ahead.get(model)
            if running is not None and running.thread is not None and running.thread.is_alive():
                return
            ahead = _Ahead()
            words = (model, ahead)
            ahead.thread = threading.Thread(
                target=self._fetch_ahead, args=words, name=f"ahead {model}", daemon=True
            )
            self._ahead[model] = ahead
            ahead.thread.start()

    def stock(self, model: str, watch: Watch) -> Offer | None:
        """Have the newest release's images in the cache; how they came. None when there is no release."""
        release = self.newest(model, None, watch)
        if release is None:
            return None
        return self.supply.fetch(self._index(model, watch), release, self._voucher(model, watch), watch)

    def sweep(self, open_visits: Sequence[str]) -> None:
        """Let go of what was held for visits that are not open any more (the power went meanwhile)."""
        self.supply.cache.sweep(open_visits)

    def close(self) -> None:
        """End what runs in the background."""
        with self._lock:
            every, self._ahead = list(self._ahead.values()), {}
        given_up = threading.Event()
        timer = threading.Timer(_CLOSE_WITHIN_S, given_up.set)
        timer.start()
        for ahead in every:
            ahead.end(given_up)
        timer.cancel()

    # -- inside

    def _bring(self, visit: str, release: Release, watch: Watch, whole_only: bool = False) -> int:
        """Have the release's images in the cache, held for the visit; the bytes that took."""
        self._take_over(release.model, watch)
        if watch.stop.is_set():
            raise Stopped
        cache = self.supply.cache
        cache.pin(visit, [part.sha256 for part in release.partitions])
        try:
            index = self._index(release.model, watch)
            voucher = self._voucher(release.model, watch)
            return self.supply.fetch(index, release, voucher, watch, whole_only).fetch_bytes
        except BaseException:
            if watch.stop.is_set():
                cache.unpin(visit)  # the visit may be over already, and nobody would ask again
            raise

    def _fetch_ahead(self, model: str, ahead: _Ahead) -> None:
        few = FewNotes(self.on_note)

        def on_note(note: Note) -> None:
            ahead.see(note)
            few(note)

        watch = Watch(on_note=on_note, stop=ahead.stop)
        try:
            release = self.newest(model, None, watch)
            if release is None:
                return
            index = self._index(model, watch)
            ahead.version, ahead.offer = release.version, self.supply.offer(index, release)
            self.supply.fetch(index, release, self._voucher(model, watch), watch)
        except FirmwareError as exc:
            # Nobody waits for it; the visit will say it in its own words if it comes to that.
            if exc.reason != "stopped":
                self.on_note(Note("fetch.failed", {"model": model, "reason": exc.reason}))

    def _take_over(self, model: str, watch: Watch) -> None:
        """A visit goes on with what was begun ahead: what has come is kept, the progress is the visit's own."""
        with self._lock:
            ahead = self._ahead.pop(model, None)
        if ahead is not None:
            ahead.end(watch.stop)
            for mirror, size_bytes in ahead.bytes_by_mirror.items():
                watch.note("fetch.ahead", mirror=mirror, bytes=size_bytes)

    def _voucher(self, model: str, watch: Watch) -> Vouch:
        """What the metadata says of a file; where it contradicts the index, that is told as an attack is."""

        def vouch(target: str) -> Wanted:
            try:
                return self.trust.wanted(target)
            except CatalogueRefused as exc:
                watch.note("catalogue.refused", model=model, reason=exc.reason, detail=exc.detail)
                raise

        return vouch

    def _index(self, model: str, watch: Watch) -> Index:
        index = self.trust.index(model, watch)
        if index is None:
            raise ReleaseRefused("no_release", f"the catalogue has nothing for {model}")
        return index

    def _planned(self, plan: FlashPlan, parts: Sequence[Part], watch: Watch) -> Release:
        self.trust.refresh(watch, max_age_s=self.fresh_s)
        release = _find(self._index(plan.model, watch), plan.version_to)
        if {part.sha256 for part in parts} != {part.sha256 for part in release.partitions}:
            detail = f"the catalogue's {plan.model} {plan.version_to} is not what was planned"
            raise ReleaseRefused("release_changed", detail)
        return release


def _find(index: Index, version: str) -> Release:
    for release in index.releases:
        if version_key(release.version) == version_key(version):
            return release
    raise ReleaseRefused("no_release", f"the catalogue has no {index.model} {version[:40]}")
