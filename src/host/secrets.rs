//! Where the values of secrets are read: a plan has only their names and where they come from. No message of this
//! module has a part of a value.

use std::io;
use std::os::unix::ffi::OsStringExt;

use rustix::fs::OFlags;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::plan::{Secret, SecretSource};

/// The most that an engine takes (buildkit, session/secrets/secretsprovider).
const MAX_SIZE: usize = 500 * 1024;

/// Why a secret has no value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("secret `{secret}`: the environment variable `{variable}` is not set")]
    NotSet { secret: String, variable: String },
    #[error("secret `{secret}`: there is no file {path}")]
    NoFile { secret: String, path: String },
    #[error("secret `{secret}`: cannot read {path} ({cause})")]
    Unreadable { secret: String, path: String, cause: io::Error },
    #[error("secret `{secret}` is longer than 500 KiB, the most that a secret may have")]
    TooLong { secret: String },
    #[error("secret `{secret}` is not text in UTF-8")]
    NotText { secret: String },
}

impl SecretError {
    /// Whether the secret is just not there: a build may do without it.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, SecretError::NotSet { .. } | SecretError::NoFile { .. })
    }
}

/// The bytes of a secret as they are. An empty variable counts as one that is not set.
pub(crate) async fn read(secret: &Secret) -> Result<Vec<u8>, SecretError> {
    let name = || secret.name.clone();
    let value = match &secret.source {
        SecretSource::Env(variable) => from_environment(variable)
            .ok_or_else(|| SecretError::NotSet { secret: name(), variable: variable.clone() })?,
        SecretSource::File(path) => from_file(path).await.map_err(|cause| {
            let path = path.display().to_string();
            match cause.kind() {
                io::ErrorKind::NotFound => SecretError::NoFile { secret: name(), path },
                _ => SecretError::Unreadable { secret: name(), path, cause },
            }
        })?,
    };
    if value.len() > MAX_SIZE { Err(SecretError::TooLong { secret: name() }) } else { Ok(value) }
}

/// A secret as one line of text, such as a password. Editors and `echo` end files with a newline that is not part of it.
pub(crate) async fn read_line(secret: &Secret) -> Result<String, SecretError> {
    let text = String::from_utf8(read(secret).await?);
    let text = text.map_err(|_| SecretError::NotText { secret: secret.name.clone() })?;
    Ok(match secret.source {
        SecretSource::Env(_) => text,
        SecretSource::File(_) => text.trim_end_matches(['\n', '\r']).to_owned(),
    })
}

#[expect(clippy::disallowed_methods, reason = "this is where secrets are read")]
fn from_environment(variable: &str) -> Option<Vec<u8>> {
    std::env::var_os(variable).map(OsStringExt::into_vec).filter(|value| !value.is_empty())
}

/// The file's content, or enough of it to see that it is too long. What is no file, such as a pipe, may never begin or
/// end, and has nothing for a second step that asks; opening it without waiting is how to find out.
async fn from_file(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path).await?;
    let kind = file.metadata().await?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut content = Vec::new();
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut content).await?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{MAX_SIZE, read, read_line};
    use crate::plan::{Secret, SecretSource};

    fn in_file(path: &Path) -> Secret {
        Secret { name: "token".to_owned(), source: SecretSource::File(path.to_owned()) }
    }

    #[tokio::test]
    async fn bytes_are_left_as_they_are() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        for content in [&b""[..], b"line\n", b"\0\xff\r\n", &[7; MAX_SIZE]] {
            std::fs::write(file.path(), content).expect("the file can be written");
            assert_eq!(read(&in_file(file.path())).await.expect("the secret can be read"), content);
        }
    }

    #[tokio::test]
    async fn a_line_ends_before_the_end_of_the_line() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        std::fs::write(file.path(), " pass word \r\n").expect("the file can be written");
        assert_eq!(read_line(&in_file(file.path())).await.expect("it can be read"), " pass word ");
    }

    #[tokio::test]
    async fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe can be made");
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            let secret = in_file(path);
            let answer = tokio::time::timeout(std::time::Duration::from_secs(10), read(&secret)).await;
            let error = answer.expect("it is not waited for").expect_err("it is no file").to_string();
            assert_eq!(error, format!("secret `token`: cannot read {} (it is not a file)", path.display()));
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_without_the_value() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("file");
        std::fs::write(&file, [b'x'; MAX_SIZE + 1]).expect("the file can be written");
        let unset =
            Secret { name: "token".to_owned(), source: SecretSource::Env("CACHELANG_TEST_UNSET".to_owned()) };
        let place = folder.path().display();
        for (secret, is_absent, message) in [
            (
                unset,
                true,
                "secret `token`: the environment variable `CACHELANG_TEST_UNSET` is not set".to_owned(),
            ),
            (
                in_file(&folder.path().join("missing")),
                true,
                format!("secret `token`: there is no file {place}/missing"),
            ),
            (
                in_file(folder.path()),
                false,
                format!("secret `token`: cannot read {place} (Is a directory (os error 21))"),
            ),
            (
                in_file(&file),
                false,
                "secret `token` is longer than 500 KiB, the most that a secret may have".to_owned(),
            ),
        ] {
            let error = read(&secret).await.expect_err("the secret has no value");
            assert_eq!((error.is_absent(), error.to_string()), (is_absent, message));
        }
        std::fs::write(&file, b"\xffsesame").expect("the file can be written");
        let error = read_line(&in_file(&file)).await.expect_err("it is no text");
        assert_eq!(error.to_string(), "secret `token` is not text in UTF-8");
    }
}
