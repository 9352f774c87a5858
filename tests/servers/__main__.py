"""``python -m tests.servers install|start NAME...``: start runs the servers until it is interrupted."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal

from tests.servers import SERVERS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("action", choices=["install", "start"])
    parser.add_argument("names", nargs="+", choices=sorted(SERVERS), metavar="NAME", help=", ".join(sorted(SERVERS)))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as running, contextlib.suppress(KeyboardInterrupt):
        for name in arguments.names:
            server = SERVERS[name]()
            if arguments.action == "install":
                running.callback(server.stop)
                server.install()
                continue
            running.enter_context(server)
            print(f"# {name}: data and logs in {server.run_dir}")
            for variable, value in server.environ().items():
                print(f"export {variable}={shlex.quote(value)}", flush=True)
        if arguments.action == "start":
            print("# Ctrl-C ends them", flush=True)
            signal.pause()


if __name__ == "__main__":
    main()
