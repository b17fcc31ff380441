"""The program: ``chatctl``, or ``python -m chatctl``."""

import signal


def main() -> None:
    """Run the command that the arguments of the process are, and end with its exit code."""
    # Nobody can obey a Ctrl-C while modules are loaded: it ends us, but without their names.
    if (before := signal.getsignal(signal.SIGINT)) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from chatctl.cli import main as program

    signal.signal(signal.SIGINT, before)
    program()


if __name__ == "__main__":
    main()
