"""Write Swift's rings into the current folder: one device, one copy. Runs in Swift's own environment.

Arguments: ``account=PORT container=PORT object=PORT``.
"""

from __future__ import annotations

import sys

from swift.common.ring import RingBuilder

for name, _, port in (argument.partition("=") for argument in sys.argv[1:]):
    # 2**2 partitions, one replica, and no minimum time between moves.
    builder = RingBuilder(2, 1, 0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "disk", "weight": 1})
    builder.rebalance()
    builder.get_ring().save(f"{name}.ring.gz")
