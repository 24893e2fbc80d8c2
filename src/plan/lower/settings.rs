//! Settings that are texts of a form that the engine or the registry would refuse late: each is checked here.

use std::net::IpAddr;
use std::time::Duration;

use indexmap::IndexMap;

use super::Lowering;
use super::images::entry_span;
use crate::check::program::{Attributes, Expr};
use crate::environment::PathKind;
use crate::plan::eval::Value;
use crate::plan::{Builder, errors};
use crate::source::Span;

const DAY: u64 = 24 * 60 * 60;

/// What the text of a setting must be.
pub(super) struct Rule {
    /// In a sentence: `` `x` is not … ``
    pub(super) what: &'static str,
    pub(super) is_fine: fn(&str, &str) -> bool,
    pub(super) help: &'static str,
}

/// `docker build --ssh`: <https://docs.docker.com/reference/cli/docker/buildx/build/#ssh>
pub(super) const SSH: Rule = Rule {
    what: "an SSH agent",
    is_fine: |_, text| {
        let (id, rest) = text.split_once('=').map_or((text, None), |(id, rest)| (id, Some(rest)));
        let word = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '.');
        !id.is_empty() && id.chars().all(word) && rest != Some("") && (rest.is_some() || id == "default")
    },
    help: "write `\"default\"` for the agent, or `\"ID=SOCKET\"` for another",
};

pub(super) const EXTRA_HOST: Rule = Rule {
    what: "an IP address",
    is_fine: |_, text| text == "host-gateway" || text.parse::<IpAddr>().is_ok(),
    help: "write an address such as `\"10.0.0.5\"`, or `\"host-gateway\"` for this machine",
};

/// The limits that `setrlimit` knows: <https://docs.docker.com/reference/cli/docker/container/run/#ulimit>
const ULIMITS: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

pub(super) const ULIMIT: Rule = Rule {
    what: "a limit",
    is_fine: |name, text| {
        let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= -1);
        let bound = |number: i64| if number < 0 { i64::MAX } else { number };
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        let fits = number(soft).zip(number(hard)).is_some_and(|(soft, hard)| bound(soft) <= bound(hard));
        fits && ULIMITS.contains(&name)
    },
    help: "write `nofile = 1024` or `nofile = \"1024:2048\"`, the soft limit first; `-1` is none",
};

const ENDPOINT: Rule = Rule {
    what: "the address of a builder",
    is_fine: |_, text| {
        let rest = ["unix://", "tcp://", "ssh://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
    },
    help: "write `\"unix:///PATH\"`, `\"tcp://HOST:PORT\"` or `\"ssh://USER@HOST\"`",
};

impl Lowering<'_> {
    fn check(&self, rule: &Rule, key: &str, text: &str, span: Span) {
        if !(rule.is_fine)(key, text) {
            self.eval.report(errors::bad_setting(rule.what, key, text, span, rule.help));
        }
    }

    pub(super) fn checked_list(&self, expr: Option<&Expr>, rule: &Rule) -> Vec<String> {
        let texts = self.strings(expr);
        for text in &texts {
            let Some(expr) = expr else { continue };
            self.check(rule, "", text, expr.item_written(|one| one == text).unwrap_or(expr.span));
        }
        texts
    }

    pub(super) fn checked_map(&self, expr: Option<&Expr>, rule: &Rule) -> IndexMap<String, String> {
        let texts = self.string_map(expr);
        for (key, text) in &texts {
            let Some(expr) = expr else { continue };
            self.check(rule, key, text, entry_span(expr, key));
        }
        texts
    }

    pub(super) fn checked(&self, expr: Option<&Expr>, rule: &Rule) -> Option<String> {
        let text = self.optional_string(expr)?;
        self.check(rule, "", &text, expr?.span);
        Some(text)
    }

    pub(super) fn endpoint(&self, expr: Option<&Expr>) -> Option<String> {
        let text = self.optional_string(expr)?;
        let (expr, rest) = (expr?, text.split_once("://").map_or("", |(_, rest)| rest));
        let login = rest.rsplit_once('@').map(|(login, _)| login);
        // A user is part of an address of SSH.
        if login.is_some_and(|login| login.contains(':') || !text.starts_with("ssh://")) {
            self.eval.report(errors::login_in_endpoint(expr.span));
            return None;
        }
        self.check(&ENDPOINT, "", &text, expr.span);
        Some(text)
    }

    pub(super) fn shm_size(&self, expr: Option<&Expr>) -> Option<u64> {
        match self.optional(expr) {
            Some(Value::Size(0)) => {
                let span = expr.map(|expr| expr.span)?;
                self.eval.report(errors::zero("a size", span));
                None
            }
            Some(Value::Size(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// A duration that something may take.
    pub(super) fn duration(&self, expr: Option<&Expr>) -> Option<Duration> {
        match self.optional(expr) {
            Some(Value::Duration(Duration::ZERO)) => {
                let span = expr.map(|expr| expr.span)?;
                self.eval.report(errors::zero("a duration", span));
                None
            }
            Some(Value::Duration(duration)) => Some(duration),
            _ => None,
        }
    }

    /// A duration in whole days, which is what lifecycle rules count in.
    pub(super) fn days(&self, expr: Option<&Expr>) -> Option<Duration> {
        let duration = self.duration(expr)?;
        let is_whole = duration.subsec_nanos() == 0 && duration.as_secs().is_multiple_of(DAY);
        if let (false, Some(expr)) = (is_whole, expr) {
            self.eval.report(errors::not_whole_days(expr.span));
        }
        Some(duration)
    }

    /// The files of `tls` must exist, and be used: an engine that cannot be reached says so much later.
    pub(super) fn check_tls(&self, builder: &Builder, attributes: &Attributes) {
        let (Some(tls), Some(block)) = (&builder.tls, attributes.block("tls")) else { return };
        let scheme = builder.endpoint.as_deref().and_then(|endpoint| endpoint.split_once("://"));
        if let (Some((scheme @ ("unix" | "ssh"), _)), Some(endpoint), Some(ca)) =
            (scheme, attributes.get("endpoint"), block.get("ca"))
        {
            self.eval.report(errors::tls_not_used(ca.span, endpoint.span, scheme));
        }
        let files = [("ca", Some(&tls.ca)), ("cert", tls.cert.as_ref()), ("key", tls.key.as_ref())];
        for (name, file) in files {
            let (Some(file), Some(expr)) = (file, block.get(name)) else { continue };
            let kind = self.eval.inputs().environment.path_kind(file);
            if let (Some(written), false) = (self.optional_string(Some(expr)), kind == Some(PathKind::File)) {
                self.eval.report(errors::missing_file(&written, file, kind, expr.span));
            }
        }
    }
}
