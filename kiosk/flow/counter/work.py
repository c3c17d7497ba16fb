"""The counter's bench: what handlers work on, how they commit, and how long questions run beside them.

It knows no command; handlers are in the modules beside. Only the counter's worker calls it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kiosk.counter_ports import DockFacts
from kiosk.errors import BayTaken, KioskError
from kiosk.flow.counter.memory import Memory
from kiosk.flow.counter.things import Change, Noted, Secret, Slip, Thing, Tries
from kiosk.flow.counter.tools import Tools
from kiosk.flow.counter.view import Said, Trouble
from kiosk.flow.effects import Record
from recycling.errors import RecyclingError, Refused
from recycling.price_book import PriceBook
from recycling.processor import Processor
from service.errors import ServiceError
from service.technician import Action, Technician, refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an errand brought: a value, or what went wrong as reason and detail."""

    value: Any = None
    error: Exception | None = None

    @property
    def reason(self) -> str:
        """Machine name of what went wrong, "" when nothing did."""
        return "" if self.error is None else reason_of(self.error)


@dataclass(frozen=True, slots=True)
class Errand:
    """A question to the world that takes its time; ``then`` runs on the worker afterwards."""

    name: str
    subject: str
    call: Callable[[], Any]
    then: Callable[[Outcome], None]
    ticket: int  # answered when it is over; 0 = nobody waits


@dataclass(slots=True)
class Desk:
    """Who works here at this moment."""

    technician: Technician | None = None
    since_ms: int = 0
    back_ticket: int = 0  # under which the PIN gave the screen back
    failures: dict[str, list[int]] = field(default_factory=dict)  # wrong PINs by number; "" = the keypad


class Work:
    """One per counter."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.memory = Memory()
        self.desk = Desk()
        self.facts: DockFacts | None = None
        self.said: dict[str, Said] = {}  # by subject; "" = nothing in particular
        self.troubles: dict[tuple[str, str], Trouble] = {}
        self.errand: Callable[[Errand], None] = self.run_here
        self.busy: dict[str, str] = {}  # subject -> errand
        self.leased: dict[str, str] = {}  # bay -> the trade whose phone is looked at or erased there
        self.unheard: set[str] = set()  # trades whose phone was looked for in a bay and did not answer
        self.progress: dict[str, tuple[str, int]] = {}  # trade -> step, percent of its erasing
        self.seen: dict[str, set[str]] = {}  # intent -> "released", "open", "fell"
        self.asked_ms: dict[str, int] = {}  # subject -> when something was last asked again
        self.ordered_ms: dict[str, int] = {}  # intent -> monotonic ms of its order
        self.prints_lost = 0  # slips in a row that a ready printer did not print
        self.open_ms: dict[int, int] = {}  # bin -> monotonic ms since when its flap stands open
        self.recovering: set[str] = set()  # intents that an earlier process left open
        self.prices: PriceBook | None = None
        self.processors: tuple[Processor, ...] = ()
        self.changed: Callable[[], None] = lambda: None  # what is shown has changed between two commands
        self.ticket = 0
        self.stopping = threading.Event()

    # -- time

    @property
    def now_ms(self) -> int:
        """UTC."""
        return self.tools.clock.wall_ms()

    @property
    def mono_ms(self) -> int:
        """For deadlines."""
        return self.tools.clock.mono_ms()

    def read_lists(self) -> None:
        """Prices and processors, as listed now; they change seldom."""
        self.prices = self.tools.reference.price_book(self.now_ms)
        self.processors = self.tools.reference.processors()

    # -- committing

    def commit(
        self,
        *things: Thing,
        notes: Sequence[Noted] = (),
        secrets: Sequence[Secret] = (),
        forget: Sequence[str] = (),
        tries: Sequence[Tries] = (),
    ) -> None:
        """One transaction; memory follows only when it holds. A slip among the things is printed afterwards."""
        change = Change(things, tuple(notes), tuple(secrets), tuple(forget), tuple(tries))
        self.tools.book.commit(change)
        self.memory.take(things)

    def note(
        self, kind: str, subject: str, body: Mapping[str, object] | None = None, actor: str = ""
    ) -> Noted:
        """An entry by whoever works here, or by ``actor``."""
        return Noted(Record(kind, dict(body or {}), actor or self.actor), subject)

    @property
    def actor(self) -> str:
        """Who an entry is by, where nobody else is named."""
        technician = self.desk.technician
        return f"staff:{technician.staff}" if technician else "station"

    # -- staff

    def staff(self, action: Action) -> Technician:
        """Who is logged in and may do that today. :class:`Refused` "not_logged_in" and the rule's own words."""
        technician = self.desk.technician
        if technician is None:
            raise Refused("not_logged_in", "nobody is logged in")
        self.allowed(technician, action)
        return technician

    def allowed(self, technician: Technician, action: Action) -> None:
        """:class:`Refused` with why not."""
        why = refusal(technician, action, self.tools.shop.today(self.now_ms))
        if why:
            raise Refused(why, f"staff {technician.staff}: {action}: {why}", {"staff": technician.staff})

    # -- errands

    def run(
        self,
        name: str,
        subject: str,
        call: Callable[[], Any],
        then: Callable[[Outcome], None],
        *,
        waits: bool = True,
    ) -> None:
        """Ask the world. ``waits``: the command is answered only when it is over."""
        if subject in self.busy:
            raise Refused("busy", f"{subject}: {self.busy[subject]}", {"what": self.busy[subject]})
        self.busy[subject] = name
        self.errand(Errand(name, subject, call, then, self.ticket if waits else 0))

    def run_here(self, errand: Errand) -> None:
        """Without a thread: at once."""
        self.finish(errand, ask(errand))

    def finish(self, errand: Errand, outcome: Outcome) -> None:
        """On the worker: what it brought."""
        self.busy.pop(errand.subject, None)
        earlier, self.ticket = self.ticket, errand.ticket
        try:
            errand.then(outcome)
        except Exception as exc:  # noqa: BLE001
            # The next one must find a worker; what was not committed did not happen.
            self.refuse(exc, errand.subject)
        finally:
            self.ticket = earlier

    # -- answering

    def refuse(self, exc: Exception, subject: str) -> None:
        """Why something was not done, in one value with words."""
        if isinstance(exc, ValueError):
            self.say(subject, "input_unreadable")
            return
        if not isinstance(exc, RecyclingError | ServiceError | KioskError) and not hasattr(exc, "reason"):
            raise exc
        self.say(subject, reason_of(exc), dict(getattr(exc, "values", {})))

    def say(
        self, subject: str, reason: str, values: Mapping[str, str | int] | None = None, urgent: bool = False
    ) -> None:
        """To whom it concerns; it stands until the next command about the same subject."""
        self.said[subject] = Said(reason, dict(values or {}), self.ticket, subject, urgent)

    def is_news(self, what: str, place: str = "", *, there: bool) -> bool:
        """Whether that trouble's coming or going has not been marked by :meth:`trouble` yet."""
        return there != ((what, place) in self.troubles)

    def trouble(self, what: str, place: str = "", *, there: bool) -> bool:
        """A device's trouble came or went; whether that is news. The ledger is told by the caller, and before this:
        what is marked is not told again.
        """
        key = (what, place)
        if there and key not in self.troubles:
            self.troubles[key] = Trouble(what, place, self.now_ms)
            return True
        return not there and self.troubles.pop(key, None) is not None

    def waiting_slips(self) -> list[Slip]:
        """Oldest first."""
        return sorted(self.memory.slips.values(), key=lambda slip: slip.at_ms)


def ask(errand: Errand) -> Outcome:
    """The errand's call, on whichever thread."""
    try:
        return Outcome(errand.call())
    except Exception as exc:  # noqa: BLE001
        # A port's own exceptions, whatever their class: the worker says what they are.
        return Outcome(error=exc)


def reason_of(exc: Exception) -> str:
    """The machine name of what a port or a rule raised."""
    if isinstance(exc, KioskError):
        return "bay_taken" if isinstance(exc, BayTaken) else "store_failed"
    reason = getattr(exc, "reason", "")
    if isinstance(reason, str) and reason:
        return reason
    fault = getattr(exc, "fault", "")
    return f"phone_{fault}" if isinstance(fault, str) and fault else "unforeseen"
