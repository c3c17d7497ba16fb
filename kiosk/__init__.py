"""The touch kiosk: what a customer and a member of staff meet. Start at ``__main__``."""
