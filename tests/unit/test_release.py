"""Making releases and reading them back: same input, same bytes; hostile input, one clear line."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent.errors import BuildFailed, ReleaseRefused
from firmware_agent.ext4 import EPOCH_S, read_file
from firmware_agent.local import LocalCatalogue
from firmware_agent.manifest import Release, parse_manifest, write_manifest
from firmware_agent.release import Heading, build
from firmware_agent.vbmeta import load_or_create_key
from station.__main__ import main

HEADING = Heading("heron", "cn", "2.0.0", 2, {"zh": "新", "en": "new"})


def sources(root: Path, order: tuple[str, ...] = ("one", "two", "三")) -> dict[str, Path]:
    system = root / "system"
    (system / "bin").mkdir(parents=True)
    for name in order:
        (system / "bin" / name).write_bytes(name.encode() * 5000)
    (system / "empty").write_bytes(b"")
    (system / "link").symlink_to("bin/one")
    boot = root / "boot.bin"
    boot.write_bytes(bytes(range(256)) * 400)
    return {"system": system, "boot": boot}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    build(HEADING, sources(tmp_path / "in"), tmp_path / "key.pem", tmp_path / "heron" / "2.0.0")
    return tmp_path


@pytest.mark.tool("mkfs.ext4")
def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = sources(tmp_path / "in1")
    second = sources(tmp_path / "in2", ("三", "two", "one"))
    os.utime(second["system"] / "empty", (1, 1))
    for number, partitions in enumerate((first, second)):
        build(HEADING, partitions, tmp_path / "key.pem", tmp_path / f"out{number}")
    for name in ("manifest.json", "images/system.img", "images/boot.img", "images/vbmeta.img"):
        assert (tmp_path / "out0" / name).read_bytes() == (tmp_path / "out1" / name).read_bytes(), name


@pytest.mark.tool("mkfs.ext4")
def test_the_system_image_is_a_sound_ext4_that_says_its_version(made: Path) -> None:
    image = made / "heron" / "2.0.0" / "images" / "system.img"
    checked = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout
    properties = read_file(image, "/build.prop").decode().splitlines()
    assert "ro.product.device=heron" in properties
    assert "ro.build.version.release=2.0.0" in properties
    assert "ro.build.rollback_index=2" in properties
    assert read_file(image, "/bin/三", 1 << 20) == "三".encode() * 5000
    listed = subprocess.run(
        ["/sbin/debugfs", "-R", "stat /bin/one", image], capture_output=True, text=True, check=True
    )
    assert "User:     0   Group:     0" in listed.stdout
    assert f"mtime: {EPOCH_S:#x}:00000000" in listed.stdout


@pytest.mark.tool("mkfs.ext4")
def test_the_vbmeta_seals_every_other_image(made: Path) -> None:
    folder = made / "heron" / "2.0.0" / "images"
    raw = (folder / "vbmeta.img").read_bytes()
    assert raw[:4] == b"AVB0"
    assert len(raw) % 4096 == 0
    authentication_bytes, auxiliary_bytes, algorithm = struct.unpack_from(">QQL", raw, 12)
    assert algorithm == 1
    header, authentication = raw[:256], raw[256 : 256 + authentication_bytes]
    auxiliary = raw[256 + authentication_bytes : 256 + authentication_bytes + auxiliary_bytes]
    assert authentication[:32] == hashlib.sha256(header + auxiliary).digest()
    key = load_or_create_key(made / "key.pem").public_key()
    key.verify(authentication[32:288], header + auxiliary, padding.PKCS1v15(), hashes.SHA256())
    assert struct.unpack_from(">Q", header, 112)[0] == 2, "the rollback index is under the signature"
    for name in ("boot", "system"):
        content = (folder / f"{name}.img").read_bytes()
        salt = hashlib.sha256(f"heron/cn/2.0.0/{name}".encode()).digest()
        assert hashlib.sha256(salt + content).digest() in auxiliary


@pytest.mark.tool("mkfs.ext4")
def test_a_bundle_for_an_agent_is_a_release_of_its_own_and_nothing_seals_it(tmp_path: Path) -> None:
    (tmp_path / "bundle.agu").write_bytes(b"PSB1 and so on")
    heading = Heading("kinglet", "cn", "2.0.0", 2, {"zh": "新", "en": "new"})
    made = build(heading, {"firmware": tmp_path / "bundle.agu"}, None, tmp_path / "out")
    assert [part.name for part in made.partitions] == ["firmware"]
    with pytest.raises(BuildFailed, match="a key is needed"):
        build(HEADING, {"boot": tmp_path / "bundle.agu"}, None, tmp_path / "other")


def test_a_release_is_never_overwritten_and_appears_whole(made: Path) -> None:
    with pytest.raises(BuildFailed, match="never overwritten"):
        build(HEADING, {"boot": made / "in" / "boot.bin"}, made / "key.pem", made / "heron" / "2.0.0")
    with pytest.raises(BuildFailed):
        build(HEADING, {"boot": made / "nothing"}, made / "key.pem", made / "heron" / "3.0.0")
    assert sorted(path.name for path in (made / "heron").iterdir()) == ["2.0.0"]


@pytest.mark.parametrize("name", ["userdata", "Boot", "boot_a", "persist", "a/b"])
def test_a_release_cannot_name_what_may_not_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(BuildFailed):
        build(HEADING, {name: tmp_path / "x"}, tmp_path / "key.pem", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.tool("mkfs.ext4")
def test_a_folder_that_contradicts_the_release_is_refused(tmp_path: Path) -> None:
    partitions = sources(tmp_path)
    (partitions["system"] / "build.prop").write_text("ro.build.version.release=9.9.9\n")
    with pytest.raises(BuildFailed, match=r"build\.prop"):
        build(HEADING, partitions, tmp_path / "key.pem", tmp_path / "out")


def test_a_device_node_is_no_firmware(tmp_path: Path) -> None:
    partitions = sources(tmp_path)
    os.mkfifo(partitions["system"] / "pipe")
    with pytest.raises(BuildFailed, match="pipe"):
        build(HEADING, partitions, tmp_path / "key.pem", tmp_path / "out")


@pytest.mark.tool("mkfs.ext4")
def test_the_command_builds_a_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partitions = sources(tmp_path)
    words = [
        "release",
        "build",
        "--model",
        "heron",
        "--variant",
        "cn",
        "--version",
        "2.0.0",
        "--rollback-index",
        "2",
    ]
    words += ["--key", f"{tmp_path}/k.pem", "--out", f"{tmp_path}/out", "--json"]
    words += [word for name, path in partitions.items() for word in ("--partition", f"{name}={path}")]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(answer["images"]) == {"system", "boot", "vbmeta"}
    assert (tmp_path / "k.pem").stat().st_mode & 0o777 == 0o600
    assert main([*words[:-1], "boot"]) == 2, "not NAME=FILE"


@pytest.mark.tool("mkfs.ext4")
def test_the_catalogue_offers_the_newest_for_the_variant(made: Path) -> None:
    for version in ("10.0.0", "9.0.0"):
        heading = Heading("heron", "cn" if version == "9.0.0" else "eu", version, 3, {"zh": "", "en": ""})
        build(heading, {"boot": made / "in" / "boot.bin"}, made / "key.pem", made / "heron" / version)
    catalogue = LocalCatalogue(made)
    assert [release.version for release in catalogue.releases("heron")] == ["10.0.0", "9.0.0", "2.0.0"]
    newest = catalogue.newest("heron", "cn")
    assert newest is not None
    assert newest.version == "9.0.0"
    assert catalogue.newest("wren", "cn") is None
    assert catalogue.exact("heron", "2.0.0").size_bytes > 0
    for wrong in ("1.0.0", "../2.0.0", "two"):
        with pytest.raises(ReleaseRefused, match=r"no release|not a version"):
            catalogue.exact("heron", wrong)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x80
    path.write_bytes(content)


def _link_outside(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to("../elsewhere")


@pytest.mark.tool("mkfs.ext4")
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_truncate, "image_truncated"),
        (_flip, "hash_mismatch"),
        (Path.unlink, "image_missing"),
        (_link_outside, "image_missing"),
    ],
)
def test_a_damaged_image_is_found_before_it_is_used(
    made: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(made / "heron" / "2.0.0" / "images" / "boot.img")
    catalogue = LocalCatalogue(made)
    with pytest.raises(ReleaseRefused) as refused:
        catalogue.fetch("visit", catalogue.exact("heron", "2.0.0"))
    assert refused.value.reason == reason


@pytest.mark.tool("mkfs.ext4")
def test_an_image_altered_after_the_check_never_goes_out_whole(made: Path) -> None:
    catalogue = LocalCatalogue(made)
    with catalogue.fetch("visit", catalogue.exact("heron", "2.0.0")) as images:
        image = images.image("images/boot.img")
        assert b"".join(image.chunks(1000)) == (made / "in" / "boot.bin").read_bytes()
        with (made / "heron" / "2.0.0" / "images" / "boot.img").open("r+b") as file:
            file.write(b"!")
        sent: list[bytes] = []
        with pytest.raises(ReleaseRefused) as refused:
            sent.extend(image.chunks(1000))
        assert refused.value.reason == "image_changed"
        assert sum(map(len, sent)) < image.size_bytes


def manifest(**changes: object) -> bytes:
    part = {"name": "boot", "file": "images/boot.img", "size_bytes": 1, "sha256": "ab" * 32}
    top: dict[str, object] = {
        "format": 1,
        "model": "heron",
        "variant": "cn",
        "version": "2.0.0",
        "rollback_index": 2,
    }
    top |= {
        "min_battery_percent": 30,
        "wipes_data": False,
        "notes": {"zh": "", "en": ""},
        "partitions": [part],
    }
    return json.dumps(top | changes).encode()


def part(**changes: object) -> list[dict[str, object]]:
    return [{"name": "boot", "file": "images/boot.img", "size_bytes": 1, "sha256": "ab" * 32, **changes}]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"format": 1, "format": 1}',
        b"[" * 100_000,
        b" " * 300_000,
        manifest(format=2),
        manifest(format=True),
        manifest(extra=1),
        manifest(version="2.0.0-rc1"),
        manifest(version="２.0"),
        manifest(model="../heron"),
        manifest(rollback_index=-1),
        manifest(rollback_index=1.0),
        manifest(min_battery_percent=101),
        manifest(wipes_data=0),
        manifest(notes={"zh": ""}),
        manifest(notes={"zh": "", "en": "x" * 5000}),
        manifest(partitions=[]),
        manifest(partitions=part() * 2),
        manifest(partitions=part(name="userdata")),
        manifest(partitions=part(name="boot_a")),
        manifest(partitions=part(name="BOOT")),
        manifest(partitions=part(file="../../etc/passwd")),
        manifest(partitions=part(file="images/../x")),
        manifest(partitions=part(file="/etc/passwd")),
        manifest(partitions=part(file="images/..")),
        manifest(partitions=part(size_bytes=0)),
        manifest(partitions=part(size_bytes=1 << 60)),
        manifest(partitions=part(sha256="AB" * 32)),
        manifest(partitions=part(sha256="ab")),
    ],
)
def test_a_hostile_manifest_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(ReleaseRefused) as refused:
        parse_manifest(raw)
    assert "\n" not in refused.value.detail
    assert len(refused.value.detail) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_make_the_manifest_parser_fail_otherwise(raw: bytes) -> None:
    with pytest.raises(ReleaseRefused):
        parse_manifest(raw)


def test_a_manifest_reads_back_as_it_was_written() -> None:
    release: Release = parse_manifest(manifest(notes={"zh": "修复若干问题", "en": "fixes"}))
    assert parse_manifest(write_manifest(release)) == release
