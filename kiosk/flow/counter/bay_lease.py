"""A bay is one trade-in's while its phone is looked at or erased: no update visit and no other trade-in has it then.

It looks at no phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.flow.counter.work import Work
from recycling.errors import Refused


def take(work: Work, where: str, trade: str) -> None:
    """Until :func:`let_go`. :class:`Refused` "bay_in_use" (``bay``); :class:`kiosk.errors.BayTaken` for a visit's."""
    holder = work.leased.get(where)
    if holder == trade:
        return
    if holder is not None:
        raise Refused("bay_in_use", f"{where}: {holder} is there", {"bay": work.tools.shop.number(where)})
    if work.tools.bays is not None:
        work.tools.bays.lease(where)
    work.leased[where] = trade


def let_go(work: Work, where: str, trade: str) -> None:
    """Nothing where another one has it by now."""
    if work.leased.get(where) != trade:
        return
    del work.leased[where]
    if work.tools.bays is not None:
        work.tools.bays.release(where)


@contextmanager
def given_back_on_failure(work: Work, where: str, trade: str) -> Iterator[None]:
    """What could not be written down keeps no bay."""
    try:
        yield
    except BaseException:
        let_go(work, where, trade)
        raise
