//! The certificate authority of a data folder: who vouches for our names, to functions only.
//!
//! Its key is made once and kept, readable by the server's user alone. Its certificate is signed anew at every start, for
//! exactly the names that are served then, and for no address: even with the key nobody could pass for another host.
//! Certificates for names are made when they are first asked for, and kept as long as they are good.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use std::collections::HashMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

const KEY_FILE: &str = "key.pem";
const CERTIFICATE_FILE: &str = "certificate.pem";
const NAME: &str = "Sluicegate functions on this machine";
/// For the authority's own certificate; it is signed anew at every start.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
const VALIDITY: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// A certificate is replaced when this much of its time is left.
const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Clocks of containers differ a little.
const BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);
/// Names with a certificate at the same time; with more the oldest ones are made again when they are needed.
const MAX_CERTIFICATES: usize = 256;

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the authority for functions in {} cannot be used: {error}", path.display())]
    Folder { path: PathBuf, error: io::Error },
    #[error("{} holds no usable key: {error}; remove it, and a new one is made", path.display())]
    Key { path: PathBuf, error: rcgen::Error },
    #[error("no certificate can be made for functions: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("the key for functions cannot be used: {0}")]
    Signing(#[from] rustls::Error),
}

/// Issues certificates for our names.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    names: Arc<[String]>,
    /// One key for all names: whoever had one of them had them all.
    key: KeyPair,
    signing: Arc<dyn SigningKey>,
    issued: Mutex<HashMap<String, Issued>>,
}

#[derive(Clone, Debug)]
struct Issued {
    certificate: Arc<CertifiedKey>,
    until: SystemTime,
}

impl Authority {
    /// Takes the key in the folder, or makes one.
    pub(crate) fn open(folder: &Path, names: &Arc<[String]>) -> Result<Self, AuthorityError> {
        let failed = |error| AuthorityError::Folder { path: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(failed)?;
        let path = folder.join(KEY_FILE);
        let key = match fs::read_to_string(&path) {
            Ok(text) => {
                keep_private(&path).map_err(failed)?;
                KeyPair::from_pem(&text).map_err(|error| AuthorityError::Key { path: path.clone(), error })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate()?;
                write_private(&path, &key.serialize_pem()).map_err(failed)?;
                key
            }
            Err(error) => return Err(failed(error)),
        };
        let params = authority_params(names);
        let certificate = params.self_signed(&key)?.pem();
        fs::write(folder.join(CERTIFICATE_FILE), &certificate).map_err(failed)?;
        let of_names = KeyPair::generate()?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(of_names.serialize_der()));
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
            names: Arc::clone(names),
            key: of_names,
            signing: any_ecdsa_type(&der)?,
            issued: Mutex::default(),
        })
    }

    /// What its users must trust, as PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for one of our names; for others there is none.
    fn certificate_for(&self, name: &str, now: SystemTime) -> Option<Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        if !self.names.contains(&name) {
            return None;
        }
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = issued.get(&name).filter(|known| now + RENEWED_BEFORE < known.until) {
            return Some(Arc::clone(&known.certificate));
        }
        let fresh = self
            .issue(&name, now)
            .inspect_err(|error| tracing::error!(name, %error, "no certificate can be made for functions"))
            .ok()?;
        if issued.len() >= MAX_CERTIFICATES {
            let oldest = issued.iter().min_by_key(|(_, one)| one.until).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| issued.remove(&oldest));
        }
        let certificate = Arc::clone(&fresh.certificate);
        issued.insert(name, fresh);
        Some(certificate)
    }

    fn issue(&self, name: &str, now: SystemTime) -> Result<Issued, rcgen::Error> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name = named(name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let until = now + VALIDITY;
        (params.not_before, params.not_after) = ((now - BACKDATED).into(), until.into());
        let certificate = params.signed_by(&self.key, &self.issuer)?;
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        Ok(Issued { certificate: Arc::new(CertifiedKey::new(chain, Arc::clone(&self.signing))), until })
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate_for(hello.server_name()?, SystemTime::now())
    }
}

fn authority_params(names: &[String]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let permitted_subtrees = names.iter().map(|name| GeneralSubtree::DnsName(name.clone())).collect();
    // Names say nothing about addresses; what is not mentioned is permitted.
    let every_address = [CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])];
    let excluded_subtrees = every_address.map(GeneralSubtree::IpAddress).into();
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees });
    let now = SystemTime::now();
    (params.not_before, params.not_after) = ((now - BACKDATED).into(), (now + AUTHORITY_VALIDITY).into());
    params
}

fn named(name: &str) -> DistinguishedName {
    // Longer common names are refused by some; the alternative name is what counts.
    const MAX_COMMON_NAME: usize = 64;
    let mut distinguished = DistinguishedName::new();
    let end = name.floor_char_boundary(MAX_COMMON_NAME);
    distinguished.push(DnType::CommonName, &name[..end]);
    distinguished
}

/// The file is complete or absent, and was never anybody else's to read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("partial");
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(partial, path)
}

/// A key that was copied about may have become readable.
fn keep_private(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "the key of the authority for functions was readable by others; it is no longer");
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{ServerName, UnixTime};

    fn authority(folder: &Path) -> Authority {
        Authority::open(folder, &["a.execute-api.here".to_owned(), "own.example.org".to_owned()].into()).unwrap()
    }

    #[test]
    fn the_key_is_made_once_and_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let first = authority(folder.path());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let second = authority(folder.path());
        assert_eq!((mode(), fs::read_to_string(&path).unwrap()), (0o600, text));
        assert_eq!(first.issuer.key().public_key_raw(), second.issuer.key().public_key_raw());
        fs::write(&path, "no key").unwrap();
        let told = Authority::open(folder.path(), &[].into()).err().unwrap().to_string();
        assert!(told.contains("key.pem holds no usable key") && told.contains("remove it"), "{told}");
    }

    #[test]
    fn certificates_are_for_our_names_and_are_renewed_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let (authority, now) = (authority(folder.path()), SystemTime::now());
        assert!(authority.certificate_for("b.execute-api.here", now).is_none());
        let of = |name: &str, later: Duration| authority.certificate_for(name, now + later).unwrap();
        let first = of("a.execute-api.here", Duration::ZERO);
        assert!(Arc::ptr_eq(&first, &of("A.execute-api.HERE", VALIDITY - 2 * RENEWED_BEFORE)));
        assert!(!Arc::ptr_eq(&first, &of("a.execute-api.here", VALIDITY - RENEWED_BEFORE)));
        assert!(!Arc::ptr_eq(&first, &of("own.example.org", Duration::ZERO)));
    }

    #[test]
    fn even_with_the_key_nobody_passes_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        for (name, passes) in [
            ("a.execute-api.here", true),
            ("own.example.org", true),
            ("other.example.org", false),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
        ] {
            let issued = authority.issue(name, SystemTime::now()).unwrap().certificate;
            let verified = verifier.verify_server_cert(
                &issued.cert[0],
                &[],
                &ServerName::try_from(name).unwrap(),
                &[],
                UnixTime::now(),
            );
            assert_eq!(verified.is_ok(), passes, "{name}: {verified:?}");
        }
    }
}
