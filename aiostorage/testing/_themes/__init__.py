"""The contract, one module for each theme."""
