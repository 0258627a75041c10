"""The transports, one package for each way in which masters reach the gateway."""
