"""Starts workers and commands by forking a process that has imported them already.

Importing takes such a process one to three seconds of CPU, and tests start hundreds of them. Everything after the
imports is as usual: a process of its own, with its own arguments, environment, streams, signals and exit status.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_servers: list[subprocess.Popen[bytes]] = []


@cache
def python() -> tuple[str, ...]:
    """The start of a command line, in place of `sys.executable`; starts this process's fork server the first time."""
    path = str(Path(tempfile.mkdtemp(prefix="forks-")) / "socket")
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, path],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,  # its end ends the server
        stdout=subprocess.PIPE,
    )
    _servers.append(server)  # which keeps its pipes open
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return (sys.executable, "-I", "-S", _LAUNCH, path)


def serve(path: str) -> None:
    """Fork for each connection, until standard input ends."""
    from apprise import Apprise

    import worker  # noqa: F401

    Apprise.instantiate("json://localhost")  # imports all its services, as a worker with an alert channel does
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the tests, which end this one
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while listener.fileno() in select.select([listener.fileno(), sys.stdin.fileno()], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _attend(connection)
            connection.close()
    Path(path).unlink()
    Path(path).parent.rmdir()


def _attend(connection: socket.socket) -> NoReturn:
    """Run one program in a further fork; pass signals to it, and its exit status back."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    request = json.loads(connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
    program = os.fork()
    if program == 0:
        connection.close()
        _run(streams, **request)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(program)
    while ended not in (ready := select.select([ended, connection.fileno()], [], [])[0]):
        for number in connection.recv(16) or [signal.SIGKILL]:  # its end: the launcher was killed
            os.kill(program, number)
    status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    if connection.fileno() not in ready:
        connection.sendall(status.to_bytes(4, "big", signed=True))
    os._exit(0)


def _run(streams: list[int], arguments: list[str], environment: Mapping[str, str], folder: str) -> NoReturn:
    """Be the program, as `python ARGUMENTS` would be."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # open as long as the program
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # open as long as the program
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115  # open as long as the program
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    status = 0
    try:
        if arguments[0] == "-m":
            sys.argv = [arguments[1], *arguments[2:]]
            sys.path[0] = folder
            sys.modules.pop(f"{arguments[1]}.__main__", None)  # it was imported, and is to be run
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            sys.path[0] = str(Path(arguments[0]).resolve().parent)
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as exc:
        status = _exit_code(exc.code)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001  # as the interpreter does
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _exit_code(code: Any) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    sys.stderr.write(f"{code}\n")
    return 1


if __name__ == "__main__":
    serve(sys.argv[1])
