"""Metrics for Prometheus: of the whole fleet, read from the frontier, and of one worker.

``docs/metrics.md`` describes each. No label holds a URL, a host or the name of a job.
"""
