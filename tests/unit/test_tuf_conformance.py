"""The cases of the public TUF conformance suite for clients, run against a station's own ``Trust`` over real HTTP.

``docs/tuf-conformance.md`` names them one by one; what differs there is said there. A station also works on with
what it has when a mirror is refused, so "refused" here means: noted, and nothing newer was believed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Timestamp

from firmware_agent.errors import CatalogueRefused
from firmware_agent.trust.view import index_target
from tests.catalogues import quick_disk, serving
from tests.clocks import later
from tests.tuf_simulator import BELOW, TOP, Client, Simulator, index_of, rekeyed
from tests.unit import test_tuf_delegations

DOC = Path(__file__).resolve().parents[2] / "docs" / "tuf-conformance.md"


@pytest.fixture
def repo(tmp_path: Path) -> Simulator:
    return Simulator(tmp_path / "repository")


@pytest.fixture
def client(tmp_path: Path, repo: Simulator) -> Iterator[Client]:
    with ExitStack() as stack:
        stack.enter_context(quick_disk())
        yield Client(tmp_path / "station", repo, stack.enter_context(serving(repo.folder)))


SUITE = frozenset(
    [
        "test_artifact_cache",
        "test_basic_metadata_hash_support",
        "test_basic_refresh_requests",
        "test_basic_refresh_trusted_data",
        "test_cached_role_is_verified_against_current_delegator",
        "test_client_downloads_expected_file",
        "test_client_downloads_expected_file_in_sub_dir",
        "test_custom_fields",
        "test_delegation_not_in_snapshot",
        "test_deprecated_keyid_hash_algorithms",
        "test_download_with_hash_algorithms",
        "test_download_with_unknown_hash_algorithm",
        "test_duplicate_keys",
        "test_duplicate_sig_keyids",
        "test_expired_local_root",
        "test_expired_local_timestamp",
        "test_faketime",
        "test_graph_traversal",
        "test_implicit_refresh",
        "test_incorrect_metadata_type",
        "test_invalid_initial_root",
        "test_invalid_sig_in_valid_metadata",
        "test_keytype_and_scheme",
        "test_metadata_bytes_match",
        "test_multiple_changes_to_target",
        "test_new_snapshot_fast_forward_recovery",
        "test_new_timestamp_fast_forward_recovery",
        "test_new_timestamp_version_rollback",
        "test_non_root_rotations",
        "test_repository_substitutes_target_file",
        "test_root_expired",
        "test_root_rotation",
        "test_snapshot_404",
        "test_snapshot_does_not_meet_threshold",
        "test_snapshot_expired",
        "test_snapshot_has_too_few_keys",
        "test_snapshot_hash_mismatch",
        "test_snapshot_rollback",
        "test_static_repository",
        "test_targetfile_search",
        "test_targets_404",
        "test_targets_expired",
        "test_targets_fast_forward_recovery",
        "test_targets_hash_mismatch",
        "test_targets_role_removal",
        "test_targets_rollback",
        "test_timestamp_404",
        "test_timestamp_content_changes",
        "test_timestamp_expired",
        "test_unsigned_initial_root",
        "test_unsigned_metadata",
        "test_unusual_role_name",
        "test_url_and_metadata_version_mismatch",
    ]
)
"""Every client case of the public suite, by its own name."""
FIRST = ["2.root", "timestamp", "1.snapshot", "1.targets"]

# -- test_basic.py


def test_basic_refresh_requests(client: Client) -> None:
    assert client.refresh()
    assert client.asked == FIRST


def test_basic_refresh_trusted_data(client: Client, repo: Simulator) -> None:
    assert client.refresh()
    for role in TOP:
        assert client.live(role) == repo.raw(role)


def test_implicit_refresh(client: Client, repo: Simulator) -> None:
    assert client.get("nobody") is None
    assert client.asked == FIRST
    for role in TOP:
        assert client.live(role) == repo.raw(role)


@pytest.mark.parametrize("how", ["invalid", "unsigned"])
def test_initial_root(how: str, tmp_path: Path, repo: Simulator) -> None:
    root = json.loads(repo.anchor)
    if how == "invalid":
        del root["signed"]["version"]
    else:
        root["signatures"][0]["sig"] = "00" * 64
    repo.anchor = json.dumps(root).encode()
    with serving(repo.folder) as server:
        with pytest.raises(CatalogueRefused) as caught:
            Client(tmp_path / "station", repo, server)
        assert caught.value.reason == "bad_root"
        assert server.asked == []


@pytest.mark.parametrize(
    ("role", "trusted"),
    [
        ("root", {"root": 1}),
        ("timestamp", {"root": 2}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "timestamp": 2, "snapshot": 2}),
    ],
)
def test_unsigned_metadata(role: str, trusted: dict[str, int], client: Client, repo: Simulator) -> None:
    repo.signers[role].popitem()
    repo.publish("root", *BELOW)
    assert not client.refresh()
    assert client.trusted() == trusted


@pytest.mark.parametrize(
    ("role", "trusted"),
    [
        ("root", {"root": 1}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "timestamp": 2, "snapshot": 2}),
    ],
)
def test_url_and_metadata_version_mismatch(
    role: str, trusted: dict[str, int], client: Client, repo: Simulator
) -> None:
    repo.publish("root", "targets")
    if role == "targets":
        repo.back_to("targets", 3)
        repo.name("targets").rename(repo.name("targets", 2))
        repo.snapshot.meta["targets.json"].version = 2
    repo.publish("snapshot")
    if role == "snapshot":
        repo.back_to("snapshot", 3)
        repo.name("snapshot").rename(repo.name("snapshot", 2))
        repo.timestamp.snapshot_meta.version = 2
    repo.publish("timestamp")
    if role == "root":
        repo.back_to("root", 3)
        repo.name("root").rename(repo.name("root", 2))
    assert not client.refresh()
    assert client.trusted() == trusted


def test_timestamp_content_changes(client: Client, repo: Simulator) -> None:
    assert client.refresh()
    repo.timestamp.snapshot_meta.version = 100
    repo.store("timestamp")
    assert client.refresh()
    assert client.asked[-1] == "timestamp"
    assert Metadata[Timestamp].from_bytes(client.live("timestamp") or b"").signed.snapshot_meta.version == 1


def test_basic_metadata_hash_support(client: Client, repo: Simulator) -> None:
    repo.with_hashes = True
    repo.publish(*BELOW)
    assert client.refresh()


@pytest.mark.parametrize("role", ["targets", "snapshot"])
def test_metadata_hash_mismatch(role: str, client: Client, repo: Simulator) -> None:
    repo.with_hashes = True
    repo.publish(*BELOW)
    assert client.refresh()
    wrong = {"sha256": "0" * 64}
    repo.publish("targets")
    if role == "targets":
        repo.snapshot.meta["targets.json"].hashes = wrong
    repo.publish("snapshot")
    if role == "snapshot":
        repo.timestamp.snapshot_meta.hashes = wrong
    repo.publish("timestamp")
    assert not client.refresh()
    assert client.version("timestamp") == 3
    assert client.version(role) == 2


def test_metadata_bytes_match(client: Client, repo: Simulator) -> None:
    raw = repo.raw("timestamp") + b" "
    repo.name("timestamp").write_bytes(raw)
    assert client.refresh()
    assert client.live("timestamp") == raw


def test_custom_fields(client: Client, repo: Simulator) -> None:
    assert client.refresh()
    signer = CryptoSigner.generate_ed25519()
    signer.public_key.unrecognized_fields["extra-field"] = {"a": 1, "b": 2}
    rekeyed(signer.public_key)
    repo.root.unrecognized_fields["custom-field"] = "value"
    repo.add_key("root", signer)
    repo.root.roles["root"].unrecognized_fields["another-field"] = "value"
    repo.publish("root")
    assert client.refresh()
    assert client.version("root") == 2


def test_deprecated_keyid_hash_algorithms(client: Client, repo: Simulator) -> None:
    repo.rotate("snapshot")
    keyid, signer = repo.signers["snapshot"].popitem()
    repo.root.revoke_key(keyid, "snapshot")
    signer.public_key.unrecognized_fields = {"keyid_hash_algorithms": "md5"}
    rekeyed(signer.public_key)
    repo.add_key("snapshot", signer)
    repo.publish("root", "snapshot", "timestamp")
    assert client.refresh()
    assert (client.version("root"), client.version("snapshot")) == (2, 2)


@pytest.mark.parametrize(
    ("role", "asked", "trusted"),
    [
        ("snapshot", "2.snapshot", {"root": 1, "snapshot": 1, "targets": 1, "timestamp": 2}),
        ("targets", "2.targets", {"root": 1, "snapshot": 2, "targets": 1, "timestamp": 2}),
        ("timestamp", "timestamp", {"root": 1, "snapshot": 1, "targets": 1, "timestamp": 1}),
    ],
)
def test_metadata_404(
    role: str, asked: str, trusted: dict[str, int], client: Client, repo: Simulator
) -> None:
    assert client.refresh()
    if role == "snapshot":
        repo.timestamp.snapshot_meta.version += 1
        repo.publish("timestamp")
    elif role == "targets":
        repo.snapshot.meta["targets.json"].version += 1
        repo.publish("snapshot", "timestamp")
    else:
        repo.name("timestamp").unlink()
    assert not client.refresh()
    assert client.asked[-1] == asked
    assert client.trusted() == trusted


def test_incorrect_metadata_type(client: Client, repo: Simulator) -> None:
    repo.add_key("snapshot", next(iter(repo.signers["timestamp"].values())))
    repo.snapshot.meta = {"snapshot.json": MetaFile(1)}
    repo.publish("root", "snapshot")
    repo.name("timestamp").write_bytes(repo.raw("snapshot"))
    assert not client.refresh()
    assert client.trusted() == {"root": 2}


def test_faketime(client: Client, repo: Simulator) -> None:
    repo.root.expires = datetime.now(UTC) + timedelta(days=7)
    repo.publish("root")
    assert client.refresh()
    with later(days=8):
        assert not client.refresh()


# -- test_expiration.py


def test_root_expired(client: Client, repo: Simulator) -> None:
    assert client.refresh()
    repo.publish("root")
    assert client.refresh()
    repo.root.expires = datetime.now(UTC) - timedelta(days=1)
    repo.publish("root", *BELOW)
    assert not client.refresh()
    assert client.trusted() == {"root": 3, "snapshot": 1, "targets": 1, "timestamp": 1}


@pytest.mark.parametrize(
    ("role", "trusted"),
    [
        ("timestamp", {"root": 1, "snapshot": 1, "targets": 1, "timestamp": 1}),
        ("snapshot", {"root": 1, "snapshot": 1, "targets": 1, "timestamp": 2}),
        ("targets", {"root": 1, "snapshot": 2, "targets": 1, "timestamp": 2}),
    ],
)
def test_role_expired(role: str, trusted: dict[str, int], client: Client, repo: Simulator) -> None:
    assert client.refresh()
    repo.mds[role].signed.expires = datetime.now(UTC) - timedelta(days=5)
    repo.publish(*BELOW[BELOW.index(role) :])
    assert not client.refresh()
    assert client.trusted() == trusted


def test_expired_local_root(client: Client, repo: Simulator) -> None:
    repo.root.expires = datetime.now(UTC) + timedelta(days=7)
    repo.publish("root")
    assert client.refresh()
    repo.root.expires = datetime.now(UTC) + timedelta(days=21)
    repo.publish("root")
    with later(days=18):
        assert client.refresh()
    assert client.version("root") == 3


def test_expired_local_timestamp(client: Client, repo: Simulator) -> None:
    repo.timestamp.expires = datetime.now(UTC) + timedelta(days=7)
    repo.publish("timestamp")
    assert client.refresh()
    repo.timestamp.expires = datetime.now(UTC) + timedelta(days=21)
    repo.publish(*BELOW)
    with later(days=18):
        assert client.refresh()
    assert client.trusted() == {"root": 1, "snapshot": 2, "targets": 2, "timestamp": 3}


# -- test_file_download.py


def test_client_downloads_expected_file(client: Client, repo: Simulator) -> None:
    repo.add_file("targets", index_target("heron"), index_of("heron", "1.0.0"))
    repo.publish(*BELOW)
    assert client.refresh()
    assert not any("index.json" in path for path in client.server.asked), "nothing that nobody asked for"
    assert client.get("heron") == ["1.0.0"]


def test_repository_substitutes_target_file(client: Client, repo: Simulator) -> None:
    entries = {m: repo.add_file("targets", index_target(m), index_of(m, "1.0.0")) for m in ("heron", "wren")}
    repo.publish(*BELOW)
    assert client.get("heron") == ["1.0.0"]
    for model, entry in entries.items():
        repo.put(index_target(model), index_of(model, "6.6.6"), entry)
    assert client.get("heron") == ["1.0.0"]
    assert client.get("wren") is None


def test_multiple_changes_to_target(client: Client, repo: Simulator) -> None:
    for number in range(11):
        entry = repo.add_file("targets", index_target("heron"), index_of("heron", f"1.{number}"))
        repo.add_file("targets", index_target(f"new{number}"), index_of(f"new{number}", f"2.{number}"))
        repo.publish(*BELOW)
        if number % 5 == 0:
            assert client.refresh()
            assert client.get("heron") == [f"1.{number}"]
            assert client.get(f"new{number}") == [f"2.{number}"]
            repo.put(index_target("heron"), index_of("heron", f"6.{number}"), entry)
            repo.publish(*BELOW)
            client.refresh()
            assert client.get("heron") == [f"1.{number}"]


@pytest.mark.parametrize(
    ("hashes", "taken"),
    [(["sha256"], True), (["sha512"], False), (["sha256", "sha512"], True)],
    ids=["sha256", "sha512", "sha256+sha512"],
)
def test_download_with_hash_algorithms(
    hashes: list[str], taken: bool, client: Client, repo: Simulator
) -> None:
    repo.add_file("targets", index_target("heron"), index_of("heron", "1.0.0"), hashes)
    repo.publish(*BELOW)
    assert client.get("heron") == (["1.0.0"] if taken else None)


def test_download_with_unknown_hash_algorithm(client: Client, repo: Simulator) -> None:
    entry = repo.add_file("targets", index_target("heron"), index_of("heron", "1.0.0"))
    entry.hashes["unknown-hash"] = entry.hashes.pop("sha256")
    repo.publish(*BELOW)
    assert client.get("heron") is None


def test_artifact_cache(client: Client, repo: Simulator) -> None:
    repo.add_file("targets", index_target("heron"), index_of("heron", "1.0.0"))
    repo.publish(*BELOW)
    assert client.get("heron") == ["1.0.0"]
    assert any("index.json" in path for path in client.server.asked)
    assert client.get("heron") == ["1.0.0"]
    assert client.server.asked == []


# -- test_keys.py


def test_snapshot_does_not_meet_threshold(client: Client, repo: Simulator) -> None:
    repo.root.roles["snapshot"].threshold = 3
    for _ in range(2):
        repo.add_key("snapshot")
    repo.publish("root", *BELOW)
    assert client.refresh()
    repo.signers["snapshot"].popitem()
    repo.publish(*BELOW)
    assert not client.refresh()
    assert client.version("snapshot") == 2


def test_snapshot_has_too_few_keys(client: Client, repo: Simulator) -> None:
    for _ in range(4):
        repo.add_key("snapshot")
    repo.root.roles["snapshot"].threshold = 6
    repo.publish("root", "snapshot", "timestamp")
    assert not client.refresh()
    assert client.version("root") == 2
    assert client.version("snapshot") is None


def test_duplicate_keys(client: Client, repo: Simulator) -> None:
    signer = repo.add_key("snapshot")
    repo.root.roles["snapshot"].threshold = 6
    repo.publish("root", "snapshot", "timestamp")
    root = json.loads(repo.raw("root"))
    root["signed"]["roles"]["snapshot"]["keyids"] += [signer.public_key.keyid] * 8
    assert root["signed"]["roles"]["snapshot"]["threshold"] == 6
    # Signed over what it now says: the key stands nine times in the role.
    payload = encode_canonical(root["signed"])
    assert payload is not None
    root["signatures"] = [one.sign(payload.encode()).to_dict() for one in repo.signers["root"].values()]
    repo.name("root").write_bytes(json.dumps(root).encode())
    snapshot = json.loads(repo.raw("snapshot"))
    snapshot["signatures"] += [
        one for one in snapshot["signatures"] if one["keyid"] == signer.public_key.keyid
    ] * 8
    repo.name("snapshot").write_bytes(json.dumps(snapshot).encode())
    assert not client.refresh()
    assert client.version("snapshot") is None


def test_duplicate_sig_keyids(client: Client, repo: Simulator) -> None:
    snapshot = json.loads(repo.raw("snapshot"))
    snapshot["signatures"].append(snapshot["signatures"][0])
    repo.name("snapshot").write_bytes(json.dumps(snapshot).encode())
    assert not client.refresh()
    assert client.version("snapshot") is None


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_keytype_and_scheme(kind: str, client: Client, repo: Simulator) -> None:
    make = {
        "rsa": CryptoSigner.generate_rsa,
        "ecdsa": CryptoSigner.generate_ecdsa,
        "ed25519": CryptoSigner.generate_ed25519,
    }
    signer = repo.add_key("root", make[kind]())
    repo.root.roles["root"].threshold += 1
    repo.publish("root")
    assert client.refresh()
    assert client.version("root") == 2
    other = repo.mds["root"].signatures[signer.public_key.keyid].signature
    repo.publish("root")
    metadata = Metadata[Root].from_bytes(repo.raw("root"))
    metadata.signatures[signer.public_key.keyid].signature = other  # a right signature, of the version before
    repo.name("root").write_bytes(metadata.to_bytes())
    assert not client.refresh()
    assert client.version("root") == 2


def test_invalid_sig_in_valid_metadata(client: Client, repo: Simulator) -> None:
    first = next(iter(repo.signers["timestamp"]))
    old = repo.mds["timestamp"].signatures[first].signature
    repo.add_key("timestamp")
    repo.publish("root")
    for junk in (old, ""):
        repo.publish("timestamp")
        metadata = Metadata[Timestamp].from_bytes(repo.raw("timestamp"))
        metadata.signatures[first].signature = junk
        repo.name("timestamp").write_bytes(metadata.to_bytes())
        assert client.refresh()


# -- test_quoting_issues.py


@pytest.mark.parametrize("role", ["?", "#", "/delegatedrole", "../delegatedrole"])
def test_unusual_role_name(role: str, client: Client, repo: Simulator) -> None:
    repo.delegate("targets", role, ["*/*"])
    repo.store(role)
    repo.publish(*BELOW)
    before = {path for path in client.station.folder.parent.rglob("*") if path.is_file()}
    client.get("heron")
    assert client.asked[:3] == ["2.root", "timestamp", "2.snapshot"]
    assert all(
        path.startswith("metadata/") and "/" not in path.removeprefix("metadata/")
        for path in client.server.asked
    )
    quoted = quote(role, "")
    assert client.server.asked[-1] == f"metadata/1.{quoted}.json"
    assert client.version(quoted) == 1, "it was believed and stored"
    made = {path for path in client.station.folder.parent.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(client.station.folder) for path in made), "and no file elsewhere"


# -- test_rollback.py


def test_new_timestamp_version_rollback(client: Client, repo: Simulator) -> None:
    repo.publish("timestamp")
    assert client.refresh()
    repo.back_to("timestamp", 1)
    assert not client.refresh()
    assert client.version("timestamp") == 2


@pytest.mark.parametrize("with_hashes", [False, True], ids=["basic", "with hashes"])
def test_snapshot_rollback(with_hashes: bool, client: Client, repo: Simulator) -> None:
    repo.with_hashes = with_hashes
    repo.publish("snapshot", "timestamp")
    assert client.refresh()
    repo.back_to("snapshot", 1)
    repo.publish("timestamp")
    assert not client.refresh()
    assert (client.version("timestamp"), client.version("snapshot")) == (2, 2)
    assert client.asked[-1] == "timestamp"


@pytest.mark.parametrize("with_hashes", [False, True], ids=["basic", "with hashes"])
def test_targets_rollback(with_hashes: bool, client: Client, repo: Simulator) -> None:
    repo.with_hashes = with_hashes
    repo.publish(*BELOW)
    assert client.refresh()
    repo.back_to("targets", 1)
    repo.publish("snapshot", "timestamp")
    assert not client.refresh()
    assert (client.version("snapshot"), client.version("targets")) == (2, 2)


def test_targets_role_removal(client: Client, repo: Simulator) -> None:
    repo.delegate("targets", "delegated", ["delegatedpath/*"])
    repo.store("delegated")
    repo.publish(*BELOW)
    assert client.refresh()
    del repo.snapshot.meta["delegated.json"]
    repo.publish("snapshot", "timestamp")
    assert not client.refresh()
    assert client.version("snapshot") == 2


def test_targets_fast_forward_recovery(client: Client, repo: Simulator) -> None:
    repo.delegate("targets", "delegated", ["delegatedpath/*"])
    repo.store("delegated")
    repo.targets.version = 99
    repo.publish(*BELOW)
    assert client.refresh()
    assert client.version("targets") == 100
    repo.rotate("snapshot")
    repo.back_to("targets", 1)
    del repo.snapshot.meta["delegated.json"]
    repo.publish("root", "snapshot", "timestamp")
    assert client.refresh()
    assert client.version("targets") == 1


def test_new_snapshot_fast_forward_recovery(client: Client, repo: Simulator) -> None:
    repo.snapshot.version = 99
    repo.publish("snapshot", "timestamp")
    assert client.refresh()
    assert client.version("snapshot") == 100
    repo.rotate("snapshot")
    repo.rotate("timestamp")
    repo.back_to("snapshot", 1)
    repo.publish("root", "timestamp")
    assert client.refresh()
    assert client.version("snapshot") == 1


def test_new_timestamp_fast_forward_recovery(client: Client, repo: Simulator) -> None:
    repo.timestamp.version = 99
    repo.publish("timestamp")
    assert client.refresh()
    assert client.version("timestamp") == 100
    repo.rotate("timestamp")
    repo.back_to("timestamp", 1)
    repo.publish("root")
    assert client.refresh()
    assert client.version("timestamp") == 1


# -- the document


def test_the_document_names_every_case_and_every_test_exists() -> None:
    lines = [line for line in DOC.read_text("utf-8").splitlines() if line.startswith("| `test_")]
    cases = [re.findall(r"`(test_[a-z0-9_]+)`", line.split("|")[1]) for line in lines]
    assert sorted(name for found in cases for name in found) == sorted(SUITE)
    assert len(lines) == len(SUITE) == 53
    named: set[str] = set()
    for line in lines:
        where = line.split("|")[3]
        tests = re.findall(r"`(test_[a-z0-9_]+)", where)
        assert tests or where.strip().startswith("not run: "), line
        assert not re.findall(r"TODO|TBD", line)
        named.update(tests)
    both = {**globals(), **vars(test_tuf_delegations)}
    ours = {name for name, value in both.items() if name.startswith("test_") and callable(value)}
    assert named - ours == set(), "named, but not there"
    assert ours - named == {"test_the_document_names_every_case_and_every_test_exists"}, (
        "there, but not named"
    )
