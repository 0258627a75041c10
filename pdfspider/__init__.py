"""Give it web pages; it brings back every PDF they lead to."""

__version__ = "0.1.0"
