//! `Domain` of a WebSocketApi: a domain name and the mappings to its stage.

use super::{Expanded, reference};
use crate::document::{Kind, Node};
use crate::problem::{Findings, use_one_of};
use crate::resource::Resource;

const PROPERTIES: &[&str] = &[
    "DomainName",
    "BasePath",
    "CertificateArn",
    "EndpointConfiguration",
    "MutualTlsAuthentication",
    "OwnershipVerificationCertificateArn",
    "Route53",
    "SecurityPolicy",
    "RoutingMode",
    "IpAddressType",
];

pub(super) fn expand(api: &Resource, domain: &Node, stage: &str, expanded: &mut Expanded, findings: &Findings) {
    let (api_id, at) = (&api.logical_id, domain.at);
    for entry in domain.entries().iter().filter(|entry| !PROPERTIES.contains(&entry.key.as_str())) {
        let remedy = use_one_of(&entry.key, PROPERTIES.iter().copied(), "remove it");
        findings.problem(entry.at, format!("Domain has no `{}`", entry.key), remedy);
    }
    let Some(name) = domain.get("DomainName") else {
        return findings.problem(at, "DomainName is missing", "add it, such as chat.example.org");
    };
    let domain_id = format!("{api_id}DomainName");
    let properties = Node::map(at, [("DomainName", name.clone())]);
    expanded.resources.push(api.expanded(&domain_id, "AWS::ApiGatewayV2::DomainName", properties));
    let paths = match domain.get("BasePath") {
        None => vec![Node::text(at, "")],
        Some(Node { kind: Kind::List(paths), .. }) => paths.clone(),
        Some(path) => vec![path.clone()],
    };
    for (index, path) in paths.into_iter().enumerate() {
        let key = match path.as_text() {
            Some(text) => Node::text(path.at, text.trim_matches('/')),
            None => path,
        };
        let properties = Node::map(
            at,
            [
                ("ApiId", reference(at, api_id)),
                ("DomainName", reference(at, &domain_id)),
                ("Stage", reference(at, stage)),
                ("ApiMappingKey", key),
            ],
        );
        let id = format!("{api_id}ApiMapping{}", if index == 0 { String::new() } else { index.to_string() });
        expanded.resources.push(api.expanded(id, "AWS::ApiGatewayV2::ApiMapping", properties));
    }
}
