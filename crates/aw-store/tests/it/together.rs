//! Several writers at once.

use aw_store::{GcError, StageRecords, StageState, Store, no_hook};

use crate::support::{Bench, key, needs, put, tree_of};

#[test]
fn writers_of_the_same_contents_do_not_disturb_each_other() {
    let bench = Bench::new();
    let contents: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; 1000]).collect();
    let names: Vec<String> = (0..20).map(|n| format!("file-{n}")).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&contents).map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    std::thread::scope(|scope| {
        for worker in 0..6u8 {
            let (home, files) = (bench.home.path(), &files);
            scope.spawn(move || {
                let writer = Store::open(home).unwrap().writer().unwrap();
                for round in 0..5u8 {
                    let tree = put(&writer, files);
                    writer.record_stage(&key(&[round]), &needs(&[&tree]), &[worker]).unwrap();
                }
            });
        }
    });
    assert_eq!(bench.store.check_bytes(&tree_of(&files), 2, &mut no_hook).unwrap(), []);
    for round in 0..5u8 {
        assert!(matches!(bench.store.stage(&key(&[round])).unwrap(), StageState::Ready(_)));
    }
    assert_eq!(std::fs::read_dir(bench.store.root().join("scratch")).unwrap().count(), 1);
}

#[test]
fn gc_waits_for_no_one_and_says_who_is_in_the_way() {
    let bench = Bench::new();
    let writer = bench.store.writer().unwrap();
    for dry_run in [true, false] {
        let error = bench.store.gc(StageRecords::Drop, dry_run).unwrap_err();
        assert!(matches!(error, GcError::Busy { .. }), "{error}");
        assert!(error.to_string().contains(&format!("a run is going on (process {})", std::process::id())), "{error}");
        assert!(error.hint().unwrap().contains("resumes"));
    }
    drop(writer);
    bench.store.gc(StageRecords::Drop, false).unwrap();
}
