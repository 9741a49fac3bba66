//! How the code generator's results look. They are read as JSON: the domain may be built out, and then there is nothing to draw.

use serde_json::Value;

use crate::page::{Page, Style};

/// Diagnostics that are listed; the rest are counted, and `--json` has them all.
const LISTED: usize = 20;

/// Draws the result of `codegen/<verb>`.
pub(crate) fn contracts(name: &str, result: &Value, page: &mut Page) {
    match name {
        "codegen/generate" | "codegen/publish" => generated(result, page),
        "codegen/validate" => validated(result, page),
        "codegen/templates" => templates(result, page),
        "codegen/diff" => diff(result, page),
        "codegen/snapshot" => snapshot(result, page),
        "codegen/ingest" => ingested(result, page),
        "codegen/pin" => staged(result, page),
        "codegen/adopt" | "codegen/rollback" => pin(result, page),
        "codegen/status" => status(result, page),
        "codegen/serve" => page.line(&format!("served on {}", text(&result["address"]))),
        "codegen/doctor" => doctor(result, page),
        _ => page.raw(&format!("{result:#}")),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn templates(result: &Value, page: &mut Page) {
    items(&result["written"]).iter().for_each(|path| page.marked(Style::Good, "written", &format!(" {}", text(path))));
    items(&result["kept"])
        .iter()
        .for_each(|path| page.marked(Style::Warn, "was there, left alone:", &format!(" {}", text(path))));
}

fn generated(result: &Value, page: &mut Page) {
    if let Some(why) = result["no_change"].as_str() {
        let what = match why {
            "source" => "the source did not change",
            "graph" => "the source was written anew and says the same",
            _ => "the ontology changed in nothing that contracts show",
        };
        page.marked(Style::Good, "nothing to generate: ", what);
        return;
    }
    page.pairs(&[
        ("ontology", text(&result["ontology"])),
        ("version", text(&result["model_version"])),
        ("profile", text(&result["profile"])),
    ]);
    change(&result["change"], page);
    let targets = result["targets"].as_object().into_iter().flatten();
    let rows: Vec<Vec<String>> = targets
        .flat_map(|(target, view)| {
            items(&view["files"]).iter().map(move |file| {
                let compiled = match view["smoke"]["state"].as_str() {
                    Some("passed") => format!("{} {}", text(&view["smoke"]["tool"]), text(&view["smoke"]["version"])),
                    Some("skipped") => format!("skipped: {}", text(&view["smoke"]["missing"])),
                    Some(state) => state.to_owned(),
                    None => "not asked for".to_owned(),
                };
                vec![target.clone(), text(&file["path"]), text(&file["bytes"]), compiled]
            })
        })
        .collect();
    page.gap();
    page.table(&["target", "file", "bytes", "compiled"], &rows);
    if let Some(artifact) = result["artifact"].as_object() {
        page.gap();
        let state = if artifact["is_new"] == true { "published" } else { "was published already" };
        page.marked(Style::Good, state, &format!(" {} in {}", text(&artifact["artifact"]), text(&artifact["store"])));
        page.line(&format!("manifest sha256 {}", text(&artifact["manifest_sha256"])));
        page.line(&format!("signed by {}", text(&artifact["signed_by"])));
    }
    diagnostics(&result["diagnostics"], page);
}

fn change(change: &Value, page: &mut Page) {
    if change.is_null() {
        return;
    }
    let class = change["class"].as_str().unwrap_or("nothing differs");
    let style = if class == "destructive" || class == "breaking" { Style::Warn } else { Style::Good };
    let rest = format!(
        " since version {}: {} changes, version step {}",
        text(&change["from"]),
        change["changes"],
        text(&change["step"])
    );
    page.marked(style, class, &rest);
}

fn diagnostics(list: &Value, page: &mut Page) {
    let list = items(list);
    if list.is_empty() {
        return;
    }
    page.gap();
    for said in list.iter().take(LISTED) {
        let style = match said["severity"].as_str() {
            Some("error") => Style::Bad,
            Some("warning") => Style::Warn,
            _ => Style::Faint,
        };
        let target = said["target"].as_str().map(|target| format!(" ({target})")).unwrap_or_default();
        page.marked(style, &text(&said["code"]), &format!(" {}{target}: {}", text(&said["subject"]), text(&said["message"])));
    }
    if list.len() > LISTED {
        page.line(&format!("and {} more; `--json` has them all", list.len() - LISTED));
    }
}

fn validated(result: &Value, page: &mut Page) {
    page.marked(Style::Good, "valid", &format!(": {}", text(&result["ontology"])));
    page.pairs(&[
        ("version", text(&result["model_version"])),
        ("types", text(&result["types"])),
        ("enumerations", text(&result["enumerations"])),
        ("processes", text(&result["processes"])),
        ("triples", text(&result["triples"])),
        ("graph digest", text(&result["graph_digest"])),
    ]);
    diagnostics(&result["diagnostics"], page);
}

fn diff(result: &Value, page: &mut Page) {
    let class = result["class"].as_str().unwrap_or("nothing differs");
    let style = if class == "destructive" { Style::Bad } else { Style::Good };
    let versions = format!(" from {} to {}", text(&result["old"]["version"]), text(&result["new"]["version"]));
    page.marked(style, class, &format!("{versions}; version step {}", text(&result["step"])));
    let row = |change: &Value| {
        vec![
            text(&change["class"]),
            text(&change["what"]),
            text(&change["subject"]),
            text(&change["old_readers"]),
            text(&change["old_writers"]),
            change["detail"].as_str().unwrap_or_default().to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = items(&result["changes"]).iter().map(row).collect();
    if !rows.is_empty() {
        page.gap();
        page.table(&["class", "change", "what", "old readers", "old writers", "detail"], &rows);
    }
}

fn snapshot(result: &Value, page: &mut Page) {
    match result["n_triples"].as_str() {
        Some(triples) => page.raw(triples),
        None => page.pairs(&[
            ("version", text(&result["version"])),
            ("graph digest", text(&result["graph_digest"])),
            ("triples", text(&result["triples"])),
        ]),
    }
}

fn ingested(result: &Value, page: &mut Page) {
    let state = if result["is_new"] == true { "taken in" } else { "was taken in already" };
    page.marked(Style::Good, state, &format!(": version {}, {}", text(&result["version"]), text(&result["ontology"])));
    page.pairs(&[("graph digest", text(&result["graph_digest"])), ("source", text(&result["source"]))]);
    change(&result["change"], page);
    diagnostics(&result["diagnostics"], page);
}

fn staged(result: &Value, page: &mut Page) {
    pin(&result["pin"], page);
    page.pairs(&[("staged in", text(&result["folder"]))]);
    for gone in items(&result["deletions"]) {
        page.marked(Style::Warn, "no longer there: ", &text(gone));
    }
    page.line("compile against the staged folder, then `codegen adopt`");
}

fn pin(pin: &Value, page: &mut Page) {
    let used = |which: &str| if pin["active"] == which { " (in use)" } else { "" };
    let mut pairs = vec![("current", format!("{}{}", text(&pin["current"]["artifact"]), used("current")))];
    if !pin["previous"].is_null() {
        pairs.push(("previous", format!("{}{}", text(&pin["previous"]["artifact"]), used("previous"))));
    }
    pairs.push(("in", text(&pin["out_dir"])));
    page.pairs(&pairs);
}

fn status(result: &Value, page: &mut Page) {
    pin(&result["pin"], page);
    if result["settled"] != true {
        page.marked(
            Style::Bad,
            "not settled: ",
            "what is used is not what the pin says; `codegen adopt` or `codegen rollback` sets it right",
        );
    }
    for which in ["current", "previous"] {
        let report = &result[which];
        if report.is_null() && (which == "current" || !result["pin"]["previous"].is_null()) {
            page.marked(Style::Bad, which, ": not on disk");
        }
        for (how, files) in report.as_object().into_iter().flatten() {
            for file in items(files) {
                page.marked(Style::Bad, &format!("{which}: {how}: "), &text(file));
            }
        }
    }
}

fn doctor(result: &Value, page: &mut Page) {
    for check in items(&result["checks"]) {
        let style = match check["state"].as_str() {
            Some("pass") => Style::Good,
            Some("fail") => Style::Bad,
            _ => Style::Warn,
        };
        page.marked(
            style,
            &text(&check["state"]).to_uppercase(),
            &format!(" {}: {}", text(&check["name"]), text(&check["detail"])),
        );
    }
}
