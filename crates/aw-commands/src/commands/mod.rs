//! The commands, one file each.

use crate::registry::Command;

pub mod doctor;
pub mod gc;
pub mod plan;
pub mod run;
pub mod show;
pub mod verify;

/// Every command, in the order people meet them.
pub fn registry() -> Vec<Command> {
    vec![plan::command(), run::command(), verify::command(), show::command(), gc::command(), doctor::command()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn names_and_verbs_are_unique() {
        let commands = super::registry();
        let verbs: BTreeSet<&str> = commands.iter().map(|command| command.verb()).collect();
        assert_eq!(verbs.len(), commands.len());
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
