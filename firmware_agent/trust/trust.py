"""The signed catalogue as a station sees it: refreshed over many mirrors, and good without any until it expires.

ngclient decides what metadata is believed; this decides whom to ask, what to keep, and says what went wrong.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from firmware_agent.download.http import Http
from firmware_agent.errors import CatalogueRefused
from firmware_agent.index import Index
from firmware_agent.manifest import WORD
from firmware_agent.mirrors.book import Mirror, MirrorBook
from firmware_agent.mirrors.listing import parse_mirrors
from firmware_agent.rollout import Rollout, parse_rollout
from firmware_agent.trust.fetch import detail, refusal
from firmware_agent.trust.refresh import Refresher
from firmware_agent.trust.store import MAX_MODELS, Store, Whole
from firmware_agent.trust.view import MIRRORS, UNUSABLE, View, rollout_target
from firmware_agent.wanted import Wanted
from firmware_agent.watch import Watch

CLOCK_SLACK_S = 12 * 3600
"""A board without a battery for its clock wakes up with the time of its last shutdown."""
FAILED_FOR_S = 120.0
"""Without a line a round over the mirrors takes a minute: what is stored serves so long before the next one."""
ASKED_FOR_S = 10.0
"""The same where nothing usable is stored: one visit's questions are one round, the next try is a new one."""
_MAY_BE_CURED = frozenset(("no_catalogue", "catalogue_expired", "catalogue_refused"))
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Failed:
    """The last round over the mirrors, when it came to nothing new. ``at_s`` is monotonic."""

    at_s: float
    why: Exception | None
    is_empty: bool  # no mirror gave anything, so none has another model's files either


class Trust:
    """One station's belief. Any thread, and several processes at once, may use the same folder.

    ``root`` is the root metadata that the station was set up with. Raises ``CatalogueRefused`` (``bad_root``).
    """

    def __init__(
        self,
        folder: Path,
        root: bytes,
        book: MirrorBook,
        http: Http,
        *,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        _check_root(root)
        self._root = root
        self._store = Store(folder)
        self._refresher = Refresher(root, self._store, book, http, clock_s)
        self._clock = clock_s
        self._failed: _Failed | None = None
        self._seen: View | None = None
        self._seeing = threading.Lock()

    def refresh(self, watch: Watch, *, max_age_s: float) -> None:
        """Ask the mirrors, unless that was done less than ``max_age_s`` ago; offline, what is stored will do.

        Raises ``CatalogueRefused``: ``no_catalogue``, ``catalogue_expired``, ``catalogue_refused``,
        ``clock_behind``, ``cannot_write``; ``Stopped``.
        """
        self._check_clock(watch)
        failure = self._round(
            lambda since_s: self._is_due(max_age_s, since_s), lambda whole: whole.models, watch
        )
        try:
            self._view(watch)
        except CatalogueRefused as exc:
            if exc.reason == "no_catalogue" and failure is not None:
                raise refusal(failure) from failure
            raise
        self._store.saw(int(self._clock()))

    def index(self, model: str, watch: Watch) -> Index | None:
        """The signed index of a model; None when the catalogue has no such model."""
        if not WORD.match(model):
            return None
        return self._from_view(model, watch, lambda view: view.index(model))

    def rollout(self, model: str, watch: Watch) -> Rollout:
        """What is held back of a model; nothing when the catalogue does not say."""

        def read(view: View) -> Rollout:
            raw = _read(view, rollout_target(model))
            rollout = Rollout(model) if raw is None else parse_rollout(raw)
            if rollout.model != model:
                raise CatalogueRefused("other_model", f"the roll-out under {model} is of {rollout.model}")
            return rollout

        return self._from_view(model, watch, read)

    def mirrors(self, watch: Watch) -> tuple[Mirror, ...]:
        """The signed list of mirrors."""

        def read(view: View) -> tuple[Mirror, ...]:
            raw = _read(view, MIRRORS)
            return () if raw is None else parse_mirrors(raw)

        return self._from_view("", watch, read)

    def wanted(self, target: str) -> Wanted:
        """What to download for a target path of an index: from what is stored, without a network.

        Raises ``CatalogueRefused``: ``no_target``, ``contradiction`` (``custom`` and index disagree).
        """
        return self._view(Watch()).wanted(target)

    # -- asking the mirrors

    def _round(
        self, is_due: Callable[[float], bool], models: Callable[[Whole], Sequence[str]], watch: Watch
    ) -> Exception | None:
        """One round over the mirrors if it is due, also after waiting for whoever asks them; what was refused.

        ``is_due`` is told when we began to wait: a round that failed since then has answered us too.
        """
        since_s = time.monotonic()
        try:
            if is_due(since_s):
                with self._store.held(watch.stop):
                    if is_due(since_s):
                        return self._renew(models, watch)
        except OSError as exc:  # the lock: nothing can be changed here, but perhaps read
            watch.note("catalogue.damaged", file=str(exc.filename or ""), detail=str(exc.strerror or exc))
            return exc
        failed = self._failed
        return failed.why if failed else None

    def _renew(self, models: Callable[[Whole], Sequence[str]], watch: Watch) -> Exception | None:
        whole = self._store.whole(watch)
        outcome = self._refresher.renew(whole, models(whole), watch)
        at_s = time.monotonic()
        self._failed = None if outcome.is_whole else _Failed(at_s, outcome.failure, outcome.is_empty)
        with self._seeing:
            self._seen = None  # also a refresh that came to nothing may have learned a new root
        return outcome.failure

    def _is_due(self, max_age_s: float, since_s: float) -> bool:
        """Whether what is stored is too old, and asking did not just fail."""
        is_usable = self._is_usable()
        age_s = self._clock() - self._store.whole(Watch()).refreshed_s
        if is_usable and 0 <= age_s < max_age_s:
            return False
        pause_s = min(max_age_s, FAILED_FOR_S if is_usable else ASKED_FOR_S)
        return not _is_recent(self._failed, since_s, pause_s)

    def _is_hopeful(self, since_s: float) -> bool:
        """Whether the mirrors may have what is not here."""
        failed = self._failed
        return not (failed and failed.is_empty and _is_recent(failed, since_s, ASKED_FOR_S))

    # -- reading what is stored

    def _view(self, watch: Watch) -> View:
        """The last complete set as of now. Raises ``CatalogueRefused``."""
        self._check_clock(watch)
        with self._seeing:
            whole = self._store.whole(watch)
            if not whole.metadata:
                self._seen = None
                raise CatalogueRefused(
                    "no_catalogue", "no catalogue is stored here, and none could be fetched"
                )
            if self._seen is None or self._seen.is_old() or self._seen.whole != whole:
                self._seen = None
                try:
                    self._seen = View(self._root, self._store, whole)
                except (*UNUSABLE, OSError) as exc:
                    raise refusal(exc) from exc
            return self._seen

    def _is_usable(self) -> bool:
        """Whether there is a set to work from; raises what no mirror could cure."""
        try:
            self._view(Watch())
        except CatalogueRefused as exc:
            if exc.reason not in _MAY_BE_CURED:
                raise
            return False
        return True

    def _from_view(self, model: str, watch: Watch, read: Callable[[View], T]) -> T:
        """From what is stored; where something of it is not here, once more after asking the mirrors."""
        try:
            view = self._view(watch)
            found = self._said(model, view, watch, read)
            if not model or found is None or model in view.whole.models:
                return found
        except (LookupError, *UNUSABLE):
            pass
        except CatalogueRefused as exc:
            if exc.reason not in _MAY_BE_CURED:
                raise
        failure = self._follow(model, watch)
        try:
            return self._said(model, self._view(watch), watch, read)
        except (LookupError, *UNUSABLE) as exc:
            if failure is not None:
                raise refusal(failure) from exc
            detail = f"nothing is stored for {model or 'this'}, and no mirror could be reached"
            raise CatalogueRefused("no_catalogue", detail) from exc

    def _said(self, model: str, view: View, watch: Watch, read: Callable[[View], T]) -> T:
        """What a signed file says; one that says something impossible is noted."""
        try:
            return read(view)
        except CatalogueRefused as exc:
            watch.note("catalogue.refused", model=model, reason=exc.reason, detail=exc.detail)
            raise

    def _follow(self, model: str, watch: Watch) -> Exception | None:
        """From now on this model's files are part of the set; what was refused, if anything."""

        def models(whole: Whole) -> Sequence[str]:
            others = [other for other in whole.models if other != model]
            return [*others, model][-MAX_MODELS:] if model else others

        return self._round(self._is_hopeful, models, watch)

    def _check_clock(self, watch: Watch) -> None:
        """Whether something has expired cannot be said by a clock that has been set back."""
        now_s, seen_s = self._clock(), self._store.seen_s()
        if now_s < seen_s - CLOCK_SLACK_S:
            behind_s = int(seen_s - now_s)
            said = f"this station's clock is {behind_s} s before a time that it has seen: set the clock"
            watch.note("catalogue.refused", reason="clock_behind", behind_s=behind_s)
            raise CatalogueRefused("clock_behind", said)


def _is_recent(failed: _Failed | None, since_s: float, pause_s: float) -> bool:
    return failed is not None and (failed.at_s >= since_s or time.monotonic() - failed.at_s < pause_s)


def _read(view: View, target: str) -> bytes | None:
    """A small target's bytes; None when the catalogue has none. ``LookupError`` when it is not here."""
    entry = view.entry(target)
    if entry is None:
        return None
    raw = view.file(entry)
    if raw is None:
        raise LookupError(target)
    return raw


def _check_root(raw: bytes) -> None:
    """The trust anchor must at least be a root that is signed by itself."""
    try:
        metadata = Metadata[Root].from_bytes(raw)
        metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError, AttributeError) as exc:
        raise CatalogueRefused(
            "bad_root", f"the station's root metadata is not a root: {detail(exc)}"
        ) from exc
