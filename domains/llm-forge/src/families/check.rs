//! Holds a checkpoint's tensors against a config: the experts' by the family's layout, or all of them by a geometry.

use super::layout::MAX_NEXT_TOKEN_LAYERS;
use super::{ExpertGeometry, ExpertLayout, Family, Forward, Found, Geometry, Need, Part, Rule, TensorProblem};
use crate::checkpoint::{Checkpoint, TensorInfo};

/// Most problems listed.
const MAX_PROBLEMS: usize = 24;

/// Cuts a list of problems to the longest that is reported; none where there are none.
///
/// One above the limit tells a full list from a cut one, and ends the walk that makes it: a hostile config could declare a
/// hundred million tensors.
pub(super) fn cut(
    problems: (impl Iterator<Item = TensorProblem>, impl Iterator<Item = TensorProblem>),
) -> Option<(Vec<TensorProblem>, bool)> {
    let mut found: Vec<TensorProblem> = problems.0.take(MAX_PROBLEMS + 1).collect();
    found.extend(problems.1.take(MAX_PROBLEMS + 1));
    let more = found.len() > MAX_PROBLEMS;
    found.truncate(MAX_PROBLEMS);
    (!found.is_empty()).then_some((found, more))
}

/// Says what is missing of a geometry, and which tensors do not fit it.
pub(super) fn all<'a>(
    checkpoint: &'a Checkpoint,
    forward: &'a dyn Forward,
    geometry: &'a Geometry,
) -> (impl Iterator<Item = TensorProblem> + 'a, impl Iterator<Item = TensorProblem> + 'a) {
    let odd = checkpoint.tensors().iter().filter_map(|tensor| {
        let Some(expected) = forward.role(&tensor.name).and_then(|role| geometry.shape(&role)) else {
            return Some(TensorProblem::Unexpected { tensor: tensor.name.clone() });
        };
        if expected != tensor.shape {
            let (tensor, got) = (tensor.name.clone(), tensor.shape.clone());
            return Some(TensorProblem::Shape { tensor, expected, got });
        }
        (!tensor.dtype.widens()).then(|| TensorProblem::Dtype { tensor: tensor.name.clone(), got: tensor.dtype })
    });
    let missing = geometry.roles().filter_map(|role| {
        let tensor = forward.tensor_name(&role);
        let shape = checkpoint.get(&tensor).is_none().then(|| geometry.shape(&role))??;
        Some(TensorProblem::Missing { tensor, shape: Some(shape) })
    });
    (missing, odd)
}

/// Marks the next-token-prediction layers the checkpoint holds a router of.
pub(super) fn extend_by_next_token_layers(checkpoint: &Checkpoint, family: &dyn Family, experts: &mut ExpertGeometry) {
    let layout = family.layout();
    for tensor in checkpoint.tensors() {
        let Found::Rule { layer, rule, .. } = layout.find(&tensor.name, experts.layers, experts.next_token_layers) else {
            continue;
        };
        if rule.part == Part::Router && (experts.sparse.len()..experts.layers + MAX_NEXT_TOKEN_LAYERS).contains(&layer) {
            experts.sparse.resize(layer, false);
            experts.sparse.push(true);
        }
    }
}

/// Says what is missing of the experts a config declares, and which expert tensors do not fit it.
pub(super) fn experts<'a>(
    checkpoint: &'a Checkpoint,
    family: &'a dyn Family,
    experts: &'a ExpertGeometry,
) -> (impl Iterator<Item = TensorProblem> + 'a, impl Iterator<Item = TensorProblem> + 'a) {
    let missing = experts.sparse_layers().flat_map(move |layer| missing_in(checkpoint, family.layout(), experts, layer));
    let odd = checkpoint.tensors().iter().filter_map(move |tensor| odd(tensor, family.layout(), experts));
    (missing, odd)
}

/// Yields what a layer lacks: tensors it needs, and experts of which only some are there.
fn missing_in<'a>(
    checkpoint: &'a Checkpoint,
    layout: &'static ExpertLayout,
    experts: &'a ExpertGeometry,
    layer: usize,
) -> impl Iterator<Item = TensorProblem> + 'a {
    let name = move |rule: &Rule, expert| name(checkpoint, layout, experts, layer, rule, expert);
    let count = move |rule: &Rule| if rule.part == Part::Expert { experts.experts } else { 1 };
    let present = move |rule: &Rule| (0..count(rule)).any(|expert| checkpoint.get(&name(rule, expert)).is_some());
    let other = move |pattern: &str| layout.rules.iter().any(|rule| rule.pattern == pattern && present(rule));
    let needed = move |rule: &&Rule| match rule.need {
        Need::Always => true,
        Need::Never => rule.part == Part::Expert && present(rule),
        Need::Without(pattern) => !other(pattern),
        Need::With(pattern) => other(pattern),
    };
    layout.rules.iter().filter(needed).flat_map(move |rule| {
        let shape = (rule.part == Part::Router).then(|| vec![experts.experts as u64, experts.hidden as u64]);
        let missing = (0..count(rule)).map(move |expert| name(rule, expert)).filter(|name| checkpoint.get(name).is_none());
        missing.map(move |tensor| TensorProblem::Missing { tensor, shape: shape.clone() })
    })
}

/// Says what is wrong with a tensor by the family's layout.
fn odd(tensor: &TensorInfo, layout: &'static ExpertLayout, experts: &ExpertGeometry) -> Option<TensorProblem> {
    let unexpected = || Some(TensorProblem::Unexpected { tensor: tensor.name.clone() });
    let (layer, rule, expert) = match layout.find(&tensor.name, experts.layers, experts.next_token_layers) {
        Found::NoSuchLayer => return unexpected(),
        Found::Rule { layer, rule, expert } => (layer, rule, expert),
        Found::InBlock { .. } | Found::Known | Found::Unknown => return None,
    };
    if rule.part == Part::Shared {
        return None;
    }
    let sparse = experts.sparse.get(layer) == Some(&true);
    if !sparse || expert.is_some_and(|(expert, _)| expert >= experts.experts) {
        return unexpected();
    }
    if let Some(expected) = expected_shape(tensor, rule, experts).filter(|expected| *expected != tensor.shape) {
        return Some(TensorProblem::Shape { tensor: tensor.name.clone(), expected, got: tensor.shape.clone() });
    }
    let narrow = rule.part == Part::Router && !tensor.dtype.widens();
    narrow.then(|| TensorProblem::Dtype { tensor: tensor.name.clone(), got: tensor.dtype })
}

/// The shape a tensor with an axis of experts should have, as far as the config says.
fn expected_shape(tensor: &TensorInfo, rule: &Rule, experts: &ExpertGeometry) -> Option<Vec<u64>> {
    let (axis, count) = (rule.axis()?, experts.experts as u64);
    if rule.part == Part::Router {
        return Some(vec![count, experts.hidden as u64]);
    }
    let mut shape = tensor.shape.clone();
    shape.resize(shape.len().max(axis + 1), 1);
    shape[axis] = count;
    Some(shape)
}

/// The on-disk name of a rule's tensor, under the prefix this checkpoint's names have.
pub(super) fn name(
    checkpoint: &Checkpoint,
    layout: &ExpertLayout,
    experts: &ExpertGeometry,
    layer: usize,
    rule: &Rule,
    expert: usize,
) -> String {
    let (prefix, index) = layout.prefix(layer, experts.layers, |prefix| checkpoint.any_with_prefix(prefix));
    layout.name(prefix, index, rule, expert)
}
