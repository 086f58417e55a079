"""Messages between the judge and a rank, over one Unix socket a rank.

A frame is a 4-byte big-endian header length, a JSON object, and `header["payload"]` raw bytes. No pickle: whatever a
rank sends is the submission's to forge, so the judge reads nothing but bounded JSON and bytes whose size it knows.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

#: A state dict's list of names and shapes is the longest header there is; 25,000 entries fit. Hostile JSON takes thirty
#: times its size of the judge's memory once it is parsed.
MAX_HEADER_BYTES = 4 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class ProtocolError(ValueError):
    """The peer sent something that is no message of ours, or does not take what it asked for."""


class PeerClosed(ConnectionError):
    """The peer's end is gone; its process has ended or was killed."""


class Channel:
    """One end of a connection. Sending is safe from several threads; receiving is one thread's business."""

    def __init__(self, connection: socket.socket, send_seconds: int = 0) -> None:
        """`send_seconds`: a peer that reads nothing for so long is given up with a ProtocolError; 0 waits for ever."""
        # The socket itself stays blocking: a timeout of Python's would also cut reads short, which may take long.
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", send_seconds, 0))
        self._connection = connection
        self._send_lock = threading.Lock()

    def send(self, type_: str, payload: bytes | memoryview = b"", **fields: Any) -> None:
        header = json.dumps({"type": type_, **fields, "payload": len(payload)}).encode()
        assert len(header) <= MAX_HEADER_BYTES, "a header of ours is bounded"
        try:
            with self._send_lock:
                self._connection.sendall(_LENGTH.pack(len(header)) + header)
                if len(payload):
                    self._connection.sendall(payload)
        except BlockingIOError as error:
            raise ProtocolError("it does not read what it is sent") from error
        except OSError as error:
            raise PeerClosed(str(error)) from error

    def receive(self, max_payload_bytes: Callable[[], int] = lambda: 0) -> tuple[dict[str, Any], bytearray]:
        """The next message and its payload; a payload longer than expected when it comes is a protocol error."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > MAX_HEADER_BYTES:
            raise ProtocolError(f"a header of {length} bytes")
        try:
            header = json.loads(self._exactly(length))
        except (ValueError, RecursionError) as error:
            raise ProtocolError("a header that is not JSON") from error
        if not isinstance(header, dict) or not isinstance(header.get("type"), str):
            raise ProtocolError("a header without a type")
        size = header.get("payload")
        limit = max_payload_bytes()
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= limit:
            raise ProtocolError(f"a payload of {str(size)[:40]} bytes where at most {limit} may come")
        return header, self._exactly(size)

    def _exactly(self, size: int) -> bytearray:
        buffer = bytearray(size)
        view = memoryview(buffer)
        done = 0
        while done < size:
            try:
                count = self._connection.recv_into(view[done:])
            except OSError as error:
                raise PeerClosed(str(error)) from error
            if count == 0:
                raise PeerClosed("the connection was closed")
            done += count
        return buffer

    def close(self) -> None:
        # shutdown() wakes a thread that is blocked in recv; close() alone would leave it there.
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()
