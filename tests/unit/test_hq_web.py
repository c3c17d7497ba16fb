"""What headquarters' page answers to hostile or unlucky requests, without a browser and without a broker."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from hq import queries
from hq.intake import Intake
from hq.settings import Address, Settings
from hq.store import Store
from hq.web import app, guard
from hq.web.live import Feed
from ledger import keys


@pytest.fixture
def page(tmp_path: Path) -> TestClient:
    store = Store(tmp_path / "hq.sqlite3")
    intake = Intake(store, Address("127.0.0.1", 1), keys.load_or_create(tmp_path / "hq.pem"))
    made = app.build(store, intake, Settings(state=tmp_path), Feed())
    return TestClient(made, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["//example.org/", "///example.org", "/%5Cexample.org", "/%2F/example.org"])
def test_the_other_language_is_never_on_another_host(page: TestClient, path: str) -> None:
    answer = page.get(f"http://127.0.0.1{path}")
    assert answer.status_code == 404
    (link,) = re.findall(r'class="language" href="([^"]*)"', answer.text)
    assert re.match(r"/[^/\\]", link)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_our_own_error_is_a_readable_guarded_page(
    page: TestClient, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr(queries, "stations", lambda _: 1 / 0)
    answer = page.get("/", params={"lang": language})
    assert answer.status_code == 500
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert page.get("/api/stations").json()["error"]


def test_a_form_larger_than_any_of_ours_is_refused(page: TestClient) -> None:
    page.get("/calls")
    form = {"token": page.cookies[guard.COOKIE_TOKEN], "call": "1", "by": "x"}
    sent = {"data": form, "follow_redirects": False}
    assert page.post("/calls/acknowledge", **sent).status_code == 303
    form["more"] = "x" * guard.MAX_FORM_BYTES
    assert page.post("/calls/acknowledge", **sent).status_code == 413


@pytest.mark.parametrize("before", ["abc", "1", "9" * 20 + ".1", "-1.1", "1.1;"])
def test_a_place_in_the_list_that_is_none_is_refused(page: TestClient, before: str) -> None:
    assert page.get("/visits", params={"before": before}).status_code == 400
    assert (
        page.get("/visits", params={"before": "9999999999999999999.9999999999999999999"}).status_code == 200
    )


def test_a_browser_that_stopped_reading_gives_its_place_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "STALLED_S", 0.05)
    store, feed = Store(tmp_path / "hq.sqlite3"), Feed()
    intake = Intake(store, Address("127.0.0.1", 1), keys.load_or_create(tmp_path / "hq.pem"))
    served = app.build(store, intake, Settings(state=tmp_path), feed)
    listening: list[int] = []

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            listening.append(len(feed._listeners))
            await asyncio.Future()

    scope = {"type": "http", "method": "GET", "path": "/live", "query_string": b"", "root_path": ""}
    scope |= {"headers": [(b"host", b"127.0.0.1")], "server": ("127.0.0.1", 80), "scheme": "http"}
    asyncio.run(asyncio.wait_for(served(scope, receive, send), 10))
    assert listening
    assert max(listening) == 1
    assert not feed._listeners
