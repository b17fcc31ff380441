"""The language that gateway and client speak: frames, codec, reasons, limits.

No sockets, no clock, no event loop. ``docs/protocol.md`` is its description for people.
"""
