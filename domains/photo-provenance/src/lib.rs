//! How a photograph came to be: where it was captured, what was edited, where it was published.
//!
//! Nothing here executes yet. Documents of this domain parse and are held against its schemas; a plan says that their stages are
//! declared and cannot run here.
//!
//! ```
//! use aw_domain::Domain;
//!
//! let names: Vec<_> = photo_provenance::PhotoProvenance.stage_types().iter().map(|stage| stage.name).collect();
//! assert_eq!(names, ["capture", "edit", "publish"]);
//! ```

use aw_alloy::document::members::IntegritySignature;
use aw_domain::{Domain, Phase, StageType};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The provenance of photographs.
///
/// # Source
/// The alloy format, section 5.
#[derive(Clone, Copy, Debug, Default)]
pub struct PhotoProvenance;

impl Domain for PhotoProvenance {
    fn id(&self) -> &str {
        "photo-provenance"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn type_byte(&self) -> u8 {
        0xff
    }

    fn stage_types(&self) -> Vec<StageType> {
        vec![
            StageType::declared::<Capture>(
                "capture",
                Phase::Input,
                "Says which sensor took the photograph, where and with what settings.",
            ),
            StageType::declared::<Edit>("edit", Phase::Transform, "Says what was done to the photograph and with which tool."),
            StageType::declared::<Publish>("publish", Phase::Delivery, "Says where the photograph was published."),
        ]
    }
}

/// `capture`: a photograph was taken.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capture {
    /// The sensor, by an id of its maker.
    #[schemars(length(min = 1))]
    pub sensor_id: String,
    /// Hash of the place. The place itself stays with whoever took it.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub gps_hash: Option<String>,
    /// What the camera wrote beside the image, as it wrote it.
    #[serde(default)]
    pub exif: Map<String, Value>,
    /// The sensor's signature.
    pub signature: IntegritySignature,
}

/// `edit`: a photograph was changed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edit {
    /// The program.
    #[schemars(length(min = 1))]
    pub tool: String,
    /// What it did.
    #[schemars(length(min = 1))]
    pub operation: String,
    /// With which settings.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The editor's signature.
    pub signature: IntegritySignature,
}

/// `publish`: a photograph was published.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Publish {
    /// Where.
    #[schemars(length(min = 1))]
    pub platform: String,
    /// As what.
    #[schemars(length(min = 1))]
    pub post_id: String,
    /// Whether a QR code of the document is in the image.
    #[serde(default)]
    pub qr_embed: bool,
    /// The publisher's signature.
    pub signature: IntegritySignature,
}
