//! Looking at the text of a query before a parser does: how deep it nests, and where `$PATH` stands.

/// Brackets within brackets. The parser recurses, so this is what bounds its stack.
const DEPTH: usize = 16;
/// Operators, brackets and separators in all: chains of them become deep trees, over which the evaluator recurses.
const OPERATORS: u64 = 400;

/// Checks the bounds and puts `path` in the place of `$PATH`. Returns how many operators there are, too.
///
/// # Errors
/// What bound the query breaks, or that it has a `$PATH` without a path to put there.
pub fn prepare(query: &str, path: Option<&str>) -> Result<(String, u64), String> {
    let mut out = String::with_capacity(query.len());
    let (mut depth, mut operators) = (0_usize, 0_u64);
    let mut rest = query;
    while let Some(c) = rest.chars().next() {
        let taken = opaque(rest).unwrap_or_else(|| {
            match c {
                '(' | '{' | '[' => depth += 1,
                ')' | '}' | ']' => depth = depth.saturating_sub(1),
                _ => (),
            }
            operators += u64::from(!c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '_' | '?' | '$' | ':' | ','));
            c.len_utf8()
        });
        if depth > DEPTH {
            return Err(format!("brackets are nested deeper than {DEPTH}"));
        }
        if operators > OPERATORS {
            return Err(format!("there are more than {OPERATORS} operators and brackets"));
        }
        let (token, after) = rest.split_at(taken);
        let is_path = matches!(c, '$' | '?') && after.strip_prefix("PATH").is_some_and(|after| !after.starts_with(is_name));
        if is_path {
            let Some(path) = path else {
                return Err("$PATH stands for the path of a property shape, and here is none".into());
            };
            out.push_str(path);
            rest = &after["PATH".len()..];
        } else {
            out.push_str(token);
            rest = after;
        }
    }
    Ok((out, operators))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the string, comment or IRI that `text` begins with.
fn opaque(text: &str) -> Option<usize> {
    let closing = |quote: &str, raw: bool| {
        let mut escaped = false;
        for (at, c) in text.char_indices().skip_while(|(at, _)| *at < quote.len()) {
            match c {
                '\\' if !escaped => escaped = true,
                _ if !escaped && text[at..].starts_with(quote) => return Some(at + quote.len()),
                // A string of one line ends at its end; the parser will say so.
                '\n' if !raw => return Some(at),
                _ => escaped = false,
            }
        }
        Some(text.len())
    };
    match text.as_bytes().first()? {
        b'#' => Some(text.find('\n').unwrap_or(text.len())),
        b'"' if text.starts_with("\"\"\"") => closing("\"\"\"", true),
        b'\'' if text.starts_with("'''") => closing("'''", true),
        b'"' => closing("\"", false),
        b'\'' => closing("'", false),
        b'<' => {
            let end =
                text[1..].find(|c: char| matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '^' | '`' | '\\') || c <= ' ')? + 1;
            (text.as_bytes()[end] == b'>').then_some(end + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_put_in_where_it_is_a_variable() {
        let check = |query: &str, expected: &str| assert_eq!(prepare(query, Some("<p>")).unwrap().0, expected);
        check("$this $PATH ?v", "$this <p> ?v");
        check("$this ?PATH/<q> ?v", "$this <p>/<q> ?v");
        check("$PATHS ?PATH_1", "$PATHS ?PATH_1");
        check("'$PATH' \"a\\\"$PATH\" '''\n$PATH''' <$PATH>", "'$PATH' \"a\\\"$PATH\" '''\n$PATH''' <$PATH>");
        check("# $PATH\n$PATH", "# $PATH\n<p>");
        check("?a < ?b && $PATH", "?a < ?b && <p>");
        assert!(prepare("$this $PATH ?v", None).unwrap_err().contains("$PATH"));
    }

    #[test]
    fn deep_and_long_queries_are_refused() {
        assert!(prepare(&"(".repeat(17), None).unwrap_err().contains("nested"));
        assert!(prepare(&"!?a ||".repeat(200), None).unwrap_err().contains("operators"));
        assert!(prepare(&format!("'{}'", "(".repeat(5000)), None).is_ok());
    }
}
