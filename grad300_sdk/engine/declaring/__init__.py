"""The parts of a tree: nodes, endpoints, and the calls that are made from them."""
