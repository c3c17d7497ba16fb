"""What a hostile or broken mirror, or a stolen key, can do to a station: nothing but be noted. Over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from firmware_agent.errors import CatalogueRefused
from firmware_agent.index import Package, parse_index, write_index
from firmware_agent.repository.make import file_entry
from firmware_agent.repository.online import stage, withdraw
from firmware_agent.repository.rotate import rotate
from tests.catalogues import Bench, Station, changed, endless, replaced, trickle

GOOD = ["2.0.0", "1.0.0"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A repository with two releases of one model."""
    with Bench(tmp_path) as bench:
        shop = bench.shop
        shop.publish(
            shop.release(version="1.0.0"), shop.release(version="2.0.0"), shop.release("wren", "7.0.0")
        )
        yield bench


def refused(station: Station, reason: str, word: str) -> None:
    """A station that has nothing yet: an error with a clear line, a note, and nothing is offered."""
    with pytest.raises(CatalogueRefused) as caught:
        station.refresh()
    assert caught.value.reason == reason
    assert len(caught.value.detail) > 20
    assert "\n" not in caught.value.detail
    assert word in station.reasons()
    with pytest.raises(CatalogueRefused):
        station.trust.index("heron", station.watch)


def unmoved(station: Station, word: str) -> None:
    """A station that had a good catalogue: the mirror is noted, and what was offered is still what is offered."""
    station.notes.clear()
    station.refresh()
    assert station.reasons() == [word]
    assert [note.kind for note in station.notes] == ["catalogue.refused", "catalogue.stored"]
    assert station.versions() == GOOD


def test_a_good_catalogue_is_believed(bench: Bench) -> None:
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    assert station.reasons() == []


# -- old, mixed or withheld


def test_an_expired_timestamp_is_refused(bench: Bench) -> None:
    bench.shop.expire("timestamp")
    refused(bench.station(bench.serve()), "catalogue_expired", "expired")


@pytest.mark.parametrize("role", ["root", "snapshot", "targets"])
def test_any_other_expired_role_is_refused(bench: Bench, role: str) -> None:
    bench.shop.expire(role)
    refused(bench.station(bench.serve()), "catalogue_expired", "expired")


def test_a_timestamp_from_before_is_refused(bench: Bench) -> None:
    before = bench.shop.copy("before")
    bench.shop.publish(bench.shop.release(version="3.0.0"))
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    assert station.versions() == ["3.0.0", *GOOD]
    server.folder = before.repository.folder
    station.notes.clear()
    station.refresh()
    assert station.reasons() == ["wrong_version"]
    assert station.versions() == ["3.0.0", *GOOD]


def test_an_honest_mirror_that_lags_behind_is_not_put_to_rest_as_a_liar(bench: Bench) -> None:
    before = bench.shop.copy("before")
    bench.shop.publish(bench.shop.release(version="3.0.0"))
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    server.folder = before.repository.folder
    for _ in range(5):
        station.refresh()
    assert station.reasons() == ["wrong_version"] * 5
    bench.shop.expire("timestamp")
    server.folder = bench.shop.repository.folder
    station.refresh()
    assert station.reasons()[5:] == ["expired"]
    (row,) = station.book.rows(1000)
    assert row.failures == 1
    assert 0 < row.rests_s <= 30


def test_a_snapshot_from_before_is_refused_under_a_new_timestamp(bench: Bench) -> None:
    station = bench.station(bench.serve())
    station.refresh()
    old = (bench.shop.repository.metadata / "1.snapshot.json").read_bytes()

    def roll_back(timestamp: Timestamp) -> None:
        timestamp.snapshot_meta = MetaFile.from_data(1, old, ["sha256"])

    assert station.versions() == GOOD
    bench.shop.edit("timestamp", roll_back)
    unmoved(station, "wrong_version")


@pytest.mark.parametrize("role", ["targets", "acme"])
def test_a_role_from_before_is_refused_under_a_new_snapshot(bench: Bench, role: str) -> None:
    shop = bench.shop
    shop.edit(role, lambda signed: None)  # so that there is a version before
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    old = shop.metadata(role).signed.version - 1
    raw = (shop.repository.metadata / f"{old}.{role}.json").read_bytes()

    def roll_back(snapshot: Snapshot) -> None:
        snapshot.meta[f"{role}.json"] = MetaFile.from_data(old, raw, ["sha256"])

    shop.edit("snapshot", roll_back)
    unmoved(station, "wrong_version")


def test_roles_of_two_editions_are_not_mixed(bench: Bench) -> None:
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    assert station.versions() == GOOD
    before = bench.shop.copy("before").repository.metadata
    bench.shop.publish(bench.shop.release(version="3.0.0"))
    old = max(before.glob("*.acme.json"), key=lambda path: int(path.name.split(".")[0]))
    new = bench.shop.repository.newest("acme")
    server.fail(f"/{new}.acme.json", replaced(old.read_bytes()))
    station.notes.clear()
    station.refresh()
    assert set(station.reasons()) & {"wrong_hash", "other_length"}
    assert station.versions() == GOOD, "the new edition is incomplete, so the one before still stands"


# -- other bytes


@pytest.mark.parametrize("name", ["timestamp", "2.snapshot", "1.targets"])
def test_metadata_with_a_byte_changed_is_refused(bench: Bench, name: str) -> None:
    server = bench.serve()
    server.fail(f"/{name}.json", changed(lambda raw: raw.replace(b'"expires":"2', b'"expires":"3', 1)))
    station = bench.station(server)
    refused(station, "catalogue_refused", "unsigned" if name == "timestamp" else "wrong_hash")


@pytest.mark.parametrize("name", ["2.snapshot", "1.targets"])
def test_metadata_of_another_length_is_refused(bench: Bench, name: str) -> None:
    server = bench.serve()
    server.fail(f"/{name}.json", changed(lambda raw: raw + b"\n"))
    refused(bench.station(server), "catalogue_refused", "too_long")


def test_metadata_that_is_cut_short_is_refused(bench: Bench) -> None:
    server = bench.serve()
    server.fail("/timestamp.json", changed(lambda raw: raw[:-20]))
    refused(bench.station(server), "catalogue_refused", "malformed")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda raw: raw.replace(b"2.0.0", b"9.0.0"), "wrong_hash"),
        (lambda raw: raw[:-1], "wrong_hash"),
        (lambda raw: raw + b" ", "other_length"),
    ],
    ids=["wrong hash", "too short", "too long"],
)
def test_an_index_that_is_not_the_signed_one_is_refused(bench: Bench, change: object, word: str) -> None:
    server = bench.serve()
    server.fail(".index.json", changed(change))  # type: ignore[arg-type]
    station = bench.station(server)
    station.refresh()
    with pytest.raises(CatalogueRefused) as caught:
        station.trust.index("heron", station.watch)
    assert caught.value.reason == "catalogue_refused"
    assert word in station.reasons()


# -- floods and trickles


@pytest.mark.parametrize("name", ["timestamp.json", "2.root.json", "2.snapshot.json"])
def test_endless_metadata_is_cut_off(bench: Bench, name: str) -> None:
    bad, good = bench.serve(), bench.serve()
    bad.fail(f"/{name}", endless)
    station = bench.station(bad, good)
    station.refresh()
    assert station.versions() == GOOD
    assert station.reasons()[0] == "too_long"


def test_trickling_metadata_is_given_up_and_the_next_mirror_serves(bench: Bench) -> None:
    slow, good = bench.serve(), bench.serve()
    slow.fail("/timestamp.json", trickle)
    station = bench.station(slow, good)
    station.refresh()
    assert station.versions() == GOOD
    assert station.reasons() == ["slow"]
    assert "metadata/timestamp.json" in slow.asked


# -- keys


def test_a_role_signed_below_its_threshold_is_refused(bench: Bench) -> None:
    bench.shop.edit("targets", lambda targets: None, signers=bench.shop.keys_of("targets")[:1])
    refused(bench.station(bench.serve()), "catalogue_refused", "unsigned")


def test_one_key_twice_is_not_two_keys(bench: Bench) -> None:
    shop = bench.shop
    one = shop.keys_of("targets")[0]
    shop.edit("targets", lambda targets: None, signers=[one, one])
    refused(bench.station(bench.serve()), "catalogue_refused", "unsigned")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "rollout", "maker:acme"])
def test_a_revoked_key_signs_nothing_any_more(bench: Bench, role: str) -> None:
    shop = bench.shop
    name = role.removeprefix("maker:")
    old = shop.keys_of(name)
    rotate(shop.repository, shop.offline, shop.online, role)
    if name == "targets":
        old = old[:1]  # revoked, and one more that is left: below the threshold together
        old += [
            key for key in shop.keys_of(name) if key.public_key.keyid in {k.public_key.keyid for k in old}
        ]
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    shop.edit(name, lambda signed: None, signers=old)
    station.notes.clear()
    station.refresh()
    assert station.reasons() == ["unsigned"] * len(station.reasons()) != []
    assert station.versions() == GOOD


def test_a_root_rotated_over_three_versions_is_followed(bench: Bench) -> None:
    shop, server = bench.shop, bench.serve()
    station = bench.station(server)
    station.refresh()
    for _ in range(3):
        rotate(shop.repository, shop.offline, shop.online, "root")
    shop.publish(shop.release(version="3.0.0"))
    station.refresh()
    assert station.versions() == ["3.0.0", *GOOD]
    assert station.reasons() == []
    late = bench.station(server, name="late")  # was set up with version 1 and hears of all of them at once
    late.refresh()
    assert late.versions() == ["3.0.0", *GOOD]
    assert [note.body["root"] for note in late.notes if note.kind == "catalogue.refreshed"][-1] == 4


@pytest.mark.parametrize("sign_with", ["old", "new"])
def test_a_root_that_only_one_side_signed_is_refused(bench: Bench, sign_with: str) -> None:
    shop = bench.shop
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    old = shop.keys_of("root")
    before = shop.repository.root()
    rotate(shop.repository, shop.offline, shop.online, "root")
    rotate(shop.repository, shop.offline, shop.online, "root")
    forged = shop.repository.root()
    new = [
        key for key in shop.keys_of("root") if key.public_key.keyid not in before.signed.roles["root"].keyids
    ]
    (shop.repository.metadata / "3.root.json").unlink()
    shop.write("root", forged, old if sign_with == "old" else new, version=2)
    unmoved(station, "unsigned")


def test_a_station_recovers_from_versions_driven_forward(bench: Bench) -> None:
    """A thief of the timestamp key gave it the highest version; a new key must be enough to come back."""
    shop, server = bench.shop, bench.serve()
    station = bench.station(server)
    thief = shop.copy("thief")
    thief.edit("timestamp", lambda timestamp: None, version=2_000_000_000)
    server.folder = thief.repository.folder
    station.refresh()
    server.folder = shop.repository.folder
    station.notes.clear()
    station.refresh()
    assert station.reasons() == ["wrong_version"]
    rotate(shop.repository, shop.offline, shop.online, "timestamp")
    shop.publish(shop.release(version="3.0.0"))
    station.notes.clear()
    station.refresh()
    assert station.reasons() == []
    assert station.versions() == ["3.0.0", *GOOD]


# -- who may say what


def add_target(
    bench: Bench, role: str, target: str, raw: bytes, custom: dict[str, object] | None = None
) -> None:
    content = bench.shop.repository.add_bytes(target, raw)

    def change(targets: Targets) -> None:
        targets.targets[target] = file_entry(target, content, custom)

    bench.shop.edit(role, change)


def index_raw(bench: Bench, model: str) -> bytes:
    entry = bench.shop.metadata("acme").signed.targets[f"{model}/index.json"]
    return bench.shop.repository.path(entry).read_bytes()


@pytest.mark.parametrize("thief", ["bolt", "rollout"])
def test_nobody_signs_for_another_makers_model(bench: Bench, thief: str) -> None:
    evil = index_raw(bench, "heron").replace(b"2.0.0", b"9.0.0")
    assert parse_index(evil).releases[0].version == "9.0.0"
    add_target(bench, thief, "heron/index.json", evil)
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD


def test_a_model_that_only_another_maker_signs_does_not_exist(bench: Bench) -> None:
    bench.shop.edit("acme", lambda targets: targets.targets.pop("heron/index.json"))
    add_target(bench, "bolt", "heron/index.json", write_index("heron", (), ()))
    station = bench.station(bench.serve())
    station.refresh()
    assert station.trust.index("heron", station.watch) is None


def test_an_index_of_another_model_is_refused(bench: Bench) -> None:
    add_target(bench, "acme", "heron/index.json", index_raw(bench, "wren"))
    station = bench.station(bench.serve())
    station.refresh()
    with pytest.raises(CatalogueRefused) as caught:
        station.trust.index("heron", station.watch)
    assert caught.value.reason == "other_model"
    assert station.reasons() == ["other_model"]


def with_package(bench: Bench, lie: dict[str, object]) -> str:
    """A difference whose ``custom`` is right but for ``lie``; its target path."""
    index = parse_index(index_raw(bench, "heron"))
    new, old = index.releases[0].partitions[1], index.releases[1].partitions[1]
    target = "heron/2.0.0/packages/system.delta-1.0.0"
    content = bench.shop.repository.add_bytes(target, b"a package" * 20)
    package = Package(
        target,
        content.size_bytes,
        content.sha256,
        "system",
        "1.0.0",
        old.sha256,
        old.size_bytes,
        new.sha256,
        new.size_bytes,
    )
    add_target(bench, "acme", "heron/index.json", write_index("heron", index.releases, [package]))
    custom: dict[str, object] = {
        "kind": "delta",
        "model": "heron",
        "variant": "cn",
        "from": "1.0.0",
        "to": "2.0.0",
        "partition": "system",
        "base_sha256": old.sha256,
        "base_size_bytes": old.size_bytes,
        "result_sha256": new.sha256,
        "result_size_bytes": new.size_bytes,
        "size_bytes": content.size_bytes,
    }
    add_target(bench, "acme", target, b"a package" * 20, custom | lie)
    return target


def test_a_difference_that_the_catalogue_agrees_on_is_wanted(bench: Bench) -> None:
    target = with_package(bench, {})
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    assert station.trust.wanted(target).size_bytes == 180


@pytest.mark.parametrize(
    "lie",
    [
        {"base_sha256": "0" * 64},
        {"from": "1.5.0"},
        {"base_size_bytes": 1},
        {"result_sha256": "0" * 64},
        {"to": "1.0.0"},
        {"partition": "boot"},
        {"model": "wren"},
        {"kind": "full"},
        {"size_bytes": 181},
        {"size_bytes": True},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_difference_for_another_base_is_refused(bench: Bench, lie: dict[str, object]) -> None:
    target = with_package(bench, lie)
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    with pytest.raises(CatalogueRefused) as caught:
        station.trust.wanted(target)
    assert caught.value.reason == "contradiction"
    assert target in caught.value.detail


def test_an_image_whose_hash_differs_from_the_index_is_refused(bench: Bench) -> None:
    target = "heron/2.0.0/images/system.img"

    def swap(targets: Targets) -> None:
        entry = targets.targets[target]
        targets.targets[target] = TargetFile(
            entry.length, {"sha256": "1" * 64}, target, {"custom": entry.custom}
        )

    bench.shop.edit("acme", swap)
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    with pytest.raises(CatalogueRefused) as caught:
        station.trust.wanted(target)
    assert caught.value.reason == "contradiction"


def test_what_the_catalogue_does_not_name_is_not_downloaded(bench: Bench) -> None:
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    for target in ("heron/9.0.0/images/system.img", "heron/../../etc/passwd", "nobody/index.json", ""):
        with pytest.raises(CatalogueRefused) as caught:
            station.trust.wanted(target)
        assert caught.value.reason == "no_target"


# -- the online role


def test_the_rollout_role_holds_releases_back(bench: Bench) -> None:
    shop = bench.shop
    withdraw(shop.repository, shop.keyring, "heron", "1.0.0")
    stage(shop.repository, shop.keyring, "heron", "2.0.0", 25)
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    rollout = station.trust.rollout("heron", station.watch)
    assert not rollout.admits("any", "1.0.0")
    assert sum(rollout.admits(f"station-{n}", "2.0.0") for n in range(1000)) == pytest.approx(250, abs=50)


@pytest.mark.parametrize(
    "widen",
    [
        {"releases": [{"version": "9.0.0"}]},
        {"percent": {"2.0.0": 101}},
        {"percent": {"2.0.0": -1}},
        {"withdrawn": "2.0.0"},
        {"model": "wren"},
    ],
    ids=["releases", "over 100", "below 0", "text", "other model"],
)
def test_a_rollout_that_tries_to_widen_offers_nothing(bench: Bench, widen: dict[str, object]) -> None:
    good = {"format": 1, "model": "heron", "withdrawn": [], "percent": {}}
    add_target(bench, "rollout", "rollout/heron.json", json.dumps(good | widen).encode())
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    with pytest.raises(CatalogueRefused) as caught:
        station.trust.rollout("heron", station.watch)
    assert caught.value.reason in ("bad_rollout", "other_model")
    assert station.reasons() == [caught.value.reason]


def test_another_roots_repository_is_refused(bench: Bench, tmp_path: Path) -> None:
    with Bench(tmp_path / "other") as other:
        other.shop.publish(other.shop.release(version="9.0.0"))
        station = bench.station(other.serve())
        refused(station, "catalogue_refused", "unsigned")


def test_a_station_is_not_set_up_with_something_that_is_no_root(bench: Bench) -> None:
    root = Root.from_dict(json.loads(bench.shop.root)["signed"])
    for raw in (
        b"",
        b"{}",
        bench.shop.root.replace(b'"threshold":2', b'"threshold":9'),
        str(root).encode(),
    ):
        bench.shop.root = raw
        with pytest.raises(CatalogueRefused) as caught:
            bench.station()
        assert caught.value.reason == "bad_root"
