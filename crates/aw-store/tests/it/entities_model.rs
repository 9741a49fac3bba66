//! Random changes, held against a model that is nothing but a map.

use std::collections::BTreeMap;

use aw_store::entities::{EntitiesError, Expect, Query};
use proptest::prelude::*;

use crate::entities_support::{Shelf, delete, draft_of, id, of, put};

#[derive(Clone, Debug)]
enum Step {
    Put { id: u64, text: u8, architecture: u8, expect: Option<u64> },
    Delete { id: u64, expect: Option<u64> },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let expect = || prop::option::weighted(0.3, 0..4u64);
    prop_oneof![
        6 => (0..5u64, 0..3u8, 0..2u8, expect()).prop_map(|(id, text, architecture, expect)| Step::Put { id, text, architecture, expect }),
        2 => (0..5u64, expect()).prop_map(|(id, expect)| Step::Delete { id, expect }),
        1 => Just(Step::Reopen),
    ]
}

fn document(text: u8, architecture: u8) -> String {
    format!("{{\"text\": \"word{text}\", \"architecture\": \"kind{architecture}\"}}")
}

/// All there is to know: every document an id ever had, `None` where it was deleted, and when the present one was created.
#[derive(Default)]
struct Model {
    past: BTreeMap<u64, Vec<Option<(u8, u8)>>>,
    created: BTreeMap<u64, u64>,
    entries: u64,
}

impl Model {
    fn now(&self, id: u64) -> Option<(u8, u8)> {
        *self.past.get(&id)?.last()?
    }

    /// The revision a change must expect: 0 for what is not there.
    fn revision(&self, id: u64) -> u64 {
        self.now(id).map_or(0, |_| self.past[&id].len() as u64)
    }

    /// Ids of what is there and fits, newest first.
    fn list(&self, fits: impl Fn((u8, u8)) -> bool) -> Vec<String> {
        let mut there: Vec<u64> = self.past.keys().copied().filter(|id| self.now(*id).is_some_and(&fits)).collect();
        there.sort_by_key(|id| std::cmp::Reverse(self.created[id]));
        there.into_iter().map(id).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entities_are_a_map_with_a_memory(steps in prop::collection::vec(step(), 1..40)) {
        let mut shelf = Shelf::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Put { id: number, text, architecture, expect } => {
                    let draft = draft_of(&id(number), "n", &document(text, architecture));
                    let result = put(&mut shelf.entities, "recipes", &draft, expect.map_or(Expect::Any, Expect::Revision));
                    if expect.is_some_and(|expect| expect != model.revision(number)) {
                        prop_assert!(matches!(result, Err(EntitiesError::Conflict { .. })), "no conflict");
                        continue;
                    }
                    let change = result.unwrap().change;
                    let same = model.now(number) == Some((text, architecture));
                    prop_assert_eq!(change.is_none(), same);
                    if !same {
                        model.entries += 1;
                        if model.now(number).is_none() {
                            model.created.insert(number, model.entries);
                        }
                        model.past.entry(number).or_default().push(Some((text, architecture)));
                    }
                }
                Step::Delete { id: number, expect } => {
                    let result = delete(&mut shelf.entities, "recipes", &id(number), expect.map_or(Expect::Any, Expect::Revision));
                    if expect.is_some_and(|expect| expect != model.revision(number)) {
                        prop_assert!(matches!(result, Err(EntitiesError::Conflict { .. })), "no conflict");
                    } else if model.now(number).is_none() {
                        prop_assert!(matches!(result, Err(EntitiesError::NotFound { .. })), "deleted nothing");
                    } else {
                        result.unwrap();
                        model.entries += 1;
                        model.past.get_mut(&number).unwrap().push(None);
                    }
                }
                Step::Reopen => shelf.entities = crate::entities_support::open(shelf.home.path()),
            }
        }
        for (number, past) in &model.past {
            for (revision, then) in (1..).zip(past) {
                let found = shelf.entities.get_revision(of("recipes"), &id(*number), revision).ok().map(|(_, bytes)| bytes);
                prop_assert_eq!(found, then.map(|(text, architecture)| document(text, architecture).into_bytes()));
            }
            prop_assert_eq!(shelf.entities.history(of("recipes"), &id(*number), None, 1000).unwrap().len(), past.len());
        }
        let list = |query: Query| -> Vec<String> {
            let query = Query { limit: 100, ..query };
            shelf.entities.list(&query).unwrap().entities.into_iter().map(|entity| entity.id).collect()
        };
        prop_assert_eq!(list(Query::default()), model.list(|_| true));
        for wanted in 0..3 {
            let words = Query { words: Some(format!("word{wanted}")), ..Query::default() };
            prop_assert_eq!(list(words), model.list(|(text, _)| text == wanted));
        }
        for wanted in 0..2 {
            let facts = vec![("architecture".to_owned(), format!("kind{wanted}"))];
            prop_assert_eq!(list(Query { facts: facts.clone(), ..Query::default() }), model.list(|(_, kind)| kind == wanted));
            let both = Query { facts, words: Some("word1".into()), ..Query::default() };
            prop_assert_eq!(list(both), model.list(|it| it == (1, wanted)));
        }
        let report = shelf.entities.verify_history(None).unwrap();
        prop_assert_eq!(report.findings, []);
        prop_assert_eq!(report.entries, model.entries);
    }
}
