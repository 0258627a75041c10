"""What the HTTP gateway and the dashboard share: which requests are refused, and how documents are served."""
