//! JWTs: whose are believed, where they may stand, and how the keys they are verified with are kept.

use crate::authorization::{Outcome, changed, connect};
use crate::fixture::{Access, CONNECT, Functions, Server};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use p256::pkcs8::EncodePrivateKey as _;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, HubOptions};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;

const NOW: u64 = 1_772_619_630;
/// A key of an issuer.
#[derive(Clone)]
struct Key {
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

impl Key {
    fn new(id: &str, algorithm: Algorithm, private: EncodingKey) -> Self {
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&private, algorithm).unwrap()).unwrap();
        public["kid"] = id.into();
        public.as_object_mut().unwrap().remove("alg");
        Self { algorithm, private, public }
    }

    fn rsa(id: &str, algorithm: Algorithm) -> Self {
        static KEYS: OnceLock<rsa::RsaPrivateKey> = OnceLock::new();
        let key = KEYS.get_or_init(|| rsa::RsaPrivateKey::new(&mut rand::rngs::OsRng, 2048).unwrap());
        Self::new(id, algorithm, EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes()))
    }

    fn es256(id: &str) -> Self {
        let key = p256::SecretKey::random(&mut rand::rngs::OsRng).to_pkcs8_der().unwrap();
        Self::new(id, Algorithm::ES256, EncodingKey::from_ec_der(key.as_bytes()))
    }

    fn es384(id: &str) -> Self {
        let key = p384::SecretKey::random(&mut rand::rngs::OsRng).to_pkcs8_der().unwrap();
        Self::new(id, Algorithm::ES384, EncodingKey::from_ec_der(key.as_bytes()))
    }

    fn ed25519(id: &str) -> Self {
        // A PKCS #8 frame around thirty-two random bytes.
        let mut key = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        key.extend(rand::random::<[u8; 32]>());
        Self::new(id, Algorithm::EdDSA, EncodingKey::from_ed_der(&key))
    }

    fn id(&self) -> &str {
        self.public["kid"].as_str().unwrap()
    }

    fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": name(self.algorithm), "kid": self.id()})
    }

    fn token(&self, claims: &Value) -> String {
        self.signed(&self.header().to_string(), claims)
    }

    fn signed(&self, header: &str, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(&claims.to_string()));
        let signature = crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

fn name(algorithm: Algorithm) -> String {
    serde_json::to_value(algorithm).unwrap().as_str().unwrap().to_owned()
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn claims() -> Value {
    json!({"iss": "https://issuer.example.org", "aud": "chat", "sub": "ann", "exp": NOW + 600})
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn set(keys: &[&Key]) -> String {
    json!({"keys": keys.iter().map(|key| &key.public).collect::<Vec<_>>()}).to_string()
}

/// A server whose stage verifies tokens, at [`NOW`].
async fn serve(jwt: Value) -> Server {
    let mut jwt = jwt;
    if jwt.get("issuer").is_none() {
        jwt["issuer"] = "https://issuer.example.org".into();
        jwt["audience"] = json!(["chat", "other"]);
    }
    let api = changed(json!({}), json!({"sluicegate": {"jwt": jwt}}), json!({}));
    let clock = Clock::manual(NOW * 1000);
    Server::with_access(Functions::default(), vec![api], Access::default(), HubOptions::default(), clock).await
}

/// The same with the keys in a file.
async fn serve_keys(keys: &str, algorithms: Value) -> (Server, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), keys).unwrap();
    (serve(json!({"jwksFile": file.path(), "algorithms": algorithms})).await, file)
}

async fn present(server: &Server, token: &str) -> Outcome {
    connect(server, "/prod", &[("Authorization", &format!("Bearer {token}"))]).await
}

async fn status(server: &Server, token: &str) -> u16 {
    let (status, exception, body) = present(server, token).await.summary();
    if status != 101 {
        let expected = (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#);
        assert_eq!((status, exception.as_str(), body.as_str()), expected);
    }
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_is_verified() {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    let mut keys: Vec<Key> = [RS256, RS384, RS512, PS256, PS384, PS512].map(|one| Key::rsa("rsa", one)).into();
    let one_rsa_key = keys[0].clone();
    keys.extend([Key::es256("es256"), Key::es384("es384"), Key::ed25519("ed")]);
    let published: Vec<&Key> = std::iter::once(&one_rsa_key).chain(&keys[6..]).collect();
    let algorithms: Vec<String> = keys.iter().map(|key| name(key.algorithm)).collect();
    let (server, _file) = serve_keys(&set(&published), json!(algorithms)).await;
    for key in &keys {
        assert_eq!(status(&server, &key.token(&claims())).await, 101, "{:?}", key.algorithm);
        let (message, _) = key.token(&claims()).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        // All zeros once passed for an ECDSA signature of anything.
        let zeros = URL_SAFE_NO_PAD.encode([0_u8; 64]);
        for signature in ["", "AAAA", &zeros] {
            assert_eq!(status(&server, &format!("{message}.{signature}")).await, 401, "{:?}", key.algorithm);
        }
    }

    let secret = "k".repeat(64);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{secret}\n")).unwrap();
    let server = serve(json!({"secretFile": file.path(), "algorithms": ["HS256", "HS384"]})).await;
    let hmac = |secret: &[u8], algorithm| {
        Key { algorithm, private: EncodingKey::from_secret(secret), public: json!({"kid": "x"}) }.token(&claims())
    };
    assert_eq!(status(&server, &hmac(secret.as_bytes(), Algorithm::HS256)).await, 101);
    assert_eq!(status(&server, &hmac(secret.as_bytes(), Algorithm::HS384)).await, 101);
    assert_eq!(status(&server, &hmac(b"another", Algorithm::HS256)).await, 401);
    assert_eq!(status(&server, &hmac(b"", Algorithm::HS256)).await, 401);
    assert_eq!(status(&server, &hmac(secret.as_bytes(), Algorithm::HS512)).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_become_the_context_of_events() {
    let key = Key::es256("k");
    let (server, _file) = serve_keys(&set(&[&key]), json!(["ES256"])).await;
    let mut claims = claims();
    claims["admin"] = true.into();
    claims["roles"] = json!(["a", "b"]);
    claims["org"] = json!({"id": 7});
    claims["nothing"] = Value::Null;
    claims["principalId"] = "root".into();
    present(&server, &key.token(&claims)).await.connected();
    let authorizer = server.events(CONNECT, 1).await[0]["requestContext"]["authorizer"].clone();
    let mut expected = json!({
        "iss": "https://issuer.example.org", "aud": "chat", "sub": "ann", "exp": (NOW + 600).to_string(),
        "admin": "true", "roles": r#"["a","b"]"#, "org": r#"{"id":7}"#, "principalId": "ann",
    });
    expected["integrationLatency"] = authorizer["integrationLatency"].clone();
    assert_eq!(authorizer, expected);
    assert!(authorizer["integrationLatency"].is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_must_be_for_us_and_for_now() {
    let key = Key::es256("k");
    let (server, _file) = serve_keys(&set(&[&key]), json!(["ES256"])).await;
    for (name, value, expected) in [
        ("exp", json!(NOW - 59), 101),
        ("exp", json!(NOW - 60), 401),
        ("exp", json!(NOW as f64 + 0.5), 101),
        ("exp", json!((NOW + 600).to_string()), 401),
        ("exp", json!(null), 401),
        ("exp", json!(-1), 401),
        ("nbf", json!(NOW + 60), 101),
        ("nbf", json!(NOW + 61), 401),
        ("nbf", json!("soon"), 401),
        ("iss", json!("https://issuer.example.org/"), 401),
        ("iss", json!(["https://issuer.example.org"]), 401),
        ("iss", json!(null), 401),
        ("aud", json!("other"), 101),
        ("aud", json!(["x", "chat"]), 101),
        ("aud", json!(["x"]), 401),
        ("aud", json!([]), 401),
        ("aud", json!("cha"), 401),
        ("aud", json!({"chat": 1}), 401),
        ("aud", json!(null), 401),
        ("sub", json!(""), 401),
        ("sub", json!(1), 401),
    ] {
        assert_eq!(status(&server, &key.token(&claims_with(name, value.clone()))).await, expected, "{name} {value}");
    }
    for name in ["exp", "iss", "aud", "sub"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(status(&server, &key.token(&claims)).await, 401, "without {name}");
    }

    // Nobody said who we are, so a token for somebody is not for us.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), set(&[&key])).unwrap();
    let jwt = json!({"jwksFile": file.path(), "algorithms": ["ES256"], "issuer": "https://issuer.example.org"});
    let server = serve(jwt).await;
    assert_eq!(status(&server, &key.token(&claims())).await, 401);
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("aud");
    assert_eq!(status(&server, &key.token(&claims)).await, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused() {
    let (key, other) = (Key::rsa("k", Algorithm::RS256), Key::es256("e"));
    let (server, _file) = serve_keys(&set(&[&key, &other]), json!(["RS256", "RS384", "ES256"])).await;
    let good = key.token(&claims());
    assert_eq!(status(&server, &good).await, 101);
    let [_, payload, signature] = *good.split('.').collect::<Vec<_>>() else { unreachable!("a token has three parts") };

    let mut forged = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        good[..good.len() - 4].to_owned(),
        good.replace(payload, &encode(&claims_with("sub", json!("root")).to_string())),
        format!("{good}{}", "A".repeat(9000)),
    ];
    // No algorithm, or that of somebody else, in several spellings.
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS256", "RS256 ", "PS256", "EdDSA", "ES256K", "ES512"] {
        let header = encode(&json!({"alg": algorithm, "kid": "k"}).to_string());
        forged.push(format!("{header}.{payload}."));
        forged.push(format!("{header}.{payload}.{signature}"));
    }
    // The public key, which everybody has, taken for a shared secret.
    let public = rsa::RsaPrivateKey::new(&mut rand::rngs::OsRng, 1024).unwrap().to_public_key();
    let modulus = key.public["n"].as_str().unwrap();
    for secret in [
        modulus.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        key.public.to_string().into_bytes(),
        set(&[&key, &other]).into_bytes(),
        public.to_pkcs1_der().unwrap().into_vec(),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let forger = Key { algorithm, private: EncodingKey::from_secret(&secret), public: json!({"kid": "k"}) };
            forged.push(forger.token(&claims()));
        }
    }
    // A stranger's key, under a known name, by reference, or enclosed.
    let stranger = Key::es256("e");
    forged.push(stranger.token(&claims()));
    let enclosed = json!({"alg": "ES256", "kid": "e", "jwk": stranger.public});
    forged.push(stranger.signed(&enclosed.to_string(), &claims()));
    let by_reference =
        json!({"alg": "ES256", "kid": "e", "jku": "https://evil.example.org", "x5u": "https://evil.example.org"});
    forged.push(stranger.signed(&by_reference.to_string(), &claims()));
    // Names of keys that try to be something else.
    for id in ["", "../../../../dev/null", "/etc/passwd", "k' OR '1'='1", "k\u{0}", "K", "|id", &"k".repeat(300)] {
        forged.push(other.signed(&json!({"alg": "ES256", "kid": id}).to_string(), &claims()));
    }
    forged.push(other.signed(&json!({"alg": "ES256", "kid": ["e"]}).to_string(), &claims()));
    forged.push(other.signed(r#"{"alg":"ES256","kid":"e","kid":"e"}"#, &claims()));
    forged.push(other.signed(r#"{"alg":"none","alg":"ES256","kid":"e"}"#, &claims()));
    // A key of one type named for an algorithm of the other.
    forged.push(other.signed(r#"{"alg":"RS256","kid":"e"}"#, &claims()));
    forged.push(other.signed(r#"{"alg":"ES256","kid":"k"}"#, &claims()));
    // Extensions that must be understood.
    forged.push(other.signed(r#"{"alg":"ES256","kid":"e","crit":["b64"],"b64":false}"#, &claims()));
    for token in forged {
        assert_eq!(status(&server, &token).await, 401, "{token}");
    }
    let (status, ..) = connect(&server, "/prod", &[]).await.summary();
    assert_eq!(status, 401);
    // Only the good one came through, and it did not name its key by chance.
    assert_eq!(server.seen(CONNECT).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_verifies_only_what_it_is_for() {
    let key = Key::es256("k");
    let publish = |changes: Value| {
        let mut key = key.clone();
        for (name, value) in changes.as_object().unwrap() {
            key.public[name] = value.clone();
        }
        key
    };
    // Another key is there, so that the set is usable in any case.
    let spare = Key::ed25519("spare");
    for (published, header, expected) in [
        (vec![publish(json!({"alg": "ES256", "use": "sig"}))], json!({"kid": "k"}), 101),
        (vec![publish(json!({"alg": "ES384"}))], json!({"kid": "k"}), 401),
        (vec![publish(json!({"use": "enc"}))], json!({"kid": "k"}), 401),
        (vec![publish(json!({"crv": "P-384"}))], json!({"kid": "k"}), 401),
        (vec![key.clone()], json!({}), 101),
        (vec![key.clone(), Key::es256("other")], json!({}), 401),
        (vec![key.clone(), Key::es256("other")], json!({"kid": "k"}), 101),
        (vec![key.clone(), Key::es256("k")], json!({"kid": "k"}), 401),
        (vec![key.clone(), Key::ed25519("k")], json!({"kid": "k"}), 101),
    ] {
        let keys: Vec<&Key> = published.iter().chain([&spare]).collect();
        let (server, _file) = serve_keys(&set(&keys), json!(["ES256", "ES384", "EdDSA"])).await;
        let mut header = header;
        header["alg"] = "ES256".into();
        let token = key.signed(&header.to_string(), &claims());
        assert_eq!(status(&server, &token).await, expected, "{header} {}", set(&keys));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_stand_where_the_stage_says() {
    let key = Key::es256("k");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), set(&[&key])).unwrap();
    let sources = json!(["route.request.header.X-Token", "route.request.querystring.token", "subprotocol"]);
    let server = serve(json!({"jwksFile": file.path(), "algorithms": ["ES256"], "identitySource": sources})).await;
    let token = key.token(&claims());
    let (in_query, bearer) = (format!("/prod?token={token}"), format!("bearer {token}"));
    let (offered, alone) = (format!("chat, bearer, {token}"), format!("bearer,{token}"));
    for (path, headers, expected) in [
        ("/prod", &[("X-Token", token.as_str())][..], 101),
        ("/prod", &[("x-token", bearer.as_str())], 101),
        (&in_query, &[], 101),
        ("/prod", &[("Authorization", bearer.as_str())], 401),
        ("/prod?token=", &[], 401),
        ("/prod", &[("Sec-WebSocket-Protocol", "chat, bearer")], 401),
        ("/prod", &[("Sec-WebSocket-Protocol", token.as_str())], 401),
        // The first place that has a token counts, whatever the others say.
        (&in_query, &[("X-Token", "rubbish")], 401),
    ] {
        assert_eq!(connect(&server, path, headers).await.summary().0, expected, "{path} {headers:?}");
    }
    // Browsers insist on one of the subprotocols they offered.
    for protocols in [&offered, &alone] {
        let client = connect(&server, "/prod", &[("Sec-WebSocket-Protocol", protocols)]).await.connected();
        assert_eq!(client.headers["sec-websocket-protocol"], "bearer");
    }
}

/// An issuer that publishes its keys over HTTP.
struct Issuer {
    address: SocketAddr,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<usize>>,
}

impl Issuer {
    async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = Self { address, answer: Arc::new(Mutex::new((200, set(keys)))), asked: Arc::default() };
        let (answer, asked) = (issuer.answer.clone(), issuer.asked.clone());
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (answer, asked) = (answer.clone(), asked.clone());
                let service = service_fn(move |_| {
                    *asked.lock().unwrap() += 1;
                    let (status, body) = answer.lock().unwrap().clone();
                    let response = http::Response::builder().status(status).body(Full::new(Bytes::from(body)));
                    async move { Ok::<_, Infallible>(response.unwrap()) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        issuer
    }

    fn publish(&self, keys: &[&Key]) {
        *self.answer.lock().unwrap() = (200, set(keys));
    }

    fn fail(&self) {
        *self.answer.lock().unwrap() = (500, "{}".to_owned());
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    async fn server(&self) -> Server {
        serve(json!({"jwksUrl": format!("http://{}/keys", self.address), "algorithms": ["ES256"]})).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_when_needed_and_not_more() {
    let (old, new) = (Key::es256("old"), Key::es256("new"));
    let issuer = Issuer::start(&[&old]).await;
    let server = issuer.server().await;
    assert_eq!(issuer.asked(), 0);
    let token = old.token(&claims());
    let crowd = futures_util::future::join_all((0..20).map(|_| status(&server, &token))).await;
    assert_eq!((crowd, issuer.asked()), (vec![101; 20], 1));

    // Unknown keys make us ask again, but only every ten seconds.
    for _ in 0..5 {
        assert_eq!(status(&server, &new.token(&claims())).await, 401);
    }
    assert_eq!(issuer.asked(), 1);
    issuer.publish(&[&old, &new]);
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(status(&server, &new.token(&claims())).await, 101);
    assert_eq!(status(&server, &token).await, 101);
    assert_eq!(issuer.asked(), 2);

    // A key that was withdrawn is gone when the keys have aged.
    issuer.publish(&[&new]);
    server.clock.advance(Duration::from_secs(9 * 60));
    assert_eq!(status(&server, &old.token(&claims())).await, 101);
    server.clock.advance(Duration::from_secs(60));
    let long = claims_with("exp", json!(NOW + 1_000_000));
    assert_eq!(status(&server, &old.token(&long)).await, 401);
    assert_eq!(status(&server, &new.token(&long)).await, 101);
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_outlive_an_issuer_that_fails_but_not_for_ever() {
    let key = Key::es256("k");
    let issuer = Issuer::start(&[&key]).await;
    let server = issuer.server().await;
    let token = key.token(&claims_with("exp", json!(NOW + 1_000_000)));
    assert_eq!(status(&server, &token).await, 101);
    issuer.fail();
    server.clock.advance(Duration::from_secs(23 * 60 * 60));
    assert_eq!(status(&server, &token).await, 101);
    assert_eq!(issuer.asked(), 2);
    server.clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(status(&server, &token).await, 401);
    issuer.publish(&[&key]);
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(status(&server, &token).await, 101);

    // One that never answered lets nobody in.
    issuer.fail();
    let server = issuer.server().await;
    assert_eq!(status(&server, &token).await, 401);
}
