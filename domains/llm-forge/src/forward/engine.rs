//! Drives waves of sequences through the layers.

use super::attention::{self, Attention};
use super::error::Place;
use super::experts::{self, Experts};
use super::head::Head;
use super::kernels::Isa;
use super::mask::ExpertMask;
use super::observer::Observer;
use super::options::Options;
use super::rope::Rope;
use super::routing::{self, Router};
use super::wave::Wave;
use super::weights::Matrix;
use super::{ForwardError, Routing};
use crate::families::{Model, Role, Runnable};
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
    routing: routing::Scratch,
    experts: experts::Scratch,
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
            rope: Rope::new(g.rope_theta, g.head_dim, 0),
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
        let mut head = Head::open(self.model, self.isa, self.options.threads)?;
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

    fn check(&self, sequence: u64, tokens: &[u32]) -> Result<(), ForwardError> {
        let limit = self.model.geometry.max_positions;
        match tokens.len() {
            0 => Err(ForwardError::Empty { sequence }),
            tokens if tokens > limit => Err(ForwardError::TooLong { sequence, tokens, limit }),
            _ => Ok(()),
        }
    }

    /// Pushes a wave through every layer.
    fn layers(
        &mut self,
        mut wave: Wave,
        mask: Option<&ExpertMask>,
        observer: &mut dyn Observer,
        meter: &mut Meter<'_>,
    ) -> Result<Wave, ForwardError> {
        let g = self.model.geometry;
        wave.embed(&Matrix::open(self.model, &Role::Embedding, g.vocab, g.hidden)?)?;
        let longest = wave.sequences().iter().map(Vec::len).max().unwrap_or(0);
        if longest > self.rope.positions() {
            self.rope = Rope::new(g.rope_theta, g.head_dim, longest);
        }
        for layer in 0..g.layers {
            meter.tell()?;
            let attention = Attention::open(self.model, layer)?;
            attention.run(self.isa, &self.rope, &mut wave, self.scratch.iter_mut().map(|s| &mut s.attention))?;
            if g.sparse[layer] {
                self.sparse(layer, &mut wave, mask, observer, meter)?;
            } else {
                let inner = g.dense_intermediate.expect("a family with dense layers declares their width");
                experts::run_dense(
                    self.model,
                    layer,
                    inner,
                    self.isa,
                    &mut wave,
                    self.scratch.iter_mut().map(|s| &mut s.experts),
                )?;
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
        let kept = mask.and_then(|mask| mask.layer(layer));
        let router = Router::open(self.model, layer)?;
        let routing: Routing =
            router.run(self.isa, wave, kept, &mut self.normed, self.scratch.iter_mut().map(|s| &mut s.routing))?;
        observer.routed(layer, &routing);
        let experts = Experts { model: self.model, layer, isa: self.isa, normed: &self.normed };
        let mut scratch: Vec<&mut experts::Scratch> = self.scratch.iter_mut().map(|s| &mut s.experts).collect();
        experts.run(wave, &routing, observer, &mut self.buffers, &mut scratch, &|| meter.tell())
    }
}
