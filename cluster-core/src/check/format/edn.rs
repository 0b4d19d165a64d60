//! Reads EDN, the notation of Clojure, one value at a time from a stream: what Jepsen and Knossos write histories in.

use std::io::{BufRead, ErrorKind};

use super::super::{datum::Datum, history::HistoryError};

/// No history nests deeper; a hostile file must not exhaust the stack.
const DEPTH_MAX: u32 = 64;
/// No value of a history is longer.
const TOKEN_BYTES_MAX: usize = 16 << 20;
/// No value of a history has more parts.
const PARTS_MAX: usize = 4_000_000;

/// The values of a stream of EDN.
pub(super) struct Edn<R> {
    input: R,
    peeked: Option<u8>,
    line: u64,
    /// How deep in lists that are entered from outside, see [`Edn::enter`].
    entered: u32,
}

/// What comes next at the outermost level.
pub(super) enum Next {
    /// A value, and the line on which it begins.
    Value(u64, Datum),
    /// The end of the input, or of the list that was entered.
    End,
}

impl<R: BufRead> Edn<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, peeked: None, line: 1, entered: 0 }
    }

    /// Steps into a list if one comes next: a history may be one list of events, or events one after the other.
    pub(super) fn enter(&mut self) -> Result<(), HistoryError> {
        self.skip_blank()?;
        if matches!(self.peek()?, Some(b'[' | b'(')) {
            self.next_byte()?;
            self.entered = 1;
        }
        Ok(())
    }

    /// Returns the next value.
    pub(super) fn next_value(&mut self) -> Result<Next, HistoryError> {
        loop {
            self.skip_blank()?;
            let line = self.line;
            match self.peek()? {
                None if self.entered > 0 => return Err(self.wrong("the list of events does not end; is the file cut?")),
                None => return Ok(Next::End),
                Some(b']' | b')') if self.entered > 0 => {
                    self.next_byte()?;
                    self.entered = 0;
                }
                Some(_) => {
                    if let Some(value) = self.value(0)? {
                        return Ok(Next::Value(line, value));
                    }
                }
            }
        }
    }

    /// Reads a value; `None` if it was a discarded one (`#_`).
    fn value(&mut self, depth: u32) -> Result<Option<Datum>, HistoryError> {
        if depth > DEPTH_MAX {
            return Err(self.wrong("nested too deeply for a history"));
        }
        let Some(byte) = self.peek()? else { return Err(self.wrong("the file ends in the middle of a value")) };
        match byte {
            b'[' => self.list(b']', depth).map(|parts| Some(Datum::List(parts))),
            b'(' => self.list(b')', depth).map(|parts| Some(Datum::List(parts))),
            b'{' => self.map(depth).map(Some),
            b'"' => self.string().map(Some),
            b']' | b')' | b'}' => Err(self.wrong(&format!("`{}` closes nothing", byte as char))),
            b'#' => self.tagged(depth),
            b'\'' | b'`' | b'^' | b'@' | b'~' => Err(self.wrong(&format!("`{}` is no EDN", byte as char))),
            b'\\' => {
                self.next_byte()?;
                let name = self.token()?;
                Ok(Some(Datum::text(&name)))
            }
            _ => self.token().and_then(|token| self.atom(&token)).map(Some),
        }
    }

    fn list(&mut self, close: u8, depth: u32) -> Result<Vec<Datum>, HistoryError> {
        self.next_byte()?;
        let mut parts = Vec::new();
        loop {
            self.skip_blank()?;
            if self.peek()? == Some(close) {
                self.next_byte()?;
                return Ok(parts);
            }
            parts.extend(self.value(depth + 1)?);
            if parts.len() > PARTS_MAX {
                return Err(self.wrong("a list is too long for a history"));
            }
        }
    }

    fn map(&mut self, depth: u32) -> Result<Datum, HistoryError> {
        let parts = self.list(b'}', depth)?;
        if parts.len() % 2 == 1 {
            return Err(self.wrong("a map has a key without a value"));
        }
        let mut pairs = Vec::with_capacity(parts.len() / 2);
        let mut parts = parts.into_iter();
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            pairs.push((key, value));
        }
        Ok(Datum::Map(pairs))
    }

    /// Reads what begins with `#`: a set, a discarded value, or a tag, which is left aside.
    fn tagged(&mut self, depth: u32) -> Result<Option<Datum>, HistoryError> {
        self.next_byte()?;
        match self.peek()? {
            Some(b'{') => {
                let mut parts = self.list(b'}', depth)?;
                parts.sort();
                Ok(Some(Datum::List(parts)))
            }
            Some(b'_') => {
                self.next_byte()?;
                self.skip_blank()?;
                self.value(depth + 1)?;
                Ok(None)
            }
            _ => {
                let tag = self.token()?;
                if tag.is_empty() {
                    return Err(self.wrong("`#` stands before nothing"));
                }
                self.skip_blank()?;
                self.value(depth + 1)
            }
        }
    }

    fn string(&mut self) -> Result<Datum, HistoryError> {
        self.next_byte()?;
        let mut bytes = Vec::new();
        loop {
            match self.next_byte()? {
                None => return Err(self.wrong("a text does not end; is the file cut?")),
                Some(b'"') => break,
                Some(b'\\') => bytes.push(match self.next_byte()? {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'r') => b'\r',
                    Some(other @ (b'"' | b'\\')) => other,
                    Some(b'u') => {
                        let letter = self.unicode()?;
                        bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
                        continue;
                    }
                    _ => return Err(self.wrong("an escape in a text that EDN does not have")),
                }),
                Some(byte) => bytes.push(byte),
            }
            if bytes.len() > TOKEN_BYTES_MAX {
                return Err(self.wrong("a text is too long for a history"));
            }
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Datum::Text(text.into())),
            Err(_) => Err(self.wrong("a text is not UTF-8")),
        }
    }

    fn unicode(&mut self) -> Result<char, HistoryError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next_byte()?.and_then(|byte| (byte as char).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.wrong("`\\u` needs four hexadecimal digits"))?;
        }
        // Half of a pair stands for no character of its own.
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn token(&mut self) -> Result<String, HistoryError> {
        let mut token = Vec::new();
        while let Some(byte) = self.peek()? {
            if is_blank(byte) || matches!(byte, b'[' | b']' | b'(' | b')' | b'{' | b'}' | b'"' | b';') {
                break;
            }
            token.push(byte);
            self.next_byte()?;
            if token.len() > 1024 {
                return Err(self.wrong("a word is too long for a history"));
            }
        }
        String::from_utf8(token).map_err(|_| self.wrong("not UTF-8; this is no history, or it is damaged"))
    }

    fn atom(&self, token: &str) -> Result<Datum, HistoryError> {
        if let Some(keyword) = token.strip_prefix(':') {
            return Ok(Datum::Word(keyword.into()));
        }
        Ok(match token {
            "nil" => Datum::Nil,
            "true" => Datum::Bool(true),
            "false" => Datum::Bool(false),
            "" => return Err(self.wrong("not a value of EDN")),
            _ => {
                // Clojure writes long integers with an N.
                let number = token.strip_suffix('N').unwrap_or(token);
                match number.parse() {
                    Ok(number) => Datum::Int(number),
                    Err(_) if token.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
                        Datum::Number(token.into())
                    }
                    Err(_) => Datum::Word(token.into()),
                }
            }
        })
    }

    fn skip_blank(&mut self) -> Result<(), HistoryError> {
        while let Some(byte) = self.peek()? {
            if byte == b';' {
                while self.next_byte()?.is_some_and(|byte| byte != b'\n') {}
            } else if is_blank(byte) {
                self.next_byte()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, HistoryError> {
        if self.peeked.is_none() {
            self.peeked = self.fetch()?;
        }
        Ok(self.peeked)
    }

    fn next_byte(&mut self) -> Result<Option<u8>, HistoryError> {
        let byte = match self.peeked.take() {
            Some(byte) => Some(byte),
            None => self.fetch()?,
        };
        self.line += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }

    fn fetch(&mut self) -> Result<Option<u8>, HistoryError> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => {
                    let byte = buffer.first().copied();
                    self.input.consume(usize::from(byte.is_some()));
                    return Ok(byte);
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(self.wrong(&format!("cannot be read: {why}"))),
            }
        }
    }

    fn wrong(&self, reason: &str) -> HistoryError {
        HistoryError { line: self.line, reason: reason.to_owned() }
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b','
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<String>, HistoryError> {
        let mut edn = Edn::new(text.as_bytes());
        edn.enter()?;
        let mut values = Vec::new();
        while let Next::Value(line, value) = edn.next_value()? {
            values.push(format!("{line} {value}"));
        }
        Ok(values)
    }

    #[test]
    fn values_come_one_at_a_time_with_their_lines() {
        let text = "; a comment\n({:f :read, :value nil}\n #_ :gone #{2 1} #op{:a [\"x\\ty\" 1.5 -3]})";
        assert_eq!(all(text).unwrap(), ["2 {f read, value nil}", "3 [1 2]", "3 {a [x\ty 1.5 -3]}"]);
        assert_eq!(all("{:a 1}\n{:a 2}").unwrap(), ["1 {a 1}", "2 {a 2}"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, line, says) in [
            ("[{:a 1}\n", 2, "does not end"),
            ("{:a}", 1, "without a value"),
            ("{:a 1}\n}", 2, "closes nothing"),
            ("{:a \"x", 1, "does not end"),
            (&"[".repeat(100), 1, "too deeply"),
        ] {
            let error = all(text).unwrap_err();
            assert!(error.line == line && error.reason.contains(says), "{text:?}: {error}");
        }
    }
}
