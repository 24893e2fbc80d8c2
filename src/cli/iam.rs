//! `cachelang iam`

use super::WRONG;
use super::load::{self, FileArgs, Loaded, Params, show_diagnostics};
use super::say::{print_json, say_line};
use crate::diag::render::printable;
use crate::iam::{self, Principal};

/// Prints the least policy that a run of the file needs on AWS, and returns the exit code.
pub(super) fn iam(args: FileArgs) -> u8 {
    shown(args).unwrap_or_else(|code| code)
}

fn shown(args: FileArgs) -> Result<u8, u8> {
    let input = args.into_input();
    let Loaded { checked, plan } = load::plan(load::check(&input)?, Params::Required);
    show_diagnostics(&checked, &input);
    let policies = iam::policies(&plan.ok_or(WRONG)?);
    if policies.is_empty() {
        say_line(format_args!("{} uses no registry of Amazon ECR: no policy is needed", checked.name()));
    }
    let several = policies.len() > 1;
    for (principal, policy) in &policies {
        if several || *principal != Principal::Machine {
            say_line(format_args!("{}:", printable(&words(principal))));
        }
        print_json(policy);
    }
    Ok(0)
}

fn words(principal: &Principal) -> String {
    match principal {
        Principal::Machine => "the AWS credentials of the machine".to_owned(),
        Principal::Profile(profile) => format!("profile {profile}"),
        Principal::Role(role) => format!("role {role}"),
    }
}
