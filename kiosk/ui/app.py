# mypy: disallow-subclassing-any=False
"""The kiosk's window: polls the desk and shows the page of the moment. No device, no waiting, no deciding."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kivy.app import App
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.input import MotionEvent
from kivy.lang import Builder
from kivy.properties import BooleanProperty, ObjectProperty
from kivy.uix.floatlayout import FloatLayout

from kiosk.flow.counter.view import Counter
from kiosk.flow.view import Desk
from kiosk.ui import words
from kiosk.ui.drawings import bays, bins, goods, parcel, phones
from kiosk.ui.drop_front import may_leave
from kiosk.ui.front import Front
from kiosk.ui.parts import lists, progress, qr, tap, text
from kiosk.ui.parts.frame import CancelSheet, IdleSheet, SheetBox, Shell, SizeSheet
from kiosk.ui.parts.page import Page
from kiosk.ui.screens import decision, drop_off, ending, estimate, guide, staff, welcome, working
from kiosk.ui.shown import Place, Shown
from kiosk.ui.signboard import Signboard
from kiosk.ui.theme import Theme

POLL_S: Final = 0.1
WIDGETS: Final = (bays, bins, goods, lists, parcel, phones, progress, qr, tap, text)
"""Modules whose classes the looks name; importing them is what makes Kivy's factory know them."""
NIGHT_PAGES: Final = ("attract", "cover")
HERE: Final = Path(__file__).parent
LOOKS: Final = (
    "parts/parts.kv",
    "parts/frame.kv",
    "screens/welcome.kv",
    "screens/guide.kv",
    "screens/decision.kv",
    "screens/working.kv",
    "screens/ending.kv",
    "screens/drop_off.kv",
    "screens/estimate.kv",
    *staff.LOOKS,
)
PAGES: Final[dict[str, type[Page]]] = {
    "attract": welcome.AttractPage,
    "home": welcome.HomePage,
    "cover": welcome.CoverPage,
    "forgotten": welcome.ForgottenPage,
    "connect": guide.ConnectPage,
    "recognising": guide.RecognisingPage,
    "unlock": guide.UnlockPage,
    "inventory": guide.InventoryPage,
    "keys": guide.KeysPage,
    "identifying": guide.IdentifyingPage,
    "plan": decision.PlanPage,
    "backup": decision.BackupPage,
    "fetching": working.FetchingPage,
    "progress": working.ProgressPage,
    "await_phone": guide.AwaitPhonePage,
    "unlock_again": guide.UnlockAgainPage,
    "checking": guide.CheckingPage,
    "keys_again": guide.KeysAgainPage,
    "result": ending.ResultPage,
    "up_to_date": ending.UpToDatePage,
    "locked": ending.LockedPage,
    "refused": ending.RefusedPage,
    "cancelled": ending.CancelledPage,
    "needs_staff": ending.NeedsStaffPage,
    **drop_off.PAGES,
    **estimate.PAGES,
    **staff.PAGES,
}
"""Every page, by Place or Screen value or the counter's own name; a test holds it complete."""
SHEETS: Final[dict[str, type[SheetBox]]] = {"cancel": CancelSheet, "size": SizeSheet, "idle": IdleSheet}


class Room(FloatLayout):
    """The window's root; every touch passes the front's gate first."""

    def __init__(self, front: Front, touched: Callable[[], None], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._front = front
        self._touched = touched

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """A touch that may not act reaches no button."""
        if getattr(touch, "is_mouse_scrolling", False):
            return bool(super().on_touch_down(touch))
        if not self._front.admit(self._on_quick(touch)):
            self._touched()
            return True
        return bool(super().on_touch_down(touch))

    def _on_quick(self, touch: MotionEvent) -> bool:
        """It lies on a widget whose touches may follow each other at once: a key, a signature's field."""
        return any(
            getattr(one, "quick", False) and one.collide_point(*one.to_widget(*touch.pos))
            for one in self.walk(restrict=True)
        )


class KioskApp(App):
    """One kiosk over one desk. ``dpi``: the panel's; ``now_s``: a monotonic clock; ``moving``: pictures may move."""

    theme = ObjectProperty(None, rebind=True)
    say = ObjectProperty(None, rebind=True)
    shown = ObjectProperty(None, rebind=True)
    moving = BooleanProperty(True)

    def __init__(
        self,
        desk: Desk,
        *,
        dpi: float,
        signboard: Signboard | None = None,
        now_s: Callable[[], float] = time.monotonic,
        panel_bottom_mm: float = 850.0,
        language: str = words.LANGUAGES[0],
        moving: bool = True,
        counter: Counter | None = None,
    ) -> None:
        self.books = words.load()
        self.front = Front(desk, self.books, now_s, language, counter)
        self.signboard = signboard or Signboard()
        self._dpi = dpi
        self._panel_bottom_mm = panel_bottom_mm
        self._shell: Shell | None = None
        self._page: Page | None = None
        self._page_name = ""
        self._sheet: SheetBox | None = None
        super().__init__(kv_file="", moving=moving)
        for look in LOOKS:
            path = str(HERE / look)
            Builder.unload_file(path)
            Builder.load_file(path)

    def load_kv(self, *_: object, **__: object) -> bool:
        """Nothing by name: LOOKS is the whole list."""
        return False

    def build(self) -> Room:
        """Called by Kivy once the window exists."""
        self.room = Room(self.front, self.refresh)
        Window.clearcolor = (0, 0, 0, 1)
        Window.fbind("size", lambda *_: self.refresh())
        Clock.schedule_interval(lambda _: self.refresh(), POLL_S)
        self.root = self.room
        self.refresh()
        return self.room

    @property
    def page(self) -> Page:
        """The page on the screen; built before the first frame."""
        assert self._page is not None
        return self._page

    def set_dpi(self, dpi: float) -> None:
        """Another panel; the screen is built anew at the next look."""
        self._dpi = dpi

    def touch(self, action: str, *values: object) -> None:
        """A button was released: the front's method of that name, then look again at once."""
        getattr(self.front, action)(*values)
        self.refresh()

    def drop(self, action: str, *values: object) -> None:
        """A button of the drop-off's pages was released."""
        getattr(self.front.at_counter.drop, action)(*values)
        self.refresh()

    def estimate(self, action: str, *values: object) -> None:
        """A button of the estimate's pages was released."""
        getattr(self.front.at_counter.estimate, action)(*values)
        self.refresh()

    def staff(self, action: str, *values: object) -> None:
        """A button of the staff's pages was released."""
        getattr(self.front.staff, action)(*values)
        self.refresh()

    def refresh(self) -> None:
        """Looks at the desk once and brings the screen up to date."""
        shown = self.front.look()
        theme = Theme(
            int(Window.width),
            int(Window.height),
            self._dpi,
            self.front.text_percent,
            self.front.low_reach,
            self._panel_bottom_mm,
        )
        rebuild = self._shell is None or theme != self.theme or self.front.words is not self.say
        self.shown = shown
        if rebuild:
            self.theme, self.say = theme, self.front.words
            self._build_shell(shown)
        self._show_frame(shown)
        self._show_page(shown, rebuild)
        self._show_sheet(shown, rebuild)

    def _build_shell(self, shown: Shown) -> None:
        self.room.clear_widgets()
        self._sheet = None
        self._shell = Shell(shown=shown)
        self.room.add_widget(self._shell)

    def _show_frame(self, shown: Shown) -> None:
        assert self._shell is not None
        self._shell.shown = shown
        self._shell.night = shown.page in NIGHT_PAGES
        footer = self._shell.ids.footer
        footer.back = "home" if shown.page not in ("attract", "home", "cover") and self._free(shown) else ""
        footer.staff = shown.manned and shown.page == "home"
        footer.stop = bool(shown.job and shown.job.can_cancel and shown.page not in NIGHT_PAGES)

    @staticmethod
    def _free(shown: Shown) -> bool:
        """Home is offered where stepping back is safe."""
        return shown.place is not Place.DROP or may_leave(shown.counter.drop)

    def _show_page(self, shown: Shown, rebuild: bool) -> None:
        assert self._shell is not None
        if rebuild or self._page is None or shown.page != self._page_name or self._other_visit(shown):
            self._page_name = shown.page
            self._page = PAGES[shown.page](shown=shown, job=shown.job)
            self._shell.ids.stage.change(self._page)
        else:
            self._page.shown = shown
            self._page.job = shown.job

    def _other_visit(self, shown: Shown) -> bool:
        old = self._page.job if self._page else None
        return (old.visit if old else "") != (shown.job.visit if shown.job else "")

    def _show_sheet(self, shown: Shown, rebuild: bool) -> None:
        wanted = SHEETS.get(shown.sheet.value)
        if self._sheet is not None and (rebuild or wanted is None or type(self._sheet) is not wanted):
            self.room.remove_widget(self._sheet)
            self._sheet = None
        if wanted is not None and self._sheet is None:
            self._sheet = wanted(shown=shown)
            self.room.add_widget(self._sheet)
        if self._sheet is not None and self._shell is not None:
            footer = self._shell.ids.footer
            self._sheet.shown = shown
            self._sheet.pos = (0, footer.height)
            self._sheet.height = self.theme.height_px - footer.height

    # -- words of the frame

    def where(self, shown: Shown) -> str:
        """The header's first line."""
        job = shown.job
        if job is None and shown.steps:
            return str(self.say("counter.step", step=shown.step, steps=shown.steps))
        if job is None or shown.page == "cover":
            return str(self.say("header.name"))
        if job.steps:
            return str(self.say("header.step", n=job.bay_number, step=job.step, steps=job.steps))
        return str(self.say("header.bay", n=job.bay_number))

    def call_words(self, shown: Shown) -> str:
        """What became of the call; nothing when there is none."""
        call = shown.call
        if call is None:
            return ""
        if call.state == "acknowledged":
            return str(self.say("call.acknowledged", by=call.by or self.say("call.someone")))
        if not shown.view.hq_online:
            return str(self.say("call.offline", number=self.signboard.hotline))
        return str(self.say("call.sent"))
