//! What can be generated, and how names go on the wire.

use std::fmt;

/// A kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// C# records and projection interfaces.
    Csharp,
    /// TypeScript interfaces and Zod schemas.
    Typescript,
    /// Python classes of Pydantic v2.
    Python,
    /// Rust structs with serde.
    Rust,
    /// Queries that read objects from databases, one a type and binding.
    Sql,
    /// BPMN 2.0, one file a process.
    Bpmn,
    /// CACAO 2.0 playbooks, one file a process.
    Cacao,
    /// JSON Schema 2020-12.
    JsonSchema,
    /// Components of OpenAPI 3.1.
    Openapi,
}

/// How members are named in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// As each language writes its members: JSON of one language is not that of another.
    Plain,
    /// As the ontology declares them, in every language.
    #[default]
    Wire,
}

impl Profile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Wire];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Wire => "wire",
        }
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Target {
    /// All targets, those of `all` first.
    pub const ALL: [Self; 9] = [
        Self::Csharp,
        Self::Typescript,
        Self::Python,
        Self::Rust,
        Self::Sql,
        Self::Bpmn,
        Self::Cacao,
        Self::JsonSchema,
        Self::Openapi,
    ];

    /// What `all` stands for: the languages.
    pub const LANGUAGES: [Self; 4] = [Self::Csharp, Self::Typescript, Self::Python, Self::Rust];

    /// Its name, and that of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csharp => "csharp",
            Self::Typescript => "typescript",
            Self::Python => "python",
            Self::Rust => "rust",
            Self::Sql => "sql",
            Self::Bpmn => "bpmn",
            Self::Cacao => "cacao",
            Self::JsonSchema => "jsonschema",
            Self::Openapi => "openapi",
        }
    }

    /// The target of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// The file it writes; that of a process has its id for `<id>`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Csharp => "DataPlatformContracts.g.cs",
            Self::Typescript => "data-platform-contracts.g.ts",
            Self::Python => "data_platform_contracts.g.py",
            Self::Rust => "data_platform_contracts.g.rs",
            Self::Sql => "data_platform_bindings.g.json",
            Self::Bpmn => "<id>.bpmn",
            Self::Cacao => "<id>.cacao.json",
            Self::JsonSchema => "data-platform-contracts.schema.json",
            Self::Openapi => "data-platform-contracts.openapi.json",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
