"""What the counter's screens show, as immutable snapshots, and the one way to ask it for something.

Money in fen, mass in g, times in UTC ms. The screens poll; they never wait and never compute a price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kiosk.flow.counter.commands import Command


@dataclass(frozen=True, slots=True)
class Said:
    """Why a command was not done: a machine name with words in every language, and what they need."""

    reason: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    ticket: int = 0
    subject: str = ""  # the drop, trade, bin or manifest it was about
    urgent: bool = False  # somebody is in danger or something is stuck: amber or red, with the next step


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """What a drop-off came to. Figures have their source beside them."""

    items: int = 0
    mass_g: int = 0
    kept_g: int = 0  # kept out of landfill
    source: str = ""  # key of the words that name the source of the figure
    slip: str = ""  # what the QR holds
    printed: str = (
        ""  # "", "printing", "printed", "waiting", "aside" (not on paper now or ever: the QR is the receipt)
    )


@dataclass(frozen=True, slots=True)
class DropView:
    """One drop-off. ``step`` is one of the values below, in their usual order."""

    drop: str
    step: str  # "category", "hazard", "tape", "weigh", "deposit", "drawer", "receipt", "staff", "ended"
    language: str = "zh"
    category: str = ""
    hazard: str = ""
    mass_g: int | None = None
    scale: str = "empty"  # "empty", "settling", "stable", "trouble"
    bin: int = 0  # number painted on the flap
    door: str = ""  # "locked", "released", "open", "closed", "jammed"
    receipt: ReceiptView | None = None
    said: Said | None = None  # why it does not go on, with the next step
    seconds_left: int | None = None  # until the flap locks again


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question of the inspection: ``key`` and its answers, both with words."""

    key: str
    answers: tuple[str, ...]
    given: str = ""


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a quote: ``key`` names base, curve, grade, a deduction, floor, override; amounts may be negative."""

    key: str
    amount_fen: int
    bp: int | None = None  # the rate, in basis points


@dataclass(frozen=True, slots=True)
class QuoteView:
    """What is offered."""

    price_fen: int = 0  # for the old phone
    lines: tuple[LineView, ...] = ()
    book: str = ""  # version of the price book
    good_until_ms: int = 0
    new_price_fen: int = 0
    to_pay_fen: int = 0  # by the customer
    payout_fen: int = 0  # to the customer, in money
    voucher_fen: int = 0  # to the customer, as a voucher
    needs_approval: bool = False
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class ErasureView:
    """The wall of the erasing phone."""

    state: str = (
        ""  # of recycling.erasure: consented, running, verifying, certified, warning, failed, interrupted
    )
    method: str = ""  # "fastboot_erase", "factory_reset"
    step: str = ""  # "boot_keys", "erasing", "restarting", "reset_guide", "looking"
    percent: int = 0  # only rises within an attempt
    attempt: int = 1
    attempts: int = 3
    files_before: int | None = None
    files_after: int | None = None
    wizard: bool | None = None  # the set-up wizard was seen
    verification: str = ""  # SP 800-88r2's level, as words key
    bay: int = 0


@dataclass(frozen=True, slots=True)
class TradeView:
    """One trade-in as staff see it. What ``for_customer`` leaves out never stands on the customer's screen."""

    trade: str
    state: str  # recycling.trade_in.State value
    language: str = "zh"
    model: str = ""
    model_names: Mapping[str, str] = field(default_factory=dict)
    imei: str = ""
    checks: Mapping[str, str] = field(default_factory=dict)  # register, claim, phone, lock -> result
    provisional: bool = False  # accepted without an answer from headquarters: nothing is paid yet
    flags: tuple[str, ...] = ()  # fraud rules to look at; staff only
    stopped: str = ""  # staff only: the rule that stopped it
    questions: tuple[QuestionView, ...] = ()
    photos: tuple[str, ...] = ()  # sides taken
    mass_g: int | None = None
    grade: str = ""
    quote: QuoteView | None = None
    payout: str = ""
    signed: bool = False
    erasure: ErasureView = ErasureView()
    certificate: str = ""  # number
    seal: str = ""
    settlement: str = ""  # "", "intended", "unknown", "paid", "waiting"
    voucher: str = ""  # code, once issued
    place: str = ""  # "shelf:A3", "bin:1" ...
    hold_days_left: int | None = None
    since_ms: int = 0
    repeat: bool = False  # this IMEI was here within 30 days
    next: tuple[str, ...] = ()  # names of the commands that may come next, in order of use
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class BinView:
    """One bin, shelf of quarantine or the drawer."""

    number: int
    category: str
    state: str  # recycling.bins.State value
    fill_percent: int = 0
    mass_g: int = 0
    items: int = 0
    door: str = "locked"
    why: str = ""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item that stands somewhere: quarantine, shelf, drawer."""

    item: str
    category: str
    hazard: str
    mass_g: int
    place: str
    since_ms: int
    trade: str = ""


@dataclass(frozen=True, slots=True)
class ManifestView:
    """One manifest."""

    manifest: str
    state: str
    processor: str = ""
    processor_name: str = ""
    items: int = 0
    mass_g: int = 0
    received_g: int | None = None
    accepted: int | None = None
    refused: int | None = None
    discrepancy_g: int | None = None  # received minus sent, where beyond the tolerance
    revision: str = ""  # "", "ours" (waits for them), "theirs" (waits for us), "agreed", "refused"
    seals: tuple[str, ...] = ()
    lithium_g: int = 0
    since_ms: int = 0
    processor_names: Mapping[str, str] = field(
        default_factory=dict
    )  # by language; empty = ``processor_name``
    lines: tuple[ItemView, ...] = ()  # what is on it, each with the mass as sent
    changes: Mapping[str, int] = field(default_factory=dict)  # of the correction that is open: item -> g
    change_reason: str = ""
    vehicle: str = ""  # plate of the one that took it


@dataclass(frozen=True, slots=True)
class StaffView:
    """Who is logged in."""

    staff: str
    name: str
    role: str  # "technician", "manager"
    certificate_days: int  # until it expires; below 0 = expired, may look but not sign
    shift: str = ""
    shift_since_ms: int = 0
    cash_fen: int = 0  # what the drawer should hold
    pin_wait_s: int = 0  # too many wrong PINs of theirs or here: seconds until the next try
    back_ticket: int = 0  # of the last StaffHere whose PIN was right


@dataclass(frozen=True, slots=True)
class ProcessorView:
    """A listed processor."""

    processor: str
    name: str
    licence_until: str  # YYYY-MM-DD
    good: bool
    categories: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)  # by language; empty = ``name``


@dataclass(frozen=True, slots=True)
class EstimateModel:
    """A model that customers may ask about."""

    model: str
    brand: str
    names: Mapping[str, str]
    storage: str = ""


@dataclass(frozen=True, slots=True)
class EstimateView:
    """What a phone in that state would bring, before anybody looked at it."""

    low_fen: int
    high_fen: int
    book: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A device that needs a hand: ``what`` has words (title and next step)."""

    what: str  # "dock_offline", "flap_jammed", "scale_drift", "printer_off", "printer_no_paper", "camera_missing", ...
    place: str = ""  # bin number, ...
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class CounterView:
    """The whole counter at one moment."""

    drop: DropView | None = None
    staff: StaffView | None = None
    login_wait_s: int = 0  # too many wrong PINs: seconds until the next try
    trades: tuple[TradeView, ...] = ()  # not ended, newest first
    bins: tuple[BinView, ...] = ()
    manifests: tuple[ManifestView, ...] = ()
    items: tuple[ItemView, ...] = ()  # outside bins and manifests
    processors: tuple[ProcessorView, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    dock: bool = False  # a dock is connected: drop-off is offered
    trading: bool = False  # a price book is in force: trade-in is offered
    busy: str = ""  # what is being done at this moment, "" = nothing
    said: Said | None = None  # to the last command that was about nothing in particular
    done_ticket: int = 0  # every command up to this one has been answered
    waiting_slips: int = 0

    def trade(self, trade: str) -> TradeView | None:
        """One trade-in, or None when it has ended."""
        return next((one for one in self.trades if one.trade == trade), None)


class Counter(Protocol):
    """All that the counter's screens may touch. Every method returns at once."""

    def view(self) -> CounterView: ...

    def do(self, command: Command) -> int:
        """Ask; the ticket under which it is answered (``done_ticket``, ``said``)."""
        ...

    def estimate_models(self) -> tuple[EstimateModel, ...]: ...

    def estimate(self, model: str, answers: Mapping[str, str]) -> EstimateView | None:
        """By the book in force; None for an unknown model."""
        ...

    def estimate_questions(self) -> tuple[QuestionView, ...]:
        """What a customer can answer about the own phone: fewer questions than staff's."""
        ...
