"""Shared parts of the HTTP gateway and the dashboard: the refusal of requests, and the serving of documents."""
