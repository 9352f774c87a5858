"""The same faults against aiostorage and its peers, side by side.

A fault proxy stands between a client and a real server. Each client is used as its documentation says, with its
defaults, in a process of its own; what it has told and what a second witness (boto3, straight to the server) sees give
the verdict. Run ``python -m tests.peers --help``.
"""
