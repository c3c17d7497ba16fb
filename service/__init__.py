"""After-sales rules, pure: warranty, depreciation, staff and their certificates. It stores nothing and asks nobody."""
