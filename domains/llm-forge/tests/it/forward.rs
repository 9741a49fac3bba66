//! The forward pass against the reference, and against itself under every way of running it.

use crate::golden::{self, Logits, Reference};
use llm_forge::forward::kernels::Isa;
use llm_forge::forward::{Engine, ExpertMask, ForwardError, MaskError, Options, Unobserved};
use llm_forge::progress;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Largest difference of a logit from the reference in f32, relative to the largest logit of its row. The reference moves by
/// 2e-6 itself when its number of threads changes.
const LOGIT_TOLERANCE: f32 = 5e-6;
/// The same where the reference computes in the stored 16-bit type, which keeps 8 (bf16) or 11 (f16) bits of every product, and sends
/// every token to the same experts.
const NATIVE_TOLERANCE: f32 = 0.12;
/// Largest difference of a routing weight from the reference.
const WEIGHT_TOLERANCE: f32 = 2e-6;

fn options(threads: usize, wave_tokens: usize) -> Options {
    Options { threads, wave_tokens }
}

/// The largest difference relative to the largest value of each row.
fn worst(ours: &[Vec<f32>], reference: &[Logits]) -> f32 {
    assert_eq!(ours.len(), reference.len());
    let row = |(ours, reference): (&Vec<f32>, &Logits)| {
        assert_eq!(ours.len(), reference.values.len());
        let scale = reference.values.iter().fold(0f32, |max, v| max.max(v.abs()));
        ours.iter().zip(&reference.values).fold(0f32, |max, (a, b)| max.max((a - b).abs())) / scale
    };
    ours.iter().zip(reference).map(row).fold(0f32, f32::max)
}

#[test]
fn logits_are_the_references() {
    for case in golden::cases() {
        let ours = case.logits(None, options(2, 64), &case.expected.f32.logits);
        let difference = worst(&ours, &case.expected.f32.logits);
        assert!(difference < LOGIT_TOLERANCE, "{}: logits differ by {difference:e}", case.name);
    }
}

#[test]
fn logits_stay_near_a_reference_computing_in_sixteen_bits() {
    let mut compared = 0;
    for case in golden::cases() {
        let Some(native) = &case.expected.native else { continue };
        let ours = case.logits(None, options(1, 64), &native.logits);
        for (ours, reference) in ours.into_iter().zip(&native.logits) {
            if !same_experts(&case.expected.f32, native, reference) {
                continue;
            }
            let difference = worst(&[ours], std::slice::from_ref(reference));
            assert!(difference < NATIVE_TOLERANCE, "{}: logits differ by {difference:e}", case.name);
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared} positions in 16 bits");
}

/// Whether two ways of computing send all tokens up to a position to the same experts: where a rounding sends one elsewhere, the logits
/// behind it are others.
fn same_experts(one: &Reference, other: &Reference, at: &Logits) -> bool {
    let chosen = |reference: &Reference, layer: usize| {
        let tokens = &reference.router[&layer].selected[at.sequence][..=at.position];
        tokens.iter().map(|experts| experts.iter().copied().collect::<BTreeSet<u32>>()).collect::<Vec<_>>()
    };
    one.router.keys().all(|layer| chosen(one, *layer) == chosen(other, *layer))
}

#[test]
fn routing_is_the_references() {
    for case in golden::cases() {
        let routing = case.routing(options(2, 16));
        assert_eq!(
            routing.keys().collect::<Vec<_>>(),
            case.expected.f32.router.keys().collect::<Vec<_>>(),
            "{}: sparse layers",
            case.name
        );
        for (layer, reference) in &case.expected.f32.router {
            let ours = &routing[layer];
            // Which is chosen first is nobody's business, so both sides are put in the order of the experts.
            let pairs = |experts: Vec<u32>, weights: Vec<f32>| {
                let mut pairs: Vec<(u32, f32)> = experts.into_iter().zip(weights).collect();
                pairs.chunks_exact_mut(ours.top_k).for_each(|token| token.sort_unstable_by_key(|(expert, _)| *expert));
                pairs
            };
            let expected = pairs(
                reference.selected.iter().flatten().flatten().copied().collect(),
                reference.weights.iter().flatten().flatten().copied().collect(),
            );
            let got = pairs(ours.experts.clone(), ours.weights.clone());
            let experts = |pairs: &[(u32, f32)]| pairs.iter().map(|(expert, _)| *expert).collect::<Vec<_>>();
            assert_eq!(experts(&got), experts(&expected), "{} layer {layer}: selections", case.name);
            let difference = got.iter().zip(&expected).fold(0f32, |max, (a, b)| max.max((a.1 - b.1).abs()));
            assert!(difference < WEIGHT_TOLERANCE, "{} layer {layer}: weights differ by {difference:e}", case.name);
        }
    }
}

#[test]
fn dropping_experts_by_mask_is_the_pruned_checkpoint() {
    for case in golden::cases() {
        let masked = &case.expected.masked;
        let mask = ExpertMask::new(&case.model.experts, &masked.kept).unwrap();
        let difference = worst(&case.logits(Some(&mask), options(2, 20), &masked.logits), &masked.logits);
        assert!(difference < LOGIT_TOLERANCE, "{}: masked logits differ by {difference:e}", case.name);
        let unmasked = worst(&case.logits(None, options(2, 20), &masked.logits), &masked.logits);
        assert!(unmasked > 0.01, "{}: the mask changes nothing, so this test shows nothing", case.name);
    }
}

#[test]
fn threads_waves_and_instructions_change_no_bit() {
    for case in golden::cases() {
        let run = |options: Options, isa: Isa| {
            let mut bits: Vec<u64> = Vec::new();
            let mut engine = Engine::with_isa(&case.model, options, isa).unwrap();
            let done = engine.run(case.stream(), None, &mut Unobserved, &progress::ignore, |head, wave| {
                bits.extend(head.losses(wave)?.iter().map(|loss| loss.nll.to_bits()));
                for (place, tokens) in wave.sequences().iter().enumerate() {
                    bits.extend(head.logits(wave, place, tokens.len() - 1)?.iter().map(|v| u64::from(v.to_bits())));
                }
                Ok::<(), ForwardError>(())
            });
            done.unwrap();
            bits.sort_unstable();
            bits
        };
        let expected = run(options(1, 1), Isa::detect());
        for (threads, wave) in [(1, 1000), (2, 1000), (3, 1), (3, 30)] {
            assert!(run(options(threads, wave), Isa::detect()) == expected, "{}: {threads} threads, waves of {wave}", case.name);
        }
        for isa in Isa::available() {
            assert!(run(options(2, 30), isa) == expected, "{}: {}", case.name, isa.name());
        }
    }
}

#[test]
fn sequences_that_cannot_be_run_are_named() {
    let case = golden::case("olmoe-f32");
    let run = |sequences: Vec<Vec<u32>>| {
        let stream = (1, sequences.into_iter().map(Ok::<_, ForwardError>));
        let mut engine = Engine::new(&case.model, options(1, 100)).unwrap();
        engine.run(stream, None, &mut Unobserved, &progress::ignore, |_, _| Ok(())).unwrap_err().to_string()
    };
    assert_eq!(run(vec![vec![1], vec![]]), "sequence 1 has no tokens");
    let limit = case.model.runnable().unwrap().geometry.max_positions;
    assert!(
        run(vec![vec![0; limit + 1]])
            .starts_with(&format!("sequence 0 has {} tokens, but the model declares {limit} positions", limit + 1))
    );
    let vocab = case.model.vocab().unwrap() as u32;
    assert!(
        run(vec![vec![1], vec![1, 2, vocab]])
            .starts_with(&format!("sequence 1, position 2: token {vocab} is not in the model's vocabulary"))
    );
    assert!(matches!(Engine::new(&case.model, options(0, 1)).err(), Some(ForwardError::Option { name: "threads" })));
}

/// A copy of a golden case whose tensor bytes were changed.
fn altered(name: &str, change: impl Fn(&str, &mut [u8])) -> (tempfile::TempDir, llm_forge::families::Model) {
    let folder = tempfile::tempdir().unwrap();
    let source = golden::case(name).model;
    std::fs::copy(source.folder.join("config.json"), folder.path().join("config.json")).unwrap();
    let shard = &source.checkpoint.shards()[0];
    assert_eq!(source.checkpoint.shards().len(), 1, "{name} is one file");
    let mut bytes = std::fs::read(&shard.path).unwrap();
    for tensor in source.checkpoint.tensors() {
        let at = tensor.offset as usize;
        change(&tensor.name, &mut bytes[at..at + tensor.len as usize]);
    }
    std::fs::write(folder.path().join(&shard.name), bytes).unwrap();
    let model = llm_forge::families::Model::open(folder.path(), None).unwrap();
    (folder, model)
}

#[test]
fn a_value_that_is_not_finite_names_its_place() {
    let token = 5usize;
    let (_folder, model) = altered("olmoe-f32", |name, bytes| {
        if name == "model.layers.1.self_attn.v_proj.weight" {
            bytes[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        }
    });
    let error = losses(&model, vec![vec![1, 2, 3]]).unwrap_err().to_string();
    assert!(error.starts_with("sequence 0, position 0: the value is not finite (layer 1)"), "{error}");
    let width = model.experts.hidden * 4;
    let (_folder, model) = altered("olmoe-f32", |name, bytes| {
        if name == "model.embed_tokens.weight" {
            bytes[token * width..token * width + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
    });
    let error = losses(&model, vec![vec![1, 2], vec![3, 4, 5, 6]]).unwrap_err().to_string();
    assert!(error.starts_with("sequence 1, position 2: the hidden state is not finite (embedding)"), "{error}");
    assert!(losses(&model, vec![vec![1, 2]]).is_ok());
}

#[test]
fn weights_of_a_type_that_is_not_computed_with_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = golden::folder().join("olmoe-f32");
    std::fs::copy(source.join("config.json"), folder.path().join("config.json")).unwrap();
    let mut bytes = std::fs::read(source.join("model.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let text = String::from_utf8(bytes[8..header].to_vec()).unwrap().replace("\"F32\"", "\"I32\"");
    bytes[8..header].copy_from_slice(text.as_bytes());
    std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    let message = match llm_forge::families::Model::open(folder.path(), None) {
        Ok(model) => losses(&model, vec![vec![1, 2]]).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(message.contains("I32") && message.contains("BF16"), "{message}");
}

fn losses(model: &llm_forge::families::Model, sequences: Vec<Vec<u32>>) -> Result<f64, ForwardError> {
    let mut sum = 0.0;
    let stream = (sequences.len() as u64, sequences.into_iter().map(Ok::<_, ForwardError>));
    Engine::new(model, options(2, 64))?.run(stream, None, &mut Unobserved, &progress::ignore, |head, wave| {
        sum += head.losses(wave)?.iter().map(|loss| loss.nll).sum::<f64>();
        Ok::<(), ForwardError>(())
    })?;
    Ok(sum)
}

#[test]
fn progress_ends_at_its_total_and_can_stop() {
    let case = golden::case("qwen3_moe-f32-dense");
    let last = std::cell::Cell::new((0, 0));
    let watch = |done, total| {
        assert!(done >= last.get().0 && done <= total);
        last.set((done, total));
        ControlFlow::Continue(())
    };
    let mut engine = Engine::new(&case.model, options(2, 16)).unwrap();
    engine.run(case.stream(), None, &mut Unobserved, &watch, |_, _| Ok::<(), ForwardError>(())).unwrap();
    let total = (case.expected.sequences.len() * case.model.experts.layers) as u64;
    assert_eq!(last.get(), (total, total));
    let stop = |done, _| if done > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let stopped = engine.run(case.stream(), None, &mut Unobserved, &stop, |_, _| Ok::<(), ForwardError>(()));
    assert!(matches!(stopped, Err(ForwardError::Cancelled { done: 1.., .. })));
}

#[test]
fn masks_that_do_not_fit_are_refused() {
    let geometry = golden::case("qwen3_moe-f32-dense").model.experts;
    let sparse: Vec<usize> = (0..geometry.layers).filter(|l| geometry.sparse[*l]).collect();
    let dense = (0..geometry.layers).find(|l| !geometry.sparse[*l]).unwrap();
    let good: BTreeMap<usize, Vec<usize>> = sparse.iter().map(|l| (*l, (0..geometry.top_k).collect())).collect();
    assert!(ExpertMask::new(&geometry, &good).is_ok());
    let with = |layer: usize, kept: Vec<usize>| {
        let mut kept_by_layer = good.clone();
        kept_by_layer.insert(layer, kept);
        ExpertMask::new(&geometry, &kept_by_layer).unwrap_err()
    };
    assert!(matches!(with(dense, vec![0]), MaskError::LayerDense { .. }));
    assert!(matches!(with(sparse[0], vec![0]), MaskError::TooFew { kept: 1, .. }));
    assert!(matches!(with(sparse[0], vec![0, 0]), MaskError::Twice { expert: 0, .. }));
    assert!(matches!(with(sparse[0], vec![0, geometry.experts]), MaskError::NoSuchExpert { .. }));
    let mut missing = good.clone();
    missing.remove(&sparse[0]);
    assert!(matches!(ExpertMask::new(&geometry, &missing).unwrap_err(), MaskError::LayerMissing { .. }));
}
