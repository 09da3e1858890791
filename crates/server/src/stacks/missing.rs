//! What functions count on and is not there, though nothing says so until they fail: APIs of others in their variables, and layers
//! that were not built.

use sluicegate_template::{Code, Layer, Place, Stack};
use std::collections::BTreeSet;
use std::path::Path;

/// What hosts of APIs have in their midst.
const OF_APIS: &str = ".execute-api.";

pub(super) fn told(stacks: &[Stack]) -> Vec<(&Place, String)> {
    let apis: BTreeSet<&str> =
        stacks.iter().flat_map(|stack| &stack.apis).map(|api| api.definition.api_id.as_str()).collect();
    let mut told = Vec::new();
    for function in stacks.iter().flat_map(|stack| &stack.functions) {
        for (variable, value) in &function.environment {
            for id in api_ids(value).filter(|id| !apis.contains(id)) {
                let message = format!(
                    "{variable} of `{}` names the API `{id}`, which is not served here: calls to it leave this machine",
                    function.name
                );
                told.push((&function.place, message));
            }
        }
    }
    let layers = stacks.iter().flat_map(|stack| &stack.layers);
    told.extend(layers.filter_map(|layer| Some((&layer.place, unbuilt(layer)?))));
    told
}

/// The names before `.execute-api.` in a text.
fn api_ids(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.match_indices(OF_APIS).map(|(end, _)| end);
    ends.map(|end| {
        let head = &text[..end];
        let start = head.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        &head[start..]
    })
    .filter(|id| !id.is_empty())
}

/// `sam build` puts what a layer brings into the folder where its runtime looks; before that nobody finds it.
fn unbuilt(layer: &Layer) -> Option<String> {
    let (Some(build), Code::Folder(folder)) = (&layer.build, &layer.content) else { return None };
    let wanted = ["nodejs", "python"].into_iter().find(|family| build.method.starts_with(family))?;
    let lacks = |folder: &Path| folder.is_dir() && !folder.join(wanted).is_dir();
    lacks(folder).then(|| {
        format!(
            "the layer `{}` is not built: there is no folder `{wanted}` in {}; run `sam build`, and serve \
             .aws-sam/build/template.yaml",
            layer.name,
            folder.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use sluicegate_template::Options;

    #[test]
    fn apis_of_others_and_unbuilt_layers_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let text = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Own: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}
  Caller:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      InlineCode: x
      Environment:
        Variables:
          OWN: !Sub https://${Own}.execute-api.us-east-1.amazonaws.com/dev
          OTHER: https://4a7ipl75i0.execute-api.us-east-1.amazonaws.com/dev/
          BARE: .execute-api.us-east-1.amazonaws.com
  Raw:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.12}
    Properties: {ContentUri: raw}
  Built:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: nodejs22.x}
    Properties: {ContentUri: built}
";
        std::fs::create_dir_all(folder.path().join("raw")).unwrap();
        std::fs::create_dir_all(folder.path().join("built/nodejs")).unwrap();
        let template = folder.path().join("missing.yaml");
        std::fs::write(&template, text).unwrap();
        let stacks = check::read(&template, &check::Disk, &Options::default()).unwrap();
        let told: Vec<String> =
            told(&stacks).into_iter().map(|(place, message)| format!("{}: {message}", place.path)).collect();
        let expected = [
            "Resources.Caller: OTHER of `missing-Caller` names the API `4a7ipl75i0`, which is not served here",
            "Resources.Raw: the layer `missing-Raw` is not built: there is no folder `python` in",
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
    }
}
