//! The SSH agents that builds may use: what `ssh` of an image says → the sockets of agents on this machine.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::BuildError;

/// The variable by which an agent is found that an entry does not name.
const DEFAULT_AGENT: &str = "SSH_AUTH_SOCK";

/// The sockets by the id under which `RUN --mount=type=ssh` asks for them; relative paths are those of `folder`.
///
/// # Errors
/// [`BuildError::Agent`] for an entry that leads to no socket.
pub(crate) fn agents(ssh: &[String], folder: &Path) -> Result<IndexMap<String, PathBuf>, BuildError> {
    ssh.iter().map(|entry| agent(entry, folder)).collect()
}

fn agent(entry: &str, folder: &Path) -> Result<(String, PathBuf), BuildError> {
    let (id, path) = entry.split_once('=').map_or((entry, None), |(id, path)| (id, Some(path)));
    let unusable = |cause: String, help: String| BuildError::Agent { id: id.to_owned(), cause, help };
    let path = match path {
        Some(path) => folder.join(path),
        None => default_agent().ok_or_else(|| {
            let cause = format!("the environment variable `{DEFAULT_AGENT}` is not set");
            let help = "start an agent with `eval \"$(ssh-agent)\"`, and give it a key with `ssh-add`";
            unusable(cause, help.to_owned())
        })?,
    };
    let place = path.display();
    match fs::metadata(&path) {
        Ok(found) if found.file_type().is_socket() => Ok((id.to_owned(), path)),
        Ok(found) if found.is_file() => Err(unusable(
            format!("{place} is a file, not the socket of an agent"),
            format!("give the key to an agent with `ssh-add {place}`, and write `\"default\"` in `ssh`"),
        )),
        Ok(_) => Err(unusable(
            format!("{place} is not the socket of an agent"),
            "write `\"default\"` for the agent of this machine, or `\"ID=SOCKET\"`".to_owned(),
        )),
        Err(error) => Err(unusable(
            format!("cannot look at {place} ({error})"),
            "check that the agent still runs: `ssh-add -l`".to_owned(),
        )),
    }
}

#[expect(clippy::disallowed_methods, reason = "where every SSH program looks for its agent")]
fn default_agent() -> Option<PathBuf> {
    std::env::var_os(DEFAULT_AGENT).filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::{BuildError, agents};

    #[test]
    fn sockets_are_found_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let _agent = UnixListener::bind(folder.path().join("agent")).expect("a socket can be made");
        std::fs::write(folder.path().join("key"), "-----BEGIN OPENSSH PRIVATE KEY-----")
            .expect("a file can be written");
        let find = |entry: &str| agents(&[entry.to_owned()], folder.path());
        let found = find("git=agent").expect("it is a socket");
        assert_eq!(found["git"], folder.path().join("agent"));
        let absolute = format!("git={}", folder.path().join("agent").display());
        assert_eq!(find(&absolute).expect("it is a socket")["git"], folder.path().join("agent"));

        let place = folder.path().display();
        for (entry, message, command) in [
            (
                "git=key",
                format!("{place}/key is a file, not the socket of an agent"),
                format!("ssh-add {place}/key"),
            ),
            ("git=.", format!("{place}/. is not the socket of an agent"), "ID=SOCKET".to_owned()),
            (
                "git=gone",
                format!("cannot look at {place}/gone (No such file or directory (os error 2))"),
                "ssh-add -l".to_owned(),
            ),
        ] {
            let Err(BuildError::Agent { id, cause, help }) = find(entry) else {
                panic!("{entry} is no agent")
            };
            assert_eq!((id.as_str(), cause), ("git", message));
            assert!(help.contains(&command), "{help}");
        }
    }
}
