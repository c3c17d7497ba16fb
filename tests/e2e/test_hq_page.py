"""Headquarters' pages in a real browser: entries arrive live, a call is taken, both languages, two widths."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from hq import alarms, queries, registry
from hq.errors import SettingsError
from hq.service import Headquarters, Ready
from hq.settings import Address, Settings, check
from mqtt.messages import Command
from station.broker import Broker
from tests.stations import WAIT_S, ReportingStation

pytestmark = [pytest.mark.browser, pytest.mark.tool("mosquitto")]

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
VISIT = "01JZZZZZZZZZZZZZZZZZZZZZZ1"
PAGES = ("/", "/visits", f"/visits/{VISIT}", "/visits/nobody", "/calls", "/alarms", "/audit", "/nowhere")


class Running:
    """Broker, headquarters with its page, one reporting station."""

    def __init__(self, folder: Path) -> None:
        self.broker = Broker(folder / "broker")
        self.broker.start()
        self.station = ReportingStation(folder, "SZ-001")
        settings = Settings(
            state=folder / "hq",
            broker=Address("127.0.0.1", self.broker.port),
            web=Address("127.0.0.1", 0),
            pins={"SZ-001": self.station.public},
        )
        self.hq = Headquarters(settings)
        self._up: queue.SimpleQueue[Ready] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self.hq.run, args=(self._up.put,), daemon=True)
        self._thread.start()
        ready = self._up.get(timeout=WAIT_S)
        self.web = ready.web
        self.station.report(self.broker.port, ready.public_key, self._show)

    def _show(self, command: Command) -> str:
        arguments = command.arguments
        self.station.write(
            "call.acknowledged",
            str(arguments["visit"]),
            "hq",
            by=arguments["by"],
            call_index=arguments["call_index"],
        )
        return ""

    def close(self) -> None:
        self.station.close()
        self.hq.stop()
        self._thread.join(WAIT_S)
        self.broker.stop()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    program = shutil.which("chromium")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed (apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> webdriver.Chrome:
    """The one browser, away from the last test's page and without its cookies and complaints."""
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    complaints(chromium)
    return chromium


def wait(browser: webdriver.Chrome, seen: Callable[[webdriver.Chrome], object]) -> None:
    stale = [StaleElementReferenceException]
    WebDriverWait(browser, WAIT_S, poll_frequency=0.1, ignored_exceptions=stale).until(seen)


def text(browser: webdriver.Chrome, css: str) -> str:
    """What is shown there now, read in one go: a live page may replace an element between two calls."""
    shown = browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? null", css)
    assert isinstance(shown, str), f"no {css} on the page"
    return shown


def width(browser: webdriver.Chrome, pixels: int) -> None:
    metrics = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def complaints(browser: webdriver.Chrome) -> list[str]:
    """What the browser's console says against the page: blocked by the policy, script errors."""
    return [
        line["message"]
        for line in browser.get_log("browser")  # type: ignore[no-untyped-call]
        if "favicon" not in line["message"]
    ]


def a_visit(station: ReportingStation) -> None:
    counts = {"before": 1204, "after": 1204, "identical": 1204, "hashed": 211, "changed": 0, "missing": 0}
    station.write("visit.begun", VISIT, bay=1, language="zh")
    station.write("phone.identified", VISIT, model="heron", version="1.0.0", unlocked=True)
    station.write("plan.made", VISIT, **{"from": "1.0.0", "to": "2.0.0"}, writes=["boot_b", "system_b"])
    station.write("consent.given", VISIT, "customer")
    station.write("write.intended", VISIT, partition="system_b", bytes=67108864, sha256="ab" * 32)
    station.write("link.lost", VISIT, during="writing", detail="x" * 200)
    station.write("visit.closed", VISIT, verdict="updated", written=True, counts=counts)


def test_a_visit_arrives_on_its_open_page(running: Running, browser: webdriver.Chrome) -> None:
    width(browser, 1280)
    running.station.write("visit.begun", VISIT, bay=1)
    assert running.station.wait_settled()
    browser.get(f"{running.web}/visits/{VISIT}?lang=zh")
    assert "进行中" in text(browser, "#summary")
    assert text(browser, "#timeline").splitlines()[1] == "到店开始"
    wait(browser, lambda b: text(b, "#pulse") == "实时")
    running.station.write("inventory.taken", VISIT, objects=1204, bytes=9_300_000_000)
    wait(browser, lambda b: "1,204" in text(b, "#timeline li:last-child"))
    assert "清点用户文件" in text(browser, "#timeline li:last-child")
    counts = {"before": 1204, "after": 1201, "identical": 1200, "changed": 1, "missing": 3}
    running.station.write(
        "visit.closed", VISIT, verdict="needs_staff", reason="user_data_missing", counts=counts
    )
    wait(browser, lambda b: "需要店员" in text(b, "#summary"))
    assert "有用户文件缺失" in text(browser, "#summary")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#timeline li")) == 3
    assert complaints(browser) == []


def test_a_new_visit_appears_in_the_open_list(running: Running, browser: webdriver.Chrome) -> None:
    browser.get(f"{running.web}/visits?lang=en")
    assert "Nobody has come yet" in text(browser, "#live")
    wait(browser, lambda b: text(b, "#pulse") == "Live")
    a_visit(running.station)
    wait(browser, lambda b: "1,204 of 1,204 unchanged" in text(b, "#live"))
    assert "Updated" in text(browser, "#live")


def test_the_duty_manager_takes_a_call_and_the_customer_sees_the_name(
    running: Running, browser: webdriver.Chrome
) -> None:
    browser.get(f"{running.web}/calls?lang=zh")
    assert "没有人在等" in text(browser, "#live")
    wait(browser, lambda b: text(b, "#pulse") == "实时")
    running.station.write("call.requested", VISIT, "customer")
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "li.open button"))
    assert text(browser, "#open-calls") == "1"
    browser.find_element(By.ID, "by").send_keys("王<b>经理</b>")
    browser.find_element(By.CSS_SELECTOR, "li.open button").click()
    wait(browser, lambda b: "顾客已看到" in text(b, "#live"))
    assert "王<b>经理</b> 接听" in text(browser, "#live")
    assert not browser.find_element(By.ID, "open-calls").is_displayed()
    assert [command.arguments["by"] for command in running.station.commands] == ["王<b>经理</b>"]
    assert browser.find_element(By.ID, "by").get_attribute("value") == "王<b>经理</b>"  # signs once
    assert complaints(browser) == []


def test_no_page_is_wider_than_its_screen_in_either_language(
    running: Running, browser: webdriver.Chrome
) -> None:
    a_visit(running.station)
    running.station.write("call.requested", VISIT, "customer")
    assert running.station.wait_settled()
    with running.hq.store.write() as connection:
        alarms.sound(connection, "SZ-001", "tamper", "entry 7 came again with other content " * 4, index=7)
    for pixels in (1280, 390):
        width(browser, pixels)
        for language, title in (("zh", "zh-CN"), ("en", "en")):
            for page in PAGES:
                browser.get(f"{running.web}{page}?lang={language}")
                script = "const e = document.documentElement; return [e.scrollWidth <= e.clientWidth, e.lang]"
                assert browser.execute_script(script) == [True, title], (page, language, pixels)
    width(browser, 1280)


def test_the_language_stays_once_chosen_and_chinese_is_first(
    running: Running, browser: webdriver.Chrome
) -> None:
    browser.get(f"{running.web}/")
    assert text(browser, "h1") == "站点"
    browser.find_element(By.CSS_SELECTOR, "a.language").click()
    wait(browser, lambda b: text(b, "h1") == "Stations")
    browser.find_element(By.LINK_TEXT, "Log check").click()
    wait(browser, lambda b: text(b, "h1") == "Log check")


def test_the_page_says_when_it_is_no_longer_live(running: Running, browser: webdriver.Chrome) -> None:
    browser.get(f"{running.web}/?lang=en")
    wait(browser, lambda b: text(b, "#pulse") == "Live")
    running.hq.stop()
    wait(browser, lambda b: "reconnecting" in text(b, "#pulse"))


def test_the_api_gives_the_same_numbers_as_the_log_check(running: Running, browser: webdriver.Chrome) -> None:
    a_visit(running.station)
    assert running.station.wait_settled()
    with httpx.Client(base_url=running.web) as client:
        counted = client.get("/api/audit").json()
        assert (counted["stations"], counted["entries"], counted["verified"], counted["missing"]) == (
            1,
            7,
            7,
            0,
        )
        assert client.get("/api/stations").json()["stations"][0]["held"] == 7
        assert client.get("/api/visits").json()["visits"][0]["verdict"] == "updated"
        found = client.get(f"/api/visits/{VISIT}").json()
        assert [entry["kind"] for entry in found["entries"]][-1] == "visit.closed"
        assert client.get("/healthz").json() == {"ok": True, "broker": True, "trouble": ""}
    browser.get(f"{running.web}/audit?lang=zh")
    assert text(browser, "#ruling") == "每一条都在，且与收到时一致"
    assert [text(browser, f"#{name}") for name in ("entries", "verified", "missing", "stations")] == [
        "7",
        "7",
        "0",
        "1",
    ]
    running.broker.stop()
    assert running.hq.intake.wait_lost(WAIT_S)
    answer = httpx.get(f"{running.web}/healthz")
    assert answer.status_code == 503
    assert "broker" in answer.json()["trouble"]


def test_a_forged_form_changes_nothing(running: Running) -> None:
    running.station.write("call.requested", VISIT, "customer")
    assert running.station.wait_settled()
    (call,) = queries.calls(running.hq.store)
    form = {"call": str(call.id), "by": "Mallory"}
    with httpx.Client(base_url=running.web) as client:
        assert client.post("/calls/acknowledge", data=form).status_code == 403
        client.get("/calls")
        token = client.cookies["hq_form"]
        assert client.post("/calls/acknowledge", data=form | {"token": "x" * 32}).status_code == 403
        foreign = {"origin": "http://evil.example"}
        answer = client.post("/calls/acknowledge", data=form | {"token": token}, headers=foreign)
        assert answer.status_code == 403
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400
        assert client.post("/calls/acknowledge", data=form | {"token": token, "by": " "}).status_code == 303
        assert client.post("/calls/acknowledge", data={"token": token, "call": "x"}).status_code == 400
        assert queries.calls(running.hq.store)[0].state == "open"
        answer = client.post("/calls/acknowledge", data=form | {"token": token})
        assert answer.headers["location"] == "/calls?said=done"
        twice = client.post("/calls/acknowledge", data=form | {"token": token})
        assert twice.headers["location"] == "/calls?said=done", "a double click is one acknowledgement"
        other = client.post("/calls/acknowledge", data=form | {"token": token, "by": "somebody else"})
        assert other.headers["location"] == "/calls?said=gone"


def test_hostile_text_is_shown_as_text_and_every_answer_is_guarded(running: Running) -> None:
    attack = "<script>alert(1)</script>"
    running.station.write(
        "visit.closed", VISIT, verdict=attack, reason=attack, model=attack, **{attack: attack}
    )
    assert running.station.wait_settled()
    registry.pin(running.hq.store, "B", running.station.key.public_key())
    with httpx.Client(base_url=running.web) as client:
        for path in (
            *PAGES,
            f"/visits?station={attack}",
            f"/calls?said={attack}",
            "/api/visits/nobody",
            "/static/hq.js",
        ):
            answer = client.get(path)
            assert attack not in answer.text or path.startswith("/api/"), path
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get("/visits?before=abc").status_code == 400
        assert client.get("/api/visits?limit=100000").status_code == 400
        assert client.get("/visits?before=99999999999999999999").status_code == 400
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/docs").status_code == 404


def test_settings_keep_the_page_on_loopback() -> None:
    with pytest.raises(SettingsError, match="loopback"):
        check(replace(Settings(), web=Address("0.0.0.0", 80)))
