//! Help, flags, completions, pipes: the edges of the program.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::support::{Bench, finished, run};

#[test]
fn help_lists_every_command_and_hides_what_is_not_for_people() {
    let bench = Bench::new();
    let help = bench.run(&["--help"]).ends(0);
    for verb in ["plan", "run", "verify", "show", "gc", "doctor", "completions"] {
        assert!(help.out.contains(&format!("\n  {verb} ")), "{verb}: {}", help.out);
        let own = bench.run(&[verb, "--help"]).ends(0);
        assert!(own.out.contains("Usage: alloyworks"), "{}", own.out);
    }
    assert!(!help.out.contains("worker") && !help.out.contains("reference"), "{}", help.out);
    assert_eq!(help.err, "");
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_would_be_right() {
    let bench = Bench::new();
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["forge"], "unrecognized subcommand 'forge'"),
        (&["plan"], "<RECIPE>"),
        (&["plan", "recipe.yaml", "--memory"], "--memory-limit"),
        (&["run", "recipe.yaml", "--threads", "0"], "1..=4096"),
        (&["run", "recipe.yaml", "--threads", "many"], "invalid"),
        (&["plan", "recipe.yaml", "--memory-limit", "8 bananas"], "`bananas`"),
        (&["verify", ".", "--key", "abc"], "64 lower-case hex digits"),
        (&["plan", "absent.yaml"], "absent.yaml: there is no such recipe"),
        (&["verify", "absent"], "`absent` cannot be read"),
        (&["show", "recipe.yaml", "--card"], "a recipe has no card"),
        (&["plan", "code.jsonl"], "`.yaml`, `.yml` or `.json`"),
        (&["gc", "--dry-run", "--forget", "x"], "do not go together"),
        (&["completions", "tcsh"], "possible values"),
    ];
    for (arguments, expected) in cases {
        let ran = bench.run(arguments).ends(2);
        assert!(ran.err.contains(expected), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    assert!(!bench.path("home").exists(), "a refused command line left something behind");
}

#[test]
fn completions_know_the_commands() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = bench.run(&["completions", shell]).ends(0);
        for word in ["alloyworks", "memory-limit", "doctor", "all-stages"] {
            assert!(ran.out.contains(word), "{shell} {word}");
        }
    }
    assert!(bench.run(&["completions", "bash"]).out.contains("complete -F"));
    assert!(bench.run(&["completions", "zsh"]).out.starts_with("#compdef alloyworks"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = Bench::new();
    for arguments in
        [vec!["show", "recipe.yaml"], vec!["doctor"], vec!["doctor", "--json"], vec!["completions", "bash"], vec!["--help"]]
    {
        let mut child = bench.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let code = child.wait().unwrap().code();
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn colours_are_off_unless_asked_for() {
    let bench = Bench::new();
    bench.write("broken.yaml", "name: 1\n");
    assert!(!bench.run(&["plan", "broken.yaml"]).ends(3).err.contains('\x1b'));
    assert!(bench.run(&["plan", "broken.yaml", "--color", "always"]).ends(3).err.contains("\x1b[1;31merror\x1b[0m"));
}

#[test]
fn foreign_text_cannot_steer_the_terminal() {
    let bench = Bench::new();
    let text = bench.text("recipe.yaml").replace("A model for tests.", r#""x\e[2Jy\u202Ez""#);
    bench.write("steering.yaml", &text);
    let ran = bench.run(&["show", "steering.yaml"]).ends(0);
    assert!(ran.out.contains(r"x\u{1b}[2Jy\u{202e}z"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'));
}

#[test]
fn doctor_tells_what_is_there_and_never_the_secret() {
    let (bench, _) = finished();
    let ran = bench.run(&["doctor"]).ends(0);
    for expected in ["alloyworks-store 1", "1 artifact kept", "llm-forge", "expert-prune", "public key"] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
    let secret = fs::read_to_string(bench.path("home/keys/identity.ed25519")).unwrap();
    let json = bench.run(&["doctor", "--json"]).ends(0);
    assert!(!ran.out.contains(secret.trim()) && !json.out.contains(secret.trim()));
    assert_eq!(fs::metadata(bench.path("home/keys/identity.ed25519")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn doctor_and_run_refuse_a_key_that_others_can_read() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("home/keys")).unwrap();
    let key = bench.path("home/keys/identity.ed25519");
    fs::write(&key, format!("{}\n", "ab".repeat(32))).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let doctor = bench.run(&["doctor"]).ends(6);
    assert!(doctor.out.contains("BROKEN") && doctor.out.contains("chmod 600"), "{}", doctor.out);
    let ran = bench.run(&["run", "recipe.yaml", "--out", "made"]).ends(6);
    assert!(ran.err.contains("mode 644") && !bench.path("made").exists(), "{}", ran.err);
    assert!(!ran.err.contains("abab") && !doctor.out.contains("abab"), "a secret was shown");
}

#[test]
fn a_home_that_is_something_else_is_left_alone() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("home/store/photos")).unwrap();
    fs::write(bench.path("home/store/photos/a"), "a").unwrap();
    for arguments in [vec!["plan", "recipe.yaml"], vec!["gc"]] {
        let ran = bench.run(&arguments).ends(6);
        assert!(ran.err.contains("`photos`") && ran.err.contains("hint: "), "{}", ran.err);
    }
    assert!(bench.run(&["doctor"]).ends(6).out.contains("BROKEN"));
}

#[test]
fn without_any_home_the_remedy_is_named() {
    let bench = Bench::new();
    let mut command = bench.command(&["doctor"]);
    command.env_remove("ALLOYWORKS_HOME");
    let ran = run(command).ends(6);
    assert!(ran.err.contains("`ALLOYWORKS_HOME`") && ran.err.contains("--home"), "{}", ran.err);
    let mut command = bench.command(&["doctor", "--home", "elsewhere"]);
    command.env_remove("ALLOYWORKS_HOME");
    assert!(run(command).ends(0).out.contains("elsewhere"));
}
