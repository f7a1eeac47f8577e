"""Stands for a Python program that the fork server runs: `python -I -S launch.py SOCKET ARGUMENT…`.

It gives its arguments, environment, folder and standard streams to the server, passes signals on, and ends as the
program ends. If it is killed, the server kills the program.
"""

import json
import os
import signal
import socket
import sys


def main() -> int:
    path, *arguments = sys.argv[1:]
    paths = os.environ["PYTHONPATH"].split(os.pathsep) if "PYTHONPATH" in os.environ else ()
    if any(os.path.exists(os.path.join(path, "starter")) for path in paths):  # noqa: PTH110, PTH118  # as below
        # Another copy of the modules that the server has imported.
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  # the same program, without the server
    folder = os.getcwd()  # noqa: PTH109  # pathlib would take longer to import than all the rest
    request = json.dumps({"arguments": arguments, "environment": dict(os.environ), "folder": folder}).encode()
    with socket.socket(socket.AF_UNIX) as server:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda passed, _frame: server.send(bytes([passed])))
        server.connect(path)
        socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
        server.sendall(request)
        status = int.from_bytes(server.recv(4), "big", signed=True)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main())
