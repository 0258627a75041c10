"""Results of jobs and events of documents that masters wait for."""
