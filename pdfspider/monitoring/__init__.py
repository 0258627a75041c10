"""Statements about a job: the reason why it is not finished, its speed, and its end."""
