"""aiostorage beside obstore, aiobotocore and plain aiohttp: the same work, one run, one table.

Run ``python -m tests.benchmarks --help``.
"""
