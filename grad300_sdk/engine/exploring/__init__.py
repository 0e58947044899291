"""How nodes and calls are shown: as trees, as HTML, as curl commands, and beside OpenAPI."""
