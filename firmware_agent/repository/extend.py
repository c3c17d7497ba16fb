"""Signs an offline role anew with the keys that it has, before it expires. It changes nothing but the expiry."""

from __future__ import annotations

from datetime import UTC, datetime

from tuf.api.metadata import Metadata

from firmware_agent.errors import BuildFailed
from firmware_agent.repository.edition import Edition, Lives, enough_signers
from firmware_agent.repository.folder import Repository
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import models_of

MAKER = "maker:"


def extend(repository: Repository, keyring: Keyring, role: str, lives: Lives | None = None) -> datetime:
    """Another life for ``root``, ``targets`` or ``maker:NAME``; when it ends.

    Raises :class:`BuildFailed`: ``no_role``, ``no_key``.
    """
    lives = lives or Lives()
    with repository.held():
        if role == "root":
            return _extend_root(repository, keyring, lives)
        name = role.removeprefix(MAKER)
        makers = models_of(repository.role("targets").signed)
        if role != "targets" and (not role.startswith(MAKER) or name not in makers):
            raise BuildFailed(
                "no_role", f"{role[:40]!r}: root, targets or maker:NAME of a maker that is here"
            )
        edition = Edition(repository, keyring, lives)
        edition.role(name)
        edition.publish()
        return repository.role(name).signed.expires


def _extend_root(repository: Repository, keyring: Keyring, lives: Lives) -> datetime:
    root = repository.root().signed
    root.version += 1
    root.expires = (datetime.now(UTC) + lives.of("root")).replace(microsecond=0)
    metadata = Metadata(root)
    rule = root.roles["root"]
    for signer in enough_signers(keyring, "root", rule.keyids, rule.threshold):
        metadata.sign(signer, append=True)
    repository.write_metadata(f"{root.version}.root", metadata.to_bytes())
    return root.expires
