"""The station's audit log: append-only, chained, signed. It is also the outbox to headquarters."""
