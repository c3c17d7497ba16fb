"""The cache: bounded, never half a file, never without what a visit holds."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import multiprocessing
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from firmware_agent import durable
from firmware_agent.cache.objects import Cache
from firmware_agent.errors import NoRoom, ReleaseRefused, Stopped
from firmware_agent.watch import Watch

LIMIT = 1000
WATCH = Watch()


def content(name: str, size_bytes: int = 300) -> bytes:
    return hashlib.shake_128(name.encode()).digest(size_bytes)


def sha(name: str, size_bytes: int = 300) -> str:
    return hashlib.sha256(content(name, size_bytes)).hexdigest()


def put(cache: Cache, name: str, size_bytes: int = 300) -> None:
    with cache.writing(sha(name, size_bytes), size_bytes, WATCH) as part:
        assert part is not None
        part.write_bytes(content(name, size_bytes))
        cache.commit(part)
    age(cache)


def age(cache: Cache) -> None:
    """Let an hour pass for everything that is there."""
    for folder in ("objects", "parts"):
        for path in (cache._root / folder).iterdir():
            info = path.stat()
            os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns - 3600 * 10**9))


def read(cache: Cache, name: str, size_bytes: int = 300) -> bytes | None:
    handle = cache.open(sha(name, size_bytes), size_bytes)
    if handle is None:
        return None
    with open(handle, "rb") as file:
        return file.read()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", LIMIT)


def test_what_was_committed_is_found_again_read_only(cache: Cache) -> None:
    put(cache, "a")
    assert read(cache, "a") == content("a")
    assert cache.has(sha("a"), 300)
    assert stat.S_IMODE(cache.path(sha("a")).stat().st_mode) == 0o444
    assert not list((cache._root / "parts").iterdir())


def test_what_is_here_need_not_be_written(cache: Cache) -> None:
    put(cache, "a")
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is None


def test_an_unfinished_file_is_kept_for_the_next_attempt(cache: Cache) -> None:
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        part.write_bytes(content("a")[:100])
    assert not cache.has(sha("a"), 300)
    assert read(cache, "a") is None
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        assert part.read_bytes() == content("a")[:100]


def test_a_file_of_another_length_is_not_committed(cache: Cache) -> None:
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        part.write_bytes(content("a")[:299])
        with pytest.raises(ReleaseRefused) as refused:
            cache.commit(part)
    assert refused.value.reason == "image_truncated"
    assert not cache.has(sha("a"), 300)


def test_only_its_own_parts_are_committed(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / f"{sha('a')}.300").write_bytes(content("a"))
    for stray in (tmp_path / f"{sha('a')}.300", cache._root / "parts" / "x"):
        with pytest.raises(ReleaseRefused):
            cache.commit(stray)


@pytest.mark.parametrize("name", ["", "x", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 65, "a" * 63 + "\n"])
def test_a_name_that_is_no_hash_reaches_no_file(cache: Cache, name: str) -> None:
    for call in (
        lambda: cache.has(name, 1),
        lambda: cache.open(name, 1),
        lambda: cache.discard(name),
        lambda: cache.pin("visit", [name]),
        lambda: cache.writing(name, 1, WATCH).__enter__(),
    ):
        with pytest.raises(ReleaseRefused) as refused:
            call()
        assert refused.value.reason == "bad_hash"


def test_the_longest_unused_goes_first(cache: Cache) -> None:
    for name in "abc":
        put(cache, name)
    assert read(cache, "a") is not None  # so b is the longest unused now
    put(cache, "d")
    assert [name for name in "abcd" if cache.has(sha(name), 300)] == ["a", "c", "d"]
    assert cache.used_bytes() <= LIMIT


def test_what_a_visit_holds_is_never_evicted_also_after_a_restart(cache: Cache) -> None:
    for name in "abc":
        put(cache, name)
    cache.pin("visit-1", [sha("a")])
    cache.pin("visit-1", [sha("b")])
    again = Cache(cache._root, LIMIT)
    put(again, "d")
    assert [name for name in "abcd" if again.has(sha(name), 300)] == ["a", "b", "d"]
    again.pin("visit-2", [sha("d")])
    with pytest.raises(NoRoom) as refused, again.writing(sha("e"), 300, WATCH):
        pass
    assert refused.value.reason == "no_room"
    again.unpin("visit-1")
    put(again, "e")
    assert again.has(sha("d"), 300)


@contextlib.contextmanager
def no_handles_left() -> Iterator[None]:
    """No file can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        with contextlib.suppress(OSError):
            while True:
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield


def test_a_file_that_cannot_be_opened_now_is_kept(cache: Cache) -> None:
    put(cache, "a")
    with no_handles_left(), pytest.raises(ReleaseRefused) as refused:
        cache.open(sha("a"), 300)
    assert refused.value.reason == "image_unreadable"
    assert read(cache, "a") == content("a")


def test_a_lock_that_cannot_be_opened_is_said_in_the_rooms_words(cache: Cache) -> None:
    with no_handles_left(), pytest.raises(ReleaseRefused) as refused:
        cache.pin("visit", [sha("a")])
    assert refused.value.reason == "cache_unwritable"


class _Full(durable.Disk):
    """Takes nothing more."""

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_holding_again_what_a_visit_holds_needs_no_room_on_the_disk(cache: Cache) -> None:
    cache.pin("visit", [sha("a"), sha("b")])
    durable.use(_Full())
    try:
        cache.pin("visit", [sha("b")])
        cache.pin("visit", [sha("a"), sha("b")])
        with pytest.raises(ReleaseRefused) as refused:
            cache.pin("visit", [sha("c")])
    finally:
        durable.use(None)
    assert refused.value.reason == "cache_unwritable"
    assert cache._pins.pinned() == {sha("a"), sha("b")}


_READ_ONLY = """
import pathlib, sys
from firmware_agent.cache.objects import Cache
root, sha256 = sys.argv[1:]
try:
    (pathlib.Path(root) / "probe").touch()
except OSError as exc:
    print(exc.strerror)
cache = Cache(pathlib.Path(root), 1000)
cache.pin("visit", [sha256])
print(cache.open(sha256, 300) is not None)
"""


def test_what_a_visit_holds_is_served_from_a_disk_that_became_read_only(cache: Cache) -> None:
    put(cache, "a")
    cache.pin("visit", [sha("a")])
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*unshare, mount, "sh", cache._root], capture_output=True, check=False).returncode:
        pytest.skip("no mounts for us here")
    command = [*unshare, f'{mount} && exec "$2" -c "$3" "$1" "$4"', "sh"]
    arguments = [str(cache._root), sys.executable, _READ_ONLY, sha("a")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.stderr) == (["Read-only file system", "True"], "")


def test_a_part_that_a_visit_waits_for_is_held_like_the_whole(cache: Cache) -> None:
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        part.write_bytes(b"begun")
    cache.pin("visit", [sha("a")])
    put(cache, "b", 900)
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        assert part.read_bytes() == b"begun"


def test_a_pin_that_cannot_be_read_might_hold_anything(cache: Cache) -> None:
    for name in "abc":
        put(cache, name)
    (cache._root / "pins" / "visit-1").write_bytes(b"damaged")
    with pytest.raises(NoRoom), cache.writing(sha("d"), 300, WATCH):
        pass
    assert cache.sweep([]) == 1
    put(cache, "d")


def test_the_start_forgets_visits_that_are_over_and_removes_what_does_not_belong(
    cache: Cache, tmp_path: Path
) -> None:
    put(cache, "a")
    cache.pin("open", [sha("a")])
    cache.pin("over", [sha("a")])
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    objects = cache._root / "objects"
    (objects / "notes.txt").write_bytes(b"?")
    (objects / ("b" * 64)).symlink_to(secret)
    (objects / "folder").mkdir()
    (cache._root / "parts" / "junk").write_bytes(b"?")
    (cache._root / "pins" / ".open.1.new").write_bytes(b"?")
    assert cache.sweep(["open"]) == 5
    assert secret.read_bytes() == b"secret"
    assert sorted(path.name for path in (cache._root / "pins").iterdir()) == ["open"]
    assert (
        sorted(path.name for path in objects.iterdir()) == [sha("a"), "folder"]
        or len(list(objects.iterdir())) == 2
    )
    assert read(cache, "a") == content("a")


def test_a_file_of_the_wrong_size_or_kind_is_thrown_away(cache: Cache, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content("a"))
    path = cache.path(sha("a"))
    for spoil in (
        lambda: path.write_bytes(b"short"),
        lambda: path.symlink_to(secret),
        lambda: os.mkfifo(path),
    ):
        spoil()
        assert not cache.has(sha("a"), 300)
        assert read(cache, "a") is None
        assert not path.is_symlink()
        assert not path.exists()
    assert secret.read_bytes() == content("a")


def test_a_rotten_file_is_thrown_away_even_where_it_is_held_and_stays_readable_where_it_is_open(
    cache: Cache,
) -> None:
    put(cache, "a")
    cache.pin("visit", [sha("a")])
    handle = cache.open(sha("a"), 300)
    assert handle is not None
    cache.discard(sha("a"))
    cache.discard(sha("a"))
    assert not cache.has(sha("a"), 300)
    assert os.pread(handle, 300, 0) == content("a")
    os.close(handle)


def test_unfinished_files_count_and_the_oldest_goes_first(cache: Cache) -> None:
    for name in "abc":
        with cache.writing(sha(name), 300, WATCH) as part:
            assert part is not None
            part.write_bytes(content(name)[:290])
        age(cache)
    assert cache.used_bytes() == 870
    put(cache, "d")
    left = sorted(path.name for path in (cache._root / "parts").iterdir())
    assert left == sorted(f"{sha(name)}.300" for name in "bc")


def test_room_that_somebody_was_promised_is_not_given_twice(cache: Cache) -> None:
    with cache.writing(sha("a"), 600, WATCH) as part:
        assert part is not None
        part.write_bytes(b"little so far")
        assert cache.used_bytes() == 600
        with pytest.raises(NoRoom), cache.writing(sha("b"), 600, WATCH):
            pass
        with cache.writing(sha("c"), 400, WATCH) as other:
            assert other is not None
        assert part.read_bytes() == b"little so far"


def test_a_base_is_not_evicted_for_what_is_made_from_it(cache: Cache) -> None:
    for name in "abc":
        put(cache, name)
    with cache.writing(sha("d"), 300, WATCH, spare=(sha("a"),)) as part:
        assert part is not None
        assert [name for name in "abc" if cache.has(sha(name), 300)] == ["a", "c"]
    with pytest.raises(NoRoom), cache.writing(sha("e"), 600, WATCH, spare=[sha("a"), sha("c")]):
        pass
    assert [name for name in "abc" if cache.has(sha(name), 300)] == ["a", "c"], "nothing evicted in vain"


def test_what_can_never_fit_is_refused_and_evicts_nothing(cache: Cache) -> None:
    put(cache, "a")
    with pytest.raises(NoRoom), cache.writing(sha("b", 1001), 1001, WATCH):
        pass
    assert cache.has(sha("a"), 300)
    assert not list((cache._root / "parts").iterdir())


def test_a_disk_that_is_smaller_than_the_limit_is_no_room(tmp_path: Path) -> None:
    huge = Cache(tmp_path / "cache", 1 << 60)
    with pytest.raises(NoRoom) as refused, huge.writing(sha("a"), 1 << 50, WATCH):
        pass
    assert refused.value.reason == "disk_full"


def test_a_second_thread_waits_and_finds_the_finished_file(cache: Cache) -> None:
    found: list[Path | None] = []

    def second() -> None:
        with cache.writing(sha("a"), 300, WATCH) as part:
            found.append(part)

    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.15)
        assert thread.is_alive()
        part.write_bytes(content("a"))
        cache.commit(part)
    thread.join(10)
    assert found == [None]


def _hold(root: Path, pipe: Connection) -> None:
    """In another process: begin a file, and die with it."""
    with Cache(root, LIMIT).writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        part.write_bytes(content("a")[:200])
        pipe.send("begun")
        pipe.recv()


def test_a_second_process_waits_until_the_first_dies_and_goes_on_with_what_it_left(cache: Cache) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(cache._root, there), daemon=True)
    process.start()
    assert here.recv() == "begun"
    stop = threading.Event()
    threading.Timer(0.15, stop.set).start()
    with pytest.raises(Stopped), cache.writing(sha("a"), 300, Watch(stop=stop)):
        pass
    process.kill()
    process.join()
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        assert part.read_bytes() == content("a")[:200]


def test_whoever_waits_for_a_file_hears_how_far_its_writer_is_and_progress_never_falls(cache: Cache) -> None:
    heard: list[tuple[int, int]] = []
    more = threading.Semaphore(0)

    def on_bytes(done: int, total: int) -> None:
        heard.append((done, total))
        more.release()

    def second() -> None:
        with cache.writing(sha("a"), 300, Watch(on_bytes)):
            pass

    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        thread = threading.Thread(target=second, daemon=True)
        thread.start()
        for length in (0, 100, 40, 40, 300):  # a wrong piece is cut off; for a while nothing moves
            part.write_bytes(content("a")[:length])
            for _ in range(2):  # one may have been measured before
                assert more.acquire(timeout=10), "silent while it waits"
        cache.commit(part)
    thread.join(10)
    assert not thread.is_alive()
    assert heard == sorted(heard)
    assert {(0, 300), (100, 300), (300, 300)} <= set(heard)


def test_a_package_may_be_removed_while_it_is_written(cache: Cache) -> None:
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        part.write_bytes(content("a"))
        durable.disk().unlink(part)
    assert cache.used_bytes() == 0


def test_a_cut_between_read_only_and_the_name_leaves_a_part_that_can_be_written(cache: Cache) -> None:
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        part.write_bytes(content("a"))
        part.chmod(0o444)
    with cache.writing(sha("a"), 300, WATCH) as part:
        assert part is not None
        assert stat.S_IMODE(part.stat().st_mode) == 0o644
        cache.commit(part)
    assert read(cache, "a") == content("a")


class _Cut(durable.Disk):
    """Counts changes and stops at one, as a power cut does."""

    def __init__(self, at: int) -> None:
        self.left = at

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        self._count()
        super().write(handle, data, offset)

    def sync(self, handle: int) -> None:
        self._count()
        super().sync(handle)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._count()
        super().sync_folder(folder)


@pytest.mark.parametrize("at", range(8))
def test_a_cut_at_any_change_leaves_no_object_or_a_whole_one_and_pins_whole(cache: Cache, at: int) -> None:
    durable.use(_Cut(at))
    try:
        cache.pin("visit", [sha("a")])
        with cache.writing(sha("a"), 300, WATCH) as part:
            assert part is not None
            part.write_bytes(content("a"))
            cache.commit(part)
    except KeyboardInterrupt:
        pass
    finally:
        durable.use(None)
    assert read(cache, "a") in (None, content("a"))
    again = Cache(cache._root, LIMIT)
    assert again._pins.pinned() in (frozenset(), frozenset({sha("a")}))
    put(again, "a") if not again.has(sha("a"), 300) else None
    assert read(again, "a") == content("a")


@pytest.mark.parametrize("visit", ["", "../x", "a/b", ".hidden", "x" * 65, "a\n"])
def test_a_visit_that_is_no_name_reaches_no_file(cache: Cache, visit: str) -> None:
    with pytest.raises(ReleaseRefused):
        cache.pin(visit, [])
    cache.unpin(visit)
