"""How a `Send` becomes requests, and what answers mean: decisions and data, no I/O."""
