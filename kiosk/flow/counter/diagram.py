"""Draws the machines of docs/counter.md from their tables: ``python -m kiosk.flow.counter.diagram FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from recycling import bins, custody, drop_off, erasure, manifests, settlement, trade_in
from recycling.goods import Lodging
from recycling.machine import Machine

BEGIN, END = "<!-- drawn from the tables in recycling/ -->", "<!-- end -->"
MACHINES: tuple[tuple[str, Machine], ...] = (
    ("Trade-in", trade_in.MACHINE),
    ("Erasure", erasure.MACHINE),
    ("Settlement", settlement.MACHINE),
    ("Drop-off", drop_off.MACHINE),
    ("Bin", bins.MACHINE),
    ("Manifest", manifests.MACHINE),
)


def diagram(machine: Machine) -> str:
    """A Mermaid state diagram: every edge of the table, those between the same two states on one line."""
    edges: dict[tuple[str, str], set[str]] = {}
    for (state, event), found in machine.table.items():
        for target in found.to:
            if target is state:
                continue
            edges.setdefault((state.value, target.value), set()).add(_word(event))
    order = [state.value for state in machine.states]
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {machine.start}"]
    for before, after in sorted(edges, key=lambda edge: (order.index(edge[0]), order.index(edge[1]))):
        lines.append(f"    {before} --> {after}: {', '.join(sorted(edges[before, after]))}")
    left = {source for source, _ in edges}
    lines += [f"    {state} --> [*]" for state in order if state not in left]
    return "\n".join([*lines, "```"])


def places() -> str:
    """Where an item may go, as a table."""
    lines = ["| From | To |", "|---|---|"]
    for lodging in Lodging:
        targets = sorted(target.value for source, target in custody.MOVES if source is lodging)
        begins = " (begins here)" if lodging in custody.BEGINS else ""
        lines.append(f"| {lodging.value}{begins} | {', '.join(targets) or 'nowhere: it has left us'} |")
    return "\n".join(lines)


def generated() -> str:
    """What stands between the two marks of the document."""
    parts = [BEGIN]
    for title, machine in MACHINES:
        parts += [f"## {title}", diagram(machine)]
    return "\n\n".join([*parts, "## Places of an item", places(), END])


def redraw(document: str) -> str:
    """The document with its generated part made anew."""
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + generated() + (tail or "\n")


def _word(event: type[object]) -> str:
    letters = [f" {letter.lower()}" if letter.isupper() else letter for letter in event.__name__]
    return "".join(letters).strip()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(redraw(path.read_text("utf-8")), "utf-8")
