"""Runs a Python function: takes events from the Lambda Runtime API, calls the handler, posts what it returns."""

import importlib
import importlib.util
import json
import logging
import os
import socket
import sys
import time
import traceback
from decimal import Decimal


class RuntimeApi:
    """One connection, kept. The other end is always the server that started this process."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self._address = host, int(port)
        self._host = address
        self._connect()

    def _connect(self):
        self._socket = socket.create_connection(self._address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer = self._socket.makefile("rb")

    def _call(self, method, route, headers=(), body=b""):
        lines = [f"{method} /2018-06-01/runtime/{route} HTTP/1.1", f"Host: {self._host}"]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        lines.extend(f"{name}: {value}" for name, value in headers)
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        status = self._answer.readline().split(b" ", 2)
        if len(status) < 2:
            raise ConnectionError("the server is gone")
        answered = {}
        while True:
            line = self._answer.readline().rstrip(b"\r\n")
            if not line:
                break
            name, _, value = line.partition(b":")
            answered[name.strip().lower().decode()] = value.strip().decode()
        content = self._answer.read(int(answered.get("content-length", "0")))
        if answered.get("connection", "").lower() == "close":
            self._socket.close()
            self._connect()
        return int(status[1]), answered, content

    def next(self):
        status, headers, body = self._call("GET", "invocation/next")
        if status != 200:
            raise ConnectionError(f"the Runtime API answered {status}: {body!r}")
        return headers, body

    def post_result(self, request_id, body, content_type):
        self._call("POST", f"invocation/{request_id}/response", [("Content-Type", content_type)], body)

    def post_error(self, route, error):
        body = json.dumps(error, default=str).encode()
        self._call("POST", route, [("Content-Type", "application/json")] + error_type_header(error), body)


def error_type_header(error):
    kind = error["errorType"]
    return [("Lambda-Runtime-Function-Error-Type", kind)] if kind.startswith("Runtime.") else []


class HandlerError(Exception):
    """Something is wrong with the function as a whole, or with what it returns."""

    def __init__(self, kind, message, stack=()):
        super().__init__(message)
        self.kind, self.stack = kind, list(stack)


class CognitoIdentity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class ClientContext:
    def __init__(self, given):
        self.custom = given.get("custom")
        self.env = given.get("env")
        client = given.get("client") or {}
        self.client = type("Client", (), {key: client.get(key) for key in
                           ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")})()


class LambdaContext:
    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = CognitoIdentity()
        identity = headers.get("lambda-runtime-cognito-identity")
        if identity:
            identity = json.loads(identity)
            self.identity.cognito_identity_id = identity.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")
        client_context = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class RequestIdFilter(logging.Filter):
    request_id = ""

    def filter(self, record):
        record.aws_request_id = RequestIdFilter.request_id
        return True


class JsonFormatter(logging.Formatter):
    def format(self, record):
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": record.aws_request_id,
        }
        if record.exc_info:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = traceback.format_tb(record.exc_info[2])
        return json.dumps(line, default=str)


def set_up_logging():
    # A line is read as it is printed; what is not finished is read before the answer.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.stderr.reconfigure(line_buffering=True, errors="backslashreplace")
    logging.Formatter.converter = time.gmtime
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        formatter = JsonFormatter()
    else:
        layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL")
    if level:
        logging.getLogger().setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))


def find_handler(text):
    """`pkg/mod.func` and `pkg.mod.func`: the function stands behind the last dot."""
    module_name, dot, function_name = text.rpartition(".")
    if not dot:
        raise HandlerError("Runtime.MalformedHandlerName",
                           f"Bad handler '{text}': not enough values to unpack (expected 2, got 1)")
    module_name = module_name.replace("/", ".")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise HandlerError("Runtime.BuiltInModuleConflict",
                           f"Cannot use built-in module {module_name} as a handler module")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise HandlerError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        stack = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise HandlerError("Runtime.UserCodeSyntaxError",
                           f"Syntax error in module '{module_name}': {error}", stack) from None
    handler = getattr(module, function_name, None)
    if handler is None:
        raise HandlerError("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return handler


def as_number(value):
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def marshalled(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return json.dumps(result, ensure_ascii=False, default=as_number).encode(), "application/json"
    except Exception as error:
        raise HandlerError("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def described(error, request_id):
    """The error as the caller gets it; our own frames are left out."""
    if isinstance(error, HandlerError):
        kind, stack = error.kind, error.stack
    else:
        kind = type(error).__name__
        frames = [frame for frame in traceback.extract_tb(error.__traceback__)
                  if frame.filename != __file__ and not frame.filename.startswith("<frozen importlib")]
        stack = traceback.format_list(frames)
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": stack}


def log_error(described_error):
    message = described_error["errorMessage"]
    lines = [f"[ERROR] {described_error['errorType']}: {message}" if message else f"[ERROR] {described_error['errorType']}"]
    if described_error["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        for entry in described_error["stackTrace"]:
            for line in entry.rstrip("\n").split("\n"):
                body = line.lstrip(" ")
                lines.append("\u00a0" * (len(line) - len(body)) + body)
    print("\r".join(lines))


def run(api, handler, headers, body):
    request_id = headers["lambda-runtime-aws-request-id"]
    RequestIdFilter.request_id = request_id
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        try:
            event = json.loads(body)
        except Exception as error:
            raise HandlerError("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
        result, content_type = marshalled(handler(event, LambdaContext(headers)))
    except Exception as error:
        failure = described(error, request_id)
        log_error(failure)
        sys.stdout.flush()
        api.post_error(f"invocation/{request_id}/error", failure)
        return
    sys.stdout.flush()
    api.post_result(request_id, result, content_type)


def intercept(address, names):
    """Calls of `https://{api}.execute-api.{region}.amazonaws.com` lead to the server, without TLS: it is on this machine.

    A name of ours gets an address that nobody has, and a connection to that address goes to the server. So it does not
    matter which library looks up and which one connects, or whether the port that was looked up is the one that is used.
    """
    host, _, port = address.rpartition(":")
    server = host.strip("[]"), int(port)
    stand_in = (server[0] if ":" in server[0] else STAND_IN), HTTPS
    look_up, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def getaddrinfo(name, *rest, **options):
        if text_of(name) in names:
            name = stand_in[0]
        return look_up(name, *rest, **options)

    def destination(given):
        return server if isinstance(given, tuple) and given[:2] == stand_in else given

    socket.getaddrinfo = getaddrinfo
    socket.socket.connect = lambda self, given: connect(self, destination(given))
    socket.socket.connect_ex = lambda self, given: connect_ex(self, destination(given))
    sys.meta_path.insert(0, TlsFinder(names))


def text_of(name):
    """A name of a host as clients write it, to be compared."""
    text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
    return text.lower() if isinstance(text, str) else ""


HTTPS = 443
# A loopback address, so that what is connected to it past us ends on this machine.
STAND_IN = "127.83.71.1"


class PlainSocket(socket.socket):
    """What clients of TLS ask of a socket, answered by one without."""

    def __init__(self, sock, name):
        timeout = sock.gettimeout()
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.settimeout(timeout)
        self.server_hostname = name

    def getpeercert(self, binary_form=False):
        return certificate(self.server_hostname, binary_form)

    def version(self):
        return "TLSv1.3"

    def cipher(self):
        return None

    def selected_alpn_protocol(self):
        return None

    def do_handshake(self, block=False):
        pass

    def unwrap(self):
        return self


class PlainObject:
    """The same between two buffers, where `asyncio` and its like move the bytes themselves."""

    session = None
    session_reused = False

    def __init__(self, context, incoming, outgoing, name, want_read):
        self.context, self.server_hostname, self.server_side = context, name, False
        self._incoming, self._outgoing, self._want_read = incoming, outgoing, want_read

    def do_handshake(self):
        pass

    def read(self, length=1024, buffer=None):
        # Nothing yet is something else than nothing any more.
        if not self._incoming.pending and not self._incoming.eof:
            raise self._want_read("nothing has arrived yet")
        received = self._incoming.read(len(buffer) if buffer is not None and length <= 0 else length)
        if buffer is None:
            return received
        buffer[:len(received)] = received
        return len(received)

    def write(self, content):
        return self._outgoing.write(content)

    def pending(self):
        return self._incoming.pending

    def getpeercert(self, binary_form=False):
        return certificate(self.server_hostname, binary_form)

    def version(self):
        return "TLSv1.3"

    def cipher(self):
        return ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128)

    def shared_ciphers(self):
        return None

    def compression(self):
        return None

    def selected_alpn_protocol(self):
        return None

    def selected_npn_protocol(self):
        return None

    def get_channel_binding(self, cb_type="tls-unique"):
        return None

    def unwrap(self):
        pass


def certificate(name, binary_form):
    return b"" if binary_form else {"subjectAltName": (("DNS", name),)}


class TlsFinder:
    """Changes `ssl` when it is imported: to import it costs too much for those who do not need it."""

    def __init__(self, names):
        self._names = names

    def find_spec(self, name, path=None, target=None):
        if name != "ssl":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("ssl")
        load, names = spec.loader.exec_module, self._names

        def exec_module(module):
            load(module)
            wrap, wrap_bio = module.SSLContext.wrap_socket, module.SSLContext.wrap_bio

            def wrap_socket(context, sock, *rest, server_hostname=None, **options):
                if text_of(server_hostname) in names:
                    return PlainSocket(sock, server_hostname)
                return wrap(context, sock, *rest, server_hostname=server_hostname, **options)

            def wrap_buffers(context, incoming, outgoing, server_side=False, server_hostname=None, session=None):
                if text_of(server_hostname) in names:
                    return PlainObject(context, incoming, outgoing, server_hostname, module.SSLWantReadError)
                return wrap_bio(context, incoming, outgoing, server_side, server_hostname, session)

            module.SSLContext.wrap_socket = wrap_socket
            module.SSLContext.wrap_bio = wrap_buffers

        spec.loader.exec_module = exec_module
        return spec


def main():
    address, names = (sys.argv + ["", ""])[1:3]
    if address and names:
        intercept(address, frozenset(names.split(",")))
    set_up_logging()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    # Python put our own folder in front; the function's belongs there.
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.argv = ["bootstrap"]
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except Exception as error:
        failure = described(error, "")
        log_error(failure)
        api.post_error("init/error", failure)
        sys.exit(1)
    try:
        while True:
            run(api, handler, *api.next())
    except (OSError, ValueError):
        # The server is gone, and with it the reason to live.
        sys.exit(1)


main()
