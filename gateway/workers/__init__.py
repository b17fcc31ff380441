"""Several gateways as processes of one parent: all cores of a machine with one command."""
