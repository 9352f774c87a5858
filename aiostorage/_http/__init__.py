"""The HTTP shell: all waiting, signing, retrying, limiting and timing of every provider."""
