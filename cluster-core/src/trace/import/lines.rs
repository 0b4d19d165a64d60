//! Reads a text line by line, and refuses what is no text before it fills the memory.

use std::io::{BufRead, Read as _};

use super::ImportError;

/// No log has longer lines; a file without line ends is something else.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The lines of a text, with their numbers from 1.
pub(super) struct Lines<R> {
    input: R,
    bytes: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), number: 0 }
    }

    /// Returns the next line without its end.
    pub(super) fn next_line(&mut self) -> Result<Option<(u64, &str)>, ImportError> {
        self.bytes.clear();
        self.number += 1;
        let line = self.number;
        let wrong = |reason: String| ImportError { line, reason };
        let read = (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.bytes);
        let bytes = read.map_err(|why| wrong(format!("cannot be read: {why}")))?;
        if bytes == 0 {
            return Ok(None);
        }
        if bytes as u64 == LINE_BYTES_MAX {
            return Err(wrong("longer than 1 MiB; this is no log, choose another file".to_owned()));
        }
        while self.bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            self.bytes.pop();
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Ok(Some((line, text))),
            Err(_) => Err(wrong("not UTF-8; this is no log, or it is damaged: restore it from a copy".to_owned())),
        }
    }
}
