//! Answers to bytes, in either version of the protocol.

/// Appends answers to a buffer.
pub(super) struct Reply<'a> {
    out: &'a mut Vec<u8>,
    /// Whether the client asked for the third version.
    three: bool,
}

impl<'a> Reply<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, three: bool) -> Self {
        Self { out, three }
    }

    /// A word that is no data: `OK`, `PONG`.
    pub(super) fn simple(&mut self, word: &str) {
        self.line(b'+', word.as_bytes());
    }

    /// An error: a code in capitals, then words.
    pub(super) fn error(&mut self, text: &str) {
        self.out.push(b'-');
        // An error is one line, whatever it quotes.
        self.out.extend(text.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        self.out.extend_from_slice(b"\r\n");
    }

    pub(super) fn number(&mut self, number: i64) {
        self.head(b':', number);
    }

    pub(super) fn bulk(&mut self, bytes: &[u8]) {
        self.head(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Text for people, in several lines.
    pub(super) fn text(&mut self, text: &str) {
        if self.three {
            self.head(b'=', text.len() as i64 + 4);
            self.out.extend_from_slice(b"txt:");
            self.out.extend_from_slice(text.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// Nothing, where a string could be.
    pub(super) fn nil(&mut self) {
        self.out.extend_from_slice(if self.three { b"_\r\n" } else { b"$-1\r\n" });
    }

    pub(super) fn bulk_or_nil(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.nil(),
        }
    }

    /// The head of a list of so many items, which follow.
    pub(super) fn list(&mut self, items: usize) {
        self.head(b'*', items as i64);
    }

    /// The head of a map of so many pairs, which follow.
    pub(super) fn map(&mut self, pairs: usize) {
        if self.three {
            self.head(b'%', pairs as i64);
        } else {
            self.head(b'*', 2 * pairs as i64);
        }
    }

    fn line(&mut self, sign: u8, bytes: &[u8]) {
        self.out.push(sign);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    fn head(&mut self, sign: u8, number: i64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut left = number.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.out.push(sign);
        if number < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(&digits[at..]);
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(three: bool, say: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        say(&mut Reply::new(&mut out, three));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn numbers_are_written_to_the_last_digit() {
        let all = |reply: &mut Reply<'_>| [0, -1, i64::MAX, i64::MIN].iter().for_each(|number| reply.number(*number));
        let text = format!(":0\r\n:-1\r\n:{}\r\n:{}\r\n", i64::MAX, i64::MIN);
        assert_eq!(said(false, all), text);
    }

    #[test]
    fn the_versions_differ_in_nothing_maps_and_texts() {
        let all = |reply: &mut Reply<'_>| {
            reply.nil();
            reply.map(1);
            reply.text("a");
        };
        assert_eq!(said(false, all), "$-1\r\n*2\r\n$1\r\na\r\n");
        assert_eq!(said(true, all), "_\r\n%1\r\n=5\r\ntxt:a\r\n");
    }

    /// Without it, a key with a line end in it could forge the next answer.
    #[test]
    fn an_error_is_one_line_whatever_it_quotes() {
        assert_eq!(said(false, |reply| reply.error("ERR 'a\r\n+OK'")), "-ERR 'a  +OK'\r\n");
    }
}
