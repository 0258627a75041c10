"""Inspection of PDFs in separate processes, so that no document can harm, delay or end the worker.

``inspector.py`` is the side of the worker; ``process.py`` and its imports run in the other process.
"""
