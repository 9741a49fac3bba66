//! Whose a key is, and whether it still counts.

use super::{Algorithm, VerificationKey};
use crate::Moment;
use crate::text::{Limits, Node, Object, Problem, Value, json};

/// How long a key lasts: 90 days.
pub const KEY_LIFE_SECONDS: i64 = 90 * 86_400;

const REQUIRED: [&str; 9] = [
    "keyId",
    "algorithm",
    "publicKey",
    "owner",
    "registeredAt",
    "expiresAt",
    "revokedAt",
    "supersededBy",
    "registrationAuthority",
];
const OPTIONAL: [&str; 3] = ["supersededAt", "revocationReason", "asOf"];

/// What a registry says of one key.
///
/// # Source
/// The alloy format, section 8: key registry entry; `supersededAt` is the moment that section asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyEntry {
    /// Name of the key; one entry a name.
    pub key_id: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The key, as documents carry it.
    pub public_key: String,
    /// Whose it is.
    pub owner: String,
    /// From when it counts.
    pub registered_at: Moment,
    /// Until when it counts.
    pub expires_at: Moment,
    /// When it was revoked. A revoked key never counts again, whenever it signed.
    pub revoked_at: Option<Moment>,
    /// The key that came after it.
    pub superseded_by: Option<String>,
    /// When that one came.
    pub superseded_at: Option<Moment>,
    /// Who says all this.
    pub registration_authority: String,
    /// Why it was revoked.
    pub revocation_reason: Option<String>,
    /// As of when all this is known; the registry's own moment where the entry has none.
    pub as_of: Option<Moment>,
    /// Members this program does not know, kept.
    pub more: Object,
}

impl KeyEntry {
    /// The key itself; `None` for an algorithm that is not in use here.
    pub fn key(&self) -> Option<VerificationKey> {
        VerificationKey::read(&self.public_key).ok().filter(|key| key.curve().algorithm() == self.algorithm)
    }

    /// Whether the key may sign at that moment.
    pub fn may_sign(&self, at: Moment) -> bool {
        self.revoked_at.is_none() && self.superseded_by.is_none() && (self.registered_at..=self.expires_at).contains(&at)
    }

    fn read(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(object) = node.as_object() else {
            problems
                .push(Problem::new("wrong-type", path, format!("expected an object, found {}", node.value.kind())).at(node.at));
            return None;
        };
        let before = problems.len();
        let mut reader = Reader { object, node, path, problems };
        for name in REQUIRED {
            reader.required(name);
        }
        let algorithm = Algorithm::read(&reader.text("algorithm").unwrap_or_default());
        let entry = Self {
            key_id: reader.text("keyId").unwrap_or_default(),
            public_key: reader.text("publicKey").unwrap_or_default(),
            owner: reader.text("owner").unwrap_or_default(),
            registered_at: reader.moment("registeredAt").unwrap_or(Moment::from_unix(0, 0)),
            expires_at: reader.moment("expiresAt").unwrap_or(Moment::from_unix(i64::MAX, 0)),
            revoked_at: reader.moment("revokedAt"),
            superseded_by: reader.text("supersededBy"),
            superseded_at: reader.moment("supersededAt"),
            registration_authority: reader.text("registrationAuthority").unwrap_or_default(),
            revocation_reason: reader.text("revocationReason"),
            as_of: reader.moment("asOf"),
            more: object.iter().filter(|it| !known(&it.name)).map(|it| (it.name.clone(), it.value.clone())).collect(),
            algorithm,
        };
        for name in ["keyId", "algorithm", "publicKey", "owner", "registeredAt", "expiresAt", "registrationAuthority"] {
            reader.not_null(name);
        }
        if Algorithm::IN_USE.contains(&entry.algorithm) && entry.key().is_none() && !entry.public_key.is_empty() {
            reader.problem("public-key", "publicKey", format!("it is not a public key for {}", entry.algorithm));
        }
        if entry.expires_at <= entry.registered_at {
            reader.problem("expires-at", "expiresAt", "a key expires after it was registered".into());
        }
        if entry.superseded_at.is_some() && entry.superseded_by.is_none() {
            reader.problem("superseded-by", "supersededBy", "a key with `supersededAt` names the key that came after it".into());
        }
        (problems.len() == before).then_some(entry)
    }

    fn node(&self) -> Node {
        let mut object = Object::new();
        let optional = |text: Option<String>| text.map_or_else(Node::null, Node::from);
        let moment = |at: Option<Moment>| optional(at.map(|at| at.to_string()));
        object.insert("keyId", self.key_id.as_str());
        object.insert("algorithm", self.algorithm.name());
        object.insert("publicKey", self.public_key.as_str());
        object.insert("owner", self.owner.as_str());
        object.insert("registeredAt", self.registered_at.to_string());
        object.insert("expiresAt", self.expires_at.to_string());
        object.insert("revokedAt", moment(self.revoked_at));
        object.insert("supersededBy", optional(self.superseded_by.clone()));
        object.insert("registrationAuthority", self.registration_authority.as_str());
        let optionals = [
            ("supersededAt", self.superseded_at.map(|at| at.to_string())),
            ("revocationReason", self.revocation_reason.clone()),
            ("asOf", self.as_of.map(|at| at.to_string())),
        ];
        for (name, value) in optionals {
            if let Some(value) = value {
                object.insert(name, value);
            }
        }
        for member in self.more.iter() {
            object.insert(member.name.clone(), member.value.clone());
        }
        Node::from(Value::Object(object))
    }
}

fn known(name: &str) -> bool {
    REQUIRED.contains(&name) || OPTIONAL.contains(&name)
}

struct Reader<'a> {
    object: &'a Object,
    node: &'a Node,
    path: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, code: &'static str, name: &str, message: String) {
        let at = self.object.get(name).map_or(self.node.at, |member| member.at);
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.problems.push(Problem::new(code, path, message).at(at));
    }

    fn required(&mut self, name: &str) {
        if !self.object.contains(name) {
            self.problem("missing-field", name, format!("`{name}` is missing; what is not so is written as `null`"));
        }
    }

    fn not_null(&mut self, name: &str) {
        if self.object.get(name).is_some_and(|member| member.is_null() || member.as_str() == Some("")) {
            self.problem("missing-field", name, format!("`{name}` must not be empty"));
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let member = self.object.get(name).filter(|member| !member.is_null())?;
        if member.as_str().is_none() {
            self.problem("wrong-type", name, format!("expected a string, found {}", member.value.kind()));
        }
        member.as_str().map(str::to_owned)
    }

    fn moment(&mut self, name: &str) -> Option<Moment> {
        let text = self.text(name)?;
        let moment = Moment::read(&text);
        if moment.is_none() {
            self.problem("moment", name, "expected a moment such as `2026-05-03T03:09:37Z`".into());
        }
        moment
    }
}

/// Keys and what became of them. Entries are added and marked, never taken away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyRegistry {
    as_of: Option<Moment>,
    entries: Vec<KeyEntry>,
}

/// Why a registry does not take something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The key is there with something else.
    #[error("key {key_id} is known with another `{member}`")]
    Conflict {
        /// The key.
        key_id: String,
        /// What differs.
        member: &'static str,
    },
    /// There is no such key.
    #[error("no key {key_id} is known")]
    Unknown {
        /// The key.
        key_id: String,
    },
    /// It was revoked, for good.
    #[error("key {key_id} was revoked at {at}, for good")]
    Revoked {
        /// The key.
        key_id: String,
        /// When.
        at: Moment,
    },
    /// Another key came after it already.
    #[error("key {key_id} was superseded by key {by} already")]
    Superseded {
        /// The key.
        key_id: String,
        /// The one that came after it.
        by: String,
    },
}

/// What taking in another registry did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Keys that were not known.
    pub added: usize,
    /// Keys of which more is known than before.
    pub changed: usize,
    /// Keys of which nothing new was said.
    pub unchanged: usize,
}

impl KeyRegistry {
    /// Reads a registry: `{"asOf": …, "keys": […]}`.
    ///
    /// # Errors
    /// Every [`Problem`] with its place: a member that is missing or of another kind, a moment that is none, a key id that occurs twice.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let node = json::parse(bytes, &Limits::DOCUMENT).map_err(|error| vec![Problem::from(error)])?;
        let mut problems = Vec::new();
        let Some(object) = node.as_object() else {
            return Err(vec![Problem::new("wrong-type", "", "a key registry is an object with `keys`").at(node.at)]);
        };
        for member in object.iter().filter(|member| !["asOf", "keys"].contains(&member.name.as_str())) {
            let message = format!("a key registry has no `{}`", member.name);
            let problem = Problem::new("unknown-field", member.name.clone(), message).at(member.value.at);
            problems.push(problem.suggest(&member.name, ["asOf", "keys"]));
        }
        let mut reader = Reader { object, node: &node, path: "", problems: &mut problems };
        // Without it nobody could tell what the file may not know yet.
        reader.required("asOf");
        reader.not_null("asOf");
        let as_of = reader.moment("asOf");
        let keys = object.get("keys").and_then(Node::as_array);
        if keys.is_none() {
            problems.push(Problem::new("missing-field", "keys", "`keys`, a list, is missing").at(node.at));
        }
        let mut registry = Self { as_of, entries: Vec::new() };
        let mut seen = std::collections::BTreeSet::new();
        for (index, node) in keys.unwrap_or_default().iter().enumerate() {
            let path = format!("keys[{index}]");
            if let Some(entry) = KeyEntry::read(node, &path, &mut problems) {
                if !seen.insert(entry.key_id.clone()) {
                    let message = format!("key {} has two entries; expected one", entry.key_id);
                    problems.push(Problem::new("key-taken", format!("{path}.keyId"), message).at(node.at));
                }
                registry.entries.push(entry);
            }
        }
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    /// The same registry as of that moment. Entries that say as of when they are keep that.
    #[must_use]
    pub fn as_of(mut self, now: Moment) -> Self {
        self.as_of = Some(now);
        self
    }

    /// The entries that are asked for, and none else.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&KeyEntry) -> bool) -> Self {
        self.entries.retain(keep);
        self
    }

    /// The file: the publishing serialisation and a final newline.
    pub fn to_text(&self) -> String {
        json::publish(&self.node()) + "\n"
    }

    /// The registry's tree.
    pub fn node(&self) -> Node {
        let mut object = Object::new();
        if let Some(as_of) = self.as_of {
            object.insert("asOf", as_of.to_string());
        }
        object.insert("keys", Value::Array(self.entries.iter().map(KeyEntry::node).collect()));
        Node::from(Value::Object(object))
    }

    /// The entries, in the order they came.
    pub fn entries(&self) -> &[KeyEntry] {
        &self.entries
    }

    /// The entry of a key.
    pub fn get(&self, key_id: &str) -> Option<&KeyEntry> {
        self.entries.iter().find(|entry| entry.key_id == key_id)
    }

    /// As of when an entry is known.
    pub fn known_as_of(&self, entry: &KeyEntry) -> Option<Moment> {
        entry.as_of.or(self.as_of)
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`MergeError::Conflict`] when there is one of that id, even the same.
    pub fn add(&mut self, entry: KeyEntry) -> Result<(), MergeError> {
        if self.get(&entry.key_id).is_some() {
            return Err(MergeError::Conflict { key_id: entry.key_id, member: "keyId" });
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Marks a key as revoked, for good.
    ///
    /// # Errors
    /// [`MergeError`] when there is no such key, or it is revoked already.
    pub fn revoke(&mut self, key_id: &str, at: Moment, reason: Option<&str>) -> Result<(), MergeError> {
        let entry = self.live(key_id)?;
        entry.revoked_at = Some(at);
        entry.revocation_reason = reason.map(str::to_owned);
        Ok(())
    }

    /// Marks a key as followed by another.
    ///
    /// # Errors
    /// [`MergeError`] when there is no such key, or it is revoked or superseded already.
    pub fn supersede(&mut self, key_id: &str, by: &str, at: Moment) -> Result<(), MergeError> {
        let entry = self.live(key_id)?;
        if let Some(by) = &entry.superseded_by {
            return Err(MergeError::Superseded { key_id: key_id.into(), by: by.clone() });
        }
        entry.superseded_by = Some(by.into());
        entry.superseded_at = Some(at);
        Ok(())
    }

    fn live(&mut self, key_id: &str) -> Result<&mut KeyEntry, MergeError> {
        match self.entries.iter_mut().find(|entry| entry.key_id == key_id) {
            None => Err(MergeError::Unknown { key_id: key_id.into() }),
            Some(KeyEntry { revoked_at: Some(at), .. }) => Err(MergeError::Revoked { key_id: key_id.into(), at: *at }),
            Some(entry) => Ok(entry),
        }
    }

    /// Takes in what another registry says. What is known of a key only grows: a revocation, a successor or an earlier end is taken over and
    /// never given up, whichever of the two is older.
    ///
    /// # Errors
    /// [`MergeError::Conflict`] when a key is known with something else; nothing is taken in then.
    pub fn merge(&mut self, other: &Self) -> Result<Merged, MergeError> {
        let mut entries = self.entries.clone();
        let mut merged = Merged::default();
        for theirs in &other.entries {
            let theirs = KeyEntry { as_of: other.known_as_of(theirs), ..theirs.clone() };
            match entries.iter_mut().find(|mine| mine.key_id == theirs.key_id) {
                None => {
                    entries.push(theirs);
                    merged.added += 1;
                }
                Some(mine) => {
                    let before = mine.clone();
                    grow(mine, &theirs, self.as_of)?;
                    let same = KeyEntry { as_of: before.as_of, ..mine.clone() } == before;
                    *(if same { &mut merged.unchanged } else { &mut merged.changed }) += 1;
                }
            }
        }
        self.entries = entries;
        Ok(merged)
    }
}

fn grow(mine: &mut KeyEntry, theirs: &KeyEntry, as_of: Option<Moment>) -> Result<(), MergeError> {
    let conflict = |member| Err(MergeError::Conflict { key_id: theirs.key_id.clone(), member });
    let same_key = match (mine.key(), theirs.key()) {
        (None, None) => mine.public_key == theirs.public_key,
        (mine, theirs) => mine == theirs,
    };
    if mine.algorithm != theirs.algorithm {
        return conflict("algorithm");
    }
    if !same_key {
        return conflict("publicKey");
    }
    if mine.owner != theirs.owner {
        return conflict("owner");
    }
    if mine.registered_at != theirs.registered_at {
        return conflict("registeredAt");
    }
    if mine.registration_authority != theirs.registration_authority {
        return conflict("registrationAuthority");
    }
    match (&mine.superseded_by, &theirs.superseded_by) {
        (Some(mine), Some(theirs)) if mine != theirs => return conflict("supersededBy"),
        (None, Some(_)) => mine.superseded_by.clone_from(&theirs.superseded_by),
        _ => {}
    }
    mine.superseded_at = earlier(mine.superseded_at, theirs.superseded_at);
    mine.expires_at = mine.expires_at.min(theirs.expires_at);
    mine.revoked_at = earlier(mine.revoked_at, theirs.revoked_at);
    if mine.revocation_reason.is_none() {
        mine.revocation_reason.clone_from(&theirs.revocation_reason);
    }
    if theirs.as_of > mine.as_of.or(as_of) {
        mine.as_of = theirs.as_of;
    }
    Ok(())
}

fn earlier(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
