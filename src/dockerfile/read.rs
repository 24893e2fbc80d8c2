//! A text → [`Dockerfile`], with the crate `parse-dockerfile` underneath.

use parse_dockerfile::{Flag, Instruction, UnescapedString};

use super::directives::Directives;
use super::mounts::{Need, need};
use super::{Body, Dockerfile, HostMount, Stage, Unreadable, args, heredoc};
use crate::source::{FileId, Span, Spanned};

/// Messages quote the word that they are about, which may be a whole line of something else than a Dockerfile.
const MAX_WORDS: usize = 120;

pub(super) fn read(file: FileId, text: &str) -> Result<Dockerfile, Unreadable> {
    let escape = Directives::of(text).escape;
    let reader = Reader { file, text, escape };
    let blanked = heredoc::blank_out(text, escape).map_err(|found| Unreadable {
        span: reader.span(found.instruction),
        words: short(&format!("the here-document `{}` does not end", found.delimiter)),
    })?;
    // The parser would count its offsets from behind a byte order mark.
    if text.starts_with('\u{feff}') {
        return Err(reader.unreadable(0, "two byte order marks"));
    }
    let mut dockerfile = Dockerfile { args: Vec::new(), stages: Vec::new(), escape };
    let instructions = parse_dockerfile::parse_iter(&blanked).map_err(|error| reader.error(&error))?;
    for instruction in instructions {
        reader.add(&instruction.map_err(|error| reader.error(&error))?, &mut dockerfile);
    }
    Ok(dockerfile)
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    escape: char,
}

impl Reader<'_> {
    fn add(&self, instruction: &Instruction<'_>, dockerfile: &mut Dockerfile) {
        match (instruction, dockerfile.stages.last_mut()) {
            (Instruction::From(from), _) => {
                let platform = from.options.iter().find(|flag| flag.name.value == "platform");
                let name = from.as_.as_ref().filter(|(_, name)| !name.value.is_empty());
                dockerfile.stages.push(Stage {
                    name: name.map(|(_, name)| self.spanned(name)),
                    from: self.spanned(&from.image),
                    platform: platform.and_then(|flag| flag.value.as_ref()).map(|value| self.spanned(value)),
                    body: Body::default(),
                    onbuild: None,
                });
            }
            (Instruction::Arg(arg), None) => dockerfile.args.extend(self.args(&arg.arguments)),
            (Instruction::Onbuild(onbuild), Some(stage)) => {
                self.add_to(stage.onbuild.get_or_insert_default(), &onbuild.instruction);
            }
            (instruction, Some(stage)) => self.add_to(&mut stage.body, instruction),
            // The parser lets nothing else stand in front of the first stage.
            (_, None) => {}
        }
    }

    fn add_to(&self, body: &mut Body, instruction: &Instruction<'_>) {
        match instruction {
            Instruction::Arg(arg) => body.args.extend(self.args(&arg.arguments)),
            // `--from` takes no variables: BuildKit's `toCommand` refuses all that expansion would change. `ADD` has no
            // such flag.
            Instruction::Copy(copy) => {
                let from = copy.options.iter().filter(|flag| flag.name.value == "from");
                let plain = |value: &&UnescapedString<'_>| {
                    !value.value.is_empty() && !value.value.contains(['$', '\'', '"', self.escape])
                };
                let values = from.filter_map(|flag| flag.value.as_ref()).filter(plain);
                body.copies_from.extend(values.map(|value| self.spanned(value)));
            }
            Instruction::Run(run) => run.options.iter().for_each(|flag| self.add_mount(body, flag)),
            _ => {}
        }
    }

    fn add_mount(&self, body: &mut Body, flag: &Flag<'_>) {
        let Some(value) = flag.value.as_ref().filter(|_| flag.name.value == "mount") else { return };
        let mount = self.span(value.span.clone());
        match need(&value.value) {
            Some(Need::From(from)) => {
                let span = self.field(mount, "from=", &from);
                body.mounts_from.push(Spanned::new(from, span));
            }
            Some(Need::Secret { id, required }) => {
                let span = self.field(mount, "id=", &id);
                body.secrets.push(HostMount { id, required, span });
            }
            Some(Need::SomeSecret) => body.has_unknown_secret = true,
            Some(Need::Ssh { id, required }) => {
                let span = self.field(mount, "id=", &id);
                body.ssh.push(HostMount { id, required, span });
            }
            None => {}
        }
    }

    /// Where the value of a field is written in a mount, or else the whole mount.
    fn field(&self, mount: Span, key: &str, value: &str) -> Span {
        let written = self.text.get(mount.range()).unwrap_or_default();
        let has_key = |at: usize| {
            let before = at.checked_sub(key.len()).and_then(|start| written.get(start..at));
            before.is_some_and(|before| before.eq_ignore_ascii_case(key))
        };
        match written.match_indices(value).find(|(at, _)| has_key(*at)) {
            Some((at, _)) => {
                let start = mount.range().start + at;
                Span::new(self.file, start..start + value.len())
            }
            None => mount,
        }
    }

    fn args(&self, arguments: &UnescapedString<'_>) -> Vec<args::Arg> {
        let span = self.span(arguments.span.clone());
        args::parse(self.file, self.text, span, &arguments.value, self.escape)
    }

    fn spanned(&self, word: &UnescapedString<'_>) -> Spanned<String> {
        Spanned::new(word.value.clone().into_owned(), self.span(word.span.clone()))
    }

    /// The parser counts bytes, and after continuations it can be off by some.
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        let start = self.text.floor_char_boundary(range.start);
        let end = self.text.floor_char_boundary(range.end).max(start);
        Span::new(self.file, start..end)
    }

    fn error(&self, error: &parse_dockerfile::Error) -> Unreadable {
        // Without a position the line is 0.
        let before = error.line().saturating_sub(1);
        let line: usize = self.text.split_inclusive('\n').take(before).map(str::len).sum();
        self.unreadable(line + error.column().saturating_sub(1), &format!("{error:#}"))
    }

    /// Something is wrong with the word that starts at an offset.
    fn unreadable(&self, start: usize, words: &str) -> Unreadable {
        let start = self.text.floor_char_boundary(start);
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        Unreadable { span: Span::new(self.file, start..start + length), words: short(words) }
    }
}

fn short(words: &str) -> String {
    match words.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words.to_owned(),
    }
}
