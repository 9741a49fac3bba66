#![allow(clippy::unwrap_used)]
use super::*;

const GB: u64 = 1_000_000_000;

fn file(more: &str) -> NodeFile {
    let text =
        format!("[node]\nname = \"a\"\ngpu_count = 1\ngpu_vram_gb = 8\n[storage.hot]\npath = \".\"\nmin_free_gb = 10\n{more}");
    NodeFile::parse(text.as_bytes()).unwrap().file
}

fn space(path: &str, free: u64, floor: u64, device: u64) -> Space {
    Space { path: path.into(), free_bytes: free * GB, floor_bytes: floor * GB, device }
}

fn node(file: &NodeFile, apart: bool) -> Node<'_> {
    Node {
        file,
        root: Path::new("/line"),
        memory_bytes: Some(16 * GB),
        hot: space("/line", 30, 10, 1),
        store: space("/home", 30, 0, if apart { 2 } else { 1 }),
    }
}

fn unknown() -> Estimate {
    Estimate { seconds: None, basis: Basis::Unknown, transfer_seconds: None }
}

#[test]
fn what_fits_lacks_nothing_to_the_byte() {
    let file = file("");
    let needs = Needs { memory_bytes: 16 * GB, disk_bytes: 20 * GB, device_bytes: Some(8 * GB), ..Needs::default() };
    assert_eq!(lacks(&needs, &unknown(), &node(&file, false)), []);
    for more in [
        Needs { memory_bytes: 16 * GB + 1, ..needs.clone() },
        Needs { disk_bytes: 20 * GB + 1, ..needs.clone() },
        Needs { fetch_bytes: 1, ..needs.clone() },
        Needs { device_bytes: Some(8 * GB + 1), ..needs.clone() },
    ] {
        assert_eq!(lacks(&more, &unknown(), &node(&file, false)).len(), 1, "{more:?}");
    }
}

#[test]
fn everything_that_lacks_is_told_with_its_numbers() {
    let file = file("[forge]\nmemory_limit_gb = 4\ntime_limit_minutes = 1\n");
    let needs = Needs { memory_bytes: 5 * GB, disk_bytes: 21 * GB, device_bytes: Some(80 * GB), ..Needs::default() };
    let estimate = Estimate { seconds: Some(61.0), basis: Basis::Plan, transfer_seconds: None };
    let told: Vec<String> = lacks(&needs, &estimate, &node(&file, false)).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "it needs 5.00 GB of memory, `memory_limit_gb` of the node file has 4.00 GB",
            "it needs an accelerator with 80.00 GB, the node file's `gpu_vram_gb` has 8.00 GB",
            "it needs 21.00 GB of disk, `/line` has 20.00 GB above its floor",
            "it needs about 61 s, `time_limit_minutes` of the node file gives 60 s",
        ]
    );
}

#[test]
fn a_limit_above_the_machine_gives_no_memory() {
    let file = file("[forge]\nmemory_limit_gb = 400\n");
    let needs = Needs { memory_bytes: 17 * GB, ..Needs::default() };
    let told = lacks(&needs, &unknown(), &node(&file, false));
    assert_eq!(told[0].place, "the machine");
}

#[test]
fn on_two_file_systems_each_is_held() {
    let file = file("");
    let needs = Needs { disk_bytes: 25 * GB, fetch_bytes: 6 * GB, ..Needs::default() };
    let told = lacks(&needs, &unknown(), &node(&file, true));
    assert_eq!(told.iter().map(|lack| lack.place.as_str()).collect::<Vec<_>>(), ["`/home`", "`/line`"]);
}

#[test]
fn history_goes_before_the_plan_and_the_plan_before_the_author() {
    let network = "[[storage.network]]\nname = \"hub\"\nkind = \"hf\"\nread_mb_per_sec = 50\npurpose = [\"source-weights\"]\n\
                   [[storage.cold]]\nname = \"shelf\"\npath = \"/slow\"\nfs_type = \"nfs\"\nread_mb_per_sec = 100\n";
    let file = file(network);
    let mut history = History::default();
    let mut needs = Needs {
        compute_seconds: Some(10.0),
        declared_seconds: Some(600.0),
        fetch_bytes: GB,
        read_bytes: GB,
        source: "/slow/model".into(),
        ..Needs::default()
    };
    let root = Path::new("/line");
    let planned = estimate(&needs, "c", &history, &file, root);
    assert_eq!((planned.seconds, planned.basis, planned.transfer_seconds), (Some(40.0), Basis::Plan, Some(30.0)));
    needs.compute_seconds = None;
    assert_eq!(estimate(&needs, "c", &history, &file, root).basis, Basis::Recipe);
    needs.declared_seconds = None;
    assert_eq!(estimate(&needs, "c", &history, &file, root).basis, Basis::Unknown);
    for seconds in [1000.0, 3.0, 5.0, 1.0, 4.0, 2.0, f64::NAN, -7.0] {
        history.add("c", seconds);
    }
    assert_eq!(estimate(&needs, "c", &history, &file, root).seconds, Some(3.0), "the median of the last five");
    assert_eq!(estimate(&needs, "other", &history, &file, root).seconds, None);
    history.add("two", 1.0);
    history.add("two", 4.0);
    assert_eq!(history.median("two"), Some(2.5));
}

#[test]
fn a_tier_without_a_speed_gives_no_time_for_the_way() {
    let file = file("");
    let needs = Needs { fetch_bytes: 1, compute_seconds: Some(1.0), ..Needs::default() };
    let told = estimate(&needs, "c", &History::default(), &file, Path::new("/line"));
    assert_eq!((told.seconds, told.transfer_seconds), (Some(1.0), None));
}
