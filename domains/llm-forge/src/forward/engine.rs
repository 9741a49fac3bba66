//! Drives waves of sequences through the layers.

use super::attention::{self, Attention};
use super::cache::Cache;
use super::error::Place;
use super::experts::{self, Experts};
use super::feed_forward;
use super::head::Head;
use super::inputs::Kept;
use super::kernels::{Isa, Precision};
use super::mask::ExpertMask;
use super::observer::{Observer, Unobserved};
use super::options::Options;
use super::rope::Rope;
use super::router::{self, Router};
use super::wave::Wave;
use super::weights::Matrix;
use super::{ForwardError, Routing};
use crate::families::{ExpertPart, Geometry, Model, Role, Runnable};
use crate::progress::Progress;
use std::ops::ControlFlow;

/// Runs sequences through a model.
pub struct Engine<'m> {
    model: Runnable<'m>,
    options: Options,
    isa: Isa,
    rope: Rope,
    scratch: Vec<Scratch>,
    normed: Vec<f32>,
    buffers: experts::Buffers,
}

/// Buffers one thread reuses.
#[derive(Default)]
struct Scratch {
    attention: attention::Scratch,
    routing: router::Scratch,
    feed_forward: feed_forward::Scratch,
}

/// How far a run is, in sequence-layers, and whom to tell.
struct Meter<'a> {
    done: u64,
    total: u64,
    progress: Progress<'a>,
}

impl Meter<'_> {
    fn tell(&self) -> Result<(), ForwardError> {
        match (self.progress)(self.done, self.total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ForwardError::Cancelled { done: self.done, total: self.total }),
        }
    }
}

impl<'m> Engine<'m> {
    /// Prepares to run a model with the widest instructions this machine has.
    ///
    /// # Errors
    /// When an option is zero, or the model cannot be run.
    pub fn new(model: &'m Model, options: Options) -> Result<Engine<'m>, ForwardError> {
        Engine::with_isa(model, options, Isa::detect())
    }

    /// Prepares to run a model whose projections are computed in a precision: those of attention, of experts and of dense layers.
    /// Routers, attention itself, norms and the output stay in f32.
    ///
    /// # Errors
    /// When an option is zero, or the model cannot be run.
    pub fn with_precision(model: &'m Model, options: Options, precision: Precision) -> Result<Engine<'m>, ForwardError> {
        Ok(Engine::new(model, options)?.in_precision(precision))
    }

    /// The same engine with its projections computed in a precision.
    #[must_use]
    pub fn in_precision(mut self, precision: Precision) -> Engine<'m> {
        for scratch in &mut self.scratch {
            scratch.attention = attention::Scratch::of(precision);
            scratch.feed_forward = feed_forward::Scratch::of(precision);
        }
        self
    }

    /// Prepares to run a model with chosen instructions; results are the same with any.
    ///
    /// # Errors
    /// When an option is zero, or the model cannot be run.
    pub fn with_isa(model: &'m Model, options: Options, isa: Isa) -> Result<Engine<'m>, ForwardError> {
        options.check()?;
        let model = model.runnable()?;
        let g = model.geometry;
        Ok(Engine {
            model,
            options,
            isa,
            rope: Rope::new(g, 0),
            scratch: std::iter::repeat_with(Scratch::default).take(options.threads).collect(),
            normed: Vec::new(),
            buffers: experts::Buffers::default(),
        })
    }

    /// Runs every sequence, wave by wave, and hands each finished wave to `finish` with the means to turn it into logits.
    ///
    /// `total` is the number of sequences, for progress only, which is told in sequence-layers.
    ///
    /// # Errors
    /// When a sequence cannot be had or is empty, too long or out of the vocabulary; when weights cannot be read; when anything
    /// is not finite; when `progress` asks to stop; and whatever `finish` returns.
    pub fn run<E: From<ForwardError>>(
        &mut self,
        (total, sequences): (u64, impl IntoIterator<Item = Result<Vec<u32>, E>>),
        mask: Option<&ExpertMask>,
        observer: &mut dyn Observer,
        progress: Progress<'_>,
        mut finish: impl FnMut(&mut Head<'m>, &Wave) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut head = self.head()?;
        let mut meter = Meter { done: 0, total: total * self.model.geometry.layers as u64, progress };
        let mut sequences = sequences.into_iter().peekable();
        let mut first = 0;
        while let Some(wave) = self.next_wave(first, &mut sequences)? {
            first += wave.sequences().len() as u64;
            let wave = self.layers(wave, mask, observer, &mut meter)?;
            finish(&mut head, &wave)?;
        }
        Ok(())
    }

    /// Collects sequences up to the wave's limit; none when there are no more.
    fn next_wave<E: From<ForwardError>>(
        &self,
        first: u64,
        sequences: &mut std::iter::Peekable<impl Iterator<Item = Result<Vec<u32>, E>>>,
    ) -> Result<Option<Wave>, E> {
        let mut taken: Vec<Vec<u32>> = Vec::new();
        let mut tokens = 0;
        let limit = self.options.wave_tokens;
        while let Some(sequence) =
            sequences.next_if(|next| taken.is_empty() || next.as_ref().map_or(true, |next| tokens + next.len() <= limit))
        {
            let sequence = sequence?;
            self.check(first + taken.len() as u64, &sequence)?;
            tokens += sequence.len();
            taken.push(sequence);
        }
        Ok(if taken.is_empty() { None } else { Some(Wave::new(first, taken, self.model.geometry.hidden)) })
    }

    /// The model's geometry.
    pub(super) fn geometry(&self) -> &'m Geometry {
        self.model.geometry
    }

    /// The instructions in use.
    pub(super) fn isa(&self) -> Isa {
        self.isa
    }

    pub(super) fn check(&self, sequence: u64, tokens: &[u32]) -> Result<(), ForwardError> {
        let limit = self.model.geometry.max_positions;
        match tokens.len() {
            0 => Err(ForwardError::Empty { sequence }),
            tokens if tokens > limit => Err(ForwardError::TooLong { sequence, tokens, limit }),
            _ => Ok(()),
        }
    }

    /// Pushes a wave of whole sequences through every layer.
    fn layers(
        &mut self,
        wave: Wave,
        mask: Option<&ExpertMask>,
        observer: &mut dyn Observer,
        meter: &mut Meter<'_>,
    ) -> Result<Wave, ForwardError> {
        self.push(wave, None, mask, observer, meter)
    }

    /// Runs the next positions of some sequences, and adds them to the caches, one a sequence.
    pub(super) fn go_on(
        &mut self,
        wave: Wave,
        caches: &mut [Cache],
        mask: Option<&ExpertMask>,
        progress: Progress<'_>,
    ) -> Result<Wave, ForwardError> {
        let total = (wave.sequences().len() * self.model.geometry.layers) as u64;
        self.push(wave, Some(caches), mask, &mut Unobserved, &mut Meter { done: 0, total, progress })
    }

    /// Pushes a wave of whole sequences through every layer, with nobody watching or asked.
    pub(super) fn push_quietly(&mut self, wave: Wave, mask: Option<&ExpertMask>) -> Result<Wave, ForwardError> {
        let total = (wave.sequences().len() * self.model.geometry.layers) as u64;
        let mut meter = Meter { done: 0, total, progress: &crate::progress::ignore };
        self.push(wave, None, mask, &mut Unobserved, &mut meter)
    }

    /// Opens what turns hidden states into logits.
    pub(super) fn head(&self) -> Result<Head<'m>, ForwardError> {
        Head::open(self.model, self.isa, self.options.threads)
    }

    /// Pushes a wave through every layer.
    fn push(
        &mut self,
        mut wave: Wave,
        mut caches: Option<&mut [Cache]>,
        mask: Option<&ExpertMask>,
        observer: &mut dyn Observer,
        meter: &mut Meter<'_>,
    ) -> Result<Wave, ForwardError> {
        let model = self.model;
        let g = model.geometry;
        wave.embed(&Matrix::open(model, &Role::Embedding, g.vocab, g.hidden)?, g.multipliers.embedding)?;
        let longest = (0..wave.sequences().len()).map(|place| wave.positions(place).end).max().unwrap_or(0);
        if longest > self.rope.positions() {
            // Twice as many, so that a sequence that grows makes few tables.
            self.rope = Rope::new(g, if caches.is_some() { 2 * longest } else { longest });
        }
        for layer in 0..g.layers {
            meter.tell()?;
            let attention = Attention::open(model, layer)?;
            let mut kept = if observer.wants_inputs() { attention.kept(wave.tokens()) } else { Vec::new() };
            let scratch = self.scratch.iter_mut().map(|s| &mut s.attention);
            attention.run(self.isa, &self.rope, &mut wave, caches.as_deref_mut(), &mut kept, scratch)?;
            show(observer, &kept);
            if g.sparse[layer] {
                self.sparse(layer, &mut wave, mask, observer, meter)?;
            } else {
                let mut kept =
                    if observer.wants_inputs() { feed_forward::dense_kept(model, layer, wave.tokens()) } else { Vec::new() };
                let scratch = self.scratch.iter_mut().map(|s| &mut s.feed_forward);
                feed_forward::run_dense(model, layer, self.isa, &mut wave, &mut kept, scratch)?;
                show(observer, &kept);
            }
            wave.check_finite(Place::Layer(layer))?;
            meter.done += wave.sequences().len() as u64;
        }
        meter.tell()?;
        Ok(wave)
    }

    /// Routes a wave in one layer and runs its experts.
    fn sparse(
        &mut self,
        layer: usize,
        wave: &mut Wave,
        mask: Option<&ExpertMask>,
        observer: &mut dyn Observer,
        meter: &Meter<'_>,
    ) -> Result<(), ForwardError> {
        let model = self.model;
        let hidden = model.geometry.hidden;
        let kept = mask.and_then(|mask| mask.layer(layer));
        let router = Router::open(model, layer)?;
        let routing: Routing =
            router.run(self.isa, wave, kept, &mut self.normed, self.scratch.iter_mut().map(|s| &mut s.routing))?;
        observer.routed(layer, &routing);
        let experts = Experts { model, layer, isa: self.isa, normed: &self.normed };
        let mut scratch: Vec<&mut feed_forward::Scratch> = self.scratch.iter_mut().map(|s| &mut s.feed_forward).collect();
        experts.run(wave, &routing, observer, &mut self.buffers, &mut scratch, &|| meter.tell())?;
        let mut roles = vec![Role::Router { layer }];
        if let Some(shared) = model.geometry.shared {
            let shared = (layer, shared);
            let mut kept = if observer.wants_inputs() { feed_forward::shared_kept(shared, wave.tokens()) } else { Vec::new() };
            let scratch = self.scratch.iter_mut().map(|s| &mut s.feed_forward);
            feed_forward::run_shared(model, shared, self.isa, &self.normed, &mut self.buffers.mix, &mut kept, scratch)?;
            show(observer, &kept);
            roles.extend([ExpertPart::Gate, ExpertPart::Up].map(|part| Role::SharedExpert { layer, part }));
            roles.extend(shared.1.gated.then_some(Role::SharedGate { layer }));
        }
        if observer.wants_inputs() {
            observer.inputs(&roles, &mut self.normed.chunks_exact(hidden));
        }
        let residual = model.geometry.multipliers.residual;
        for (sum, value) in wave.hidden.iter_mut().zip(&self.buffers.mix) {
            *sum += value * residual;
        }
        Ok(())
    }
}

/// Shows an observer the rows that were kept for it.
fn show(observer: &mut dyn Observer, kept: &[Kept]) {
    for kept in kept {
        observer.inputs(&kept.roles, &mut kept.rows());
    }
}
