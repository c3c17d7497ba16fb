"""Tests by kind: unit, conformance, device, e2e, ui, architecture. Each is named for the promise it keeps."""
