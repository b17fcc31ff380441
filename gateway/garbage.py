"""Python's search for reference cycles, for a process in which very many objects live long."""

from __future__ import annotations

import gc

FULL_SEARCH_AFTER = 50
"""Searches among young objects before one among all objects.

A search among all objects looks at about 44 for each connection, and stops the event loop: with
10,000 connections for a tenth of a second. By Python's default one follows each 1,750 arrivals, and
an arrival costs more the more people are here. With this, one follows each 8,750. Until then the
cycles of closed connections stay: some 7 KiB for each.
"""


def search_seldom() -> None:
    """Search for cycles less often, and never among the objects that exist now."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_SEARCH_AFTER)
