//! Reads a text line by line, and refuses what is no text before it fills the memory.

use std::io::{BufRead, Read};

use super::super::history::HistoryError;

/// No format has longer lines; a file without line ends is something else.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// The lines of a text, one at a time, with their numbers.
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Begins at the first line.
    pub fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0 }
    }

    /// Returns the next line without its end, and its number from 1.
    pub fn next_line(&mut self) -> Result<Option<(u64, &str)>, HistoryError> {
        self.line.clear();
        self.number += 1;
        let number = self.number;
        let wrong = |reason: String| HistoryError { line: number, reason };
        let read = (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        let bytes = read.map_err(|why| wrong(format!("cannot be read: {why}")))?;
        if bytes == 0 {
            return Ok(None);
        }
        if bytes as u64 == LINE_BYTES_MAX {
            return Err(wrong(format!("longer than {} MiB; this is no history", LINE_BYTES_MAX >> 20)));
        }
        while self.line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.pop();
        }
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some((number, line))),
            Err(_) => Err(wrong("not UTF-8; this is no history, or it is damaged".to_owned())),
        }
    }
}
