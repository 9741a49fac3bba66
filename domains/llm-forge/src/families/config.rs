//! Reads the fields of a `config.json`, collecting every problem instead of stopping at the first.

use serde_json::{Map, Value};

use super::{ConfigProblem, FamilyError};

/// Largest value of any dimension; above what any model has, low enough that products of two stay far from overflow.
const MAX_DIMENSION: u64 = 1 << 31;

/// A config under reading, with the problems found so far.
///
/// Readers return a placeholder where a field is refused, so that reading goes on and all problems are reported together;
/// [`ConfigReader::finish`] keeps a placeholder from ever being used.
#[derive(Debug)]
pub struct ConfigReader<'a> {
    architecture: &'static str,
    fields: Option<&'a Map<String, Value>>,
    problems: Vec<ConfigProblem>,
}

impl<'a> ConfigReader<'a> {
    /// Reads the top level of a config.
    #[must_use]
    pub fn new(architecture: &'static str, config: &'a Value) -> Self {
        let mut reader = Self { architecture, fields: config.as_object(), problems: Vec::new() };
        if reader.fields.is_none() {
            reader.refuse("config.json", "an object", config);
        }
        reader
    }

    /// Reads the text model's part of a config: `text_config` where that declares the layers, else the top level.
    #[must_use]
    pub fn decoder(architecture: &'static str, config: &'a Value) -> Self {
        let nested = config.get("text_config").filter(|text| text.get("num_hidden_layers").is_some());
        Self::new(architecture, nested.unwrap_or(config))
    }

    /// Returns a field's value; `null` counts as absent, as the reference reads it.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields?.get(field).filter(|value| !value.is_null())
    }

    /// Refuses a field's value.
    pub fn refuse(&mut self, field: &str, expected: &str, got: &Value) {
        self.problems.push(ConfigProblem::Value { field: field.to_owned(), expected: expected.to_owned(), got: got.to_string() });
    }

    /// Refuses what a field asks for.
    pub fn unsupported(&mut self, field: &str, got: &Value, supported: &str) {
        self.problems.push(ConfigProblem::Unsupported {
            field: field.to_owned(),
            got: got.to_string(),
            supported: supported.to_owned(),
        });
    }

    /// Reads a required count from 1 to `max`.
    pub fn count(&mut self, field: &'static str, max: u64) -> usize {
        self.optional_count(field, max).unwrap_or_else(|| {
            if self.get(field).is_none() {
                self.problems.push(ConfigProblem::Missing { field, expected: count_words(max) });
            }
            1
        })
    }

    /// Reads an optional count from 1 to `max`.
    pub fn optional_count(&mut self, field: &'static str, max: u64) -> Option<usize> {
        let value = self.get(field)?;
        match value.as_u64().filter(|count| (1..=max).contains(count)) {
            Some(count) => usize::try_from(count).ok(),
            None => {
                self.refuse(field, &count_words(max), value);
                None
            }
        }
    }

    /// Reads an optional whole number from 0 to `max`.
    pub fn whole(&mut self, field: &'static str, max: u64) -> Option<usize> {
        let value = self.get(field)?;
        let number = value.as_u64().filter(|number| *number <= max).and_then(|number| usize::try_from(number).ok());
        if number.is_none() {
            self.refuse(field, &format!("a whole number from 0 to {max}"), value);
        }
        number
    }

    /// Reads an optional list of layer indices below `layers`.
    pub fn layer_list(&mut self, field: &'static str, layers: usize) -> Option<Vec<usize>> {
        let listed = self.get(field)?;
        let Some(list) = listed.as_array() else {
            self.refuse(field, "an array of layer indices", listed);
            return None;
        };
        let mut found = Vec::with_capacity(list.len().min(layers));
        for value in list {
            match value.as_u64().and_then(|layer| usize::try_from(layer).ok()).filter(|layer| *layer < layers) {
                Some(layer) => found.push(layer),
                None => self.refuse(field, &format!("layer indices below {layers}"), value),
            }
        }
        Some(found)
    }

    /// Reads a required dimension.
    pub fn dimension(&mut self, field: &'static str) -> usize {
        self.count(field, MAX_DIMENSION)
    }

    /// Reads an optional dimension.
    pub fn optional_dimension(&mut self, field: &'static str) -> Option<usize> {
        self.optional_count(field, MAX_DIMENSION)
    }

    /// Reads an optional flag.
    pub fn flag(&mut self, field: &'static str, default: bool) -> bool {
        let Some(value) = self.get(field) else {
            return default;
        };
        value.as_bool().unwrap_or_else(|| {
            self.refuse(field, "true or false", value);
            default
        })
    }

    /// Reads an optional positive, finite number.
    pub fn positive(&mut self, field: &'static str) -> Option<f64> {
        let value = self.get(field)?;
        let number = value.as_f64().filter(|number| *number > 0.0 && number.is_finite());
        if number.is_none() {
            self.refuse(field, "a positive number", value);
        }
        number
    }

    /// Reads an optional number that the pass uses in single precision, where it must not become zero or infinite.
    pub fn positive_single(&mut self, field: &'static str) -> Option<f32> {
        let number = self.positive(field)?;
        #[expect(clippy::cast_possible_truncation, reason = "the reference computes with it in f32 or narrower")]
        let single = number as f32;
        if single > 0.0 && single.is_finite() {
            return Some(single);
        }
        if let Some(value) = self.get(field) {
            self.refuse(field, "a positive number of single precision", value);
        }
        None
    }

    /// Reads the epsilon of the RMS norms.
    pub fn rms_eps(&mut self) -> f32 {
        const FIELD: &str = "rms_norm_eps";
        if self.get(FIELD).is_none() {
            self.problems.push(ConfigProblem::Missing { field: FIELD, expected: "a positive number".to_owned() });
        }
        self.positive_single(FIELD).unwrap_or(1.0)
    }

    /// Reads the number of experts under whichever of `fields` are present; all that are must agree.
    pub fn experts(&mut self, fields: &[&'static str], max: u64) -> usize {
        let found: Vec<(&'static str, usize)> =
            fields.iter().filter_map(|field| Some((*field, self.optional_count(field, max)?))).collect();
        let Some((first, experts)) = found.first().copied() else {
            if fields.iter().all(|field| self.get(field).is_none()) {
                self.problems.push(ConfigProblem::Missing { field: fields[0], expected: count_words(max) });
            }
            return 1;
        };
        for (field, count) in &found[1..] {
            if *count != experts {
                self.refuse(field, &format!("{experts} as in `{first}`"), &Value::from(*count));
            }
        }
        experts
    }

    /// Refuses every activation but SiLU, the reference's default.
    pub fn silu(&mut self) {
        if let Some(value) = self.get("hidden_act").filter(|value| value.as_str() != Some("silu")) {
            self.unsupported("hidden_act", value, "\"silu\"");
        }
    }

    /// Refuses weights that are stored quantised.
    pub fn unquantised(&mut self) {
        if let Some(value) = self.get("quantization_config") {
            let method = value.get("quant_method").unwrap_or(value);
            self.unsupported("quantization_config", method, "weights in F32, F16 or BF16");
        }
    }

    /// Refuses a relation between fields that does not hold.
    pub fn require(&mut self, holds: bool, field: &str, expected: &str, got: usize) {
        if !holds {
            self.refuse(field, expected, &Value::from(got));
        }
    }

    /// Says whether nothing has been refused so far: only then are relations between fields worth checking.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns `value` when nothing was refused.
    ///
    /// # Errors
    /// [`FamilyError::Config`] with everything that was.
    pub fn finish<T>(self, value: T) -> Result<T, FamilyError> {
        if self.problems.is_empty() {
            Ok(value)
        } else {
            Err(FamilyError::Config { architecture: self.architecture, problems: self.problems })
        }
    }
}

fn count_words(max: u64) -> String {
    format!("a whole number from 1 to {max}")
}
