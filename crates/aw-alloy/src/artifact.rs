//! The artifact: the frozen recipe, everything the run learned, the chain, and the seal over all of it.
//!
//! The file is the publishing serialisation with one final newline. The seal is the document's last member and covers the
//! SHA-256 of the publishing serialisation of everything before it, so that not only values but spelling, order and white space
//! are bound: a file whose bytes are not what its own content serialises to is refused.

mod verify;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::chain::{CHAIN_FORMAT, Chain};
use crate::digest::{ArtifactId, Digest, LinkDigest, TreeRoot};
use crate::keys::{SecretKey, Signature, SignatureVerdict};
use crate::recipe::Recipe;
use crate::signing;
use crate::text::{Limits, Node, Object, Problem, SyntaxError, canonical, json as json_text};

pub use verify::{ExpectedFile, Finding, Origin, Severity, Verification, verify};

/// Purpose of the seal's signature.
const SEAL_CONTEXT: &str = "alloyworks.seal.v1";
/// Name of the card beside the artifact document.
pub const CARD_FILE: &str = "README.md";
/// What artifact documents' names end in.
pub const ARTIFACT_SUFFIX: &str = ".alloy.json";

/// An artifact document, read or made.
#[derive(Clone, Debug)]
pub struct Artifact {
    node: Node,
    id: ArtifactId,
    chain: Chain,
}

/// What a run hands over to become an artifact.
pub struct Forged<'a> {
    /// The recipe as it was run.
    pub recipe: &'a Recipe,
    /// The signed links.
    pub chain: Chain,
    /// Root of the last tree.
    pub output: TreeRoot,
    /// When the run started, RFC 3339.
    pub forged_at: &'a str,
    /// What made it: the `code` member of `integrity`.
    pub code: Value,
    /// Root members the domain derived from the measurements (`results`, `forgedParamsB`, …); `integrity` is merged.
    pub learned: Map<String, Value>,
}

/// The seal as documents carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seal {
    /// SHA-256 of the publishing serialisation of the document without its seal.
    pub document: Digest,
    /// Digest of the last link.
    pub last_link: LinkDigest,
    /// The signature over both.
    pub signature: Signature,
}

impl Seal {
    fn message(document: &Digest, last_link: &LinkDigest) -> Vec<u8> {
        let value = json!({"document": document, "lastLink": last_link});
        canonical::to_bytes(&Node::from_serde(&value)).expect("two strings serialise")
    }

    fn verify(&self) -> SignatureVerdict {
        self.signature.verify(SEAL_CONTEXT, &Self::message(&self.document, &self.last_link))
    }
}

/// Why bytes are not an artifact of this program.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// Not JSON.
    #[error("the artifact is not JSON: {0}")]
    Syntax(#[from] SyntaxError),
    /// A member is missing or of another shape.
    #[error("the artifact's `{member}` {problem}")]
    Member {
        /// Which member.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Artifact {
    /// Puts an artifact together; it has neither card hash nor seal yet.
    ///
    /// # Errors
    /// [`ArtifactError`] when the parts do not form an artifact, which is a bug of the caller.
    pub fn assemble(forged: Forged<'_>) -> Result<Self, ArtifactError> {
        let recipe = forged.recipe;
        let mut node = recipe.node().clone();
        let object = node.as_object_mut().ok_or_else(|| member("name", "is missing: a recipe is an object"))?;
        object.remove("id");
        let mut set = |name: &str, value: &Value| object.insert(name, Node::from_serde(value));
        set("id", &json!(ArtifactId::of(&recipe.digest(), &forged.chain.source.root, &forged.output)));
        set("recipeId", &json!(recipe.id()));
        set("recipeVersion", &json!(recipe.root().version));
        set("forgedAt", &json!(forged.forged_at));
        let mut integrity =
            json!({"trustLevel": "self-attested", "code": forged.code, "alloyHash": pipeline_hash(recipe.node())});
        for (name, value) in &forged.learned {
            match (name.as_str(), value) {
                ("integrity", Value::Object(more)) => more.iter().for_each(|(name, value)| integrity[name] = value.clone()),
                _ => drop(set(name, value)),
            }
        }
        integrity["attestedAt"] = json!(forged.forged_at);
        set("integrity", &integrity);
        set("chain", &serde_json::to_value(&forged.chain).expect("a chain is plain JSON"));
        Self::from_node(node)
    }

    /// Reads an artifact's bytes, tolerant of members it does not know. Nothing is verified.
    ///
    /// # Errors
    /// [`ArtifactError`] when it is not JSON, or its name, id or chain is missing or malformed.
    pub fn read(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Self::from_node(json_text::parse(bytes, &Limits::DOCUMENT)?)
    }

    fn from_node(node: Node) -> Result<Self, ArtifactError> {
        let name = node.get("name").and_then(Node::as_str);
        if name.is_none_or(str::is_empty) {
            return Err(member("name", "is missing or not a string"));
        }
        let written = node.get("chain").ok_or_else(|| member("chain", "is missing: nothing proves where the files come from"))?;
        let chain: Chain =
            serde_json::from_value(written.to_serde()).map_err(|error| member("chain", &format!("cannot be read: {error}")))?;
        // Typed readers also take a list of values for an object and pass over what a signature does not have.
        if as_written(&chain) != *written {
            return Err(member(
                "chain",
                "is not in the form that chains have: an object is written as a list, or holds more or less than it should",
            ));
        }
        if chain.format != CHAIN_FORMAT {
            return Err(member("chain", &format!("has format `{}`; this program reads `{CHAIN_FORMAT}`", chain.format)));
        }
        let id = node.get("id").and_then(Node::as_str).ok_or_else(|| member("id", "is missing or not a string"))?;
        let id = id.parse().map_err(|error| member("id", &format!("cannot be read: {error}")))?;
        Ok(Self { node, id, chain })
    }

    /// Signs the payload that verifiers of any origin recompute: `integrity.signature`. Before the card is made and the seal set, which
    /// cover it.
    ///
    /// # Errors
    /// Every [`Problem`] that keeps it from being signed.
    pub fn attest(mut self, attestation: &signing::Attestation<'_>) -> Result<Self, Vec<Problem>> {
        signing::sign(&mut self.node, attestation)?;
        Ok(self)
    }

    /// Binds the card's bytes and seals the document.
    pub fn seal(mut self, card: Option<&[u8]>, key: &SecretKey) -> Self {
        if let (Some(card), Some(integrity)) = (card, self.node.get_mut("integrity").and_then(Node::as_object_mut)) {
            integrity.insert("cardHash", Digest::of(card).to_string());
        }
        let document = self.document_digest();
        let last_link = self.chain.last_link();
        let signature = key.sign(SEAL_CONTEXT, &Seal::message(&document, &last_link));
        let object = self.object_mut();
        object.remove("seal");
        object.insert("seal", as_written(&Seal { document, last_link, signature }));
        self
    }

    /// SHA-256 of the publishing serialisation without the seal.
    pub fn document_digest(&self) -> Digest {
        let mut unsealed = self.clone();
        unsealed.object_mut().remove("seal");
        Digest::of(json_text::publish(&unsealed.node).as_bytes())
    }

    /// The file's bytes: the publishing serialisation and a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = json_text::publish(&self.node);
        text.push('\n');
        text.into_bytes()
    }

    /// The document's tree.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The seal, when there is a readable one.
    ///
    /// The seal's own bytes are under no signature; so only its one form is readable: these members, in this order.
    pub fn seal_member(&self) -> Option<Seal> {
        let written = self.node.get("seal")?;
        let seal: Seal = serde_json::from_value(written.to_serde()).ok()?;
        (json_text::compact(&as_written(&seal)) == json_text::compact(written)).then_some(seal)
    }

    /// Its name, which is also its file's name without the suffix.
    pub fn name(&self) -> &str {
        self.node.get("name").and_then(Node::as_str).unwrap_or_default()
    }

    /// Its own id.
    pub fn id(&self) -> ArtifactId {
        self.id
    }

    /// Root of the last tree: the identity of the files.
    pub fn output(&self) -> TreeRoot {
        self.chain.output()
    }

    /// A string member below the root, such as `integrity.modelHash`.
    pub fn text(&self, path: &str) -> Option<&str> {
        path.split('.').try_fold(&self.node, |node, name| node.get(name))?.as_str()
    }

    fn object_mut(&mut self) -> &mut Object {
        self.node.as_object_mut().expect("checked when the artifact was made")
    }
}

/// What a chain or a seal looks like in a document.
fn as_written(value: &impl Serialize) -> Node {
    Node::from_serde(&serde_json::to_value(value).expect("chains and seals are plain JSON"))
}

/// SHA-256 over the RFC 8785 form of `{"source", "stages"}`: the pipeline's definition without results.
///
/// # Source
/// The alloy format, section 8, `integrity.alloyHash`.
pub fn pipeline_hash(document: &Node) -> Digest {
    let parts = ["source", "stages"].into_iter().filter_map(|name| Some((name, document.get(name)?.clone())));
    let object: Object = parts.collect();
    let node = Node::from(crate::text::Value::Object(object));
    Digest::of(&canonical::to_bytes(&node).expect("parsed documents hold finite numbers and unique names"))
}

fn member(member: &'static str, problem: &str) -> ArtifactError {
    ArtifactError::Member { member, problem: problem.into() }
}

#[cfg(test)]
mod tests;
