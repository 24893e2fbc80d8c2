//! An engine that is reached through a port: the proxy that stands for another machine.

use std::path::Path;
use std::process::Command;

use bollard_buildkit_proto::moby::buildkit::v1::ListWorkersRequest;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use tonic::transport::Endpoint;

use super::harness::certificates::Certificates;
use super::harness::proxy::{Proxy, Speaks};
use super::harness::{BUILD_ONLY, Parts, Project};

/// What the engine answers to `GET /_ping` through a port with TLS, if the port lets this client in.
fn ping(proxy: &Proxy, shown: Option<&Path>) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--cacert"]).arg(proxy.certificates().join("ca.pem"));
    if let Some(folder) = shown {
        curl.arg("--cert").arg(folder.join("cert.pem")).arg("--key").arg(folder.join("key.pem"));
    }
    let answer = curl.arg(format!("https://{}/_ping", proxy.port())).output().expect("curl starts");
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
}

#[test]
fn a_port_with_tls_lets_in_its_own_clients_only() {
    let parts = Parts::take();
    let proxy = Proxy::with_tls(&parts.engine, Speaks::Docker);

    assert_eq!(ping(&proxy, Some(proxy.certificates())).as_deref(), Some("OK"));
    assert_eq!(ping(&proxy, None), None);
    assert_eq!(ping(&proxy, Some(Certificates::new().folder())), None);
}

#[test]
fn a_port_without_tls_is_an_engine() {
    let parts = Parts::take();
    let proxy = Proxy::plain(&parts.engine, Speaks::Docker);
    let project = Project::with_steps(BUILD_ONLY, "RUN true");
    project.command(&[]).env("DOCKER_HOST", format!("tcp://{}", proxy.port())).run().succeeded();
}

#[test]
fn a_port_that_speaks_grpc_is_a_buildkit() {
    let parts = Parts::take();
    let proxy = Proxy::plain(&parts.engine, Speaks::BuildKit);
    let ask = async {
        let endpoint = Endpoint::from_shared(format!("http://{}", proxy.port())).expect("it is an address");
        let mut control = ControlClient::new(endpoint.connect().await.expect("the port takes connections"));
        control.list_workers(ListWorkersRequest::default()).await.expect("BuildKit answers").into_inner()
    };
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    assert_eq!(runtime.block_on(ask).record.len(), 1);
}
