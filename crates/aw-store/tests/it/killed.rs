//! Writers that are killed at any moment.
//!
//! A child process puts trees and records stages as quickly as it can, and writes down each one it was told is done. It is
//! killed without warning, again and again; whatever it wrote down must be there and whole.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aw_alloy::digest::Digest;
use aw_store::{StageRecords, StageState, Store, no_hook};

use crate::support::{key, needs, put};

const CHILD: &str = "AW_STORE_TEST_CHILD_HOME";
const ROUNDS: u32 = 20;

#[test]
fn what_a_killed_writer_was_told_is_done_is_there_and_whole() {
    if let Some(home) = std::env::var_os(CHILD) {
        return put_for_ever(Path::new(&home));
    }
    let home = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let done_before = acknowledged(home.path());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::what_a_killed_writer_was_told_is_done_is_there_and_whole", "--exact", "--nocapture"])
            .env(CHILD, home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Let it get to work, then strike at a moment that differs from round to round.
        let patience = Instant::now() + Duration::from_secs(60);
        while acknowledged(home.path()) == done_before && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(u64::from(round * 1_370 % 9_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(acknowledged(home.path()) > done_before, "the child did nothing in its time");
    }
    look(home.path(), acknowledged(home.path()));
}

fn acknowledged(home: &Path) -> u32 {
    let text = fs::read_to_string(home.join("acknowledged")).unwrap_or_default();
    text.lines().count().try_into().unwrap()
}

fn contents(n: u32) -> [Vec<u8>; 3] {
    [format!("only {n}").into_bytes(), format!("shared by ten {}", n / 10).into_bytes(), vec![b'x'; 100_000 + n as usize]]
}

fn put_for_ever(home: &Path) {
    let store = Store::open(home).unwrap();
    let mut done = fs::File::options().append(true).create(true).open(home.join("acknowledged")).unwrap();
    let writer = store.writer().unwrap();
    for n in acknowledged(home).. {
        let [a, b, c] = contents(n);
        let tree = put(&writer, &[("a", &a), ("b", &b), ("c", &c)]);
        writer.record_stage(&key(&n.to_be_bytes()), &needs(&[&tree]), &n.to_be_bytes()).unwrap();
        done.write_all(format!("{n}\n").as_bytes()).unwrap();
    }
}

fn look(home: &Path, done: u32) {
    let store = Store::open(home).unwrap();
    for n in 0..done {
        match store.stage(&key(&n.to_be_bytes())).unwrap() {
            StageState::Ready(found) => {
                let tree = store.check_root(&found.needs.trees[0]).unwrap().0.unwrap();
                assert_eq!(found.record, n.to_be_bytes());
                assert_eq!(tree.get("a").unwrap().digest, Digest::of(&contents(n)[0]));
                assert_eq!(store.check_bytes(&tree, 1, &mut no_hook).unwrap(), []);
            }
            other => panic!("{n} was acknowledged and is {other:?}"),
        }
    }
    drop(store.writer().unwrap());
    assert_eq!(fs::read_dir(store.root().join("scratch")).unwrap().count(), 1, "what dead writers left is cleared");
    let report = store.gc(StageRecords::Keep, false).unwrap();
    assert_eq!((report.damaged.len(), report.strangers.len()), (0, 0));
    assert!(matches!(store.stage(&key(&0u32.to_be_bytes())).unwrap(), StageState::Ready(_)));
}
