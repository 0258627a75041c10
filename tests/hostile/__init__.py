"""Hosts and pages that are made to hurt a crawler; ``python -m tests.hostile`` measures a worker against them."""
