//! The causes that a diagnostic can have. A code names one cause and is never given to another.

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The run would fail, leak a secret, or do something other than what is written.
    Error,
    /// The run can succeed but almost surely does not do what was meant.
    Warning,
}

/// The cause of a diagnostic. The family is the first digit: 0 lexical, 1 syntax, 2 names, 3 types and values,
/// 4 images and registries, 5 waves, 6 secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    UnterminatedString,
    SingleQuotes,
    ForeignComment,
    UnexpectedCharacter,
    UnknownEscape,
    UnclosedInterpolation,
    UnclosedBracket,
    MismatchedBracket,
    StrayCloser,
    MergeConflict,
    ControlCharacter,
    NestingTooDeep,
    UnsupportedVersion,
    MissingVersion,
    UnknownItem,
    QuotedName,
    ExpectedEquals,
    MissingValue,
    MissingSeparator,
    MissingComma,
    MalformedNumber,
    NotAnAttributeName,
    AttributeOutsideBlock,
    BlockNotValue,
    UnquotedTag,
    StepOutsideWave,
    ForeignExpression,
    MissingStepArgument,
    UnexpectedToken,
    UnknownName,
    WrongKindOfName,
    DuplicateName,
    UnknownAttribute,
    DuplicateAttribute,
    MissingAttribute,
    CyclicValue,
    WrongArguments,
    UnusedItem,
    TypeMismatch,
    MaybeUnset,
    NotAChoice,
    MixedList,
    RefTooEarly,
    BadParamValue,
    MissingParamValue,
    ValueTooLarge,
    BadRepositoryName,
    BadTag,
    TagPushedTwice,
    MissingPath,
    RefNeverPushed,
    RefBeforePush,
    SecretInImage,
    SecretInString,
    SecretInArguments,
    NotYetSupported,
}

impl Code {
    /// Every code, in the order of the families.
    pub const ALL: [Code; 56] = [
        Code::UnterminatedString,
        Code::SingleQuotes,
        Code::ForeignComment,
        Code::UnexpectedCharacter,
        Code::UnknownEscape,
        Code::UnclosedInterpolation,
        Code::UnclosedBracket,
        Code::MismatchedBracket,
        Code::StrayCloser,
        Code::MergeConflict,
        Code::ControlCharacter,
        Code::NestingTooDeep,
        Code::UnsupportedVersion,
        Code::MissingVersion,
        Code::UnknownItem,
        Code::QuotedName,
        Code::ExpectedEquals,
        Code::MissingValue,
        Code::MissingSeparator,
        Code::MissingComma,
        Code::MalformedNumber,
        Code::NotAnAttributeName,
        Code::AttributeOutsideBlock,
        Code::BlockNotValue,
        Code::UnquotedTag,
        Code::StepOutsideWave,
        Code::ForeignExpression,
        Code::MissingStepArgument,
        Code::UnexpectedToken,
        Code::UnknownName,
        Code::WrongKindOfName,
        Code::DuplicateName,
        Code::UnknownAttribute,
        Code::DuplicateAttribute,
        Code::MissingAttribute,
        Code::CyclicValue,
        Code::WrongArguments,
        Code::UnusedItem,
        Code::TypeMismatch,
        Code::MaybeUnset,
        Code::NotAChoice,
        Code::MixedList,
        Code::RefTooEarly,
        Code::BadParamValue,
        Code::MissingParamValue,
        Code::ValueTooLarge,
        Code::BadRepositoryName,
        Code::BadTag,
        Code::TagPushedTwice,
        Code::MissingPath,
        Code::RefNeverPushed,
        Code::RefBeforePush,
        Code::SecretInImage,
        Code::SecretInString,
        Code::SecretInArguments,
        Code::NotYetSupported,
    ];

    /// The code as users see it: `E0403`, `W0405`.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::UnterminatedString => "E0001",
            Code::SingleQuotes => "E0002",
            Code::ForeignComment => "E0003",
            Code::UnexpectedCharacter => "E0004",
            Code::UnknownEscape => "E0005",
            Code::UnclosedInterpolation => "E0006",
            Code::UnclosedBracket => "E0007",
            Code::MismatchedBracket => "E0008",
            Code::StrayCloser => "E0009",
            Code::MergeConflict => "E0010",
            Code::ControlCharacter => "E0011",
            Code::NestingTooDeep => "E0012",
            Code::UnsupportedVersion => "E0014",
            Code::MissingVersion => "W0015",
            Code::UnknownItem => "E0101",
            Code::QuotedName => "E0102",
            Code::ExpectedEquals => "E0103",
            Code::MissingValue => "E0104",
            Code::MissingSeparator => "E0105",
            Code::MissingComma => "E0106",
            Code::MalformedNumber => "E0107",
            Code::NotAnAttributeName => "E0108",
            Code::AttributeOutsideBlock => "E0109",
            Code::BlockNotValue => "E0110",
            Code::UnquotedTag => "E0111",
            Code::StepOutsideWave => "E0112",
            Code::ForeignExpression => "E0113",
            Code::MissingStepArgument => "E0114",
            Code::UnexpectedToken => "E0115",
            Code::UnknownName => "E0201",
            Code::WrongKindOfName => "E0202",
            Code::DuplicateName => "E0203",
            Code::UnknownAttribute => "E0204",
            Code::DuplicateAttribute => "E0205",
            Code::MissingAttribute => "E0206",
            Code::CyclicValue => "E0207",
            Code::WrongArguments => "E0208",
            Code::UnusedItem => "W0209",
            Code::TypeMismatch => "E0301",
            Code::MaybeUnset => "E0302",
            Code::NotAChoice => "E0303",
            Code::MixedList => "E0304",
            Code::RefTooEarly => "E0305",
            Code::BadParamValue => "E0308",
            Code::MissingParamValue => "E0309",
            Code::ValueTooLarge => "E0312",
            Code::BadRepositoryName => "E0401",
            Code::BadTag => "E0402",
            Code::TagPushedTwice => "E0404",
            Code::MissingPath => "E0411",
            Code::RefNeverPushed => "E0501",
            Code::RefBeforePush => "E0502",
            Code::SecretInImage => "E0601",
            Code::SecretInString => "E0602",
            Code::SecretInArguments => "E0603",
            Code::NotYetSupported => "E0701",
        }
    }

    /// The code of a text such as `E0403`, in upper or lower case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    /// The page about the code: a path in cachelang's repository.
    pub fn url(self) -> String {
        format!("docs/errors/{self}.md")
    }

    /// Errors start with `E`, warnings with `W`.
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
