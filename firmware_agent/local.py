"""Releases in a local folder, checked in full before they are used: the workshop's way, without a signature.

Layout: ``ROOT/<model>/<version>/manifest.json`` and ``images/*.img`` beside it. The shop's way is
:mod:`firmware_agent.catalogue`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from firmware_agent.errors import ReleaseRefused
from firmware_agent.images import Images, LocalImage, open_image
from firmware_agent.manifest import MAX_MANIFEST_BYTES, Release, is_version, parse_manifest, version_key
from firmware_agent.plan import FlashPlan
from firmware_agent.watch import Offer, Watch

_MAX_VERSIONS = 1000
MANIFEST = "manifest.json"
_UNWATCHED = Watch()


class LocalCatalogue:
    """What this station may offer, from a folder that its operator fills."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def releases(self, model: str) -> Sequence[Release]:
        """Every readable release of a model, newest first. :meth:`exact` says why one is left out."""
        return self._survey(model)[0]

    def newest(self, model: str, variant: str | None, watch: Watch = _UNWATCHED) -> Release | None:  # noqa: ARG002
        """The newest release for the model and variant; None when there is none.

        With an unknown variant the newest of any: the plan then refuses with the right words. Broken releases
        are passed over; if nothing else is there, :class:`ReleaseRefused` says what is wrong with the newest.
        """
        offered, broken = self._survey(model)
        chosen = next((release for release in offered if variant in (None, release.variant)), None)
        if chosen is None and broken is not None:
            raise broken
        return chosen or next(iter(offered), None)

    def exact(self, model: str, version: str, watch: Watch = _UNWATCHED) -> Release:  # noqa: ARG002
        """The release of that version; :class:`ReleaseRefused` says what is wrong with it."""
        if not is_version(version):
            raise ReleaseRefused("no_release", f"{version[:40]!r} is not a version")
        return self._read(model, version)

    def offer(self, release: Release, whole_only: bool = False) -> Offer:  # noqa: ARG002
        """Everything is here already."""
        return Offer("cached", 0, release.size_bytes, why="images_here")

    def fetch(
        self,
        visit: str,  # noqa: ARG002
        release: Release,
        watch: Watch = _UNWATCHED,
        whole_only: bool = False,  # noqa: ARG002
    ) -> Images:
        """Check every image in full and keep them open.

        Raises :class:`ReleaseRefused`: ``image_missing``, ``image_truncated``, ``hash_mismatch``.
        """
        folder = self._root / release.model / release.version
        images: dict[str, LocalImage] = {}
        done = 0
        try:
            for part in release.partitions:
                images[part.file] = open_image(folder / part.file, part)
                for size_bytes in images[part.file].check():
                    done += size_bytes
                    watch.on_bytes(done, release.size_bytes)
        except BaseException:
            Images(images).close()
            raise
        return Images(images)

    def again(self, visit: str, plan: FlashPlan, watch: Watch = _UNWATCHED) -> Images:
        """The images of a plan that was made before the station was restarted; checked in full again."""
        return self.fetch(visit, self.exact(plan.model, plan.version_to), watch)

    def let_go(self, visit: str) -> None:
        """Nothing is held for a visit."""

    def hint(self, model: str) -> None:
        """Nothing to prepare."""

    def close(self) -> None:
        """Nothing runs."""

    def _survey(self, model: str) -> tuple[list[Release], ReleaseRefused | None]:
        """The readable releases, newest first, and why the newest of the others is not."""
        found: list[Release] = []
        broken: ReleaseRefused | None = None
        for name in sorted(self._versions(model), key=version_key, reverse=True):
            try:
                found.append(self._read(model, name))
            except ReleaseRefused as exc:
                broken = broken or exc
        return found, broken

    def _versions(self, model: str) -> list[str]:
        try:
            names = sorted(entry.name for entry in os.scandir(self._root / model) if entry.is_dir())
        except (OSError, ValueError):
            return []
        return [name for name in names if is_version(name)][:_MAX_VERSIONS]

    def _read(self, model: str, version: str) -> Release:
        path = self._root / model / version / MANIFEST
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_MANIFEST_BYTES + 1)
        except (OSError, ValueError) as exc:
            raise ReleaseRefused("no_release", f"there is no release {model} {version} here") from exc
        release = parse_manifest(raw)
        if release.model != model:
            raise ReleaseRefused("wrong_model", f"the release in {model}/{version} is for {release.model}")
        if release.version != version:
            said = f"{release.model} {release.version}"
            raise ReleaseRefused("bad_manifest", f"the manifest in {model}/{version} is of {said}")
        return release
