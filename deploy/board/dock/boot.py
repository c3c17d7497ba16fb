"""Frozen and empty, so that no boot.py in the chip's flash runs before the dock's firmware."""
