//! The place of an error in a Dockerfile for engines that do not name it, such as Docker 20.10: it is looked for.

use std::sync::LazyLock;

use regex::Regex;

use crate::host::{BuildError, DockerfilePlace};

/// The error with its place in the Dockerfile, if it has none and there is exactly one that fits.
pub(in crate::buildkit) fn located(error: BuildError, file: &str, text: &str) -> BuildError {
    let at = |(first, last)| Box::new(DockerfilePlace::new(file, text, first, last));
    match error {
        BuildError::Step { step, cause, output, place: None } => {
            let place = instruction(&step).and_then(|words| lines_of(text, words)).map(at);
            BuildError::Step { step, cause, output, place }
        }
        BuildError::Engine(cause) => match mistake(&cause) {
            Some(line) => BuildError::Dockerfile { cause, place: at((line, line)) },
            None => BuildError::Engine(cause),
        },
        error => error,
    }
}

/// The text behind the `[2/4]` of a step's name.
fn instruction(step: &str) -> Option<&str> {
    let (_, words) = step.strip_prefix('[')?.split_once("] ")?;
    Some(words)
}

/// The line that the parser complains about.
fn mistake(message: &str) -> Option<u32> {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^dockerfile parse error (?:on )?line (\d+):").expect("the pattern is constant")
    });
    LINE.captures(message)?.get(1)?.as_str().parse().ok()
}

/// The first and the last line of the only instruction with these words.
fn lines_of(text: &str, words: &str) -> Option<(u32, u32)> {
    let words = plain(words);
    let mut found = instructions(text).filter(|(_, _, written)| *written == words);
    let (first, last, _) = found.next()?;
    found.next().is_none().then_some((first, last))
}

/// The instructions with their lines; those that go on in the next line are one.
fn instructions(text: &str) -> impl Iterator<Item = (u32, u32, String)> {
    let mut lines = (1..).zip(text.lines());
    std::iter::from_fn(move || {
        let (first, mut line) = lines.next()?;
        let (mut last, mut written) = (first, String::new());
        while let Some(start) = line.trim_end().strip_suffix('\\') {
            written.push_str(start);
            let Some(next) = lines.next() else { break };
            (last, line) = next;
        }
        written.push_str(line);
        Some((first, last, plain(&written)))
    })
}

/// Words with one blank between them: how many there are differs between versions.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "FROM base\nRUN true\nRUN echo a && \\\n    exit 7\nRUN true\nCOPY a b";

    fn lines(error: BuildError) -> Option<(u32, u32)> {
        located(error, "Dockerfile", TEXT).place().map(|place| (place.first_line, place.last_line))
    }

    fn step(name: &str) -> BuildError {
        BuildError::Step { step: name.into(), cause: "x".into(), output: Vec::new(), place: None }
    }

    #[test]
    fn the_instruction_of_a_step_is_found() {
        assert_eq!(lines(step("[3/4] RUN echo a &&     exit 7")), Some((3, 4)));
        assert_eq!(lines(step("[linux/amd64 build 4/4] COPY a b")), Some((6, 6)));
    }

    #[test]
    fn what_is_not_sure_has_no_place() {
        assert_eq!(lines(step("[2/4] RUN true")), None, "it is there twice");
        assert_eq!(lines(step("[2/4] RUN other")), None);
        assert_eq!(lines(step("exporting to image")), None);
        assert_eq!(lines(BuildError::Engine("no builder".into())), None);
    }

    #[test]
    fn the_line_of_a_mistake_is_that_of_the_message() {
        let error = BuildError::Engine("dockerfile parse error line 2: unknown instruction: RUNN".into());
        assert_eq!(lines(error), Some((2, 2)));
    }
}
