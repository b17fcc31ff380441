import http.server
import socket
import subprocess
import sys
import threading

import pytest

from chatctl import healthy

V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def serve():
    """Serves a page on an address; returns the port, and what was asked for."""
    servers = []

    def serve(host="127.0.0.1", status=200):
        asked = []

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.HTTPServer):
            address_family = V6 if ":" in host else V4

        try:
            server = Server((host, 0), Page)
        except OSError:
            pytest.skip(f"there is no {host} here")
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server.server_address[1], asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def code(monkeypatch, http):
    monkeypatch.setenv("CHATCTL_HTTP", http)
    return healthy.main()


@pytest.mark.parametrize(
    ("host", "setting"),
    [
        ("127.0.0.1", "0.0.0.0:{}"),
        ("127.0.0.1", "127.0.0.1:{}"),
        ("127.0.0.1", "localhost:{}"),
        ("127.0.0.2", "127.0.0.2:{}"),
        ("::1", "[::]:{}"),
        ("::1", "[::1]:{}"),
        ("127.0.0.1", "\ufeff127.0.0.1:{}\r\n"),
    ],
)
def test_it_asks_at_the_address_of_the_gateways_health_pages(serve, monkeypatch, host, setting):
    port, asked = serve(host)
    assert code(monkeypatch, setting.format(port)) == 0
    assert asked == ["/healthz"]


@pytest.mark.parametrize("setting", ["off", "OFF", "", "off\n", "\n", "0.0.0.0:0"])
def test_without_health_pages_the_gateway_counts_as_healthy(monkeypatch, setting):
    assert code(monkeypatch, setting) == 0


def test_without_a_setting_the_gateway_counts_as_healthy(monkeypatch):
    monkeypatch.delenv("CHATCTL_HTTP", raising=False)
    assert healthy.main() == 0


@pytest.mark.parametrize("setting", ["127.0.0.1:1", "nonsense:x", "nowhere.invalid:8080"])
def test_a_gateway_that_does_not_answer_is_not_healthy(monkeypatch, capsys, setting):
    assert code(monkeypatch, setting) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_a_gateway_that_answers_with_an_error_is_not_healthy(serve, monkeypatch):
    port, _ = serve(status=500)
    assert code(monkeypatch, f"127.0.0.1:{port}") == 1


def test_no_proxy_is_asked(serve, monkeypatch):
    port, asked = serve()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert code(monkeypatch, f"0.0.0.0:{port}") == 0
    assert asked


def test_it_is_a_program(serve):
    port, _ = serve()
    command = [sys.executable, "-m", "chatctl.healthy"]
    for setting, expected in ((f"0.0.0.0:{port}", 0), ("127.0.0.1:1", 1)):
        done = subprocess.run(command, env={"CHATCTL_HTTP": setting}, capture_output=True)
        assert (done.returncode, done.stderr) == (expected, b"")
