"""Differences between images: the container of docs/delta-format.md, made and applied."""
