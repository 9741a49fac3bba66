//! Reads what a config says of the rotary embedding.

use serde_json::{Map, Value};

use super::Yarn;
use super::config::ConfigReader;

/// What a family's forward pass does beyond turning whole heads by unstretched frequencies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RopeForms {
    /// Turning the first part of a head only.
    pub partial: bool,
    /// Frequencies stretched by parts.
    pub yarn: bool,
}

/// What a config says of the rotary embedding.
#[derive(Clone, Copy, Debug)]
pub(super) struct RopeFields {
    /// Base of the frequencies.
    pub theta: f64,
    /// Share of a head that is turned, where declared.
    pub partial: Option<f64>,
    /// Stretched frequencies, where declared.
    pub yarn: Option<Yarn>,
    /// What the reference multiplies attention scores by, twice, where frequencies are stretched; else one.
    pub score_factor: f64,
}

/// What one of the two objects says.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    theta: Option<f64>,
    partial: Option<f64>,
    yarn: Option<(Yarn, f64)>,
}

impl ConfigReader<'_> {
    /// Reads the base of the rotary embedding where every form but the plainest is refused.
    pub(super) fn rope_theta(&mut self, default: f64) -> f64 {
        self.rope(default, RopeForms::default()).theta
    }

    /// Reads the rotary embedding; forms the family does not have are refused.
    ///
    /// # Source
    /// The reference takes the first of `rope_scaling` and `rope_parameters`, then the top-level `rope_theta`, then the
    /// family's default; here two that disagree are refused.
    pub(super) fn rope(&mut self, default: f64, forms: RopeForms) -> RopeFields {
        let top = self.positive("rope_theta");
        let [scaling, parameters] = ["rope_scaling", "rope_parameters"].map(|field| self.rope_object(field, forms));
        let top_partial = self.get("partial_rotary_factor").and_then(|value| self.partial("partial_rotary_factor", value, forms));
        let agree = |reader: &mut Self, field: &str, found: [Option<f64>; 3]| {
            let declared: Vec<f64> = found.into_iter().flatten().collect();
            if let Some(other) = declared.iter().find(|value| value.to_bits() != declared[0].to_bits()) {
                reader.refuse(field, &format!("one value, not both {} and {other}", declared[0]), &Value::from(*other));
            }
            declared.first().copied()
        };
        let theta = agree(self, "rope_theta", [scaling.theta, parameters.theta, top]);
        let partial = agree(self, "partial_rotary_factor", [scaling.partial, parameters.partial, top_partial]);
        let yarn = scaling.yarn.or(parameters.yarn);
        RopeFields {
            theta: theta.unwrap_or(default),
            partial,
            yarn: yarn.map(|(yarn, _)| yarn),
            score_factor: yarn.map_or(1.0, |(_, factor)| factor),
        }
    }

    /// Reads `rope_scaling` or `rope_parameters`.
    fn rope_object(&mut self, field: &'static str, forms: RopeForms) -> Found {
        let Some(value) = self.get(field) else { return Found::default() };
        let Some(object) = value.as_object() else {
            self.refuse(field, "an object", value);
            return Found::default();
        };
        let kind = ["rope_type", "type"].iter().filter_map(|key| object.get(*key)).find(|kind| !kind.is_null());
        let stretched = forms.yarn && kind.and_then(Value::as_str) == Some("yarn");
        let mut found = Found::default();
        for (name, inner) in object {
            let place = format!("{field}.{name}");
            match name.as_str() {
                "rope_type" | "type" if inner.as_str() == Some("default") || stretched => {}
                "rope_type" | "type" if forms.yarn => self.unsupported(&place, inner, "\"default\" and \"yarn\""),
                "rope_type" | "type" => self.unsupported(&place, inner, "\"default\""),
                "rope_theta" => found.theta = self.number(&place, inner),
                "partial_rotary_factor" => found.partial = self.partial(&place, inner, forms),
                _ if stretched => {}
                _ => self.unsupported(&place, inner, "`rope_theta` and `rope_type` \"default\""),
            }
        }
        if stretched {
            found.yarn = Some(self.yarn(field, object));
        }
        found
    }

    /// Reads the stretching of frequencies.
    fn yarn(&mut self, field: &str, object: &Map<String, Value>) -> (Yarn, f64) {
        const KNOWN: [&str; 12] = [
            "rope_type",
            "type",
            "rope_theta",
            "partial_rotary_factor",
            "factor",
            "original_max_position_embeddings",
            "attention_factor",
            "mscale",
            "mscale_all_dim",
            "beta_fast",
            "beta_slow",
            "truncate",
        ];
        for (name, value) in object.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
            self.unsupported(&format!("{field}.{name}"), value, &KNOWN.join(", "));
        }
        let mut number = |name: &str| {
            let value = object.get(name).filter(|value| !value.is_null())?;
            self.number(&format!("{field}.{name}"), value)
        };
        let (factor, original) = (number("factor"), number("original_max_position_embeddings"));
        let (mscale, all_dim) = (number("mscale"), number("mscale_all_dim"));
        let declared = number("attention_factor");
        let (beta_fast, beta_slow) = (number("beta_fast").unwrap_or(32.0), number("beta_slow").unwrap_or(1.0));
        for (name, value) in [("factor", factor), ("original_max_position_embeddings", original)] {
            if value.is_none() && object.get(name).is_none_or(Value::is_null) {
                self.refuse(&format!("{field}.{name}"), "a positive number", &Value::Null);
            }
        }
        let (factor, original) = (factor.unwrap_or(1.0), original.unwrap_or(1.0));
        let truncate = match object.get("truncate") {
            None | Some(Value::Bool(true)) => true,
            Some(Value::Bool(false)) => false,
            Some(other) => {
                self.refuse(&format!("{field}.truncate"), "true or false", other);
                true
            }
        };
        // The reference's `get_mscale`.
        let scale = |mscale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * mscale * libm::log(factor) + 1.0 };
        let attention_factor = declared.unwrap_or_else(|| match (mscale, all_dim) {
            (Some(mscale), Some(all_dim)) => scale(mscale) / scale(all_dim),
            _ => scale(1.0),
        });
        let yarn = Yarn { factor, original_positions: original, beta_fast, beta_slow, truncate, attention_factor };
        (yarn, all_dim.map_or(1.0, scale))
    }

    /// Reads the share of a head that is turned.
    fn partial(&mut self, place: &str, value: &Value, forms: RopeForms) -> Option<f64> {
        let share = value.as_f64().filter(|share| *share > 0.0 && *share <= 1.0);
        match share {
            Some(share) if forms.partial || share.to_bits() == 1f64.to_bits() => Some(share),
            _ if forms.partial => {
                self.refuse(place, "a number above 0, at most 1", value);
                None
            }
            _ => {
                self.unsupported(place, value, "1.0: the whole head is rotated");
                None
            }
        }
    }

    fn number(&mut self, place: &str, value: &Value) -> Option<f64> {
        let number = value.as_f64().filter(|number| *number > 0.0 && number.is_finite());
        if number.is_none() {
            self.refuse(place, "a positive number", value);
        }
        number
    }
}
