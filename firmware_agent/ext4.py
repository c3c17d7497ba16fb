"""Reproducible ext4 images from a folder, through Debian's mkfs.ext4 and debugfs. It mounts nothing.

The same files give the same bytes: names sorted, owners root, every time stamp fixed, UUID and hash seed
derived from the content (e2fsprogs 1.47: mke2fs(8) -d, -U, -E hash_seed, E2FSPROGS_FAKE_TIME).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from firmware_agent.errors import BuildFailed, ToolFailed

BLOCK_BYTES = 4096
INODE_BYTES = 256
EPOCH_S = 1_230_768_000
"""2009-01-01T00:00:00Z, the date AOSP gives to files in its images."""

_MEBIBYTE = 1024 * 1024
_MAX_FILES = 1_000_000
_FEATURES = (
    "none,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,extra_isize"
)
_TOOL_TIMEOUT_S = 900


def make_ext4(folder: Path, image: Path, extra: Mapping[str, bytes], label: str = "") -> int:
    """Write ``image``, an ext4 holding ``folder`` and the ``extra`` files (name in the root -> content).

    Returns its size in bytes, a multiple of 1 MiB. Raises :class:`BuildFailed` for a folder that cannot be an
    image (devices, sockets, an extra file that is there with other content), :class:`ToolFailed`.
    """
    with tempfile.TemporaryDirectory(prefix="ext4-", dir=image.parent) as scratch:
        staged = Path(scratch) / "root"
        names = _stage(folder, staged, extra)
        seed, blocks = _digest(staged, names)
        size_bytes = _size_bytes(blocks, len(names))
        with image.open("wb") as out:
            out.truncate(size_bytes)
        _run_mkfs(staged, image, seed, len(names), label)
        _fix_inodes(image, names, Path(scratch) / "fix.cmd")
    return size_bytes


def read_file(image: Path, path: str, max_bytes: int = 65536) -> bytes:
    """One small file out of an ext4 image; ``BuildFailed`` when it is not there."""
    done = _tool(["debugfs", "-R", f'cat "{path}"', os.fspath(image)])
    if not done.stdout:
        raise BuildFailed("no_file", f"{image.name} holds no {path}")
    return done.stdout[:max_bytes]


def _stage(folder: Path, staged: Path, extra: Mapping[str, bytes]) -> list[str]:
    """Copy into ``staged``; every path inside, sorted, parents first."""
    if not folder.is_dir():
        raise BuildFailed("no_folder", f"{folder} is not a folder")
    staged.mkdir()
    names: list[str] = []
    for path, name in _walk(folder):
        names.append(name)
        if len(names) > _MAX_FILES:
            raise BuildFailed("too_many_files", f"{folder} holds more than {_MAX_FILES} files")
        _copy(path, staged / name)
    for name, content in extra.items():
        target = staged / name
        if target.exists() and target.read_bytes() != content:
            raise BuildFailed("other_content", f"{folder}/{name} says something else than the release")
        target.write_bytes(content)
        target.chmod(0o644)
        if name not in names:
            names.append(name)
    staged.chmod(0o755)
    return sorted(names)


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    for root, dirs, files in os.walk(folder):
        dirs.sort()
        for name in sorted(dirs + files):
            path = Path(root) / name
            yield path, path.relative_to(folder).as_posix()


def _copy(path: Path, target: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target.symlink_to(path.readlink())
    elif stat.S_ISDIR(mode):
        target.mkdir()
        target.chmod(stat.S_IMODE(mode) | 0o700)
    elif stat.S_ISREG(mode):
        shutil.copyfile(path, target)
        target.chmod(stat.S_IMODE(mode) | 0o400)
    else:
        raise BuildFailed("special_file", f"{path} is neither a file, a folder nor a link")


def _digest(staged: Path, names: list[str]) -> tuple[bytes, int]:
    """A digest of the tree, and the blocks its content takes."""
    digest = hashlib.sha256()
    blocks = 0
    for name in names:
        path = staged / name
        info = path.lstat()
        digest.update(f"{name}\0{info.st_mode:o}\0".encode())
        if stat.S_ISLNK(info.st_mode):
            digest.update(os.fsencode(path.readlink()))
            blocks += 1
        elif stat.S_ISREG(info.st_mode):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
            blocks += -(-info.st_size // BLOCK_BYTES)
        else:
            # A directory entry takes at most 263 bytes; a deep tree of small folders takes a block each.
            blocks += 1 + len(os.listdir(path)) * 264 // BLOCK_BYTES
    return digest.digest(), blocks


def _size_bytes(blocks: int, files: int) -> int:
    metadata = (files + 64) * INODE_BYTES + blocks // 8 + 2 * _MEBIBYTE
    wanted = int(blocks * BLOCK_BYTES * 1.03) + metadata
    return -(-wanted // _MEBIBYTE) * _MEBIBYTE


def _run_mkfs(staged: Path, image: Path, seed: bytes, files: int, label: str) -> None:
    volume = uuid.UUID(bytes=seed[:16], version=4)
    hash_seed = uuid.UUID(bytes=seed[16:], version=4)
    options = f"lazy_itable_init=0,nodiscard,root_owner=0:0,hash_seed={hash_seed}"
    _tool(
        ["mkfs.ext4", "-q", "-F", "-d", os.fspath(staged), "-O", _FEATURES, "-b", str(BLOCK_BYTES)]
        + ["-I", str(INODE_BYTES), "-N", str(files + 64), "-m", "0", "-U", str(volume), "-E", options]
        + (["-L", label[:16]] if label else [])
        + [os.fspath(image)]
    )


def _fix_inodes(image: Path, names: list[str], script: Path) -> None:
    """Owners and time stamps that mke2fs copies from the staging folder: root, and the fixed date."""
    lines: list[str] = []
    fields = {"uid": "0", "gid": "0", "ctime": f"@{EPOCH_S}", "atime": f"@{EPOCH_S}", "mtime": f"@{EPOCH_S}"}
    fields |= {"crtime": f"@{EPOCH_S}", "generation": "0"}
    fields |= {"ctime_extra": "0", "atime_extra": "0", "mtime_extra": "0", "crtime_extra": "0"}
    for name in ["", *names]:
        if any(char in name for char in '"\n\\'):
            raise BuildFailed("bad_name", f"{name[:60]!r}: a name with a quote, backslash or new line")
        lines += [f'set_inode_field "/{name}" {field} {value}' for field, value in fields.items()]
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _tool(["debugfs", "-w", "-f", os.fspath(script), os.fspath(image)])


def _tool(words: list[str]) -> subprocess.CompletedProcess[bytes]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    program = shutil.which(words[0], path=path)
    if program is None:
        raise ToolFailed("no_tool", f"{words[0]} is missing (Debian package e2fsprogs)")
    environment = {
        "PATH": path,
        "LC_ALL": "C.UTF-8",
        "E2FSPROGS_FAKE_TIME": str(EPOCH_S),
        "MKE2FS_CONFIG": os.devnull,
    }
    try:
        done = subprocess.run(
            [program, *words[1:]], env=environment, capture_output=True, timeout=_TOOL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ToolFailed("tool_failed", f"{words[0]}: {exc}") from exc
    complaints = [
        line
        for line in done.stderr.decode("utf-8", "replace").splitlines()
        if line and not line.startswith("debugfs ")
    ]
    if done.returncode != 0 or (complaints and words[0] == "debugfs" and "-w" in words):
        raise ToolFailed("tool_failed", f"{words[0]}: {' '.join(complaints)[:300] or done.returncode}")
    return done
