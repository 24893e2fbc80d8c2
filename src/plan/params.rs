//! What the outside gives to a program, without a plan.

use indexmap::IndexMap;

use super::eval::Evaluator;
use super::{Input, Inputs};
use crate::check::Program;

/// The names in `params` that the program does not declare, each with a declared one that is similar.
pub fn unknown_params<'a>(
    program: &'a Program,
    params: &'a IndexMap<String, String>,
) -> Vec<(&'a str, Option<&'a str>)> {
    let declared: Vec<_> = program.values.iter().filter(|value| value.param.is_some()).collect();
    let known = || declared.iter().map(|value| value.name.value.as_str());
    params
        .keys()
        .filter(|name| !known().any(|declared| declared == name.as_str()))
        .map(|name| (name.as_str(), crate::diag::similar(name, known())))
        .collect()
}

/// The values of params and of what else comes from outside, as far as they can be found: a param without a value is
/// not there, and what is wrong with a value is not said.
pub fn inputs(program: &Program, inputs: &Inputs<'_>) -> Vec<Input> {
    let evaluator = Evaluator::new(program, inputs);
    evaluator.all_values();
    evaluator.finish().1
}
