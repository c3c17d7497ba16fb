"""Checks a repository whole: its metadata as a station would, and every byte that the metadata names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import DelegatedRole, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater

from firmware_agent.errors import BuildFailed, FirmwareError
from firmware_agent.index import Index, Package
from firmware_agent.repository.folder import MIRRORS, ROLLOUT, Repository, no_repository
from firmware_agent.repository.make import models_of
from firmware_agent.repository.online import read_mirrors, read_rollout
from firmware_agent.repository.publish import check_rollback, read_index
from firmware_agent.repository.whole import read_whole
from firmware_agent.trust.fetch import BASE, CONFIG
from firmware_agent.trust.fetch import detail as line
from firmware_agent.trust.view import agree

_SOON = {
    "timestamp": timedelta(hours=48),
    "snapshot": timedelta(days=7),
    ROLLOUT: timedelta(days=7),
}
_SOON_OFFLINE = timedelta(days=30)  # to bring the people together who hold the keys
_NOT_FOUND = 404


@dataclass(slots=True)
class Report:
    """What was found. The repository is good when ``errors`` is empty."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    expires: dict[str, str] = field(default_factory=dict)  # role -> when, ISO 8601
    versions: dict[str, int] = field(default_factory=dict)
    models: dict[str, list[str]] = field(default_factory=dict)  # model -> versions, newest first
    files: int = 0
    size_bytes: int = 0


def check(repository: Repository, root: bytes | None = None, now: datetime | None = None) -> Report:
    """Check everything. ``root`` is what stations were given; without it the repository's first."""
    report = Report()
    now = now or datetime.now(UTC)
    try:
        if not repository.metadata.is_dir():
            raise no_repository(repository.folder)
        anchor = root if root is not None else (repository.metadata / "1.root.json").read_bytes()
        roles = _verify(repository, anchor)
    except OSError as exc:
        raise BuildFailed("no_repository", f"{exc.filename}: {exc.strerror}") from exc
    except (RepositoryError, DownloadError, ValueError) as exc:
        report.errors.append(f"a station would refuse it: {line(exc)}")
        return report
    _expiries(repository, roles, now, report)
    top = roles["targets"]
    for name, role in roles.items():
        rule = None if name == "targets" else top.get_delegated_role(name)
        for entry in role.targets.values():
            _check_file(repository, name, rule, entry, report)
    for name, models in models_of(top).items():
        for model in models:
            _check_model(repository, roles, name, model, report)
    try:
        read_mirrors(repository, top)
    except (FirmwareError, OSError) as exc:
        report.errors.append(f"{MIRRORS}: {exc}")
    return report


class _Folder(FetcherInterface):
    """The repository's own metadata, as a mirror would serve it."""

    def __init__(self, repository: Repository) -> None:
        self._metadata = repository.metadata

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield (self._metadata / url.removeprefix(BASE)).read_bytes()
        except OSError as exc:
            raise DownloadHTTPError(f"{url} is not there", _NOT_FOUND) from exc


def _verify(repository: Repository, anchor: bytes) -> dict[str, Targets]:
    """Every role that carries targets, verified by ngclient."""
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        updater = Updater(folder, BASE, fetcher=_Folder(repository), config=CONFIG, bootstrap=anchor)
        updater.refresh()
        roles = {"targets": repository.role("targets").signed}
        for name, models in models_of(roles["targets"]).items():
            for model in models:
                updater.get_targetinfo(f"{model}/index.json")
            roles[name] = repository.role(name).signed
        updater.get_targetinfo(f"{ROLLOUT}/any.json")
        roles[ROLLOUT] = repository.role(ROLLOUT).signed
    return roles


def _expiries(repository: Repository, roles: dict[str, Targets], now: datetime, report: Report) -> None:
    signed = {
        "root": repository.root().signed,
        "timestamp": repository.timestamp().signed,
        "snapshot": repository.snapshot().signed,
        **roles,
    }
    for name, metadata in signed.items():
        report.expires[name] = metadata.expires.isoformat()
        report.versions[name] = metadata.version
        left = metadata.expires - now
        if left < _SOON.get(name, _SOON_OFFLINE):
            hours = int(left.total_seconds() // 3600)
            report.warnings.append(f"{name} expires in {hours} h")


def _check_file(
    repository: Repository, role: str, rule: DelegatedRole | object, entry: TargetFile, report: Report
) -> None:
    if isinstance(rule, DelegatedRole) and not rule.is_delegated_path(entry.path):
        report.errors.append(f"{role} signs {entry.path}, which is not its to sign")
    try:
        with repository.path(entry).open("rb") as file:
            entry.verify_length_and_hashes(file)
    except OSError as exc:
        report.errors.append(f"{entry.path}: {exc.strerror}")
    except RepositoryError as exc:
        report.errors.append(f"{entry.path}: {line(exc)}")
    report.files += 1
    report.size_bytes += entry.length


def _check_model(
    repository: Repository, roles: dict[str, Targets], maker: str, model: str, report: Report
) -> None:
    """The index, and that index, ``custom`` and every package's own header say the same."""
    targets = roles[maker].targets
    try:
        index = read_index(repository, roles[maker], model)
        check_rollback(index)
        rollout = read_rollout(repository, roles[ROLLOUT], model)
        if (index.model, rollout.model) != (model, model):
            report.errors.append(f"{model}: its index is of {index.model}, its roll-out of {rollout.model}")
    except (FirmwareError, OSError) as exc:
        report.errors.append(f"{model}: {exc}")
        return
    report.models[model] = [release.version for release in index.releases]
    packages = {package.target: package for package in index.packages}
    named = {f"{r.model}/{r.version}/{part.file}" for r in index.releases for part in r.partitions} | set(
        packages
    )
    report.errors += [
        f"{target}: the index names it, the maker does not sign it" for target in named - set(targets)
    ]
    for path, entry in targets.items():
        if path.startswith(f"{model}/") and path != f"{model}/index.json":
            _check_entry(repository, index, entry, packages.get(path), report)


def _check_entry(
    repository: Repository, index: Index, entry: TargetFile, package: Package | None, report: Report
) -> None:
    try:
        agree(entry, index)
        if package is None:
            return
        header = read_whole(repository.path(entry))
    except (FirmwareError, OSError) as exc:
        report.errors.append(f"{entry.path}: {exc}")
        return
    said = (header.base_sha256, header.base_size_bytes, header.result_sha256, header.result_size_bytes)
    wanted = (package.base_sha256, package.base_size_bytes, package.result_sha256, package.result_size_bytes)
    if said != wanted:
        report.errors.append(f"{entry.path}: its header is not what the index says")
