"""The way of messages from the transports into the frontier."""
