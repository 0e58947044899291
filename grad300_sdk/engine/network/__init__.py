"""All network I/O of the engine: one driver, and the two networks that it uses."""
