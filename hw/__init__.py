"""Everything on a wire: protocol cores without I/O, links, the phone adapter, and the virtual phone."""
