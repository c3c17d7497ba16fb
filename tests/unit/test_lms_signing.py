"""The maker's hash-based keys: signatures as RFC 8554 has them, and no leaf that ever signs twice."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyhsslms
import pytest

from firmware_agent import durable
from firmware_agent.device import lms
from firmware_agent.errors import BuildFailed
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Secret, Shape, Tree, grow
from station.__main__ import main
from station.fault_disk import Cut
from tests.device.micro import rfc8554

QUICK = Shape(10, 1)
MESSAGE = b"an order" * 24

VICTIM = """
import sys
from pathlib import Path
from firmware_agent import durable
from firmware_agent.signing.key import LmsKey
from station.fault_disk import Cut, CuttingDisk
disk = CuttingDisk(lambda path: "download", Cut.parse(sys.argv[3]) if len(sys.argv) > 3 else None)
durable.use(disk)
key = LmsKey(Path(sys.argv[1]))
for turn in range(int(sys.argv[2])):
    print(int.from_bytes(key.sign(b"message %d" % turn)[4:8], "big"), flush=True)
for (phase, kind), count in disk.counts.items():
    print(kind, count, file=sys.stderr)
"""


def victim(key: Path, signatures: int, *cut: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(key), str(signatures), *cut],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def leaf_of(signature: bytes) -> int:
    return int.from_bytes(signature[4:8], "big")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> LmsKey:
    """A key for tests that never ask how many leaves are left."""
    return make_key(tmp_path_factory.mktemp("key") / "key", QUICK)


def refusal(folder: Path) -> str:
    with pytest.raises(BuildFailed) as caught:
        LmsKey(folder).sign(MESSAGE)
    assert "\n" not in caught.value.detail
    return caught.value.reason


# -- what is signed


def test_keys_and_signatures_are_those_of_the_rfc() -> None:
    below = rfc8554.SIGNATURE_2[4 + 2508 : 4 + 2508 + 56]
    rest = rfc8554.SIGNATURE_2[4 + 2508 + 56 :]
    top, bottom = rfc8554.PRIVATE_KEYS_2
    for key, public, message, wanted in (
        (top, rfc8554.PUBLIC_KEY_2[4:], below, rfc8554.SIGNATURE_2[4 : 4 + 2508]),
        (bottom, below, rfc8554.MESSAGE_2, rest),
    ):
        lms_type, ots_type, leaf, seed, identifier = key
        secret = Secret(Shape(lms.HEIGHTS[lms_type], lms.WINTERNITZ[ots_type][0]), identifier, seed)
        tree = grow(secret)
        assert tree.public_key[4:] == public
        assert leaf == int.from_bytes(wanted[:4], "big")
        assert tree.wrap(leaf, secret.one_time(leaf, message, wanted[8:40]))[4:] == wanted


@pytest.mark.parametrize("winternitz", [1, 2, 4, 8])
def test_another_implementation_takes_our_signatures_and_we_take_its(winternitz: int, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", Shape(5, winternitz))
    signature = key.sign(MESSAGE)
    assert len(signature) == key.shape.signature_bytes
    assert lms.verify(key.public_key, MESSAGE, signature)
    assert not lms.verify(key.public_key, MESSAGE + b"!", signature)
    assert pyhsslms.HssPublicKey.deserialize(key.public_key).verify(MESSAGE, signature)
    types = [pyhsslms.lmots_sha256_n32_w1, pyhsslms.lmots_sha256_n32_w2]
    types += [pyhsslms.lmots_sha256_n32_w4, pyhsslms.lmots_sha256_n32_w8]
    ots = types[winternitz.bit_length() - 1]
    other = pyhsslms.HssPrivateKey(levels=2, lms_type=pyhsslms.lms_sha256_m32_h5, lmots_type=ots)
    theirs = other.sign(MESSAGE)
    assert lms.verify(other.publicKey().serialize(), MESSAGE, theirs)


@pytest.mark.parametrize("length", [0, 3, 7, 8, 55])
def test_a_key_that_is_signed_but_too_short_is_wrong_and_never_an_error(length: int) -> None:
    secret = Secret(Shape(5, 1), bytes(16), bytes(32))
    tree = grow(secret)
    below = bytes(length)
    signature = tree.wrap(0, secret.one_time(0, below, bytes(32)))[4:]
    two_levels = (2).to_bytes(4, "big") + tree.public_key[4:]
    assert not lms.verify(two_levels, MESSAGE, (1).to_bytes(4, "big") + signature + below)


def test_a_tree_is_the_same_from_one_core_and_from_two_and_progress_only_rises() -> None:
    secret = Secret(QUICK, bytes(range(16)), bytes(range(32)))
    seen: list[tuple[int, int]] = []
    both = grow(secret, lambda done, total: seen.append((done, total)), workers=2)
    assert both == grow(secret, workers=1)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (1024, 1024)
    assert len(seen) > 2


def test_two_signatures_of_one_message_differ(made: LmsKey) -> None:
    one, two = made.sign(MESSAGE), made.sign(MESSAGE)
    assert leaf_of(two) == leaf_of(one) + 1
    assert one[12:44] != two[12:44], "the randomizer is new each time"


# -- a leaf signs once


def test_a_key_that_is_used_up_refuses(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", Shape(5, 1))
    leaves = [leaf_of(key.sign(MESSAGE)) for _ in range(key.left)]
    assert leaves == list(range(32))
    assert key.left == 0
    assert refusal(tmp_path / "key") == "key_exhausted"


def test_processes_and_threads_that_sign_at_once_never_get_the_same_leaf(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", QUICK)
    others = [victim(tmp_path / "key", 25) for _ in range(2)]
    with ThreadPoolExecutor(3) as pool:
        leaves = [leaf_of(one) for one in pool.map(key.sign, [MESSAGE] * 25)]
    for process in others:
        out, errors = process.communicate()
        assert process.returncode == 0, errors
        leaves += [int(line) for line in out.split()]
    assert sorted(leaves) == list(range(75))


def test_a_signer_killed_at_any_moment_never_uses_a_leaf_again(tmp_path: Path) -> None:
    make_key(tmp_path / "key", QUICK)
    draw = random.Random(4)
    leaves: list[int] = []
    for _ in range(8):
        process = victim(tmp_path / "key", 1000)
        assert process.stdout is not None
        for _ in range(draw.randrange(1, 9)):
            leaves.append(int(process.stdout.readline()))
        process.kill()
        leaves += [int(line) for line in process.communicate()[0].split("\n")[:-1]]
    leaves.append(leaf_of(LmsKey(tmp_path / "key").sign(MESSAGE)))
    assert len(set(leaves)) == len(leaves) > 8


def test_a_power_cut_at_any_write_never_gives_a_leaf_again(tmp_path: Path) -> None:
    make_key(tmp_path / "once", QUICK)
    once = victim(tmp_path / "once", 1)
    counts = {line.split()[0]: int(line.split()[1]) for line in once.communicate()[1].splitlines()}
    assert set(counts) == {"bytes", "sync", "name"}
    cuts = [("sync", at) for at in range(counts["sync"])] + [("name", at) for at in range(counts["name"])]
    cuts += [("bytes", at) for at in (0, 20, 60, counts["bytes"] - 1)]
    for number, (kind, at) in enumerate(cuts):
        for seed in range(2):
            folder = tmp_path / f"{number}-{seed}"
            make_key(folder, Shape(5, 1))
            phase = "cache" if kind == "name" else "download"
            # The first signature has left; the second meets the cut.
            process = victim(folder, 2, Cut(phase, kind, counts[kind] + at + 1, seed).text)  # type: ignore[arg-type]
            out, _ = process.communicate()
            assert process.returncode == -signal.SIGKILL
            left = [int(line) for line in out.split()]
            assert left == [0]
            again = [leaf_of(LmsKey(folder).sign(MESSAGE)) for _ in range(2)]
            assert not set(left) & set(again), (kind, at, seed)
            assert again[0] < again[1]


class Full(durable.Disk):
    def sync(self, handle: int) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_signs_nothing(made: LmsKey) -> None:
    durable.use(Full())
    try:
        with pytest.raises(BuildFailed, match="nothing was signed"):
            made.sign(MESSAGE)
    finally:
        durable.use(None)


# -- records that cannot be trusted


def signed_twice(tmp_path: Path) -> Path:
    key = make_key(tmp_path / "key", Shape(5, 1))
    key.sign(MESSAGE)
    key.sign(MESSAGE)
    return tmp_path / "key"


@pytest.mark.parametrize("name", ["state.json", "signed.log", "lock"])
def test_a_key_without_its_records_refuses(name: str, tmp_path: Path) -> None:
    folder = signed_twice(tmp_path)
    (folder / name).unlink()
    assert refusal(folder) == "bad_state"


def test_a_state_put_back_from_a_copy_is_refused(tmp_path: Path) -> None:
    folder = signed_twice(tmp_path)
    old = (folder / "state.json").read_bytes()
    LmsKey(folder).sign(MESSAGE)
    (folder / "state.json").write_bytes(old)
    assert refusal(folder) == "bad_state"
    with pytest.raises(BuildFailed, match="older"):
        _ = LmsKey(folder).left


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"next": 5}',
        b'{"key": "", "next": 5}',
        b"[" * 3000,
        b'{"key": 1, "next": "5"}',
    ],
)
def test_a_state_that_is_none_is_refused(raw: bytes, tmp_path: Path) -> None:
    folder = signed_twice(tmp_path)
    (folder / "state.json").write_bytes(raw)
    assert refusal(folder) == "bad_state"


@pytest.mark.parametrize("leaf", [-1, 33, 5.0, True, None])
def test_a_count_that_cannot_be_is_refused(leaf: object, tmp_path: Path) -> None:
    folder = signed_twice(tmp_path)
    state = json.loads((folder / "state.json").read_bytes())
    (folder / "state.json").write_text(json.dumps(state | {"next": leaf}))
    assert refusal(folder) == "bad_state"


def test_another_keys_state_is_refused(tmp_path: Path) -> None:
    folder = signed_twice(tmp_path)
    make_key(tmp_path / "other", Shape(5, 1))
    (folder / "state.json").write_bytes((tmp_path / "other/state.json").read_bytes())
    assert refusal(folder) == "bad_state"


@pytest.mark.parametrize("torn", [b"00000", bytes(76), b"0000000002 " + bytes(65)])
def test_a_last_line_torn_by_a_power_cut_is_written_over(torn: bytes, tmp_path: Path) -> None:
    folder = signed_twice(tmp_path)
    with (folder / "signed.log").open("ab") as file:
        file.write(torn)
    key = LmsKey(folder)
    assert [leaf_of(key.sign(MESSAGE)) for _ in range(2)] == [2, 3]
    lines = (folder / "signed.log").read_bytes().splitlines()
    assert [int(line.split()[0]) for line in lines] == [0, 1, 2, 3]


def test_a_log_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    folder = signed_twice(tmp_path)
    raw = bytearray((folder / "signed.log").read_bytes())
    raw[5] = 0
    (folder / "signed.log").write_bytes(raw)
    assert refusal(folder) == "bad_state"


# -- the key itself


def test_only_its_owner_can_read_a_key_and_one_that_others_can_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "key", Shape(5, 1))
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "key/key.json").stat().st_mode) == 0o600
    (tmp_path / "key/key.json").chmod(0o640)
    assert refusal(tmp_path / "key") == "bad_key"


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    make_key(tmp_path / "key", Shape(5, 1))
    before = (tmp_path / "key/key.json").read_bytes()
    with pytest.raises(BuildFailed, match="never written over"):
        make_key(tmp_path / "key", Shape(5, 1))
    assert (tmp_path / "key/key.json").read_bytes() == before


def test_a_key_that_could_not_be_written_whole_is_not_there_at_all(tmp_path: Path) -> None:
    durable.use(Full())
    try:
        with pytest.raises(BuildFailed, match="No space"):
            make_key(tmp_path / "key", Shape(5, 1))
    finally:
        durable.use(None)
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("name", ["key.json", "tree.bin"])
@pytest.mark.parametrize("raw", [b"", b"{}", b"x" * 2016, b'{"height": 5, "winternitz": 3}'])
def test_a_key_file_that_is_none_is_refused(name: str, raw: bytes, tmp_path: Path) -> None:
    make_key(tmp_path / "key", Shape(5, 1))
    (tmp_path / "key" / name).write_bytes(raw)
    assert refusal(tmp_path / "key") == "bad_key"


@pytest.mark.parametrize("shape", [Shape(6, 8), Shape(10, 3), Shape(25, 8), Shape(0, 0)])
def test_a_shape_that_the_rfc_or_the_house_does_not_have_is_refused(shape: Shape, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="height is one of"):
        make_key(tmp_path / "key", shape)


def test_a_secret_is_never_printed(made: LmsKey) -> None:
    secret = Secret(QUICK, bytes(16), b"\x99" * 32)
    assert "99" not in repr(secret)
    assert "\\x99" not in repr(secret)
    assert repr(Tree(QUICK, b"", b"")).startswith("Tree")


# -- the command line


def answer(
    capsys: pytest.CaptureFixture[str], *words: str | os.PathLike[str]
) -> tuple[int, dict[str, object]]:
    code = main(["release", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_key_made_and_a_file_signed_on_the_command_line_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, file, out = tmp_path / "key", tmp_path / "order", tmp_path / "order.sig"
    file.write_bytes(MESSAGE)
    code, made = answer(capsys, "keys", "--lms", key, "--height", "5", "--winternitz", "4")
    assert (code, made["signatures"]) == (0, 32)
    code, signed = answer(capsys, "sign-lms", "--key", key, file, "--out", out)
    assert (code, signed["leaf"], signed["signatures_left"]) == (0, 0, 31)
    assert lms.verify(bytes.fromhex(str(made["public_key"])), MESSAGE, out.read_bytes())


def test_what_cannot_be_signed_uses_up_no_leaf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = make_key(tmp_path / "key", Shape(5, 1))
    (tmp_path / "order").write_bytes(MESSAGE)
    for file, out in (("order", "order"), ("order", "missing/sig"), ("missing", "sig")):
        code, said = answer(
            capsys, "sign-lms", "--key", tmp_path / "key", tmp_path / file, "--out", tmp_path / out
        )
        assert code != 0
        assert said["error"]
    assert key.left == 32


def test_options_of_the_two_kinds_of_keys_do_not_mix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "x")
    for words in (
        ["keys"],
        ["keys", "--repository", folder],
        ["keys", "--height", "5"],
        ["keys", "--lms", folder, "--repository", folder],
        ["keys", "--lms", folder, "--maker", "a=b"],
    ):
        assert answer(capsys, *words)[0] == 2, words
