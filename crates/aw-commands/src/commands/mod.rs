//! The commands, one file each.

use crate::registry::Command;

#[cfg(feature = "codegen")]
pub(crate) mod codegen;
pub mod data_delete;
pub mod data_fork;
pub mod data_get;
pub mod data_history;
pub mod data_import;
pub mod data_list;
mod data_project;
pub mod data_resolve;
mod data_rules;
pub mod data_support;
pub mod data_upsert;
pub mod doctor;
pub mod gc;
pub mod judge;
pub mod key_create;
pub mod key_import;
pub mod key_list;
pub mod key_registry;
pub mod key_revoke;
pub mod key_rotate;
pub mod key_show;
#[cfg(feature = "line")]
pub mod line;
#[cfg(any(feature = "line", feature = "ship"))]
mod line_root;
pub mod plan;
pub mod run;
pub mod seal_check;
pub mod seal_export;
pub mod seal_import;
pub mod seal_sign;
mod seal_support;
#[cfg(feature = "ship")]
pub mod ship;
pub mod show;
pub mod validate;
pub mod verify;

/// Every command, in the order people meet them.
pub fn registry() -> Vec<Command> {
    let mut commands = vec![
        plan::command(),
        run::command(),
        validate::command(),
        judge::command(),
        verify::command(),
        show::command(),
        data_upsert::command(),
        data_get::command(),
        data_list::command(),
        data_delete::command(),
        data_history::command(),
        data_fork::command(),
        data_import::command(),
        data_resolve::command(),
        key_create::command(),
        key_list::command(),
        key_show::command(),
        key_rotate::command(),
        key_revoke::command(),
        key_registry::command(),
        key_import::command(),
        seal_sign::command(),
        seal_check::command(),
        seal_export::command(),
        seal_import::command(),
    ];
    #[cfg(feature = "ship")]
    commands.extend(ship::commands());
    #[cfg(feature = "codegen")]
    commands.extend(codegen::commands());
    #[cfg(feature = "line")]
    commands.extend(line::commands());
    commands.extend([gc::command(), doctor::command()]);
    commands
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn names_and_words_are_unique_and_every_area_is_explained() {
        let commands = super::registry();
        let words: BTreeSet<Vec<&str>> = commands.iter().map(|command| command.words()).collect();
        assert_eq!(words.len(), commands.len());
        let areas = words.iter().filter(|words| words.len() > 1).map(|words| words[0]);
        assert!(areas.into_iter().all(|area| crate::AREAS.iter().any(|(name, _)| *name == area)));
        assert!(commands.iter().all(|command| command.name.split('/').count() == 2 && !command.examples.is_empty()));
    }

    #[test]
    fn every_parameter_says_what_it_is() {
        for command in super::registry() {
            let Some(properties) = command.parameters["properties"].as_object() else { continue };
            for (name, schema) in properties {
                assert!(schema["description"].is_string(), "{} {name}", command.name);
            }
        }
    }
}
