//! What stands in a station, for people and programs that look. Needs no lock and no worker. Foundry and line, section 3.11.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;

use aw_disk::At;
use serde_json::Value;

use crate::enqueue::PART_BYTES_MAX;
use crate::name::owner_among;
use crate::{LineError, Oddity, PART_ENDING, PartName, Root, Station};

/// A part as a listing shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: PartName,
    /// Where it stands.
    pub station: Station,
    /// When it was put there or moved in the order.
    pub modified: SystemTime,
    /// Bytes of its file.
    pub bytes: u64,
    /// Files beside it, by name.
    pub sidecars: Vec<String>,
}

/// What a part's own text says, as far as it says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Name of the recipe.
    pub title: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The model it starts from.
    pub base_model: Option<String>,
    /// That model's architecture.
    pub architecture: Option<String>,
    /// What kind of work it is; `forge` when it does not say.
    pub workload_type: String,
}

/// What stands in a station.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Parts by name; those of intake in the order they will be taken.
    pub parts: Vec<Part>,
    /// What is no part and belongs to none.
    pub oddities: Vec<Oddity>,
}

impl Root {
    /// Lists a station. One file that cannot be read, or is none of the protocol, does not fail it: it is among the oddities.
    ///
    /// # Errors
    /// When the folder itself cannot be listed.
    pub fn list(&self, station: Station) -> Result<Listing, LineError> {
        let folder = self.station(station);
        let mut files: BTreeMap<String, std::fs::Metadata> = BTreeMap::new();
        let mut listing = Listing::default();
        for entry in std::fs::read_dir(&folder).at("list", &folder)? {
            let entry = entry.at("list", &folder)?;
            let name = entry.file_name();
            if name.as_bytes().starts_with(b".") {
                continue;
            }
            let odd = |reason: &str| Oddity::new(entry.path(), reason);
            match (name.into_string(), entry.metadata()) {
                (Err(_), _) => listing.oddities.push(odd("its name is not UTF-8")),
                // It moved on while we looked.
                (Ok(_), Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
                (Ok(_), Err(error)) => listing.oddities.push(odd(&format!("it cannot be looked at: {error}"))),
                (Ok(name), Ok(meta)) => drop(files.insert(name, meta)),
            }
        }
        let mut stems: BTreeMap<String, String> = BTreeMap::new();
        for (file, meta) in files.iter().filter(|(file, _)| file.ends_with(PART_ENDING)) {
            match part_of(file, meta) {
                Err(reason) => listing.oddities.push(Oddity::new(folder.join(file), reason)),
                Ok(name) => {
                    if let Some(other) = stems.insert(name.stem().to_owned(), file.clone()) {
                        let reason = format!("`{other}` has the same stem; a part may be on the line once");
                        listing.oddities.push(Oddity::new(folder.join(file), reason));
                    }
                    let modified = meta.modified().at("look at", &folder.join(file))?;
                    listing.parts.push(Part { name, station, modified, bytes: meta.len(), sidecars: Vec::new() });
                }
            }
        }
        listing.parts.sort_by(|a, b| a.name.cmp(&b.name));
        let names: BTreeSet<String> = listing.parts.iter().map(|part| part.name.to_string()).collect();
        for file in files.keys().filter(|file| !file.ends_with(PART_ENDING)) {
            let owner = owner_among(file, |name| names.contains(name));
            let at =
                owner.and_then(|owner| listing.parts.binary_search_by(|part| part.name.to_string().as_str().cmp(owner)).ok());
            match at {
                Some(at) => listing.parts[at].sidecars.push(file.clone()),
                None => {
                    let reason =
                        "it belongs to no part here; parts end in `.alloy.json`, and files beside one begin with its name";
                    listing.oddities.push(Oddity::new(folder.join(file), reason));
                }
            }
        }
        if station == Station::Intake {
            listing.parts.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        }
        listing.oddities.sort();
        Ok(listing)
    }

    /// Parts whose stem stands in more than one station, which the protocol forbids.
    ///
    /// # Errors
    /// When a station cannot be listed.
    pub fn duplicates(&self) -> Result<Vec<Oddity>, LineError> {
        let mut first: BTreeMap<String, (Station, String)> = BTreeMap::new();
        let mut found = Vec::new();
        for station in Station::ALL {
            for file in crate::held::names(self, station)? {
                let Ok(name) = PartName::of_file(&file) else { continue };
                match first.get(name.stem()) {
                    Some((other, beside)) => {
                        let reason = format!("`{beside}` in {other} has the same stem; a part may be on the line once");
                        found.push(Oddity::new(self.station(station).join(&file), reason));
                    }
                    None => drop(first.insert(name.stem().to_owned(), (station, file))),
                }
            }
        }
        Ok(found)
    }
}

/// The name of a part's file; why it is none.
pub(crate) fn part_of(file: &str, meta: &std::fs::Metadata) -> Result<PartName, String> {
    let name = PartName::of_file(file).map_err(|error| error.to_string())?;
    let kind = meta.file_type();
    match () {
        () if kind.is_symlink() => Err("it is a link; a part is a file of its own".to_owned()),
        () if kind.is_dir() => Err("it is a folder; a part is a file".to_owned()),
        () if !kind.is_file() => Err("it is no regular file".to_owned()),
        () => Ok(name),
    }
}

impl Part {
    /// Reads what the part says of itself.
    ///
    /// # Errors
    /// An oddity when it cannot be read, is too long, or is no JSON object.
    pub fn summary(&self, root: &Root) -> Result<Summary, Oddity> {
        let path = root.part(self.station, &self.name);
        let bytes = match aw_disk::read(&path, PART_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Oddity::new(path, "it is no longer here")),
            Err(error) => return Err(Oddity::new(path, format!("it cannot be read: {}", error.source))),
        };
        let value: Value = match serde_json::from_slice(&bytes) {
            Ok(value @ Value::Object(_)) => value,
            Ok(_) => return Err(Oddity::new(path, "it is JSON, but no object")),
            Err(error) => return Err(Oddity::new(path, format!("it is no JSON: {error}"))),
        };
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Ok(Summary {
            title: text("/name"),
            version: text("/version"),
            base_model: text("/source/baseModel"),
            architecture: text("/source/architecture"),
            workload_type: text("/workloadType").unwrap_or_else(|| "forge".to_owned()),
        })
    }
}
