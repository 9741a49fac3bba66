//! How the line looks.

use aw_commands::{
    CheckState, LineAddResult, LineDoctorResult, LineEvictResult, LineInitResult, LineListResult, LineMovedResult,
    LineOrderResult, LineStatusResult, LineWatchResult, LineWorkResult, words,
};
use serde_json::{Error, Value, from_value};

use crate::page::{Page, Style};

/// Lines that are told of why a recipe was refused.
const DETAILS: usize = 12;

/// Writes the result of one of the line's verbs.
pub(super) fn line(name: &str, result: Value, page: &mut Page) -> Result<(), Error> {
    match name {
        "line/init" => init(&from_value(result)?, page),
        "line/add" => add(&from_value(result)?, page),
        "line/list" => list(&from_value(result)?, page),
        "line/status" => status(&from_value(result)?, page),
        "line/work" => work(&from_value(result)?, page),
        "line/watch" => watch(&from_value(result)?, page),
        "line/move" => order(&from_value(result)?, page),
        "line/evict" => evict(&result, &from_value(result.clone())?, page),
        "line/doctor" => doctor(&from_value(result)?, page),
        _ => moved(&from_value(result)?, page),
    }
    Ok(())
}

fn init(result: &LineInitResult, page: &mut Page) {
    if result.dry_run {
        page.raw(&result.text);
        return;
    }
    page.marked(Style::Good, "made", &format!(" the line `{}` in {}", result.name, result.root.display()));
    page.pairs(&[("node file", result.node_file.display().to_string())]);
    page.line("read the node file and fill in its tiers and limits; then `alloyworks line add` and `alloyworks line work`");
}

fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "unknown".to_owned(), words::duration)
}

fn add(result: &LineAddResult, page: &mut Page) {
    let rows: Vec<Vec<String>> = result
        .added
        .iter()
        .map(|view| {
            vec![
                view.part.clone(),
                words::bytes(view.needs.memory_bytes),
                words::bytes(view.needs.disk_bytes),
                seconds(view.estimate.seconds),
                words::name(&view.estimate.basis),
                view.recipe.display().to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        page.heading(if result.dry_run { "would be added" } else { "added" });
        page.table(&["part", ">memory", ">disk", ">time", "by", "recipe"], &rows);
    }
    if !result.refused.is_empty() {
        page.heading("refused");
    }
    for refused in &result.refused {
        page.marked(Style::Bad, &format!("  {}", refused.recipe.display()), &format!(": {}", refused.message));
        refused.details.iter().take(DETAILS).for_each(|detail| page.line(&format!("    {detail}")));
        if refused.details.len() > DETAILS {
            page.line(&format!("    and {} more lines; `--json` has them all", refused.details.len() - DETAILS));
        }
    }
}

fn list(result: &LineListResult, page: &mut Page) {
    let rows: Vec<Vec<String>> = result
        .parts
        .iter()
        .map(|part| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let what = if part.error.is_some() { text(&part.error) } else { text(&part.forged_dir) };
            let retries = if part.retries == 0 { String::new() } else { part.retries.to_string() };
            vec![
                part.station.clone(),
                part.part.clone(),
                text(&part.base_model),
                text(&part.architecture),
                retries,
                part.modified.clone(),
                what,
            ]
        })
        .collect();
    match rows.is_empty() {
        true => page.line("no part"),
        false => page.table(&["station", "part", "base model", "architecture", ">retries", "since", "what of it"], &rows),
    }
    for odd in &result.oddities {
        page.marked(Style::Warn, "odd: ", &format!("{}: {}", odd.path.display(), odd.reason));
    }
}

fn status(result: &LineStatusResult, page: &mut Page) {
    page.heading(&format!("line {} in {}", result.node, result.root.display()));
    let counts: Vec<String> = result.stations.iter().map(|station| format!("{} {}", station.parts, station.station)).collect();
    page.line(&format!("  {}", counts.join(", ")));
    alerts(result, page);
    page.heading("workers");
    if result.workers.is_empty() {
        page.line("  none has been here");
    }
    for worker in &result.workers {
        let name = worker.worker.as_deref().unwrap_or("(without a name)");
        let state =
            if worker.stale_heartbeat { "gone".to_owned() } else { worker.state.clone().unwrap_or_else(|| "unknown".into()) };
        let style = if worker.stale_heartbeat { Style::Bad } else { Style::Good };
        let mut more = String::new();
        if let Some(part) = &worker.current_part {
            more = format!(" {}", part.trim_end_matches(".alloy.json"));
            if let Some(stage) = &worker.stage {
                more.push_str(&format!(", {stage}"));
            }
            if let Some(progress) = worker.progress {
                more.push_str(&format!(" {:.0} %", progress * 100.0));
            }
        }
        let beat = worker.last_beat_at.as_deref().map(|at| format!(", last heard of {at}")).unwrap_or_default();
        let pid = worker.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
        page.marked(style, &format!("  {name}: {state}"), &format!("{more}{pid}{beat}"));
    }
    page.heading("disks");
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "not reached".to_owned(), words::bytes);
    let rows: Vec<Vec<String>> = result
        .disks
        .iter()
        .map(|disk| {
            let full = disk.full_percent.map_or_else(String::new, |percent| format!("{percent} %"));
            vec![
                disk.tier.clone(),
                disk.name.clone(),
                full,
                size(disk.free_bytes),
                words::bytes(disk.floor_bytes),
                disk.path.display().to_string(),
            ]
        })
        .collect();
    page.table(&["tier", "name", ">full", ">free", ">floor", "path"], &rows);
    page.heading("next");
    match result.next.is_empty() {
        true => page.line("  nothing waits"),
        false => {
            let rows: Vec<Vec<String>> = result
                .next
                .iter()
                .map(|next| vec![next.part.clone(), seconds(next.estimate.seconds), words::name(&next.estimate.basis)])
                .collect();
            page.table(&["part", ">time", "by"], &rows);
        }
    }
    page.heading("last events");
    if result.events.is_empty() {
        page.line("  none");
    }
    for event in &result.events {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let about = [text("alloy"), text("path")].concat();
        let more = [text("error"), text("reason")].concat();
        let more = if more.is_empty() { more } else { format!(": {more}") };
        page.line(&format!("  {}  {} {about}{more}", text("at"), text("outcome")));
    }
}

fn alerts(result: &LineStatusResult, page: &mut Page) {
    if result.alerts.is_empty() {
        return;
    }
    page.heading("alerts");
    for alert in &result.alerts {
        let severity = words::name(&alert.severity);
        let style = match severity.as_str() {
            "critical" => Style::Bad,
            "warning" => Style::Warn,
            _ => Style::Faint,
        };
        let part = alert.part.as_deref().map(|part| format!("{}: ", part.trim_end_matches(".alloy.json"))).unwrap_or_default();
        page.marked(style, &format!("  {severity} {}", words::name(&alert.kind)), &format!("  {part}{}", alert.message));
        if let Some(hint) = &alert.hint {
            page.marked(Style::Warn, "    hint: ", hint);
        }
    }
}

fn work(result: &LineWorkResult, page: &mut Page) {
    let count = |count: u64, noun: &str| words::count(usize::try_from(count).unwrap_or(usize::MAX), noun);
    let style = if result.failed == 0 { Style::Good } else { Style::Warn };
    let recovered = if result.recovered == 0 { String::new() } else { format!(", {} recovered", result.recovered) };
    let stopped = if result.stopped { "; stopped as asked" } else { "" };
    page.marked(
        style,
        &format!("{} finished", count(result.finished, "part")),
        &format!(", {} to rework{recovered}{stopped}", result.failed),
    );
}

fn watch(result: &LineWatchResult, page: &mut Page) {
    let events = words::count(usize::try_from(result.events).unwrap_or(usize::MAX), "event");
    page.line(&format!("{events} in {}", words::duration(result.seconds)));
}

fn moved(result: &LineMovedResult, page: &mut Page) {
    for moved in &result.moved {
        let said = match (moved.to.as_str(), result.dry_run) {
            ("asked to stop", false) => " is being built: its worker was asked to stop it".to_owned(),
            ("asked to stop", true) => " is being built: its worker would be asked to stop it".to_owned(),
            (to, false) => format!(" went from {} to {to}", moved.from),
            (to, true) => format!(" would go from {} to {to}", moved.from),
        };
        page.marked(Style::Good, &moved.part, &said);
    }
    for refused in &result.refused {
        page.marked(Style::Bad, &refused.part, &format!(": {}", refused.reason));
    }
    if result.moved.is_empty() && result.refused.is_empty() {
        page.line("nothing to do");
    }
}

fn order(result: &LineOrderResult, page: &mut Page) {
    page.line(&format!("{} is number {} of {}", result.part, result.place, result.order.len()));
    for (index, part) in result.order.iter().enumerate().take(20) {
        let style = if *part == result.part { Style::Good } else { Style::Plain };
        page.marked(style, &format!("  {:>3}  {part}", index + 1), "");
    }
    if result.order.len() > 20 {
        page.line(&format!("  and {} more", result.order.len() - 20));
    }
}

fn evict(json: &Value, result: &LineEvictResult, page: &mut Page) {
    let rows: Vec<Vec<String>> = json["folders"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|folder| {
            let text = |name: &str| folder[name].as_str().unwrap_or_default().to_owned();
            let to = if text("to").is_empty() { text("reason") } else { format!("{} ({})", text("reason"), text("to")) };
            vec![text("action"), text("path"), words::bytes(folder["bytes"].as_u64().unwrap_or(0)), to]
        })
        .collect();
    if let Some(doubt) = &result.clock_in_doubt {
        page.marked(Style::Warn, "the clock is in doubt: ", &format!("{doubt}; everything stays"));
    }
    match rows.is_empty() {
        true => page.line("there is no work folder"),
        false => page.table(&["action", "folder", ">size", "why"], &rows),
    }
    for tier in json["tiers"].as_array().into_iter().flatten() {
        page.marked(Style::Warn, "tier ", tier.as_str().unwrap_or_default());
    }
    let percent = |name: &str| json[name].as_u64().unwrap_or(0);
    let did = if result.dry_run { "nothing was changed; " } else { "" };
    page.line(&format!("{did}the file system was {} % full, is {} %", percent("fullPercentBefore"), percent("fullPercentAfter")));
}

fn doctor(result: &LineDoctorResult, page: &mut Page) {
    page.heading(&format!("line in {}", result.root.display()));
    for check in &result.checks {
        let (style, word) = match check.state {
            CheckState::Ok => (Style::Good, "ok"),
            CheckState::Note => (Style::Warn, "note"),
            CheckState::Broken => (Style::Bad, "BROKEN"),
        };
        page.marked(style, &format!("  {word:<8}"), &format!("{:<10} {}", check.what, check.detail));
        if let Some(hint) = &check.hint {
            page.marked(Style::Warn, "          hint: ", hint);
        }
    }
}
