"""The mirror that tests and the demo download from: what it serves, and what it never does."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from station import mirror_faults
from station.children import Child, last_json, run
from station.errors import StationError
from station.mirror_server import MirrorServer

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "targets" / "heron").mkdir(parents=True)
    (folder / "metadata").mkdir()
    (folder / "targets" / "heron" / "a.img").write_bytes(CONTENT)
    (folder / "metadata" / "timestamp.json").write_bytes(b"{}")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "targets" / "link").symlink_to(tmp_path / "secret")
    (folder / "targets" / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "targets" / "pipe")
    return folder


@pytest.fixture
def server(root: Path) -> Iterator[MirrorServer]:
    with MirrorServer(root) as running:
        yield running


def ask(
    server: MirrorServer, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_a_file_comes_whole_with_its_length(server: MirrorServer) -> None:
    response, body = ask(server, "/targets/heron/a.img")
    assert (response.status, body) == (200, CONTENT)
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert server.counts["targets/heron/a.img"].requests == 1
    assert server.counts["targets/heron/a.img"].sent_bytes == len(CONTENT)


def test_head_has_the_same_headers_and_no_body(server: MirrorServer) -> None:
    response, body = ask(server, "/targets/heron/a.img", "HEAD")
    assert (response.status, body, response.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, None),
        ("bytes=-5", -5, None),
        ("bytes=10200-99999", 10200, None),
    ],
)
def test_a_range_gives_exactly_that_stretch(
    server: MirrorServer, asked: str, begin: int, end: int | None
) -> None:
    response, body = ask(server, "/targets/heron/a.img", Range=asked)
    assert (response.status, body) == (206, CONTENT[begin:end])
    first = begin % len(CONTENT)
    assert response.headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-", "bytes=-0"])
def test_a_range_behind_the_end_is_416(server: MirrorServer, asked: str) -> None:
    response, _ = ask(server, "/targets/heron/a.img", Range=asked)
    assert response.status == 416
    assert response.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b", "bytes=--3", "bytes=-"]
)
def test_a_range_that_is_none_means_the_whole_file(server: MirrorServer, asked: str) -> None:
    response, body = ask(server, "/targets/heron/a.img", Range=asked)
    assert (response.status, body) == (200, CONTENT)


def test_one_connection_serves_several_requests(server: MirrorServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    for _ in range(3):
        connection.request("GET", "/targets/heron/a.img")
        assert connection.getresponse().read() == CONTENT
    connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/targets",
        "/targets/",
        "/targets/heron/",
        "/../secret",
        "/targets/../../secret",
        "/targets/%2e%2e/%2e%2e/secret",
        "/targets/..%2f..%2fsecret",
        "/targets/link",
        "/targets/up/secret",
        "/targets/pipe",
        "/targets//heron/a.img",
        "/targets/heron/a.img%00",
        "/targets/heron\\a.img",
        "/targets/.hidden",
        "/nothing",
        "/%ff",
        "/" + "a/" * 100,
    ],
)
def test_nothing_but_plain_files_below_the_root_is_reachable(server: MirrorServer, path: str) -> None:
    response, body = ask(server, path)
    assert (response.status, body) == (404, b"")


def test_other_methods_are_refused(server: MirrorServer) -> None:
    assert ask(server, "/targets/heron/a.img", "POST")[0].status == 501


# -- faults


def faulty(root: Path, *specs: str) -> MirrorServer:
    return MirrorServer(root, specs)


def test_it_dies_in_the_middle_of_a_body_and_does_not_listen_any_more(root: Path) -> None:
    with faulty(root, "die-after:4000") as server:
        assert ask(server, "/metadata/timestamp.json")[0].status == 200
        with pytest.raises(http.client.IncompleteRead) as cut:
            ask(server, "/targets/heron/a.img")
        assert len(cut.value.partial) == 4000
        assert server.died.wait(10)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(urlsplit(server.url).netloc.rsplit(":", 1), timeout=10)  # type: ignore[arg-type]


def test_a_short_body_ends_before_its_length(root: Path) -> None:
    with faulty(root, "short:100") as server, pytest.raises(http.client.IncompleteRead) as cut:
        ask(server, "/targets/heron/a.img")
    assert len(cut.value.partial) == 100


def test_a_wrong_byte_is_one_byte_of_targets_at_its_offset_in_the_file(root: Path) -> None:
    with faulty(root, "wrong:300") as server:
        body = ask(server, "/targets/heron/a.img")[1]
        assert [at for at in range(len(CONTENT)) if body[at] != CONTENT[at]] == [300]
        assert ask(server, "/targets/heron/a.img", Range="bytes=300-300")[1] != CONTENT[300:301]
        assert ask(server, "/metadata/timestamp.json")[1] == b"{}"


def test_faults_show_in_status_and_headers(root: Path) -> None:
    with faulty(root) as server:
        server.suffer("status:503")
        assert ask(server, "/targets/heron/a.img")[0].status == 503
        server.suffer("redirect:http://elsewhere.example/x")
        moved = ask(server, "/targets/heron/a.img")[0]
        assert (moved.status, moved.headers["Location"]) == (302, "http://elsewhere.example/x")
        server.suffer("no-range")
        response, body = ask(server, "/targets/heron/a.img", Range="bytes=5-9")
        assert (response.status, body) == (200, CONTENT)
        server.suffer("wrong-range")
        shifted = ask(server, "/targets/heron/a.img", Range="bytes=5-9")[0]
        assert (shifted.status, shifted.headers["Content-Range"]) == (206, "bytes 4-8/10240")
        server.suffer("gzip")
        assert ask(server, "/targets/heron/a.img")[0].headers["Content-Encoding"] == "gzip"
        server.suffer("status:500", "only:metadata")
        assert ask(server, "/targets/heron/a.img")[0].status == 200
        assert ask(server, "/metadata/timestamp.json")[0].status == 500


def test_an_endless_body_has_no_length_and_no_end(root: Path) -> None:
    with faulty(root, "endless") as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        connection.request("GET", "/targets/heron/a.img")
        response = connection.getresponse()
        assert response.headers["Content-Length"] is None
        assert len(response.read(1 << 20)) == 1 << 20
        connection.close()


def test_slow_and_trickling_bodies_take_their_time(root: Path) -> None:
    for spec in ("slow:20000", "trickle:0.01"):
        with faulty(root, spec) as server:
            begun_s = time.monotonic()
            body = ask(
                server, "/targets/heron/a.img", Range="bytes=0-9999" if "slow" in spec else "bytes=0-29"
            )[1]
            assert len(body) in (10000, 30)
            assert time.monotonic() - begun_s > 0.2


def test_leaving_it_ends_every_connection_that_hangs(root: Path) -> None:
    ended = threading.Event()

    def hang(server: MirrorServer) -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(server, "/targets/heron/a.img")
        ended.set()

    with faulty(root, "silent") as server:
        threading.Thread(target=hang, args=(server,), daemon=True).start()
        while not server.requests:
            time.sleep(0.01)
    assert ended.wait(10)


@pytest.mark.parametrize(
    "spec",
    ["", "nonsense", "die-after", "die-after:x", "die-after:-1", "slow:0", "slow:nan", "trickle:-1", "status:200",
     "first-byte:inf", "redirect:ftp://x", "redirect:http://a b", "only:all", "gzip:1", "wrong:1e3"],
)  # fmt: skip
def test_a_fault_that_is_none_is_named(spec: str) -> None:
    with pytest.raises(StationError) as wrong:
        mirror_faults.parse_faults([spec])
    assert repr(spec) in wrong.value.detail


# -- the command


def test_the_command_says_where_it_is_and_ends_on_a_signal(root: Path) -> None:
    with Child("mirror", "--root", os.fspath(root), "--json", "--fault", "slow:1000000") as child:
        connection = http.client.HTTPConnection(urlsplit(child.ready["url"]).netloc, timeout=10)
        connection.request("GET", "/targets/heron/a.img")
        assert connection.getresponse().read() == CONTENT
        connection.close()
        child.process.send_signal(signal.SIGTERM)
        assert child.process.wait(20) == 0


def test_the_command_refuses_what_is_no_folder_and_what_is_no_fault(tmp_path: Path) -> None:
    missing = run(["mirror", "--root", os.fspath(tmp_path / "none")], 60)
    assert (missing.returncode, "not a folder" in missing.stderr) == (2, True)
    wrong = run(["mirror", "--root", os.fspath(tmp_path), "--fault", "bang", "--json"], 60)
    assert (wrong.returncode, last_json(wrong.stdout)["exit_code"]) == (2, 2)
