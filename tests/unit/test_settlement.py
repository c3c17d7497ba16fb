"""A payment: one key, one outcome; paid and refused are final."""

from __future__ import annotations

import pytest

from recycling import settlement as s
from recycling.errors import Refused
from tests.machine_promises import assert_whole

step = s.MACHINE.step


def test_the_machine_is_whole() -> None:
    assert_whole(s.MACHINE)


def test_the_key_is_the_trades_own_and_further_attempts_are_numbered() -> None:
    assert [s.key("T", attempt) for attempt in (1, 2, 3)] == ["T", "T-2", "T-3"]


@pytest.mark.parametrize(("amount", "receive"), [(-1, 0), (0, -1)])
def test_no_amount_is_below_zero(amount: int, receive: int) -> None:
    with pytest.raises(Refused, match="below 0"):
        s.intended("T", 1, "cash", amount, receive, 1)


def test_unknown_becomes_paid_or_refused_and_those_never_change() -> None:
    unknown = step(s.intended("T", 1, "transfer", 5, 0, 1), s.Unknown(2))
    paid, refused = step(unknown, s.Paid(3)), step(unknown, s.Declined(3))
    assert (paid.state, refused.state) == (s.State.PAID, s.State.REFUSED)
    assert step(paid, s.Paid(4)) is paid
    assert step(paid, s.Unknown(4)) is paid
    for final, event in ((paid, s.Declined(4)), (refused, s.Paid(4))):
        with pytest.raises(Refused, match="settlement"):
            step(final, event)
