//! Which domains exist. Lookup is exact; nothing falls back.

use std::collections::BTreeMap;
use std::sync::Arc;

use aw_alloy::artifact::Artifact;
use aw_alloy::recipe::{DerivedStage, StageSchema, Vocabulary};
use aw_alloy::text::{Node, Problem};
use serde_json::{Value, json};

use crate::domain::{Domain, RootMember};
use crate::stage::{Executor, StageType};

/// Why a domain is not registered or not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A domain without a name.
    #[error("`{by}` registers a domain with an empty id")]
    EmptyId {
        /// Who registers.
        by: String,
    },
    /// The id is taken by another definition.
    #[error(
        "domain `{id}` is registered by `{first}`; `{second}` registers a different one under the same id, which needs an id of its own"
    )]
    Taken {
        /// The id.
        id: String,
        /// Who has it.
        first: String,
        /// Who wants it.
        second: String,
    },
    /// One domain names a stage type twice.
    #[error("domain `{id}` names stage type `{stage}` twice")]
    StageTwice {
        /// The domain.
        id: String,
        /// The stage type.
        stage: String,
    },
    /// No such domain.
    #[error("no domain `{id}` is registered; registered are {}", list(.registered))]
    Unknown {
        /// The id asked for.
        id: String,
        /// The registered ids, sorted.
        registered: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

struct Entry {
    domain: Arc<dyn Domain>,
    by: String,
    definition: Value,
    stages: BTreeMap<&'static str, StageType>,
}

/// The domains this program knows.
#[derive(Default)]
pub struct Registry {
    entries: BTreeMap<String, Entry>,
    default: Vec<String>,
}

/// What a stage type's name means to a document's domains.
pub enum StageLookup<'a> {
    /// A stage type of a declared domain.
    Found(&'a StageType),
    /// A stage type of a domain that the document does not declare.
    Undeclared {
        /// That domain.
        domain: &'a str,
    },
    /// No registered domain has it.
    Unknown,
}

impl Registry {
    /// A registry with no domain.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a domain on behalf of `by`. The same definition twice changes nothing.
    ///
    /// # Errors
    /// [`RegistryError`] for an empty id, a taken id with another definition, or a stage type named twice.
    pub fn register(&mut self, domain: Arc<dyn Domain>, by: &str) -> Result<(), RegistryError> {
        let id = domain.id().to_owned();
        if id.is_empty() {
            return Err(RegistryError::EmptyId { by: by.into() });
        }
        let mut stages = BTreeMap::new();
        for stage in domain.stage_types() {
            let name = stage.name;
            if stages.insert(name, stage).is_some() {
                return Err(RegistryError::StageTwice { id, stage: name.into() });
            }
        }
        let definition = define(domain.as_ref(), &stages);
        match self.entries.get(&id) {
            Some(entry) if entry.definition == definition => Ok(()),
            Some(entry) => Err(RegistryError::Taken { id, first: entry.by.clone(), second: by.into() }),
            None => {
                self.entries.insert(id, Entry { domain, by: by.into(), definition, stages });
                Ok(())
            }
        }
    }

    /// Says which domains a document uses that declares none.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`] when one of them is not registered.
    pub fn set_default(&mut self, ids: &[&str]) -> Result<(), RegistryError> {
        for id in ids {
            self.domain(id)?;
        }
        self.default = ids.iter().map(|id| (*id).to_owned()).collect();
        Ok(())
    }

    /// The registered ids, sorted.
    pub fn ids(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The domain with exactly this id.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`] listing what is registered.
    pub fn domain(&self, id: &str) -> Result<&Arc<dyn Domain>, RegistryError> {
        match self.entries.get(id) {
            Some(entry) => Ok(&entry.domain),
            None => Err(RegistryError::Unknown { id: id.into(), registered: self.ids() }),
        }
    }

    /// The domains of an artifact: those its document declares, in their order, or the defaults where it declares none.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`] when one of them is not registered.
    pub fn domains_of(&self, artifact: &Artifact) -> Result<Vec<&Arc<dyn Domain>>, RegistryError> {
        match artifact.node().get("domains").and_then(Node::as_array) {
            Some(ids) => ids.iter().filter_map(Node::as_str).map(|id| self.domain(id)).collect(),
            None => self.default.iter().map(|id| self.domain(id)).collect(),
        }
    }

    /// The card of an artifact, by the first of its domains that renders one.
    ///
    /// # Errors
    /// As [`Registry::domains_of`].
    pub fn card(&self, artifact: &Artifact) -> Result<Option<String>, RegistryError> {
        Ok(self.domains_of(artifact)?.into_iter().find_map(|domain| domain.card(artifact)))
    }

    /// The stage types of a domain, sorted by name.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`] listing what is registered.
    pub fn stage_types(&self, id: &str) -> Result<impl Iterator<Item = &StageType>, RegistryError> {
        self.domain(id)?;
        Ok(self.entries[id].stages.values())
    }

    /// Looks a stage type up in the domains a document declares, in their order.
    pub fn stage(&self, domains: &[String], name: &str) -> StageLookup<'_> {
        for id in domains {
            if let Some(stage) = self.entries.get(id).and_then(|entry| entry.stages.get(name)) {
                return StageLookup::Found(stage);
            }
        }
        match self.entries.iter().find(|(_, entry)| entry.stages.contains_key(name)) {
            Some((id, _)) => StageLookup::Undeclared { domain: id },
            None => StageLookup::Unknown,
        }
    }
}

impl Registry {
    fn schema(&self, domains: &[String], name: &str, of: impl Fn(&StageType) -> &Value) -> StageSchema {
        match self.stage(domains, name) {
            StageLookup::Found(stage) => StageSchema::Found(of(stage).clone()),
            StageLookup::Undeclared { domain } => StageSchema::Undeclared(domain.to_owned()),
            StageLookup::Unknown => StageSchema::Unknown,
        }
    }

    fn members(&self, domains: &[String], of: impl Fn(RootMember) -> Value) -> Vec<(String, Value)> {
        let entries = domains.iter().filter_map(|id| self.entries.get(id));
        entries.flat_map(|entry| entry.domain.root_members()).map(|member| (member.name.to_owned(), of(member))).collect()
    }

    /// The domain that answers for source and target: the first declared.
    fn first(&self, domains: &[String]) -> Option<&dyn Domain> {
        self.entries.get(domains.first()?).map(|entry| entry.domain.as_ref())
    }
}

/// What makes two registrations the same: everything a document can depend on.
fn define(domain: &dyn Domain, stages: &BTreeMap<&'static str, StageType>) -> Value {
    let stage = |stage: &StageType| {
        let code = match &stage.executor {
            Executor::Here(stage) => json!(stage.code_version()),
            Executor::DeclaredOnly => Value::Null,
        };
        json!({"phase": stage.phase, "schema": stage.schema, "documentSchema": stage.document_schema, "code": code})
    };
    let stages: BTreeMap<_, _> = stages.iter().map(|(name, it)| (name, stage(it))).collect();
    let root = |member: RootMember| (member.name, json!({"schema": member.schema, "documentSchema": member.document_schema}));
    let roots: BTreeMap<_, _> = domain.root_members().into_iter().map(root).collect();
    json!({"version": domain.version(), "typeByte": domain.type_byte(), "stages": stages, "rootMembers": roots})
}

impl Vocabulary for Registry {
    fn domains(&self) -> Vec<String> {
        self.ids()
    }

    fn default_domains(&self) -> Vec<String> {
        self.default.clone()
    }

    fn stage_names(&self, domains: &[String]) -> Vec<String> {
        let entries = domains.iter().filter_map(|id| self.entries.get(id));
        entries.flat_map(|entry| entry.stages.keys().map(|name| (*name).to_owned())).collect()
    }

    fn stage_schema(&self, domains: &[String], name: &str) -> StageSchema {
        self.schema(domains, name, |stage| &stage.schema)
    }

    fn root_members(&self, domains: &[String]) -> Vec<(String, Value)> {
        self.members(domains, |member| member.schema)
    }

    fn type_byte(&self, domain: &str) -> Option<u8> {
        Some(self.entries.get(domain)?.domain.type_byte())
    }

    fn stage_document_schema(&self, domains: &[String], name: &str) -> StageSchema {
        self.schema(domains, name, |stage| &stage.document_schema)
    }

    fn root_document_members(&self, domains: &[String]) -> Vec<(String, Value)> {
        self.members(domains, |member| member.document_schema)
    }

    fn derive_stages(&self, domains: &[String], recipe: &Value) -> Result<Vec<DerivedStage>, Vec<Problem>> {
        match self.first(domains) {
            Some(domain) => domain.derive_stages(recipe),
            None => Err(vec![Problem::new("unknown-domain", "domains", "no declared domain is known, nothing can be derived")]),
        }
    }

    fn target_disagreements(&self, domains: &[String], recipe: &Value) -> Vec<Problem> {
        self.first(domains).map(|domain| domain.target_disagreements(recipe)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::stage::Phase;

    struct Named(&'static str, &'static str, Vec<&'static str>);

    impl Domain for Named {
        fn id(&self) -> &str {
            self.0
        }
        fn version(&self) -> &str {
            self.1
        }
        fn type_byte(&self) -> u8 {
            0xff
        }
        fn stage_types(&self) -> Vec<StageType> {
            let schema = json!({"type": "object"});
            let stage = |name: &&'static str| StageType::new(name, "", Phase::Transform, schema.clone(), Executor::DeclaredOnly);
            self.2.iter().map(stage).collect()
        }
    }

    fn registry() -> Registry {
        let mut registry = Registry::new();
        registry.register(Arc::new(Named("pottery", "1", vec!["fire"])), "first").unwrap();
        registry.register(Arc::new(Named("glass", "1", vec!["blow"])), "first").unwrap();
        registry
    }

    #[test]
    fn the_same_twice_is_nothing_and_a_different_one_names_both() {
        let mut registry = registry();
        registry.register(Arc::new(Named("pottery", "1", vec!["fire"])), "second").unwrap();
        assert_eq!(registry.ids(), ["glass", "pottery"]);
        let error = registry.register(Arc::new(Named("pottery", "1", vec!["fire", "glaze"])), "second").unwrap_err().to_string();
        for expected in ["`pottery`", "`first`", "`second`"] {
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(registry.register(Arc::new(Named("", "1", vec![])), "x"), Err(RegistryError::EmptyId { .. })));
        assert!(matches!(
            registry.register(Arc::new(Named("x", "1", vec!["a", "a"])), "x"),
            Err(RegistryError::StageTwice { .. })
        ));
    }

    /// A pottery domain whose `fire` is as `change` leaves it.
    struct Changed(fn(&mut StageType));

    impl Domain for Changed {
        fn id(&self) -> &str {
            "pottery"
        }
        fn version(&self) -> &str {
            "1"
        }
        fn type_byte(&self) -> u8 {
            0xff
        }
        fn stage_types(&self) -> Vec<StageType> {
            let mut stages = Named("", "", vec!["fire"]).stage_types();
            stages.iter_mut().for_each(self.0);
            stages
        }
    }

    #[test]
    fn a_definition_in_use_is_frozen() {
        let taken = |change: fn(&mut StageType)| {
            let result = registry().register(Arc::new(Changed(change)), "second");
            matches!(result, Err(RegistryError::Taken { .. }))
        };
        assert!(!taken(|_| ()) && !taken(|stage| stage.summary = "another sentence"), "words are no definition");
        assert!(taken(|stage| stage.name = "fires"));
        assert!(taken(|stage| stage.phase = Phase::Delivery));
        assert!(taken(|stage| stage.schema = json!({"type": "object", "properties": {"degrees": {"type": "integer"}}})));
        assert!(taken(|stage| stage.document_schema = json!({"type": "object", "required": ["degrees"]})));
    }

    #[test]
    fn documents_may_hold_what_recipes_may_not() {
        let closed = json!({"additionalProperties": false, "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"properties": {}, "unevaluatedProperties": false}, "Map": {"additionalProperties": {"type": "string"}}}});
        let stage = StageType::new("fire", "", Phase::Transform, closed, Executor::DeclaredOnly);
        let open = json!({"properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"properties": {}}, "Map": {"additionalProperties": {"type": "string"}}}});
        assert_eq!(stage.document_schema, open);
        let closed = crate::closed_schema(open);
        assert_eq!(
            (&closed["additionalProperties"], &closed["$defs"]["A"]["additionalProperties"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(closed["$defs"]["Map"]["additionalProperties"], json!({"type": "string"}));
        assert_eq!(crate::closed_schema(json!({"type": "object"})), json!({"type": "object"}), "a raw stage stays raw");
    }

    #[test]
    fn lookup_is_exact_and_never_falls_back() {
        let registry = registry();
        for near in ["Pottery", "potter", "pottery ", ""] {
            let error = registry.domain(near).err().unwrap().to_string();
            assert!(error.contains(&format!("`{near}`")) && error.contains("`glass`, `pottery`"), "{error}");
        }
        let pottery = ["pottery".to_owned()];
        assert!(matches!(registry.stage(&pottery, "fire"), StageLookup::Found(_)));
        assert!(matches!(registry.stage(&pottery, "blow"), StageLookup::Undeclared { domain: "glass" }));
        assert!(matches!(registry.stage(&pottery, "fir"), StageLookup::Unknown));
    }
}
