//! Files that lie: each is refused with a message that names the place, what was wrong and what would be right.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use llm_forge::checkpoint::{Checkpoint, parse_safetensors};
use serde_json::json;
use tempfile::TempDir;

use crate::synthetic::{Made, safetensors, with_header, write_weights};

fn fault(file: &[u8]) -> String {
    parse_safetensors(file).unwrap_err().to_string()
}

/// The fault of a header over four bytes of data.
fn header_fault(header: &str) -> String {
    fault(&with_header(header, &[0; 4]))
}

fn folder_fault(folder: &Path) -> String {
    let text = Checkpoint::open(folder).unwrap_err().to_string();
    text.replace(&format!("{}/", folder.display()), "").replace(&folder.display().to_string(), "FOLDER")
}

fn byte(name: &str) -> Made {
    Made { name: name.to_owned(), dtype: "U8", shape: vec![1], bytes: vec![7] }
}

/// Two shards, one tensor each, and their index.
fn two_shards() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_weights(folder.path(), &[byte("a"), byte("b")], 2);
    folder
}

fn write_index(folder: &Path, text: &str) {
    fs::write(folder.join("model.safetensors.index.json"), text).unwrap();
}

#[test]
fn a_length_field_that_lies_is_refused() {
    assert_eq!(fault(b""), "expected at least 8 bytes for the header length, got 0");
    assert_eq!(fault(b"\x02\0\0"), "expected at least 8 bytes for the header length, got 3");
    assert_eq!(fault(b"\x03\0\0\0\0\0\0\0{}"), "the header length says 3 bytes, but only 2 follow it");
    assert_eq!(fault(&u64::MAX.to_le_bytes()), "the header length says 18446744073709551615 bytes, expected at most 100000000");
    assert_eq!(fault(&100_000_001u64.to_le_bytes()), "the header length says 100000001 bytes, expected at most 100000000");
}

#[test]
fn offsets_that_do_not_tile_the_file_are_refused() {
    let tensor = |name: &str, shape: &str, begin: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"U8","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let pair = |first: String, second: String| header_fault(&format!("{{{first},{second}}}"));
    let single = |only: String| header_fault(&format!("{{{only}}}"));
    assert_eq!(single(tensor("a", "[9]", 0, 9)), "tensor `a` ends at byte 9 of the data, but the file holds only 4 (truncated?)");
    assert_eq!(single(tensor("a", "[3]", 0, 3)), "the tensors end at byte 3 of the data, but the file holds 4");
    assert_eq!(header_fault("{}"), "the tensors end at byte 0 of the data, but the file holds 4");
    assert_eq!(single(tensor("a", "[2]", 4, 2)), "tensor `a`: data_offsets begin at 4 and end before it, at 2");
    assert_eq!(single(tensor("a", "[3]", 0, 4)), "tensor `a`: shape [3] in U8 needs 3 bytes, but data_offsets span 4");
    assert_eq!(
        single(tensor("a", "[3]", 1, 4)),
        "1 bytes before tensor `a` belong to no tensor: expected it to begin at 0, got 1"
    );
    assert_eq!(
        pair(tensor("a", "[3]", 0, 3), tensor("b", "[2]", 2, 4)),
        "tensors `a` and `b` overlap: the first ends at 3, the second begins at 2"
    );
    assert_eq!(
        pair(tensor("b", "[4]", 0, 4), tensor("a", "[4]", 0, 4)),
        "tensors `b` and `a` overlap: the first ends at 4, the second begins at 0"
    );
    assert_eq!(
        pair(tensor("a", "[1]", 0, 1), tensor("b", "[1]", 3, 4)),
        "2 bytes before tensor `b` belong to no tensor: expected it to begin at 1, got 3"
    );
}

#[test]
fn sizes_that_overflow_are_refused() {
    let header = |shape: &str| format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}}}"#);
    assert_eq!(
        header_fault(&header("[4294967296,4294967296]")),
        "tensor `a`: the size of shape [4294967296, 4294967296] in F32 overflows 64 bits"
    );
    assert_eq!(
        header_fault(&header("[4611686018427387904]")),
        "tensor `a`: the size of shape [4611686018427387904] in F32 overflows 64 bits"
    );
    assert!(header_fault(&header("[18446744073709551616]")).contains("header"), "beyond 64 bits");
}

#[test]
fn a_header_that_is_not_one_is_refused() {
    for (header, words) in [
        ("", "EOF while parsing"),
        ("[]", "expected an object of tensors"),
        ("{", "EOF while parsing"),
        ("{} x", "trailing characters"),
        (
            r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
            "tensor `a` stands twice in the header",
        ),
        (r#"{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, "duplicate field `dtype`"),
        (r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"extra":1}}"#, "unknown field `extra`"),
        (r#"{"a":["U8",[4],[0,4]]}"#, "expected an object with `dtype`, `shape` and `data_offsets`"),
        (r#"{"a":{"dtype":"U8","shape":[4]}}"#, "missing field `data_offsets`"),
        (
            r#"{"a":{"dtype":"F4","shape":[8],"data_offsets":[0,4]}}"#,
            "unknown element type `F4`; expected one of F64, F32, F16, BF16",
        ),
        (r#"{"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}}"#, "invalid value: integer `-4`"),
        (r#"{"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}}"#, "invalid type: floating point"),
        (r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}"#, "trailing characters"),
        (r#"{"__metadata__":{"format":1}}"#, "invalid type: integer `1`, expected a string"),
        (r#"{"__metadata__":{"x":"1","x":"2"}}"#, "`x` stands twice in `__metadata__`"),
        (r#"{"__metadata__":{},"__metadata__":{}}"#, "`__metadata__` stands twice in the header"),
        ("{\"a\u{1}\":{}}", "control character"),
    ] {
        let got = header_fault(header);
        assert!(got.contains(words), "{header}\n  expected: {words}\n  got: {got}");
    }
    assert!(
        header_fault(&format!(r#"{{"a":{{"dtype":"U8","shape":[{}4],"data_offsets":[0,4]}}}}"#, "1,".repeat(32)))
            .contains("more than 32 dimensions")
    );
    assert!(fault(&with_header("{\"\u{fffd}\":1}", &[])).contains("header"));
    let mut bad_utf8 = with_header(r#"{"?":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, &[0; 4]);
    bad_utf8[10] = 0xff;
    assert!(fault(&bad_utf8).contains("invalid unicode code point"));
}

/// A document of a million open brackets is an error, not a stack overflow.
#[test]
fn deep_nesting_is_refused() {
    assert!(header_fault(&"[".repeat(1_000_000)).contains("expected an object of tensors"));
    let inner = format!(r#"{{"a":{{"dtype":{}"#, "[".repeat(1_000_000));
    assert!(header_fault(&inner).contains("expected an element type"));
}

#[test]
fn a_folder_without_a_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        folder_fault(folder.path()),
        "`FOLDER` holds no checkpoint: expected `model.safetensors` or `model.safetensors.index.json`"
    );
    fs::write(folder.path().join("pytorch_model.bin"), b"pickle").unwrap();
    assert!(folder_fault(folder.path()).ends_with("\nhint: the folder holds pickled weights; convert them to safetensors first"));
}

#[test]
fn an_index_beside_another_checkpoint_is_refused() {
    let folder = two_shards();
    fs::write(folder.path().join("model.safetensors"), safetensors(&[byte("a")])).unwrap();
    assert_eq!(
        folder_fault(folder.path()),
        "`FOLDER` holds both `model.safetensors` and an index that does not name it; remove the one that is not meant"
    );
    write_index(folder.path(), r#"{"weight_map": {"a": "model.safetensors"}}"#);
    assert_eq!(Checkpoint::open(folder.path()).unwrap().tensors().len(), 1);
}

#[test]
fn a_truncated_shard_is_named() {
    let folder = two_shards();
    let shard = folder.path().join("model-00002-of-00002.safetensors");
    let whole = fs::read(&shard).unwrap();
    fs::write(&shard, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(
        folder_fault(folder.path()),
        "`model-00002-of-00002.safetensors`: tensor `b` ends at byte 1 of the data, but the file holds only 0 (truncated?)"
    );
}

#[test]
fn an_index_and_shards_that_disagree_are_refused() {
    let folder = two_shards();
    let (one, two) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
    let check = |map: serde_json::Value, expected: &str| {
        write_index(folder.path(), &json!({ "weight_map": map }).to_string());
        assert_eq!(folder_fault(folder.path()), expected);
    };
    let index = "`model.safetensors.index.json`";
    check(
        json!({"a": one, "b": "gone.safetensors"}),
        &format!("{index} names shard `gone.safetensors`, which is not in the folder"),
    );
    check(json!({"a": one, "b": two, "c": two}), &format!("{index} places `c` in `{two}`, which does not hold them"));
    check(json!({"a": two, "b": two}), &format!("{index} places `a` in `{two}`, which does not hold them"));
    check(json!({"b": two, "a": one, "z": one}), &format!("{index} places `z` in `{one}`, which does not hold them"));
    fs::write(folder.path().join(two), safetensors(&[byte("b"), byte("extra"), byte("more")])).unwrap();
    check(json!({"a": one, "b": two}), &format!("`{two}` holds `extra`, `more`, which the index does not place there"));
    fs::write(folder.path().join(two), safetensors(&[byte("a"), byte("b")])).unwrap();
    check(json!({"a": one, "b": two}), &format!("tensor `a` stands in both `{one}` and `{two}`"));
}

#[test]
fn an_index_that_is_not_one_is_refused() {
    let folder = two_shards();
    for (text, words) in [
        ("{}", "`weight_map` is missing"),
        (r#"{"weight_map": {}}"#, "names no tensors"),
        (r#"{"weight_map": []}"#, "expected an object of shard names in `weight_map`"),
        (r#"{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}"#, "tensor `a` stands twice in `weight_map`"),
        (r#"{"weight_map": {"a": "x.safetensors"}, "weight_map": {}}"#, "`weight_map` stands twice"),
        (r#"{"weight_map": {"a": "x.safetensors"}, "extra": 1}"#, "unknown member `extra`; expected `metadata` and `weight_map`"),
        (r#"{"weight_map": {"a": 1}}"#, "expected a string"),
        ("not json", "expected ident"),
    ] {
        write_index(folder.path(), text);
        let got = folder_fault(folder.path());
        assert!(got.contains(words), "{text}\n  expected: {words}\n  got: {got}");
    }
}

#[test]
fn an_index_cannot_lead_out_of_its_folder() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.safetensors"), safetensors(&[byte("a")])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/x.safetensors"), safetensors(&[byte("a")])).unwrap();
    let absolute = outside.path().join("secret.safetensors").display().to_string();
    let long = format!("{}.safetensors", "x".repeat(300));
    for (name, reason) in [
        (absolute.as_str(), "contains a path separator"),
        ("../secret.safetensors", "contains a path separator"),
        ("sub/x.safetensors", "contains a path separator"),
        ("./x.safetensors", "contains a path separator"),
        ("..\\x.safetensors", "contains a path separator"),
        ("C:x.safetensors", "contains a colon"),
        ("x.safetensors\u{0}", "contains a control character"),
        ("x\n.safetensors", "contains a control character"),
        ("", "is empty"),
        ("..", "does not end in `.safetensors`"),
        ("config.json", "does not end in `.safetensors`"),
        (".safetensors", "does not end in `.safetensors`"),
        (long.as_str(), "is longer than a file name can be"),
    ] {
        write_index(folder.path(), &json!({"weight_map": {"a": name}}).to_string());
        let got = folder_fault(folder.path());
        assert!(got.contains(&format!("of tensor `a` {reason}; expected a plain file name")), "{name:?}: {got}");
    }
}

#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::create_dir(&path).unwrap();
    assert_eq!(folder_fault(folder.path()), "`model.safetensors` is not a regular file");
    fs::remove_dir(&path).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(pipe.success(), "mkfifo is part of every POSIX system");
    assert_eq!(folder_fault(folder.path()), "`model.safetensors` is not a regular file");
    fs::remove_file(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    assert!(folder_fault(folder.path()).starts_with("cannot open `model.safetensors`: No such file"));
}

/// Download caches keep the files elsewhere and fill the model folder with links.
#[test]
fn links_of_the_model_folder_are_followed() {
    let cache = tempfile::tempdir().unwrap();
    fs::write(cache.path().join("blob"), safetensors(&[byte("a")])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    symlink(cache.path().join("blob"), folder.path().join("model.safetensors")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.read(&checkpoint.tensors()[0]).unwrap(), [7]);
}
