"""What an API's tree is declared with: nodes, endpoints, and the calls that come of them."""
