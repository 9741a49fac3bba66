//! A bucket: `<prefix>/<name>-<version>-<digits>/…`, the document behind all other files, the card last.

use aw_remote::ObjectLocation;
use aw_remote::objects::Bucket;

use super::{Credentials, FileSource, FileState, Plan, Published, Publisher, Step, Watch, step};
use crate::contents::{ContentFile, Contents};
use crate::error::{ShipError, disk};
use crate::target::Target;

pub(crate) struct Objects {
    target: Target,
    location: ObjectLocation,
    bucket: Bucket,
}

impl Objects {
    pub(crate) fn new(target: Target, location: &ObjectLocation, credentials: &Credentials) -> Result<Self, ShipError> {
        let bucket = Bucket::of(location, &credentials.stores)
            .map_err(|reason| ShipError::Remote { place: target.to_string(), reason })?;
        Ok(Self { target, location: location.clone(), bucket })
    }

    fn key(&self, contents: &Contents, file: &ContentFile) -> String {
        self.location.below(&format!("{}/{}", contents.label(), file.path))
    }

    fn url(&self, contents: &Contents) -> String {
        format!("{}/{}", self.location, contents.label())
    }

    fn failed(&self, reason: String) -> ShipError {
        ShipError::Remote { place: self.target.to_string(), reason }
    }

    /// What is there, as whoever uploaded it said; reading back is what proves it.
    fn state(&self, contents: &Contents, file: &ContentFile) -> Result<FileState, ShipError> {
        let found = self.bucket.state(&self.key(contents, file)).map_err(|reason| self.failed(reason))?;
        Ok(match found {
            None => FileState::Absent,
            Some(found) if found.bytes == file.bytes && found.sha256 == Some(file.digest) => FileState::There,
            Some(_) => FileState::Differs,
        })
    }

    /// Reads a file back and says what is wrong with it.
    fn damage(&self, contents: &Contents, file: &ContentFile) -> Result<Option<String>, ShipError> {
        let read = self.bucket.read(&self.key(contents, file), file.bytes, &mut std::io::sink());
        Ok(match read.map_err(|reason| self.failed(reason))? {
            Some(found) if found == file.digest => None,
            Some(found) => Some(found.to_string()),
            None => Some("nothing".to_owned()),
        })
    }

    fn put(&self, contents: &Contents, file: &ContentFile, watch: Watch<'_>) -> Result<(), ShipError> {
        let name = file.path.as_str();
        step(watch, "send", Some(name))?;
        let source = FileSource { contents, file };
        let mut reader = source.reader(0).map_err(disk("read", &source.path()))?;
        let stopped = std::cell::Cell::new(false);
        let go_on = |bytes| {
            let on = watch(&Step { what: "sending", file: Some(name.to_owned()), bytes });
            stopped.set(!on);
            on
        };
        let put = self.bucket.put(&self.key(contents, file), &mut reader, file.bytes, &file.digest, &go_on);
        match put {
            Err(_) if stopped.get() => Err(ShipError::Cancelled),
            Err(reason) => Err(self.failed(format!("`{name}`: {reason}"))),
            Ok(()) => step(watch, "sent", Some(name)),
        }
    }
}

impl Publisher for Objects {
    fn target(&self) -> &Target {
        &self.target
    }

    fn plan(&self, contents: &Contents) -> Result<Plan, ShipError> {
        let states: Result<Vec<_>, _> = contents.files.iter().map(|file| self.state(contents, file)).collect();
        Ok(Plan::of(&self.target, self.url(contents), contents, &states?))
    }

    fn publish(&self, contents: &Contents, watch: Watch<'_>) -> Result<Published, ShipError> {
        let mut sent = 0;
        for file in &contents.files {
            step(watch, "look", Some(file.path.as_str()))?;
            // The name holds the document's digest, so another object there is a damaged one, and is mended.
            if self.state(contents, file)? != FileState::There {
                self.put(contents, file, watch)?;
                sent += file.bytes;
            }
        }
        for file in &contents.files {
            step(watch, "read-back", Some(file.path.as_str()))?;
            let Some(found) = self.damage(contents, file)? else { continue };
            // Its metadata said what it is not: once more, and then it is the store's fault.
            self.put(contents, file, watch)?;
            sent += file.bytes;
            if self.damage(contents, file)?.is_some() {
                let (place, name) = (self.target.to_string(), file.path.to_string());
                return Err(ShipError::ReadBack { place, file: name, expected: file.digest.to_string(), found });
            }
        }
        Ok(Published { url: self.url(contents), revision: None, sent })
    }
}
