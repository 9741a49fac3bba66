//! Objects: ordered members with unique names.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::{Mark, Node};

/// Up to this many members a scan is quicker than any index.
const SCAN_MAX: usize = 16;

/// Holds members in the order they were written; every name occurs once.
#[derive(Clone, Default)]
pub struct Object {
    members: Vec<Member>,
    /// Present exactly when there are more than [`SCAN_MAX`] members.
    index: Option<Box<Index>>,
}

/// Holds one member of an object.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    /// The name.
    pub name: String,
    /// Where the name started.
    pub name_at: Mark,
    /// The value.
    pub value: Node,
}

impl Object {
    /// Returns an object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Says whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the value of member `name`.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.member(name).map(|member| &member.value)
    }

    /// Returns the value of member `name` for changing it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        let position = self.position(name)?;
        Some(&mut self.members[position].value)
    }

    /// Returns member `name` with the place of its name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.position(name).map(|position| &self.members[position])
    }

    /// Says whether there is a member `name`, be it `null`.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// Sets member `name`: in its place when it exists, at the end otherwise. Returns the value it replaces.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Node>) -> Option<Node> {
        let (name, value) = (name.into(), value.into());
        match self.push(Member { name, name_at: Mark::NONE, value }) {
            Ok(()) => None,
            Err((position, member)) => Some(std::mem::replace(&mut self.members[position].value, member.value)),
        }
    }

    /// Takes member `name` out; the others keep their order.
    ///
    /// Costs as much as there are members: to take out many, build a new object.
    pub fn remove(&mut self, name: &str) -> Option<Member> {
        let position = self.position(name)?;
        let member = self.members.remove(position);
        self.index = (self.members.len() > SCAN_MAX).then(|| Box::new(Index::over(&self.members)));
        Some(member)
    }

    /// Goes through the members in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Member> {
        self.members.iter()
    }

    /// Goes through the values in their order, for changing them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.members.iter_mut().map(|member| &mut member.value)
    }

    /// Adds a member at the end, or hands it back with the position of the one that has its name.
    pub(crate) fn push(&mut self, member: Member) -> Result<(), (usize, Member)> {
        let taken = match &mut self.index {
            None => self.members.iter().position(|other| other.name == member.name),
            Some(index) => index.insert(&self.members, &member.name),
        };
        if let Some(position) = taken {
            return Err((position, member));
        }
        self.members.push(member);
        if self.index.is_none() && self.members.len() > SCAN_MAX {
            self.index = Some(Box::new(Index::over(&self.members)));
        }
        Ok(())
    }

    fn position(&self, name: &str) -> Option<usize> {
        match &self.index {
            None => self.members.iter().position(|member| member.name == name),
            Some(index) => index.position(&self.members, name),
        }
    }
}

impl PartialEq for Object {
    /// Compares members by name; their order does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|member| other.get(&member.name) == Some(&member.value))
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.members.iter().map(|member| (&member.name, &member.value))).finish()
    }
}

impl<N: Into<String>, V: Into<Node>> FromIterator<(N, V)> for Object {
    /// Collects members; of several with one name the last value stays, in the first one's place.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(members: I) -> Self {
        let mut object = Self::new();
        for (name, value) in members {
            object.insert(name, value);
        }
        object
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = &'a Member;
    type IntoIter = std::slice::Iter<'a, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Object {
    type Item = Member;
    type IntoIter = std::vec::IntoIter<Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

/// Finds members of a large object by name without storing the names again.
///
/// The hash is keyed afresh per object, so that nobody can write a file whose names collide; nothing observable
/// depends on the key.
#[derive(Clone)]
struct Index {
    hasher: RandomState,
    /// Position by hash of the name.
    positions: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    /// Members whose hash another name already had.
    collided: Vec<usize>,
}

impl Index {
    fn over(members: &[Member]) -> Self {
        let mut index = Self { hasher: RandomState::new(), positions: HashMap::default(), collided: Vec::new() };
        for (position, member) in members.iter().enumerate() {
            let taken = index.insert(&members[..position], &member.name);
            debug_assert!(taken.is_none(), "member names of one object are unique");
        }
        index
    }

    /// Enters `name` as the next member after `members`, or returns the position of the one that has it.
    fn insert(&mut self, members: &[Member], name: &str) -> Option<usize> {
        match self.positions.entry(self.hasher.hash_one(name)) {
            Entry::Vacant(slot) => {
                slot.insert(members.len());
                None
            }
            Entry::Occupied(slot) if members[*slot.get()].name == name => Some(*slot.get()),
            Entry::Occupied(_) => {
                let taken = self.collided.iter().copied().find(|&position| members[position].name == name);
                if taken.is_none() {
                    self.collided.push(members.len());
                }
                taken
            }
        }
    }

    fn position(&self, members: &[Member], name: &str) -> Option<usize> {
        let first = *self.positions.get(&self.hasher.hash_one(name))?;
        std::iter::once(first).chain(self.collided.iter().copied()).find(|&position| members[position].name == name)
    }
}

/// Passes on keys that are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only `u64` keys are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Checks every operation against a plain list of pairs, below and above the size where the index starts.
    #[test]
    fn members_keep_order_and_are_found_at_any_size() {
        for size in [0, 1, SCAN_MAX, SCAN_MAX + 1, 500] {
            let mut object: Object = (0..size).map(|i| (format!("name-{i}"), i as u64)).collect();
            let mut expected: Vec<(String, u64)> = (0..size).map(|i| (format!("name-{i}"), i as u64)).collect();
            for step in [3, 7] {
                if size > 0 {
                    let name = format!("name-{}", step % size);
                    let removed = object.remove(&name).map(|member| member.value.as_u64().unwrap());
                    let position = expected.iter().position(|pair| pair.0 == name);
                    assert_eq!(removed, position.map(|position| expected.remove(position).1));
                }
                assert!(object.insert(format!("new-{step}"), 1000_u64).is_none());
                expected.push((format!("new-{step}"), 1000));
                assert_eq!(object.insert(format!("new-{step}"), 2000_u64), Some(Node::from(1000_u64)));
                expected.last_mut().unwrap().1 = 2000;
            }
            let listed: Vec<_> = object.iter().map(|m| (m.name.clone(), m.value.as_u64().unwrap())).collect();
            assert_eq!(listed, expected);
            for (name, value) in &expected {
                assert_eq!(object.get(name).unwrap().as_u64(), Some(*value));
            }
            assert!(!object.contains("absent"));
        }
    }

    #[test]
    fn equality_ignores_order_and_not_nulls() {
        let forward: Object = [("a", 1_u64), ("b", 2)].into_iter().collect();
        let backward: Object = [("b", 2_u64), ("a", 1)].into_iter().collect();
        let with_null: Object = [("a", Node::from(1_u64)), ("b", Node::null())].into_iter().collect();
        assert_eq!(forward, backward);
        assert_ne!(forward, with_null);
        assert_ne!(forward, [("a", 1_u64)].into_iter().collect());
    }
}
