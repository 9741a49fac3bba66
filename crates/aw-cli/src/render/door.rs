//! How shipping looks: what was decided and why, what stands or would stand where, the answer last.

use aw_commands::words;
use serde_json::Value;

use crate::page::{Page, Style};

pub(crate) fn door(command: &str, result: &Value, page: &mut Page) {
    if command == "door/approve" {
        return approved(result, page);
    }
    let dry_run = result["dryRun"] == true;
    for part in list(&result["parts"]) {
        shipped(part, dry_run, page);
        page.gap();
    }
    if list(&result["parts"]).is_empty() {
        page.line("nothing is finished");
    }
}

fn approved(result: &Value, page: &mut Page) {
    page.marked(Style::Good, "APPROVED", &format!(" {} by {}", text(&result["artifact"]), text(&result["approver"])));
    let pairs = ["approvedAt", "fileHash", "publicKey", "written"].map(|name| {
        let label = match name {
            "approvedAt" => "when",
            "fileHash" => "document",
            "publicKey" => "key",
            _ => "written",
        };
        (label, text(&result[name]))
    });
    page.pairs(&pairs);
}

fn shipped(part: &Value, dry_run: bool, page: &mut Page) {
    page.heading(&text(&part["part"]));
    if let Some(problem) = part["problem"].as_str() {
        page.marked(Style::Bad, "FAILED  ", problem);
        return;
    }
    let decision = &part["decision"];
    for reason in list(&decision["reasons"]) {
        let line = format!("{}, {}: {}", text(&reason["gate"]), text(&reason["rule"]), text(&reason["message"]));
        let waits = decision["judgement"] == "awaits-approval";
        let (style, mark) = if waits { (Style::Warn, "WAITS   ") } else { (Style::Bad, "FAIL    ") };
        page.marked(style, mark, &line);
    }
    for plan in list(&part["plans"]) {
        planned(plan, page);
    }
    let rows: Vec<Vec<String>> = list(&part["publications"])
        .iter()
        .map(|publication| {
            let files = words::count(list(&publication["files"]).len(), "file");
            vec![text(&publication["url"]), files, text(&publication["publishedAt"])]
        })
        .collect();
    if !rows.is_empty() {
        page.table(&["published", "holds", "since"], &rows);
    }
    let (style, word, sentence) = match (decision["judgement"].as_str(), dry_run) {
        (Some("ship"), true) => (Style::Good, "MAY GO", "nothing was changed anywhere".to_owned()),
        (Some("ship"), false) => (
            Style::Good,
            "SHIPPED",
            format!("{} sent now, everything read back", words::bytes(part["sent"].as_u64().unwrap_or(0))),
        ),
        (Some("awaits-approval"), _) => (Style::Warn, "WAITS", "a person has to approve it".to_owned()),
        _ => (Style::Bad, "REFUSED", "it may not ship".to_owned()),
    };
    page.marked(style, &format!("{word:<8}"), &format!("{}: {sentence}", text(&part["artifact"])));
    let mut pairs = vec![("document", text(&part["fileHash"])), ("decision", text(&part["decisionDigest"]))];
    pairs.extend(part["receipt"].as_str().map(|receipt| ("receipt", receipt.to_owned())));
    pairs.extend(part["rework"].as_str().map(|rework| ("rework", rework.to_owned())));
    page.pairs(&pairs);
}

/// What would be published where.
fn planned(plan: &Value, page: &mut Page) {
    page.line(&format!("  to {}", text(&plan["url"])));
    let rows: Vec<Vec<String>> = list(&plan["files"])
        .iter()
        .map(|file| {
            let bytes = file["bytes"].as_u64().unwrap_or(0);
            vec![text(&file["path"]), words::bytes(bytes), text(&file["state"])]
        })
        .collect();
    page.table(&["file", ">size", "there now"], &rows);
    if let Some(conflict) = plan["conflict"].as_str() {
        page.marked(Style::Bad, "TAKEN   ", conflict);
    } else if plan["complete"] == true {
        page.line("  it stands there already");
    } else {
        page.line(&format!("  {} would be sent", words::bytes(plan["bytesToSend"].as_u64().unwrap_or(0))));
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
