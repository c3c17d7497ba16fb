"""A bay is one phone's at a time: a check, an erasing and an update visit never talk to each other's phone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from kiosk.errors import BayTaken
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.work import Errand, ask
from kiosk.store.book import Book
from tests.counter_fakes import IMEIS, Counter, FakeEraser, Look, Trouble, World

BAY = "tcp:bay-1"


@pytest.fixture
def bays(world: World) -> Iterator[tuple[Counter, Book]]:
    """The counter, its bays leased in the station's book, and the visits' own book."""
    first = Counter(world)
    books = [Book(first.database, world.clock, lambda _mark: None) for _ in range(2)]
    counter = Counter(world, bays=books[0])
    counter.log_in()
    yield counter, books[1]
    counter.close()
    first.close()


def identified(counter: Counter, number: int, bay: str = "1") -> str:
    trade = counter.begin_trade()
    counter.must(c.TradeIdentify(trade, IMEIS[number], model="heron", bay=bay))
    return trade


class SlowErrands:
    """Errands wait until they are let go on, as they do on their threads."""

    def __init__(self, counter: Counter) -> None:
        self._work = counter.work
        self.waiting: list[Errand] = []
        counter.work.errand = self.waiting.append

    def go_on(self) -> None:
        errand = self.waiting.pop(0)
        self._work.finish(errand, ask(errand))


def looks(counter: Counter, monkeypatch: pytest.MonkeyPatch, seen: Callable[[], None]) -> None:
    """Something happens while a phone is looked at."""
    plain = FakeEraser.look

    def look(eraser: FakeEraser, where: str, timeout_s: float, stop: threading.Event | None = None) -> Look:
        seen()
        return plain(eraser, where, timeout_s, stop)

    monkeypatch.setattr(FakeEraser, "look", look)


def test_a_check_looks_at_no_phone_that_is_being_updated(
    bays: tuple[Counter, Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, visits = bays
    trade = identified(counter, 0)
    counter.plug_in()
    looked: list[str] = []
    looks(counter, monkeypatch, lambda: looked.append("look"))
    visits.lease(BAY)
    assert counter.do(c.TradeCheck(trade)) == "bay_taken"
    assert (looked, counter.trade(trade).state) == ([], "identified")
    visits.release(BAY)
    counter.must(c.TradeCheck(trade))
    assert counter.trade(trade).checks["phone"] == "same"


def test_no_update_begins_at_a_phone_that_is_being_checked(
    bays: tuple[Counter, Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, visits = bays
    trade = identified(counter, 0)
    counter.plug_in()
    refused: list[bool] = []

    def update() -> None:
        try:
            visits.lease(BAY)
        except BayTaken:
            refused.append(True)

    looks(counter, monkeypatch, update)
    counter.must(c.TradeCheck(trade))
    assert refused == [True]
    visits.lease(BAY)  # and afterwards one may


def test_a_check_that_came_to_nothing_gives_the_bay_back(bays: tuple[Counter, Book], world: World) -> None:
    counter, visits = bays
    trade = identified(counter, 0)
    world.register.listed[IMEIS[0]] = "unknown"
    assert counter.do(c.TradeCheck(trade)) == "register_unknown"
    visits.lease(BAY)
    visits.release(BAY)
    world.register.look = _silent  # type: ignore[method-assign, assignment]
    assert counter.do(c.TradeCheck(trade)) == "check_failed"
    visits.lease(BAY)


def _silent(_imei: str) -> None:
    raise Trouble("register_silent")


def test_a_check_without_a_bay_asks_for_none(bays: tuple[Counter, Book]) -> None:
    counter, visits = bays
    trade = identified(counter, 0, bay="")
    visits.lease(BAY)
    counter.must(c.TradeCheck(trade))
    assert counter.trade(trade).checks["phone"] == "absent"


def test_two_trade_ins_never_look_into_one_bay_at_once(bays: tuple[Counter, Book]) -> None:
    counter, visits = bays
    first, second = identified(counter, 0), identified(counter, 1)
    counter.plug_in()
    slow = SlowErrands(counter)
    counter.must(c.TradeCheck(first))
    assert counter.do(c.TradeCheck(second)) == "bay_in_use"
    said = counter.trade(second).said
    assert said is not None
    assert said.values == {"bay": 1}
    with pytest.raises(BayTaken):
        visits.lease(BAY)
    slow.go_on()
    assert counter.trade(first).state == "cleared"
    counter.must(c.TradeCheck(second))
    slow.go_on()
    assert counter.trade(second).stopped == "imei_usb_differs", (
        "it is the first one's phone that stands there"
    )


def test_the_bay_of_an_erasing_is_nobody_elses_until_its_second_look(bays: tuple[Counter, Book]) -> None:
    counter, visits = bays
    first = counter.to_accepted()
    second = identified(counter, 1)
    counter.plug_in()
    slow = SlowErrands(counter)
    counter.must(c.EraseStart(first, "1"))
    for _step in ("look", "erase", "second look"):
        assert counter.do(c.TradeCheck(second)) == "bay_in_use"
        with pytest.raises(BayTaken):
            visits.lease(BAY)
        slow.go_on()
    assert counter.trade(first).state == "erased"
    visits.lease(BAY)


def test_a_second_look_that_could_not_be_written_down_keeps_no_bay(
    bays: tuple[Counter, Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, visits = bays
    trade = counter.to_accepted()
    counter.plug_in(mode="normal", tells_wizard=True)
    counter.must(c.EraseStart(trade, "1"))
    counter.world.eraser.factory_reset(BAY)
    plain = counter.store.commit

    def full(_change: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(counter.store, "commit", full)
    with pytest.raises(OSError, match="no space"):
        counter.do(c.EraseResetDone(trade))
    visits.lease(BAY)
    visits.release(BAY)
    monkeypatch.setattr(counter.store, "commit", plain)
    counter.must(c.EraseResetDone(trade))
    assert counter.trade(trade).state == "erased"


def test_what_is_no_bay_is_neither_leased_nor_given_back(bays: tuple[Counter, Book]) -> None:
    counter, visits = bays
    own = counter.tools.bays
    assert isinstance(own, Book)
    own.lease("counter")  # the counter's own, which lies beside the bays'
    trade = identified(counter, 0, bay="counter")
    counter.do(c.TradeCheck(trade))
    counter.do(c.EraseStart(trade, "counter"))
    with pytest.raises(BayTaken):
        visits.lease("counter")


def test_a_phone_that_says_no_product_is_not_begun_and_keeps_no_bay(bays: tuple[Counter, Book]) -> None:
    counter, visits = bays
    trade = counter.to_accepted()
    counter.plug_in(product="")
    assert counter.do(c.EraseStart(trade, "1")) == "phone_unknown"
    assert counter.trade(trade).erasure.state != "running"
    visits.lease(BAY)
