"""A server is asked once, briefly, and any answer counts."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from multimodal.connectivity import answers


class Server(BaseHTTPRequestHandler):
    """Answers with the number that it is asked for."""

    def do_HEAD(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize(("status", "counts"), [(200, True), (401, True), (404, True), (500, False), (503, False)])
def test_any_answer_counts_but_an_error_of_the_server(status: int, counts: bool) -> None:
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert answers(f"http://127.0.0.1:{server.server_port}/{status}", 3.0) == counts
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
