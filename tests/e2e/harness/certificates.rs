//! Certificates for both ends of a connection with TLS.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// An authority of its own, a server with the name `127.0.0.1`, and a client.
pub struct Certificates {
    folder: TempDir,
    authority: CertificateDer<'static>,
    server: CertifiedKey<KeyPair>,
}

impl Certificates {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = params.self_signed(&key).expect("an authority can be made");
        let issuer = Issuer::new(params, key);
        let server = signed("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth, &issuer);
        let client = signed("client", ExtendedKeyUsagePurpose::ClientAuth, &issuer);

        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (certificate, key) = (client.cert.pem(), client.signing_key.serialize_pem());
        for (name, text) in [("ca.pem", authority.pem()), ("cert.pem", certificate), ("key.pem", key)] {
            std::fs::write(folder.path().join(name), text).expect("files can be written");
        }
        Self { folder, authority: authority.der().clone(), server }
    }

    /// A folder with `ca.pem`, `cert.pem` and `key.pem` of the client, as `DOCKER_CERT_PATH` names it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server: it lets in whom this authority knows. Its protocol is agreed upon with ALPN.
    pub fn server(&self, protocol: &[u8]) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("the authority is one");
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let key = PrivateKeyDer::Pkcs8(self.server.signing_key.serialize_der().into());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the versions")
            .with_client_cert_verifier(clients.build().expect("there is an authority"))
            .with_single_cert(vec![self.server.cert.der().clone()], key)
            .expect("the key fits the certificate");
        config.alpn_protocols = vec![protocol.to_vec()];
        config
    }
}

fn signed(name: &str, usage: ExtendedKeyUsagePurpose, issuer: &Issuer<'_, KeyPair>) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new([name.to_owned()]).expect("the name is one");
    params.extended_key_usages = vec![usage];
    params.distinguished_name.push(DnType::CommonName, name);
    let signing_key = KeyPair::generate().expect("a key can be made");
    let cert = params.signed_by(&signing_key, issuer).expect("the authority can sign");
    CertifiedKey { cert, signing_key }
}

/// By its name, because other crates of the tests bring another one along.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
