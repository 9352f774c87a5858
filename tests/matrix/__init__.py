"""The matrix: every public operation, with every fault on each of its requests, on every provider."""
