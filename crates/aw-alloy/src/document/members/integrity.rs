//! What vouches for an artifact.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What vouches for an artifact: code, hashes, datasets, certifications, a signature.
///
/// # Source
/// The alloy format, section 7, integrity.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// How far the writer claims to be trusted: a claim, not a proof.
    #[serde(default)]
    pub trust_level: TrustLevel,
    /// What made it.
    pub code: Option<CodeAttestation>,
    /// Hash of the weights.
    pub model_hash: Option<String>,
    /// Hashes of the weight files.
    pub file_hashes: Option<Vec<FileHash>>,
    /// Hash of the pipeline; required beside a signature.
    pub alloy_hash: Option<String>,
    /// What was read.
    #[serde(default)]
    pub datasets: Vec<DatasetHash>,
    /// Random bytes a verifier issued, base64url.
    pub nonce: Option<String>,
    /// Origin of the verifier the attestation is for.
    pub audience: Option<String>,
    /// The signature.
    pub signature: Option<IntegritySignature>,
    /// Where the hash is anchored.
    pub anchor: Option<Anchor>,
    /// What independent certifiers say.
    #[serde(default)]
    pub certifications: Vec<Certification>,
    /// When it was attested.
    pub attested_at: Option<String>,
}

/// How far the writer claims to be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrustLevel {
    /// The signer vouches: finds accidental corruption only.
    #[default]
    SelfAttested,
    /// An audited runner with a certificate chain.
    Verified,
    /// Trusted hardware with attestation.
    Enclave,
}

/// The program that made it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeAttestation {
    /// The program.
    #[schemars(length(min = 1))]
    pub runner: String,
    /// Its version.
    #[schemars(length(min = 1))]
    pub version: String,
    /// SHA-256 of the entry program.
    pub binary_hash: String,
    /// SHA-256 of its source.
    pub source_hash: Option<String>,
    /// Commit it was built from.
    pub commit: Option<String>,
    /// Where the source is.
    pub source_repo: Option<String>,
    /// The surroundings in words.
    pub environment: Option<String>,
    /// SHA-256 of the surroundings.
    pub environment_hash: Option<String>,
}

/// A weight file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileHash {
    /// Its name.
    pub filename: String,
    /// SHA-256 of its bytes, 64 hex digits without a prefix.
    pub sha256: String,
    /// Its length in bytes.
    pub size: Option<u64>,
}

/// Something that was read.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatasetHash {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Root over exactly the files read.
    pub hash: String,
    /// Where it can be had.
    pub source: Option<String>,
}

/// A signature over the attested members.
///
/// # Source
/// The alloy format, section 8, signature.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegritySignature {
    /// The algorithm; reserved and unknown ones parse.
    #[schemars(length(min = 1))]
    pub algorithm: String,
    /// The public key, base64.
    #[schemars(length(min = 1))]
    pub public_key: String,
    /// The signature, base64.
    #[schemars(length(min = 1))]
    pub value: String,
    /// The key's id in its registry.
    pub key_id: Option<String>,
    /// Id of the authenticator.
    pub credential_id: Option<String>,
    /// PEM certificates, leaf first.
    #[serde(default)]
    pub certificate_chain: Vec<String>,
    /// Where the registry is.
    pub key_registry: Option<String>,
}

/// What an independent certifier says, under a key of its own.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certification {
    /// What certified.
    #[schemars(length(min = 1))]
    pub adapter: String,
    /// Its version.
    #[schemars(length(min = 1))]
    pub version: String,
    /// What it is about, such as `benchmark:humaneval`.
    #[schemars(length(min = 1))]
    pub domain: String,
    /// What it found, an open object.
    #[serde(default)]
    pub result: Map<String, Value>,
    /// SHA-256 of the certifier.
    pub adapter_hash: Option<String>,
    /// Its signature.
    pub signature: Option<IntegritySignature>,
    /// Random bytes a verifier issued, base64url.
    pub nonce: Option<String>,
    /// Where the certifier's source is.
    pub source_repo: Option<String>,
    /// Commit it was built from.
    pub commit: Option<String>,
    /// When it certified.
    pub attested_at: String,
}

/// Where a hash is anchored.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    /// What kind of place.
    pub anchor_type: AnchorType,
    /// The hash that is anchored there.
    #[schemars(length(min = 1))]
    pub anchored_hash: String,
    /// Where it is.
    #[schemars(length(min = 1))]
    pub location: String,
    /// Since when.
    pub anchored_at: Option<String>,
    /// Which network.
    pub network: Option<String>,
}

/// What kind of place anchors a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum AnchorType {
    Blockchain,
    MerkleRoot,
    Rfc3161,
    Ipfs,
    Custom,
}
