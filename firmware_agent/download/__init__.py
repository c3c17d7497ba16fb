"""Files from mirrors: HTTP within limits, resumed, checked piece by piece, moved on when a mirror fails."""
