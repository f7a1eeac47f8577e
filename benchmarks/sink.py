"""A mail server that accepts everything and tells when: one line `<local part of the recipient> <time in ns>` a mail.

`python -m benchmarks.sink` prints its port first. It does as little as it can, since it shares the machine with what is
measured.
"""

import asyncio
import os
import sys
import time


class Session(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # asyncio's typing of TCP servers
        self.transport = transport
        self.buffer = b""
        self.in_data = False
        self.recipient = b""
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer each command, or take the message up to its final dot."""
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.in_data else b"\r\n"
            part, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            if self.in_data:
                self.in_data = False
                self._say(f"{self.recipient.partition(b'@')[0].decode()} {time.time_ns()}\n")
                self.transport.write(b"250 2.0.0 queued\r\n")
            else:
                self._command(part)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self.transport.write(
                b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
            )
        elif verb == b"DATA":
            self.in_data = True
            self.transport.write(b"354 go\r\n")
        elif verb == b"QUIT":
            self.transport.write(b"221 2.0.0 bye\r\n")
            self.transport.close()
        else:
            if verb == b"RCPT":
                self.recipient = line.partition(b"<")[2].partition(b">")[0]
            self.transport.write(b"250 2.0.0 ok\r\n")

    @staticmethod
    def _say(text: str) -> None:
        os.write(sys.stdout.fileno(), text.encode())


async def main() -> None:
    """Serve until killed, or until the input ends: that is when the benchmark has ended."""
    asyncio.get_running_loop().add_reader(sys.stdin, os._exit, 0)
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0, backlog=1024)
    Session._say(f"{server.sockets[0].getsockname()[1]}\n")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
