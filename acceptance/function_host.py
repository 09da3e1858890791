"""Functions for an API of a test's own: an HTTP server that answers as a test says, and keeps every event."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OK = {"statusCode": 200}


class FunctionHost:
    """`results[name]` is what function `name` returns: a value, or a callable that is given the event."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.results: dict = {}
        self._events: list[tuple[str, dict]] = []
        self._called = threading.Condition()
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer({"path": self.path, "headers": dict(self.headers)})

            def do_POST(self):
                self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def answer(self, event: dict):
                body = json.dumps(host._answer(self.path.strip("/"), event)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.base = f"{'https' if tls else 'http'}://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, name: str, event: dict):
        with self._called:
            self._events.append((name, event))
            self._called.notify_all()
        result = self.results.get(name, OK)
        return result(event) if callable(result) else result

    def event(self, name: str, nth: int = 1, within: float = 30) -> dict:
        """The event of the `nth` call of a function, once it has come."""
        seen = lambda: [event for function, event in self._events if function == name]
        with self._called:
            assert self._called.wait_for(lambda: len(seen()) >= nth, within), f"{name} was called {len(seen())} times"
            return seen()[nth - 1]

    def write_api(self, path: Path, api_id: str = "chat") -> Path:
        """An API file: `$connect`, `$disconnect` and `$default` run functions, and the route `echo` answers."""
        names = {"$connect": "connect", "$disconnect": "disconnect", "$default": "default", "echo": "echo"}
        routes = [{"routeKey": key, "target": f"integrations/{name}"} for key, name in names.items()]
        routes[-1] |= {"routeResponseSelectionExpression": "$default", "routeResponses": [{"routeResponseKey": "$default"}]}
        definition = {
            "apiId": api_id,
            "routeSelectionExpression": "$request.body.action",
            "integrations": {
                name: {"integrationType": "AWS_PROXY", "integrationUri": name} for name in names.values()
            },
            "routes": routes,
            "stages": [{"stageName": "prod"}],
            "functions": {name: {"url": f"{self.base}/{name}"} for name in names.values()},
        }
        path.write_text(json.dumps(definition))
        return path

    def close(self):
        self._server.shutdown()
        self._server.server_close()
