"""Leases: granting, revoking and listing them, their keys, keeping them alive, expiry."""
