"""What the frontier can tell of jobs, hosts, workers, transports and the whole fleet."""
