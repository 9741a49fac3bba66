//! Headers and templates of users.

use codegen::emit::{HeaderTemplate, Options, Profile, Target, TemplateError, Templates, emit};
use codegen::model::Model;

use crate::{reference, smoke};

fn text(model: &Model, target: Target, options: &Options) -> String {
    String::from_utf8(emit(model, target, options).unwrap().files[0].bytes.clone()).unwrap()
}

#[test]
fn a_header_template_replaces_the_header() {
    let template = "// {producer} {forge_version}, {{model}} {model_version}\n// {ontology} of {source_uri}\n\n";
    let options = Options {
        header: Some(HeaderTemplate::parse(template).unwrap()),
        source_uri: "https://example.org/*/\nx\"\"\"\\".to_owned(),
        ..Options::new("0.1.0")
    };
    let made = text(&reference::model(), Target::Rust, &options);
    let expected = "// alloyworks-forge 0.1.0, {model} 1.0.0\n// d761e55d728951e1 of https://example.org/* / x\" \" \"/\n#![allow(dead_code)]\n";
    assert!(made.starts_with(expected), "{made}");
}

#[test]
fn a_header_template_that_is_wrong_is_refused_at_its_line() {
    for (template, line, what) in [
        ("a\n{host}", 2, "unknown variable `{host}`"),
        ("a }", 1, "a single `}`"),
        ("\n\n{producer", 3, "a `{` that is not closed"),
    ] {
        let error = HeaderTemplate::parse(template).unwrap_err();
        assert_eq!((error.line, error.what.as_str()), (line, what));
        assert!(error.to_string().contains("known are {producer}, {forge_version}"), "{error}");
    }
}

#[test]
fn a_template_writes_the_file_from_the_same_view() {
    let template = "{{ header }}\n\
        {% for type in types %}\n\
        export type {{ type.name }} = {% for base in type.bases %}{{ base.name }} & {% endfor %}{\n\
        {% for member in type.own_fields + type.own_relations %}\n\
        \x20 readonly {{ member.declared | quoted }}: {{ member.type }};\n\
        {% endfor %}\n\
        };\n\
        {% endfor %}\n";
    let mut templates = Templates::default();
    templates.set(Target::Typescript, "types.j2", template).unwrap();
    let options = Options { templates, ..Options::new("0.1.0") };
    let made = text(&reference::model(), Target::Typescript, &options);
    assert!(made.contains("export type User = {\n  readonly \"id\": string;\n"), "{made}");
    assert!(made.contains("  readonly \"documents\": Document[];\n};\n"), "{made}");
    assert_eq!(
        text(&reference::model(), Target::Rust, &options),
        text(&reference::model(), Target::Rust, &Options::new("0.1.0"))
    );
    let emitted = emit(&reference::model(), Target::Typescript, &options).unwrap();
    if let Some(checked) = smoke::compiled(&emitted) {
        assert!(checked.passed(), "{checked:?}\n{made}");
    }
}

#[test]
fn a_template_that_is_wrong_is_refused_at_its_line() {
    let mut templates = Templates::default();
    let error = templates.set(Target::Rust, "rust.j2", "a\n{% for x %}").unwrap_err();
    assert!(matches!(&error, TemplateError::Syntax { line: 2, .. }), "{error:?}");
    assert_eq!(templates.set(Target::Bpmn, "x", "").unwrap_err(), TemplateError::NoLanguage(Target::Bpmn));
    assert!(matches!(templates.set(Target::Rust, "x", &" ".repeat(2 << 20)), Err(TemplateError::TooLong { .. })));
    for (template, said) in [
        ("\n{{ nothing }}", "line 2: undefined value"),
        ("{% for type in types %}{{ type.nam }}{% endfor %}", "line 1: undefined value"),
        (
            "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(100) %}{% endfor %}{% endfor %}{% endfor %}",
            "fuel",
        ),
        ("{% include 'other' %}", "other"),
    ] {
        let mut templates = Templates::default();
        templates.set(Target::Rust, "rust.j2", template).unwrap();
        let errors = emit(&reference::model(), Target::Rust, &Options { templates, ..Options::new("0.1.0") }).unwrap_err();
        assert_eq!(errors[0].code, "E-TEMPLATE");
        assert!(errors[0].message.contains(said), "{errors:?}");
    }
}

#[test]
fn the_built_in_templates_make_the_files_of_the_renderers() {
    let templates =
        Templates::read(&Templates::built_in().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()).unwrap();
    let models = [
        ("reference", reference::model()),
        ("second", smoke::second::model()),
        ("reserved words", smoke::hostile::reserved_words()),
        ("labels", smoke::hostile::labelled()),
        ("nothing", Model { version: "1.0.0".into(), namespace: "A.class".into(), ..Model::default() }),
    ];
    for (name, model) in models {
        for profile in Profile::ALL {
            let rendered = Options { profile, ..Options::new("0.1.0") };
            let templated = Options { templates: templates.clone(), ..rendered.clone() };
            for target in Target::LANGUAGES {
                let (expected, got) = (text(&model, target, &rendered), text(&model, target, &templated));
                let at = expected.lines().zip(got.lines()).position(|(a, b)| a != b).unwrap_or_default();
                let line = |text: &str| text.lines().skip(at).take(3).collect::<Vec<_>>().join("\n");
                assert!(
                    expected == got,
                    "{name}, {profile}, {target}, line {}:\n{}\n---\n{}",
                    at + 1,
                    line(&expected),
                    line(&got)
                );
            }
        }
    }
}

#[test]
fn a_template_replaces_a_piece_and_leaves_the_rest() {
    let mine = "{% extends 'builtin/rust.j2' %}\n{% import 'more.j2' as more %}\n\
        {% block member %}\n    {{ more.about(type, member) }}\n{{ super() }}{% endblock %}\n\
        {% block tail %}\n// {{ types | length }} types\n{% endblock %}\n";
    let more = "{% macro about(type, member) %}/// `{{ type.declared }}.{{ member.declared }}`{% endmacro %}";
    let files = [("rust.j2", mine), ("more.j2", more)].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let options = Options { templates: Templates::read(&files.into()).unwrap(), ..Options::new("0.1.0") };
    let (made, before) =
        (text(&reference::model(), Target::Rust, &options), text(&reference::model(), Target::Rust, &Options::new("0.1.0")));
    assert!(
        made.contains("    /// `User.createdAt`\n    #[serde(rename = \"createdAt\")]\n    pub created_at: String,\n"),
        "{made}"
    );
    assert!(made.ends_with("// 2 types\n"), "{made}");
    let without: String = made
        .lines()
        .filter(|line| !line.starts_with("    /// `") && !line.starts_with("// 2"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(without.trim_end(), before.trim_end());
    let only = [("more.j2".to_owned(), more.to_owned())].into();
    assert_eq!(Templates::read(&only).unwrap_err(), TemplateError::NoneOfALanguage);
}

#[test]
fn a_block_that_would_stand_nowhere_is_an_error() {
    let read = |text: &str| Templates::read(&[("rust.j2".to_owned(), text.to_owned())].into());
    let error = read("{#- {% block x %} -#}\n{%- extends \"builtin/rust.j2\" -%}\n{% block tail %}{% block own %}{% endblock %}{% endblock %}\n\
        {% block imports %}{% endblock %}")
    .unwrap_err()
    .to_string();
    assert!(error.starts_with("rust.j2, line 4: `builtin/rust.j2` has no block `imports`; it has head, "), "{error}");
    for text in [
        "{% extends 'builtin/rust.j2' %}{% block head %}{% block own %}{% endblock %}{% endblock %}",
        "{% block own %}{% endblock %}",
    ] {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn twenty_runs_give_the_same_bytes() {
    let model = smoke::second::model();
    for target in Target::ALL.into_iter().filter(|target| *target != Target::Sql) {
        let first = emit(&model, target, &Options::new("0.1.0")).unwrap();
        for _ in 0..20 {
            assert_eq!(emit(&model, target, &Options::new("0.1.0")).unwrap(), first);
        }
    }
}
