"""The words, one JSON file per language; a package so that they are installed."""
