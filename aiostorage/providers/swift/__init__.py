"""OpenStack Swift, by its own protocol."""
