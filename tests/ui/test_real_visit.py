"""Nothing scripted: real touches on the kiosk's own screens, a virtual phone over USB/IP, headquarters over MQTT."""

from __future__ import annotations

import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kiosk.assembly
from hw.virtual.control import Customer
from station.system import PhoneChoice, System
from tests.ui.test_visit import said, touch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = pytest.mark.ui
DESK = ("view", "begin", "consent", "decline", "backup", "cancel", "call_manager", "finish")
VISIT_S = 90.0


def watch(hand: Stagehand, done: Callable[[], bool], timeout_s: float = VISIT_S) -> None:
    """Frames go by until ``done``; the clock of the screen runs with the real one."""
    now = time.monotonic()
    deadline = now + timeout_s
    while not done():
        assert now < deadline, f"still at {hand.app.shown.page}:\n{said(hand)}"
        before, now = now, time.monotonic()
        hand.clock.now_s += now - before
        hand.app.refresh()
        hand.tick()


def acknowledge_the_call(web: str, name: str) -> None:
    """A duty manager at headquarters: opens the page, writes a name, presses the button."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(jar)
    deadline = time.monotonic() + 30
    form: dict[str, str] = {}
    while "call" not in form:
        assert time.monotonic() < deadline, "the call did not reach headquarters"
        page = browser.open(web + "/calls", timeout=10).read().decode()
        form = dict(re.findall(r'<(?:input|button)[^>]*name="(\w+)"[^>]*value="([^"]*)"', page))
    form["by"] = name
    request = urllib.request.Request(web + "/calls/acknowledge", urllib.parse.urlencode(form).encode())
    request.add_header("Origin", web)
    assert browser.open(request, timeout=10).status == 200


class Counter:
    """The customer at the counter: one finger for the screen, two hands for the phone."""

    def __init__(self, hand: Stagehand, phone: Customer, language: str) -> None:
        self.hand, self.phone, self.language = hand, phone, language
        self.touches = 0

    def touch(self, *keys: str) -> None:
        for key in keys:
            self.hand.settle()
            touch(self.hand, key)
            self.touches += 1

    def page(self, *names: str) -> None:
        """Wait until one of these pages is shown."""
        watch(self.hand, lambda: self.hand.app.shown.page in names)

    def update(self, at_plan: Callable[[], None]) -> None:
        self.hand.tap(540, 960)
        self.touches += 1
        self.touch(self.language, "begin")
        self.page("connect")
        self.phone.replug()
        self.page("unlock")
        self.phone.unlock()
        self.page("keys")
        self.phone.hold_keys()
        self.page("plan")
        self.hand.settle()
        at_plan()
        self.touch("agree")
        self.page("backup")
        self.touch("tick", "backup_done")
        self.page("unlock_again")
        self.phone.unlock()
        self.page("keys_again")
        self.phone.hold_keys()
        self.page("result")
        self.hand.settle()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("language", "model"), [("zh", "heron"), ("en", "wren")])
def test_a_customer_updates_a_real_virtual_phone_by_touch(
    hand: Stagehand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, model: str
) -> None:
    phones = (PhoneChoice(model, ("--user-data-size", "4MiB")),)
    with System(tmp_path, phones, system_mib=4) as system, kiosk.assembly.Station(system.settings) as station:
        system.customer(1).unplug()
        for name in DESK:
            monkeypatch.setattr(hand.desk, name, getattr(station.desk, name))
        hand.app.refresh()
        counter = Counter(hand, system.customer(1), language)
        called: list[str] = []

        def at_plan() -> None:
            assert "1.0.0" in said(hand)
            assert "2.0.0" in said(hand)
            if language == "zh":
                touch(hand, "call")
                acknowledge_the_call(system.web, "王敏")
                watch(hand, lambda: "王敏" in said(hand))
                called.append("王敏")

        counter.update(at_plan)
        files = sum(path.is_file() for path in (tmp_path / "phone-1/user").rglob("*"))
        assert said(hand).count(str(files)) >= 2, "counts before and after, side by side"
        counter.touch("done")
        assert counter.touches <= 8
        head = station.book.head().index
        audit = system.audit(head)
        assert (audit["entries"], audit["verified"], audit["missing"]) == (head, head, 0)
        visits = system.ask_hq("/api/visits")["visits"]
        assert [(visit["verdict"], visit["version_to"]) for visit in visits] == [("updated", "2.0.0")]
        assert called == (["王敏"] if language == "zh" else [])
