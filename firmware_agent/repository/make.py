"""Makes a repository: its keys, its roles, the makers and what each may sign for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, TargetFile, Targets

from firmware_agent.errors import BuildFailed
from firmware_agent.index import RESERVED_MODELS
from firmware_agent.manifest import WORD
from firmware_agent.mirrors.listing import write_mirrors
from firmware_agent.repository.edition import Edition, Lives
from firmware_agent.repository.folder import MIRRORS, ROLLOUT, Content, Repository
from firmware_agent.repository.keys import Keyring, make_key

_ROLE_NAMES = frozenset(("root", "targets", "snapshot", "timestamp", ROLLOUT))
MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class Offline:
    """How many keys an offline role has, and how many of them must sign."""

    keys: int = 3
    threshold: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= self.keys <= MAX_KEYS:
            raise BuildFailed("bad_threshold", f"{self.threshold} of {self.keys} keys cannot sign")


@dataclass(frozen=True, slots=True)
class Setup:
    """What ``station release keys`` is asked for. ``makers``: name -> its models."""

    makers: Mapping[str, Sequence[str]]
    root: Offline = field(default_factory=Offline)
    targets: Offline = field(default_factory=Offline)
    lives: Lives = field(default_factory=Lives)


def make_repository(repository: Repository, offline: Path, online: Path, setup: Setup) -> Metadata[Root]:
    """Keys, and version 1 of every role, in an empty folder; the root that stations are given."""
    check_makers(setup.makers, {})
    with repository.held(make=True):
        if repository.exists():
            raise BuildFailed("exists", f"{repository.folder} is a repository already")
        root = _root(offline, online, setup)
        keyring = Keyring(offline, online)
        # An interrupted run is begun anew, so the root is only there once everything under it is.
        _first_roles(repository, keyring, offline, online, setup, root)
    return root


def add_makers(
    repository: Repository,
    keyring: Keyring,
    offline: Path,
    makers: Mapping[str, Sequence[str]],
    lives: Lives | None = None,
) -> None:
    """New makers, or more models of makers that are there; signed by the targets keys."""
    with repository.held():
        edition = Edition(repository, keyring, lives)
        targets = edition.role("targets")
        check_makers(makers, models_of(targets))
        for name, models in makers.items():
            _delegate(edition, targets, name, models, offline)
        edition.publish()


def models_of(targets: Targets) -> dict[str, list[str]]:
    """Maker -> the models that it may sign for."""
    roles = targets.delegations.roles if targets.delegations else None
    return {
        name: [path.removesuffix("/*") for path in role.paths or () if path.count("/") == 1]
        for name, role in (roles or {}).items()
        if name != ROLLOUT
    }


def maker_of(targets: Targets, model: str) -> str:
    """Who may sign for a model; ``BuildFailed`` ``not_covered``."""
    for name, models in models_of(targets).items():
        if model in models:
            return name
    raise BuildFailed("not_covered", f"no maker's delegation covers {model}")


def check_makers(makers: Mapping[str, Sequence[str]], known: Mapping[str, Sequence[str]]) -> None:
    """``BuildFailed`` for a name that cannot be one, or a model that two makers would sign for."""
    taken = {model: name for name, models in known.items() for model in models}
    for name, models in makers.items():
        if not WORD.match(name) or name in _ROLE_NAMES:
            raise BuildFailed("bad_name", f"{name[:40]!r} cannot be a maker's name")
        for model in models:
            if not WORD.match(model) or model in RESERVED_MODELS:
                raise BuildFailed("bad_name", f"{model[:40]!r} cannot be a model's name")
            if taken.setdefault(model, name) != name:
                raise BuildFailed("two_makers", f"{model} is {taken[model]}'s already")


def file_entry(target: str, content: Content, custom: Mapping[str, object] | None = None) -> TargetFile:
    """A target file as metadata names it."""
    extra = {"custom": dict(custom)} if custom else None
    return TargetFile(content.size_bytes, {"sha256": content.sha256}, target, extra)


def _root(offline: Path, online: Path, setup: Setup) -> Metadata[Root]:
    root = Root(expires=datetime.now(UTC) + setup.lives.of("root"), consistent_snapshot=True)
    signers: list[CryptoSigner] = []
    for role, rule in (("root", setup.root), ("targets", setup.targets)):
        for _ in range(rule.keys):
            signer = make_key(role, offline)
            root.add_key(signer.public_key, role)
            signers += [signer] if role == "root" else []
        root.roles[role].threshold = rule.threshold
    for role in ("snapshot", "timestamp"):
        root.add_key(make_key(role, online).public_key, role)
    metadata = Metadata(root)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata


def _first_roles(
    repository: Repository, keyring: Keyring, offline: Path, online: Path, setup: Setup, root: Metadata[Root]
) -> None:
    edition = Edition(repository, keyring, setup.lives, root=root)
    edition.add_role("targets")
    targets = edition.role("targets")
    targets.delegations = Delegations({}, {})
    for name, models in setup.makers.items():
        _delegate(edition, targets, name, models, offline)
    _add_delegation(targets, ROLLOUT, [f"{ROLLOUT}/*"], make_key(ROLLOUT, online))
    edition.add_role(ROLLOUT)
    content = repository.add_bytes(MIRRORS, write_mirrors(()))
    targets.targets[MIRRORS] = file_entry(MIRRORS, content)
    edition.publish()


def _delegate(edition: Edition, targets: Targets, name: str, models: Sequence[str], offline: Path) -> None:
    roles = targets.delegations.roles if targets.delegations else None
    paths = [pattern for model in models for pattern in (f"{model}/*", f"{model}/*/*", f"{model}/*/*/*")]
    known = (roles or {}).get(name)
    if known is not None:
        known.paths = [*(known.paths or ()), *(path for path in paths if path not in (known.paths or ()))]
        return
    _add_delegation(targets, name, paths, make_key(name, offline))
    edition.add_role(name)


def _add_delegation(targets: Targets, name: str, paths: list[str], signer: CryptoSigner) -> None:
    if targets.delegations is None or targets.delegations.roles is None:
        raise BuildFailed("bad_repository", "the targets role has no delegations")
    # Terminating: nobody further down is asked for a path that a maker did not sign.
    targets.delegations.roles[name] = DelegatedRole(name, [], 1, True, paths)
    targets.add_key(signer.public_key, name)
