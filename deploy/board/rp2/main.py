"""Frozen: the agent, for ever. A main.py among the owner's files is never run."""

from board_facts import FACTS

from firmware_agent.device.board.rp2 import run

run(FACTS)
