//! A chat in one room: `{"action": "join", "name": "Ann"}`, then `{"action": "send", "text": "hello"}`.

mod https;

use aws_config::BehaviorVersion;
use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};

/// What clients say.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Said {
    Join { name: String },
    Send { text: String },
}

/// What they are told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Told {
    Joined { name: String },
    Message { name: String, text: String },
}

struct Chat {
    connections: aws_sdk_dynamodb::Client,
    table: String,
    config: aws_config::SdkConfig,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https::client()).load().await;
    let chat =
        Chat { connections: aws_sdk_dynamodb::Client::new(&config), table: std::env::var("TABLE_NAME")?, config };
    let chat = &chat;
    run(service_fn(|event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| chat.handle(event.payload))).await
}

impl Chat {
    async fn handle(&self, event: ApiGatewayWebsocketProxyRequest) -> Result<ApiGatewayProxyResponse, Error> {
        let context = event.request_context;
        let id = context.connection_id.as_deref().ok_or("an event without a connection")?;
        match context.route_key.as_deref() {
            Some("$connect") => self.remember(id, "somebody").await?,
            Some("$disconnect") => self.forget(id).await?,
            _ => {
                let domain = context.domain_name.as_deref().ok_or("an event without a domain")?;
                let stage = context.stage.as_deref().ok_or("an event without a stage")?;
                let told = match serde_json::from_str(event.body.as_deref().unwrap_or_default())? {
                    Said::Join { name } => {
                        self.remember(id, &name).await?;
                        Told::Joined { name }
                    }
                    Said::Send { text } => Told::Message { name: self.name(id).await?, text },
                };
                self.tell_everyone(&format!("https://{domain}/{stage}"), &told).await?;
            }
        }
        let mut response = ApiGatewayProxyResponse::default();
        response.status_code = 200;
        Ok(response)
    }

    async fn remember(&self, id: &str, name: &str) -> Result<(), Error> {
        let put = self.connections.put_item().table_name(&self.table).item("connectionId", text(id));
        put.item("name", text(name)).send().await?;
        Ok(())
    }

    async fn forget(&self, id: &str) -> Result<(), Error> {
        self.connections.delete_item().table_name(&self.table).key("connectionId", text(id)).send().await?;
        Ok(())
    }

    async fn name(&self, id: &str) -> Result<String, Error> {
        let get = self.connections.get_item().table_name(&self.table).key("connectionId", text(id));
        let item = get.consistent_read(true).send().await?.item.unwrap_or_default();
        Ok(item.get("name").and_then(|name| name.as_s().ok()).cloned().unwrap_or_default())
    }

    async fn tell_everyone(&self, endpoint: &str, told: &Told) -> Result<(), Error> {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(&self.config).endpoint_url(endpoint).build();
        let api = aws_sdk_apigatewaymanagement::Client::from_conf(config);
        let message = Blob::new(serde_json::to_vec(told)?);
        let everyone = self.connections.scan().table_name(&self.table).consistent_read(true).send().await?;
        for id in everyone.items().iter().filter_map(|item| item.get("connectionId")?.as_s().ok()) {
            let posted = api.post_to_connection().connection_id(id).data(message.clone()).send().await;
            match posted.map_err(|error| error.into_service_error()) {
                Err(error) if error.is_gone_exception() => self.forget(id).await?,
                posted => drop(posted?),
            }
        }
        Ok(())
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
