"""The server: several equal gateways, one Redis.

The rooms: `chat` holds the rules and does no I/O; `backplane` is the one door to Redis;
`listeners` open ports; `hub` fans out; `peer` is where a session, its link and the backplane
meet; `server` is the lifecycle. ``ARCHITECTURE.md`` draws the map.
"""
