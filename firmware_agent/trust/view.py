"""The last complete catalogue, verified again by ngclient without a network. It fetches and writes nothing."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, TargetFile
from tuf.ngclient import Updater

from firmware_agent.errors import CatalogueRefused
from firmware_agent.index import Index, find_part, find_release, image_target, parse_index
from firmware_agent.trust.fetch import BASE, CONFIG, StoredFetcher, refusal
from firmware_agent.trust.store import MAX_FILE_BYTES, Store, Whole
from firmware_agent.wanted import Pieces, Wanted, read_pieces

UNUSABLE = (RepositoryError, DownloadError, ValueError)
"""How ngclient refuses metadata, or says that some is missing."""
FOR_S = 60.0
"""ngclient judges expiry by the moment at which it was asked first; it is asked anew this often."""
TARGETS = "targets/"
MIRRORS = "mirrors.json"


def index_target(model: str) -> str:
    """Where a model's index is in the catalogue."""
    return f"{model}/index.json"


def rollout_target(model: str) -> str:
    """Where the narrowing of a model is."""
    return f"rollout/{model}.json"


class View:
    """Everything in it was verified at ``begun_s`` (monotonic). Any thread may ask.

    Raises what ngclient raises (:data:`UNUSABLE`) when the set cannot be believed now, expired included.
    """

    def __init__(self, root: bytes, store: Store, whole: Whole) -> None:
        self.whole = whole
        self._store = store
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="catalogue-", ignore_cleanup_errors=True)
        self._indexes: dict[str, Index] = {}
        self.begun_s = time.monotonic()
        self._updater = Updater(
            self._folder.name, BASE, fetcher=StoredFetcher(self._read), config=CONFIG, bootstrap=root
        )
        self._updater.refresh()
        self._next_expiry = _next_expiry(self._read(name) for name in whole.metadata)

    def is_old(self) -> bool:
        """Whether expiry must be judged again: after a while, and when something in it expires."""
        return time.monotonic() - self.begun_s > FOR_S or datetime.now(UTC) >= self._next_expiry

    def entry(self, target: str) -> TargetFile | None:
        """What the catalogue says of a target; None when it has none. Raises :data:`UNUSABLE`."""
        with self._lock:
            return self._updater.get_targetinfo(target)

    def file(self, entry: TargetFile) -> bytes | None:
        """A small target's bytes, by its hash; None when they are not here."""
        raw = self._store.content(sha256_of(entry))
        return raw if raw is not None and len(raw) == entry.length else None

    def index(self, model: str) -> Index | None:
        """A model's index; None when the catalogue has no such model. ``LookupError`` when it is not here.

        Raises :data:`UNUSABLE`, ``CatalogueRefused`` (``bad_index``, ``other_model``).
        """
        entry = self.entry(index_target(model))
        if entry is None:
            return None
        sha256 = sha256_of(entry)
        if sha256 not in self._indexes:
            raw = self.file(entry)
            if raw is None:
                raise LookupError(model)
            index = parse_index(raw)
            if index.model != model:
                detail = f"the index under {model} is of {index.model}"
                raise CatalogueRefused("other_model", detail)
            self._indexes[sha256] = index
        return self._indexes[sha256]

    def wanted(self, target: str) -> Wanted:
        """An image or package for download, agreed upon by its entry, its ``custom`` and the index."""
        try:
            entry, index = self.entry(target), self.index(target.partition("/")[0])
        except UNUSABLE as exc:
            raise refusal(exc) from exc
        except LookupError as exc:
            raise CatalogueRefused("no_target", f"{target[:120]}: its index is not here") from exc
        if entry is None or index is None:
            raise CatalogueRefused("no_target", f"the catalogue has no {target[:120]}")
        pieces = agree(entry, index)
        return Wanted(below_mirror(entry), entry.length, sha256_of(entry), pieces)

    def _read(self, name: str) -> bytes | None:
        sha256 = self.whole.metadata.get(name)
        if sha256 is not None:
            return self._store.content(sha256)
        if name.endswith(".root.json"):
            # Learned by a refresh that got no further: what it revoked is revoked.
            try:
                return self._store.live_path(name).read_bytes()[:MAX_FILE_BYTES]
            except OSError:
                return None
        return None


def _next_expiry(files: Iterable[bytes | None]) -> datetime:
    now = datetime.now(UTC)
    found = [Metadata.from_bytes(raw).signed.expires for raw in files if raw is not None]
    return min((when for when in found if when > now), default=datetime.max.replace(tzinfo=UTC))


def sha256_of(entry: TargetFile) -> str:
    """The hash that we go by; ``CatalogueRefused`` when the entry has none."""
    sha256 = entry.hashes.get("sha256", "")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise CatalogueRefused("catalogue_refused", f"{entry.path[:120]} has no SHA-256")
    return sha256


def below_mirror(entry: TargetFile) -> str:
    """Where the file lies below a mirror's root."""
    folder, slash, name = entry.path.rpartition("/")
    return f"{TARGETS}{folder}{slash}{sha256_of(entry)}.{name}"


def agree(entry: TargetFile, index: Index) -> Pieces | None:
    """The pieces of an image or package whose entry and index say the same; ``CatalogueRefused`` otherwise."""
    said = index_says(entry.path, index)
    custom = entry.custom
    if not isinstance(custom, dict):
        raise CatalogueRefused("contradiction", f"{entry.path}: the catalogue says nothing about it")
    if (said.pop("sha256"), said["size_bytes"]) != (sha256_of(entry), entry.length):
        raise CatalogueRefused("contradiction", f"{entry.path}: the index gives another length or hash")
    for key, value in said.items():
        if type(custom.get(key)) is not type(value) or custom[key] != value:
            detail = f"{entry.path}: {key} is {str(custom.get(key))[:60]!r}, in the index {str(value)[:60]!r}"
            raise CatalogueRefused("contradiction", detail)
    return read_pieces(custom["pieces"], entry.length) if "pieces" in custom else None


def index_says(target: str, index: Index) -> dict[str, str | int]:
    """What ``custom`` must hold for a target, and its ``sha256``."""
    for package in index.packages:
        if package.target == target:
            release = find_release(index, target.split("/")[1])
            if release is None or find_part(release, package.partition) is None:
                break
            return {
                "kind": "delta" if package.base_version else "full",
                "model": index.model,
                "variant": release.variant,
                "from": package.base_version,
                "to": release.version,
                "partition": package.partition,
                "base_sha256": package.base_sha256,
                "base_size_bytes": package.base_size_bytes,
                "result_sha256": package.result_sha256,
                "result_size_bytes": package.result_size_bytes,
                "size_bytes": package.size_bytes,
                "sha256": package.sha256,
            }
    for release in index.releases:
        for part in release.partitions:
            if image_target(release, part) == target:
                return {
                    "kind": "image",
                    "model": index.model,
                    "variant": release.variant,
                    "version": release.version,
                    "partition": part.name,
                    "rollback_index": release.rollback_index,
                    "wipes_data": release.wipes_data,
                    "min_battery_percent": release.min_battery_percent,
                    "size_bytes": part.size_bytes,
                    "sha256": part.sha256,
                }
    raise CatalogueRefused("no_target", f"the index of {index.model} has no {target[:120]}")
