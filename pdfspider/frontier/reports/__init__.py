"""Reports of the frontier: on jobs, hosts, workers, transports and the whole fleet."""
