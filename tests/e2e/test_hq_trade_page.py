"""Headquarters' pages of the counter in a real browser: live, signed, uploaded; both languages, two widths."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from kiosk.claims import HqClaims
from mqtt.messages import Command
from tests.e2e.test_hq_page import Running, browser, chromium, complaints, text, wait, width
from tests.stations import WAIT_S
from tests.unit import test_hq_trade as stories
from tests.unit.test_hq_trade import DROP, IMEI, MANIFEST, TRADE, TRADE2

__all__ = ["browser", "chromium"]  # fixtures
pytestmark = [pytest.mark.browser, pytest.mark.tool("mosquitto")]

PAGES = (
    *(
        "/trades",
        "/trades?imei=7518",
        "/trades?imei=1",
        f"/trades/{TRADE}",
        f"/trades/{TRADE2}",
        "/trades/nobody",
    ),
    *("/bins", f"/drops/{DROP}", "/drops/nobody", "/manifests", f"/manifests/{MANIFEST}?said=bad"),
    *("/manifests/nobody", "/fraud", "/fraud?said=noname"),
)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    made.close()


def everything(running: Running) -> None:
    for story in (stories.a_trade, stories.some_drops, stories.a_manifest, stories.some_flags):
        story(running.station.write)
    assert running.station.wait_settled()


def test_a_trade_in_is_followed_live_from_the_list_to_its_chain(
    running: Running, browser: webdriver.Chrome
) -> None:
    width(browser, 1280)
    browser.get(f"{running.web}/trades?lang=zh")
    assert "还没有以旧换新" in text(browser, "#live")
    wait(browser, lambda b: text(b, "#pulse") == "实时")
    stories.a_trade(running.station.write)
    wait(browser, lambda b: "有证书" in text(b, "#live"))
    assert "¥1,092.00" in text(browser, "#live")
    browser.find_element(By.CSS_SELECTOR, "tbody th a").click()
    wait(browser, lambda b: "货架 A3" in text(b, ".chain"))
    assert text(browser, ".chain li.here b") == "货架 A3"
    assert [line for line in text(browser, ".timeline").splitlines() if line == "出具擦除证书"]
    running.station.write("trade.quarantined", TRADE, "staff:17")
    wait(browser, lambda b: text(b, ".chain li.here b") == "隔离区")
    assert complaints(browser) == []


def test_a_bin_fills_on_its_open_page(running: Running, browser: webdriver.Chrome) -> None:
    browser.get(f"{running.web}/bins?lang=en")
    assert "No bin has been heard of yet" in text(browser, "#live")
    wait(browser, lambda b: text(b, "#pulse") == "Live")
    stories.some_drops(running.station.write)
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".vessel.due"))
    shown = text(browser, ".vessels")
    for line in ("Bin 3 · charger", "85 g", "Items: 1 · 91% full", "Full"):
        assert line in shown.replace("\N{NO-BREAK SPACE}", " ")
    tall = browser.execute_script("return document.querySelector('.vessel .fill').getBBox().height")
    assert tall == pytest.approx(80 * 0.91, abs=0.1)
    assert complaints(browser) == []


def test_the_processors_answer_goes_from_the_page_to_the_station(
    running: Running, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    def show(command: Command) -> str:
        return "" if len(running.station.commands) == 2 else "the signature does not hold"

    assert running.station.reporter is not None
    running.station.reporter.stop()
    running.station.report(running.broker.port, running.hq.settings.public_key_file, show)
    everything(running)
    answer = b"\xd2" + bytes(range(256)) * 100
    for name, data in (("junk.bin", b"junk"), ("answer.cose", answer), ("second.cose", answer + b"2")):
        (tmp_path / name).write_bytes(data)
    browser.get(f"{running.web}/manifests/{MANIFEST}?lang=zh")
    browser.find_element(By.ID, "by").send_keys("王经理")
    for name, seen in (("junk.bin", "这不是处理商签名的答复文件"), ("answer.cose", "已登记")):
        browser.find_element(By.ID, "file").send_keys(str(tmp_path / name))
        browser.find_element(By.CSS_SELECTOR, "#answer button").click()
        wait(browser, lambda b, seen=seen: seen in text(b, ".notice"))  # type: ignore[misc]
    wait(browser, lambda b: "站点没有接受：the signature does not hold" in text(b, "#live"))
    browser.find_element(By.ID, "file").send_keys(str(tmp_path / "second.cose"))
    browser.find_element(By.CSS_SELECTOR, "#answer button").click()
    wait(browser, lambda b: "站点已核验并记入" in text(b, "#live"))
    first, second = running.station.commands
    assert (first.action, first.requester) == ("manifest.answer", "王经理")
    sent = str(second.arguments["answer"])
    assert base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4)) == answer + b"2"
    assert complaints(browser) == []


def test_a_flag_is_signed_once_it_was_looked_at(running: Running, browser: webdriver.Chrome) -> None:
    stories.some_flags(running.station.write)
    assert running.station.wait_settled()
    browser.get(f"{running.web}/fraud?lang=en")
    assert text(browser, "#flag-count") == "4"
    browser.find_element(By.ID, "by").send_keys("Li")
    browser.find_element(By.CSS_SELECTOR, "li.flag button").click()
    wait(browser, lambda b: text(b, ".notice") == "Signed.")
    assert "Looked at by Li" in text(browser, "#live")
    assert text(browser, "#flag-count") == "3"
    assert complaints(browser) == []


def test_no_page_is_wider_than_its_screen_in_either_language(
    running: Running, browser: webdriver.Chrome
) -> None:
    everything(running)
    for pixels in (1280, 1000, 390):
        width(browser, pixels)
        for language, title in (("zh", "zh-CN"), ("en", "en")):
            for page in PAGES:
                joint = "&" if "?" in page else "?"
                browser.get(f"{running.web}{page}{joint}lang={language}")
                script = "const e = document.documentElement; return [e.scrollWidth <= e.clientWidth, e.lang]"
                assert browser.execute_script(script) == [True, title], (page, language, pixels)
    width(browser, 1280)


def test_a_phone_is_found_by_its_imei_and_its_history_goes_to_the_station(
    running: Running, browser: webdriver.Chrome
) -> None:
    everything(running)
    browser.get(f"{running.web}/trades?lang=en")
    browser.find_element(By.ID, "imei").send_keys("7518")
    browser.find_element(By.CSS_SELECTOR, "form button").click()
    wait(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, "tbody tr")) == 1)
    assert "heron" in text(browser, "#live")
    found = httpx.get(f"{running.web}/api/imei/{IMEI}").json()
    rows = HqClaims(running.station.reporter, WAIT_S).history(IMEI)
    assert rows is not None
    assert [row["kind"] for row in rows] == [entry["kind"] for entry in found["entries"]]


def test_hostile_text_is_shown_as_text(running: Running) -> None:
    attack = "<script>alert(1)</script>"
    for kind in ("trade.identified", "trade.stopped", "manifest.drafted", "drop.abandoned", "fraud.flagged"):
        facts = {"model": attack, "rule": attack, "processor": attack, "detail": attack, "why": attack}
        running.station.write(kind, TRADE, "station", **facts)
    running.station.write("bin.state", "", "station", bin=1, to=attack, why=attack)
    running.station.write("dock.trouble", "", "station", what=attack, place=attack)
    running.station.write("staff.refused", "", "station", staff=attack)
    running.station.write("item.placed", TRADE, "station", item=attack, to=attack, category=attack)
    running.station.write("price_book.adopted", "", "station", book=attack, approvers=[attack])
    assert running.station.wait_settled()
    with httpx.Client(base_url=running.web) as client:
        for page in (
            *PAGES,
            f"/manifests/{TRADE}",
            f"/drops/{TRADE}",
            f"/trades?imei={attack}",
            f"/fraud?said={attack}",
        ):
            answer = client.get(page)
            assert answer.status_code in {200, 404}, page
            assert attack not in answer.text, page
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert client.get("/trades?before=abc").status_code == 400
        assert client.get("/api/trades?limit=100000").status_code == 400
