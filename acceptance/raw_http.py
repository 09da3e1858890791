"""Requests sent byte by byte, for what no decent client would send, and WebSockets that misbehave."""

import base64
import os
import socket
from dataclasses import dataclass, field
from http.client import HTTPResponse

from deadline import PATIENCE_S

#: The server looks whether a request is signed, not yet by whom.
SIGNATURE = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00",
    "X-Amz-Date": "20260101T000000Z",
}


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __bytes__(self):
        headers = {"Host": "localhost", "Content-Length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + self.body


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())


def open_socket(address) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE_S)


def exchange(address, request: Request | bytes) -> Answer | None:
    """Sends the bytes and reads one answer; `None` if the server hung up without any."""
    with open_socket(address) as connection:
        try:
            connection.sendall(bytes(request))
        except (BrokenPipeError, ConnectionResetError):
            pass  # It has heard enough; what it says about it may still arrive.
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer | None:
    response = HTTPResponse(connection)
    try:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
    except ConnectionError:
        return None


def is_closed(connection: socket.socket) -> bool:
    """Waits until the server closes the connection; what it still says is thrown away."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def raw_websocket(address, path: str, *, receive_buffer: int | None = None) -> socket.socket:
    """A socket behind a finished handshake, on which a test writes frames itself, or reads none."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE_S)
    connection.connect(address)
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items())
    connection.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"the handshake was cut off: {answer!r}"
        answer += byte
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return connection


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """One WebSocket frame, with the mask that clients must use unless told otherwise."""
    length = len(payload)
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head = bytes([mask_bit | length])
    elif length < 65536:
        head = bytes([mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([mask_bit | 127]) + length.to_bytes(8, "big")
    # A mask of zeros leaves the payload as it is.
    mask = bytes(4) if masked else b""
    return bytes([(0x80 if fin else 0) | opcode]) + head + mask + payload


def close_code(connection: socket.socket) -> int:
    """Reads frames up to the server's Close and returns its code."""
    stream = connection.makefile("rb")
    while True:
        head = stream.read(2)
        assert len(head) == 2, "the server hung up without a Close frame"
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(stream.read(2), "big")
        elif length == 127:
            length = int.from_bytes(stream.read(8), "big")
        payload = stream.read(length)
        if head[0] & 0x0F == 8:
            return int.from_bytes(payload[:2], "big")
