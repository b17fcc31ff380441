"""The fault lab: faults made on purpose, against real processes. See ``docs/faults.md``.

`proxy` and `processes` are the parts that break, `lab` puts them together, `bots` talk, `faults`
break things, `plan` decides when, and `verdict` looks for broken promises. ``python -m
tests.chaos`` runs it all.
"""
