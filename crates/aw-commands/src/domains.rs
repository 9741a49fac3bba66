//! The built-in domains: the one list that names them.

use std::sync::Arc;

use aw_domain::{Domain, Registry, RegistryError};

/// Who registers them, for messages.
const BY: &str = "alloyworks";
/// The domains of a document that declares none.
const DEFAULT: &[&str] = &["llm-forge"];

fn domains() -> Vec<Arc<dyn Domain>> {
    vec![
        #[cfg(feature = "llm-forge")]
        Arc::new(language_models()),
        #[cfg(feature = "codegen")]
        Arc::new(codegen::Codegen::new(crate::commands::codegen::settings::toolchain(std::path::PathBuf::new()))),
        #[cfg(feature = "photo-provenance")]
        Arc::new(photo_provenance::PhotoProvenance),
        #[cfg(feature = "ticketing")]
        Arc::new(ticketing::Ticketing),
    ]
}

/// The language-model forge, with what it may reach outside this program.
#[cfg(feature = "llm-forge")]
fn language_models() -> llm_forge::LlmForge {
    let forge = llm_forge::LlmForge::new(tools());
    #[cfg(feature = "hub")]
    let forge = forge.with_hub(llm_forge::hub::Settings::from_variables(&crate::variables::value_of));
    forge
}

/// Where the language-model forge finds the programs of others.
#[cfg(feature = "llm-forge")]
fn tools() -> llm_forge::tools::Tools {
    use crate::variables;
    let path = variables::PATH.value().map(|folders| std::env::split_paths(&folders).collect()).unwrap_or_default();
    let environment =
        variables::TOOLS.iter().filter_map(|variable| variable.value().map(|value| (variable.name.into(), value))).collect();
    llm_forge::tools::Tools { llama_cpp: variables::LLAMA_CPP.value().map(Into::into), path, environment }
}

/// The registry of the built-in domains.
///
/// # Errors
/// [`RegistryError`] when two of them do not go together, which is a bug.
pub fn built_in() -> Result<Registry, RegistryError> {
    let mut registry = Registry::new();
    for domain in domains() {
        registry.register(domain, BY)?;
    }
    let built = registry.ids();
    let default: Vec<&str> = DEFAULT.iter().copied().filter(|id| built.iter().any(|it| it == id)).collect();
    registry.set_default(&default)?;
    Ok(registry)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn the_built_in_domains_go_together() {
        assert_eq!(super::built_in().unwrap().ids().len(), super::domains().len());
    }
}
