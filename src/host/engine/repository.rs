//! What an engine makes of the address of a Git repository: a URL → `Form` (buildkit, util/gitutil/git_ref.go; before
//! 0.10, frontend/dockerfile/builder/build.go).

/// How an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Every engine takes it for a repository.
    Known,
    /// BuildKit 0.10 and later do.
    KnownLater,
    /// It is taken for a file that is to be downloaded.
    File,
    /// No engine knows what it is.
    Other,
}

impl Form {
    pub(super) fn of(url: &str) -> Self {
        let address = url.split_once('#').map_or(url, |(address, _)| address);
        let is_web = |address: &str| address.starts_with("http://") || address.starts_with("https://");
        let is_early = |start: &&str| address.starts_with(*start);
        if ["git://", "git@", "github.com/"].iter().any(is_early) {
            return Form::Known;
        }
        if is_web(address) && address.ends_with(".git") {
            return Form::Known;
        }
        // The scheme in capital letters and a query were not understood at first.
        let path = address.split_once('?').map_or(address, |(path, _)| path);
        match address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
            Some("ssh" | "git") => Form::KnownLater,
            Some("http" | "https") if path.ends_with(".git") => Form::KnownLater,
            Some("http" | "https") => Form::File,
            None if is_scp(address) => Form::KnownLater,
            _ => Form::Other,
        }
    }
}

/// `user@host:path`
fn is_scp(address: &str) -> bool {
    let place = address.split_once(':').map_or("", |(place, _)| place);
    !place.contains('/')
        && place.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// A URL for a message: what stands before `@` may have a password.
pub(super) fn without_login(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", url.get(at..).unwrap_or_default()),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, without_login};

    #[test]
    fn repositories_are_told_from_files_and_folders() {
        for (url, form) in [
            ("https://github.com/org/app.git", Form::Known),
            ("https://github.com/org/app.git#main:folder", Form::Known),
            ("http://host/app.git#v1", Form::Known),
            ("git://host/app", Form::Known),
            ("git@github.com:org/app", Form::Known),
            ("github.com/org/app", Form::Known),
            ("ssh://git@host:2222/org/app#main", Form::KnownLater),
            ("me@host:org/app.git", Form::KnownLater),
            ("HTTPS://host/app.git", Form::KnownLater),
            ("https://host/app.git?ref=main", Form::KnownLater),
            ("https://github.com/org/app", Form::File),
            ("https://github.com/org/app#main.git", Form::File),
            ("https://host/app.git/", Form::File),
            ("/srv/app.git", Form::Other),
            ("../app", Form::Other),
            ("file:///srv/app.git", Form::Other),
            ("host/app.git", Form::Other),
            ("dir/me@host:app", Form::Other),
            ("", Form::Other),
        ] {
            assert_eq!(Form::of(url), form, "{url}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        assert_eq!(without_login("https://ci:secret@host/app"), "https://…@host/app");
        assert_eq!(without_login("git@host:app"), "git@host:app");
    }
}
