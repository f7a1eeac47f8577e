"""A mail server that accepts everything: one line `<local part of the recipient> <time in ns>` for each mail.

`python -m benchmarks.sink` prints its port first. It does as little as it can, since it shares the machine with what is
measured.
"""

import asyncio
import os
import sys
import time
from typing import Any

_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n",
    b"DATA": b"354 go\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}


class Session(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        """Greet."""
        self.transport = transport
        self.buffer, self.in_data, self.recipient = b"", False, b""
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer each command, or take the message up to its final dot."""
        self.buffer += data
        while True:
            part, found, rest = self.buffer.partition(b"\r\n.\r\n" if self.in_data else b"\r\n")
            if not found:
                return
            self.buffer = rest
            if self.in_data:
                say(f"{self.recipient.partition(b'@')[0].decode()} {time.time_ns()}\n")
                self.in_data = False
                self.transport.write(b"250 2.0.0 queued\r\n")
                continue
            verb = part[:4].upper()
            self.in_data = verb == b"DATA"
            if verb == b"RCPT":
                self.recipient = part.partition(b"<")[2].partition(b">")[0]
            self.transport.write(_ANSWERS.get(verb, b"250 2.0.0 ok\r\n"))
            if verb == b"QUIT":
                self.transport.close()


def say(text: str) -> None:
    """Write a line at once."""
    os.write(sys.stdout.fileno(), text.encode())


async def main() -> None:
    """Serve until killed, or until the input ends: that is when the benchmark has ended."""
    asyncio.get_running_loop().add_reader(sys.stdin, os._exit, 0)
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0, backlog=1024)
    say(f"{server.sockets[0].getsockname()[1]}\n")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
