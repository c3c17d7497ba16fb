# mypy: disallow-subclassing-any=False
"""What is my phone worth: brand, model, a few questions, a price range. Decides nothing and computes no price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kivy.app import App
from kivy.clock import Clock
from kivy.properties import ListProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.gridlayout import GridLayout

from kiosk.flow.counter.view import EstimateModel, EstimateView, QuestionView
from kiosk.ui.estimate_front import EstimateShown
from kiosk.ui.parts.page import Page
from kiosk.ui.parts.tap import Tap
from kiosk.ui.theme import Theme
from kiosk.ui.words import Words

FEN: Final = 100

Choice = tuple[str, str, str]
"""Key, words, quieter words."""


def words() -> Words:
    """The running app's words."""
    say: Words = App.get_running_app().say
    return say


def brand_choices(shown: EstimateShown) -> list[Choice]:
    return [(one, one, "") for one in shown.brands]


def model_choices(shown: EstimateShown) -> list[Choice]:
    return [(one.model, words().pick(one.names), one.storage) for one in shown.models]


def answer_choices(question: QuestionView) -> list[Choice]:
    """An answer newer than these screens shows its own name rather than nothing."""
    say = words()
    keys = [(one, f"estimate.answer.{question.key}.{one}") for one in question.answers]
    return [(one, say(key) if say.known(key) else one, "") for one, key in keys]


def model_words(model: EstimateModel | None) -> str:
    """Its name and storage."""
    return " ".join(part for part in (words().pick(model.names), model.storage) if part) if model else ""


def range_words(result: EstimateView | None) -> str:
    """Whole yuan, low to high; one figure where both are the same."""
    if result is None:
        return ""
    low, high = result.low_fen // FEN, result.high_fen // FEN
    if not high:
        return words()("estimate.price.zero")
    if low == high:
        return words()("estimate.price.one", high=high)
    return words()("estimate.price.range", low=low, high=high)


def fitting(theme: Theme) -> int:
    """How many choices stand under a page's heading without scrolling."""
    if theme.portrait:
        return 8 if theme.text_percent == 100 and not theme.low_reach else 6
    return 6 if theme.text_percent == 100 and not theme.compact else 4


class PickTap(Tap):
    """One of a list: words, a quieter word, an arrow."""

    more = StringProperty("")
    need = NumericProperty(0)


class PickGrid(GridLayout):
    """``choices`` as buttons; a touch gives its key to the estimate's ``action``."""

    choices = ListProperty([])
    action = StringProperty("")
    subject = StringProperty("")  # what is asked, where the action wants to know

    def __init__(self, **kwargs: object) -> None:
        self._level = Clock.create_trigger(self._level_now, -1)
        super().__init__(**kwargs)

    def on_choices(self, *_: object) -> None:
        """Built anew only when the choices are others, so that a finger never loses its button."""
        self.clear_widgets()
        for key, said, more in self.choices:
            tap = PickTap(key=f"pick_{key}", words=said, more=more)
            tap.fbind("on_release", self._picked, key)
            tap.fbind("need", self._level)
            self.add_widget(tap)
        self._level()

    def _level_now(self, *_: object) -> None:
        """All as tall as the tallest needs."""
        tall = max((tap.need for tap in self.children), default=0)
        for tap in self.children:
            tap.height = tall

    def _picked(self, key: str, _tap: Tap) -> None:
        values = (self.subject, key) if self.subject else (key,)
        App.get_running_app().estimate(self.action, *values)


class EstimatePage(Page):
    """Base of the estimate's pages; ``estimate`` follows what is shown."""

    estimate = ObjectProperty(EstimateShown(), rebind=True)

    @staticmethod
    def few(choices: Sequence[Choice], theme: Theme) -> Sequence[Choice]:
        """All of them, where they fit at the bottom, where thumbs are."""
        return choices if len(choices) <= fitting(theme) else ()

    @staticmethod
    def many(choices: Sequence[Choice], theme: Theme) -> Sequence[Choice]:
        """All of them, where only a list that scrolls holds them."""
        return choices if len(choices) > fitting(theme) else ()


class BrandPage(EstimatePage):
    """Whose phone is it?"""


class ModelPage(EstimatePage):
    """Which model?"""


class QuestionPage(EstimatePage):
    """One question about it."""

    def ask(self, question: QuestionView) -> str:
        return words().either(f"estimate.ask.{question.key}", "estimate.ask.other")

    def hint(self, question: QuestionView) -> str:
        key = f"estimate.hint.{question.key}"
        return words()(key) if words().known(key) else ""


class PricePage(EstimatePage):
    """From, to, and what may still change it."""


class UnknownPage(EstimatePage):
    """No price for this one: staff know more."""


PAGES: Final[dict[str, type[Page]]] = {
    "estimate_brand": BrandPage,
    "estimate_model": ModelPage,
    "estimate_question": QuestionPage,
    "estimate_price": PricePage,
    "estimate_unknown": UnknownPage,
}
