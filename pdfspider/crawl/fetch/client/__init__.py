"""The HTTP client: libcurl on the event loop."""
