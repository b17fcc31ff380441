"""What the tests have in common: real servers, and a peer to talk to gateways with."""
