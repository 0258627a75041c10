"""The way of results and events from the frontier to the transports."""
