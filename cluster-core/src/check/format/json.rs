//! Reads one JSON value: the small part of a parser that histories need, without a recursion that a file could exhaust.

use std::{iter::Peekable, str::Chars};

use super::super::datum::Datum;

const DEPTH_MAX: u32 = 64;

/// Reads the text as one value.
pub(super) fn parse(text: &str) -> Result<Datum, String> {
    let mut parser = Parser { rest: text.chars().peekable(), column: 0 };
    let value = parser.value(0)?;
    parser.skip_blank();
    match parser.rest.peek() {
        None => Ok(value),
        Some(other) => Err(format!("column {}: `{other}` behind the end of the value", parser.column + 1)),
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    column: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: u32) -> Result<Datum, String> {
        if depth > DEPTH_MAX {
            return Err("nested too deeply for a history".to_owned());
        }
        self.skip_blank();
        match self.rest.peek().copied() {
            None => Err("the line ends in the middle of a value".to_owned()),
            Some('{') => self.map(depth),
            Some('[') => self.list(depth),
            Some('"') => self.string().map(|text| Datum::Text(text.into())),
            Some(_) => self.word(),
        }
    }

    fn map(&mut self, depth: u32) -> Result<Datum, String> {
        self.next();
        let mut pairs = Vec::new();
        loop {
            self.skip_blank();
            match self.rest.peek() {
                Some('}') => {
                    self.next();
                    return Ok(Datum::Map(pairs));
                }
                Some(',') if !pairs.is_empty() => drop(self.next()),
                Some('"') => {
                    let key = self.string()?;
                    self.skip_blank();
                    if self.next() != Some(':') {
                        return Err(self.wrong("`:` is missing behind a key"));
                    }
                    pairs.push((Datum::Text(key.into()), self.value(depth + 1)?));
                }
                _ => return Err(self.wrong("a key in quotation marks, or `}`, is expected")),
            }
        }
    }

    fn list(&mut self, depth: u32) -> Result<Datum, String> {
        self.next();
        let mut parts = Vec::new();
        loop {
            self.skip_blank();
            match self.rest.peek() {
                None => return Err(self.wrong("a list does not end")),
                Some(']') => {
                    self.next();
                    return Ok(Datum::List(parts));
                }
                Some(',') if !parts.is_empty() => drop(self.next()),
                Some(_) => parts.push(self.value(depth + 1)?),
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.wrong("a text does not end")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(match self.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('b') => '\u{8}',
                    Some('f') => '\u{c}',
                    Some(other @ ('"' | '\\' | '/')) => other,
                    Some('u') => self.unicode()?,
                    _ => return Err(self.wrong("an escape that JSON does not have")),
                }),
                Some(letter) => text.push(letter),
            }
        }
    }

    fn unicode(&mut self) -> Result<char, String> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|digit| digit.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.wrong("`\\u` needs four hexadecimal digits"))?;
        }
        // Half of a pair stands for no character of its own.
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn word(&mut self) -> Result<Datum, String> {
        let mut word = String::new();
        while let Some(letter) = self.rest.peek().copied().filter(|letter| !",]} \t\":".contains(*letter)) {
            word.push(letter);
            self.next();
        }
        match word.as_str() {
            "null" => Ok(Datum::Nil),
            "true" => Ok(Datum::Bool(true)),
            "false" => Ok(Datum::Bool(false)),
            _ => match (word.parse::<i64>(), word.parse::<f64>()) {
                (Ok(number), _) => Ok(Datum::Int(number)),
                (Err(_), Ok(number)) if number.is_finite() => Ok(Datum::Number(word.into())),
                _ => Err(self.wrong(&format!("`{word:.40}` is no value of JSON"))),
            },
        }
    }

    fn skip_blank(&mut self) {
        while self.rest.peek().is_some_and(|letter| letter.is_whitespace()) {
            self.next();
        }
    }

    fn next(&mut self) -> Option<char> {
        self.column += 1;
        self.rest.next()
    }

    fn wrong(&self, reason: &str) -> String {
        format!("column {}: {reason}", self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_becomes_a_value() {
        let value = parse(r#"{"f":"cas","value":[1,-2,null,true,"a\"\u00e9"],"time":1.5}"#).unwrap();
        assert_eq!(value.to_string(), "{f cas, value [1 -2 nil true a\"é], time 1.5}");
    }

    #[test]
    fn mistakes_are_told_with_their_column() {
        for (text, says) in [
            ("{\"a\" 1}", "column 6"),
            ("{\"a\":1} x", "behind the end"),
            ("[1, 2", "does not end"),
            ("{\"a\":\"x", "does not end"),
            ("nil", "no value of JSON"),
            ("", "middle of a value"),
            (&"[".repeat(100), "too deeply"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
