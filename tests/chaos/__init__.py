"""Faults made on purpose, against real processes: see ``docs/faults.md``.

`proxy` and `processes` are what breaks, `lab` puts them together, `bots` talk meanwhile, `faults`
break things, `plan` says when, and `verdict` looks for broken promises. ``python -m tests.chaos``
runs it all.
"""
