"""Frozen in the place of the port's own: mounts the owner's part of the flash, and nothing else of it."""

from board_facts import FACTS

from firmware_agent.device.board.rp2 import mount_owner

mount_owner(FACTS)
