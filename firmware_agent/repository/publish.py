"""Puts releases and packages into a repository: copied, checked against what is there, signed by their maker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuf.api.metadata import Targets

from firmware_agent.errors import BuildFailed, FirmwareError, ReleaseRefused
from firmware_agent.index import (
    MAX_INDEX_BYTES,
    Index,
    Package,
    find_part,
    find_release,
    image_target,
    package_place,
    parse_index,
    write_index,
)
from firmware_agent.manifest import MAX_MANIFEST_BYTES, Part, Release, parse_manifest, version_key
from firmware_agent.release import MANIFEST
from firmware_agent.repository.edition import Edition, Lives
from firmware_agent.repository.folder import Content, Repository, read_content
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import file_entry, maker_of
from firmware_agent.repository.whole import read_whole
from firmware_agent.wanted import write_pieces


@dataclass(frozen=True, slots=True)
class Published:
    """What became visible. ``added`` are target paths; empty when everything was there already.

    ``repaired``: files that the repository had lost. ``renewed``: makers whose metadata was signed anew for its age.
    """

    models: tuple[str, ...]
    added: tuple[str, ...]
    repaired: tuple[str, ...]
    renewed: tuple[str, ...]
    size_bytes: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A release directory that was read."""

    folder: Path
    release: Release


def publish(
    repository: Repository,
    keyring: Keyring,
    releases: Sequence[Path],
    packages: Path | None = None,
    lives: Lives | None = None,
) -> Published:
    """Make releases, and the packages found in a folder, available.

    Raises :class:`BuildFailed`: ``exists`` (that version, other bytes), ``rollback`` (a newer version with a
    lower rollback index), ``not_covered`` (no maker for the model), ``no_key``, ``hash_mismatch``.
    """
    sources = [_Source(folder, read_manifest(folder)) for folder in releases]
    found = list(_find_packages(packages)) if packages else []
    models = sorted({source.release.model for source in sources} | {package_place(t)[0] for t, _ in found})
    if not models:
        raise BuildFailed("nothing", "there is no release and no package to publish")
    with repository.held():
        edition = Edition(repository, keyring, lives)
        top = repository.role("targets").signed
        added: list[tuple[str, int]] = []
        repaired: list[str] = []
        makers = {model: maker_of(top, model) for model in models}
        aged = edition.aged(set(makers.values()))
        for model in models:
            counter = _Counter(repository, edition.role(makers[model]), model)
            counter.add_releases([source for source in sources if source.release.model == model])
            counter.add_packages([item for item in found if package_place(item[0])[0] == model])
            counter.close()
            added += counter.added
            repaired += counter.repaired
        timestamp = edition.publish() if added or aged else repository.timestamp().signed.version
    targets, size_bytes = tuple(target for target, _ in added), sum(size for _, size in added)
    return Published(tuple(models), targets, tuple(repaired), aged, size_bytes, timestamp)


def read_index(repository: Repository, targets: Targets, model: str) -> Index:
    """A model's index as it is published; an empty one when there is none yet."""
    entry = targets.targets.get(f"{model}/index.json")
    if entry is None:
        return Index(model, (), ())
    try:
        with repository.path(entry).open("rb") as file:
            return parse_index(file.read(MAX_INDEX_BYTES + 1))
    except OSError as exc:
        raise BuildFailed("bad_repository", f"the index of {model} cannot be read: {exc.strerror}") from exc


def read_manifest(folder: Path) -> Release:
    """A release directory's manifest; ``ReleaseRefused``."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            return parse_manifest(file.read(MAX_MANIFEST_BYTES + 1))
    except OSError as exc:
        raise ReleaseRefused("no_release", f"{path}: {exc.strerror}") from exc


def check_rollback(index: Index) -> None:
    """Within a variant a newer version never has a lower rollback index: a phone would refuse it."""
    newer: dict[str, Release] = {}
    for release in index.releases:
        above = newer.get(release.variant)
        if above is not None and above.rollback_index < release.rollback_index:
            detail = (
                f"{above.version} has rollback index {above.rollback_index}, lower than "
                f"{release.rollback_index} of the older {release.version}"
            )
            raise BuildFailed("rollback", detail)
        newer[release.variant] = release


def image_custom(release: Release, part: Part, content: Content) -> dict[str, Any]:
    """What the catalogue says of an image beside its hash."""
    return {
        "kind": "image",
        "model": release.model,
        "variant": release.variant,
        "version": release.version,
        "partition": part.name,
        "rollback_index": release.rollback_index,
        "wipes_data": release.wipes_data,
        "min_battery_percent": release.min_battery_percent,
        "size_bytes": part.size_bytes,
        "notes": dict(release.notes),
        "pieces": write_pieces(content.pieces),
    }


def package_custom(release: Release, package: Package, content: Content) -> dict[str, Any]:
    """What the catalogue says of a package beside its hash."""
    return {
        "kind": "delta" if package.base_version else "full",
        "model": release.model,
        "variant": release.variant,
        "from": package.base_version,
        "to": release.version,
        "partition": package.partition,
        "base_sha256": package.base_sha256,
        "base_size_bytes": package.base_size_bytes,
        "result_sha256": package.result_sha256,
        "result_size_bytes": package.result_size_bytes,
        "rollback_index": release.rollback_index,
        "wipes_data": release.wipes_data,
        "min_battery_percent": release.min_battery_percent,
        "size_bytes": package.size_bytes,
        "notes": dict(release.notes),
        "pieces": write_pieces(content.pieces),
    }


class _Counter:
    """One model's shelf while it is being filled."""

    def __init__(self, repository: Repository, targets: Targets, model: str) -> None:
        self._repository = repository
        self._targets = targets
        self._model = model
        index = read_index(repository, targets, model)
        self._releases = {release.version: release for release in index.releases}
        self._packages = {package.target: package for package in index.packages}
        self.added: list[tuple[str, int]] = []
        self.repaired: list[str] = []

    def add_releases(self, sources: Iterable[_Source]) -> None:
        """Copy the images of releases that are not there yet, and again those that were lost since."""
        for source in sources:
            known = find_release(self._index(), source.release.version)
            if known == source.release:
                for part in known.partitions:
                    self._repair(image_target(known, part), source.folder / part.file, part.sha256)
                continue
            if known is not None:
                detail = (
                    f"{self._model} {known.version} is published with other bytes; a version never changes"
                )
                raise BuildFailed("exists", detail)
            self._releases[source.release.version] = source.release
            check_rollback(self._index())
            for part in source.release.partitions:
                self._add_image(source, part)

    def add_packages(self, found: Iterable[tuple[str, Path]]) -> None:
        """Copy packages that lead to an image of the index and are not there yet."""
        for target, path in found:
            content = read_content(path)
            package = self._describe(target, path, content)
            known = self._packages.get(target)
            if known is not None and known != package:
                raise BuildFailed("exists", f"{target} is published with other bytes")
            if known is not None:
                self._repair(target, path, package.sha256)
            else:
                self._repository.add_file(target, path, package.sha256)
                self._packages[target] = package
                release = self._releases[package_place(target)[1]]
                custom = package_custom(release, package, content)
                self._targets.targets[target] = file_entry(target, content, custom)
                self.added.append((target, content.size_bytes))

    def close(self) -> None:
        """Write the index, last of the model's files."""
        target = f"{self._model}/index.json"
        raw = write_index(self._model, self._releases.values(), self._packages.values())
        self._targets.targets[target] = file_entry(target, self._repository.add_bytes(target, raw))

    def _index(self) -> Index:
        ordered = sorted(
            self._releases.values(), key=lambda release: version_key(release.version), reverse=True
        )
        return Index(self._model, tuple(ordered), tuple(self._packages.values()))

    def _repair(self, target: str, source: Path, sha256: str) -> None:
        if not self._repository.holds(target, sha256):
            self._repository.add_file(target, source, sha256)
            self.repaired.append(target)

    def _add_image(self, source: _Source, part: Part) -> None:
        target = image_target(source.release, part)
        path = source.folder / part.file
        if path.is_symlink() or not path.is_file():
            raise BuildFailed("no_file", f"{path} is not a file")
        content = self._repository.add_file(target, path, part.sha256)
        if content.size_bytes != part.size_bytes:
            raise BuildFailed("hash_mismatch", f"{path} is not what its manifest says")
        self._targets.targets[target] = file_entry(
            target, content, image_custom(source.release, part, content)
        )
        self.added.append((target, content.size_bytes))

    def _describe(self, target: str, path: Path, content: Content) -> Package:
        """A package's entry from its own header, which must agree with the path that it is offered under."""
        _, version, partition, base_version = package_place(target)
        release, base = self._releases.get(version), self._releases.get(base_version)
        result_part = find_part(release, partition) if release else None
        base_part = find_part(base, partition) if base else None
        if result_part is None or (base_version and base_part is None):
            raise BuildFailed(
                "no_release", f"{target}: publish {version} and {base_version or version} first"
            )
        header = read_whole(path)
        package = Package(
            target,
            content.size_bytes,
            content.sha256,
            partition,
            base_version,
            header.base_sha256,
            header.base_size_bytes,
            header.result_sha256,
            header.result_size_bytes,
        )
        wanted_base = (base_part.sha256, base_part.size_bytes) if base_part else ("", 0)
        if (package.base_sha256, package.base_size_bytes) != wanted_base:
            raise BuildFailed(
                "other_base", f"{path} starts from another image than {base_version or 'nothing'}"
            )
        if (package.result_sha256, package.result_size_bytes) != (result_part.sha256, result_part.size_bytes):
            raise BuildFailed("other_result", f"{path} makes another image than that of {version}")
        return package


def _find_packages(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every package below a folder that is laid out as ``station release delta`` lays it out."""
    paths = sorted(path for path in folder.glob("*/*/packages/*") if not path.name.startswith("."))
    if not paths:
        raise BuildFailed("no_packages", f"{folder} is no folder with packages in it")
    for path in paths:
        target = path.relative_to(folder).as_posix()
        if path.is_file():
            try:
                package_place(target)
            except FirmwareError as exc:
                raise BuildFailed("bad_name", exc.detail) from exc
            yield target, path
