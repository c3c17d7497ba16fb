"""The signed repository as its maker keeps it: keys, editions, releases, packages, checks. Not the station's side."""
