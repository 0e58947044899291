"""How nodes and calls are shown: as a tree, as HTML, as curl commands, beside a description."""
