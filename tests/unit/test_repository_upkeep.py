"""Keeping a repository: damaged packages, lost files, expiry, mistakes at the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from firmware_agent.delta import apply as delta
from firmware_agent.errors import FirmwareError
from firmware_agent.repository import edition
from firmware_agent.repository import publish as publishing
from firmware_agent.repository.check import check
from firmware_agent.repository.edition import Lives
from firmware_agent.repository.extend import extend
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import add_makers
from firmware_agent.repository.online import read_rollout, stage, withdraw
from firmware_agent.repository.packages import make_packages
from firmware_agent.repository.rotate import rotate
from firmware_agent.rollout import Rollout
from station.__main__ import main
from tests.catalogues import Workshop, make_release, quick_disk

SHORT = Lives(maker_days=4, targets_days=4, root_days=4)
PACKAGE = "heron/2.0.0/packages/system.delta-1.0.0"


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


@pytest.fixture
def packed(shop: Workshop) -> Path:
    """Packages from 1.0.0 to 2.0.0, which is published; they are not yet."""
    new = shop.release(version="2.0.0")
    shop.publish(new)
    make_packages(shop.folder / "releases/heron/1.0.0", new, shop.folder / "packages")
    return shop.folder / "packages"


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(FirmwareError) as caught:
        call()
    return caught.value.reason


def sound(shop: Workshop) -> bool:
    return check(shop.repository, shop.root).errors == []


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(*words: object) -> int:
    return main(["release", *map(str, words)])


# -- damaged packages


def _flipped(raw: bytes) -> bytes:
    return raw[:-1] + bytes((raw[-1] ^ 1,))


DAMAGES = pytest.mark.parametrize(
    "damage", [_flipped, lambda raw: raw[:-1], lambda raw: raw + b"\0"], ids=["changed", "cut", "longer"]
)


@DAMAGES
def test_a_damaged_package_is_not_published(
    damage: Callable[[bytes], bytes], shop: Workshop, packed: Path
) -> None:
    path = packed / PACKAGE
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(lambda: shop.publish(packages=packed)) == "bad_delta"
    assert sound(shop)


@DAMAGES
def test_a_damaged_package_that_was_signed_is_found(
    damage: Callable[[bytes], bytes], shop: Workshop, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def front_only(path: Path) -> delta.Header:
        with path.open("rb") as file:
            return delta.read_header(file)

    path = packed / PACKAGE
    path.write_bytes(damage(path.read_bytes()))
    monkeypatch.setattr(publishing, "read_whole", front_only)
    shop.publish(packages=packed)
    errors = check(shop.repository, shop.root).errors
    assert len(errors) == 1
    assert errors[0].startswith(f"{PACKAGE}: ")
    assert "no whole package" in errors[0]


@DAMAGES
def test_a_damaged_package_is_made_anew(
    damage: Callable[[bytes], bytes], shop: Workshop, packed: Path
) -> None:
    path = packed / PACKAGE
    right = path.read_bytes()
    path.write_bytes(damage(right))
    releases = shop.folder / "releases/heron"
    make_packages(releases / "1.0.0", releases / "2.0.0", packed)
    assert path.read_bytes() == right


def test_a_folder_without_packages_is_refused(
    shop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, empty = tmp_path / "file", tmp_path / "empty"
    file.write_bytes(b"")
    empty.mkdir()
    release = shop.folder / "releases/heron/1.0.0"
    for folder in (tmp_path / "nosuch", file, empty):
        assert refusal(partial(shop.publish, release, packages=folder)) == "no_packages"
        where = ("--repository", shop.repository.folder, "--keys", shop.offline, "--online-keys", shop.online)
        assert run("publish", *where, "--packages", folder) == 3
        assert str(folder) in capsys.readouterr().err


# -- lost files


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(_flipped(path.read_bytes()))])
def test_publishing_again_puts_back_what_was_lost(
    damage: Callable[[Path], object], shop: Workshop, packed: Path
) -> None:
    shop.publish(packages=packed)
    before = files(shop.repository.folder)
    lost = [p for p in before if p.name.endswith((".boot.img", ".system.delta-1.0.0"))]
    assert len(lost) == 3
    for path in lost:
        damage(path)
    assert not sound(shop)
    releases = sorted((shop.folder / "releases/heron").iterdir())
    done = shop.publish(*releases, packages=packed)
    assert (done.added, len(done.repaired)) == ((), 3)
    assert files(shop.repository.folder) == before


def test_what_an_interrupted_run_was_writing_is_swept(shop: Workshop) -> None:
    stale = [shop.repository.metadata / ".7.root.json.1-1.new", shop.repository.targets / "heron/.x.new"]
    for path in stale:
        path.write_bytes(b"half")
    shop.publish(shop.folder / "releases/heron/1.0.0")
    assert not any(path.exists() for path in stale)


# -- holding back


@pytest.mark.parametrize("other", ["1.0", "1", "1.0.0"])
def test_a_stage_is_widened_however_the_version_is_spelled(other: str, shop: Workshop) -> None:
    stage(shop.repository, shop.keyring, "heron", other, 5)
    rollout = stage(shop.repository, shop.keyring, "heron", "1.0.0", 100)
    assert rollout.percent == {"1.0.0": 100}
    assert all(rollout.admits(f"station-{n}", "1.0.0") for n in range(50))
    withdraw(shop.repository, shop.keyring, "heron", "1.0.0")
    assert withdraw(shop.repository, shop.keyring, "heron", other).withdrawn == {"1.0.0"}


def test_two_spellings_that_were_published_once_become_one(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Rollout("heron", frozenset(), {"1.0": 5, "1": 7, "3.0": 9})
    monkeypatch.setattr("firmware_agent.repository.online.read_rollout", lambda *_: old)
    stage(shop.repository, shop.keyring, "heron", "1.0.0", 50)
    monkeypatch.undo()
    targets = shop.repository.role("rollout").signed
    assert read_rollout(shop.repository, targets, "heron").percent == {"1.0.0": 50, "3.0": 9}
    old = Rollout("heron", frozenset(("1.0", "3.0")))
    monkeypatch.setattr("firmware_agent.repository.online.read_rollout", lambda *_: old)
    assert withdraw(shop.repository, shop.keyring, "heron", "1").withdrawn == {"1.0.0", "3.0"}


def test_a_withdrawn_version_is_not_staged(shop: Workshop) -> None:
    withdraw(shop.repository, shop.keyring, "heron", "1.0.0")
    for version in ("1.0.0", "1.0"):
        again = partial(stage, shop.repository, shop.keyring, "heron", version, 50)
        assert refusal(again) == "withdrawn"


@pytest.mark.parametrize("role", ["rollout/heron.json", "mirrors.json"])
def test_a_lost_list_is_said_in_one_line(role: str, shop: Workshop) -> None:
    stage(shop.repository, shop.keyring, "heron", "1.0.0", 5)
    folder, _, name = role.rpartition("/")
    for path in (shop.repository.targets / folder).glob(f"*.{name}"):
        path.unlink()
    where = ("--repository", shop.repository.folder, "--keys", shop.offline, "--online-keys", shop.online)
    if folder:
        assert run("stage", *where, "--model", "heron", "--version", "1.0.0", "--percent", 9) == 3
    else:
        assert run("mirrors", *where, "--add", "http://m1.example") == 3


# -- expiry


def test_publishing_again_renews_a_maker_that_has_lived_half_its_life(shop: Workshop) -> None:
    release = shop.folder / "releases/heron/1.0.0"
    before = shop.repository.role("acme").signed
    assert shop.publish(release).renewed == ()
    extend(shop.repository, shop.keyring, "maker:acme", SHORT)
    assert shop.publish(release).renewed == ("acme",)
    after = shop.repository.role("acme").signed
    assert after.version == before.version + 2
    assert after.expires >= before.expires
    assert after.targets == before.targets
    assert sound(shop)


@pytest.mark.parametrize("role", ["root", "targets", "maker:acme"])
def test_an_offline_role_is_renewed_with_the_keys_it_has(role: str, shop: Workshop) -> None:
    name = role.removeprefix("maker:")
    keys = {key.public_key.keyid for key in shop.keys_of(name)}
    where = ("--repository", shop.repository.folder, "--keys", shop.offline, "--online-keys", shop.online)
    before = check(shop.repository).versions[name]
    options = [f"--{kind}-expires-days={days}" for kind in ("root", "targets", "maker") for days in (1000,)]
    assert run("renew", *where, "--role", role, *options) == 0
    report = check(shop.repository, shop.root)
    assert report.errors == []
    assert report.versions[name] == before + 1
    expires = datetime.fromisoformat(report.expires[name])
    assert timedelta(days=999) < expires - datetime.now(UTC) < timedelta(days=1001)
    assert {key.public_key.keyid for key in shop.keys_of(name)} == keys


def test_only_an_offline_role_is_renewed_and_only_with_its_keys(shop: Workshop) -> None:
    before = files(shop.repository.folder)
    for role in ("rollout", "maker:rollout", "snapshot", "acme", "maker:nobody", "maker:targets", ""):
        assert refusal(partial(extend, shop.repository, shop.keyring, role)) == "no_role"
    for role in ("root", "targets", "maker:acme"):
        assert refusal(partial(extend, shop.repository, Keyring(shop.online), role)) == "no_key"
    assert files(shop.repository.folder) == before


# -- keys


def test_the_rollout_role_is_no_maker(shop: Workshop) -> None:
    before = files(shop.folder)
    assert refusal(lambda: rotate(shop.repository, shop.offline, shop.online, "maker:rollout")) == "no_role"
    assert files(shop.folder) == before


@pytest.mark.parametrize(
    ("role", "missing"),
    [
        ("maker:acme", "targets"),
        ("maker:acme", "timestamp"),
        ("rollout", "targets"),
        ("targets", "root"),
        ("targets", "snapshot"),
        ("timestamp", "root"),
        ("snapshot", "timestamp"),
        ("root", "root"),
    ],
)
def test_a_refused_rotation_leaves_no_key_behind(role: str, missing: str, shop: Workshop) -> None:
    for folder in (shop.offline, shop.online):
        for path in sorted(folder.glob(f"{missing}-*.pem"))[:2]:
            path.unlink()
    before = files(shop.folder)
    assert refusal(lambda: rotate(shop.repository, shop.offline, shop.online, role)) == "no_key"
    assert files(shop.folder) == before


def test_a_lost_key_is_replaced_while_the_others_are_enough(shop: Workshop) -> None:
    keyids = shop.repository.root().signed.roles["root"].keyids
    next(shop.offline.glob(f"root-{keyids[0][:16]}.pem")).unlink()
    rotate(shop.repository, shop.offline, shop.online, "root", keyids[0])
    for path in shop.offline.glob("acme-*.pem"):
        path.unlink()
    rotate(shop.repository, shop.offline, shop.online, "maker:acme")
    assert sound(shop)


def test_a_maker_is_added_with_the_lives_that_were_given(shop: Workshop) -> None:
    add_makers(shop.repository, shop.keyring, shop.offline, {"coil": ["ibis"]}, Lives(maker_days=1000))
    left = shop.repository.role("coil").signed.expires - datetime.now(UTC)
    assert left > timedelta(days=999)


@pytest.mark.parametrize(
    "option",
    ["--root-keys", "--root-threshold", "--root-expires-days", "--targets-keys", "--targets-threshold"],
)
def test_what_only_a_new_repository_can_be_given_is_refused(option: str, shop: Workshop) -> None:
    where = ("--repository", shop.repository.folder, "--keys", shop.offline, "--online-keys", shop.online)
    before = files(shop.folder)
    assert run("keys", *where, "--maker", "coil=ibis", option, 5) == 2
    assert files(shop.folder) == before
    assert (
        run("keys", *where, "--maker", "coil=ibis", "--targets-expires-days", 9, "--timestamp-hours", 99) == 0
    )
    left = shop.repository.role("targets").signed.expires - datetime.now(UTC)
    assert left < timedelta(days=9)


@pytest.mark.parametrize(
    "words",
    [
        ("stage", "--model", "heron", "--version", "1.0.0", "--percent", 5),
        ("withdraw", "--model", "heron", "--version", "1.0.0"),
        ("mirrors", "--add", "http://m1.example"),
    ],
)
def test_every_action_keeps_the_timestamps_life(words: tuple[object, ...], shop: Workshop) -> None:
    where = ("--repository", shop.repository.folder, "--keys", shop.offline, "--online-keys", shop.online)
    assert run(*words, *where, "--timestamp-hours", 700) == 0
    left = shop.repository.timestamp().signed.expires - datetime.now(UTC)
    assert timedelta(hours=699) < left < timedelta(hours=701)


# -- mistakes


def test_a_mistyped_repository_is_not_made(
    shop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    keys = ("--keys", shop.offline, "--online-keys", shop.online)
    release = ("--model", "heron", "--version", "1.0.0")
    actions: list[tuple[object, ...]] = [
        ("publish", shop.folder / "releases/heron/1.0.0", *keys),
        ("timestamp", *keys),
        ("stage", *release, "--percent", 5, *keys),
        ("withdraw", *release, *keys),
        ("mirrors", "--add", "http://m1.example", *keys),
        ("rotate", "--role", "root", *keys),
        ("renew", "--role", "root", *keys),
        ("check",),
        ("check", "--root", shop.repository.metadata / "1.root.json"),
    ]
    for folder in (tmp_path / "nosuch", file):
        for words in actions:
            assert run(*words, "--repository", folder) == 3, words
            assert capsys.readouterr().err == f"station: {folder}: no repository here\n"
    assert not (tmp_path / "nosuch").exists()


def test_a_file_where_a_folder_belongs_is_refused_in_one_line(
    shop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    new = make_release(tmp_path, version="2.0.0")
    for words in (
        ("keys", "--repository", file, "--keys", tmp_path / "k"),
        ("keys", "--repository", tmp_path / "repo", "--keys", file),
        ("delta", "--to", new, "--out", file),
        ("check", "--repository", shop.repository.folder, "--root", tmp_path / "nosuch"),
    ):
        assert run(*words) == 3, words
        said = capsys.readouterr().err
        assert said.startswith("station: ")
        assert said.count("\n") == 1


def test_an_empty_root_is_not_taken_for_none(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert run("check", "--repository", shop.repository.folder) == 0
    assert run("check", "--repository", shop.repository.folder, "--root", tmp_path / "empty") == 3


def test_a_refusal_names_what_can_be_done(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FirmwareError, match=r"72 to 744 h"):
        Lives(timestamp_hours=100_000)
    new = shop.release(version="2.0.0", variant="eu")
    with pytest.raises(FirmwareError, match=r"heron cn is no base for heron eu"):
        make_packages(shop.folder / "releases/heron/1.0.0", new, shop.folder / "p")
    monkeypatch.setattr(edition, "MAX_METADATA_BYTES", 100)
    with pytest.raises(FirmwareError, match=r"under another maker"):
        shop.publish(shop.release(version="3.0.0"))
