//! A model's `config.json`: what each family takes for a geometry is one, and setting the expert count changes nothing else.
#![no_main]

use aw_alloy::text::{Limits, json};
use libfuzzer_sys::fuzz_target;
use llm_forge::families::{ExpertGeometry, Forward, Geometry, MAX_EXPERTS, MAX_LAYERS, families};
use llm_forge::prune::edit_expert_count;

const LIMITS: Limits = Limits { bytes: 1 << 16, depth: 100, nodes: 10_000 };
/// Below this many tensors all of them are looked at.
const WALKED_MAX: usize = 10_000;

fuzz_target!(|text: &str| {
    let Ok(node) = json::parse(text.as_bytes(), &LIMITS) else { return };
    let config = node.to_serde();
    for family in families() {
        match family.experts(&config) {
            Ok(experts) => check_experts(&experts),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        let Some(forward) = family.forward() else { continue };
        match forward.geometry(&config) {
            Ok(geometry) => check(forward, &geometry),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    if let Ok(edited) = edit_expert_count(text, 8, 16) {
        let back = edit_expert_count(&edited, 16, 8).expect("the counts just set are found again");
        let back = json::parse(back.as_bytes(), &LIMITS).expect("still JSON");
        assert_eq!(back, node, "only the counts change");
    }
});

fn check_experts(geometry: &ExpertGeometry) {
    assert!((1..=MAX_LAYERS).contains(&(geometry.layers as u64)) && (1..=MAX_EXPERTS).contains(&(geometry.experts as u64)));
    assert!(geometry.sparse.len() == geometry.layers && (1..=geometry.experts).contains(&geometry.top_k));
    assert!(geometry.groups.count > 0 && geometry.experts.is_multiple_of(geometry.groups.count));
    assert!((1..=geometry.groups.count).contains(&geometry.groups.used));
}

fn check(family: &dyn Forward, geometry: &Geometry) {
    assert!((1..=MAX_LAYERS).contains(&(geometry.layers as u64)) && (1..=MAX_EXPERTS).contains(&(geometry.experts as u64)));
    assert_eq!(geometry.sparse.len(), geometry.layers);
    assert!(
        geometry.top_k <= geometry.experts
            && geometry.heads.is_multiple_of(geometry.kv_heads)
            && geometry.head_dim.is_multiple_of(2)
    );
    assert!(
        geometry.rms_eps > 0.0 && geometry.rms_eps.is_finite() && geometry.rope_theta > 0.0 && geometry.rope_theta.is_finite()
    );
    assert!(geometry.clip_qkv.is_none_or(|clip| clip > 0.0 && clip.is_finite()));
    for role in geometry.roles().take(WALKED_MAX) {
        let name = family.tensor_name(&role);
        assert_eq!(family.role(&name).as_ref(), Some(&role), "a name and its role determine each other");
        assert!(geometry.shape(&role).is_some(), "{role:?} is one of the geometry's own and has no shape");
    }
}
