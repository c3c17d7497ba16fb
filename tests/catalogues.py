"""A maker's workshop in a folder: keys, tiny releases, a signed repository, forgeries of it, and real HTTP mirrors.

For tests of whatever believes, fetches or shows a catalogue.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from firmware_agent import durable
from firmware_agent.download.exchange import Limits
from firmware_agent.download.http import Http
from firmware_agent.durable import Disk
from firmware_agent.manifest import Part, Release, write_manifest
from firmware_agent.mirrors.book import Mirror, MirrorBook
from firmware_agent.repository.folder import Repository
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import Offline, Setup, make_repository
from firmware_agent.repository.publish import Published, publish
from firmware_agent.trust.trust import Trust
from firmware_agent.watch import Note, Watch

MODELS = {"acme": ("heron", "wren"), "bolt": ("egret",)}
QUICK = Limits(
    connect_s=5.0,
    first_byte_s=5.0,
    silence_s=5.0,
    slowest_bytes_s=200,
    window_s=1.5,
    pause_s=0.05,
    give_up_s=3.0,
)
"""A downloader's patience in a test: a trickle is given up at once, a busy machine is not."""

Answer = Callable[[BaseHTTPRequestHandler, bytes | None], bool]
"""Answers a request instead of the file (whose bytes it is given, None = not there); False = it did not."""


@dataclass(slots=True)
class Server:
    """One mirror: a folder over HTTP. ``faults`` are asked first, in order."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    faults: list[Answer] = field(default_factory=list)

    @property
    def mirror(self) -> Mirror:
        """As a station's book has it."""
        return Mirror(self.url)

    def fail(self, suffix: str, how: Answer) -> None:
        """Answer requests for paths that end so in another way."""

        def answer(request: BaseHTTPRequestHandler, raw: bytes | None) -> bool:
            return request.path.endswith(suffix) and how(request, raw)

        self.faults.append(answer)


def replaced(raw: bytes) -> Answer:
    """Other bytes."""

    def answer(request: BaseHTTPRequestHandler, _raw: bytes | None) -> bool:
        _send(request, raw)
        return True

    return answer


def changed(change: Callable[[bytes], bytes]) -> Answer:
    """The file's bytes, changed."""

    def answer(request: BaseHTTPRequestHandler, raw: bytes | None) -> bool:
        if raw is None:
            return False
        _send(request, change(raw))
        return True

    return answer


def status(code: int) -> Answer:
    """No file but a status."""

    def answer(request: BaseHTTPRequestHandler, _raw: bytes | None) -> bool:
        body = b"no\n"
        request.send_response(code)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        return True

    return answer


def endless(request: BaseHTTPRequestHandler, _raw: bytes | None) -> bool:
    """A body that does not end, and no length."""
    request.send_response(200)
    request.end_headers()
    request.close_connection = True
    piece = b" " * 65536
    try:
        while True:
            request.wfile.write(piece)
    except OSError:
        return True  # the station hung up


def trickle(request: BaseHTTPRequestHandler, raw: bytes | None) -> bool:
    """The file, one byte now and then."""
    body = raw or b"{}"
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.close_connection = True
    gone = threading.Event()
    try:
        for byte in body:
            request.wfile.write(bytes((byte,)))
            gone.wait(0.02)
    except OSError:
        pass  # the station hung up
    return True


def _send(request: BaseHTTPRequestHandler, raw: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(raw)))
    request.end_headers()
    request.wfile.write(raw)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """The folder on a free port of this machine."""
    server = Server(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            server.asked.append(path)
            file = server.folder / path
            raw = file.read_bytes() if file.is_file() else None
            if any(fault(self, raw) for fault in list(server.faults)):
                return
            if raw is None:
                status(404)(self, None)
            else:
                _send(self, raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


class QuickDisk(Disk):
    """Does not wait for the disk: a test that cuts no power needs nothing to survive it."""

    def sync(self, handle: int) -> None:
        """Nothing."""

    def sync_folder(self, folder: Path) -> None:
        """Nothing."""


@contextmanager
def quick_disk() -> Iterator[None]:
    """Within it nothing waits for the disk."""
    durable.use(QuickDisk())
    try:
        yield
    finally:
        durable.use(None)


def image_bytes(model: str, version: str, partition: str, size_bytes: int = 20_000) -> bytes:
    """An image's content, which two versions mostly share."""
    shared = hashlib.shake_256(f"{model}/{partition}".encode()).digest(size_bytes)
    own = hashlib.shake_256(f"{model}/{version}/{partition}".encode()).digest(size_bytes // 20)
    return own + shared[len(own) :]


def make_release(
    root: Path,
    model: str = "heron",
    version: str = "2.0.0",
    *,
    images: Mapping[str, bytes] | None = None,
    variant: str = "cn",
    rollback_index: int = 1,
    wipes_data: bool = False,
) -> Path:
    """A release directory as ``station release build`` makes it, only tiny; its path."""
    content = images or {name: image_bytes(model, version, name) for name in ("boot", "system")}
    folder = root / model / version
    (folder / "images").mkdir(parents=True)
    parts = []
    for name, raw in content.items():
        (folder / "images" / f"{name}.img").write_bytes(raw)
        parts.append(Part(name, f"images/{name}.img", len(raw), hashlib.sha256(raw).hexdigest()))
    release = Release(
        model, variant, version, rollback_index, 30, wipes_data, {"zh": "新", "en": "new"}, tuple(parts)
    )
    (folder / "manifest.json").write_bytes(write_manifest(release))
    return folder


class Workshop:
    """Keys, releases and a repository. Everything in it may be changed by hand."""

    def __init__(
        self, folder: Path, makers: Mapping[str, Sequence[str]] | None = None, offline: Offline | None = None
    ) -> None:
        self.folder = folder
        self.offline = folder / "keys"
        self.online = folder / "online"
        self.keyring = Keyring(self.offline, self.online)
        self.repository = Repository(folder / "repository")
        rule = offline or Offline(3, 2)
        setup = Setup(makers or MODELS, root=rule, targets=rule)
        self.root = make_repository(self.repository, self.offline, self.online, setup).to_bytes()

    def copy(self, name: str) -> Workshop:
        """The same keys, and the repository as it is now, to be forged or kept."""
        other = deepcopy(self)
        other.repository = Repository(self.folder / name)
        shutil.copytree(self.repository.folder, other.repository.folder)
        return other

    def release(self, model: str = "heron", version: str = "2.0.0", **more: Any) -> Path:
        """A tiny release directory."""
        return make_release(self.folder / "releases", model, version, **more)

    def publish(self, *releases: Path, packages: Path | None = None) -> Published:
        """As the command does."""
        return publish(self.repository, self.keyring, releases, packages)

    # -- forging: sign whatever one likes with the keys that one has

    def keys_of(self, role: str) -> list[Signer]:
        """Every key that the published metadata trusts for a role."""
        root = self.repository.root().signed
        if role in root.roles:
            return self.keyring.signers(root.roles[role].keyids)
        return self.keyring.signers(self.repository.role("targets").signed.get_delegated_role(role).keyids)

    def write(
        self,
        role: str,
        metadata: Metadata[Any],
        signers: Sequence[Signer] | None = None,
        version: int | None = None,
    ) -> bytes:
        """Sign and write a role's file under its own version, as it stands; its bytes."""
        if version is not None:
            metadata.signed.version = version
        metadata.signatures.clear()
        for signer in self.keys_of(role) if signers is None else signers:
            metadata.sign(signer, append=True)
        raw = metadata.to_bytes()
        name = "timestamp" if role == "timestamp" else f"{metadata.signed.version}.{role}"
        self.repository.write_metadata(name, raw)
        return raw

    def edit(
        self,
        role: str,
        change: Callable[[Any], None],
        *,
        signers: Sequence[Signer] | None = None,
        version: int | None = None,
        upward: bool = True,
    ) -> None:
        """Change a role's content, sign it, and (``upward``) have snapshot and timestamp name it."""
        metadata = self.metadata(role)
        change(metadata.signed)
        raw = self.write(role, metadata, signers, version or metadata.signed.version + 1)
        if not upward or role in ("root", "timestamp"):
            return
        meta = MetaFile.from_data(metadata.signed.version, raw, ["sha256"])
        if role == "snapshot":
            self.edit("timestamp", lambda signed: setattr(signed, "snapshot_meta", meta))
        else:
            self.edit("snapshot", lambda signed: signed.meta.__setitem__(f"{role}.json", meta))

    def metadata(
        self, role: str
    ) -> Metadata[Root] | Metadata[Timestamp] | Metadata[Snapshot] | Metadata[Targets]:
        """A role's newest published metadata."""
        readers: dict[str, Callable[[], Any]] = {
            "root": self.repository.root,
            "timestamp": self.repository.timestamp,
            "snapshot": self.repository.snapshot,
        }
        return readers[role]() if role in readers else self.repository.role(role)

    def expire(self, role: str) -> None:
        """Have a role's metadata be out of date, and properly signed."""
        past = datetime.now(UTC) - timedelta(days=1)
        self.edit(role, lambda signed: setattr(signed, "expires", past))


class Station:
    """One station's trust, with what it would tell its ledger."""

    def __init__(self, folder: Path, root: bytes, mirrors: Sequence[Mirror], **more: Any) -> None:
        self.notes: list[Note] = []
        self.watch = Watch(on_note=self.notes.append)
        self.folder = folder
        self.book = MirrorBook(mirrors)
        self.http = Http(self.book, limits=QUICK)
        self.trust = Trust(folder, root, self.book, self.http, **more)

    def refresh(self, max_age_s: float = 0.0) -> None:
        """Ask the mirrors now."""
        self.trust.refresh(self.watch, max_age_s=max_age_s)

    def reasons(self, kind: str = "catalogue.refused") -> list[str]:
        """Of the notes of a kind, in order."""
        return [str(note.body.get("reason", "")) for note in self.notes if note.kind == kind]

    def versions(self, model: str = "heron") -> list[str]:
        """What the catalogue has of a model."""
        index = self.trust.index(model, self.watch)
        return [release.version for release in index.releases] if index else []


class Bench:
    """Workshop, servers and stations of one test. A context manager that ends the servers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._stack.enter_context(quick_disk())
        self.shop = Workshop(folder / "shop")

    def serve(self, workshop: Workshop | None = None) -> Server:
        """A mirror of a workshop's repository."""
        return self._stack.enter_context(serving((workshop or self.shop).repository.folder))

    def station(self, *servers: Server, name: str = "station", **more: Any) -> Station:
        """A station that knows these mirrors, asked in this order."""
        return Station(self.folder / name, self.shop.root, [server.mirror for server in servers], **more)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
