"""Whole visits over the signed catalogue: differences from real mirrors, and attacks, with a phone in the bay."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Targets

from firmware_agent.cache.objects import Cache
from firmware_agent.index import parse_index, write_index
from firmware_agent.manifest import parse_manifest
from firmware_agent.repository.make import file_entry
from firmware_agent.repository.online import withdraw
from firmware_agent.repository.packages import make_packages
from firmware_agent.repository.rotate import rotate
from firmware_agent.watch import Watch
from ledger import store
from station.mirror_server import MirrorServer
from tests.catalogues import Workshop
from tests.e2e.visits import MIB, Shop, VirtualPhone, make_releases, virtual_phone

pytestmark = pytest.mark.tool("mkfs.ext4")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real firmware of two models, two versions each that share most of their bytes."""
    root = tmp_path_factory.mktemp("firmware")
    for model in ("heron", "wren"):
        make_releases(root, model, ["1.0.0", "2.0.0"], 2 * MIB, shared=True)
    return root / "releases"


@pytest.fixture(scope="module")
def published(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Both versions with their packages, signed; a test copies it before it changes anything."""
    folder = tmp_path_factory.mktemp("maker")
    shop = Workshop(folder)
    shop.publish(releases / "heron" / "1.0.0", releases / "wren" / "1.0.0", releases / "wren" / "2.0.0")
    make_packages(releases / "heron" / "1.0.0", releases / "heron" / "2.0.0", folder / "packages")
    shop.publish(releases / "heron" / "2.0.0", packages=folder / "packages")
    return shop


@pytest.fixture
def maker(published: Workshop, tmp_path: Path) -> Workshop:
    """This test's own copy of the repository, and of the keys."""
    shop = published.copy(f"repository-{tmp_path.name}")
    for name in ("keys", "online"):
        shutil.copytree(published.folder / name, tmp_path / name)
    shop.offline, shop.online = tmp_path / "keys", tmp_path / "online"
    shop.keyring = type(shop.keyring)(shop.offline, shop.online)
    return shop


@pytest.fixture(scope="module")
def untouched(releases: Path) -> Iterator[VirtualPhone]:
    """A phone that every attack is tried on, since none may reach it."""
    with virtual_phone("heron", releases / "heron" / "1.0.0", "--boot-delay", "0.1") as phone:
        yield phone


class SignedShop(Shop):
    """A station that believes a workshop's root."""

    def believe(self, maker: Workshop, *mirrors: MirrorServer) -> None:
        folder = self.state.parent
        (folder / "root.json").write_bytes(maker.root)
        urls = ", ".join(json.dumps(mirror.url) for mirror in mirrors)
        lines = [f'state_dir = "{self.state}"', "[catalogue]", 'root = "root.json"', f"mirrors = [{urls}]"]
        (folder / "signed.toml").write_text("\n".join(lines) + "\n", "utf-8")

    def visit(self, phone: VirtualPhone, *options: str) -> tuple[int, dict[str, Any], list[str]]:
        """One visit by the signed catalogue: exit code, answer, what was said."""
        config = os.fspath(self.state.parent / "signed.toml")
        update = self.update(phone.where, phone.customer, "--config", config, *options)
        code, answer = update.finish()
        return code, answer, update.lines

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """Bodies of the ledger's entries of these kinds, in order."""
        connection = sqlite3.connect(self.state / "station.db")
        try:
            every = store.entries(connection)
        finally:
            connection.close()
        return [dict(stored.body or {}) for stored in every if stored.entry.kind in kinds]


@pytest.fixture
def shop(tmp_path: Path, releases: Path) -> SignedShop:
    return SignedShop(tmp_path / "state", releases)


def test_a_station_with_the_old_version_downloads_the_difference_and_the_phone_is_updated(
    shop: SignedShop, maker: Workshop, releases: Path
) -> None:
    with (
        MirrorServer(maker.repository.folder) as mirror,
        virtual_phone("heron", releases / "heron" / "1.0.0", "--boot-delay", "0.1") as phone,
    ):
        shop.believe(maker, mirror)
        hold(shop, releases, "1.0.0")
        code, answer, lines = shop.visit(phone)
    assert (code, answer["verdict"], answer["to"]) == (0, "updated", "2.0.0"), lines
    assert answer["method"] == "delta"
    assert answer["fetch"]["base_version"] == "1.0.0"
    assert answer["fetch"]["bytes"] < answer["fetch"]["full_bytes"] / 5
    assert answer["fetch"]["mirrors"] == [mirror.url]
    assert answer["user_data"]["identical"] == answer["user_data"]["before"] > 0
    rebuilt = {body["partition"]: body["base"] for body in shop.entries("fetch.rebuilt")}
    assert rebuilt["system"] == "1.0.0"
    assert shop.entries("catalogue.refreshed")


def hold(shop: SignedShop, releases: Path, version: str) -> None:
    """Have a version's images in the station's cache."""
    cache = Cache(shop.state / "catalogue" / "cache", 1 << 30)
    folder = releases / "heron" / version
    for part in parse_manifest((folder / "manifest.json").read_bytes()).partitions:
        with cache.writing(part.sha256, part.size_bytes, Watch()) as path:
            if path is not None:
                shutil.copyfile(folder / part.file, path)
                cache.commit(path)


# -- attacks: each leaves the phone as it was, says one clear line, and stands in the ledger


def expired(maker: Workshop) -> None:
    maker.expire("timestamp")


def below_threshold(maker: Workshop) -> None:
    maker.edit("targets", lambda targets: None, signers=maker.keys_of("targets")[:1])


def revoked_key(maker: Workshop) -> None:
    old = maker.keys_of("timestamp")
    rotate(maker.repository, maker.offline, maker.online, "timestamp")
    maker.edit("timestamp", lambda timestamp: None, signers=old)


def mixed_editions(maker: Workshop) -> None:
    """The maker's metadata of an older edition under a newer snapshot's name."""
    folder = maker.repository.metadata
    newest = maker.repository.newest("acme")
    shutil.copyfile(folder / f"{newest - 1}.acme.json", folder / f"{newest}.acme.json")


def another_models_index(maker: Workshop) -> None:
    add_target(maker, "heron/index.json", index_of(maker, "wren"))


def another_models_releases(maker: Workshop) -> None:
    """Wren's releases in an index that says heron."""
    index = parse_index(index_of(maker, "wren").replace(b'"wren"', b'"heron"').replace(b"wren/", b"heron/"))
    add_target(maker, "heron/index.json", write_index("heron", index.releases, index.packages))


def package_for_another_base(maker: Workshop) -> None:
    """The index and the package's own metadata disagree on what it starts from."""

    def lie(targets: Targets) -> None:
        for path, target in targets.targets.items():
            if path.endswith("delta-1.0.0"):
                target.custom["base_sha256"] = "0" * 64

    maker.edit("acme", lie)


def index_of(maker: Workshop, model: str) -> bytes:
    target = maker.metadata("acme").signed.targets[f"{model}/index.json"]  # type: ignore[union-attr]
    return maker.repository.path(target).read_bytes()


def add_target(maker: Workshop, path: str, raw: bytes) -> None:
    """Signed by the maker's own key, as a careless or bribed maker could."""
    content = maker.repository.add_bytes(path, raw)
    maker.edit("acme", lambda signed: signed.targets.__setitem__(path, file_entry(path, content)))


METADATA = [
    (expired, "catalogue_expired"),
    (below_threshold, "catalogue_refused"),
    (revoked_key, "catalogue_refused"),
    (mixed_editions, "catalogue_refused"),
    (another_models_index, "other_model"),
    (another_models_releases, "contradiction"),
    (package_for_another_base, "contradiction"),
]


@pytest.mark.parametrize(("attack", "reason"), METADATA, ids=[attack.__name__ for attack, _ in METADATA])
def test_attacked_metadata_flashes_nothing(
    shop: SignedShop,
    maker: Workshop,
    releases: Path,
    untouched: VirtualPhone,
    attack: Callable[[Workshop], None],
    reason: str,
) -> None:
    attack(maker)
    with MirrorServer(maker.repository.folder) as mirror:
        shop.believe(maker, mirror)
        if attack is package_for_another_base:
            hold(shop, releases, "1.0.0")
        refused(shop, untouched, reason)
    assert shop.entries("catalogue.refused", "plan.refused", "visit.closed"), (
        "the attack stands in the ledger"
    )


def test_wrong_bytes_from_every_mirror_flash_nothing(
    shop: SignedShop, maker: Workshop, untouched: VirtualPhone
) -> None:
    with MirrorServer(maker.repository.folder, ["wrong:100", "only:targets"]) as mirror:
        shop.believe(maker, mirror)
        refused(shop, untouched, "catalogue_refused", "no_catalogue", "download_wrong")
    with MirrorServer(maker.repository.folder) as mirror:
        mirror_of(shop, mirror)
        spoil_targets(maker)
        refused(shop, untouched, "download_wrong")
    failed = shop.entries("fetch.failed")
    assert failed
    assert failed[-1]["reason"] == "download_wrong"


def mirror_of(shop: SignedShop, mirror: MirrorServer) -> None:
    """The same station, with another mirror in its settings."""
    config = shop.state.parent / "signed.toml"
    lines = [line for line in config.read_text("utf-8").splitlines() if not line.startswith("mirrors")]
    config.write_text("\n".join([*lines, f"mirrors = [{json.dumps(mirror.url)}]"]) + "\n", "utf-8")


def spoil_targets(maker: Workshop) -> None:
    """A byte of every image and package is another one; metadata and indexes are as they were signed."""
    for path in (maker.repository.folder / "targets" / "heron").rglob("*"):
        if path.is_file() and not path.name.endswith("index.json"):
            raw = bytearray(path.read_bytes())
            raw[len(raw) // 2] ^= 1
            path.unlink()
            path.write_bytes(raw)


def test_a_difference_that_was_made_for_another_base_is_not_used(
    shop: SignedShop, maker: Workshop, releases: Path
) -> None:
    """Signed by mistake: the whole image is downloaded instead, and the phone gets the right bytes."""
    swap_packages(maker)
    with (
        MirrorServer(maker.repository.folder) as mirror,
        virtual_phone("heron", releases / "heron" / "1.0.0", "--boot-delay", "0.1") as phone,
    ):
        shop.believe(maker, mirror)
        hold(shop, releases, "1.0.0")
        code, answer, lines = shop.visit(phone)
    assert (code, answer["verdict"]) == (0, "updated"), lines
    reasons = {body["reason"] for body in shop.entries("fetch.failed")}
    assert reasons & {"other_base", "other_result"}


def swap_packages(maker: Workshop) -> None:
    """The system's difference holds the bytes of another image's, and everything about it is properly signed."""
    index = parse_index(index_of(maker, "heron"))
    by_name = {package.partition: package for package in index.packages if package.base_version}
    other, system = by_name["vbmeta"], by_name["system"]
    raw = maker.repository.path(maker.metadata("acme").signed.targets[other.target]).read_bytes()  # type: ignore[union-attr]
    content = maker.repository.add_bytes(system.target, raw)
    changed = replace(system, size_bytes=content.size_bytes, sha256=content.sha256)
    packages = [changed if package == system else package for package in index.packages]
    add_target(maker, "heron/index.json", write_index("heron", index.releases, packages))

    def sign(targets: Targets) -> None:
        custom = {**targets.targets[system.target].custom, "size_bytes": content.size_bytes}
        custom.pop("pieces", None)
        targets.targets[system.target] = file_entry(system.target, content, custom)

    maker.edit("acme", sign)


def refused(shop: SignedShop, phone: VirtualPhone, *reasons: str) -> None:
    writes = phone.customer.status()["writes"]
    code, answer, lines = shop.visit(phone)
    assert (answer["verdict"], answer["written"]) == ("refused", False), lines
    assert code in (3, 5)
    assert not reasons[0] or answer["reason"] in reasons, answer
    assert phone.customer.status()["writes"] == writes
    assert "nothing was written to the phone" in lines[-1]
    closed = shop.entries("visit.closed")
    assert closed[-1]["verdict"] == "refused"


def test_one_bad_mirror_does_not_matter_while_another_is_good(
    shop: SignedShop, maker: Workshop, releases: Path
) -> None:
    with (
        MirrorServer(maker.repository.folder, ["wrong:70000", "only:targets"]) as bad,
        MirrorServer(maker.repository.folder) as good,
        virtual_phone("heron", releases / "heron" / "1.0.0", "--boot-delay", "0.1") as phone,
    ):
        shop.believe(maker, bad, good)
        code, answer, lines = shop.visit(phone)
    assert (code, answer["verdict"], answer["method"]) == (0, "updated", "full"), lines
    moved = shop.entries("fetch.moved")
    assert [(body["from"], body["to"]) for body in moved][:1] == [(bad.url, good.url)]


def test_a_release_that_was_withdrawn_does_not_come_back_with_an_older_edition(
    shop: SignedShop, maker: Workshop, untouched: VirtualPhone, tmp_path: Path
) -> None:
    before = tmp_path / "before"
    shutil.copytree(maker.repository.folder, before)
    withdraw(maker.repository, maker.keyring, "heron", "2.0.0")
    with MirrorServer(maker.repository.folder) as mirror:
        shop.believe(maker, mirror)
        code, answer, _ = shop.visit(untouched)
        assert (code, answer["verdict"]) == (0, "up_to_date"), answer
    with MirrorServer(before) as attacker:
        shop.believe(maker, attacker)
        age_metadata(shop)
        writes = untouched.customer.status()["writes"]
        code, answer, _ = shop.visit(untouched)
        assert (code, answer["verdict"]) == (0, "up_to_date"), answer
        assert untouched.customer.status()["writes"] == writes
    assert "wrong_version" in [body["reason"] for body in shop.entries("catalogue.refused")]


def age_metadata(shop: SignedShop) -> None:
    """As if it had been asked for long ago."""
    path = shop.state / "catalogue" / "trust" / "whole.json"
    record = json.loads(path.read_text("utf-8"))
    record["refreshed_s"] = 0
    path.write_text(json.dumps(record), "utf-8")


def test_a_day_without_a_line_changes_nothing_for_a_model_that_is_in_the_cache(
    shop: SignedShop, maker: Workshop, releases: Path
) -> None:
    with MirrorServer(maker.repository.folder) as mirror:
        shop.believe(maker, mirror)
        hold(shop, releases, "2.0.0")
        with virtual_phone("heron", releases / "heron" / "2.0.0", "--boot-delay", "0.1") as phone:
            assert shop.visit(phone)[1]["verdict"] == "up_to_date"
    age_metadata(shop)
    with virtual_phone("heron", releases / "heron" / "1.0.0", "--boot-delay", "0.1") as phone:
        code, answer, lines = shop.visit(phone)
    assert (code, answer["verdict"], answer["method"]) == (0, "updated", "cached"), lines
    assert answer["fetch"]["bytes"] == 0
    assert shop.entries("catalogue.stored"), "that it went by stored metadata stands in the ledger"
