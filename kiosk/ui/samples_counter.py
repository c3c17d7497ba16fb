"""Sample moments of drop-off and estimate, and a counter that shows one view and remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from kiosk.flow.counter.commands import Command
from kiosk.flow.counter.view import (
    BinView,
    CounterView,
    DropView,
    EstimateModel,
    EstimateView,
    QuestionView,
    ReceiptView,
    Said,
)
from kiosk.flow.view import CallView
from kiosk.ui.sample import Sample, desk_view

DROP: Final = "01K9Z3V5Q0J8M4T7DROP"
BINS: Final = (
    BinView(1, "phone", "open", 34, 5_200, 31),
    BinView(2, "battery", "open", 61, 12_450, 340),
    BinView(3, "charger", "open", 12, 2_100, 18),
    BinView(4, "accessory", "open", 45, 6_030, 77),
)
HERE: Final = CounterView(bins=BINS, dock=True, trading=True)
MODELS: Final = (
    EstimateModel("heron", "Lumen", {"zh": "流明 鹭", "en": "Lumen Heron"}, "128 GB"),
    EstimateModel("wren", "Lumen", {"zh": "流明 鹪", "en": "Lumen Wren"}, "64 GB"),
    EstimateModel("kinglet", "Lumen", {"zh": "流明 戴菊", "en": "Lumen Kinglet"}, "256 GB"),
    EstimateModel("firecrest", "Lumen", {"zh": "流明 火冠", "en": "Lumen Firecrest"}, "128 GB"),
    EstimateModel("tarn-5", "Tarn", {"zh": "山湖 5", "en": "Tarn 5"}, "128 GB"),
    EstimateModel("tarn-7", "Tarn", {"zh": "山湖 7", "en": "Tarn 7"}, "256 GB"),
    EstimateModel("orla-one", "Orla", {"zh": "澳乐 一", "en": "Orla One"}, "64 GB"),
    EstimateModel("vega-2", "Vega", {"zh": "织女 2", "en": "Vega 2"}, "256 GB"),
)
QUESTIONS: Final = (
    QuestionView("age", ("under_1", "1_to_2", "2_to_3", "over_3")),
    QuestionView("powers_on", ("yes", "no")),
    QuestionView("swollen", ("no", "yes")),
    QuestionView("screen", ("flawless", "worn", "scratched", "cracked")),
    QuestionView("back", ("flawless", "worn", "cracked")),
    QuestionView("charger", ("yes", "no")),
)
"""As recycling.estimate.ASKED; a test holds them equal."""


class SampleCounter:
    """Shows ``shown``; commands are answered at once (or only the first ``answered``), with nothing done."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """As at a station whose counter offers nothing."""
        self.shown = CounterView()
        self.asked: list[Command] = []
        self.answered: int | None = None
        self.models: tuple[EstimateModel, ...] = MODELS
        self.questions: tuple[QuestionView, ...] = QUESTIONS
        self.price: EstimateView | None = EstimateView(96_000, 124_000, "2026-10")

    def show(self, view: CounterView | None) -> None:
        self.shown, self.asked = view or CounterView(), []

    def view(self) -> CounterView:
        return replace(self.shown, done_ticket=len(self.asked) if self.answered is None else self.answered)

    def do(self, command: Command) -> int:
        self.asked.append(command)
        return len(self.asked)

    def estimate_models(self) -> tuple[EstimateModel, ...]:
        return self.models

    def estimate(self, model: str, _answers: Mapping[str, str]) -> EstimateView | None:
        return self.price if any(one.model == model for one in self.models) else None

    def estimate_questions(self) -> tuple[QuestionView, ...]:
        return self.questions


def drop_view(step: str, **changes: object) -> CounterView:
    """A counter with one drop-off at ``step``."""
    drop = DropView(DROP, step)
    return replace(HERE, drop=replace(drop, **changes))  # type: ignore[arg-type]


def _drop_samples() -> list[Sample]:
    phone = {"category": "phone", "hazard": "none", "bin": 1}
    battery = {"category": "battery", "hazard": "none", "bin": 2}
    put_in = {**phone, "mass_g": 186, "scale": "stable"}
    receipt = ReceiptView(2, 232, 174, "weee_annex_v", "PSD1:3:0057:01K9Z3V5Q0J8M4T7", "printed")
    views = {
        "drop_category": drop_view("category"),
        "drop_hazard": drop_view("hazard", category="phone"),
        "drop_hazard_battery": drop_view("hazard", category="battery"),
        "drop_tape": drop_view("tape", category="battery", hazard="none"),
        "drop_tape_refused": drop_view(
            "tape", category="battery", hazard="none", said=Said("tape_first", subject=DROP)
        ),
        "drop_weigh": drop_view("weigh", **phone),
        "drop_weigh_settling": drop_view("weigh", **battery, scale="settling", mass_g=45),
        "drop_weigh_stable": drop_view("weigh", **put_in),
        "drop_weigh_trouble": drop_view(
            "weigh", **phone, scale="trouble", said=Said("scale_drift", urgent=True)
        ),
        "drop_weigh_full": drop_view("weigh", **put_in, said=Said("bins_full", {"category": "phone"})),
        "drop_releasing": drop_view("deposit", **put_in, door="locked"),
        "drop_released": drop_view("deposit", **put_in, door="released", seconds_left=24),
        "drop_open": drop_view("deposit", **(put_in | {"category": "charger", "bin": 3}), door="open"),
        "drop_closed_flap": drop_view("deposit", **put_in, door="closed"),
        "drop_jammed": drop_view("deposit", **put_in, door="jammed"),
        "drop_drawer": drop_view("drawer", category="battery", hazard="swollen"),
        "drop_drawer_hot": drop_view("drawer", category="phone", hazard="hot"),
        "drop_receipt": drop_view("receipt", **put_in, receipt=receipt),
        "drop_receipt_waiting": drop_view("receipt", **put_in, receipt=replace(receipt, printed="waiting")),
        "drop_receipt_drawer": drop_view(
            "receipt",
            category="battery",
            hazard="swollen",
            receipt=replace(receipt, items=1, mass_g=0, kept_g=0),
        ),
        "drop_staff": drop_view("staff", **put_in, said=Said("fall_not_seen", {"bin": 1}, urgent=True)),
    }
    samples = [Sample(name, desk_view(), "drop", counter=view) for name, view in views.items()]
    refused = replace(HERE, said=Said("dock_offline", ticket=1))
    return [*samples, Sample("drop_refused", desk_view(), "drop", counter=refused)]


def _estimate_samples() -> list[Sample]:
    steps = (("estimate", "choose_brand", "Lumen"), ("estimate", "choose_model", "heron"))
    answers = tuple(("estimate", "answer", one.key, one.answers[0]) for one in QUESTIONS)
    return [
        Sample("estimate_brand", desk_view(), "estimate", counter=HERE),
        Sample("estimate_model", desk_view(), "estimate", counter=HERE, steps=steps[:1]),
        *(
            Sample(
                f"estimate_{one.key}",
                desk_view(),
                "estimate",
                counter=HERE,
                steps=steps + answers[:index],
            )
            for index, one in enumerate(QUESTIONS)
        ),
        Sample("estimate_price", desk_view(), "estimate", counter=HERE, steps=steps + answers),
    ]


def counter_samples() -> list[Sample]:
    """All of them, in the order a customer may meet them."""
    return [
        Sample("home_counter", desk_view(), "home", counter=HERE),
        Sample(
            "home_counter_called", desk_view(call=CallView("sent", 1_700_000_000_000)), "home", counter=HERE
        ),
        Sample("home_drop_only", desk_view(), "home", counter=replace(HERE, trading=False)),
        *_drop_samples(),
        *_estimate_samples(),
    ]
