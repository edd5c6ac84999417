"""Lock and Election: keys with leases, and waiting for those of others."""
