//! The hashes that documents carry, against figures made elsewhere.

use aw_alloy::artifact::pipeline_hash;
use aw_alloy::digest::Digest;
use aw_alloy::document::Document;
use aw_alloy::document::hashes::{
    AlloyHashKind, HashText, alloy_hash, classify, model_hash, model_hash_of, older_model_hash, receipt_hash, repository_chain,
    samples_path, which_alloy_hash,
};
use aw_alloy::text::{Limits, json};

const HEX: &str = "0cb7e0fff9997752bb7d150d549627f590ec06ff1adee5744fa6fa596a99bdc3";

#[test]
fn texts_are_hashes_placeholders_or_neither() {
    let digest = Digest::from_hex(HEX).unwrap();
    assert_eq!(classify(HEX), HashText::Valid { digest, prefixed: false });
    assert_eq!(classify(&format!("sha256:{HEX}")), HashText::Valid { digest, prefixed: true });
    for words in ["sha256:legacy-pre-alloy-schema", "sha256:not-pinned-legacy", "unknown", "sha256:to be done", &"0".repeat(64)] {
        assert_eq!(classify(words), HashText::Placeholder, "{words}");
    }
    let (upper, short, long) = (HEX.to_uppercase(), &HEX[..63], format!("{HEX}0"));
    for spoiled in [
        "",
        "sha256:",
        "sha256:a1b2c3d4e5f6...",
        "sha256:adapter123",
        "deadbeef",
        "sha512:x",
        "sha256:-",
        &upper,
        short,
        &long,
        "sha256:sha256:x",
    ] {
        assert_eq!(classify(spoiled), HashText::Malformed, "{spoiled}");
    }
}

#[test]
fn model_hashes() {
    // The foundry and line, section 1.2.
    let digest = Digest::from_hex(HEX).unwrap();
    let published = "sha256:7f3b3c31279035cd5226f13cd602875baf8a1dd74b45345ee5ca2f5988169df5";
    assert_eq!(model_hash([("olmoe-1b-7b-compacted-5b.Q5_K_M.gguf", &digest)]).unwrap().to_string(), published);
    assert_eq!(model_hash([]), None);
    // Python: sha256(json.dumps([{"filename": f, "sha256": h}, ...], separators=(",", ":"), sort_keys=True).encode())
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let made = "sha256:59c9c76d92647ea332f5eaa4ad4ad18321d8c894dfae30b5e0a0858c3085a500";
    assert_eq!(model_hash([("gr\u{fc}n-2.safetensors", &b), ("Model-1.safetensors", &a)]).unwrap().to_string(), made);
    let list = |text: &str| json::parse(text.as_bytes(), &Limits::DOCUMENT).unwrap();
    let files = format!(r#"[{{"filename": "x.gguf", "sha256": "{HEX}"}}, {{"filename": "config.json", "sha256": "{HEX}"}}]"#);
    assert_eq!(model_hash_of(&list(&files)), model_hash([("x.gguf", &digest)]), "only weight files enter");
    let files = files.replace("config.json", "y.safetensors");
    assert_eq!(model_hash_of(&list(&files)), model_hash([("y.safetensors", &digest)]), "where there are safetensors, only they");
    for none in
        ["[]", "{}", "null", r#"[{"filename": "config.json", "sha256": "x"}]"#, r#"[{"filename": "x.gguf", "sha256": "x"}]"#]
    {
        assert_eq!(model_hash_of(&list(none)), None, "{none}");
    }
    // printf ab | sha256sum
    let older = older_model_hash([("2.safetensors", &b"b"[..]), ("1.safetensors", b"a")]).unwrap();
    assert_eq!(older.hex(), "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603");
    assert_eq!(older_model_hash([]), None);
}

#[test]
fn the_three_hashes_of_one_document_are_told_apart() {
    let text = "{\n  \"name\": \"x\",\n  \"source\": {\n    \"b\": 12.0,\n    \"a\": \"\\u00e9\"\n  },\n  \"receipt\": {\n    \"z\": 1\n  },\n  \"stages\": []\n}\n";
    let document = Document::read(text.as_bytes()).unwrap();
    // sha256sum over the same text without the receipt and without the final line feed.
    let without = "{\n  \"name\": \"x\",\n  \"source\": {\n    \"b\": 12.0,\n    \"a\": \"\\u00e9\"\n  },\n  \"stages\": []\n}";
    assert_eq!(receipt_hash(&document), Digest::of(without.as_bytes()));
    assert_eq!(pipeline_hash(document.node()), Digest::of("{\"source\":{\"a\":\"\u{e9}\",\"b\":12},\"stages\":[]}".as_bytes()));
    for kind in [AlloyHashKind::File, AlloyHashKind::Receipt, AlloyHashKind::Pipeline] {
        let hash = alloy_hash(&document, kind);
        for text in [hash.to_string(), hash.hex(), hash.short(), hash.hex()[..8].to_owned()] {
            assert_eq!(which_alloy_hash(&document, &text), Some(kind), "{text}");
        }
        for other in [hash.hex()[..7].to_owned(), hash.hex().to_uppercase(), format!("{}0", hash.hex()), Digest::of(b"").hex()] {
            assert_eq!(which_alloy_hash(&document, &other), None, "{other}");
        }
    }
}

#[test]
fn a_repositorys_chain_starts_with_zeros_and_every_commit_matters() {
    assert_eq!(repository_chain([]), "0".repeat(64));
    let (one, two) = ("a".repeat(40), "b".repeat(40));
    // Python: h = "0" * 64; h = sha256((commit + h + tree).encode()).hexdigest(), twice
    let made = "1dc42732d573f07b6648650e7fbfc66e2a79474857f04882a213edfd1d228b9c";
    assert_eq!(repository_chain([(&*one, &*two), (&*two, &*one)]), made);
    assert_ne!(repository_chain([(&*two, &*one), (&*one, &*two)]), made);
}

#[test]
fn samples_lie_in_the_artifact() {
    assert_eq!(samples_path("eval/humaneval/base_samples.jsonl").unwrap().as_str(), "eval/humaneval/base_samples.jsonl");
    for path in ["../x", "/x", "a/../b", "", "a//b", "C:\\x", "https://example.org/x", "a\0b"] {
        assert!(samples_path(path).is_err(), "{path}");
    }
}
