//! What functions of local processes need of the server: where they reach it, and whom they sign as.

use crate::config::Config;
use sluicegate_endpoint::{Credential, Policy, Secret};
use sluicegate_functions::process::{AccessKey, LoadError, PrepareError, Processes, Settings};
use sluicegate_gateway::api::ApiDefinition;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use uuid::Uuid;

/// The user that functions are, where signatures are verified. Like the role of a function on AWS that may do anything.
const USER: &str = "sluicegate-functions";
const POLICY: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// Why functions cannot run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error("{}", .0.iter().map(LoadError::to_string).collect::<Vec<_>>().join("\n"))]
    Load(Vec<LoadError>),
}

/// A key for this run of the server. Where no signature is verified, any will do.
pub(crate) fn issue_access_key(config: &mut Config) -> AccessKey {
    if !config.credentials.are_configured() {
        return AccessKey::new("local", "local");
    }
    let id = format!("ASIA{}", &Uuid::new_v4().simple().to_string().to_uppercase()[..16]);
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    config.credentials = config.credentials.with(Credential {
        access_key_id: id.clone(),
        secret: Secret::new(secret.as_str()),
        account_id: config.account.to_string(),
        user_name: USER.to_owned(),
        policies: vec![Policy::parse(POLICY).expect("a test parses it")],
    });
    AccessKey::new(id, secret)
}

/// Prepares to run functions as local processes.
pub(crate) fn start(
    config: &Config,
    data: &Path,
    listen: SocketAddr,
    access_key: AccessKey,
) -> Result<Processes, PrepareError> {
    Processes::new(Settings {
        region: config.region.to_string(),
        account: config.account.to_string(),
        access_key,
        endpoint: Some(format!("http://{}", reachable(listen))),
        node_modules: config.node_modules.0.clone(),
        max_processes: config.max_processes as usize,
        idle_timeout: config.process_idle_timeout,
        ..Settings::new(data)
    })
}

/// Services that are here. SDKs that know no `AWS_ENDPOINT_URL_…`, such as that of JavaScript v2, call them by these names.
const SERVICES: [&str; 5] = ["dynamodb", "streams.dynamodb", "lambda", "sqs", "sns"];

/// What handlers may call APIs: the names that AWS would give them, and domains of their own. And services, by their names.
pub(crate) fn names(config: &Config, apis: &[ApiDefinition]) -> Vec<String> {
    let services = SERVICES.iter().map(|service| config.region.host(service));
    let defaults = apis.iter().map(|api| config.region.domain_name(&api.api_id));
    let own = apis.iter().flat_map(|api| &api.domain_names).map(|domain| domain.domain_name.to_ascii_lowercase());
    let all: BTreeSet<String> = defaults.chain(own).chain(services).collect();
    all.into_iter().collect()
}

/// Where this machine reaches a listener; one on all addresses is on the loopback one as well.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicegate_endpoint::Credentials;

    #[test]
    fn functions_sign_as_a_user_of_their_own_where_signatures_are_verified() {
        let mut config = Config::default();
        assert_eq!(issue_access_key(&mut config).id, "local");
        assert!(!config.credentials.are_configured(), "and nothing is verified because of them");
        config.credentials = Credentials::new([Credential {
            access_key_id: "AKID".into(),
            secret: Secret::new("s"),
            account_id: "000000000000".into(),
            user_name: "ann".into(),
            policies: Vec::new(),
        }]);
        let (first, second) = (issue_access_key(&mut config), issue_access_key(&mut config));
        assert_ne!(first.id, second.id);
        assert!(format!("{:?}", config.credentials).contains(&first.id));
    }

    #[test]
    fn functions_reach_a_listener_on_all_addresses() {
        for (listen, expected) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.1:80", "10.0.0.1:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
