"""Job W as an expert of each peer would write it; each runs in an environment of its own."""
