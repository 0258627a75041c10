"""What is inside a PDF, read in processes of its own: no document can harm, hold up or end the one that asks.

``inspector.py`` is the asking side; ``process.py`` and what it imports run in the other process.
"""
