"""The frontier: the URLs of all jobs and the state of all hosts, in Redis."""
