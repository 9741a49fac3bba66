//! What a command is, whatever surface asks for it.

use aw_alloy::text::{Node, Schema};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::environment::Environment;
use crate::events::RunEvent;
use crate::exit::ExitCode;
use crate::report::Report;

/// One thing that can be asked of Alloyworks.
pub struct Command {
    /// Its name, `area/verb`. The program calls it by its [`words`](Command::words).
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What else there is to know, in a few sentences.
    pub details: &'static str,
    /// How far the request may travel.
    pub reach: Reach,
    /// Command lines worth showing.
    pub examples: &'static [Example],
    /// JSON Schema of its parameters.
    pub parameters: Value,
    /// JSON Schema of its result, made when asked for: no command line waits for it.
    pub result: fn() -> Value,
    /// JSON Schema of what it says while it goes; `None` when it says nothing.
    pub events: Option<fn() -> Value>,
    /// The ways it ends, besides wrong parameters and bugs.
    pub exit_codes: &'static [ExitCode],
    /// What some of them mean here, where that is not what they mean elsewhere.
    pub meanings: &'static [(ExitCode, &'static str)],
    run: Box<Run>,
}

/// Areas whose verbs stand alone on a command line.
const FIRST_AREAS: &[&str] = &["forge", "door", "store", "node"];

/// What each area with verbs below it is about.
pub const AREAS: &[(&str, &str)] = &[
    ("codegen", "Typed contracts from an ontology: generate, compare, publish, pin and adopt"),
    ("data", "Recipes, artifacts, corpora, baselines and keys: find, change, fork, with their history"),
    ("key", "Keys: make, list, rotate, revoke, and the registry others check them against"),
    ("line", "The line: a folder of recipes, built unattended; what waits, what is finished, what failed and why"),
    ("seal", "Seals others accept: OpenSSF Model Signing, in-toto, CycloneDX, QR"),
];

type Run = dyn Fn(&Environment, Value, &Surface<'_>) -> Result<Answer, Report> + Send + Sync;

/// How far a request may travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reach {
    /// It stays on this machine.
    Local,
}

/// A command line worth showing.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it is for.
    pub what: &'static str,
    /// The arguments after the program's name.
    pub line: &'static str,
}

/// What a command answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The typed result, as JSON.
    pub result: Value,
    /// Whether the answer is yes, no or unknown.
    pub exit_code: ExitCode,
}

/// A command's typed result.
pub trait Outcome: Serialize + JsonSchema {
    /// How the program ends with this result.
    fn exit_code(&self) -> ExitCode {
        ExitCode::Ok
    }
}

/// Who asks: told what happens, and asked whether to stop.
pub struct Surface<'a> {
    /// Told what happens while a command goes.
    pub event: &'a (dyn Fn(RunEvent) + Sync),
    /// Asked often whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// What a command says about itself.
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) details: &'static str,
    pub(crate) reach: Reach,
    pub(crate) examples: &'static [Example],
    pub(crate) exit_codes: &'static [ExitCode],
}

impl Command {
    /// Makes a command of a typed function.
    pub(crate) fn new<P, R>(about: About, run: fn(&Environment, P, &Surface<'_>) -> Result<R, Report>) -> Self
    where
        P: DeserializeOwned + JsonSchema + 'static,
        R: Outcome + 'static,
    {
        let run = move |environment: &Environment, parameters: Value, surface: &Surface<'_>| {
            let parameters: P = read(parameters)?;
            let result = run(environment, parameters, surface)?;
            let exit_code = result.exit_code();
            let result = serde_json::to_value(result).map_err(Report::bug)?;
            Ok(Answer { result, exit_code })
        };
        Self {
            name: about.name,
            summary: about.summary,
            details: about.details,
            reach: about.reach,
            examples: about.examples,
            parameters: parameter_schema::<P>(),
            result: result_schema::<R>,
            events: None,
            exit_codes: about.exit_codes,
            meanings: &[],
            run: Box::new(run),
        }
    }

    /// Says that the command tells what happens while it goes.
    pub(crate) fn with_events(mut self) -> Self {
        self.events = Some(result_schema::<RunEvent>);
        self
    }

    /// Says what exit codes mean here, where that is not what they mean elsewhere.
    pub(crate) fn meaning(mut self, meanings: &'static [(ExitCode, &'static str)]) -> Self {
        self.meanings = meanings;
        self
    }

    /// What the program calls it: the verb alone in the areas everybody meets first, else area and verb.
    pub fn words(&self) -> Vec<&'static str> {
        let words: Vec<&str> = self.name.split('/').collect();
        match words.as_slice() {
            [area, verb] if FIRST_AREAS.contains(area) => vec![verb],
            _ => words,
        }
    }

    /// Does what is asked.
    ///
    /// # Errors
    /// A [`Report`] with the exit code it stands for; wrong parameters are refused before anything is done.
    pub fn run(&self, environment: &Environment, parameters: Value, surface: &Surface<'_>) -> Result<Answer, Report> {
        (self.run)(environment, parameters, surface)
    }
}

fn parameter_schema<P: JsonSchema>() -> Value {
    schemars::schema_for!(P).to_value()
}

/// The schema of what is written, as opposed to what is read: members that are always there are required.
pub(crate) fn result_schema<R: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<R>().to_value()
}

fn read<P: DeserializeOwned + JsonSchema>(parameters: Value) -> Result<P, Report> {
    let compiled = Schema::compile(&parameter_schema::<P>()).map_err(Report::bug)?;
    let problems = compiled.check(&Node::from_serde(&parameters), "");
    if !problems.is_empty() {
        return Err(Report::problems(ExitCode::Usage, "parameters", "the parameters have", None, problems));
    }
    serde_json::from_value(parameters).map_err(|error| Report::new(ExitCode::Usage, "parameters", error.to_string()))
}
