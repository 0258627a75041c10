"""Give it web pages; it brings back every PDF they lead to."""
