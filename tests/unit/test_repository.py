"""The repository tool: what it refuses, and that no moment of a change leaves something a station would refuse."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root

from firmware_agent import durable
from firmware_agent.errors import FirmwareError
from firmware_agent.index import package_target
from firmware_agent.manifest import parse_manifest
from firmware_agent.mirrors.book import Mirror
from firmware_agent.repository.check import check
from firmware_agent.repository.edition import Lives
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import Offline, Setup, add_makers, make_repository
from firmware_agent.repository.online import change_mirrors, renew, stage, withdraw
from firmware_agent.repository.packages import make_packages
from firmware_agent.repository.publish import publish
from firmware_agent.repository.rotate import rotate
from station.__main__ import main
from tests.catalogues import Bench, QuickDisk, Station, Workshop, image_bytes, make_release, quick_disk
from tests.clocks import later


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick_disk():
        yield


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """A repository with one release."""
    shop = Workshop(tmp_path / "shop")
    shop.publish(shop.release(version="1.0.0"))
    return shop


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(FirmwareError) as caught:
        call()
    assert "\n" not in caught.value.detail
    return caught.value.reason


def sound(shop: Workshop) -> bool:
    return check(shop.repository, shop.root).errors == []


# -- keys


def test_keys_are_for_their_owner_alone_and_online_ones_lie_apart(shop: Workshop) -> None:
    offline = sorted(path.name.rsplit("-", 1)[0] for path in shop.offline.glob("*.pem"))
    assert offline == ["acme", "bolt", "root", "root", "root", "targets", "targets", "targets"]
    assert sorted(path.name.rsplit("-", 1)[0] for path in shop.online.glob("*.pem")) == [
        "rollout",
        "snapshot",
        "timestamp",
    ]
    for path in (*shop.offline.glob("*.pem"), *shop.online.glob("*.pem")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(shop.offline.stat().st_mode) == 0o700


def test_the_timestamp_needs_no_offline_key(shop: Workshop) -> None:
    online = Keyring(shop.online)
    before = shop.repository.timestamp().signed.version
    assert renew(shop.repository, online) == before + 1
    stage(shop.repository, online, "heron", "1.0.0", 10)
    withdraw(shop.repository, online, "heron", "1.0.0")
    assert sound(shop)
    release = shop.release(version="2.0.0")
    assert refusal(lambda: publish(shop.repository, online, [release])) == "no_key"


def test_too_few_keys_sign_nothing(shop: Workshop) -> None:
    for path in sorted(shop.offline.glob("targets-*.pem"))[:2]:
        path.unlink()
    assert (
        refusal(lambda: change_mirrors(shop.repository, shop.keyring, [Mirror("http://m.example")]))
        == "no_key"
    )
    assert sound(shop)


def test_a_key_file_that_is_no_key_is_said(shop: Workshop) -> None:
    for path in shop.offline.glob("acme-*.pem"):
        path.write_text("no key")
    assert refusal(lambda: shop.publish(shop.release(version="2.0.0"))) == "bad_key"


@pytest.mark.parametrize(
    ("makers", "reason"),
    [
        ({"root": ["heron"]}, "bad_name"),
        ({"../acme": ["heron"]}, "bad_name"),
        ({"acme": ["rollout"]}, "bad_name"),
        ({"acme": ["heron/*"]}, "bad_name"),
        ({"acme": ["heron"], "bolt": ["heron"]}, "two_makers"),
    ],
)
def test_makers_that_cannot_be_are_refused(makers: dict[str, list[str]], reason: str, tmp_path: Path) -> None:
    from firmware_agent.repository.folder import Repository

    repository = Repository(tmp_path / "repository")
    setup = Setup(makers)
    assert refusal(lambda: make_repository(repository, tmp_path / "k", tmp_path / "o", setup)) == reason
    assert not repository.exists()


def test_a_repository_is_never_made_over_another(shop: Workshop) -> None:
    assert refusal(lambda: make_repository(shop.repository, shop.offline, shop.online, Setup({}))) == "exists"


def test_a_threshold_that_cannot_be_reached_is_refused() -> None:
    for keys, threshold in ((1, 2), (3, 0), (0, 0), (99, 1)):
        assert refusal(lambda keys=keys, threshold=threshold: Offline(keys, threshold)) == "bad_threshold"


def test_a_timestamp_lives_three_days_or_more() -> None:
    assert refusal(lambda: Lives(timestamp_hours=71)) == "bad_life"
    assert Lives(timestamp_hours=72).timestamp_hours == 72


def test_a_maker_and_a_model_may_be_added_later(shop: Workshop) -> None:
    add_makers(shop.repository, shop.keyring, shop.offline, {"acme": ["finch"], "coil": ["ibis"]})
    shop.publish(shop.release("finch"), shop.release("ibis"))
    assert sound(shop)
    taken = {"coil": ["heron"]}
    assert refusal(lambda: add_makers(shop.repository, shop.keyring, shop.offline, taken)) == "two_makers"


# -- publishing


def test_what_is_published_again_changes_nothing(shop: Workshop) -> None:
    before = shop.repository.timestamp().signed.version
    done = shop.publish(shop.folder / "releases" / "heron" / "1.0.0")
    assert done.added == ()
    assert shop.repository.timestamp().signed.version == before


@pytest.mark.parametrize("version", ["1.0.0", "1.0", "1"])
def test_a_version_never_changes_its_bytes(shop: Workshop, version: str) -> None:
    other = make_release(shop.folder / "other", version=version, images={"boot": b"other"})
    assert refusal(lambda: shop.publish(other)) == "exists"


def test_a_rollback_index_never_falls(shop: Workshop) -> None:
    shop.publish(shop.release(version="2.0.0", rollback_index=3))
    assert refusal(lambda: shop.publish(shop.release(version="3.0.0", rollback_index=2))) == "rollback"
    assert refusal(lambda: shop.publish(shop.release(version="1.5.0", rollback_index=4))) == "rollback"
    shop.publish(shop.release(version="3.1.0", rollback_index=1, variant="eu"))
    assert sound(shop)


def test_a_model_without_a_maker_is_refused(shop: Workshop) -> None:
    assert refusal(lambda: shop.publish(shop.release("yeti"))) == "not_covered"


def test_an_image_that_is_not_the_manifests_is_refused(shop: Workshop) -> None:
    release = shop.release(version="2.0.0")
    (release / "images" / "boot.img").write_bytes(image_bytes("heron", "2.0.1", "boot"))
    assert refusal(lambda: shop.publish(release)) == "hash_mismatch"
    (release / "images" / "boot.img").unlink()
    (release / "images" / "boot.img").symlink_to(shop.folder / "releases/heron/1.0.0/images/boot.img")
    assert refusal(lambda: shop.publish(release)) == "no_file"
    assert sound(shop)


def test_a_folder_that_is_no_release_is_refused(shop: Workshop, tmp_path: Path) -> None:
    assert refusal(lambda: shop.publish(tmp_path)) == "no_release"
    assert refusal(shop.publish) == "nothing"


# -- packages


@pytest.fixture
def packed(shop: Workshop) -> Path:
    """Packages from 1.0.0 to 2.0.0, which is published; they are not yet."""
    new = shop.release(version="2.0.0")
    shop.publish(new)
    make_packages(shop.folder / "releases/heron/1.0.0", new, shop.folder / "packages")
    return shop.folder / "packages"


def test_packages_are_published_beside_the_images(shop: Workshop, packed: Path) -> None:
    done = shop.publish(packages=packed)
    release = parse_manifest((shop.folder / "releases/heron/2.0.0/manifest.json").read_bytes())
    assert package_target(release, "system", "1.0.0") in done.added
    assert sound(shop)
    assert shop.publish(packages=packed).added == ()


def test_a_package_that_is_no_smaller_is_not_kept(shop: Workshop) -> None:
    noise = shop.release(version="3.0.0", images={"boot": os.urandom(5000)})
    packed = make_packages(shop.folder / "releases/heron/1.0.0", noise, shop.folder / "noise")
    assert [one.kept for one in packed] == [False, False]
    assert list((shop.folder / "noise").rglob("*.*-*")) == []


def test_an_image_that_did_not_change_needs_no_difference(shop: Workshop) -> None:
    images = {name: image_bytes("heron", "1.0.0", name) for name in ("boot", "system")}
    images["system"] = image_bytes("heron", "2.0.0", "system")
    new = shop.release(version="2.0.0", images=images)
    targets = [
        one.target for one in make_packages(shop.folder / "releases/heron/1.0.0", new, shop.folder / "p")
    ]
    assert "heron/2.0.0/packages/system.delta-1.0.0" in targets
    assert "heron/2.0.0/packages/boot.delta-1.0.0" not in targets


def test_a_package_that_is_not_what_its_name_says_is_refused(shop: Workshop, packed: Path) -> None:
    folder = packed / "heron/2.0.0/packages"
    right = folder / "system.delta-1.0.0"
    raw = right.read_bytes()
    for name, reason in (
        ("boot.delta-1.0.0", "other_base"),
        ("system.delta-0.9.0", "no_release"),
        ("vendor.delta-1.0.0", "no_release"),
        ("System.delta-1.0.0", "bad_name"),
    ):
        kept = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_bytes(raw)
        assert refusal(lambda: shop.publish(packages=packed)) == reason, name
        (folder / name).unlink() if kept is None else (folder / name).write_bytes(kept)
    right.write_bytes(b"no package at all")
    assert refusal(lambda: shop.publish(packages=packed)) == "bad_delta"
    assert sound(shop)


def test_packages_of_two_models_or_backwards_are_not_made(shop: Workshop) -> None:
    old, new = shop.folder / "releases/heron/1.0.0", shop.release(version="2.0.0")
    assert refusal(lambda: make_packages(new, old, shop.folder / "p")) == "not_newer"
    assert (
        refusal(lambda: make_packages(shop.release("wren", "0.1.0"), new, shop.folder / "p")) == "other_model"
    )


# -- rotation


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp", "rollout", "maker:acme"])
def test_after_a_rotation_everything_verifies_and_the_old_key_is_gone(shop: Workshop, role: str) -> None:
    name = role.removeprefix("maker:")
    before = {key.public_key.keyid for key in shop.keys_of(name)}
    done = rotate(shop.repository, shop.offline, shop.online, role)
    after = {key.public_key.keyid for key in shop.keys_of(name)}
    assert before - after == {done.revoked}
    assert after - before == {done.new}
    assert sound(shop)
    shop.publish(shop.release(version="2.0.0"))
    assert sound(shop)


def test_a_root_of_one_key_hands_over_to_the_next(tmp_path: Path) -> None:
    """With no key in common, only both signatures together lead from one root to the other."""
    shop = Workshop(tmp_path / "shop", offline=Offline(1, 1))
    for _ in range(2):
        for role in ("root", "targets"):
            rotate(shop.repository, shop.offline, shop.online, role)
            assert sound(shop)
    assert shop.repository.root().signed.version == 5


def test_a_key_to_revoke_is_named_exactly(shop: Workshop) -> None:
    keyids = shop.repository.root().signed.roles["root"].keyids
    done = rotate(shop.repository, shop.offline, shop.online, "root", revoke=keyids[2][:12])
    assert done.revoked == keyids[2]
    for revoke in ("zz", keyids[2]):
        assert (
            refusal(lambda revoke=revoke: rotate(shop.repository, shop.offline, shop.online, "root", revoke))
            == "no_key"
        )
    for role in ("nobody", "maker:nobody", "maker:rollout2", ""):
        assert (
            refusal(lambda role=role: rotate(shop.repository, shop.offline, shop.online, role)) == "no_role"
        )


# -- interrupted


class Cut(OSError):
    """The power is gone."""


class CutDisk(QuickDisk):
    """Works ``left`` times, and then not any more."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _spend(self) -> None:
        if self.left <= 0:
            raise Cut
        self.left -= 1

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        if self.left == 1:
            os.pwrite(handle, bytes(data)[: len(bytes(data)) // 2], offset)
        self._spend()
        super().write(handle, data, offset)

    def sync(self, handle: int) -> None:
        self._spend()
        super().sync(handle)

    def rename(self, source: Path, target: Path) -> None:
        self._spend()
        super().rename(source, target)


@pytest.mark.parametrize(
    "what", ["publish", "timestamp", "root", "targets", "snapshot", "rollout", "maker:acme"]
)
def test_a_change_that_is_cut_anywhere_leaves_a_repository_that_verifies(tmp_path: Path, what: str) -> None:
    with Bench(tmp_path) as bench:
        bench.shop.publish(bench.shop.release(version="1.0.0"))
        release = bench.shop.release(version="2.0.0")

        def change(shop: Workshop) -> None:
            if what == "publish":
                shop.publish(release)
            else:
                rotate(shop.repository, shop.offline, shop.online, what)

        server = bench.serve()
        station = bench.station(server)
        station.refresh()
        assert station.versions() == ["1.0.0"]
        cuts, done = 0, False
        while not done:
            shop = bench.shop.copy(f"cut{cuts}")
            durable.use(CutDisk(cuts))
            try:
                change(shop)
                done = True
            except Cut:
                cuts += 1
            durable.use(QuickDisk())
            assert sound(shop), f"cut after {cuts}"
            change(shop)  # run again
            assert sound(shop), f"cut after {cuts}, and run again"
        assert cuts >= 5
        server.folder = shop.repository.folder
        station.refresh()
        assert station.reasons() == [], "and a station that was there before follows"
        assert station.versions() == (["2.0.0", "1.0.0"] if what == "publish" else ["1.0.0"])


def test_a_version_that_a_cut_run_has_used_is_not_used_again(shop: Workshop) -> None:
    """A mirror may have copied the file already, and a station may hold it."""
    release = shop.release(version="2.0.0")
    written: dict[str, bytes] = {}
    for cut in range(60):
        durable.use(CutDisk(cut))
        try:
            shop.publish(release)
            break
        except Cut:
            pass
        finally:
            durable.use(QuickDisk())
        for path in shop.repository.metadata.glob("[0-9]*.json"):
            assert written.setdefault(path.name, path.read_bytes()) == path.read_bytes()
    assert sound(shop)


# -- check


def test_a_sound_repository_is_found_sound(shop: Workshop, packed: Path) -> None:
    shop.publish(packages=packed)
    report = check(shop.repository)
    assert report.errors == []
    assert report.warnings == []
    assert report.models["heron"] == ["2.0.0", "1.0.0"]
    assert set(report.expires) == {"root", "timestamp", "snapshot", "targets", "acme", "bolt", "rollout"}


def test_a_changed_byte_in_any_file_is_found(shop: Workshop, packed: Path) -> None:
    shop.publish(packages=packed)
    stage(shop.repository, shop.keyring, "heron", "2.0.0", 5)
    named = {path.name for path in shop.repository.targets.rglob("*") if path.is_file()}
    named -= {path.name for path in shop.repository.targets.glob("heron/*.index.json")}
    report = check(shop.repository)
    assert report.files >= 8
    changed = 0
    for path in sorted(shop.repository.folder.rglob("*")):
        if not path.is_file() or path.name == ".lock" or _is_superseded(shop, path):
            continue
        raw = path.read_bytes()
        for other in (raw[:-1] + bytes((raw[-1] ^ 1,)), raw[:-1], raw + b" "):
            if (
                path.suffix == ".json"
                and other == raw + b" "
                and path.name in ("timestamp.json", "1.root.json")
            ):
                continue  # JSON may end in a space, and nobody vouches for these files' length
            path.write_bytes(other)
            try:
                errors = check(shop.repository, shop.root).errors
            except FirmwareError as exc:
                errors = [exc.detail]
            assert errors or path.name == "1.root.json", path
            changed += 1
        path.write_bytes(raw)
    assert changed > 30
    assert sound(shop)


def _is_superseded(shop: Workshop, path: Path) -> bool:
    """An older version that nothing names any more."""
    repository = shop.repository
    current = {
        repository.path(entry)
        for role in repository.roles()
        for entry in repository.role(role).signed.targets.values()
    }
    meta = {f"{m.version}.{name}" for name, m in repository.snapshot().signed.meta.items()}
    meta |= {
        "timestamp.json",
        "1.root.json",
        f"{repository.timestamp().signed.snapshot_meta.version}.snapshot.json",
    }
    return path not in current and path.name not in meta


def test_what_expires_soon_is_a_warning(shop: Workshop) -> None:
    from datetime import UTC, datetime, timedelta

    report = check(shop.repository, now=datetime.now(UTC) + timedelta(hours=80))
    assert report.errors == []
    assert report.warnings == ["timestamp expires in 39 h"]
    with later(hours=130):
        assert "expired" in check(shop.repository).errors[0]


def test_a_role_that_signs_for_others_is_found(shop: Workshop) -> None:
    entry = shop.metadata("acme").signed.targets["heron/index.json"]
    shop.edit("bolt", lambda targets: targets.targets.__setitem__(entry.path, entry))
    assert any("not its to sign" in error for error in check(shop.repository).errors)


def test_a_catalogue_that_contradicts_its_index_is_found(shop: Workshop) -> None:
    def lie(targets: object) -> None:
        targets.targets["heron/1.0.0/images/boot.img"].custom["version"] = "9.0.0"  # type: ignore[attr-defined]

    shop.edit("acme", lie)
    assert any("version is '9.0.0'" in error for error in check(shop.repository).errors)


# -- the online role


def test_only_what_is_published_can_be_held_back(shop: Workshop) -> None:
    assert refusal(lambda: withdraw(shop.repository, shop.keyring, "heron", "9.0.0")) == "no_release"
    assert refusal(lambda: stage(shop.repository, shop.keyring, "yeti", "1.0.0", 5)) == "not_covered"
    assert refusal(lambda: stage(shop.repository, shop.keyring, "heron", "1.0.0", 101)) == "bad_percent"


def test_the_rollout_role_is_renewed_before_it_expires(shop: Workshop) -> None:
    before = shop.repository.role("rollout").signed.version
    renew(shop.repository, shop.keyring)
    assert shop.repository.role("rollout").signed.version == before
    renew(
        shop.repository, shop.keyring, Lives(rollout_days=3000)
    )  # the one that is there has far less than half
    assert shop.repository.role("rollout").signed.version == before + 1


# -- the command


def run(*words: object) -> int:
    return main(["release", *map(str, words)])


def test_the_commands_make_a_catalogue_that_a_station_believes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--repository", tmp_path / "repo", "--keys", tmp_path / "keys", "--json")
    online = ("--repository", tmp_path / "repo", "--online-keys", tmp_path / "keys" / "online", "--json")
    one, two = (make_release(tmp_path, version=version) for version in ("1.0.0", "2.0.0"))

    def answer() -> dict[str, object]:
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert isinstance(found, dict)
        return found

    assert run("keys", *where, "--maker", "acme=heron,wren", "--root-keys", 2, "--root-threshold", 1) == 0
    root = Path(str(answer()["root"])).read_bytes()
    assert Metadata[Root].from_bytes(root).signed.roles["root"].threshold == 1
    assert run("delta", "--from", one, "--to", two, "--out", tmp_path / "packages", "--json") == 0
    assert len(answer()["packages"]) == 4  # type: ignore[arg-type]
    assert run("publish", *where, one, two, "--packages", tmp_path / "packages") == 0
    assert answer()["models"] == ["heron"]
    assert run("timestamp", *online) == 0
    assert run("stage", *online, "--model", "heron", "--version", "2.0.0", "--percent", 50) == 0
    assert run("withdraw", *online, "--model", "heron", "--version", "1.0.0") == 0
    assert answer()["withdrawn"] == ["1.0.0"]
    assert run("mirrors", *where, "--add", "http://m1.example=cn-east", "--add", "http://m2.example") == 0
    assert run("mirrors", *where, "--remove", "http://m2.example") == 0
    assert answer()["mirrors"] == [{"url": "http://m1.example", "region": "cn-east"}]
    assert run("rotate", *where, "--role", "maker:acme") == 0
    assert run("keys", *where, "--maker", "coil=ibis") == 0
    assert run("check", "--repository", tmp_path / "repo", "--json") == 0
    assert answer()["errors"] == []
    with Bench(tmp_path / "bench") as bench:
        bench.shop.repository.folder = tmp_path / "repo"
        server = bench.serve()
        station = Station(tmp_path / "station", root, [server.mirror])
        station.refresh()
        assert station.versions() == ["2.0.0", "1.0.0"]


def test_the_command_says_what_is_wrong_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--repository", tmp_path / "repo", "--keys", tmp_path / "keys")
    assert run("keys", *where, "--maker", "acme") == 2
    assert run("keys", *where, "--maker", "acme=heron", "--timestamp-hours", 24) == 3
    assert run("publish", *where, tmp_path) == 3
    assert run("check", "--repository", tmp_path / "repo") == 3
    assert run("timestamp", "--repository", tmp_path / "repo") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert all(line.startswith("station: ") for line in said.err.splitlines())
