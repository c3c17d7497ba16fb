"""Listed processors: who may take which kinds of goods, and until when. It keeps no list and checks no signature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from recycling.errors import Refused
from recycling.goods import Category

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KEY = re.compile(r"[0-9a-f]{64}")
MAX_TEXT = 120


@dataclass(frozen=True, slots=True)
class Processor:
    """``licence_until``: the last day it holds. ``public_key``: of its answers, Ed25519, 64 hex digits."""

    processor: str
    name: str
    names: Mapping[str, str]
    licence: str
    licence_until: date
    categories: tuple[Category, ...]
    public_key: str
    address: str = ""


def licensed(processor: Processor, category: Category, day: date) -> bool:
    """Whether it may take such goods on that day (in the station's zone)."""
    return day <= processor.licence_until and category in processor.categories


def checked(processor: Processor) -> Processor:
    """The processor itself, or :class:`Refused` "processor_malformed"."""
    if not _NAME.fullmatch(processor.processor):
        raise Refused("processor_malformed", "a processor's key is small letters, digits, dashes")
    where = f"processor {processor.processor}"
    if not _KEY.fullmatch(processor.public_key):
        raise Refused("processor_malformed", f"{where}: the public key is 64 hex digits")
    if set(processor.names) != {"zh", "en"} or not processor.categories:
        raise Refused("processor_malformed", f"{where}: it needs both names and a category")
    for text in (processor.name, processor.licence, *processor.names.values()):
        if not text.strip() or len(text) > MAX_TEXT or not text.isprintable():
            raise Refused("processor_malformed", f"{where}: a name or the licence is empty or too long")
    if len(processor.address) > MAX_TEXT or not (processor.address.isprintable() or not processor.address):
        raise Refused("processor_malformed", f"{where}: the address is too long")
    return processor
