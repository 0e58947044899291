"""From a `Send` to requests, and from responses to results or errors: no I/O."""
