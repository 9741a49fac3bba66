#![allow(clippy::unwrap_used)]
use super::*;

const WHOLE: &str = r#"
[protocol]
version = "0.0"
[node]
name = "anvil"
hostname = "anvil.local"
roles = ["forge", "ship"]
gpu_count = 1
gpu_vram_gb = 24
[storage.hot]
path = "/fast"
min_free_gb = 12.5
[[storage.cold]]
name = "shelf"
path = "/slow"
fs_type = "nfs"
write_mb_per_sec = 90
read_mb_per_sec = 100
purpose = ["work-archive", "published-backup"]
[[storage.cold]]
name = "bucket"
path = "bucket/prefix"
fs_type = "s3"
[[storage.network]]
name = "hub"
kind = "hf"
read_mb_per_sec = 40
purpose = ["source-weights"]
[forge]
max_retries = 5
[grid]
coordinator = "other"
heartbeat_interval_seconds = 10
"#;

fn refused(text: &str) -> Vec<(Option<(u32, u32)>, String)> {
    let problems = NodeFile::parse(text.as_bytes()).expect_err(text);
    problems.iter().map(|problem| (problem.at.map(|at| (at.line, at.column)), problem.to_string())).collect()
}

#[test]
fn every_published_key_is_read() {
    let ReadNode { file, remarks } = NodeFile::parse(WHOLE.as_bytes()).unwrap();
    assert_eq!(remarks, []);
    assert!(file.forges() && file.ships());
    assert_eq!((file.node.gpu_vram_bytes(), file.storage.hot.min_free_bytes()), (24_000_000_000, 12_500_000_000));
    assert_eq!(file.storage.cold.iter().map(Cold::takes_work).collect::<Vec<_>>(), [true, false]);
    assert_eq!(file.storage.network[0].kind, NetworkKind::Hf);
    assert_eq!((file.forge.max_retries, file.heartbeat_interval()), (5, Duration::from_secs(10)));
}

#[test]
fn what_may_be_left_out_has_the_published_defaults() {
    let file = NodeFile::parse(b"[node]\nname = \"a\"\n[storage.hot]\npath = \".\"\n").unwrap().file;
    assert_eq!((file.protocol.version.as_str(), file.forge.max_retries, file.grid.heartbeat_interval_seconds), ("0.0", 3, 30));
    assert_eq!((file.forge.memory_limit_bytes(), file.forge.time_limit(), file.forge.workers), (None, None, 1));
}

#[test]
fn every_problem_is_told_with_its_place_and_a_suggestion() {
    let text = "[node]\nname = 7\nrole = \"forge\"\n[storage.hot]\nmin_free_gb = -1\n[[storage.cold]]\nname = \"a\"\npath = \"/a\"\nfs_type = \"zfs\"\n[forge]\nmax_retrys = 2\n";
    let problems = refused(text);
    let places: Vec<_> = problems.iter().map(|(at, _)| at.unwrap()).collect();
    assert_eq!(places.len(), 6, "{problems:#?}");
    assert!(places.is_sorted(), "{places:?}");
    let all = problems.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
    for expected in [
        "line 2, column 8",
        "line 3, column 1",
        "did you mean `roles`?",
        "line 5, column 15",
        "`path`",
        "line 9, column 11",
        "ext4",
        "line 11, column 1",
        "did you mean `max_retries`?",
    ] {
        assert!(all.contains(expected), "{expected}: {all}");
    }
}

#[test]
fn text_that_is_no_toml_is_told_at_every_place() {
    let problems = refused("name = \nhostname = 1 2\n");
    assert!(problems.len() >= 2, "{problems:#?}");
    assert_eq!(problems[0].0.unwrap().0, 1);
    for text in ["a = 1979-05-27\n", "a = nan\n", "a = 99999999999999999999\n"] {
        let problems = refused(text);
        assert_eq!(problems[0].0, Some((1, 5)), "{problems:?}");
    }
    assert!(NodeFile::parse(b"\xff").is_err());
    let deep = format!("a = {}1{}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(NodeFile::parse(deep.as_bytes()).is_err());
}

#[test]
fn another_major_is_refused_and_a_newer_minor_passes_with_remarks() {
    let other = WHOLE.replace("\"0.0\"", "\"7.0\"");
    assert!(refused(&other)[0].1.contains("protocol 7.0 is not known"), "{other}");
    let newer = WHOLE.replace("\"0.0\"", "\"0.9\"").replace("max_retries = 5", "max_retries = 5\nshift = \"night\"");
    let read = NodeFile::parse(newer.as_bytes()).unwrap();
    assert_eq!(read.remarks.len(), 1, "{:?}", read.remarks);
    assert!(read.remarks[0].message.contains("shift"));
    let typo = WHOLE.replace("max_retries = 5", "shift = \"night\"");
    assert!(NodeFile::parse(typo.as_bytes()).is_err(), "in a version that is known nothing is passed over");
}

#[test]
fn two_tiers_of_one_name_and_empty_paths_are_told() {
    let text = WHOLE.replace("\"bucket\"", "\"shelf\"").replace("\"/fast\"", "\"\"");
    let problems = refused(&text);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn what_init_writes_is_read_and_says_what_the_machine_is() {
    let machine = Machine {
        name: "odd \"name\"\\ \u{7}".into(),
        hostname: "host".into(),
        role: "both".into(),
        memory_bytes: Some(24_000_000_000),
        threads: 2,
        disk_bytes: 252_000_000_000,
        free_bytes: 26_000_000_000,
        fs_type: Some("xfs".into()),
    };
    let text = template(&machine);
    let file = NodeFile::parse(text.as_bytes()).unwrap().file;
    assert_eq!((file.node.name.as_str(), file.storage.hot.min_free_bytes()), (machine.name.as_str(), 12_000_000_000));
    assert!(text.contains("24.0 GB") && text.contains("fs_type = \"xfs\""), "{text}");
    // Every line that is commented out is one that may be put in.
    let uncommented: String = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = ")).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let whole = NodeFile::parse(uncommented.as_bytes()).unwrap().file;
    assert_eq!((whole.storage.cold.len(), whole.storage.network.len()), (1, 1));
    assert_eq!(whole.forge.time_limit(), Some(Duration::from_secs(720 * 60)));
}
