"""Measures a gateway of its own: deliveries a second, CPU per delivery, latency, memory, logins.

A measurement, never a test: nothing here passes or fails. See ``docs/benchmarks.md``.
"""
