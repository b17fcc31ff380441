"""How a host is reached: what the gateway, on its way to Redis, and the client have in common."""
