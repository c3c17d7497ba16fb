"""Draws the diagram of docs/update-flow.md from the table: ``python -m kiosk.flow.diagram FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from kiosk.flow.events import Event, PhoneGone, TimeUp
from kiosk.flow.update import TABLE, WAITS
from kiosk.flow.visit import BEFORE_WRITE, TERMINAL, State

BEGIN, END = "<!-- drawn from kiosk/flow/update.py -->", "<!-- end -->"


def diagram() -> str:
    """A Mermaid state diagram: every edge of the table, those between the same two states on one line."""
    edges: dict[tuple[State, State], list[str]] = {}
    for (state, event), rule in TABLE.items():
        for target in rule.to - {state}:
            edges.setdefault((state, target), []).append(_word(event))
    order = list(State)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.CONNECT}"]
    for source, target in sorted(edges, key=lambda edge: (order.index(edge[0]), order.index(edge[1]))):
        lines.append(f"    {source} --> {target}: {', '.join(sorted(set(edges[source, target])))}")
    lines += [f"    {state} --> [*]" for state in order if state in TERMINAL]
    return "\n".join([*lines, "```"])


def table() -> str:
    """Every state with its deadline, and what an unplug and silence lead to."""
    lines = ["| State | Half | Waits at most | Unplugged | Silence |", "|---|---|---|---|---|"]
    for state in State:
        if state in TERMINAL:
            continue
        half = "before the first write" if state in BEFORE_WRITE else "after the first write"
        cells = [_targets(state, PhoneGone), _targets(state, TimeUp)]
        lines.append(f"| {state} | {half} | `{WAITS[state]}` | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def generated() -> str:
    """What stands between the two marks of the document."""
    return "\n\n".join((BEGIN, diagram(), table(), END))


def redraw(document: str) -> str:
    """The document with its generated part made anew."""
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + generated() + (tail or "\n")


def _word(event: type[Event]) -> str:
    letters = [f" {letter.lower()}" if letter.isupper() else letter for letter in event.__name__]
    return "".join(letters).strip()


def _targets(state: State, event: type[Event]) -> str:
    return ", ".join(sorted(TABLE[state, event].to))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(redraw(path.read_text("utf-8")), "utf-8")
