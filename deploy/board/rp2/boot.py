"""Frozen and empty, so that no boot.py among the owner's files runs before the agent."""
