//! Generation and log-probabilities against the whole pass run anew.

use crate::golden::{self, Case};
use llm_forge::forward::{
    Continuation, Engine, ExpertMask, ForwardError, GenerateSettings, Options, Unobserved, compare_log_probs, generate,
    generate_all, score_continuations, visit_log_probs,
};
use llm_forge::progress;

fn options(threads: usize, wave_tokens: usize) -> Options {
    Options { threads, wave_tokens }
}

/// The logits behind the last token, the whole sequence run anew.
fn last_logits(case: &Case, tokens: &[u32]) -> Vec<f32> {
    let mut logits = Vec::new();
    let mut engine = Engine::new(&case.model, options(1, 64)).unwrap();
    let sequence = (1, std::iter::once(Ok::<_, ForwardError>(tokens.to_vec())));
    let done = engine.run(sequence, None, &mut Unobserved, &progress::ignore, |head, wave| {
        logits = head.logits(wave, 0, tokens.len() - 1)?;
        Ok::<(), ForwardError>(())
    });
    done.unwrap();
    logits
}

fn most_likely(logits: &[f32]) -> u32 {
    let best = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    logits.iter().position(|logit| *logit >= best).unwrap() as u32
}

fn log_probs(case: &Case, options: Options) -> Vec<(u64, usize, Vec<u32>)> {
    let mut all = Vec::new();
    let model = &case.model;
    visit_log_probs::<ForwardError>(model, None, case.stream(), options, &progress::ignore, |sequence, position, values| {
        all.push((sequence, position, values.iter().map(|value| value.to_bits()).collect()));
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn generation_with_a_cache_is_the_whole_pass_run_anew() {
    for case in golden::cases() {
        let prompt = &case.expected.sequences[0][..5];
        let mut tokens = prompt.to_vec();
        for _ in 0..30 {
            tokens.push(most_likely(&last_logits(&case, &tokens)));
        }
        let settings = GenerateSettings { max_tokens: 30, stop: Vec::new() };
        let model = &case.model;
        for threads in [1, 3] {
            let generated = generate(model, prompt, &settings, options(threads, 64)).unwrap();
            assert_eq!(generated, tokens[prompt.len()..], "{}", case.name);
        }
    }
}

#[test]
fn prompts_together_generate_what_they_would_alone() {
    for case in golden::cases() {
        let prompts: Vec<Vec<u32>> =
            case.expected.sequences.iter().map(|tokens| tokens[..tokens.len() / 2 + 1].to_vec()).collect();
        let settings = GenerateSettings { max_tokens: 12, stop: vec![3, 40, 41, 42, 43] };
        let model = &case.model;
        let alone: Vec<Vec<u32>> =
            prompts.iter().map(|prompt| generate(model, prompt, &settings, options(1, 64)).unwrap()).collect();
        for wave in [1, 20, 1000] {
            let together = generate_all(model, None, &prompts, &settings, options(2, wave), |_, _| true).unwrap();
            assert_eq!(together, alone, "{}, waves of {wave}", case.name);
        }
        assert!(alone.iter().flatten().all(|token| !settings.stop.contains(token)));
    }
}

#[test]
fn generation_ends_where_it_is_told_to() {
    let case = golden::case("olmoe-f32");
    let model = &case.model;
    let prompt = vec![1, 2, 3];
    let free = GenerateSettings { max_tokens: 8, stop: Vec::new() };
    let all = generate(model, &prompt, &free, options(1, 64)).unwrap();
    assert_eq!(all.len(), 8);
    let stopped = GenerateSettings { max_tokens: 8, stop: vec![all[3]] };
    let first = all.iter().position(|token| *token == all[3]).unwrap();
    assert_eq!(generate(model, &prompt, &stopped, options(1, 64)).unwrap(), all[..first]);
    let asked = generate_all(model, None, std::slice::from_ref(&prompt), &free, options(1, 64), |place, tokens| {
        place == 0 && tokens.len() < 5
    });
    assert_eq!(asked.unwrap(), [all[..5].to_vec()]);
    let none = GenerateSettings { max_tokens: 0, stop: Vec::new() };
    assert_eq!(generate(model, &prompt, &none, options(1, 64)).unwrap(), Vec::<u32>::new());
    let limit = model.runnable().unwrap().geometry.max_positions;
    let endless = GenerateSettings { max_tokens: usize::MAX, stop: Vec::new() };
    assert_eq!(generate(model, &vec![1; limit - 2], &endless, options(1, 64)).unwrap().len(), 3);
    let error = generate(model, &[], &free, options(1, 64)).unwrap_err().to_string();
    assert_eq!(error, "sequence 0 has no tokens");
    let vocab = model.runnable().unwrap().geometry.vocab as u32;
    let error = generate_all(model, None, &[vec![1], vec![2, vocab]], &free, options(1, 64), |_, _| true).unwrap_err();
    assert!(error.to_string().starts_with(&format!("sequence 1, position 1: token {vocab} is not")), "{error}");
}

#[test]
fn log_probabilities_are_those_the_loss_is_made_of_and_the_same_in_any_wave() {
    for case in golden::cases() {
        let all = log_probs(&case, options(1, 64));
        let expected: Vec<(u64, usize)> =
            (0..).zip(&case.expected.sequences).flat_map(|(s, t)| (0..t.len()).map(move |p| (s, p))).collect();
        assert_eq!(all.iter().map(|(s, p, _)| (*s, *p)).collect::<Vec<_>>(), expected, "{}", case.name);
        let value = |bits: u32| f64::from(f32::from_bits(bits));
        for (_, _, values) in &all {
            let sum: f64 = values.iter().map(|bits| value(*bits).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{}: probabilities add up to {sum}", case.name);
        }
        for (sequence, tokens) in case.expected.sequences.iter().enumerate() {
            let rows = all.iter().filter(|(s, _, _)| *s == sequence as u64).zip(&tokens[1..]);
            let nll: f64 = rows.map(|((_, _, values), token)| -value(values[*token as usize])).sum();
            let reference = case.expected.f32.nll[sequence];
            assert!((nll - reference).abs() < 1e-4 * reference, "{}: {nll} not {reference}", case.name);
        }
        for (threads, wave) in [(1, 1), (3, 1000)] {
            assert!(log_probs(&case, options(threads, wave)) == all, "{}: {threads} threads, waves of {wave}", case.name);
        }
    }
}

#[test]
fn continuations_are_scored_by_their_own_tokens_alone() {
    for name in ["olmoe-bf16", "mixtral-f32-window"] {
        let case = golden::case(name);
        let model = &case.model;
        let mut tokens = case.expected.sequences[1].clone();
        tokens.extend(generate(model, &tokens, &GenerateSettings { max_tokens: 4, stop: Vec::new() }, options(1, 64)).unwrap());
        let end = tokens.len();
        let items = vec![(tokens.clone(), end - 4), (tokens.clone(), 1), (tokens.clone(), end - 5)];
        let scores = score_continuations(model, None, &items, options(2, 30), &progress::ignore).unwrap();
        assert_eq!(scores.iter().map(|score| (score.tokens, score.greedy)).collect::<Vec<_>>()[0], (4, true), "{name}");
        assert_eq!(scores[1].tokens, end as u64 - 1);
        let mut by_token = Vec::new();
        let sequence = (1, std::iter::once(Ok::<_, ForwardError>(tokens.clone())));
        visit_log_probs(model, None, sequence, options(1, 64), &progress::ignore, |_, position, values| {
            by_token.extend(tokens.get(position + 1).map(|next| f64::from(values[*next as usize])));
            Ok::<(), ForwardError>(())
        })
        .unwrap();
        for (Continuation { log_likelihood, .. }, (_, from)) in scores.iter().zip(&items) {
            let expected: f64 = by_token[from - 1..].iter().sum();
            assert!((log_likelihood - expected).abs() < 1e-5 * expected.abs(), "{name}: {log_likelihood} not {expected}");
        }
        for from in [0, end] {
            let error =
                score_continuations(model, None, &[(tokens.clone(), from)], options(1, 64), &progress::ignore).unwrap_err();
            assert!(matches!(error, ForwardError::Continuation { sequence: 0, .. }), "{error}");
        }
    }
}

#[test]
fn two_models_are_compared_position_by_position() {
    let case = golden::case("mixtral-f32");
    let model = &case.model;
    let mask = ExpertMask::new(&case.model.experts, &case.expected.masked.kept).unwrap();
    let divergence = |mask: Option<&ExpertMask>| {
        let (mut sum, mut count) = (0f64, 0);
        let models = [(model, None), (model, mask)];
        compare_log_probs::<ForwardError>(models, case.stream(), options(2, 30), &progress::ignore, |_, _, [base, other]| {
            count += 1;
            sum += base.iter().zip(other).map(|(a, b)| f64::from(a.exp()) * f64::from(a - b)).sum::<f64>();
            Ok(())
        })
        .unwrap();
        assert_eq!(count, case.expected.sequences.iter().map(Vec::len).sum::<usize>());
        sum / f64::from(count as u32)
    };
    assert_eq!(divergence(None).to_bits(), 0f64.to_bits());
    let masked = divergence(Some(&mask));
    assert!(masked > 0.01 && masked.is_finite(), "{masked}");
}
