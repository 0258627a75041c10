"""ZeroMQ."""
