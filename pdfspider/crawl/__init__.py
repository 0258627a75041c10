"""The worker: fetching, judging and recording URLs."""
