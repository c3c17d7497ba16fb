# mypy: disallow-subclassing-any=False
"""Rows: numbered steps, facts, the file comparison. Given words and counts; decides no wording."""

from __future__ import annotations

from typing import ClassVar

from kivy.properties import ColorProperty, ListProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from kiosk.ui.parts.page import Stack
from kiosk.ui.theme import Palette


class Card(Stack):
    """A white sheet with a hairline."""

    fill = ColorProperty(Palette.CARD)
    rim = ColorProperty(Palette.RULE)


class IconRow(BoxLayout):
    """A sign and a sentence, with an optional second, quieter sentence."""

    icon = StringProperty("information")
    icon_ink = ColorProperty(Palette.INK)
    icon_fill = ColorProperty(Palette.WELL)
    words = StringProperty("")
    more = StringProperty("")
    ink = ColorProperty(Palette.INK)
    bold = ObjectProperty(False)


class Note(BoxLayout):
    """One quiet, tinted line at the bottom of a page: the answer to the question a customer has right there."""

    icon = StringProperty("shield")
    words = StringProperty("")
    fill = ColorProperty(Palette.WELL)
    icon_ink = ColorProperty(Palette.INK)


class StepRow(BoxLayout):
    """A figure and what to do."""

    number = NumericProperty(1)
    words = StringProperty("")


class Steps(Stack):
    """``items``: sentences, numbered from 1."""

    items = ListProperty([])

    def on_items(self, *_: object) -> None:
        self.clear_widgets()
        for index, words in enumerate(self.items):
            self.add_widget(StepRow(number=index + 1, words=words))


class Fact(Stack):
    """A value with its name under it."""

    icon = StringProperty("")
    value = StringProperty("")
    label = StringProperty("")


class CountRow(BoxLayout):
    """A sign, what was counted, how many."""

    icon = StringProperty("check")
    words = StringProperty("")
    count = StringProperty("")
    ink = ColorProperty(Palette.INK)


class CountTable(Stack):
    """``rows``: (word, count, mood) triples, worded by the page."""

    rows = ListProperty([])

    SIGNS: ClassVar = {
        "safe": "check-circle",
        "plain": "file-find",
        "do": "help-circle",
        "stop": "alert-circle",
    }
    INKS: ClassVar = {"safe": Palette.SAFE, "plain": Palette.INK, "do": Palette.DO_INK, "stop": Palette.STOP}

    def on_rows(self, *_: object) -> None:
        self.clear_widgets()
        for words, count, mood in self.rows:
            self.add_widget(CountRow(icon=self.SIGNS[mood], words=words, count=count, ink=self.INKS[mood]))
