"""Erasing: three attempts, an interrupted one goes on, a certificate only for what was looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recycling import erasure as e
from recycling.errors import Refused
from recycling.trade import State as TradeState
from tests.machine_promises import assert_whole
from tests.unit.test_trade_in import GIVEN, OFFERED

NOW = 1
step = e.MACHINE.step


def begun(known: e.Erasure = e.Erasure("T"), method: str = "fastboot_erase", **values: str) -> e.Erasure:  # noqa: B008
    event = e.Begun(NOW, method, 1, "tcp:1", "heron", values.get("serial", "S"), 200, values.get("mtp", ""))
    return step(known, event)


def looked(files: int | None, wizard: bool | None, method: str = "fastboot_erase", **more: str) -> e.Erasure:
    verifying = step(begun(method=method, mtp=more.get("mtp", "")), e.Ran(NOW))
    return step(verifying, e.Looked(NOW, "normal", files, wizard, "EC1", "", more.get("mtp_now", "")))


def test_the_machine_is_whole() -> None:
    assert_whole(e.MACHINE)


@pytest.mark.parametrize(
    ("files", "wizard", "method", "state", "why"),
    [
        (0, True, "fastboot_erase", "certified", ""),
        (0, True, "factory_reset", "certified", ""),
        (0, None, "fastboot_erase", "warning", ""),
        (None, True, "factory_reset", "warning", ""),
        (0, None, "factory_reset", "failed", "not_proven"),
        (1, True, "fastboot_erase", "failed", "files_left"),
        (200, None, "factory_reset", "failed", "files_left"),
        (0, False, "fastboot_erase", "failed", "not_reset"),
        (None, None, "fastboot_erase", "failed", "no_answer"),
    ],
)
def test_the_second_look_decides(
    files: int | None, wizard: bool | None, method: str, state: str, why: str
) -> None:
    judged = looked(files, wizard, method)
    assert (judged.state.value, judged.why) == (state, why)
    assert bool(judged.certificate) == (state != "failed")
    assert (judged.verification == "inspection") == (state == "certified")


def test_another_phone_that_comes_back_gets_no_certificate() -> None:
    assert looked(0, True, "factory_reset", mtp="U1", mtp_now="U2").why == "wrong_phone"
    assert looked(0, True, "factory_reset", mtp="U1", mtp_now="U1").state is e.State.CERTIFIED


def test_three_attempts_and_no_fourth() -> None:
    known = e.Erasure("T")
    for attempt in (1, 2, 3):
        known = begun(known)
        assert known.attempt == attempt
        known = step(known, e.Refusal(NOW, "refused"))
    with pytest.raises(Refused, match="attempts"):
        begun(known)
    assert step(known, e.GaveUp(NOW, "stubborn")).state is e.State.GIVEN_UP


def test_an_interrupted_attempt_goes_on_as_the_same_one() -> None:
    known = step(begun(), e.Interrupted(NOW, "link"))
    again = begun(known)
    assert (again.state, again.attempt) == (e.State.RUNNING, 1)
    assert begun(known, method="factory_reset").attempt == 2


def test_another_phone_is_refused_at_every_attempt() -> None:
    with pytest.raises(Refused, match="another phone"):
        begun(step(begun(), e.Interrupted(NOW, "link")), serial="OTHER")


def test_only_an_accepted_trade_in_erasing_makes_an_order() -> None:
    accepted = replace(OFFERED, acceptance=GIVEN, product="heron", serial="S")
    for state in TradeState:
        trade = replace(accepted, state=state)
        if state is TradeState.ERASING:
            assert e.order(trade) == e.Order("T", "heron", "S", ("userdata", "metadata"))
        else:
            with pytest.raises(Refused, match="nothing may be erased"):
                e.order(trade)
    with pytest.raises(Refused):
        e.order(replace(accepted, state=TradeState.ERASING, acceptance=None))
    with pytest.raises(Refused, match="who it is"):
        e.order(replace(accepted, state=TradeState.ERASING, serial=""))
