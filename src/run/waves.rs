//! Waves in the order of the file; in a wave `pre`, then the stages, each behind those that it waits for, then `post`.

use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::ledger::{Done, Failed};
use super::order::Order;
use super::prepare::Prepared;
use super::{RunError, WaveState};
use crate::host::{Event, Place};
use crate::plan::blocks::{self, Block, Part};
use crate::plan::{EnvValue, Stage, Step};

/// Where a step stands, and what its block means for it.
pub(super) struct At<'a> {
    pub(super) place: &'a Place,
    /// Of the stage.
    pub(super) env: Option<&'a IndexMap<String, EnvValue>>,
    /// How many steps there are at least behind it in its wave.
    pub(super) behind: usize,
}

impl Prepared<'_> {
    /// Runs the waves, up to the first that fails: each one may rely on all before it.
    pub(super) async fn waves(&self) -> Done {
        for (index, wave) in self.plan.waves.iter().enumerate() {
            if !wave.when {
                let reason = "its `when` does not hold".to_owned();
                self.tell(Event::WaveSkipped { wave: wave.name.clone(), reason });
                continue;
            }
            self.tell(Event::WaveStarted { wave: wave.name.clone() });
            self.ledger.change_wave(index, |wave| wave.state = WaveState::Started);
            let started = Instant::now();
            let done = self.wave(index).await;
            let (succeeded, elapsed) = (done.is_ok(), started.elapsed());
            self.tell(Event::WaveFinished { wave: wave.name.clone(), succeeded, elapsed });
            self.ledger.change_wave(index, |wave| wave.state = WaveState::of(done));
            done?;
        }
        Ok(())
    }

    async fn wave(&self, index: usize) -> Done {
        let wave = self.plan.waves.get(index).expect("it is a wave of the plan");
        let mut stages = Vec::new();
        for block in blocks::of_wave(index, wave) {
            match block.part {
                Part::Stage(_) => stages.push(block),
                Part::Post => {
                    self.stages(wave.stages(), &stages).await?;
                    self.block(&block).await?;
                }
                Part::Whole | Part::Pre => self.block(&block).await?,
            }
        }
        Ok(())
    }

    async fn stages(&self, stages: &[Stage], blocks: &[Block<'_>]) -> Done {
        let needs: Vec<_> = stages.iter().map(|stage| stage.after.clone()).collect();
        let lengths = stages.iter().map(|stage| stage.steps.len()).collect();
        let order = Order::new(&needs, lengths);
        let parallel = order.is_parallel();
        let start = |index: usize| {
            let block = *blocks.get(index).expect("each stage is a block");
            let behind = order.behind(index);
            async move { self.stage(&block, parallel, behind).await }
        };
        order.run(|| self.may_start(), start).await
    }

    async fn stage(&self, block: &Block<'_>, parallel: bool, behind: usize) -> Done {
        let (Some(stage), Part::Stage(at)) = (block.stage(self.plan), block.part) else { return Ok(()) };
        let place = block.place(self.plan);
        let (wave, stage_name) = (|| place.wave.clone(), || stage.name.clone());
        if !stage.runs {
            let reason =
                if stage.when { "no stage that it waits for runs" } else { "its `when` does not hold" };
            self.tell(Event::StageSkipped { wave: wave(), stage: stage_name(), reason: reason.to_owned() });
            return Ok(());
        }
        self.tell(Event::StageStarted { wave: wave(), stage: stage_name() });
        self.ledger.change_stage(block.wave, at, |stage| stage.state = WaveState::Started);
        let started = Instant::now();
        let done = self.steps(block, &Place { parallel, ..place.clone() }, behind).await;
        let (succeeded, elapsed) = (done.is_ok(), started.elapsed());
        self.ledger.change_stage(block.wave, at, |stage| stage.state = WaveState::of(done));
        self.tell(Event::StageFinished { wave: wave(), stage: stage_name(), succeeded, elapsed });
        done
    }

    async fn block(&self, block: &Block<'_>) -> Done {
        self.steps(block, &block.place(self.plan), 0).await
    }

    /// Runs the steps of a block in order, up to the first that fails, within the `timeout` of the stage. Commands wait
    /// for a job first; that time does not count.
    async fn steps(&self, block: &Block<'_>, place: &Place, behind: usize) -> Done {
        let stage = block.stage(self.plan);
        let limit = stage.and_then(|stage| stage.timeout);
        let mut used = Duration::ZERO;
        for (index, step) in block.steps.iter().enumerate() {
            if self.was_done(block, index) {
                continue;
            }
            let behind = behind + block.steps.len() - index - 1;
            let at = At { place, env: stage.map(|stage| &stage.env), behind };
            let job = match step {
                Step::Command(_) => Some(self.jobs.take(behind).await),
                _ => None,
            };
            if !self.may_start() {
                return Err(Failed);
            }
            let (place, started) = (|| place.clone(), Instant::now());
            self.tell(Event::StepStarted { place: place(), step: index });
            let done = match limit {
                Some(limit) => self.step_within(limit, used, &at, step).await,
                None => self.step(&at, step).await,
            };
            let (succeeded, elapsed) = (done.is_ok(), started.elapsed());
            self.tell(Event::StepFinished { place: place(), step: index, succeeded, elapsed });
            done?;
            used += elapsed;
            drop(job);
            self.step_done(block, index).await;
        }
        Ok(())
    }

    async fn step_within(&self, limit: Duration, used: Duration, at: &At<'_>, step: &Step) -> Done {
        let left = limit.saturating_sub(used);
        if let Ok(done) = tokio::time::timeout(left, self.step(at, step)).await {
            return done;
        }
        // What was given up must not run beside what comes now, or after the run.
        self.host.commands.settle().await;
        Err(self.ledger.fail(RunError::StageTimeout { place: Box::new(at.place.clone()), limit }))
    }

    async fn step(&self, at: &At<'_>, step: &Step) -> Done {
        match step {
            Step::Build { images } => self.build(&self.selected(images), at.behind).await,
            Step::Push { images } => self.push(&self.selected(images), at.behind).await,
            Step::Command(command) => self.command(at, command).await,
            Step::Promote { image, to } => self.promote(*image, to).await,
            Step::Approve { question } => self.approve(at.place, question).await,
        }
    }
}
