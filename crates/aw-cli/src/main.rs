//! The `alloyworks` program: the commands of `aw-commands`, on a terminal.
//!
//! Flags, help, completions and the reference are made from the registry of commands; this crate adds how things look and
//! nothing else. Data goes to standard output, everything said about it to standard error.

#![allow(clippy::result_large_err, reason = "a command makes one report, and ends with it")]

mod arguments;
mod interrupt;
mod page;
mod printer;
mod progress;
mod reference;
mod render;

use std::io::{stdin, stdout};
use std::process::ExitCode as ProcessExit;

use aw_commands::{Answer, Command, Environment, ExitCode, Report, Settings, Surface};
use clap::ArgMatches;
use serde_json::{Value, json};

use printer::Printer;
use progress::Progress;

fn main() -> ProcessExit {
    let commands = aw_commands::registry();
    let given: Vec<_> = std::env::args_os().collect();
    let matches = match arguments::program(&commands, arguments::early_color(&given)).try_get_matches_from(given) {
        Ok(matches) => matches,
        Err(error) => {
            // Help on a closed pipe has nobody to read it.
            let _ = error.print();
            return ProcessExit::from(u8::try_from(error.exit_code()).unwrap_or(ExitCode::Usage.number()));
        }
    };
    let printer = Printer::new(matches.get_flag("quiet"), arguments::color(&matches));
    let exit = match matches.subcommand() {
        Some(("worker", _)) => worker(&printer),
        Some(("line-part", _)) => line_part(&printer, &matches),
        Some(("completions", given)) => written(&printer, printer.out(&arguments::completions(&commands, given)), ExitCode::Ok),
        Some(("reference", given)) => written(&printer, printer.out(&reference::page(&commands, given)), ExitCode::Ok),
        _ => {
            let (command, given) = arguments::asked(&commands, &matches).expect("clap knows only the registry's commands");
            ask(command, &matches, given, &printer)
        }
    };
    ProcessExit::from(exit.number())
}

/// Serves one heavy stage of another process of this program.
fn worker(printer: &Printer) -> ExitCode {
    let registry = match aw_commands::built_in() {
        Ok(registry) => registry,
        Err(error) => return fail(printer, &Report::bug(error)),
    };
    match aw_commands::serve_worker(&registry, stdin(), stdout()) {
        Ok(()) => ExitCode::Ok,
        Err(error) => {
            fail(printer, &Report::new(ExitCode::Environment, "worker", format!("the stage's process cannot serve: {error}")))
        }
    }
}

/// Builds one part of a line for a worker, another process of this program.
fn line_part(printer: &Printer, globals: &ArgMatches) -> ExitCode {
    match aw_commands::serve_part(|| environment(globals), stdin(), stdout()) {
        Ok(()) => ExitCode::Ok,
        Err(error) => {
            fail(printer, &Report::new(ExitCode::Environment, "worker", format!("the part's process cannot serve: {error}")))
        }
    }
}

fn ask(command: &Command, globals: &ArgMatches, given: &ArgMatches, printer: &Printer) -> ExitCode {
    let json = globals.get_flag("json");
    let asked = environment(globals).and_then(|environment| {
        let progress = Progress::new(printer, json, globals.get_flag("quiet"));
        let cancelled = interrupt::watch(command.events.is_some(), printer)?;
        let surface = Surface { event: &|event| progress.event(event), cancelled: &cancelled };
        let answer = command.run(&environment, arguments::parameters(command, given), &surface);
        progress.clear();
        answer
    });
    match asked {
        Ok(answer) if json => written(printer, printer.out(&json_text(command, "result", answer.result)), answer.exit_code),
        Ok(answer) => show(command, answer, printer),
        Err(report) if json => {
            let exit = report.exit_code;
            let report = serde_json::to_value(report).unwrap_or(Value::Null);
            written(printer, printer.out(&json_text(command, "error", report)), exit)
        }
        Err(report) => fail(printer, &report),
    }
}

fn environment(globals: &ArgMatches) -> Result<Environment, Report> {
    let program = std::env::current_exe()
        .map_err(|error| Report::new(ExitCode::Environment, "program", format!("the program does not find itself: {error}")))?;
    let settings = Settings {
        home: globals.get_one::<String>("home").map(Into::into),
        registry: Box::new(|| aw_commands::built_in().expect("the built-in domains go together, as a test shows")),
        program: Some(program),
        worker_arguments: Some(vec!["worker".into()]),
    };
    Ok(Environment::new(settings)?)
}

/// One document, or the last line of a command that tells what happens while it goes.
fn json_text(command: &Command, kind: &str, value: Value) -> String {
    let document = match (command.events.is_some(), value) {
        (true, Value::Object(members)) => {
            let tagged = [("event".to_owned(), json!(kind))].into_iter().chain(members).collect();
            return format!("{}\n", Value::Object(tagged));
        }
        (_, value) if kind == "error" => json!({ "error": value }),
        (_, value) => value,
    };
    format!("{document:#}\n")
}

fn show(command: &Command, answer: Answer, printer: &Printer) -> ExitCode {
    let mut page = printer.page_out();
    match render::result(command.name, answer.result, &mut page) {
        Ok(()) => written(printer, printer.out(&page.into_text()), answer.exit_code),
        Err(error) => fail(printer, &Report::bug(error)),
    }
}

fn fail(printer: &Printer, report: &Report) -> ExitCode {
    let mut page = printer.page_err();
    render::report(report, &mut page);
    printer.error(&page.into_text());
    report.exit_code
}

/// The exit code of a command whose answer was written, or not: a reader that went away has seen enough.
fn written(printer: &Printer, outcome: std::io::Result<()>, exit: ExitCode) -> ExitCode {
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let message = format!("the answer cannot be written to standard output: {error}");
            fail(printer, &Report::new(ExitCode::Environment, "output", message))
        }
        _ => exit,
    }
}
