"""The signed index of one model: which releases there are, and which packages carry their images. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from firmware_agent.errors import CatalogueRefused, ReleaseRefused
from firmware_agent.manifest import (
    MAX_IMAGE_BYTES,
    SHA256,
    VERSION,
    WORD,
    Part,
    Release,
    parse_release,
    release_fields,
    version_key,
)
from firmware_agent.strict import Strict

NOTHING = ""
"""As ``base_sha256``: the package rebuilds its image from nothing (a compressed whole image)."""

FORMAT = 1
MAX_INDEX_BYTES = 4 * 1024 * 1024
MAX_RELEASES = 256
MAX_PACKAGES = 4096
RESERVED_MODELS = frozenset(("rollout", "metadata", "targets"))
"""Folders of a repository that no model may be called after."""

_TARGET = re.compile(
    r"(?P<model>[a-z0-9][a-z0-9_\-]{0,31})/(?P<version>\d[\d.]{0,79})/packages/"
    r"(?P<partition>[a-z0-9][a-z0-9_\-]{0,63})\.(?:full|delta-(?P<base>\d[\d.]{0,79}))\Z",
    re.ASCII,
)
_PARTITION = re.compile(r"[a-z0-9][a-z0-9_\-]{0,63}\Z")
_KEYS = frozenset(("format", "model", "releases", "packages"))


@dataclass(frozen=True, slots=True)
class Package:
    """One file on the mirrors in the container of ``docs/delta-format.md``: an image as a difference."""

    target: str  # its TUF target path
    size_bytes: int
    sha256: str  # of the package itself
    partition: str
    base_version: str  # "" where base_sha256 is NOTHING
    base_sha256: str
    base_size_bytes: int
    result_sha256: str
    result_size_bytes: int


_PACKAGE_KEYS = frozenset(Package.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Index:
    """Newest release first."""

    model: str
    releases: tuple[Release, ...]
    packages: tuple[Package, ...]


def image_target(release: Release, part: Part) -> str:
    """The target path of a release's raw image."""
    return f"{release.model}/{release.version}/{part.file}"


def package_target(release: Release, partition: str, base_version: str = "") -> str:
    """The target path of the package that makes ``partition`` of ``release``; whole without a base."""
    kind = f"delta-{base_version}" if base_version else "full"
    return f"{release.model}/{release.version}/packages/{partition}.{kind}"


def package_place(target: str) -> tuple[str, str, str, str]:
    """``(model, version, partition, base_version)`` of a package's path; ``CatalogueRefused`` ``bad_index``."""
    found = _TARGET.match(target)
    if not found:
        raise _bad(f"{target[:120]!r} is not a package's path")
    return found["model"], found["version"], found["partition"], found["base"] or ""


def parse_index(raw: bytes) -> Index:
    """Strictly read an index; every package must lead from and to images that the index itself holds.

    Raises :class:`CatalogueRefused` (``bad_index``).
    """
    fields = _STRICT.object(_STRICT.load(raw, MAX_INDEX_BYTES), _KEYS, "index")
    _STRICT.format(fields, FORMAT)
    model = _STRICT.text(fields, "model", WORD)
    if model in RESERVED_MODELS:
        raise _bad(f"no model may be called {model!r}")
    releases = tuple(
        _release(item) for item in _STRICT.items(fields["releases"], 0, MAX_RELEASES, "releases")
    )
    _check_releases(model, releases)
    by_version = {version_key(release.version): release for release in releases}
    packages = tuple(
        _package(item, model, by_version)
        for item in _STRICT.items(fields["packages"], 0, MAX_PACKAGES, "packages")
    )
    if len({package.target for package in packages}) != len(packages):
        raise _bad("two packages have the same target")
    return Index(model, releases, packages)


def write_index(model: str, releases: Iterable[Release], packages: Iterable[Package]) -> bytes:
    """The index's bytes, sorted, the same for equal content; what a station would refuse is refused here."""
    ordered = sorted(releases, key=lambda release: version_key(release.version), reverse=True)
    top = {
        "format": FORMAT,
        "model": model,
        "releases": [release_fields(release) for release in ordered],
        "packages": [asdict(package) for package in sorted(packages, key=lambda package: package.target)],
    }
    raw = (json.dumps(top, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8")
    parse_index(raw)
    return raw


def find_release(index: Index, version: str) -> Release | None:
    """The release of that version; ``2.0`` finds ``2.0.0``."""
    key = version_key(version)
    return next((release for release in index.releases if version_key(release.version) == key), None)


def find_part(release: Release, partition: str) -> Part | None:
    """The release's image for a partition."""
    return next((part for part in release.partitions if part.name == partition), None)


def _bad(what: str) -> CatalogueRefused:
    return CatalogueRefused("bad_index", f"index: {what}")


_STRICT = Strict(_bad)


def _release(value: Any) -> Release:
    try:
        return parse_release(value)
    except ReleaseRefused as exc:
        raise _bad(exc.detail) from exc


def _check_releases(model: str, releases: tuple[Release, ...]) -> None:
    for release in releases:
        if release.model != model:
            raise _bad(f"a release of {release.model} in the index of {model}")
    keys = [version_key(release.version) for release in releases]
    if any(newer <= older for newer, older in pairwise(keys)):
        raise _bad("the releases do not stand newest first, each once")


def _package(value: Any, model: str, by_version: dict[tuple[int, ...], Release]) -> Package:
    fields = _STRICT.object(value, _PACKAGE_KEYS, "package")
    if not isinstance(fields["target"], str):
        raise _bad("a package's target is not a text")
    named_model, version, partition, base = package_place(fields["target"])
    package = Package(
        target=fields["target"],
        size_bytes=_STRICT.integer(fields, "size_bytes", 1, MAX_IMAGE_BYTES),
        sha256=_STRICT.text(fields, "sha256", SHA256),
        partition=_STRICT.text(fields, "partition", _PARTITION),
        base_version=_text_or_nothing(fields, "base_version", VERSION),
        base_sha256=_text_or_nothing(fields, "base_sha256", SHA256),
        base_size_bytes=_STRICT.integer(fields, "base_size_bytes", 0, MAX_IMAGE_BYTES),
        result_sha256=_STRICT.text(fields, "result_sha256", SHA256),
        result_size_bytes=_STRICT.integer(fields, "result_size_bytes", 1, MAX_IMAGE_BYTES),
    )
    if (named_model, partition, base) != (model, package.partition, package.base_version):
        raise _bad(f"{package.target} does not say what its package is")
    result = _part_of(by_version, version, package)
    if (result.sha256, result.size_bytes) != (package.result_sha256, package.result_size_bytes):
        raise _bad(f"{package.target} does not make the image of {version}")
    _check_base(package, version, by_version)
    return package


def _check_base(package: Package, version: str, by_version: dict[tuple[int, ...], Release]) -> None:
    said = (package.base_version, package.base_sha256, package.base_size_bytes)
    if not package.base_version:
        if said != ("", NOTHING, 0):
            raise _bad(f"{package.target} is whole, yet names a base")
        return
    base = _part_of(by_version, package.base_version, package)
    if said != (package.base_version, base.sha256, base.size_bytes):
        raise _bad(f"{package.target} does not start from the image of {package.base_version}")
    if version_key(package.base_version) >= version_key(version):
        raise _bad(f"{package.target} starts from a version that is not older")


def _part_of(by_version: dict[tuple[int, ...], Release], version: str, package: Package) -> Part:
    try:
        release = by_version.get(version_key(version))
    except ReleaseRefused as exc:
        raise _bad(f"{package.target}: {exc.detail}") from exc
    part = find_part(release, package.partition) if release else None
    if release is None or part is None or release.version != version:
        raise _bad(f"{package.target}: the index has no {package.partition} of {version}")
    return part


def _text_or_nothing(fields: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    return "" if fields[key] == "" else _STRICT.text(fields, key, pattern)
