"""One moment of the kiosk for the gallery and for tests: what the desk and the counter show, and how one came there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kiosk.flow.counter.view import CounterView
from kiosk.flow.view import BayView, DeskView, JobView

Step = tuple[object, ...]
"""A touch: ("drop", "category", "phone") is the front's part, its method, and what it is given."""


def desk_view(*jobs: JobView, **changes: object) -> DeskView:
    """Two bays, the given visits in them, headquarters on line."""
    by_bay = {one.bay_number: one for one in jobs}
    bays = tuple(
        BayView(
            number,
            f"usb:1-1.{number}",
            number in by_bay and by_bay[number].phone_present,
            by_bay[number].visit if number in by_bay else "",
        )
        for number in (1, 2)
    )
    return replace(DeskView(bays=bays, jobs=jobs, hq_online=True), **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment: its file name, the desk's view, and what the customer did to get there."""

    name: str
    view: DeskView
    place: str = "visit"  # attract, asleep, home, visit, cover, forgotten, drop, estimate, staff
    sheet: str = ""
    counter: CounterView | None = None  # None: a station without a counter
    steps: tuple[Step, ...] = ()  # touches after the place was entered
