import json
import socket
import struct
import threading

import pytest

from crusades_eval.wire import MAX_HEADER_BYTES, Channel, PeerClosed, ProtocolError


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    with left, right:
        yield left, Channel(right)


def frame(header: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(header)) + header + payload


def test_a_message_and_its_payload_cross(ends):
    left, channel = ends
    Channel(left).send("batch", b"12345678", shape=[2, 4])
    header, payload = channel.receive(lambda: 8)
    assert header == {"type": "batch", "shape": [2, 4], "payload": 8}
    assert payload == b"12345678"


def test_messages_cross_in_pieces(ends):
    left, channel = ends
    data = frame(b'{"type": "x", "payload": 3}', b"abc")

    def dribble():
        for position in range(len(data)):
            left.sendall(data[position : position + 1])

    writer = threading.Thread(target=dribble)
    writer.start()
    assert channel.receive(lambda: 3) == ({"type": "x", "payload": 3}, b"abc")
    writer.join()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack(">I", MAX_HEADER_BYTES + 1), f"a header of {MAX_HEADER_BYTES + 1} bytes"),
        (b"\xff\xff\xff\xff", "a header of 4294967295 bytes"),
        (frame(b""), "not JSON"),
        (frame(b"{'type': 1}"), "not JSON"),
        (frame(b"\xff\xfe"), "not JSON"),
        (frame(b"[" * 100_000), "not JSON"),
        (frame(b'{"type": "x", "payload": ' + b"9" * 5000 + b"}"), "not JSON"),
        (frame(b"[]"), "without a type"),
        (frame(b"null"), "without a type"),
        (frame(b'{"payload": 0}'), "without a type"),
        (frame(b'{"type": 1, "payload": 0}'), "without a type"),
        (frame(b'{"type": "x"}'), "payload of None bytes where at most 4"),
        (frame(b'{"type": "x", "payload": -1}'), "payload of -1 bytes"),
        (frame(b'{"type": "x", "payload": true}'), "payload of True bytes"),
        (frame(b'{"type": "x", "payload": 1.0}'), "payload of 1.0 bytes"),
        (frame(b'{"type": "x", "payload": "1"}'), "payload of 1 bytes"),
        (frame(b'{"type": "x", "payload": 5}', b"12345"), "payload of 5 bytes where at most 4"),
        (frame(b'{"type": "x", "payload": 1e999}'), "payload of inf bytes"),
    ],
)
def test_what_is_no_message_of_ours_is_a_protocol_error(ends, data, reason):
    left, channel = ends
    writer = threading.Thread(target=left.sendall, args=(data,))
    writer.start()
    writer.join(5)
    with pytest.raises(ProtocolError, match=reason):
        channel.receive(lambda: 4)


@pytest.mark.parametrize("data", [b"", b"\x00\x00", frame(b'{"type": "x", "payload": 3}', b"ab")])
def test_an_end_in_the_middle_is_a_closed_peer(ends, data):
    left, channel = ends
    left.sendall(data)
    left.close()
    with pytest.raises(PeerClosed):
        channel.receive(lambda: 4)


def test_sending_to_a_closed_peer(ends):
    left, channel = ends
    left.close()
    with pytest.raises(PeerClosed):
        channel.send("start")


def test_closing_wakes_who_waits(ends):
    _, channel = ends
    raised = []

    def wait():
        with pytest.raises(PeerClosed) as caught:
            channel.receive()
        raised.append(caught.type)

    waiting = threading.Thread(target=wait)
    waiting.start()
    channel.close()
    waiting.join(5)
    assert raised == [PeerClosed]


def test_threads_may_send_at_once(ends):
    left, channel = ends
    sender = Channel(left)
    writers = [
        threading.Thread(target=lambda number=number: sender.send("x", bytes([number]) * 50_000, number=number))
        for number in range(8)
    ]
    for writer in writers:
        writer.start()
    received = [channel.receive(lambda: 50_000) for _ in writers]
    for writer in writers:
        writer.join()
    assert sorted(header["number"] for header, _ in received) == list(range(8))
    assert all(payload == bytes([header["number"]]) * 50_000 for header, payload in received)


def test_a_header_is_plain_json(ends):
    left, channel = ends
    channel.send("hello", rank=1)
    (length,) = struct.unpack(">I", left.recv(4))
    assert json.loads(left.recv(length)) == {"type": "hello", "rank": 1, "payload": 0}
