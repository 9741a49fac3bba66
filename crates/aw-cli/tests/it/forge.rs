//! The whole way on the tiny model: plan, run, show, verify, gc.

use std::fs;
use std::time::Duration;

use aw_testkit::files;

use crate::support::{Bench, finished, run};

#[test]
fn a_run_ends_with_a_table_and_the_line_that_checks_it() {
    let (bench, ran) = finished();
    for expected in [
        "stages\n",
        "expert-prune",
        "results\n",
        "perplexity",
        "prose",
        "base",
        "forged",
        "by chance",
        "output ",
        "lies in    made",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
    assert!(ran.err.contains("1/4 expert-activation-profile") && !ran.err.contains('\x1b'), "{}", ran.err);
    let line = ran.out.lines().find_map(|line| line.trim().strip_prefix("check it")).unwrap().trim();
    let arguments: Vec<&str> = line.strip_prefix("alloyworks ").unwrap().split(' ').collect();
    let verified = bench.run(&arguments).ends(0);
    assert!(verified.out.contains("GOOD") && verified.out.contains("one you named"), "{}", verified.out);
    assert!(verified.out.contains("revocation not checked") && !verified.out.contains("a key you trust"), "{}", verified.out);
}

#[test]
fn the_same_run_again_runs_nothing_and_gives_the_same_artifact() {
    let bench = Bench::new();
    let first = bench.run(&["run", "recipe.yaml", "--out", "a", "--json"]).ends(0).events();
    // Files younger than two seconds when they are hashed are hashed again: their times do not yet tell whether they change.
    std::thread::sleep(Duration::from_millis(2100));
    bench.run(&["run", "recipe.yaml", "--out", "a", "--json"]).ends(0);
    let planned = bench.run(&["plan", "recipe.yaml"]).ends(0);
    assert_eq!(planned.out.matches("cached").count(), 4, "{}", planned.out);
    let second = bench.run(&["run", "recipe.yaml", "--out", "b", "--json", "--threads", "1"]).ends(0).events();
    let (first, second) = (first.last().unwrap(), second.last().unwrap());
    assert!(second["stages"].as_array().unwrap().iter().all(|stage| stage["cached"] == true), "{second}");
    assert_eq!(
        (&first["output"], &first["artifact"], &second["unchanged"]),
        (&second["output"], &second["artifact"], &true.into())
    );
    let document = |folder: &str| fs::read(bench.path(folder).join("tiny-test.alloy.json")).unwrap();
    assert_eq!(document("a"), document("b"));
}

#[test]
fn another_node_makes_the_same_files_under_another_signature() {
    let (bench, _) = finished();
    let other =
        run(bench.command_at("other", &["run", "recipe.yaml", "--out", "others", "--json", "--threads", "3"])).ends(0).events();
    let made = bench.run(&["verify", "made", "--json"]).ends(0).json();
    let others = bench.run(&["verify", "others", "--json"]).ends(0).json();
    assert_eq!(made["artifact"], others["artifact"]);
    assert_ne!(made["signer"], others["signer"]);
    let content = |folder: &str| -> Vec<(String, Vec<u8>)> {
        let signed = |name: &String| name.starts_with("records/") || name.ends_with(".alloy.json") || name == "README.md";
        files(&bench.path(folder)).into_iter().filter(|(name, _)| !signed(name)).collect()
    };
    let made = content("made");
    assert!(made.iter().any(|(name, _)| name.ends_with(".safetensors")));
    assert!(made == content("others"), "files differ between nodes");
    assert!(other.last().unwrap()["unchanged"] == false);
}

#[test]
fn the_default_folder_is_named_after_the_recipe_and_something_else_is_not_replaced() {
    let bench = Bench::new();
    bench.run(&["run", "recipe.yaml", "--quiet"]).ends(0);
    assert!(bench.path("tiny-test-1.2.3/tiny-test.alloy.json").exists());
    fs::create_dir(bench.path("full")).unwrap();
    bench.write("full/precious", "x");
    let ran = bench.run(&["run", "recipe.yaml", "--out", "full"]).ends(3);
    assert!(ran.err.contains("`full`") && ran.err.contains("--out"), "{}", ran.err);
    assert_eq!(bench.text("full/precious"), "x");
}

#[test]
fn show_tells_the_chain_the_results_and_the_card() {
    let (bench, _) = finished();
    for path in ["made", "made/tiny-test.alloy.json"] {
        let shown = bench.run(&["show", path]).ends(0);
        for expected in
            ["tiny-test 1.2.3 (artifact)", "chain", "expert-prune", "by chance", "It exists for tests.", "alloyworks verify"]
        {
            assert!(shown.out.contains(expected), "{expected}: {}", shown.out);
        }
    }
    let recipe = bench.run(&["show", "recipe.yaml"]).ends(0);
    assert!(recipe.out.contains("(recipe)") && recipe.out.contains("keepExpertsPerLayer: 8"), "{}", recipe.out);
    let card = bench.run(&["show", "made", "--card"]).ends(0);
    assert_eq!(card.out, bench.text("made/README.md"), "the card is made of the document alone");
    bench.write("bad.alloy.json", "{\"name\": \"x\", \"source\": {}, \"chain\": 1}");
    let bad = bench.run(&["show", "bad.alloy.json"]).ends(3);
    assert!(bad.err.contains("bad.alloy.json: ") && bad.err.contains("`chain` cannot be read"), "{}", bad.err);
}

#[test]
fn gc_frees_only_what_nothing_needs() {
    let bench = Bench::new();
    let result = bench.run(&["run", "recipe.yaml", "--out", "made", "--json"]).ends(0).events().pop().unwrap();
    let id = result["artifact"].as_str().unwrap();
    let listed = bench.run(&["gc", "--dry-run"]).ends(0);
    assert!(listed.out.contains(id) && listed.out.contains("tiny-test"), "{}", listed.out);
    let unknown = bench.run(&["gc", "--forget", "nothing"]).ends(3);
    assert!(unknown.err.contains("`nothing`") && unknown.err.contains(id), "{}", unknown.err);
    bench.run(&["gc", "--all-stages"]).ends(0);
    let again = bench.run(&["run", "recipe.yaml", "--out", "made", "--json"]).ends(0).events().pop().unwrap();
    assert_eq!((&again["output"], &again["stages"][0]["cached"]), (&result["output"], &false.into()));
    let forgotten = bench.run(&["gc", "--forget", id, "--all-stages", "--json"]).ends(0).json();
    assert_eq!((&forgotten["forgotten"][0]["id"], forgotten["kept"].as_array().unwrap().len()), (&result["artifact"], 0));
    bench.run(&["verify", "made"]).ends(0);
}
