"""All of the engine's I/O: one driver, and the two networks that it sends by."""
