"""Replaces a role's key: the new one is trusted, the old one revoked, without a moment at which nothing verifies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Role, Root

from firmware_agent.errors import BuildFailed
from firmware_agent.repository.edition import Edition, Lives, enough_signers
from firmware_agent.repository.extend import MAKER
from firmware_agent.repository.folder import ROLLOUT, Repository
from firmware_agent.repository.keys import Keyring, make_key

ONLINE = frozenset(("snapshot", "timestamp", ROLLOUT))


@dataclass(frozen=True, slots=True)
class Rotated:
    """Key ids."""

    role: str
    new: str
    revoked: str
    root: int  # the root's version afterwards


def rotate(
    repository: Repository,
    offline: Path,
    online: Path,
    role: str,
    revoke: str = "",
    lives: Lives | None = None,
) -> Rotated:
    """A new key for ``role`` (``root``, ``targets``, ``snapshot``, ``timestamp``, ``rollout``, ``maker:NAME``).

    ``revoke`` is the key id to revoke, or its beginning; without it the role's oldest key. The new key is
    written to the role's folder first; a new root is signed by the old and the new keys' thresholds.
    """
    lives = lives or Lives()
    keyring = Keyring(offline, online)
    name = role.removeprefix(MAKER)
    with repository.held():
        if role in ("root", "targets", "snapshot", "timestamp"):
            return _rotate_root(
                repository, keyring, online if role in ONLINE else offline, role, revoke, lives
            )
        if role == ROLLOUT or (role.startswith(MAKER) and name != ROLLOUT):
            return _rotate_delegate(
                repository, keyring, online if role == ROLLOUT else offline, name, revoke, lives
            )
    raise BuildFailed("no_role", f"{role!r}: root, targets, snapshot, timestamp, rollout or maker:NAME")


def _rotate_root(
    repository: Repository, keyring: Keyring, folder: Path, role: str, revoke: str, lives: Lives
) -> Rotated:
    before = repository.root().signed
    root = repository.root().signed
    old = _pick(root.roles[role].keyids, revoke, role)
    leaving = keyring.signers(root.roles[role].keyids)
    signing = {role: root.roles[role]}
    if role != "root":
        signing |= {name: root.roles[name] for name in ("snapshot", "timestamp")}
    _check_signers(keyring, {"root": before.roles["root"]})
    _check_signers(keyring, signing, role, old)
    new = make_key(role, folder)
    root.revoke_key(old, role)
    root.add_key(new.public_key, role)
    root.version += 1
    root.expires = datetime.now(UTC) + lives.of("root")
    metadata = Metadata(root)
    for signer in _root_signers(keyring, before, root):
        metadata.sign(signer, append=True)
    if role == "root":
        repository.write_metadata(f"{root.version}.root", metadata.to_bytes())
    else:
        edition = Edition(repository, keyring, lives, root=metadata)
        if role == "targets":
            edition.role("targets")
        # Until the new root is out, stations believe the old keys only; afterwards the new ones only.
        edition.part_with(role, leaving)
        edition.publish()
    return Rotated(role, new.public_key.keyid, old, root.version)


def _root_signers(keyring: Keyring, before: Root, after: Root) -> list[Signer]:
    """By the old threshold and by the new one (TUF specification 5.3.4)."""
    chosen: dict[str, Signer] = {}
    for root in (before, after):
        rule = root.roles["root"]
        for signer in enough_signers(keyring, "root", rule.keyids, rule.threshold):
            chosen[signer.public_key.keyid] = signer
    return list(chosen.values())


def _rotate_delegate(
    repository: Repository, keyring: Keyring, folder: Path, name: str, revoke: str, lives: Lives
) -> Rotated:
    edition = Edition(repository, keyring, lives)
    targets = edition.role("targets")
    roles = targets.delegations.roles if targets.delegations else None
    if not roles or name not in roles:
        raise BuildFailed("no_role", f"the repository has no maker {name[:40]!r}")
    old = _pick(roles[name].keyids, revoke, name)
    signing = {name: edition.root.roles[name] for name in ("targets", "snapshot", "timestamp")}
    _check_signers(keyring, {**signing, name: roles[name]}, name, old)
    new = make_key(name, folder)
    targets.revoke_key(old, name)
    targets.add_key(new.public_key, name)
    # The snapshot binds delegation and role together, so both change at the same moment.
    edition.role(name)
    edition.publish()
    return Rotated(name, new.public_key.keyid, old, edition.root.version)


def _check_signers(keyring: Keyring, rules: Mapping[str, Role], role: str = "", old: str = "") -> None:
    """Before a key is made: whoever must sign beside it is here. A refused rotation leaves no key behind."""
    for name, rule in rules.items():
        coming = int(name == role)
        staying = [keyid for keyid in rule.keyids if not coming or keyid != old]
        enough_signers(keyring, name, staying, rule.threshold - coming)


def _pick(keyids: list[str], revoke: str, role: str) -> str:
    found = [keyid for keyid in keyids if keyid.startswith(revoke)]
    if not found or (revoke and len(found) > 1):
        raise BuildFailed(
            "no_key", f"{role} has {'no' if not found else 'more than one'} key {revoke[:64]!r}"
        )
    return found[0]
