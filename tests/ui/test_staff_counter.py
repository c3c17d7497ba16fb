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
from kiosk.ui.staff.panel import Touch
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


def put_in_cash(window: Window) -> None:
    """Through the page for it, before two people."""
    front = window.front
    front.go("cash")
    assert window.page() == "cash"
    for char in "2000":
        front.key(char)
    front.cash_way("in")
    front.choose("cash_reason", "float")
    front.change_cash()
    assert window.page() == "second"
    window.fill("second_staff", SECOND.staff)
    window.fill("second_pin", SECOND.pin)
    front.second_in()
    assert window.page() == "cash"
    assert front.draft.choice("booked") == "in", front.shown.said
    staff = front.shown.view.staff
    assert staff is not None
    assert staff.cash_fen == 200_000
    front.go("queue")
    assert window.page() == "queue"


def to_offer(window: Window, world: World) -> None:
    front = window.front
    window.log_in()
    assert window.page() == "queue"
    put_in_cash(window)
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
    assert window.page() == "here", front.shown.said
    for char in "999999":  # as long as the right one: it is asked about at once
        front.key(char)
    assert window.page() == "here"
    assert front.shown.said is not None
    assert front.shown.said.reason == "pin_wrong"
    for char in LIN[1]:
        front.key(char)
    assert window.page() == "erase"
    counter.plug_in()
    front.erase(BAYS[0].bay)
    assert window.page() == "seal"
    front.scanned("seal", "KS-0045120")
    assert window.page() == "settle"
    assert window.page() == "settle"
    assert front.shown.trade is not None
    assert front.shown.trade.settlement == "intended", front.shown.said
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
    assert window.page() == "here"
    for char in LIN[1]:
        window.front.key(char)
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


def test_three_wrong_pins_where_the_screen_was_the_customers_show_the_wait(counter: Counter) -> None:
    """Of that number: the keypad itself is not locked yet, so another colleague may log in."""
    window = Window(counter)
    to_offer(window, counter.world)
    window.front.turn_back()
    assert window.page() == "here"
    for _ in range(3):
        window.fill("pin", "999999")
        window.page()
    assert window.front.shown.view.login_wait_s == 0
    panel = PANELS["staff_here"](Scene(window.front.shown, BOOKS["zh"], BAYS))
    assert {one.key: one.open for one in panel.deeds} == {
        "back_in": False,
        "somebody_else": True,
        "not_back": True,
    }


def test_a_payout_that_the_drawer_lacks_goes_by_transfer_from_its_own_page(tmp_path: Path) -> None:
    counter = Counter(World(tmp_path))
    window, world = Window(counter), counter.world
    front = window.front
    to_offer(window, world)
    to_erase(window)
    take_out_cash(window)
    front.open_trade(front.shown.view.trades[0].trade)
    window.page()
    counter.plug_in()
    front.erase(BAYS[0].bay)
    assert window.page() == "seal"
    front.scanned("seal", "KS-0045120")
    window.page()
    window.page()
    panel = PANELS["staff_settle"](Scene(front.shown, BOOKS["zh"], BAYS))
    assert [one.key for one in panel.deeds] == ["settle", "by_transfer", "back"]
    act = panel.deeds[1].touch
    getattr(front, act.action)(*act.values)
    counter.tick()
    assert window.page() == "hold", front.shown.said
    counter.close()


def take_out_cash(window: Window) -> None:
    front = window.front
    front.go("cash")
    window.page()
    for char in "2000":
        front.key(char)
    front.cash_way("out")
    front.choose("cash_reason", "safe")
    front.change_cash()
    window.page()
    window.fill("second_staff", SECOND.staff)
    window.fill("second_pin", SECOND.pin)
    front.second_in()
    window.page()
    assert front.draft.choice("booked") == "out", front.shown.said


def to_erase(window: Window) -> None:
    """From the offer: the customer signs, staff take the screen back."""
    front = window.front
    for one in CONSENTS:
        front.tick(one)
    front.choose("backup", "done")
    front.to_signing(CONSENTS)
    window.page()
    front.scanned("id", "110101199003070000")
    front.stroke(tuple((100 + 40 * step, 400 + 20 * (step % 5)) for step in range(15)))
    front.stroke(((200, 200), (800, 200)))
    front.accept("consent-zh-0", CONSENTS, "cash")
    window.page()
    for char in LIN[1]:
        front.key(char)
    assert window.page() == "erase"


def test_an_accepted_phone_that_answers_in_no_bay_goes_to_destruction(counter: Counter) -> None:
    """Its socket broke after the customer's yes: it cannot be erased, and must not stand here for ever."""
    window, front = (found := Window(counter)), found.front
    to_offer(window, counter.world)
    to_erase(window)
    absent = (BayView(1, "tcp:bay-1", False, ""),)

    def ways() -> dict[str, Touch]:
        panel = PANELS["staff_erase"](Scene(front.shown, BOOKS["zh"], absent))
        return {one.key: one.touch for one in panel.deeds if one.open}

    assert "give_up" not in ways(), "nobody has tried yet"
    front.erase(str(ways()["no_answer"].values[0]))
    assert window.page() == "erase"
    assert front.shown.said is not None
    assert front.shown.said.reason == "phone_silent"
    assert "give_up" in ways()
    front.step("give_up")
    assert window.page() == "give_up"
    front.choose("give_up", "dead")
    front.give_up()
    assert window.page() == "seal"
    assert front.shown.trade is not None
    assert front.shown.trade.state == "destroy"
