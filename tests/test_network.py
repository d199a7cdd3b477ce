"""A server is asked once, briefly, and any answer counts."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from multimodal.network import answers


def test_any_answer_counts() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # knows no method: answers 501
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert answers(f"http://127.0.0.1:{server.server_port}/anything", 3.0)
        server.shutdown()


def test_a_closed_port_is_known_at_once_and_silence_after_the_timeout() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        began = time.perf_counter()
        assert not answers(url, 60.0)  # bound, but nobody listens
        assert time.perf_counter() - began < 30
        server.listen()
        assert not answers(url, 0.2)
    assert not answers("https://nowhere.invalid", 5.0)
