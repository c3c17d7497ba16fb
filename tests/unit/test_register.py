"""Registers: a listed phone is found, and a register that cannot be read never says clean."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.counter_ports import Register
from kiosk.errors import SettingsError
from kiosk.register import MAX_ANSWER_BYTES, SOURCE_CHARACTERS, FileRegister, HttpRegister, _answer

GOOD, LOST, OF_MODEL, SPARED = "356868000041418", "356868000041426", "861234000000011", "861234000000029"
TEXT = f"number,result,reason\n{LOST},blacklisted,lost\n86123400,blacklisted,stolen lorry\n{SPARED},clean,\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "register.csv"
    file.write_text(TEXT, "utf-8")
    return file


def replace_file(path: Path, data: bytes) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.replace(path)


# -- the file


def test_the_imeis_own_row_counts_before_its_models(path: Path) -> None:
    register: Register = FileRegister(path)
    assert register.look(GOOD)[0] == "clean"
    assert register.look(LOST)[0] == "blacklisted"
    assert register.look(OF_MODEL)[0] == "blacklisted"
    assert register.look(SPARED)[0] == "clean"


def test_the_source_names_the_file_its_version_and_the_reason(path: Path) -> None:
    register = FileRegister(path)
    source = register.look(LOST)[1]
    assert source.startswith("register.csv ")
    assert source.endswith(": lost")
    replace_file(path, TEXT.encode() + b"35000001,clean,\n")
    assert register.look(LOST)[1] != source


def test_it_is_read_again_when_it_changes(path: Path) -> None:
    register = FileRegister(path)
    assert register.look(GOOD)[0] == "clean"
    replace_file(path, f"{GOOD},blacklisted,stolen\n".encode())
    assert register.look(GOOD)[0] == "blacklisted"
    assert register.look(LOST)[0] == "clean"


def test_of_two_rows_the_bad_one_counts(path: Path) -> None:
    for rows in ((f"{GOOD},blacklisted,", f"{GOOD},clean,"), (f"{GOOD},clean,", f"{GOOD},blacklisted,")):
        replace_file(path, "\n".join(rows).encode())
        assert FileRegister(path).look(GOOD)[0] == "blacklisted"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"3.56868E+14,blacklisted,spreadsheet\n", "line 1: neither an IMEI nor a TAC"),
        (TEXT.encode() + b"86123499,stolen,\n", "line 5: the result"),
        (b"\xff\xfe3\x005\x00", "line 1 is not UTF-8"),
        (b'35,"', "line 1"),
    ],
)
def test_a_file_with_a_bad_row_is_not_believed_at_all(path: Path, data: bytes, told: str) -> None:
    register = FileRegister(path)
    assert register.look(GOOD)[0] == "clean"
    replace_file(path, data)
    for imei in (GOOD, LOST):
        result, source = register.look(imei)
        assert result == "unknown"
        assert told in source
    replace_file(path, TEXT.encode())
    assert register.look(LOST)[0] == "blacklisted"


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\xef\xbb\xbf"])
def test_a_file_with_nothing_in_it_is_no_clean_bill(path: Path, data: bytes) -> None:
    """Somebody is writing it, or the disk was full; a register of nobody still has its heading."""
    replace_file(path, data)
    assert FileRegister(path).look(LOST) == ("unknown", f"{path.name}: empty")
    replace_file(path, b"number,result,reason\r\n")
    assert FileRegister(path).look(LOST)[0] == "clean"


def test_a_missing_file_is_no_clean_bill(path: Path) -> None:
    register = FileRegister(path)
    assert register.look(LOST)[0] == "blacklisted"
    path.unlink()
    assert register.look(LOST) == ("unknown", "register.csv: No such file or directory")


def test_a_file_larger_than_the_limit_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.register.MAX_FILE_BYTES", len(TEXT) - 1)
    assert FileRegister(path).look(GOOD)[0] == "unknown"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_register_or_an_unknown(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.mktemp("register") / "r.csv"
    file.write_bytes(data)
    result, source = FileRegister(file).look(GOOD)
    assert result in ("clean", "unknown")
    assert len(source) <= SOURCE_CHARACTERS
    assert source.isprintable()
    os.unlink(file)


# -- the service


Reply = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def service(reply: Reply) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reply(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/imei-fraud-check/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def saying(status: int, **answer: object) -> Reply:
    return lambda handler, _body: send(handler, status, json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (saying(200, imei=GOOD, operationalStatus="allowed"), "clean"),
        (saying(200, imei=GOOD, operationalStatus="unknown"), "clean"),
        (saying(200, imei=GOOD, operationalStatus="prohibited", prohibitedReason="stolen"), "blacklisted"),
        (saying(200, imei=GOOD, operationalStatus="prohibited", prohibitedReason=["x"]), "blacklisted"),
        (saying(200, imei=GOOD, operationalStatus="tracked"), "unknown"),
        (saying(200, imei=GOOD, operationalStatus=["allowed"]), "unknown"),
        (saying(200, imei=LOST, operationalStatus="allowed"), "unknown"),
        (saying(200, operationalStatus="allowed"), "unknown"),
        (saying(404, code="IDENTIFIER_NOT_FOUND"), "clean"),
        (saying(404, code="NOT_FOUND"), "unknown"),
        (saying(401, code="UNAUTHENTICATED"), "unknown"),
        (saying(302, imei=GOOD, operationalStatus="allowed"), "unknown"),
        (lambda handler, _body: send(handler, 200, b"<html>"), "unknown"),
        (lambda handler, _body: send(handler, 200, b"[" * 5000), "unknown"),
        (lambda handler, _body: send(handler, 200, b" " * (MAX_ANSWER_BYTES + 1) + b"{}"), "unknown"),
        (lambda handler, _body: handler.connection.close(), "unknown"),
    ],
)
def test_only_an_answer_about_this_phone_counts(reply: Reply, result: str) -> None:
    with service(reply) as url:
        register: Register = HttpRegister(url)
        found, source = register.look(GOOD)
    assert found == result
    assert source.startswith("127.0.0.1:")


def test_it_asks_for_the_imei_with_the_token_and_keeps_it_out_of_the_source() -> None:
    asked: list[tuple[str, str | None, object]] = []

    def reply(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append((handler.path, handler.headers["Authorization"], json.loads(body)))
        send(handler, 200, json.dumps({"imei": GOOD, "operationalStatus": "allowed"}).encode())

    with service(reply) as url:
        _, source = HttpRegister(f"{url}/", "s3cret").look(GOOD)
    assert asked == [("/imei-fraud-check/v1/check-status", "Bearer s3cret", {"imei": GOOD})]
    assert "s3cret" not in source


def test_the_imei_is_not_sent_on_to_where_the_service_points() -> None:
    asked = []

    def reply(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        asked.append(handler.path)
        handler.send_response(307)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with service(reply) as url:
        assert HttpRegister(url).look(GOOD)[0] == "unknown"
    assert asked == ["/imei-fraud-check/v1/check-status"]


def test_a_service_that_is_not_there_or_drips_is_an_unknown() -> None:
    with service(saying(200)) as url:
        pass
    assert HttpRegister(url).look(GOOD)[0] == "unknown"
    let_go = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "60000")
        handler.end_headers()
        try:
            while not let_go.wait(0.02):
                handler.wfile.write(b" ")
                handler.wfile.flush()
        except OSError:
            let_go.set()

    with service(drip) as url:
        assert HttpRegister(url, timeout_s=0.2).look(GOOD)[0] == "unknown"
        assert let_go.wait(30)  # we hung up; nobody had to stop the service


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError):
        HttpRegister("ftp://example")


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_answer_is_read_without_an_error(status: int, data: bytes) -> None:
    assert _answer(status, data, GOOD)[0] in ("clean", "unknown")
