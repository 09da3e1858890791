//! What programs are told of proxy and certificates, in the variables that HTTP clients read.

use super::Interception;
use super::bundle::Base;
use crate::process::description::ProcessFunction;
use hyper_util::client::proxy::matcher::Matcher;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Variables that name a file with everybody who is trusted.
const REPLACING: [&str; 3] = ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"];
/// The one that names a file with some more.
const ADDING: &str = "NODE_EXTRA_CA_CERTS";
/// Clients read either spelling, and not the same one first.
const PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
const ANY_PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
/// Never a matter for a proxy.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// Completes the environment of a program without a shim.
pub(super) fn announce(
    own: &Interception,
    variables: &mut BTreeMap<String, OsString>,
    function: &ProcessFunction,
    task_root: &Path,
) {
    for name in REPLACING.into_iter().chain([ADDING]) {
        let named = variables.get(name).filter(|path| !path.is_empty()).map(|path| task_root.join(path));
        let base = match &named {
            Some(path) => Base::File(path),
            None if name == ADDING => Base::Nothing,
            None => Base::System,
        };
        match own.bundles.with(base) {
            Ok(bundle) => {
                variables.insert(name.to_owned(), bundle.into());
            }
            Err(error) => tracing::warn!(
                function = function.name,
                "{name} stays as it is, so calls of APIs here are not trusted: {}: {error}",
                named.as_deref().unwrap_or(Path::new("")).display()
            ),
        }
    }
    if let Some(shim) = &own.shim {
        let option = format!("--require {}", quoted(shim));
        let known = variables.get("NODE_OPTIONS").and_then(|text| text.to_str()).unwrap_or_default();
        variables.insert("NODE_OPTIONS".to_owned(), format!("{known} {option}").trim_start().into());
    }

    if let Some(name) = PROXY.into_iter().find(|name| function.environment.contains_key(*name)) {
        tracing::warn!(
            function = function.name,
            "{name} is the function's own, so its calls of APIs here go there too"
        );
        return;
    }
    for name in PROXY {
        variables.insert(name.to_owned(), own.proxy.url().into());
    }
    for name in EXCEPTIONS {
        let kept = exceptions(variables.get(name)).into_iter().filter(|entry| !covers(entry, &own.names));
        let all = LOOPBACK.map(str::to_owned).into_iter().chain(kept);
        variables.insert(name.to_owned(), all.collect::<Vec<_>>().join(",").into());
    }
}

/// Where shims lead calls of our names straight to the server, a proxy of the operator's must not come between.
pub(crate) fn leave_to_shims(variables: &mut BTreeMap<String, OsString>, names: &[String]) {
    if !ANY_PROXY.iter().any(|name| variables.contains_key(*name)) {
        return;
    }
    for name in EXCEPTIONS {
        let ours = LOOPBACK.map(str::to_owned).into_iter().chain(names.iter().cloned());
        let all: Vec<_> = ours.chain(exceptions(variables.get(name))).collect();
        variables.insert(name.to_owned(), all.join(",").into());
    }
}

fn exceptions(value: Option<&OsString>) -> Vec<String> {
    let text = value.map(OsString::as_os_str).and_then(OsStr::to_str).unwrap_or_default();
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// Whether an entry of `NO_PROXY` says that one of our names is to be called without a proxy: then it would be AWS that
/// answers. The proxy itself knows such entries and keeps to them, for all other names.
fn covers(entry: &str, names: &[String]) -> bool {
    let matcher = Matcher::builder().all("http://proxy").no(entry.to_owned()).build();
    let uri = |name: &String| format!("https://{name}/").parse().ok();
    names.iter().filter_map(uri).any(|uri| matcher.intercept(&uri).is_none())
}

/// `NODE_OPTIONS` is split at spaces.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_that_cover_our_names_are_left_to_the_proxy() {
        let names = ["a.execute-api.us-east-1.amazonaws.com".to_owned()];
        for (entry, expected) in [
            ("*", true),
            ("amazonaws.com", true),
            (".amazonaws.com", true),
            ("a.execute-api.us-east-1.amazonaws.com", true),
            ("b.execute-api.us-east-1.amazonaws.com", false),
            ("example.org", false),
            ("10.0.0.0/8", false),
        ] {
            assert_eq!(covers(entry, &names), expected, "{entry}");
        }
    }

    #[test]
    fn what_shims_lead_here_goes_through_no_proxy() {
        let names = ["a.execute-api.here".to_owned()];
        let mut variables = BTreeMap::new();
        leave_to_shims(&mut variables, &names);
        assert!(variables.is_empty(), "without a proxy there are no exceptions");
        variables.insert("https_proxy".to_owned(), "http://proxy".into());
        variables.insert("NO_PROXY".to_owned(), "example.org, .internal".into());
        leave_to_shims(&mut variables, &names);
        let ours = "127.0.0.1,::1,localhost,a.execute-api.here";
        assert_eq!(variables["no_proxy"], *ours);
        assert_eq!(variables["NO_PROXY"], *format!("{ours},example.org,.internal"));
    }
}
