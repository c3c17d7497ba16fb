"""Images and packages on the station's disk, by hash: bounded, pinned by visits, whole or not there."""
