"""Brings images into the cache by the cheapest route: downloads, rebuilds from differences, tries the next route.

It believes only what its caller got from the signed catalogue; which release is wanted is decided elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware_agent import routes
from firmware_agent.cache.objects import Cache
from firmware_agent.delta import apply as delta
from firmware_agent.download.downloader import Downloader, Wanted
from firmware_agent.durable import disk
from firmware_agent.errors import DeltaRefused, NoRoom, ReleaseRefused, Stopped, Unreachable
from firmware_agent.images import Images, LocalImage
from firmware_agent.index import NOTHING, Index, Package
from firmware_agent.manifest import Part, Release
from firmware_agent.routes import Route, Step
from firmware_agent.tally import Tally
from firmware_agent.watch import Method, Offer, Watch

WORKERS = 2  # a station's single-board computer has four cores; the screen wants the others

Vouch = Callable[[str], Wanted]
"""A target path -> what the signed catalogue says of it; ``CatalogueRefused`` when it says nothing."""


@dataclass(slots=True)
class Supply:
    """The cache and the way to fill it. May be used by several threads and processes at once."""

    cache: Cache
    downloader: Downloader
    workers: int = WORKERS

    def offer(self, index: Index, release: Release, whole_only: bool = False) -> Offer:
        """How the release's images would come here. Looks at the disk only."""
        found = [self._route(index, part, whole_only, frozenset()) for part in release.partitions]
        return _offer(index, release, [route for route in found if route], whole_only)

    def fetch(
        self, index: Index, release: Release, vouch: Vouch, watch: Watch, whole_only: bool = False
    ) -> Offer:
        """Have every image of the release in the cache; how they came.

        Raises ``Unreachable``, ``NoRoom``, ``Stopped``, ``CatalogueRefused``, ``ReleaseRefused`` (no route).
        """
        offer = self.offer(index, release, whole_only)
        tally = Tally(watch, offer.fetch_bytes)
        begun_s = time.monotonic()
        if offer.fetch_bytes:
            watch.note(
                "fetch.begun",
                model=release.model,
                to=release.version,
                method=offer.method,
                why=offer.why,
                base=offer.base_version,
                bytes=offer.fetch_bytes,
                full_bytes=offer.full_bytes,
            )
        for part in release.partitions:
            self._have(index, part, _Errand(vouch, tally, whole_only))
        tally.whole()
        if offer.fetch_bytes:
            watch.note(
                "fetch.complete",
                to=release.version,
                bytes=tally.fetched_bytes,
                ms=round(1000 * (time.monotonic() - begun_s)),
            )
        return offer

    def open(self, parts: Sequence[Part], watch: Watch, fetched_bytes: int = 0) -> Images:
        """Images that are here, each checked in full from the handle that will be read.

        ``fetched_bytes`` is said again meanwhile, as a sign of life. A rotten one is thrown away:
        ``ReleaseRefused`` (``image_missing``, ``hash_mismatch``).
        """
        images: dict[str, LocalImage] = {}
        try:
            for part in parts:
                images[part.file] = self._image(part)
                self._check(images[part.file], watch, fetched_bytes)
        except BaseException:
            Images(images).close()
            raise
        return Images(images)

    def holds(self, parts: Sequence[Part]) -> bool:
        """Whether every image is here (by name and size; :meth:`open` reads them)."""
        return all(self.cache.has(part.sha256, part.size_bytes) for part in parts)

    def _image(self, part: Part) -> LocalImage:
        handle = self.cache.open(part.sha256, part.size_bytes)
        if handle is None:
            raise ReleaseRefused("image_missing", f"{part.file} is not in the cache")
        return LocalImage(part, handle)

    def _check(self, image: LocalImage, watch: Watch, fetched_bytes: int) -> None:
        try:
            for _ in image.check():
                watch.on_bytes(fetched_bytes, fetched_bytes)
                if watch.stop.is_set():
                    raise Stopped
        except ReleaseRefused:
            self.cache.discard(image.sha256)
            watch.note("fetch.failed", reason="rotten", image=image.sha256[:16])
            raise

    # -- one image

    def _route(self, index: Index, part: Part, whole_only: bool, shunned: frozenset[str]) -> Route | None:
        steps = (step for step in routes.steps_of(index) if step.target not in shunned)
        return routes.find(part, steps, self.cache.has, whole_only)

    def _have(self, index: Index, part: Part, errand: _Errand) -> None:
        """Try routes, cheapest first; a file that failed is not tried again for this image."""
        shunned: frozenset[str] = frozenset()
        while True:
            route = self._route(index, part, errand.whole_only, shunned)
            if route is None:
                raise Unreachable("download_failed", f"no way is left to get {part.file}")
            try:
                for step in route.steps:
                    self._try(step, errand)
            except _StepFailed as failed:
                shunned |= {failed.step.target}
                last = not self._route(index, part, errand.whole_only, shunned)
                reason, detail = failed.cause.reason, failed.cause.detail
                errand.watch.note("fetch.failed", target=failed.step.target, reason=reason, detail=detail)
                if last:
                    raise failed.cause from failed
            else:
                return

    def _try(self, step: Step, errand: _Errand) -> None:
        try:
            self._take(step, errand)
        except NoRoom as exc:
            if step.base_sha256 == NOTHING:
                raise
            raise _StepFailed(step, exc) from exc  # without its base beside it, the whole image may fit

    def _take(self, step: Step, errand: _Errand) -> None:
        """One file down, and where it is a package, its image rebuilt from it."""
        spare = (step.base_sha256,)  # a base must not make room for its own result
        waiting = errand.tally.alive()
        with self.cache.writing(step.result_sha256, step.result_size_bytes, waiting, spare=spare) as image:
            if image is None:  # another visit has brought it meanwhile
                errand.tally.skip(step.size_bytes)
                return
            if isinstance(step, Package):
                self._rebuild(step, image, errand)
            else:
                self._download(step, errand.vouch(step.target), image, errand)
            self.cache.commit(image)

    def _rebuild(self, step: Package, image: Path, errand: _Errand) -> None:
        wanted = errand.vouch(step.target)
        spare = (step.base_sha256,)
        with self.cache.writing(step.sha256, step.size_bytes, errand.tally.alive(), spare=spare) as package:
            # A whole package may be left by a run that was cut while it rebuilt.
            path = package or self.cache.path(step.sha256)
            if package is not None:
                self._download(step, wanted, package, errand)
            begun_s = time.monotonic()
            try:
                self._apply(step, path, image, errand)
            except DeltaRefused as refused:
                self._doubt(step, refused, errand)
                raise _StepFailed(step, refused) from refused
            disk().unlink(path)
        errand.watch.note(
            "fetch.rebuilt",
            partition=step.partition,
            base=step.base_version,
            bytes=step.size_bytes,
            full_bytes=step.result_size_bytes,
            ms=round(1000 * (time.monotonic() - begun_s)),
        )

    def _download(self, step: Step, wanted: Wanted, into: Path, errand: _Errand) -> None:
        if wanted.size_bytes != step.size_bytes:
            raise ReleaseRefused("catalogue_refused", f"{step.target}: the index gives another size")
        try:
            errand.tally.fetched_bytes += self.downloader.fetch(
                wanted, into, errand.tally.of(step)
            ).fetched_bytes
        except Unreachable as exc:
            raise _StepFailed(step, exc) from exc

    def _apply(self, step: Package, package: Path, image: Path, errand: _Errand) -> None:
        base = None
        if step.base_sha256 != NOTHING:
            base = self._base(step)
            if base is None:
                raise DeltaRefused("no_base", f"{step.partition} {step.base_version} is not here any more")
        expected = delta.Expected(
            step.base_sha256, step.base_size_bytes, step.result_sha256, step.result_size_bytes
        )
        try:
            delta.apply(package, base, image, expected, errand.tally.alive(), self.workers)
        finally:
            if base is not None:
                os.close(base)

    def _base(self, step: Package) -> int | None:
        try:
            return self.cache.open(step.base_sha256, step.base_size_bytes)
        except ReleaseRefused:
            return None  # it cannot be read now; another way does without it

    def _doubt(self, step: Package, refused: DeltaRefused, errand: _Errand) -> None:
        """The package was what the catalogue vouched for, so a base that does not fit has rotted here."""
        if refused.reason == "other_base" and step.base_sha256 != NOTHING:
            handle = self._base(step)
            if handle is not None:
                base = LocalImage(
                    Part(step.partition, "base", step.base_size_bytes, step.base_sha256), handle
                )
                try:
                    self._check(base, errand.tally.alive(), 0)
                except ReleaseRefused:
                    pass  # noted and thrown away; the next route does without it
                finally:
                    base.close()


class _StepFailed(Exception):
    """This file did not lead to its image; another may."""

    def __init__(self, step: Step, cause: Unreachable | DeltaRefused | NoRoom) -> None:
        super().__init__(cause.detail)
        self.step = step
        self.cause = cause


@dataclass(slots=True)
class _Errand:
    """What every step of one fetch needs."""

    vouch: Vouch
    tally: Tally
    whole_only: bool
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = self.tally.watch


def _offer(index: Index, release: Release, found: Sequence[Route], whole_only: bool) -> Offer:
    fetch_bytes = sum(route.fetch_bytes for route in found)
    based = [route.base_version for route in found if route.base_version]
    method: Method = "cached" if not any(route.steps for route in found) else "delta" if based else "full"
    if method == "cached":
        why = "images_here"
    elif based:
        why = "base_here"
    elif whole_only:
        why = "asked_whole"
    else:
        why = _why_whole(index, release)
    return Offer(method, fetch_bytes, release.size_bytes, based[0] if based else "", why)


def _why_whole(index: Index, release: Release) -> str:
    wanted = {part.sha256 for part in release.partitions}
    known = any(
        package.base_sha256 != NOTHING and package.result_sha256 in wanted for package in index.packages
    )
    return "no_base" if known else "no_delta"
