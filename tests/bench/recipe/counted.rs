//! A port in front of a registry that counts what goes through.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Listens on a free port of this machine until the program ends.
pub struct Counted {
    /// `127.0.0.1:port`
    pub host: String,
    to_registry: Arc<AtomicU64>,
    from_registry: Arc<AtomicU64>,
}

impl Counted {
    pub fn before(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let host = listener.local_addr().expect("it is bound").to_string();
        let (to_registry, from_registry) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counters = (Arc::clone(&to_registry), Arc::clone(&from_registry));
        let registry = registry.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&registry).expect("the registry answers");
                let other = |stream: &TcpStream| stream.try_clone().expect("a connection has two ends");
                let (client_again, server_again) = (other(&client), other(&server));
                let (to, from) = (Arc::clone(&counters.0), Arc::clone(&counters.1));
                thread::spawn(move || copy(client, server, &to));
                thread::spawn(move || copy(server_again, client_again, &from));
            }
        });
        Self { host, to_registry, from_registry }
    }

    /// The bytes that the registry has received and sent.
    pub fn bytes(&self) -> (u64, u64) {
        (self.to_registry.load(Ordering::SeqCst), self.from_registry.load(Ordering::SeqCst))
    }
}

/// Until either end is closed. That a client goes away is no error.
fn copy(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut piece = vec![0; 1 << 18];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        count.fetch_add(length as u64, Ordering::SeqCst);
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
