"""The wire to headquarters: topics and messages (pure), and the reporter (the only user of paho here)."""
