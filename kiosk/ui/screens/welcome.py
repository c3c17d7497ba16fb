# mypy: disallow-subclassing-any=False
"""Before and after a visit: attract, home, the privacy cover, the forgotten phone."""

from __future__ import annotations

from typing import ClassVar

from kivy.app import App
from kivy.clock import Clock
from kivy.properties import BooleanProperty, ListProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from kiosk.flow.view import BayView, DeskView, JobView
from kiosk.ui.drawings.drawing import Drawing
from kiosk.ui.drawings.pen import Pen
from kiosk.ui.drawings.phones import draw_body, shape_of
from kiosk.ui.parts.page import Page, Stack
from kiosk.ui.parts.tap import Tap
from kiosk.ui.theme import Palette


class Poster(Drawing):
    """The station's promise as a picture: a phone in a ring of progress, its photos staying where they are."""

    FRAME: ClassVar = (360.0, 360.0)
    LARGEST_MM: ClassVar = 240.0
    PHOTOS: ClassVar = (
        (Palette.NIGHT_GLOW, "image-multiple"),
        (Palette.ACCENT, "account-multiple"),
        (Palette.DO, "music-note"),
        (Palette.SAFE, "file-multiple"),
    )

    def draw(self, pen: Pen, stroke: float) -> None:
        pen.disc(180, 180, 176, Palette.NIGHT_DISC)
        pen.disc(180, 180, 140, Palette.NIGHT_DISC_INNER)
        pen.arc(180, 180, 176, 0, 359.9, Palette.NIGHT_LINE, stroke * 1.2)
        pen.arc(180, 180, 176, 0, 262, Palette.NIGHT_GLOW, stroke * 3.2)
        shape = shape_of("heron")
        scale = 1.16
        left, bottom = 180 - shape.width * scale / 2, 180 - shape.height * scale / 2
        pen.curve((180, 4), (180, 20), (180, 30), (180, bottom - 18), Palette.NIGHT_SOFT, 7)
        pen.box(168, bottom - 22, 24, 24, 6, Palette.NIGHT_SOFT)
        draw_body(Pen(*pen.at(left, bottom), pen.scale * scale), shape, stroke / scale, "plain")
        for index, (colour, icon) in enumerate(self.PHOTOS):
            x, y = 180 + (-22 if index % 2 == 0 else 22), 196 - (index // 2) * 44
            pen.box(x - 18, y - 18, 36, 36, 9, colour)
            ink = Palette.INK if colour in (Palette.DO, Palette.NIGHT_GLOW) else Palette.ON_DARK
            self.sign(pen, f"photo{index}", icon, (x, y), 22, ink)
        pen.disc(180, 258, 17, Palette.SAFE)
        self.sign(pen, "safe", "check", (180, 258), 22, Palette.ON_DARK)


class AttractPage(Page):
    """Bold. Asleep: a poster that any touch wakes. Awake: the language."""


class HomeCard(Tap):
    """The first thing this station does."""

    least_mm = NumericProperty(78)
    dense = BooleanProperty(False)  # there is little height and more on offer: the words only


class ServiceTap(Tap):
    """Another thing it does."""

    more = StringProperty("")
    need = NumericProperty(0)


class ServiceRow(BoxLayout):
    """Drop-off and estimate, as the counter offers them; no height where it offers nothing."""

    counter = ObjectProperty(None, allownone=True, rebind=True)

    def __init__(self, **kwargs: object) -> None:
        self._level = Clock.create_trigger(self._level_now, -1)
        super().__init__(**kwargs)
        self._offer()

    def on_counter(self, *_: object) -> None:
        self._offer()

    def _offer(self) -> None:
        """Buttons are kept while they are offered, so that a finger on one never loses it."""
        view = self.counter
        wanted = [
            name
            for name, offered in (("drop", view and view.dock), ("estimate", view and view.trading))
            if offered
        ]
        if [tap.key for tap in reversed(self.children)] == wanted:
            return
        self.clear_widgets()
        app = App.get_running_app()
        for name in wanted:
            tap = ServiceTap(
                key=name,
                words=str(app.say(f"home.{name}")),
                more=str(app.say(f"home.{name}_more")),
                icon="recycle" if name == "drop" else "cash-multiple",
            )
            tap.fbind("on_release", lambda _tap, name=name: app.touch(f"begin_{name}"))
            tap.fbind("need", self._level)
            self.add_widget(tap)
        self._level()

    def _level_now(self, *_: object) -> None:
        """Both as tall as the taller one needs."""
        tall = max((tap.need for tap in self.children), default=0)
        self.height = tall
        for tap in self.children:
            tap.height = tall


class BayRow(Tap):
    """A bay with a visit: what it is doing; a touch goes there."""

    job = ObjectProperty(None, rebind=True)
    bay = ObjectProperty(None, rebind=True)


class BayList(Stack):
    """Bays in use, with their progress."""

    view = ObjectProperty(None, rebind=True)
    rows = ListProperty([])

    def on_view(self, *_: object) -> None:
        """Rows are kept while their bay is, so that a finger on one never loses it."""
        busy = busy_bays(self.view)
        if [row.bay.number for row in self.rows] != [bay.number for bay, _ in busy]:
            self.clear_widgets()
            self.rows = [BayRow(bay=bay, job=job) for bay, job in busy]
            for row in self.rows:
                self.add_widget(row)
        for row, (bay, job) in zip(self.rows, busy, strict=True):
            row.bay, row.job, row.disabled = bay, job, job is None


def busy_bays(view: DeskView) -> list[tuple[BayView, JobView | None]]:
    """Bays with a visit, or with a phone nobody is attending to."""
    jobs = {job.bay_number: job for job in view.jobs}
    return [(bay, jobs.get(bay.number)) for bay in view.bays if bay.number in jobs or bay.present]


def any_busy(view: DeskView) -> bool:
    return bool(busy_bays(view))


def free_bays(view: DeskView) -> int:
    """Bays without a visit; a phone may be in one already."""
    return len(view.bays) - len({job.bay_number for job in view.jobs})


class HomePage(Page):
    """What can be done here, and what is being done."""

    free = NumericProperty(1)
    busy = BooleanProperty(False)
    offers = BooleanProperty(False)  # the counter has something, too


def bay_words(job: JobView | None) -> str:
    """One line about a bay that is fit for any passer-by."""
    say = App.get_running_app().say
    if job is None:
        return str(say("bays.left_behind"))
    if job.finished:
        return str(say("bays.finished"))
    key = f"bays.at.{job.screen.value}"
    return str(say.either(key, "bays.at.other", percent=job.percent))


class CoverPage(Page):
    """The privacy cover: bays and percentages, nothing about anyone."""


class CoverBay(BoxLayout):
    """One bay on the cover."""

    bay = ObjectProperty(None, rebind=True)
    job = ObjectProperty(None, allownone=True, rebind=True)


class CoverList(Stack):
    """Every bay in use, large enough to be read from the door."""

    view = ObjectProperty(None, allownone=True, rebind=True)

    def on_view(self, *_: object) -> None:
        self.clear_widgets()
        for bay, job in busy_bays(self.view) if self.view else ():
            self.add_widget(CoverBay(bay=bay, job=job))


class ForgottenPage(Page):
    """Done, but the phone is still here."""
