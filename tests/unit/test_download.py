"""Downloads from real servers with every fault: the bytes are right, or it says why not; nothing is lost."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from firmware_agent import durable
from firmware_agent.download.downloader import Downloader, Fetched, Limits, MirrorFailed, Pieces, Wanted
from firmware_agent.download.part_file import PartFile
from firmware_agent.errors import NoRoom, Stopped, Unreachable
from firmware_agent.mirrors.book import Mirror, MirrorBook, Trial
from firmware_agent.wanted import pieces_of
from firmware_agent.watch import Note, Watch
from station.mirror_server import MirrorServer

PIECE = 256 * 1024
SIZE = 10 * PIECE + 12345
CONTENT = hashlib.shake_128(b"an image").digest(SIZE)
PATH = "targets/heron/system.img"
LIMITS = Limits(
    connect_s=5,
    first_byte_s=1.0,
    silence_s=1.0,
    slowest_bytes_s=4096,
    window_s=0.5,
    pause_s=0.02,
    give_up_s=2.0,
)
PATIENT = Limits(connect_s=20, first_byte_s=20, silence_s=20, window_s=20, pause_s=0.02, give_up_s=60)


def wanted(content: bytes = CONTENT, pieces: bool = True) -> Wanted:
    cut = pieces_of(content, PIECE) if pieces else None
    return Wanted(PATH, len(content), hashlib.sha256(content).hexdigest(), cut)


@dataclass
class Shop:
    """Mirrors, a station's book of them, and what a download said."""

    folder: Path
    stack: contextlib.ExitStack
    servers: list[MirrorServer] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    on_bytes: Callable[[int], None] = lambda done: None
    book: MirrorBook = field(init=False)

    def open(self, *faults: tuple[str, ...]) -> Shop:
        for specs in faults or ((),):
            self.servers.append(self.stack.enter_context(MirrorServer(self.folder / "repository", specs)))
        self.book = MirrorBook([Mirror(server.url) for server in self.servers])
        return self

    @property
    def part(self) -> Path:
        return self.folder / "part"

    @property
    def mirrors(self) -> tuple[Mirror, ...]:
        return self.book.mirrors

    def fetch(self, file: Wanted | None = None, limits: Limits = LIMITS, **more: object) -> Fetched:
        def on_bytes(done: int, total: int) -> None:
            assert total == (file or wanted()).size_bytes
            self.progress.append(done)
            self.on_bytes(done)

        watch = Watch(on_bytes, self.notes.append, self.stop)
        downloader = Downloader(self.book, limits=limits, **more)  # type: ignore[arg-type]
        return downloader.fetch(file or wanted(), self.part, watch)

    def kinds(self) -> list[str]:
        return [note.kind for note in self.notes]

    def moved(self) -> list[tuple[int, int, str]]:
        """From which server to which, and why."""
        names = {server.url: number for number, server in enumerate(self.servers)}
        bodies = [note.body for note in self.notes if note.kind == "fetch.moved"]
        return [(names[str(b["from"])], names[str(b["to"])], str(b["reason"])) for b in bodies]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    file = tmp_path / "repository" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    with contextlib.ExitStack() as stack:
        yield Shop(tmp_path, stack)


def came_right(shop: Shop) -> bool:
    assert shop.progress == sorted(shop.progress), "progress fell"
    assert shop.progress[-1] == SIZE
    return shop.part.read_bytes() == CONTENT


# -- what works


@pytest.mark.parametrize("pieces", [True, False])
def test_a_file_comes_whole_and_says_from_where(shop: Shop, pieces: bool) -> None:
    fetched = shop.open().fetch(wanted(pieces=pieces), PATIENT)
    assert came_right(shop)
    assert (fetched.mirror, fetched.mirrors, fetched.fetched_bytes) == (shop.servers[0].url, 1, SIZE)
    assert shop.kinds() == ["fetch.mirror", "fetch.done"]
    assert shop.servers[0].requests == 1


def test_an_empty_file_needs_no_mirror(shop: Shop) -> None:
    shop.open().fetch(wanted(b""))
    assert shop.part.read_bytes() == b""
    assert shop.servers[0].requests == 0


def test_what_is_whole_already_is_checked_and_not_fetched_again(shop: Shop) -> None:
    shop.open().part.write_bytes(CONTENT)
    assert shop.fetch().fetched_bytes == 0
    assert shop.servers[0].requests == 0
    assert shop.notes == []


def test_it_goes_on_where_an_earlier_run_was_cut(shop: Shop) -> None:
    shop.open().part.write_bytes(CONTENT[: 3 * PIECE + 777])
    fetched = shop.fetch(limits=PATIENT)
    assert came_right(shop)
    assert fetched.resumed_bytes == 3 * PIECE + 777
    assert shop.servers[0].sent_bytes == SIZE - 3 * PIECE - 777


def test_a_rotten_piece_on_disk_is_cut_off_and_only_what_follows_is_fetched(shop: Shop) -> None:
    rotten = bytearray(CONTENT)
    rotten[2 * PIECE + 5] ^= 1
    shop.open().part.write_bytes(rotten)
    assert shop.fetch(limits=PATIENT).resumed_bytes == 2 * PIECE
    assert came_right(shop)
    assert not any(standing.rests_s for _, standing in shop.book.standings(SIZE)), "no mirror's fault"


def test_a_part_that_is_too_long_is_cut(shop: Shop) -> None:
    shop.open().part.write_bytes(CONTENT + b"more")
    shop.fetch()
    assert came_right(shop)


def test_the_rest_of_an_unfinished_piece_is_not_blamed_on_a_mirror_when_the_disk_spoilt_it(
    shop: Shop,
) -> None:
    shop.open().part.write_bytes(CONTENT[:PIECE] + bytes(1000))
    shop.fetch(limits=PATIENT)
    assert came_right(shop)
    assert "fetch.wrong" in shop.kinds()
    assert not any(standing.rests_s for _, standing in shop.book.standings(SIZE))


# -- faults that another mirror makes good


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (f"die-after:{4 * PIECE + 99}", "cut"),
        ("short:300000", "cut"),
        ("trickle:0.02", "slow"),
        (f"wrong:{5 * PIECE + 1}", "wrong_bytes"),
    ],
)
def test_it_moves_to_another_mirror_in_the_middle_of_the_file(shop: Shop, fault: str, reason: str) -> None:
    shop.open((fault,), ())
    shop.book.report(shop.mirrors[0], Trial(0.01, 1.0, 50_000_000))
    shop.book.report(shop.mirrors[1], Trial(0.01, 1.0, 40_000_000))
    shop.fetch()
    assert came_right(shop)
    assert shop.moved() == [(0, 1, reason)]
    assert shop.kinds()[-1] == "fetch.done"
    assert shop.servers[1].sent_bytes < SIZE, "what was here was not fetched twice"


@pytest.mark.parametrize(
    "fault",
    [
        "status:503",
        "status:404",
        "redirect:http://127.0.0.1:9/x",
        "gzip",
        "silent",
        "first-byte:30",
        "die-after:0",
    ],
)
def test_a_mirror_that_gives_nothing_is_left_for_the_next(shop: Shop, fault: str) -> None:
    shop.open((fault,), ())
    shop.fetch()
    assert came_right(shop)
    assert shop.servers[1].sent_bytes == SIZE
    assert shop.book.ranked(SIZE)[-1] == shop.mirrors[0]


def test_a_range_that_was_not_asked_for_is_refused(shop: Shop) -> None:
    shop.open(("wrong-range",), ()).part.write_bytes(CONTENT[:PIECE])
    shop.fetch()
    assert came_right(shop)
    assert shop.notes[0].body["mirror"] == shop.servers[1].url


def test_a_refused_connection_is_left_for_the_next(shop: Shop) -> None:
    shop.open((), ())
    shop.servers[0].die()
    shop.fetch()
    assert came_right(shop)


def test_a_mirror_with_a_shorter_file_is_left_for_the_next(shop: Shop, tmp_path: Path) -> None:
    shop.open((), ())
    other = tmp_path / "stale" / PATH
    other.parent.mkdir(parents=True)
    other.write_bytes(CONTENT[:-1])
    stale = shop.stack.enter_context(MirrorServer(tmp_path / "stale"))
    shop.book = MirrorBook([Mirror(stale.url), Mirror(shop.servers[0].url)])
    for known in (True, False):  # asked for all of it, or for a stretch to measure it by
        if known:
            shop.book.report(Mirror(stale.url), Trial(0.01, 1.0, 90_000_000))
        shop.part.unlink(missing_ok=True)
        shop.notes.clear()
        shop.progress.clear()
        shop.fetch()
        assert came_right(shop)
        assert shop.notes[0].body["mirror"] == shop.servers[0].url, "nothing of the stale one was read"
        shop.book = MirrorBook([Mirror(stale.url), Mirror(shop.servers[0].url)])


def test_an_endless_body_is_read_no_further_than_the_file_is_long(shop: Shop) -> None:
    fetched = shop.open(("endless",)).fetch(limits=PATIENT)
    assert came_right(shop)
    assert fetched.fetched_bytes == SIZE


def test_a_crawling_mirror_is_left_when_another_would_be_much_sooner(shop: Shop) -> None:
    shop.open(("slow:200000",), ())
    shop.book.report(shop.mirrors[0], Trial(0.01, 1.0, 90_000_000))
    shop.book.report(shop.mirrors[1], Trial(0.01, 1.0, 50_000_000))
    shop.fetch(limits=PATIENT)
    assert came_right(shop)
    assert shop.moved() == [(0, 1, "faster")]


def test_only_the_wrong_piece_is_fetched_again_and_its_mirror_rests_long(shop: Shop) -> None:
    shop.open((f"wrong:{5 * PIECE + 1}",), ())
    shop.book.report(shop.mirrors[0], Trial(0.01, 1.0, 50_000_000))
    shop.book.report(shop.mirrors[1], Trial(0.01, 1.0, 40_000_000))
    fetched = shop.fetch(limits=PATIENT)
    assert came_right(shop)
    assert PIECE <= fetched.fetched_bytes - SIZE <= 2 * PIECE, "the piece, and what was on the way behind it"
    last, standing = shop.book.standings(SIZE)[-1]
    assert (last, standing.rests_s > 3000) == (shop.mirrors[0], True)


def test_a_piece_of_two_mirrors_accuses_neither_until_one_gives_it_alone(shop: Shop) -> None:
    """The first gives the wrong start of a piece and dies; the second finishes it, and is innocent."""
    shop.open((f"wrong:{PIECE + 5}", f"die-after:{PIECE + 5000}"), ())
    shop.book.report(shop.mirrors[0], Trial(0.01, 1.0, 50_000_000))
    shop.book.report(shop.mirrors[1], Trial(0.01, 1.0, 40_000_000))
    shop.fetch(limits=PATIENT)
    assert came_right(shop)
    rests = {mirror: standing.rests_s for mirror, standing in shop.book.standings(SIZE)}
    assert rests[shop.mirrors[1]] == 0


def test_after_a_wrong_piece_of_several_the_next_attempt_is_one_mirrors_alone(shop: Shop) -> None:
    """The disk spoilt the piece's start; the mirror that finished it is asked again, and cut short."""
    shop.open(("short:261500",), ()).part.write_bytes(CONTENT[:PIECE] + bytes(1000))
    shop.book.report(shop.mirrors[0], Trial(0.01, 1.0, 50_000_000))
    shop.book.report(shop.mirrors[1], Trial(0.01, 1.0, 40_000_000))
    shop.fetch(limits=PATIENT)
    assert came_right(shop)
    assert shop.servers[0].requests == 2, "it is not to blame"
    assert shop.servers[1].sent_bytes == SIZE - PIECE, "the whole piece anew"


def test_without_pieces_a_mixed_file_is_fetched_again_from_one_mirror(shop: Shop) -> None:
    shop.open((f"wrong:{PIECE}", f"die-after:{3 * PIECE}"), ())
    shop.book.report(shop.mirrors[0], Trial(0.01, 1.0, 50_000_000))
    shop.book.report(shop.mirrors[1], Trial(0.01, 1.0, 40_000_000))
    shop.fetch(wanted(pieces=False), PATIENT)
    assert came_right(shop)


def test_mirrors_without_range_wait_for_one_that_has_it(shop: Shop) -> None:
    shop.open(("no-range",), ("no-range",), ()).part.write_bytes(CONTENT[: 8 * PIECE])
    fetched = shop.fetch(limits=PATIENT)
    assert came_right(shop)
    assert fetched.mirror == shop.servers[2].url
    assert fetched.fetched_bytes == SIZE - 8 * PIECE


def test_where_no_mirror_has_range_what_is_here_is_kept_all_the_same(shop: Shop) -> None:
    shop.open(("no-range",), ("status:503",)).part.write_bytes(CONTENT[: 8 * PIECE])
    written = _Counting()
    durable.use(written)
    try:
        fetched = shop.fetch(limits=PATIENT)
    finally:
        durable.use(None)
    assert came_right(shop)
    assert fetched.resumed_bytes == 8 * PIECE
    assert written.written == SIZE - 8 * PIECE


# -- what nobody can make good


def test_wrong_bytes_from_everybody_end_with_a_clear_word(shop: Shop) -> None:
    shop.open(("wrong:0",), ("wrong:1",))
    with pytest.raises(Unreachable) as failed:
        shop.fetch(limits=PATIENT)
    assert failed.value.reason == "download_wrong"
    assert shop.part.read_bytes() == b""
    assert shop.kinds().count("fetch.wrong") == 4


def test_pieces_that_contradict_the_whole_end_with_a_clear_word(shop: Shop) -> None:
    file = Wanted(PATH, SIZE, "0" * 64, pieces_of(CONTENT, PIECE))
    with pytest.raises(Unreachable) as failed:
        shop.open().fetch(file, PATIENT)
    assert failed.value.reason == "download_wrong"
    assert shop.servers[0].requests == 1


@pytest.mark.parametrize("fault", ["status:503", "silent", "short:0", "redirect:http://127.0.0.1:9/"])
def test_when_nothing_comes_it_gives_up_and_keeps_what_it_had(shop: Shop, fault: str) -> None:
    shop.open((fault,), (fault,)).part.write_bytes(CONTENT[:PIECE])
    with pytest.raises(Unreachable) as failed:
        shop.fetch()
    assert failed.value.reason == "download_failed"
    assert shop.part.read_bytes() == CONTENT[:PIECE]
    assert not any(standing.rests_s > 60 for _, standing in shop.book.standings(SIZE)), "it was our own line"


def test_without_any_mirror_it_says_so(shop: Shop) -> None:
    shop.book = MirrorBook([])
    with pytest.raises(Unreachable, match="no mirror is known"):
        shop.fetch()


def test_an_outage_shorter_than_its_patience_is_waited_out(shop: Shop) -> None:
    shop.open(("status:503",))

    def heal() -> None:
        while shop.servers[0].requests < 3:
            time.sleep(0.005)
        shop.servers[0].suffer()

    threading.Thread(target=heal, daemon=True).start()
    shop.fetch(limits=PATIENT)
    assert came_right(shop)


@pytest.mark.parametrize("fault", ["silent", "trickle:0.05", "trickle:30", "first-byte:60", "status:503"])
def test_stop_ends_it_at_once_wherever_it_waits(shop: Shop, fault: str) -> None:
    shop.open((fault,))

    def end() -> None:
        while not shop.servers[0].requests:
            time.sleep(0.005)
        shop.stop.set()

    threading.Thread(target=end, daemon=True).start()
    begun_s = time.monotonic()
    with pytest.raises(Stopped):
        shop.fetch(limits=PATIENT)
    assert time.monotonic() - begun_s < 10, "none of the limits is below 20 s"


def test_stop_in_the_middle_keeps_what_came(shop: Shop) -> None:
    shop.open()
    shop.on_bytes = lambda done: shop.stop.set() if done > 4 * PIECE else None
    with pytest.raises(Stopped):
        shop.fetch(limits=PATIENT)
    kept = shop.part.read_bytes()
    assert len(kept) > 4 * PIECE
    assert CONTENT.startswith(kept)


class _Counting(durable.Disk):
    """Counts, and may be full after some bytes."""

    def __init__(self, full_after: int = 1 << 60) -> None:
        self.written = 0
        self.synced = 0
        self.full_after = full_after

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        self.written += memoryview(data).nbytes
        if self.written > self.full_after:
            raise OSError(28, os.strerror(28))
        super().write(handle, data, offset)

    def sync(self, handle: int) -> None:
        self.synced += 1
        super().sync(handle)


def test_a_full_disk_is_no_room_and_keeps_what_came(shop: Shop) -> None:
    shop.open()
    durable.use(_Counting(full_after=3 * PIECE))
    try:
        with pytest.raises(NoRoom):
            shop.fetch(limits=PATIENT)
    finally:
        durable.use(None)
    assert CONTENT.startswith(shop.part.read_bytes())
    assert shop.fetch(limits=PATIENT).resumed_bytes > 0
    assert shop.part.read_bytes() == CONTENT
    assert not any(standing.rests_s for _, standing in shop.book.standings(SIZE)), "no mirror's fault"


def test_it_is_on_the_disk_when_it_is_done(shop: Shop) -> None:
    counting = _Counting()
    durable.use(counting)
    try:
        shop.open().fetch(limits=PATIENT)
    finally:
        durable.use(None)
    assert counting.synced >= 1


def test_the_cap_on_the_line_holds_for_all_downloads_together(shop: Shop) -> None:
    shop.open()
    rate = 2_000_000.0
    downloader = Downloader(shop.book, limits=PATIENT, rate_bytes_s=lambda: rate)
    begun_s = time.monotonic()
    parts = [shop.folder / name for name in ("one", "two")]
    threads = [threading.Thread(target=downloader.fetch, args=(wanted(), part, Watch())) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(part.read_bytes() == CONTENT for part in parts)
    assert time.monotonic() - begun_s > 0.9 * 2 * SIZE / rate


def test_no_cap_at_night_takes_effect_in_the_middle_of_a_download(shop: Shop) -> None:
    rates = iter([50_000.0] * 6)
    shop.open().fetch(limits=PATIENT, rate_bytes_s=lambda: next(rates, None))
    assert came_right(shop)


# -- small files


def test_a_small_file_comes_whole_and_one_that_is_too_long_does_not(shop: Shop) -> None:
    shop.open()
    downloader = Downloader(shop.book, limits=PATIENT)
    assert downloader.get(shop.mirrors[0], PATH, SIZE) == CONTENT
    for limit in (SIZE - 1, 10):
        with pytest.raises(Unreachable) as failed:
            downloader.get(shop.mirrors[0], PATH, limit)
        assert failed.value.reason == "other_length"


def test_a_missing_small_file_is_an_answer_and_no_failure(shop: Shop) -> None:
    shop.open()
    with pytest.raises(MirrorFailed) as failed:
        Downloader(shop.book, limits=PATIENT).get(shop.mirrors[0], "metadata/2.root.json", 1000)
    assert (failed.value.reason, failed.value.status) == ("not_there", 404)
    assert not shop.book.standings(SIZE)[0][1].rests_s


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("endless", "other_length"),
        ("short:5", "cut"),
        ("trickle:0.05", "slow"),
        ("silent", "silent"),
        ("status:500", "status"),
        ("redirect:http://127.0.0.1:9/", "redirect"),
        ("gzip", "encoded"),
        ("die-after:100", "cut"),
    ],
)
def test_a_small_file_is_bounded_in_length_and_time(shop: Shop, fault: str, reason: str) -> None:
    shop.open((fault,))
    with pytest.raises(MirrorFailed) as failed:
        Downloader(shop.book, limits=LIMITS).get(shop.mirrors[0], PATH, SIZE)
    assert failed.value.reason == reason
    assert "\n" not in failed.value.detail
    assert shop.book.standings(SIZE)[0][1].rests_s > 0


def test_small_files_share_a_connection_and_survive_its_end(shop: Shop) -> None:
    shop.open()
    downloader = Downloader(shop.book, limits=PATIENT)
    for _ in range(3):
        downloader.get(shop.mirrors[0], PATH, SIZE)
    assert shop.servers[0].connections == 1
    shop.servers[0].hang_up()
    assert downloader.get(shop.mirrors[0], PATH, SIZE) == CONTENT
    assert shop.servers[0].connections == 2
    downloader.http.close()


def test_an_empty_answer_does_not_spoil_the_next_request(shop: Shop) -> None:
    shop.open()
    downloader = Downloader(shop.book, limits=PATIENT)
    held: list[MirrorFailed] = []  # with their tracebacks: nothing of the answers may be freed
    for _ in range(3):
        with pytest.raises(MirrorFailed) as failed:
            downloader.get(shop.mirrors[0], "targets/not-there", SIZE)
        held.append(failed.value)
        assert downloader.get(shop.mirrors[0], PATH, SIZE) == CONTENT
    assert shop.servers[0].requests == 6, "none of them was sent twice"
    assert [exc.reason for exc in held] == ["not_there"] * 3
    downloader.http.close()


# -- mirrors that no honest server is like


class _Odd(http.server.BaseHTTPRequestHandler):
    """Answers as its server's ``answer`` says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = cast("_OddServer", self.server)
        server.requests += 1
        with contextlib.suppress(OSError):
            server.answer(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _OddServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[_Odd], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Odd)
        self.answer = answer
        self.requests = 0
        self.mirror = Mirror(f"http://127.0.0.1:{self.server_address[1]}")

    def __enter__(self) -> _OddServer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def negative_chunk(body: bytes) -> Callable[[_Odd], None]:
    def answer(request: _Odd) -> None:
        request.close_connection = True
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"-5\r\n" + body)

    return answer


def one_byte(request: _Odd) -> None:
    """Whatever stretch is asked for, one byte of it."""
    first = int(request.headers["Range"].removeprefix("bytes=").split("-")[0])
    request.send_response(206)
    request.send_header("Content-Range", f"bytes {first}-{first}/{SIZE}")
    request.send_header("Content-Length", "1")
    request.end_headers()
    request.wfile.write(CONTENT[first : first + 1])


def test_a_chunk_of_a_negative_size_gives_no_more_than_was_asked_for(shop: Shop) -> None:
    small = CONTENT[:5000]
    with _OddServer(negative_chunk(small + b"more" * 1000)) as odd:
        shop.book = MirrorBook([odd.mirror])
        with pytest.raises(MirrorFailed) as failed:
            Downloader(shop.book, limits=LIMITS).get(odd.mirror, PATH, 1000)
        assert failed.value.reason == "not_http"
        with pytest.raises(Unreachable, match="not_http"):
            shop.fetch(wanted(small), LIMITS)
    assert shop.part.read_bytes() == b""


def test_a_mirror_that_gives_a_shorter_range_than_asked_does_not_hold_the_download(shop: Shop) -> None:
    shop.open(())
    with _OddServer(one_byte) as odd:
        shop.book = MirrorBook([odd.mirror, shop.mirrors[0]])
        shop.part.write_bytes(CONTENT[:PIECE])
        shop.book.report(odd.mirror, Trial(0.01, 1.0, 90_000_000))
        shop.book.report(shop.book.mirrors[1], Trial(0.01, 1.0, 50_000_000))
        assert shop.fetch(limits=PATIENT).mirror == shop.servers[0].url
        assert came_right(shop)
        assert odd.requests == 1


def test_a_mirror_that_gives_a_shorter_range_than_asked_is_given_up_alone(shop: Shop) -> None:
    with _OddServer(one_byte) as odd:
        shop.book = MirrorBook([odd.mirror])
        shop.part.write_bytes(CONTENT[:PIECE])
        with pytest.raises(Unreachable, match="other_range"):
            shop.fetch()
    assert shop.part.read_bytes() == CONTENT[:PIECE]


def test_bytes_beyond_the_end_are_refused_and_none_is_written(tmp_path: Path) -> None:
    with PartFile(wanted(CONTENT[:5000]), tmp_path / "part", Watch()) as file:
        with pytest.raises(ValueError, match="5001 bytes where 5000 are left"):
            file.add(CONTENT[:5001], "http://mirror")
        assert file.at_bytes == 0
        file.add(CONTENT[:5000], "http://mirror")
        with pytest.raises(ValueError, match="0 are left"):
            file.add(b"x", "http://mirror")
    assert (tmp_path / "part").read_bytes() == CONTENT[:5000]


def test_pieces_of_any_size_cover_the_file() -> None:
    assert Wanted("x", SIZE, hashlib.sha256(CONTENT).hexdigest()).cut() == Pieces(
        SIZE, (hashlib.sha256(CONTENT).digest(),)
    )
