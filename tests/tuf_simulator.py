"""A TUF repository that may be as wrong as one likes, and a station that is its client. For the conformance tests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from firmware_agent.errors import CatalogueRefused
from firmware_agent.index import write_index
from firmware_agent.manifest import Part, Release
from tests.catalogues import Server, Station

TOP = ("root", "timestamp", "snapshot", "targets")
BELOW = ("targets", "snapshot", "timestamp")
"""In the order in which they are published."""


def index_of(model: str, *versions: str) -> bytes:
    """A small target file that a station asks for."""
    part = Part("system", "images/system.img", 1, "a" * 64)
    releases = (
        Release(model, "cn", version, 1, 30, False, {"zh": "", "en": ""}, (part,)) for version in versions
    )
    return write_index(model, releases, ())


def rekeyed(key: Key) -> None:
    """The key id of a key whose content was changed."""
    canonical = encode_canonical(key.to_dict())
    assert canonical is not None
    key.keyid = hashlib.sha256(canonical.encode()).hexdigest()


class Simulator:
    """A repository that may be as wrong as one likes: any version, any signature, any key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "metadata").mkdir(parents=True)
        self.expiry = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        self.signers: dict[str, dict[str, Signer]] = {role: {} for role in TOP}
        self.with_hashes = False
        self.root, self.timestamp = Root(expires=self.expiry), Timestamp(expires=self.expiry)
        self.snapshot, self.targets = Snapshot(expires=self.expiry), Targets(expires=self.expiry)
        self.mds: dict[str, Metadata[Any]] = {
            "root": Metadata(self.root),
            "timestamp": Metadata(self.timestamp),
            "snapshot": Metadata(self.snapshot),
            "targets": Metadata(self.targets),
        }
        for role in TOP:
            self.add_key(role)
        for role in ("root", *BELOW):
            self.store(role)
        self.anchor = self.raw("root")

    def add_key(self, role: str, signer: Signer | None = None) -> Signer:
        """A key that the root trusts for the role, and that signs from now on."""
        signer = signer or CryptoSigner.generate_ed25519()
        self.root.add_key(signer.public_key, role)
        self.signers[role][signer.public_key.keyid] = signer
        return signer

    def rotate(self, role: str) -> None:
        """Another key in place of the role's keys."""
        for keyid in list(self.signers[role]):
            self.root.revoke_key(keyid, role)
            del self.signers[role][keyid]
        self.add_key(role)

    def name(self, role: str, version: int | None = None) -> Path:
        """A role's file."""
        number = self.mds[role].signed.version if version is None else version
        quoted = re.sub(r"[^A-Za-z0-9_.-]", lambda m: f"%{ord(m[0]):02X}", role)
        return (
            self.folder
            / "metadata"
            / ("timestamp.json" if role == "timestamp" else f"{number}.{quoted}.json")
        )

    def raw(self, role: str) -> bytes:
        """What is served of a role."""
        return self.name(role).read_bytes()

    def store(self, role: str) -> None:
        """Sign and serve a role as it is; whoever names it names this version."""
        metadata = self.mds[role]
        metadata.signatures.clear()
        for signer in self.signers[role].values():
            metadata.sign(signer, append=True)
        raw = metadata.to_bytes()
        self.name(role).write_bytes(raw)
        version = metadata.signed.version
        meta = MetaFile.from_data(version, raw, ["sha256"]) if self.with_hashes else MetaFile(version)
        if role == "snapshot":
            self.timestamp.snapshot_meta = meta
        elif role not in ("root", "timestamp"):
            self.snapshot.meta[f"{role}.json"] = meta

    def publish(self, *roles: str) -> None:
        """The next version of each, in this order."""
        for role in roles:
            self.mds[role].signed.version += 1
            self.store(role)

    def back_to(self, role: str, version: int) -> None:
        """Serve a version of a role that there was already, with what it says now."""
        self.name(role).unlink()
        self.mds[role].signed.version = version
        self.store(role)

    def delegate(self, parent: str, role: str, paths: Sequence[str], terminating: bool = False) -> None:
        """A delegation; the role begins with version 1."""
        delegator = self.mds[parent].signed
        if delegator.delegations is None:
            delegator.delegations = Delegations({}, {})
        delegator.delegations.roles[role] = DelegatedRole(role, [], 1, terminating, list(paths))
        self.mds.setdefault(role, Metadata(Targets(expires=self.expiry)))
        signer = CryptoSigner.generate_ed25519()
        delegator.add_key(signer.public_key, role)
        self.signers.setdefault(role, {})[signer.public_key.keyid] = signer

    def add_file(self, role: str, path: str, raw: bytes, hashes: Sequence[str] = ("sha256",)) -> TargetFile:
        """A target file, and its entry in a role that is yet to be published."""
        entry = TargetFile.from_data(path, raw, list(hashes))
        self.mds[role].signed.targets[path] = entry
        self.put(path, raw, entry)
        return entry

    def put(self, path: str, raw: bytes, entry: TargetFile) -> None:
        """The file itself, under each of the names that it may be asked for."""
        folder, _, name = path.rpartition("/")
        (self.folder / "targets" / folder).mkdir(parents=True, exist_ok=True)
        for digest in entry.hashes.values():
            (self.folder / "targets" / folder / f"{digest}.{name}").write_bytes(raw)


class Client:
    """A station that has been set up with the simulator's first root."""

    def __init__(self, folder: Path, simulator: Simulator, server: Server) -> None:
        self.server = server
        self.simulator = simulator
        self.station = Station(folder, simulator.anchor, [server.mirror])

    def refresh(self) -> bool:
        """Whether the mirror was believed."""
        self.station.notes.clear()
        try:
            self.station.refresh()
        except CatalogueRefused:
            return False
        return self._believed()

    def get(self, model: str) -> list[str] | None:
        """The versions in a model's index; None when it was refused or there is none."""
        self.station.notes.clear()
        self.server.asked.clear()
        try:
            index = self.station.trust.index(model, self.station.watch)
        except CatalogueRefused:
            return None
        return [release.version for release in index.releases] if index else None

    def _believed(self) -> bool:
        bad = {"catalogue.refused", "catalogue.unreachable"}
        return not any(note.kind in bad for note in self.station.notes)

    def live(self, role: str) -> bytes | None:
        """What the station has stored of a role."""
        path = self.station.folder / "live" / f"{role}.json"
        return path.read_bytes() if path.exists() else None

    def version(self, role: str) -> int | None:
        """The version that it believes."""
        raw = self.live(role)
        return None if raw is None else int(Metadata.from_bytes(raw).signed.version)

    def trusted(self) -> dict[str, int]:
        """Role -> version, of all that it believes."""
        paths = (self.station.folder / "live").glob("*.json")
        return {path.stem: int(Metadata.from_bytes(path.read_bytes()).signed.version) for path in paths}

    @property
    def asked(self) -> list[str]:
        """Metadata that was asked for."""
        return [
            path.removeprefix("metadata/").removesuffix(".json")
            for path in self.server.asked
            if "metadata/" in path
        ]
