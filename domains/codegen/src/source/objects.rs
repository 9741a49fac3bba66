//! Sources in object stores.

use crate::objects::{Bucket, Got, Variables};

use super::{Fetched, ObjectLocation, SOURCE_BYTES_MAX, SourceError};

pub(super) fn fetch(object: &ObjectLocation, variables: &Variables, validator: Option<&str>) -> Result<Fetched, SourceError> {
    let failed = |reason: String| SourceError::Object { uri: object.to_string(), reason };
    let bucket = Bucket::of(object, variables).map_err(failed)?;
    let source_uri = object.to_string();
    match bucket.get(&object.key, validator, SOURCE_BYTES_MAX).map_err(failed)? {
        Got::Object { bytes, validator, content_type } => {
            Ok(Fetched { bytes, source_uri, validator, content_type, not_modified: false })
        }
        Got::NotModified if validator.is_some() => Ok(Fetched {
            bytes: Vec::new(),
            source_uri,
            validator: validator.map(str::to_owned),
            content_type: None,
            not_modified: true,
        }),
        Got::NotModified => Err(failed("it says that nothing changed, and was not asked".to_owned())),
        Got::Nothing => Err(failed("there is no such object".to_owned())),
        Got::TooLong => Err(SourceError::TooLong { uri: source_uri }),
    }
}
