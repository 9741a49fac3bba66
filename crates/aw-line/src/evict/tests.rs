#![allow(clippy::unwrap_used)]
use std::os::unix::fs::symlink;

use super::*;
use crate::node::NodeFile;

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Yard {
    root: tempfile::TempDir,
    cold: Option<tempfile::TempDir>,
    file: NodeFile,
    live: Vec<Live>,
    finished: Vec<Finished>,
}

/// A folder on another file system than the usual temporary one; `None` where there is none to try with.
fn elsewhere(root: &Path) -> Option<tempfile::TempDir> {
    let other = tempfile::tempdir_in("/dev/shm").ok()?;
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    (device(other.path()) != device(root)).then_some(other)
}

impl Yard {
    fn new(with_cold: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["line", "work"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let cold = if with_cold { elsewhere(root.path()) } else { None };
        let tier = cold.as_ref().map_or(String::new(), |cold| {
            format!("[[storage.cold]]\nname = \"shelf\"\npath = {:?}\nfs_type = \"ext4\"\n", cold.path())
        });
        let text = format!("[node]\nname = \"anvil 1\"\n[storage.hot]\npath = \".\"\n{tier}");
        let file = NodeFile::parse(text.as_bytes()).unwrap().file;
        Self { root, cold, file, live: Vec::new(), finished: Vec::new() }
    }

    fn work(&self, stem: &str) -> PathBuf {
        let folder = self.root.path().join("work").join(stem);
        fs::create_dir_all(folder.join("artifact/deep")).unwrap();
        fs::write(folder.join("artifact/weights"), vec![7; 5000]).unwrap();
        fs::write(folder.join("artifact/deep/card"), stem).unwrap();
        symlink("weights", folder.join("artifact/link")).unwrap();
        folder
    }

    fn finished(&mut self, stem: &str, published: bool) {
        self.finished.push(Finished { stem: stem.into(), times: vec![SystemTime::now()], published });
    }

    fn live(&mut self, stem: &str, station: &str, text: Option<&str>) {
        self.live.push(Live { stem: stem.into(), station: station.into(), text: text.map(|text| text.as_bytes().to_vec()) });
    }

    fn scene(&self) -> Scene<'_> {
        Scene { root: self.root.path(), file: &self.file, live: self.live.clone(), finished: self.finished.clone() }
    }

    fn evict(&self, later: Duration, dry_run: bool) -> (BTreeMap<String, Evicted>, Vec<Evicted>) {
        let mut logged = Vec::new();
        let options = Options { dry_run, when_full: false, cancelled: &|| false };
        let now = SystemTime::now() + later;
        let done = evict(&self.scene(), now, &Trust::Good, options, &mut |evicted| {
            logged.push(evicted.clone());
            Ok(())
        })
        .unwrap();
        (done.folders.into_iter().map(|evicted| (evicted.path.clone(), evicted)).collect(), logged)
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.root.path().join(path)).unwrap()
    }
}

#[test]
fn what_is_needed_stays_and_says_why() {
    let mut yard = Yard::new(false);
    for stem in ["waiting", "building", "parked", "triage", "named", "young", "judged", "locked", "gone"] {
        yard.work(stem);
    }
    yard.live("waiting", "intake", Some("{}"));
    yard.live("building", "assembly", Some("{}"));
    yard.live("parked", "deferred", Some("{}"));
    yard.live("triage", "rework", Some("{}"));
    yard.live("judged.refused2", "rework", Some("{}"));
    yard.live("other", "intake", Some(r#"{"source": {"baseModel": "..\/work\/named\/artifact"}, "x": "work/gone2"}"#));
    yard.finished("young", true);
    let lock = yard.root.path().join("work/locked").join(BUILDING_LOCK);
    let held = Lock::exclusive(fs::File::create(&lock).unwrap(), &lock).unwrap();
    symlink("/", yard.root.path().join("work/elsewhere")).unwrap();
    fs::write(yard.root.path().join("work/a file"), "").unwrap();
    let (folders, logged) = yard.evict(2 * DAY, false);
    let kept: Vec<&str> = folders.values().filter(|one| one.action == Action::Kept).map(|one| one.path.as_str()).collect();
    assert_eq!(kept.len(), 10, "{folders:#?}");
    for (stem, why) in [
        ("waiting", "stands in intake"),
        ("triage", "stands in rework"),
        ("judged", "`judged.refused2` stands in rework"),
        ("named", "`other` in intake names it"),
        ("young", "was finished 48 hours ago"),
        ("locked", "a process builds in it"),
        ("elsewhere", "it is a link"),
        ("a file", "no folder"),
    ] {
        assert!(folders[&format!("work/{stem}")].reason.contains(why), "{stem}: {folders:#?}");
    }
    assert_eq!(logged.iter().map(|one| (one.path.as_str(), one.action)).collect::<Vec<_>>(), [("work/gone", Action::Deleted)]);
    drop(held);
    assert!(Path::new("/etc").exists() && !yard.root.path().join("work/gone").exists());
}

#[test]
fn a_finished_part_s_only_copy_is_never_deleted() {
    let mut yard = Yard::new(false);
    yard.work("only");
    yard.work("published");
    yard.finished("only", false);
    yard.finished("published", true);
    let (folders, logged) = yard.evict(8 * DAY, false);
    assert_eq!(folders["work/only"].action, Action::Kept);
    assert!(folders["work/only"].reason.contains("no cold tier has room"), "{folders:#?}");
    assert_eq!((folders["work/published"].action, logged.len()), (Action::Deleted, 1));
    assert_eq!(yard.read("work/only/artifact/deep/card"), b"only");
}

#[test]
fn the_youngest_of_several_times_counts_and_one_to_come_keeps() {
    let mut yard = Yard::new(false);
    let now = SystemTime::now();
    for (stem, times) in [("one", vec![now, now + 3 * DAY]), ("two", vec![now, now + 3000 * DAY]), ("three", vec![])] {
        yard.work(stem);
        yard.finished.push(Finished { stem: stem.into(), times, published: true });
    }
    let (folders, logged) = yard.evict(8 * DAY, false);
    assert!(folders["work/one"].reason.contains("120 hours ago"), "{folders:#?}");
    assert!(folders["work/two"].reason.contains("in the future"), "{folders:#?}");
    assert!(folders["work/three"].reason.contains("nothing says"), "{folders:#?}");
    assert_eq!(logged, []);
}

#[test]
fn a_part_that_cannot_be_read_and_a_doubtful_clock_keep_everything() {
    let mut yard = Yard::new(false);
    yard.work("orphan");
    yard.live("broken", "intake", None);
    assert!(yard.evict(8 * DAY, false).0["work/orphan"].reason.contains("what it names is not known"));
    yard.live.clear();
    let judged = survey(&yard.scene(), SystemTime::now() + 8 * DAY, &Trust::Doubt("it jumped".into())).unwrap();
    assert_eq!(judged[0].fate, Fate::Stays);
}

#[test]
fn moved_work_is_a_verified_copy_behind_a_link() {
    let mut yard = Yard::new(true);
    let Some(cold) = yard.cold.as_ref().map(|cold| cold.path().to_owned()) else {
        #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
        {
            eprintln!("SKIPPED: there is no second file system to move work to");
        }
        return;
    };
    yard.work("only");
    let orphan = yard.work("orphan");
    fs::set_permissions(orphan.join("artifact/deep"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    yard.finished("only", false);
    let (plan, logged) = yard.evict(8 * DAY, true);
    assert_eq!((plan["work/only"].action, logged.len()), (Action::Moved, 0));
    assert!(fs::symlink_metadata(yard.root.path().join("work/only")).unwrap().is_dir(), "a dry run changes nothing");
    // An earlier try left half a copy, and one file of it is damaged.
    let incoming = cold.join("line-anvil_1/.only.incoming/artifact");
    fs::create_dir_all(&incoming).unwrap();
    fs::write(incoming.join("weights"), vec![8; 5000]).unwrap();
    let (folders, logged) = yard.evict(8 * DAY, false);
    assert_eq!(logged.len(), 2, "{folders:#?}");
    let link = yard.root.path().join("work/only");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_link(&link).unwrap(), cold.join("line-anvil_1/only"));
    assert_eq!((yard.read("work/only/artifact/weights"), yard.read("work/only/artifact/link")), (vec![7; 5000], vec![7; 5000]));
    assert!(!orphan.exists() && fs::symlink_metadata(&orphan).is_err(), "nobody points to an orphan: no link is left");
    assert_eq!(fs::read(cold.join("line-anvil_1/orphan/artifact/deep/card")).unwrap(), b"orphan");
    let names: Vec<_> = aw_disk::list(&yard.root.path().join("work")).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(yard.evict(80 * DAY, false).0["work/only"].reason.contains("it is a link"), "what lies elsewhere stays there");
}

#[test]
fn what_a_killed_cleaning_left_is_put_right() {
    let yard = Yard::new(false);
    let work = yard.root.path().join("work");
    // Killed before the exchange: the link goes, the folder stays.
    let kept = yard.work("kept");
    symlink("/nowhere", work.join(".kept.moved")).unwrap();
    // Killed after it: the folder that was exchanged away goes.
    symlink("/somewhere", work.join("moved")).unwrap();
    fs::rename(yard.work("x"), work.join(".moved.moved")).unwrap();
    fs::rename(yard.work("y"), work.join(".gone.deleted")).unwrap();
    let (_, logged) = yard.evict(Duration::ZERO, false);
    assert_eq!(
        logged.iter().map(|one| (one.path.as_str(), one.action)).collect::<Vec<_>>(),
        [("work/gone", Action::Deleted), ("work/moved", Action::Moved)]
    );
    assert!(kept.is_dir() && work.join("moved").symlink_metadata().is_ok());
    assert_eq!(aw_disk::list(&work).unwrap().len(), 2);
}

#[test]
fn a_tier_that_is_not_mounted_gets_nothing() {
    let mut yard = Yard::new(false);
    let fake = yard.root.path().join("mnt");
    fs::create_dir(&fake).unwrap();
    let text = format!(
        "[node]\nname = \"a\"\n[storage.hot]\npath = \".\"\n[[storage.cold]]\nname = \"shelf\"\npath = {fake:?}\nfs_type = \"ext4\"\n"
    );
    yard.file = NodeFile::parse(text.as_bytes()).unwrap().file;
    yard.work("only");
    yard.finished("only", false);
    let options = Options { dry_run: false, when_full: false, cancelled: &|| false };
    let done = evict(&yard.scene(), SystemTime::now() + 8 * DAY, &Trust::Good, options, &mut |_| Ok(())).unwrap();
    assert_eq!(done.folders[0].action, Action::Kept);
    assert!(done.tiers[0].contains("is it mounted?"), "{:?}", done.tiers);
}

#[test]
fn a_clock_that_jumps_is_found_and_a_day_without_jumps_heals_it() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("line")).unwrap();
    let base = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    let read = |wall: Duration, since: Duration, start: &str| Reading {
        wall: base + wall,
        since_start: Some(since),
        start: start.into(),
    };
    let ask = |reading: &Reading, evidence: Option<SystemTime>| trust(root.path(), reading, evidence, true).unwrap();
    let doubts = |answer: Trust| matches!(answer, Trust::Doubt(_));
    let minute = Duration::from_secs(60);
    assert!(!doubts(ask(&read(Duration::ZERO, minute, "a"), None)));
    assert!(!doubts(ask(&read(minute, 2 * minute, "a"), None)));
    assert!(doubts(ask(&read(900 * DAY, 3 * minute, "a"), None)), "years ahead in a minute");
    assert!(doubts(ask(&read(900 * DAY + minute, 4 * minute, "a"), None)), "and a minute later");
    assert!(!doubts(ask(&read(901 * DAY + minute, DAY + 5 * minute, "a"), None)), "after a day");
    assert!(doubts(ask(&read(Duration::ZERO, DAY + 6 * minute, "a"), None)), "backwards");
    // Another start: the line's own times decide.
    assert!(doubts(ask(&read(100 * DAY, minute, "b"), Some(base + 50 * DAY))));
    fs::remove_file(root.path().join("line/.clock.json")).unwrap();
    assert!(!doubts(ask(&read(100 * DAY, 60 * DAY, "b"), Some(base + 50 * DAY))), "it ran all that time");
    fs::remove_file(root.path().join("line/.clock.json")).unwrap();
    assert!(doubts(ask(&read(100 * DAY, 60 * DAY, "b"), Some(base + 101 * DAY))), "a time to come");
}
