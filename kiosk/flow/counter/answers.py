"""What a processor's signed answers change, and corrections of a sealed manifest that both sides agree to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.bin_watch import placed
from kiosk.flow.counter.things import Noted, Thing
from kiosk.flow.counter.work import Work
from recycling import manifest_moves as m
from recycling import processor_answer
from recycling import trade_events as te
from recycling.custody import Item, Place, moved
from recycling.errors import MalformedError, Refused
from recycling.goods import Hazard, Lodging
from recycling.manifests import MACHINE, Manifest, State
from recycling.processor import Processor
from recycling.trade import Trade
from recycling.trade_in import MACHINE as TRADE
from service.technician import Action

STEP = MACHINE.step
RETURNED = "returned"


def answer(work: Work, command: c.ManifestAnswer) -> None:
    """Signed, by the manifest's own processor, once: the same answer again is nothing more."""
    said, processor, digest = read(work, command.answer)
    manifest = work.tools.book.manifest(said.manifest)
    if manifest is None or manifest.processor != processor.processor:
        raise Refused("answer_other_manifest", f"{said.manifest}: not theirs")
    if digest in manifest.heard:
        return
    heard = replace(manifest, heard=(*manifest.heard, digest))
    actor = f"processor:{processor.processor}"
    handlers = {
        "received": _received,
        "answered": _verdict,
        "processed": _processed,
        "proposes": _proposes,
        "agrees": _replies,
        "refuses": _replies,
    }
    things, notes = handlers[said.stage](work, heard, said, actor)
    work.commit(*things, notes=notes)


def read(work: Work, message: bytes) -> tuple[processor_answer.Answer, Processor, str]:
    """The answer and whose it is. :class:`Refused` "answer_forged", :class:`MalformedError`."""
    if len(message) > processor_answer.MAX_BYTES:
        raise MalformedError("the answer is too long")
    for processor in work.tools.reference.processors():
        payload = work.tools.verify_answer(message, processor.public_key)
        if payload is not None:
            said = processor_answer.decode(payload)
            if said.processor != processor.processor:
                break
            return said, processor, hashlib.sha256(payload).hexdigest()[:32]
    raise Refused("answer_forged", "no listed processor has signed this answer")


_Step = tuple[list[Thing], list[Noted]]


def _received(work: Work, manifest: Manifest, said: processor_answer.Answer, actor: str) -> _Step:
    after = STEP(manifest, m.Received(work.now_ms, said.received_g))
    if after.state is not State.RECEIVED or manifest.state is State.RECEIVED:
        return [after], []
    things, notes = _arrived(work, after, actor)
    body = {"received_g": said.received_g}
    return [after, *things], [work.note("manifest.received", manifest.manifest, body, actor), *notes]


def _arrived(work: Work, manifest: Manifest, actor: str) -> _Step:
    things: list[Thing] = []
    notes: list[Noted] = []
    for item in work.tools.book.items_of(manifest.manifest):
        if item.place.lodging is not Lodging.TRANSIT:
            continue
        there = moved(item, Place(Lodging.PROCESSOR, manifest.processor), work.now_ms)
        things.append(there)
        notes.append(placed(work, there, str(item.place)))
        trade = work.memory.trades.get(item.trade)
        if trade is not None:
            things.append(TRADE.step(trade, te.Received(work.now_ms)))
    del actor
    return things, notes


def _verdict(work: Work, manifest: Manifest, said: processor_answer.Answer, actor: str) -> _Step:
    """Refused items are ours again, in quarantine; the accepted ones stay with the processor."""
    after = STEP(manifest, m.Answered(work.now_ms, said.items))
    things, notes = _arrived(work, after, actor)
    there = {one.item: one for one in work.tools.book.items_of(manifest.manifest)}
    there |= {one.item: one for one in things if isinstance(one, Item)}
    trades = {one.trade: one for one in things if isinstance(one, Trade)}
    refused = {one.item for one in said.items if not one.accepted}
    body = {
        "verdict": after.verdict,
        "accepted": len(said.items) - len(refused),
        "refused": len(refused),
        "received_g": after.received_g,
    }
    said_notes = [work.note("manifest.answered", manifest.manifest, body, actor)]
    if after.discrepancy_g is not None:
        apart = {"sent_g": manifest.mass_g, "received_g": after.received_g}
        said_notes.append(work.note("manifest.discrepancy", manifest.manifest, apart, "station"))
        proposal: dict[str, object] = {
            "by": "theirs",
            "items": len(after.revision.changes) if after.revision else 0,
        }
        said_notes.append(work.note("revision.proposed", manifest.manifest, proposal, actor))
    for name in sorted(refused & there.keys()):
        item = there[name]
        back = moved(item, Place(Lodging.QUARANTINE, RETURNED), work.now_ms)
        things.append(replace(back, package=item.item if item.hazard is not Hazard.NONE else ""))
        notes.append(placed(work, back, str(item.place)))
        trade = trades.get(item.trade) or work.memory.trades.get(item.trade)
        if trade is not None:
            things.append(TRADE.step(trade, te.CameBack(work.now_ms, RETURNED)))
    return [after, *things], [*said_notes, *notes]


def _processed(work: Work, manifest: Manifest, said: processor_answer.Answer, actor: str) -> _Step:
    del said
    after = STEP(manifest, m.Processed(work.now_ms))
    things: list[Thing] = [after]
    notes = [work.note("manifest.processed", manifest.manifest, {}, actor)]
    for item in work.tools.book.items_of(manifest.manifest):
        if item.place.lodging is not Lodging.PROCESSOR:
            continue
        gone = moved(item, Place(Lodging.GONE), work.now_ms)
        things.append(gone)
        notes.append(placed(work, gone, str(item.place)))
        trade = work.memory.trades.get(item.trade)
        if trade is not None:
            things.append(TRADE.step(trade, te.Processed(work.now_ms)))
    return things, notes


def _proposes(work: Work, manifest: Manifest, said: processor_answer.Answer, actor: str) -> _Step:
    after = STEP(manifest, m.Proposed(work.now_ms, "theirs", said.changes, said.note or "unsaid"))
    body = {"by": "theirs", "items": len(said.changes)}
    return [after], [work.note("revision.proposed", manifest.manifest, body, actor)]


def _replies(work: Work, manifest: Manifest, said: processor_answer.Answer, actor: str) -> _Step:
    agreed = said.stage == "agrees"
    after = STEP(manifest, m.Replied(work.now_ms, "theirs", agreed))
    return _revised(work, manifest, after, agreed, "theirs", actor)


# -- corrections


def revise(work: Work, command: c.ManifestRevise) -> None:
    """Ours; the processor has to agree."""
    work.staff(Action.SEAL_MANIFEST)
    manifest = work.memory.manifest(command.manifest)
    after = STEP(manifest, m.Proposed(work.now_ms, "ours", dict(command.changes), command.reason))
    body = {"by": "ours", "items": len(command.changes)}
    work.commit(after, notes=[work.note("revision.proposed", manifest.manifest, body)])


def revise_answer(work: Work, command: c.ManifestReviseAnswer) -> None:
    """Our word on theirs."""
    work.staff(Action.SEAL_MANIFEST)
    manifest = work.memory.manifest(command.manifest)
    after = STEP(manifest, m.Replied(work.now_ms, "ours", command.accept))
    things, notes = _revised(work, manifest, after, command.accept, "ours", "")
    work.commit(*things, notes=notes)


def _revised(work: Work, before: Manifest, after: Manifest, agreed: bool, by: str, actor: str) -> _Step:
    kind = "revision.accepted" if agreed else "revision.refused"
    things: list[Thing] = [after]
    if agreed:
        things += _corrected(work, before, after)
    return things, [work.note(kind, before.manifest, {"by": by}, actor)]


def _corrected(work: Work, before: Manifest, after: Manifest) -> Iterable[Item]:
    """The items' own masses follow the manifest's."""
    was = {line.item: line.mass_g for line in before.lines}
    changed = {line.item: line.mass_g for line in after.lines if was[line.item] != line.mass_g}
    return [
        replace(item, mass_g=changed[item.item], at_ms=work.now_ms)
        for item in work.tools.book.items_of(after.manifest)
        if item.item in changed
    ]
