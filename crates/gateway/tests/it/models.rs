//! Messages that must fit a model before their route runs.

use crate::fixture::{CONNECT, DEFAULT, ECHO, Server, api};
use crate::integrations::{echoing, hears_nothing, serve};
use serde_json::{Value, json};

/// `$default` validates what it is sent; `echo` does not.
async fn validating(expression: &str, request_models: Value) -> Server {
    let mut api = api();
    let schema = json!({"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}});
    // As AWS carries it, and as an object.
    api.models =
        serde_json::from_value(json!({"Text": {"schema": schema.to_string()}, "Any": {"schema": {}}})).unwrap();
    let route = api.routes.iter_mut().find(|route| route.route_key == "$default").unwrap();
    route.model_selection_expression = Some(expression.to_owned());
    route.request_models = serde_json::from_value(request_models).unwrap();
    serve(echoing(), api).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_messages_that_fit_reach_the_function() {
    let both = json!({"text": "Text", "any": "Any"});
    for (expression, models, message, fits) in [
        ("text", &both, r#"{"text":"hi"}"#, true),
        ("text", &both, r#"{"text":1}"#, false),
        ("text", &both, "hello", false),
        ("text", &both, "", false),
        ("$request.body.kind", &both, r#"{"kind":"any"}"#, true),
        ("$request.body.kind", &both, r#"{"kind":"text"}"#, false),
        ("$request.body.kind", &both, r#"{"kind":"other","text":"hi"}"#, false),
        ("$request.body.kind", &json!({"$default": "Text"}), r#"{"kind":"other","text":"hi"}"#, true),
    ] {
        let server = validating(expression, models.clone()).await;
        let mut client = server.connect().await;
        client.send(message).await;
        if fits {
            assert_eq!(server.events(DEFAULT, 1).await[0]["body"], message);
        } else {
            let frame: Value = serde_json::from_str(&client.receive().await).unwrap();
            let id = &server.seen(CONNECT)[0]["requestContext"]["connectionId"];
            assert_eq!((&frame["message"], &frame["connectionId"]), (&json!("Bad request body"), id), "{message}");
            assert!(frame["messageId"].is_string(), "{frame}");
        }
        hears_nothing(&mut client).await;
        assert_eq!((server.seen(DEFAULT).len(), server.seen(ECHO).len()), (usize::from(fits), 1), "{message}");
    }
}
