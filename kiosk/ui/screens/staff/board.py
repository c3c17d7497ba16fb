# mypy: disallow-subclassing-any=False
"""The page that draws any staff panel: blocks into the slots every page has. Decides nothing and words nothing."""

from __future__ import annotations

from weakref import WeakMethod

from kivy.app import App

from kiosk.ui.parts.grid import Grid
from kiosk.ui.parts.page import Actions, Aside, Foot, Lead, Page
from kiosk.ui.parts.scanfield import ScanField
from kiosk.ui.screens.staff.blocks import DeedTap, MainBlock, block_widget, sync
from kiosk.ui.staff.floor import StaffShown
from kiosk.ui.staff.panel import Deed, Keypad, Panel
from kiosk.ui.staff.panels import PANELS
from kiosk.ui.staff.scene import Scene


class Others(Grid):
    """The other ways out, side by side under the main button."""


class StaffPage(Page):
    """One staff page, by the name it was made under. ``desk``: the moment it shows."""

    def __init__(self, **kwargs: object) -> None:
        self._front = App.get_running_app().front.staff
        self._name = self._front.shown.page
        self._panel: Panel | None = None
        self._deed: MainBlock | None = None
        super().__init__(**kwargs)
        self._others = Others()
        self._show(self._front.shown)
        self._front.watcher = WeakMethod(self._show)
        self.fbind("shown", lambda *_: self._show(self._front.shown))
        self._scan = ScanField(self)

    def _show(self, desk: StaffShown) -> None:
        if desk.page != self._name or self.shown is None:
            return
        app = App.get_running_app()
        panel = PANELS[self._name](Scene(desk, app.say, tuple(self.shown.view.bays)))
        if panel == self._panel:
            return
        self._panel = panel
        wide = not app.theme.portrait and bool(panel.pad)
        sync(self._slots[Lead], (*panel.lead, *panel.side) if wide else panel.lead, block_widget)
        sync(self._slots[Aside], panel.pad if wide else panel.side, block_widget)
        if app.theme.portrait:
            sync(self._slots[Foot], panel.pad, block_widget)
        keys = any(isinstance(one, Keypad) for one in panel.pad)
        small = "left" if keys else "wide"  # a counter panel has room for one row of buttons only
        self._slots[Actions].row = app.theme.compact
        self._show_deeds(panel.deeds, small if app.theme.compact else panel.under)

    def _show_deeds(self, deeds: tuple[Deed, ...], under: str) -> None:
        actions = self._slots[Actions]
        main = next((one for one in deeds if one.main), None)
        others = tuple(one for one in deeds if not one.main)
        actions.side = under
        if (self._deed is None) != (main is None) or (self._others.parent is None) != (not others):
            actions.clear_widgets()
            self._deed = MainBlock() if main is not None else None
            for widget, wanted in ((self._deed, main is not None), (self._others, bool(others))):
                if wanted and widget is not None:
                    actions.add_widget(widget)
        if main is not None and self._deed is not None:
            self._deed.show(main)
        self._others.columns = max(1, len(others))
        sync(self._others, others, lambda _: DeedTap())
