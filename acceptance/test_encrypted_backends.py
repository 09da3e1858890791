"""What the server itself calls over TLS: HTTP backends and key sets. It trusts whom its system trusts."""

import json
import ssl
import time

import jwt
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from deadline import eventually
from function_host import FunctionHost

ISSUER = "https://issuer.test"


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def host(authority):
    """An HTTPS server that the authority vouches for."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    host = FunctionHost(tls)
    yield host
    host.close()


@pytest.fixture
def trusting(authority, tmp_path, monkeypatch):
    """The system's authorities, as far as the server can see, are ours alone."""
    bundle = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


def api_file(functions: FunctionHost, tmp_path, change=lambda api: None) -> str:
    path = functions.write_api(tmp_path / "chat.json")
    api = json.loads(path.read_text())
    change(api)
    path.write_text(json.dumps(api))
    return str(path)


def proxied(host: FunctionHost):
    def change(api):
        api["integrations"]["echo"] = {
            "integrationType": "HTTP_PROXY", "integrationMethod": "POST", "integrationUri": f"{host.base}/backend"
        }  # fmt: skip

    return change


def test_backends_are_reached_over_tls(host, functions, trusting, start_server, tmp_path):
    server = start_server("--api", api_file(functions, tmp_path, proxied(host)))
    host.results["backend"] = {"said": "by a backend"}
    with connect(f"ws://{server.listen}/chat/prod") as client:
        client.send('{"action":"echo"}')
        assert json.loads(client.recv(timeout=30)) == {"said": "by a backend"}


def test_a_backend_that_nobody_vouches_for_is_not_spoken_to(host, functions, start_server, tmp_path, monkeypatch):
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger))

    server = start_server("--api", api_file(functions, tmp_path, proxied(host)))
    with connect(f"ws://{server.listen}/chat/prod") as client:
        client.send('{"action":"echo"}')
        assert json.loads(client.recv(timeout=30))["message"] == "Internal server error"
    eventually("a line that says why", lambda: "UnknownIssuer" in server.log())


def guarded(host: FunctionHost, algorithm: str):
    def change(api):
        api["stages"][0]["sluicegate"] = {
            "jwt": {
                "issuer": ISSUER,
                "audience": ["chat"],
                "algorithms": [algorithm],
                "jwksUrl": f"{host.base}/keys",
                "identitySource": ["route.request.querystring.token"],
            }
        }

    return change


def enter(server, key, kid: str, algorithm: str) -> int:
    """The status that a handshake with a token of this key gets."""
    claims = {"iss": ISSUER, "aud": "chat", "sub": "ann", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})
    try:
        with connect(f"ws://{server.listen}/chat/prod?token={token}"):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_tokens_are_verified_with_keys_fetched_over_tls(host, functions, trusting, start_server, tmp_path, algorithm):
    key, other = new_key(algorithm), new_key(algorithm)
    host.results["keys"] = {"keys": [public(key, "one", algorithm)]}
    server = start_server("--api", api_file(functions, tmp_path, guarded(host, algorithm)))

    assert enter(server, key, "one", algorithm) == 101
    assert functions.event("connect")["requestContext"]["authorizer"]["principalId"] == "ann"
    assert enter(server, other, "one", algorithm) == 401


def test_keys_are_fetched_again_when_they_rotate(host, functions, trusting, start_server, tmp_path):
    first, second = new_key("ES256"), new_key("ES256")
    host.results["keys"] = {"keys": [public(first, "first", "ES256")]}
    server = start_server("--api", api_file(functions, tmp_path, guarded(host, "ES256")))
    assert enter(server, first, "first", "ES256") == 101

    host.results["keys"] = {"keys": [public(second, "second", "ES256")]}
    # A key that is not known is looked for at most every ten seconds.
    eventually("the new key to be fetched", lambda: enter(server, second, "second", "ES256") == 101)
    assert enter(server, first, "first", "ES256") == 401


def new_key(algorithm: str):
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def public(key, kid: str, algorithm: str) -> dict:
    words = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return words | {"kid": kid, "use": "sig", "alg": algorithm}
