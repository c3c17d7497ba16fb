"""A maker's LMS key: a folder with the secret, the tree and the count of what was signed. It chooses no message.

The folder is the only copy that may ever sign: one put back from a copy knows of fewer signatures than were made.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from firmware_agent.device import lms
from firmware_agent.durable import disk
from firmware_agent.errors import BuildFailed
from firmware_agent.signing.state import Leaves
from firmware_agent.signing.tree import OnProgress, Secret, Shape, Tree, grow

HEIGHTS = (5, 10, 15)
WINTERNITZ = (1, 2, 4, 8)
DEFAULT = Shape(10, 8)
"""1,024 signatures of 1,456 bytes; about four seconds to make on two cores."""
_KEY, _TREE = "key.json", "tree.bin"
_KEY_BYTES_MOST = 4096


class LmsKey:
    """A key that can sign. ``public_key`` is what devices are given: 60 bytes, an HSS public key of one level."""

    def __init__(self, folder: Path) -> None:
        """Open it. BuildFailed (``bad_key``) where it is no key, or one that others can read."""
        self._secret = _load(folder)
        self._tree = _load_tree(folder, self._secret)
        self.public_key = self._tree.public_key
        self._folder = folder
        self._leaves = _leaves(folder, self._tree)

    @property
    def shape(self) -> Shape:
        """How many signatures, and of what size."""
        return self._secret.shape

    @property
    def left(self) -> int:
        """How many signatures it can still make."""
        return self._leaves.left()

    def sign(self, message: bytes) -> bytes:
        """The HSS signature of ``message``. The leaf is counted as used, and that is on the disk, before it signs.

        BuildFailed: ``key_exhausted``, ``bad_state``, ``bad_key``, ``cannot_write``. A leaf is never used twice,
        also not by another process, nor after this one was killed; then it is lost.
        """
        leaf = self._leaves.take(message)
        one_time = self._secret.one_time(leaf, message, secrets.token_bytes(lms.HASH_BYTES))
        signature = self._tree.wrap(leaf, one_time)
        if not lms.verify(self.public_key, message, signature):
            raise BuildFailed("bad_key", f"{self._folder}: {_TREE} and {_KEY} do not belong together")
        return signature


def make_key(
    folder: Path, shape: Shape = DEFAULT, on_progress: OnProgress = lambda done, total: None, workers: int = 2
) -> LmsKey:
    """A new key in ``folder``, which must not exist or be empty; all of it or nothing.

    ``on_progress(done, total)`` counts leaves and only rises. BuildFailed: ``bad_shape``, ``key_exists``,
    ``cannot_write``.
    """
    if shape.height not in HEIGHTS or shape.winternitz not in WINTERNITZ:
        raise BuildFailed("bad_shape", f"height is one of {HEIGHTS} and winternitz one of {WINTERNITZ}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BuildFailed("key_exists", f"{folder} is there already, and a key is never written over")
    secret = Secret(shape, secrets.token_bytes(lms.IDENTIFIER_BYTES), secrets.token_bytes(lms.HASH_BYTES))
    tree = grow(secret, on_progress, workers)
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(mode=0o700)
        _write(scratch / _KEY, _dump(secret))
        _write(scratch / _TREE, tree.nodes)
        _leaves(scratch, tree).begin()
        disk().sync_folder(scratch)
        disk().rename(scratch, folder)
    except OSError as exc:
        raise BuildFailed("cannot_write", f"{folder}: {exc.strerror}") from exc
    return LmsKey(folder)


def _leaves(folder: Path, tree: Tree) -> Leaves:
    return Leaves(folder, tree.identifier.hex(), tree.shape.leaves)


def _dump(secret: Secret) -> bytes:
    return json.dumps(
        {
            "kind": "LMS private key (RFC 8554)",
            "height": secret.shape.height,
            "winternitz": secret.shape.winternitz,
            "identifier": secret.identifier.hex(),
            "seed": secret.seed.hex(),
        },
        indent=1,
    ).encode()


def _load(folder: Path) -> Secret:
    path = folder / _KEY
    try:
        with path.open("rb") as file:
            others = os.fstat(file.fileno()).st_mode & 0o077
            found = json.loads(file.read(_KEY_BYTES_MOST))
        shape = Shape(found["height"], found["winternitz"])
        identifier, seed = bytes.fromhex(found["identifier"]), bytes.fromhex(found["seed"])
    except OSError as exc:
        raise BuildFailed("bad_key", f"{path}: {exc.strerror}") from exc
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise BuildFailed("bad_key", f"{path} is not a key") from exc
    if others:
        raise BuildFailed("bad_key", f"{path} can be read by others: chmod 600 it, if nobody has")
    sound = len(identifier) == lms.IDENTIFIER_BYTES and len(seed) == lms.HASH_BYTES
    if not sound or shape.height not in HEIGHTS or shape.winternitz not in WINTERNITZ:
        raise BuildFailed("bad_key", f"{path} is not a key of a shape that is known")
    return Secret(shape, identifier, seed)


def _load_tree(folder: Path, secret: Secret) -> Tree:
    path = folder / _TREE
    try:
        nodes = path.read_bytes()
    except OSError as exc:
        raise BuildFailed("bad_key", f"{path}: {exc.strerror}") from exc
    if len(nodes) != lms.HASH_BYTES * secret.shape.nodes:
        raise BuildFailed("bad_key", f"{path} is not the tree of this key")
    return Tree(secret.shape, secret.identifier, nodes)


def _write(path: Path, raw: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        disk().write(handle, raw, 0)
        disk().sync(handle)
    finally:
        os.close(handle)
