//! Where code is: on this disk, as text in the template, or in a bucket that stands for a file on this disk.

use super::Site;
use crate::document::{At, Kind, Node};
use crate::files::FileKind;
use crate::kinds;
use crate::resource::Resource;
use crate::stack::{Build, Code};
use crate::values::Values;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// What buckets stand for.
#[derive(Clone, Debug, Default)]
pub(crate) enum Assets {
    /// Nothing: a bucket is out of reach.
    #[default]
    None,
    /// Objects by key, as `cdk synth` lists them.
    ByKey(BTreeMap<String, PathBuf>),
    /// Zips in this folder, by the last part of their key.
    InFolder(PathBuf),
}

impl Site<'_, '_> {
    /// `Code` of a function, or `Content` of a layer: a path, `{ZipFile: text}`, or a place in a bucket.
    pub(super) fn code(&self, name: &str, values: &Values<'_>) -> Option<Code> {
        let Some(node) = values.get(name) else {
            values.missing(name);
            return None;
        };
        if let Some(text) = node.as_text() {
            return self.local(text, node.at);
        }
        let Kind::Map(_) = node.kind else {
            values.problem(node.at, format!("{name} is {}", node.describe()), "write a path, or a map with ZipFile");
            return None;
        };
        let code = Values::new(node.clone(), self.scope.findings);
        code.only(&[
            "ZipFile",
            "S3Bucket",
            "S3Key",
            "S3ObjectVersion",
            "S3ObjectStorageMode",
            "ImageUri",
            "SourceKMSKeyArn",
        ]);
        if code.get("ImageUri").is_some() {
            let message = "functions in container images do not run here";
            code.problem(code.at_of("ImageUri"), message, kinds::OF_IMAGES);
            return None;
        }
        if let Some(text) = code.text("ZipFile") {
            return Some(Code::Inline(text));
        }
        match code.text("S3Key") {
            Some(key) => self.in_bucket(&key, code.at_of("S3Key")),
            None => {
                code.missing("ZipFile");
                None
            }
        }
    }

    fn in_bucket(&self, key: &str, at: At) -> Option<Code> {
        let path = match &self.source.assets {
            Assets::None => None,
            Assets::ByKey(known) => known.get(key).cloned(),
            Assets::InFolder(folder) => key.rsplit('/').next().map(|name| folder.join(name)),
        };
        let Some(path) = path else {
            let remedy = "name a local folder or zip: CodeUri or Code: ./folder; of CDK give the cdk.out folder, of Serverless \
                          Framework the .serverless folder";
            self.scope.problem(at, format!("the code is in a bucket (`{key}`), out of reach"), remedy);
            return None;
        };
        self.at_path(path, key, at)
    }

    fn local(&self, text: &str, at: At) -> Option<Code> {
        if text.starts_with("s3://") || text.starts_with("https://") {
            let remedy = "name a local folder or zip";
            self.scope.problem(at, format!("the code is in a bucket (`{text}`), out of reach"), remedy);
            return None;
        }
        self.at_path(plain(&self.source.folder.join(text)), text, at)
    }

    fn at_path(&self, path: PathBuf, written: &str, at: At) -> Option<Code> {
        let zipped = path.extension().is_some_and(|extension| extension == "zip" || extension == "jar");
        match self.files.entry(&path) {
            Some(FileKind::Folder) => Some(Code::Folder(path)),
            Some(FileKind::File) if zipped => Some(Code::Zip(path)),
            Some(FileKind::File) => Some(Code::File(path)),
            None => {
                let message = format!("there is no `{written}` ({})", path.display());
                self.scope.problem(
                    at,
                    message,
                    "build the code first, or correct the path: it begins at the template's folder",
                );
                None
            }
        }
    }

    /// How `Metadata` says that the code is built.
    pub(super) fn build_method(&self, resource: &Resource) -> Option<Build> {
        let metadata = resource.metadata.as_ref()?;
        let method = metadata.get("BuildMethod").and_then(Node::as_text)?;
        let properties = metadata.get("BuildProperties").map(Node::to_json).unwrap_or_default();
        Some(Build { method: method.to_owned(), properties })
    }
}

/// A path without `.` and, as far as it goes, without `..`.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain() {
        for (path, expected) in [
            ("a/./b", "a/b"),
            ("a/../b", "b"),
            ("./src", "src"),
            ("../src", "../src"),
            ("a/b/../../..", ".."),
            (".", "."),
        ] {
            assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
