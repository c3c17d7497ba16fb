"""Frozen: the dock's controller, for ever."""

from board_facts import FACTS

from firmware_agent.dock.board.rp2 import run

run(FACTS)
