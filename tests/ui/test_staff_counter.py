"""Staff's front over the real counter: every page leads to the next, without a window. Touches as the front's calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from kiosk.flow.counter.commands import Command
from kiosk.flow.counter.view import CounterView, EstimateModel, EstimateView, QuestionView
from kiosk.flow.view import BayView
from kiosk.ui import words
from kiosk.ui.staff.offer_panels import CONSENTS
from kiosk.ui.staff.panels import PANELS
from kiosk.ui.staff.scene import Scene
from kiosk.ui.staff_front import StaffFront
from tests.counter_fakes import ANSWERS, IMEIS, LIN, SECOND, Counter, World

BOOKS = words.load()
BAYS = (BayView(1, "tcp:bay-1", True, ""),)


class Window:
    """The counter as the screens see it: a ticket for a command, and every page put into words at each look."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._tickets = 0
        self.front = StaffFront(self, lambda: 0.0)

    def view(self) -> CounterView:
        return self._counter.view()

    def do(self, command: Command) -> int:
        self._counter.do(command)
        return self._counter.view().done_ticket

    def estimate_models(self) -> tuple[EstimateModel, ...]:
        return ()

    def estimate(self, _model: str, _answers: Mapping[str, str]) -> EstimateView | None:
        return None

    def estimate_questions(self) -> tuple[QuestionView, ...]:
        return ()

    def page(self) -> str:
        page = self.front.page(self.view())
        for say in BOOKS.values():
            assert PANELS[page](Scene(self.front.shown, say, BAYS)).lead
        return page.removeprefix("staff_")

    def fill(self, name: str, text: str) -> None:
        self.front.focus(name)
        for char in text:
            self.front.key(char)

    def log_in(self) -> None:
        assert self.page() == "login"
        self.fill("staff", LIN[0])
        self.fill("pin", LIN[1])
        self.front.log_in()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    found = Counter(World(tmp_path))
    yield found
    found.close()


def to_offer(window: Window, world: World) -> None:
    front = window.front
    window.log_in()
    assert window.page() == "queue"
    front.begin_trade("zh")
    assert window.page() == "identify"
    front.scanned("imei", IMEIS[0])
    front.choose("model", "heron")
    front.identify("", "")
    assert window.page() == "check"
    front.check("none")
    assert window.page() == "inspect"
    for question, answer in ANSWERS.items():
        front.answer(question, answer)
    world.dock.put(180)
    front.inspect()
    assert window.page() == "quote"
    front.use("payout")
    front.quote()
    window.page()
    if "TradeApprove" in (front.shown.trade.next if front.shown.trade else ()):
        front.ask_second("approve")
        assert window.page() == "second"
        window.fill("second_staff", SECOND.staff)
        window.fill("second_pin", SECOND.pin)
        front.second_in()
    assert window.page() == "quote"
    front.offer()
    assert window.page() == "offer"


def test_a_trade_in_goes_from_the_queue_to_the_shelf_by_the_pages_alone(counter: Counter) -> None:
    window = Window(counter)
    front = window.front
    to_offer(window, counter.world)
    for one in CONSENTS:
        front.tick(one)
    front.choose("backup", "done")
    front.to_signing(CONSENTS)
    assert window.page() == "sign"
    front.scanned("id", "110101199003070000")
    front.stroke(tuple((100 + 40 * step, 400 + 20 * (step % 5)) for step in range(15)))
    front.stroke(((200, 200), (800, 200)))
    front.accept("consent-zh-0", CONSENTS, "cash")
    assert window.page() == "erase", front.shown.said
    counter.plug_in()
    front.erase(BAYS[0].bay)
    assert window.page() == "seal"
    front.scanned("seal", "KS-0045120")
    assert window.page() == "settle"
    front.settle()
    assert window.page() == "settle"
    front.cash(0)
    assert window.page() == "hold"
    front.scanned("shelf", "A3")
    window.page()
    trade = front.shown.trade
    assert trade is not None
    assert (trade.state, trade.place) == ("held", "shelf:A3")


def test_a_customer_who_declines_gets_the_phone_back(counter: Counter) -> None:
    window = Window(counter)
    to_offer(window, counter.world)
    window.front.decline()
    assert window.page() == "handover"
    window.front.turn_back()
    assert window.page() == "handback"
    window.front.hand_back()
    assert window.page() in ("queue", "wait")


def test_a_stopped_phone_shows_staff_the_rule_and_goes_back(counter: Counter) -> None:
    counter.world.register.listed[IMEIS[0]] = "blacklisted"
    window = Window(counter)
    window.log_in()
    window.page()
    window.front.begin_trade("zh")
    window.page()
    window.front.scanned("imei", IMEIS[0])
    window.front.choose("model", "heron")
    window.front.identify("", "")
    window.page()
    window.front.check("none")
    assert window.page() == "handback"
    assert window.front.shown.trade is not None
    assert window.front.shown.trade.stopped
