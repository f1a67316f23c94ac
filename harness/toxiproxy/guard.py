"""Runs a program that ends when standard input does: `python guard.py PROGRAM ARGUMENT…`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

STOP_TIMEOUT_S = 5.0


def main(command: list[str]) -> int:
    """Run the command and hand back its exit code.

    Standard input is held open by a parent: its end is the parent's, however that came. A program
    that does not watch for it, as the real Toxiproxy, would else outlive a parent that is killed.
    """
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        _end(child)

    signal.signal(signal.SIGTERM, lambda *_: _end(child))
    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    killing = threading.Timer(STOP_TIMEOUT_S, child.kill)
    killing.daemon = True
    killing.start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
