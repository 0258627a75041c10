"""The bare clients of the gateway's transports: what a master and a plain consumer would be without a gateway."""
