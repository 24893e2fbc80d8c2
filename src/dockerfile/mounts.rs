//! `RUN --mount=type=secret,id=token,required` → what the mount needs from elsewhere.
//!
//! The rules are those of BuildKit's `frontend/dockerfile/instructions/commands_runmount.go`.

/// What a mount needs from outside of its stage.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A stage, an image or a named context.
    From(String),
    Secret {
        id: String,
        required: bool,
    },
    /// A secret whose id only the build knows.
    SomeSecret,
    Ssh {
        id: String,
        required: bool,
    },
}

/// `None` when it needs nothing, or what it needs depends on variables.
pub(super) fn need(mount: &str) -> Option<Need> {
    let (mut kind, mut from, mut id, mut source, mut target) = (None, None, None, None, None);
    let mut required = false;
    for field in fields(mount) {
        let (key, value) = field
            .split_once('=')
            .map_or((field.as_str(), None), |(key, value)| (key, Some(value.to_owned())));
        match (key.to_ascii_lowercase().as_str(), value) {
            ("type", Some(value)) => kind = Some(value.to_ascii_lowercase()),
            ("from", value) => from = value,
            ("id", value) => id = value,
            ("source" | "src", value) => source = value,
            ("target" | "dst" | "destination", value) => target = value,
            ("required", value) => {
                // Go's strconv.ParseBool
                let value = value.unwrap_or_else(|| "true".to_owned());
                required = matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True");
            }
            _ => {}
        }
    }
    let given = |value: Option<String>| value.filter(|value| !value.is_empty());
    // Variables in `from` are a mistake; those elsewhere have values that only the build knows.
    let known = |value: String| (!value.contains('$')).then_some(value);
    match kind.as_deref().unwrap_or("bind") {
        "bind" | "cache" => Some(Need::From(known(given(from)?)?)),
        "secret" => {
            let base = |target: String| target.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
            let id = given(source).or(given(id)).or_else(|| base(given(target)?))?;
            Some(known(id).map_or(Need::SomeSecret, |id| Need::Secret { id, required }))
        }
        "ssh" => Some(Need::Ssh { id: known(given(id).unwrap_or_else(|| "default".to_owned()))?, required }),
        _ => None,
    }
}

/// The fields of a line of comma-separated values; a field that starts with `"` goes to the next `"` that stands alone.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(character),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs() {
        let from = |from: &str| Some(Need::From(from.to_owned()));
        let secret = |id: &str, required| Some(Need::Secret { id: id.to_owned(), required });
        let ssh = |id: &str, required| Some(Need::Ssh { id: id.to_owned(), required });
        for (mount, expected) in [
            ("target=/x", None),
            ("from=build,target=/x", from("build")),
            ("type=bind,FROM=alpine:3,src=/,dst=/x", from("alpine:3")),
            ("type=cache,target=/x", None),
            ("type=Cache,target=/x,from=seed", from("seed")),
            ("type=bind,from=$X,target=/x", None),
            ("type=tmpfs,target=/x", None),
            ("type=secret,id=token", secret("token", false)),
            ("type=secret,id=token,required", secret("token", true)),
            ("type=secret,id=token,required=true,env=TOKEN", secret("token", true)),
            ("type=secret,id=token,required=0", secret("token", false)),
            ("type=secret,target=/run/secrets/npm", secret("npm", false)),
            ("type=secret,dst=/root/.npmrc/", secret(".npmrc", false)),
            ("type=secret,source=a", secret("a", false)),
            ("type=secret,\"id=a,b\"", secret("a,b", false)),
            ("type=secret,id=$X", Some(Need::SomeSecret)),
            ("type=secret", None),
            ("type=ssh", ssh("default", false)),
            ("type=ssh,id=git,required=true", ssh("git", true)),
            ("", None),
            ("type=secret,\"", None),
        ] {
            assert_eq!(need(mount), expected, "{mount}");
        }
    }
}
