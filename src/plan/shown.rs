//! Steps as messages show them: as they are written in the file, with what is known before the run.

use super::{Command, ImageId, Plan, Program, ScriptPiece, Step, Text, TextPiece};

impl Step {
    /// The step on one line: `push lambda, worker["api"]`. What only the run knows is shown by its name: `lambda.ref`.
    pub fn shown(&self, plan: &Plan) -> String {
        let names = |images: &[ImageId]| {
            images.iter().map(|id| plan.image(*id).name.as_str()).collect::<Vec<_>>().join(", ")
        };
        match self {
            Step::Build { images } => format!("build {}", names(images)),
            Step::Push { images } => format!("push {}", names(images)),
            Step::Promote { image, to } => {
                let to: Vec<_> = to.iter().map(|to| plan.reference(&to.tag)).collect();
                format!("promote {} to {}", plan.image(*image).name, to.join(", "))
            }
            Step::Command(command) => command.shown(plan),
            Step::Approve { question } => format!("approve {}", text(plan, question)),
        }
    }
}

impl Command {
    /// The command line, or the first line of the script.
    pub fn shown(&self, plan: &Plan) -> String {
        match &self.program {
            Program::Run(words) => words.iter().map(|word| text(plan, word)).collect::<Vec<_>>().join(" "),
            Program::Sh(pieces) => {
                let script: String = pieces
                    .iter()
                    .map(|piece| match piece {
                        ScriptPiece::Script(script) => script.clone(),
                        ScriptPiece::Word(value) | ScriptPiece::Quoted(value) => text(plan, value),
                    })
                    .collect();
                script.lines().next().unwrap_or_default().to_owned()
            }
        }
    }
}

fn text(plan: &Plan, text: &Text) -> String {
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Literal(literal) => literal.clone(),
        TextPiece::Ref(id) => format!("{}.ref", plan.image(*id).name),
        TextPiece::Digest(id) => format!("{}.digest", plan.image(*id).name),
    };
    text.0.iter().map(piece).collect()
}
