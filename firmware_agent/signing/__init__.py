"""The maker's side of update orders: hash-based keys as folders, each of whose leaves signs once and never again."""
