"""What a station believes: TUF metadata over many mirrors, stored so that it also works without a line."""
