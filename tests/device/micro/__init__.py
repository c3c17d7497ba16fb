"""Suites of plain functions that hold under CPython and under MicroPython alike, and what runs them there."""
