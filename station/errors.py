"""What the command line raises, and how any error becomes one clear line and an exit code."""

from __future__ import annotations

OK, OURS, USAGE, REFUSED, NEEDS_STAFF, UNREACHABLE = 0, 1, 2, 3, 4, 5
"""Exit codes; every command keeps to them."""

_BY_FAULT = {
    "link": UNREACHABLE,
    "timeout": UNREACHABLE,
    "phone": REFUSED,
    "swapped": REFUSED,
    "foreign": REFUSED,
    "ours": OURS,
}


class StationError(Exception):
    """Something a command refuses or cannot do. ``detail`` is one line; ``exit_code`` as in :data:`OK`...

    ``answered``: the command has already written its JSON object.
    """

    def __init__(self, detail: str, exit_code: int = REFUSED, *, answered: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.exit_code = exit_code
        self.answered = answered


def explain(exc: BaseException) -> tuple[str, int]:
    """One line for people and the exit code: from the error's own ``detail``, ``exit_code`` or ``fault``."""
    detail = getattr(exc, "detail", None)
    if not isinstance(detail, str):
        if isinstance(exc, OSError):
            name = f"{exc.filename}: " if exc.filename else ""
            return f"{name}{exc.strerror or exc}", OURS
        return f"our own error: {type(exc).__name__}: {exc} (STATION_DEBUG=1 shows where)", OURS
    code = getattr(exc, "exit_code", None)
    if not isinstance(code, int):
        code = _BY_FAULT.get(str(getattr(exc, "fault", "")), REFUSED)
    return " ".join(detail.split()), code
