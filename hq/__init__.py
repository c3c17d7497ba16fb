"""Headquarters: takes in what the stations report, proves it, shows it. It never imports the kiosk."""
