"""A deterministic web site on loopback, the server that serves it, and the stock stack as a baseline."""
