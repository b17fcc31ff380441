"""An embedded Redis, which a gateway starts for itself."""
