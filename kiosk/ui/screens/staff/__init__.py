"""Staff's pages by name, and their looks (paths under kiosk/ui). What stands on them is in kiosk/ui/staff."""

from __future__ import annotations

from typing import Final

from kiosk.ui.parts.page import Page
from kiosk.ui.screens.staff.board import StaffPage
from kiosk.ui.staff.panels import PANELS

PAGES: Final[dict[str, type[Page]]] = dict.fromkeys(PANELS, StaffPage)
LOOKS: Final[tuple[str, ...]] = ("parts/keypad.kv", "parts/signature.kv", "screens/staff/blocks.kv")
