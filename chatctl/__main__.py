"""``python -m chatctl`` is ``chatctl``."""

from chatctl.cli import main

main()
