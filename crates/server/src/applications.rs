//! Sets up what bundled applications ask for: tables, functions, API definitions.

use crate::api_files::{ApiFile, FunctionKind, NamedFunction};
use crate::config::Config;
use serde_json::Value;
use sluicegate_functions::{FunctionOptions, FunctionsBuilder};
use sluicegate_gateway::api::{ApiDefinition, IntegrationDefinition, RouteDefinition, StageDefinition};
use sluicegate_handler::application::{Route, StreamMapping};
use sluicegate_handler::{Application, Clients, Function, MessageSender, StageId, TableClient};
use sluicegate_mappings::{Mapping, MappingSettings, StartingPosition};
use sluicegate_protocol::{ApiError, CallTable, Connections};
use sluicegate_tables::Tables;
use std::collections::HashMap;
use std::sync::Arc;

/// How bundled applications say which route a message is for.
const ROUTE_SELECTION: &str = "$request.body.action";

/// Something an application needs cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("application {application}: {operation} of table {table} failed: {error}")]
    Table { application: &'static str, operation: &'static str, table: String, error: ApiError },
    #[error("application {application}: mapping {mapping}: {error}")]
    Mapping { application: &'static str, mapping: &'static str, error: ApiError },
}

/// The applications that the configuration names.
pub(crate) fn chosen(config: &Config) -> Vec<Application> {
    config.app.0.iter().map(|app| (app.application)(config.batch_window)).collect()
}

/// Creates the tables that are missing and turns on their expiry. What exists stays as it is.
pub(crate) async fn create_tables(applications: &[Application], tables: &Tables) -> Result<(), SetupError> {
    for application in applications {
        let failed = |operation, request: &Value, error| SetupError::Table {
            application: application.name,
            operation,
            table: request["TableName"].as_str().unwrap_or_default().to_owned(),
            error,
        };
        for request in &application.tables {
            let created = tables.create_if_absent(request.clone()).await;
            created.map_err(|error| failed("CreateTable", request, error))?;
        }
        for request in &application.time_to_live {
            let named = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let attribute = named(&request["TimeToLiveSpecification"]["AttributeName"]);
            let enabled = tables.expire_by(&named(&request["TableName"]), &attribute).await;
            enabled.map_err(|error| failed("UpdateTimeToLive", request, error))?;
        }
    }
    Ok(())
}

/// Registers every function that is not of processes, with what it can reach: the connections of its own API's stage, and all
/// tables. Endpoints are given by address.
pub(crate) fn register(
    mut functions: FunctionsBuilder,
    applications: &[Application],
    files: &[ApiFile],
    endpoints: &HashMap<String, Function>,
    connections: &Arc<dyn Connections>,
    tables: &Arc<dyn CallTable>,
) -> FunctionsBuilder {
    for file in files {
        for NamedFunction { name, kind } in &file.functions {
            let FunctionKind::Http { url, function, options } = kind else { continue };
            let function = endpoints.get(url).unwrap_or(function);
            // An HTTP endpoint reaches connections and tables over the network, like any other client.
            let nowhere = StageId::new(file.definition.api_id.as_str(), "");
            let clients = Clients {
                connections: MessageSender::new(Arc::clone(connections), nowhere),
                tables: TableClient::new(Arc::clone(tables)),
            };
            functions = functions.register(name.as_str(), Arc::clone(function), clients, *options);
        }
    }
    for application in applications {
        let stage = StageId::new(application.name, application.stage);
        let clients = Clients {
            connections: MessageSender::new(Arc::clone(connections), stage),
            tables: TableClient::new(Arc::clone(tables)),
        };
        for function in &application.functions {
            let options = FunctionOptions { timeout: function.timeout, concurrency: function.concurrency };
            functions = functions.register(function.name, Arc::clone(&function.function), clients.clone(), options);
        }
    }
    functions
}

/// What the gateway serves for them, for API files, and beside those.
pub(crate) fn apis(applications: &[Application], files: &[ApiFile], others: &[ApiDefinition]) -> Vec<ApiDefinition> {
    let files = files.iter().map(|file| file.definition.clone());
    applications.iter().map(api).chain(files).chain(others.iter().cloned()).collect()
}

fn api(application: &Application) -> ApiDefinition {
    let integration = |function: &str| IntegrationDefinition {
        integration_type: "AWS_PROXY".to_owned(),
        integration_uri: Some(function.to_owned()),
        ..IntegrationDefinition::default()
    };
    let route = |route: &Route| RouteDefinition {
        route_key: route.route_key.to_owned(),
        target: Some(format!("integrations/{}", route.function)),
        ..RouteDefinition::default()
    };
    ApiDefinition {
        api_id: application.name.to_owned(),
        name: application.name.to_owned(),
        route_selection_expression: ROUTE_SELECTION.to_owned(),
        integrations: application.routes.iter().map(|r| (r.function.to_owned(), integration(r.function))).collect(),
        routes: application.routes.iter().map(route).collect(),
        stages: vec![StageDefinition { stage_name: application.stage.to_owned(), ..StageDefinition::default() }],
        ..ApiDefinition::default()
    }
}

/// What reads their streams.
pub(crate) fn mappings(applications: &[Application]) -> Result<Vec<Mapping>, SetupError> {
    let each = applications.iter().flat_map(|app| app.mappings.iter().map(|mapping| (app.name, mapping)));
    each.map(|(application, asked)| {
        Mapping::try_from(settings(asked)).map_err(|error| SetupError::Mapping {
            application,
            mapping: asked.id,
            error,
        })
    })
    .collect()
}

fn settings(asked: &StreamMapping) -> MappingSettings {
    MappingSettings {
        batch_size: asked.batch_size,
        batch_window: asked.batch_window,
        maximum_retry_attempts: asked.maximum_retry_attempts,
        bisect_batch_on_function_error: asked.bisect_batch_on_function_error,
        ..MappingSettings::new(asked.id, asked.table, asked.function, StartingPosition::Latest)
    }
}
