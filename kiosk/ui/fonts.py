"""Type for both languages: cuts the Simplified Chinese faces out of Debian's collections. Registers nothing itself.

SDL opens only face 0 of a collection, which has Japanese forms; hence the cut, cached per user.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTCollection, TTLibError

from kiosk.ui.errors import MissingFontError

NOTO_DIR: Final = Path("/usr/share/fonts/opentype/noto")
ICON_FILE: Final = Path(
    "/usr/share/fonts/truetype/materialdesignicons-webfont/materialdesignicons-webfont.ttf"
)
FAMILY: Final = "Noto Sans CJK SC"
FAMILY_ID: Final = 1  # OpenType name table: font family


@dataclass(frozen=True, slots=True)
class Faces:
    """Font files ready for the toolkit."""

    regular: Path
    bold: Path
    icons: Path


def cache_dir() -> Path:
    """Where cut faces are kept (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "phone-service-station" / "fonts"


def cut_face(collection: Path, into: Path, family: str = FAMILY) -> Path:
    """``into``, made from the face ``family`` of ``collection`` unless it is already newer than it.

    :raises MissingFontError: no such collection, or no such face in it.
    """
    if not collection.is_file():
        raise MissingFontError(f"{collection} is missing: install fonts-noto-cjk")
    if into.is_file() and into.stat().st_mtime >= collection.stat().st_mtime:
        return into
    into.parent.mkdir(parents=True, exist_ok=True)
    try:
        with TTCollection(str(collection), lazy=True) as faces:
            face = next((f for f in faces.fonts if f["name"].getDebugName(FAMILY_ID) == family), None)
            if face is None:
                raise MissingFontError(f"{collection} holds no face {family}: install fonts-noto-cjk")
            _write_whole(into, face.save)
    except TTLibError as exc:
        raise MissingFontError(f"{collection} is no font collection: {exc}") from exc
    return into


def _write_whole(path: Path, save: Callable[[str], None]) -> None:
    """Never leaves half a font behind, also when two kiosks start at once."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        save(name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def faces() -> Faces:
    """All faces the screens need.

    :raises MissingFontError: one line naming the Debian package to install.
    """
    if not ICON_FILE.is_file():
        raise MissingFontError(f"{ICON_FILE} is missing: install fonts-materialdesignicons-webfont")
    cache = cache_dir()
    return Faces(
        regular=cut_face(NOTO_DIR / "NotoSansCJK-Regular.ttc", cache / "NotoSansCJKsc-Regular.otf"),
        bold=cut_face(NOTO_DIR / "NotoSansCJK-Bold.ttc", cache / "NotoSansCJKsc-Bold.otf"),
        icons=ICON_FILE,
    )
