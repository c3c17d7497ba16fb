"""One change of a repository: what is edited, signed anew and published, so that an interruption leaves it whole.

Files first, then the roles that name them, the snapshot, and last of all the timestamp.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Role, Root, Snapshot, Targets, Timestamp

from firmware_agent.errors import BuildFailed
from firmware_agent.repository.folder import ROLLOUT, Repository
from firmware_agent.repository.keys import Keyring

MIN_TIMESTAMP_HOURS = 72
MAX_TIMESTAMP_HOURS = 24 * 31
MAX_METADATA_BYTES = 5_000_000
"""What a station takes of one role's metadata (ngclient's own limit)."""
_HASHES = ["sha256"]


@dataclass(frozen=True, slots=True)
class Lives:
    """How long each role's metadata is good for after it is signed."""

    root_days: int = 365
    targets_days: int = 180
    maker_days: int = 180
    rollout_days: int = 60
    snapshot_days: int = 60
    timestamp_hours: int = 120

    def __post_init__(self) -> None:
        if not MIN_TIMESTAMP_HOURS <= self.timestamp_hours <= MAX_TIMESTAMP_HOURS:
            detail = (
                f"a timestamp lives {MIN_TIMESTAMP_HOURS} to {MAX_TIMESTAMP_HOURS} h: "
                "a station offline for a day works on, and news is not withheld for long"
            )
            raise BuildFailed("bad_life", detail)
        days = (self.root_days, self.targets_days, self.maker_days, self.rollout_days, self.snapshot_days)
        if not all(4 <= day <= 3660 for day in days):
            raise BuildFailed("bad_life", "metadata lives 4 to 3660 days")

    def of(self, role: str) -> timedelta:
        """By a role's name; a name that is none of ours is a maker's."""
        days = {
            "root": self.root_days,
            "targets": self.targets_days,
            "snapshot": self.snapshot_days,
            ROLLOUT: self.rollout_days,
        }
        if role == "timestamp":
            return timedelta(hours=self.timestamp_hours)
        return timedelta(days=days.get(role, self.maker_days))


class Edition:
    """Edit roles, then :meth:`publish` them together. Nothing is visible before that."""

    def __init__(
        self,
        repository: Repository,
        keyring: Keyring,
        lives: Lives | None = None,
        root: Metadata[Root] | None = None,
    ) -> None:
        """``root`` is a new one, complete and signed; it is written last, for it takes effect at once."""
        self._repository = repository
        self._keyring = keyring
        self._lives = lives or Lives()
        self._now = datetime.now(UTC)
        self._new_root = root
        self._changed: dict[str, Metadata[Targets]] = {}
        self._parting: dict[str, list[Signer]] = {}
        self.root = (root or repository.root()).signed

    def role(self, name: str) -> Targets:
        """A role's content, to be changed in place; it is signed anew by :meth:`publish`."""
        if name not in self._changed:
            self._changed[name] = self._repository.role(name)
        return self._changed[name].signed

    def add_role(self, name: str) -> None:
        """A role that the repository does not have yet."""
        self._changed[name] = Metadata(Targets(expires=self._now))

    def aged(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these roles that have less than half their life left."""
        return tuple(
            name
            for name in sorted(names)
            if self._repository.role(name).signed.expires - self._now < self._lives.of(name) / 2
        )

    def part_with(self, role: str, signers: Iterable[Signer]) -> None:
        """These sign ``role`` once more beside its keys: believed before and after the root that revokes them."""
        self._parting.setdefault(role, []).extend(signers)

    def publish(self) -> int:
        """Write everything, in the order in which it can be interrupted; the new timestamp's version."""
        delegator = self._delegator()
        changed = {
            name: self._sign_targets(name, metadata, delegator) for name, metadata in self._changed.items()
        }
        snapshot = self._snapshot(changed)
        timestamp = self._timestamp(snapshot)
        for name, (version, raw) in changed.items():
            self._repository.write_metadata(f"{version}.{name}", raw)
        self._repository.write_metadata(f"{snapshot[0]}.snapshot", snapshot[1])
        self._repository.write_metadata("timestamp", timestamp[1])
        if self._new_root is not None:
            self._repository.write_metadata(f"{self.root.version}.root", self._new_root.to_bytes())
        return timestamp[0]

    # -- inside

    def _delegator(self) -> Targets:
        if "targets" in self._changed:
            return self._changed["targets"].signed
        return self._repository.role("targets").signed

    def _sign_targets(self, name: str, metadata: Metadata[Targets], delegator: Targets) -> tuple[int, bytes]:
        rules = self.root.roles["targets"] if name == "targets" else delegator.get_delegated_role(name)
        return self._seal(name, metadata, rules)

    def _snapshot(self, changed: dict[str, tuple[int, bytes]]) -> tuple[int, bytes]:
        metadata = self._repository.snapshot() if self._repository.exists() else Metadata(Snapshot())
        for name, (version, raw) in changed.items():
            metadata.signed.meta[f"{name}.json"] = MetaFile.from_data(version, raw, _HASHES)
        return self._seal("snapshot", metadata, self.root.roles["snapshot"])

    def _timestamp(self, snapshot: tuple[int, bytes]) -> tuple[int, bytes]:
        metadata = self._repository.timestamp() if self._repository.exists() else Metadata(Timestamp())
        metadata.signed.snapshot_meta = MetaFile.from_data(*snapshot, _HASHES)
        return self._seal("timestamp", metadata, self.root.roles["timestamp"])

    def _seal(
        self,
        name: str,
        metadata: Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp],
        rules: Role,
    ) -> tuple[int, bytes]:
        """The next version, with its expiry and signatures."""
        if name == "timestamp":
            version = metadata.signed.version + 1 if self._repository.exists() else 1
        else:
            # Never a version again that an interrupted run has used: a mirror may have copied it.
            version = self._repository.newest(name) + 1
        metadata.signed.version = version
        metadata.signed.expires = (self._now + self._lives.of(name)).replace(microsecond=0)
        signers = self._signers(name, rules.keyids, rules.threshold)
        metadata.signatures.clear()
        for signer in (*signers, *self._parting.get(name, ())):
            metadata.sign(signer, append=True)
        raw = metadata.to_bytes()
        if len(raw) > MAX_METADATA_BYTES:
            detail = (
                f"{name} would have {len(raw)} bytes, a station takes {MAX_METADATA_BYTES}: "
                "publish fewer packages, or new models under another maker"
            )
            raise BuildFailed("too_long", detail)
        return version, raw

    def _signers(self, name: str, keyids: Sequence[str], threshold: int) -> list[Signer]:
        return enough_signers(self._keyring, name, keyids, threshold)


def enough_signers(keyring: Keyring, role: str, keyids: Sequence[str], threshold: int) -> list[Signer]:
    """The role's keys that are here; ``BuildFailed`` ``no_key`` when they are too few."""
    signers = keyring.signers(keyids)
    if len(signers) < threshold:
        detail = f"{role} is signed by {threshold} of {len(keyids)} keys; {len(signers)} found in {keyring.places()}"
        raise BuildFailed("no_key", detail)
    return signers
