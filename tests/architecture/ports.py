"""One typed assignment per adapter, for mypy to check: the kiosk's ports match by shape, so nothing else would."""

from __future__ import annotations

from kiosk.flow.view import Desk
from kiosk.ports import Phone, PhoneError

__all__ = ["Desk", "Phone", "PhoneError"]
