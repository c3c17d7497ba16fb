"""What is my phone worth: which question is next, and the answers so far. Knows no price; the counter does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.flow.counter.view import Counter, EstimateModel, EstimateView, QuestionView

BEFORE_QUESTIONS: Final = 2  # brand, model
NO_QUESTION: Final = QuestionView("", ())


@dataclass(frozen=True, slots=True)
class EstimateShown:
    """One moment of the estimate, ready to draw."""

    page: str = ""
    brands: tuple[str, ...] = ()
    brand: str = ""
    models: tuple[EstimateModel, ...] = ()  # of the brand
    model: EstimateModel | None = None
    question: QuestionView = NO_QUESTION
    result: EstimateView | None = None
    step: int = 0
    steps: int = 0


class EstimateFront:
    """The customer's answers; they are forgotten when the page is left."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._clear()

    def _clear(self) -> None:
        self._models: tuple[EstimateModel, ...] = ()
        self._questions: tuple[QuestionView, ...] = ()
        self._brand = ""
        self._model: EstimateModel | None = None
        self._answers: dict[str, str] = {}
        self._result: EstimateView | None = None
        self._shown = EstimateShown()

    @property
    def shown(self) -> EstimateShown:
        return self._shown

    # -- touching

    def begin(self) -> None:
        """A new estimate over the models of the book in force; an only brand is not asked for."""
        self._clear()
        self._models = tuple(self._counter.estimate_models())
        self._questions = tuple(self._counter.estimate_questions())
        if len(self._brands()) == 1:
            self._brand = self._brands()[0]
        self._look()

    def leave(self) -> None:
        self._clear()

    def choose_brand(self, brand: str) -> None:
        self._brand = brand
        self._look()

    def choose_model(self, model: str) -> None:
        self._model = next((one for one in self._models if one.model == model), None)
        self._look()

    def answer(self, question: str, answer: str) -> None:
        """A second touch for a question that is answered already changes nothing."""
        if question == self._shown.question.key and question not in self._answers:
            self._answers[question] = answer
            self._look()

    def back(self) -> None:
        """One step back: the last answer, the model or the brand is asked again."""
        self._result = None
        if self._answers:
            self._answers.popitem()
        elif self._model is not None:
            self._model = None
        else:
            self._brand = ""
        self._look()

    # -- looking

    def _brands(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.brand for one in self._models))

    def _look(self) -> None:
        brands = self._brands()
        model = self._model
        left = [one for one in self._questions if one.key not in self._answers]
        if model is not None and not left and self._result is None:
            self._result = self._counter.estimate(model.model, dict(self._answers))
        first = BEFORE_QUESTIONS if len(brands) != 1 else BEFORE_QUESTIONS - 1
        asked = len(self._answers) + (model is not None) + (bool(self._brand) and len(brands) != 1)
        self._shown = EstimateShown(
            self._page(model, left),
            brands,
            self._brand,
            tuple(one for one in self._models if one.brand == self._brand),
            model,
            left[0] if left else NO_QUESTION,
            self._result,
            asked + 1,
            first + len(self._questions) + 1,
        )

    def _page(self, model: EstimateModel | None, left: list[QuestionView]) -> str:
        if not self._models:
            return "estimate_unknown"
        if not self._brand:
            return "estimate_brand"
        if model is None:
            return "estimate_model"
        if left:
            return "estimate_question"
        return "estimate_price" if self._result is not None else "estimate_unknown"
