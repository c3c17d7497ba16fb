"""What the online keys may do: sign the timestamp anew, hold a release back. And the list of mirrors, offline."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tuf.api.metadata import TargetFile, Targets

from firmware_agent.errors import BuildFailed
from firmware_agent.index import find_release
from firmware_agent.manifest import version_key
from firmware_agent.mirrors.book import Mirror
from firmware_agent.mirrors.listing import MAX_MIRRORS_BYTES, parse_mirrors, write_mirrors
from firmware_agent.repository.edition import Edition, Lives
from firmware_agent.repository.folder import MIRRORS, ROLLOUT, Repository
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import file_entry, maker_of
from firmware_agent.repository.publish import read_index
from firmware_agent.rollout import MAX_ROLLOUT_BYTES, WHOLE_PERCENT, Rollout, parse_rollout, write_rollout


def renew(repository: Repository, keyring: Keyring, lives: Lives | None = None) -> int:
    """Sign the timestamp anew (cron's job), and the other online roles once half their life is over."""
    with repository.held():
        edition = Edition(repository, keyring, lives)
        for name in edition.aged([ROLLOUT]):
            edition.role(name)
        return edition.publish()


def withdraw(
    repository: Repository, keyring: Keyring, model: str, version: str, lives: Lives | None = None
) -> Rollout:
    """Offer this version to nobody any more."""

    def narrowed(rollout: Rollout, published: str) -> Rollout:
        others = frozenset(other for other in rollout.withdrawn if not _same(other, published))
        return Rollout(model, others | {published}, rollout.percent)

    return _change_rollout(repository, keyring, model, version, narrowed, lives)


def stage(
    repository: Repository,
    keyring: Keyring,
    model: str,
    version: str,
    percent: int,
    lives: Lives | None = None,
) -> Rollout:
    """Offer this version to a share of the stations; the share may grow later, up to all that the maker signed for."""
    if not 0 <= percent <= WHOLE_PERCENT:
        raise BuildFailed("bad_percent", f"a share is 0 to {WHOLE_PERCENT} percent")

    def narrowed(rollout: Rollout, published: str) -> Rollout:
        if rollout.is_withdrawn(published):
            raise BuildFailed(
                "withdrawn", f"{model} {published} is withdrawn: no station would be offered it"
            )
        others = {other: share for other, share in rollout.percent.items() if not _same(other, published)}
        return Rollout(model, rollout.withdrawn, {**others, published: percent})

    return _change_rollout(repository, keyring, model, version, narrowed, lives)


def read_rollout(repository: Repository, targets: Targets, model: str) -> Rollout:
    """What is held back of a model as it is published."""
    entry = targets.targets.get(f"{ROLLOUT}/{model}.json")
    if entry is None:
        return Rollout(model)
    return parse_rollout(_read(repository, entry, MAX_ROLLOUT_BYTES))


def read_mirrors(repository: Repository, targets: Targets) -> tuple[Mirror, ...]:
    """The list of mirrors as it is published."""
    entry = targets.targets.get(MIRRORS)
    if entry is None:
        return ()
    return parse_mirrors(_read(repository, entry, MAX_MIRRORS_BYTES))


def change_mirrors(
    repository: Repository,
    keyring: Keyring,
    add: Iterable[Mirror],
    remove: Iterable[str] = (),
    lives: Lives | None = None,
) -> tuple[Mirror, ...]:
    """Add mirrors (or change their region), and take some off; signed by the targets keys."""
    with repository.held():
        edition = Edition(repository, keyring, lives)
        targets = edition.role("targets")
        listed = {mirror.url: mirror for mirror in read_mirrors(repository, targets)}
        for url in remove:
            if listed.pop(url, None) is None:
                raise BuildFailed("no_mirror", f"{url} is not in the list")
        listed |= {mirror.url: mirror for mirror in add}
        mirrors = tuple(listed.values())
        targets.targets[MIRRORS] = file_entry(MIRRORS, repository.add_bytes(MIRRORS, write_mirrors(mirrors)))
        edition.publish()
    return mirrors


def _change_rollout(
    repository: Repository,
    keyring: Keyring,
    model: str,
    version: str,
    change: Callable[[Rollout, str], Rollout],
    lives: Lives | None,
) -> Rollout:
    with repository.held():
        maker = repository.role(maker_of(repository.role("targets").signed, model)).signed
        release = find_release(read_index(repository, maker, model), version)
        if release is None:
            raise BuildFailed("no_release", f"{model} {version} is not published")
        edition = Edition(repository, keyring, lives)
        targets = edition.role(ROLLOUT)
        # As it was published, so that one version is not held back twice under two spellings.
        rollout = change(read_rollout(repository, targets, model), release.version)
        target = f"{ROLLOUT}/{model}.json"
        content = repository.add_bytes(target, write_rollout(rollout))
        targets.targets[target] = file_entry(target, content)
        edition.publish()
    return rollout


def _same(one: str, other: str) -> bool:
    return version_key(one) == version_key(other)


def _read(repository: Repository, entry: TargetFile, limit_bytes: int) -> bytes:
    """One byte more than the limit at most: the parser says that it is too long."""
    path = repository.path(entry)
    try:
        with path.open("rb") as file:
            return file.read(limit_bytes + 1)
    except OSError as exc:
        raise BuildFailed("bad_repository", f"{path}: {exc.strerror}") from exc
