//! Files of certificates to trust: whom the machine or the operator trusts already, and our own authority.
//!
//! The variables that name such files replace what a client would have trusted, so a bundle always holds both.

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const SUBFOLDER: &str = "bundles";
/// What is read of a bundle that somebody names.
const MAX_BUNDLE_BYTES: u64 = 16 * 1024 * 1024;

/// What a bundle has beside our own authority.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Base<'a> {
    /// Nothing: the client adds it to what it trusts.
    Nothing,
    /// Whom this machine trusts.
    System,
    /// A file that the operator or the function names.
    File(&'a Path),
}

pub(crate) struct Bundles {
    folder: PathBuf,
    system: String,
    own: String,
}

/// Whom this machine trusts, `SSL_CERT_FILE` and `SSL_CERT_DIR` of the server's own environment considered.
pub(crate) fn system_roots() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of this machine cannot be handed on to functions");
    }
    found.certs
}

impl Bundles {
    pub(crate) fn create(folder: &Path, system: &[CertificateDer<'static>], own: &str) -> io::Result<Self> {
        let folder = folder.join(SUBFOLDER);
        fs::create_dir_all(&folder)?;
        // Functions stand elsewhere.
        let folder = folder.canonicalize()?;
        let system = system.iter().map(|certificate| pem::encode(&pem::Pem::new("CERTIFICATE", certificate.to_vec())));
        Ok(Self { folder, system: system.collect(), own: own.to_owned() })
    }

    /// The file with our authority and its base; written when it is first asked for.
    pub(crate) fn with(&self, base: Base<'_>) -> io::Result<PathBuf> {
        let text = match base {
            Base::Nothing => self.own.clone(),
            Base::System => format!("{}{}", self.system, self.own),
            Base::File(path) => format!("{}\n{}", read(path)?, self.own),
        };
        let mut name = String::new();
        for byte in &Sha256::digest(text.as_bytes())[..8] {
            let _ = write!(name, "{byte:02x}");
        }
        let path = self.folder.join(name + ".pem");
        if !path.exists() {
            fs::write(&path, text)?;
        }
        Ok(path)
    }
}

impl fmt::Debug for Bundles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundles").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Bundles are named by what is in them, so those of earlier starts would stay.
pub(crate) fn remove_all(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder.join(SUBFOLDER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_BUNDLE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MB"));
    }
    let text = fs::read_to_string(path)?;
    if !text.contains("-----BEGIN ") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no certificate in PEM form"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_holds_its_base_and_our_authority() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs.pem");
        fs::write(&theirs, "-----BEGIN CERTIFICATE-----\ntheirs").unwrap();
        let roots = [CertificateDer::from(vec![1, 2, 3])];
        let bundles = Bundles::create(folder.path(), &roots, "ours\n").unwrap();
        let text = |base| fs::read_to_string(bundles.with(base).unwrap()).unwrap();
        assert_eq!(text(Base::Nothing), "ours\n");
        assert_eq!(text(Base::File(&theirs)), "-----BEGIN CERTIFICATE-----\ntheirs\nours\n");
        let system = text(Base::System);
        assert!(system.starts_with("-----BEGIN CERTIFICATE-----\r\nAQID") && system.ends_with("ours\n"), "{system:?}");
        for unusable in [folder.path(), &folder.path().join("none.pem")] {
            assert!(bundles.with(Base::File(unusable)).is_err());
        }
        fs::write(&theirs, "nothing of the kind").unwrap();
        assert!(bundles.with(Base::File(&theirs)).is_err());
    }
}
