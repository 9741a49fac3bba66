//! The command line, made from the registry: each parameter of a command is a flag, or a positional where its schema says so.

use std::ffi::OsString;

use aw_commands::{AREAS, Command};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, ColorChoice, ValueHint, value_parser};
use clap_complete::Shell;
use serde_json::{Map, Value, json};

use crate::printer::Color;

/// The program's name.
pub(crate) const NAME: &str = "alloyworks";

/// What a parameter's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Switch,
    Text,
    Texts,
    Whole { min: u64, max: u64 },
}

impl Kind {
    /// Reads a property's schema; `None` for one that no flag can stand for.
    fn of(schema: &Value) -> Option<Self> {
        let name = match &schema["type"] {
            Value::String(name) => name.as_str(),
            // An optional one: its type or `null`.
            Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null")?,
            // An optional one with a schema of its own.
            _ => return schema["anyOf"].as_array()?.iter().filter(|schema| schema["type"] != "null").find_map(Self::of),
        };
        match name {
            "boolean" => Some(Self::Switch),
            "string" => Some(Self::Text),
            "integer" => Some(Self::Whole {
                min: schema["minimum"].as_u64().unwrap_or(0),
                max: schema["maximum"].as_u64().unwrap_or(u64::MAX),
            }),
            "array" if Self::of(&schema["items"]) == Some(Self::Text) => Some(Self::Texts),
            _ => None,
        }
    }
}

fn properties(command: &Command) -> impl Iterator<Item = (&String, &Value, Kind)> {
    let properties = command.parameters["properties"].as_object();
    properties.into_iter().flatten().map(|(name, schema)| {
        let kind = Kind::of(schema).expect("a test holds every parameter of the registry against the kinds of flags");
        (name, schema, kind)
    })
}

/// The whole command line.
pub(crate) fn program(commands: &[Command], color: Color) -> clap::Command {
    let color = match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let globals =
        [
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Answer with JSON: one document, or one line for everything that happens"),
            Arg::new("home").long("home").value_name("FOLDER").value_hint(ValueHint::DirPath).help(
                "The home folder: store and keys [default: `ALLOYWORKS_HOME`, else `alloyworks` in the user's data folder]",
            ),
            Arg::new("quiet")
                .long("quiet")
                .short('q')
                .action(ArgAction::SetTrue)
                .help("Say nothing on the way: no progress, no remarks"),
            Arg::new("color")
                .long("color")
                .value_name("WHEN")
                .value_parser(["auto", "always", "never"])
                .default_value("auto")
                .help("When to use colours"),
        ];
    clap::Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about("A foundry whose every output carries its own proof")
        .color(color)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(globals.map(|arg| arg.global(true).help_heading("Everywhere")))
        .subcommands(commands.iter().filter(|command| command.words().len() == 1).map(subcommand))
        .subcommands(AREAS.iter().filter_map(|(area, summary)| group(commands, area, summary)))
        .subcommand(
            clap::Command::new("completions")
                .about("Writes completions for a shell to standard output")
                .arg(Arg::new("shell").required(true).value_name("SHELL").value_parser(value_parser!(Shell)).help("The shell")),
        )
        .subcommand(clap::Command::new("worker").hide(true).about("Serves one heavy stage over standard input and output"))
        .subcommand(clap::Command::new("line-part").hide(true).about("Builds one part of a line over standard input and output"))
        .subcommand(
            clap::Command::new("reference")
                .hide(true)
                .about("Writes a page of the reference")
                .arg(Arg::new("page").required(true).value_parser(["cli", "commands", "exit-codes"])),
        )
}

/// The verbs below an area; `None` when no command is in it.
fn group(commands: &[Command], area: &'static str, summary: &'static str) -> Option<clap::Command> {
    let verbs: Vec<_> = commands.iter().filter(|command| command.words().len() > 1 && command.words()[0] == area).collect();
    let group = clap::Command::new(area).about(summary).subcommand_required(true).arg_required_else_help(true);
    (!verbs.is_empty()).then(|| group.subcommands(verbs.into_iter().map(subcommand)))
}

/// The command that was named, and what was given to it.
pub(crate) fn asked<'a, 'b>(commands: &'a [Command], matches: &'b ArgMatches) -> Option<(&'a Command, &'b ArgMatches)> {
    let (mut words, mut given) = (Vec::new(), matches);
    while let Some((word, below)) = given.subcommand() {
        words.push(word);
        given = below;
    }
    Some((commands.iter().find(|command| command.words() == words)?, given))
}

fn subcommand(command: &Command) -> clap::Command {
    let name = command.words().pop().expect("a command has a name");
    let examples: Vec<String> =
        command.examples.iter().map(|example| format!("  # {}\n  {NAME} {}", example.what, example.line)).collect();
    clap::Command::new(name)
        .about(command.summary)
        .long_about(format!("{}.\n\n{}", command.summary, command.details))
        .after_help(format!("Examples:\n{}", examples.join("\n\n")))
        .args(properties(command).map(|(name, schema, kind)| argument(command, name, schema, kind)))
}

fn argument(command: &Command, name: &str, schema: &Value, kind: Kind) -> Arg {
    let required = command.parameters["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name));
    let flag = kebab(name);
    let value_name = schema["x-value-name"].as_str().map_or_else(|| flag.to_uppercase().replace('-', "_"), str::to_owned);
    let mut argument =
        Arg::new(name.to_owned()).help(schema["description"].as_str().unwrap_or_default().replace('\n', " ")).required(required);
    argument = match schema["x-position"].as_u64() {
        Some(position) => {
            let position = usize::try_from(position).expect("positions are small");
            argument.index(position).value_hint(ValueHint::AnyPath)
        }
        None => argument.long(flag),
    };
    if value_name == "FOLDER" {
        argument = argument.value_hint(ValueHint::DirPath);
    }
    match kind {
        Kind::Switch => argument.action(ArgAction::SetTrue),
        Kind::Text => match schema["enum"].as_array() {
            Some(accepted) => {
                let accepted: Vec<String> = accepted.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                argument.value_name(value_name).value_parser(PossibleValuesParser::new(accepted))
            }
            None => argument.value_name(value_name),
        },
        // Several values of a flag are several flags; of a position, several words.
        Kind::Texts if schema.get("x-position").is_some() => argument.value_name(value_name).num_args(1..),
        Kind::Texts => argument.value_name(value_name).action(ArgAction::Append),
        Kind::Whole { min, max } => argument.value_name(value_name).value_parser(value_parser!(u64).range(min..=max)),
    }
}

/// `memoryLimit` as a flag spells it.
fn kebab(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_ascii_uppercase() { vec!['-', c.to_ascii_lowercase()] } else { vec![c] }).collect()
}

/// The parameters as the command takes them; what was not given is left out.
pub(crate) fn parameters(command: &Command, given: &ArgMatches) -> Value {
    let mut parameters = Map::new();
    for (name, _, kind) in properties(command) {
        let value = match kind {
            Kind::Switch => Some(json!(given.get_flag(name))).filter(|_| given.get_flag(name)),
            Kind::Text => given.get_one::<String>(name).map(|text| json!(text)),
            Kind::Texts => given.get_many::<String>(name).map(|texts| json!(texts.collect::<Vec<_>>())),
            Kind::Whole { .. } => given.get_one::<u64>(name).map(|number| json!(number)),
        };
        parameters.extend(value.map(|value| (name.clone(), value)));
    }
    Value::Object(parameters)
}

/// When colours are used, as the command line says.
pub(crate) fn color(matches: &ArgMatches) -> Color {
    named(matches.get_one::<String>("color").map_or("auto", String::as_str))
}

/// The same before the command line is known to be right: its own errors are coloured too.
pub(crate) fn early_color(given: &[OsString]) -> Color {
    let texts: Vec<&str> = given.iter().filter_map(|text| text.to_str()).collect();
    let apart = texts.windows(2).find(|pair| pair[0] == "--color").map(|pair| pair[1]);
    named(apart.or_else(|| texts.iter().find_map(|text| text.strip_prefix("--color="))).unwrap_or("auto"))
}

fn named(color: &str) -> Color {
    match color {
        "always" => Color::Always,
        "never" => Color::Never,
        _ => Color::Auto,
    }
}

/// The completions for the shell that was named.
pub(crate) fn completions(commands: &[Command], given: &ArgMatches) -> String {
    let shell = *given.get_one::<Shell>("shell").expect("clap requires it");
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut program(commands, Color::Never), NAME, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_parameter_of_the_registry_has_a_flag_and_clap_agrees() {
        let commands = aw_commands::registry();
        let flags: usize = commands.iter().map(|command| properties(command).count()).sum();
        assert!(flags > 10, "{flags}");
        program(&commands, Color::Never).debug_assert();
    }

    #[test]
    fn flags_become_parameters_and_what_is_not_given_is_left_out() {
        let commands = aw_commands::registry();
        let read = |line: &[&str]| {
            let matches = program(&commands, Color::Never).try_get_matches_from([&[NAME], line].concat()).unwrap();
            let (command, given) = asked(&commands, &matches).unwrap();
            parameters(command, given)
        };
        assert_eq!(read(&["plan", "r.yaml"]), json!({"recipe": "r.yaml"}));
        assert_eq!(
            read(&["run", "r.yaml", "--threads", "2", "--memory-limit", "8GB"]),
            json!({"recipe": "r.yaml", "threads": 2, "memoryLimit": "8GB"})
        );
        assert_eq!(read(&["verify", "x", "--key", "a", "--key", "b"]), json!({"artifact": "x", "key": ["a", "b"]}));
        assert_eq!(read(&["gc", "--dry-run"]), json!({"dryRun": true}));
    }

    #[test]
    fn a_schema_no_flag_can_stand_for_is_not_taken_for_another() {
        for schema in [
            json!({}),
            json!({"type": "object"}),
            json!({"type": "array", "items": {"type": "object"}}),
            json!({"type": "number"}),
        ] {
            assert_eq!(Kind::of(&schema), None, "{schema}");
        }
    }
}
