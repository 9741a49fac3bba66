//! The reference pages in `docs/reference`, made from the registry; a test holds the files against them.

use aw_commands::{Command, ExitCode, Report, variables};
use clap::ArgMatches;
use serde_json::{Value, json};

use crate::arguments::{self, NAME};
use crate::printer::Color;

/// Columns the help is wrapped at.
const WIDTH: usize = 110;

/// The page that was named.
pub(crate) fn page(commands: &[Command], given: &ArgMatches) -> String {
    match given.get_one::<String>("page").map(String::as_str) {
        Some("cli") => cli(commands),
        Some("commands") => format!("{:#}\n", schemas(commands)),
        _ => exit_codes(commands),
    }
}

fn cli(commands: &[Command]) -> String {
    let mut program = arguments::program(commands, Color::Never).term_width(WIDTH);
    program.build();
    let mut text = format!("# The command line\n\nMade from the commands themselves (`{NAME} --help` says the same). ");
    text.push_str("Data goes to standard output, everything said about it to standard error.\n\n```text\n");
    text.push_str(&help(&mut program));
    text.push_str("```\n");
    sections(&mut program, NAME, &mut text);
    text.push_str("\n## Environment variables\n\n| variable | what it does |\n|---|---|\n");
    for (name, summary) in variables::all() {
        text.push_str(&format!("| `{name}` | {summary} |\n"));
    }
    text.push_str("\nHow the program ends is listed in [exit-codes.md](exit-codes.md); ");
    text.push_str("schemas of every command's parameters, result and events are in [commands.json](commands.json).\n\n");
    text.push_str("## JSON\n\nWith `--json`, a command writes one document: its result, or `{\"error\": …}`. ");
    text.push_str("`run` writes one line for everything that happens, each an object with a member `event`; the last one is `result` or `error`. ");
    text.push_str("Progress is written at most ten times a second, everything else always. ");
    text.push_str("Errors of the command line itself are text on standard error.\n");
    text
}

/// A section for everything below a command that is for people.
fn sections(above: &mut clap::Command, words: &str, text: &mut String) {
    for command in above.get_subcommands_mut().filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        let words = format!("{words} {}", command.get_name());
        text.push_str(&format!("\n## {words}\n\n```text\n{}```\n", help(command)));
        sections(command, &words, text);
    }
}

fn help(command: &mut clap::Command) -> String {
    let text = command.render_long_help().to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn exit_codes(commands: &[Command]) -> String {
    let mut text =
        "# Exit codes\n\nA closed list; scripts can rely on it.\n\n| code | name | meaning |\n|---|---|---|\n".to_owned();
    for code in ExitCode::ALL {
        text.push_str(&format!("| {} | {} | {} |\n", code.number(), code.name(), code.meaning()));
    }
    text.push_str("\nWrong parameters (2) and faults of the program (70) can end any command. Besides them:\n\n| command | ends with |\n|---|---|\n");
    for command in commands {
        let codes: Vec<String> = command.exit_codes.iter().map(|code| code.number().to_string()).collect();
        text.push_str(&format!("| `{NAME} {}` | {} |\n", command.words().join(" "), codes.join(", ")));
    }
    let special = commands.iter().filter(|command| !command.meanings.is_empty());
    let words: Vec<_> = special.map(|command| (command.words().join(" "), command.meanings)).collect();
    if !words.is_empty() {
        text.push_str("\nSome codes say something more particular:\n\n| command | code | meaning |\n|---|---|---|\n");
    }
    for (command, meanings) in words {
        for (code, meaning) in meanings {
            text.push_str(&format!("| `{NAME} {command}` | {} | {meaning} |\n", code.number()));
        }
    }
    text
}

fn schemas(commands: &[Command]) -> Value {
    let list: Vec<Value> = commands
        .iter()
        .map(|command| {
            let codes: Vec<u8> = command.exit_codes.iter().map(|code| code.number()).collect();
            json!({
                "name": command.name,
                "summary": command.summary,
                "details": command.details,
                "reach": command.reach,
                "exitCodes": codes,
                "parameters": command.parameters,
                "result": (command.result)(),
                "events": command.events.map(|schema| schema()),
            })
        })
        .collect();
    json!({"format": "alloyworks.commands.v1", "commands": list, "error": Report::schema()})
}
