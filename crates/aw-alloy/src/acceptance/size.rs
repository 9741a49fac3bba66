//! The smallest format a document offers.

use crate::decimal::Decimal;
use crate::gates::measured::{at, items, number, text};
use crate::text::{Node, Value};

/// A format and what it takes.
pub(super) struct Offer {
    pub(super) what: String,
    pub(super) gigabytes: Decimal,
    pub(super) path: String,
}

/// The smallest of the formats that the document gives a size for. Each source of sizes stands for all that follow it: what a tier is
/// said to need in memory, what was seen to run, the size of the result, the size of the weights themselves.
pub(super) fn smallest(document: &Node) -> Option<Offer> {
    let least = |offers: Vec<Offer>| offers.into_iter().min_by(|a, b| a.gigabytes.cmp(&b.gigabytes));
    least(tiers(document))
        .or_else(|| least(verified(document)))
        .or_else(|| final_size(document))
        .or_else(|| least(weights(document)))
}

/// `stages[].tiers`: `fitsVramGb`, else `sizeGb`.
fn tiers(document: &Node) -> Vec<Offer> {
    let mut offers = Vec::new();
    for (index, stage) in items(document, "stages").iter().enumerate() {
        let Some(Value::Object(tiers)) = stage.get("tiers").map(|tiers| &tiers.value) else { continue };
        for tier in tiers {
            let size = ["fitsVramGb", "sizeGb"].into_iter().find_map(|name| Some((name, number(&tier.value, name)?)));
            offers.extend(size.map(|(name, gigabytes)| Offer {
                what: format!("format `{}`", tier.name),
                gigabytes,
                path: format!("stages[{index}].tiers.{}.{name}", tier.name),
            }));
        }
    }
    offers
}

/// `results.hardwareVerified[]`: `memoryUsageGb`, else `sizeGb`. Rows that say they are estimates measured nothing.
fn verified(document: &Node) -> Vec<Offer> {
    let rows = at(document, &["results"]).map(|results| items(results, "hardwareVerified")).unwrap_or_default();
    let offer = |(index, row): (usize, &Node)| {
        let (name, gigabytes) = ["memoryUsageGb", "sizeGb"].into_iter().find_map(|name| Some((name, number(row, name)?)))?;
        let what = text(row, "format").map_or("the format that was run".into(), |format| format!("format `{format}`"));
        Some(Offer { what, gigabytes, path: format!("results.hardwareVerified[{index}].{name}") })
    };
    let was_run = |(_, row): &(usize, &Node)| row.get("verified").and_then(Node::as_bool) != Some(false);
    rows.iter().enumerate().filter(was_run).filter_map(offer).collect()
}

fn final_size(document: &Node) -> Option<Offer> {
    let gigabytes = number(document.get("results")?, "finalSizeGb")?;
    Some(Offer { what: "the result".into(), gigabytes, path: "results.finalSizeGb".into() })
}

/// `integrity.fileHashes`: a GGUF file is a format of its own, other weight files are shards of one.
fn weights(document: &Node) -> Vec<Offer> {
    let places = [("integrity", &["integrity"][..]), ("results.integrity", &["results", "integrity"][..])];
    for (path, members) in places {
        let files = at(document, members).map(|integrity| items(integrity, "fileHashes")).unwrap_or_default();
        let mut offers = Vec::new();
        let mut shards: Option<Decimal> = None;
        for (index, file) in files.iter().enumerate() {
            let Some(bytes) = number(file, "size") else { continue };
            let name = text(file, "filename").unwrap_or_default();
            if name.ends_with(".gguf") {
                let path = format!("{path}.fileHashes[{index}].size");
                offers.push(Offer { what: format!("`{name}`"), gigabytes: in_gigabytes(&bytes), path });
            } else {
                shards = Some(shards.map_or(bytes.clone(), |sum| sum.plus(&bytes)));
            }
        }
        let whole =
            |bytes| Offer { what: "the weights".into(), gigabytes: in_gigabytes(&bytes), path: format!("{path}.fileHashes") };
        offers.extend(shards.map(whole));
        if !offers.is_empty() {
            return offers;
        }
    }
    Vec::new()
}

fn in_gigabytes(bytes: &Decimal) -> Decimal {
    let billionth: Decimal = "1e-9".parse().expect("a constant number");
    bytes.times(&billionth)
}
