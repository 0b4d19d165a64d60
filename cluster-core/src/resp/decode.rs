//! Bytes to commands: lists of strings, or lines typed by hand. Reads each byte once, and never keeps more than one command.

/// The longest string.
const BULK_MAX: usize = crate::request::VALUE_MAX;
/// The most strings of one command.
const ARGS_MAX: usize = 16_384;
/// The most bytes of one command.
const COMMAND_MAX: usize = 4 << 20;
/// The longest line typed by hand.
const INLINE_MAX: usize = 64 << 10;
/// The longest number, with its sign.
const DIGITS_MAX: usize = 20;
/// A buffer that grew beyond this is given back when it is empty.
const KEPT_BYTES: usize = 64 << 10;

/// Why bytes are no command. Nothing after them can be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length that is none.
    #[error("invalid {0} length")]
    Length(&'static str),
    /// A string does not begin as one.
    #[error("expected '$', got '{}'", .0.escape_ascii())]
    NoString(u8),
    /// A string does not end where it said that it would.
    #[error("a string that does not end where it said it would")]
    NoEnd,
    /// Quotes that do not match.
    #[error("unbalanced quotes in request")]
    Quotes,
    /// A line without an end.
    #[error("too big inline request")]
    LongLine,
    /// A command that is too long in all.
    #[error("a command of more than {COMMAND_MAX} bytes")]
    LongCommand,
    /// Another protocol.
    #[error("these bytes are {0}, not the Redis protocol")]
    Foreign(&'static str),
}

/// Where a string of a command lies.
type Span = (usize, usize);

/// Puts commands together from the pieces in which a connection delivers them.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    /// Everything before is done with.
    begin: usize,
    /// Everything before was read.
    at: usize,
    /// How many strings of the command are still to come; `None` between two commands.
    missing: Option<usize>,
    /// The length of the string that comes next, if that was read.
    length: Option<usize>,
    spans: Vec<Span>,
    /// The strings of a line typed by hand, without quotes.
    line: Vec<u8>,
    by_hand: bool,
    /// Whether a line began and its end has not come yet.
    in_line: bool,
}

impl Decoder {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.begin > 0 && self.begin == self.bytes.len() {
            self.forget_done();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Reads up to the end of the next command. Returns whether there is one: then [`Decoder::arg`] gives its strings,
    /// until this is called again.
    pub(super) fn next(&mut self) -> Result<bool, Malformed> {
        loop {
            if self.missing.is_none() {
                if !self.in_line {
                    self.begin = self.at;
                    self.spans.clear();
                }
                match self.bytes.get(self.begin) {
                    None => {
                        self.forget_done();
                        return Ok(false);
                    }
                    Some(b'*') => {
                        let Some(count) = self.number("multibulk", ARGS_MAX)? else { return Ok(false) };
                        self.by_hand = false;
                        // An empty list asks for nothing.
                        self.missing = count.filter(|count| *count > 0);
                        continue;
                    }
                    Some(_) => match self.line()? {
                        None => return Ok(false),
                        Some(()) if self.spans.is_empty() => continue,
                        Some(()) => return Ok(true),
                    },
                }
            }
            if self.strings()? {
                self.missing = None;
                return Ok(true);
            }
            return Ok(false);
        }
    }

    /// Returns how many strings the command has.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns a string of the command; an empty one behind its end.
    pub(super) fn arg(&self, nth: usize) -> &[u8] {
        let bytes = if self.by_hand { &self.line } else { &self.bytes };
        self.spans.get(nth).map_or(&[], |(from, to)| &bytes[*from..*to])
    }

    /// Returns how many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.begin
    }

    fn forget_done(&mut self) {
        let done = self.begin;
        if done == self.bytes.len() {
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES {
                self.bytes = Vec::new();
            }
        } else {
            self.bytes.drain(..done);
        }
        self.begin = 0;
        self.at -= done;
    }

    /// Makes room before a command that is not complete is waited for.
    fn wait(&mut self) -> Result<(), Malformed> {
        if self.bytes.len() - self.begin > COMMAND_MAX {
            return Err(Malformed::LongCommand);
        }
        if self.begin > 0 {
            let done = self.begin;
            self.forget_done();
            for span in &mut self.spans {
                *span = (span.0 - done, span.1 - done);
            }
        }
        Ok(())
    }

    /// Reads the strings that are there. Returns whether none is missing.
    fn strings(&mut self) -> Result<bool, Malformed> {
        while self.missing.is_some_and(|missing| missing > 0) {
            let length = match self.length {
                Some(length) => length,
                None => {
                    match self.bytes.get(self.at) {
                        None | Some(b'$') => {}
                        Some(other) => return Err(Malformed::NoString(*other)),
                    }
                    let Some(length) = self.number("bulk", BULK_MAX)? else { return Ok(false) };
                    let length = length.ok_or(Malformed::Length("bulk"))?;
                    *self.length.insert(length)
                }
            };
            let end = self.at + length;
            let Some(after) = self.bytes.get(end..end + 2) else {
                self.wait()?;
                return Ok(false);
            };
            if after != b"\r\n" {
                return Err(Malformed::NoEnd);
            }
            self.spans.push((self.at, end));
            self.at = end + 2;
            self.length = None;
            self.missing = self.missing.map(|missing| missing - 1);
            if self.at - self.begin > COMMAND_MAX {
                return Err(Malformed::LongCommand);
            }
        }
        Ok(true)
    }

    /// Reads a number behind its sign, up to the end of its line. `None` if that has not come yet; a negative number is
    /// `Some(None)`.
    fn number(&mut self, of: &'static str, max: usize) -> Result<Option<Option<usize>>, Malformed> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let Some(end) = rest.iter().take(DIGITS_MAX + 3).position(|byte| *byte == b'\n') else {
            if rest.len() > DIGITS_MAX + 2 {
                return Err(Malformed::Length(of));
            }
            self.wait()?;
            return Ok(None);
        };
        let text = rest[1..end].strip_suffix(b"\r").ok_or(Malformed::Length(of))?;
        let number = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'));
        let number: i64 = number.and_then(|text| text.parse().ok()).ok_or(Malformed::Length(of))?;
        self.at += end + 1;
        match usize::try_from(number) {
            Ok(number) if number > max => Err(Malformed::Length(of)),
            Ok(number) => Ok(Some(Some(number))),
            Err(_) if number == -1 && of == "multibulk" => Ok(Some(None)),
            Err(_) => Err(Malformed::Length(of)),
        }
    }

    /// Reads a line typed by hand. `None` if its end has not come yet.
    fn line(&mut self) -> Result<Option<()>, Malformed> {
        // What was looked at without finding an end need not be looked at again.
        let fresh = &self.bytes[self.at..];
        let end = fresh.iter().position(|byte| *byte == b'\n');
        if fresh[..end.unwrap_or(fresh.len())].iter().any(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\r')) {
            return Err(Malformed::Foreign("binary data"));
        }
        let Some(end) = end else {
            self.at = self.bytes.len();
            self.in_line = true;
            if self.at - self.begin > INLINE_MAX {
                return Err(Malformed::LongLine);
            }
            self.wait()?;
            return Ok(None);
        };
        self.in_line = false;
        let (from, to) = (self.begin, self.at + end);
        if to - from > INLINE_MAX {
            return Err(Malformed::LongLine);
        }
        self.at = to + 1;
        self.by_hand = true;
        self.line.clear();
        let line = self.bytes[from..to].strip_suffix(b"\r").unwrap_or(&self.bytes[from..to]);
        if is_http(line) {
            return Err(Malformed::Foreign("HTTP"));
        }
        split(line, &mut self.line, &mut self.spans)?;
        Ok(Some(()))
    }
}

/// Returns whether a line is one of a browser's: a page that makes it speak to this port must get nothing done.
fn is_http(line: &[u8]) -> bool {
    let first = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let version = line.windows(8).any(|part| part.starts_with(b"HTTP/") && part[6] == b'.');
    version || first.eq_ignore_ascii_case(b"POST") || first.eq_ignore_ascii_case(b"Host:")
}

/// Splits a line at blanks, and takes quotes off as `redis-cli` does.
fn split(line: &[u8], out: &mut Vec<u8>, spans: &mut Vec<Span>) -> Result<(), Malformed> {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let Some(first) = rest.first() else { return Ok(()) };
        let from = out.len();
        rest = match first {
            b'"' => double_quoted(&rest[1..], out)?,
            b'\'' => single_quoted(&rest[1..], out)?,
            _ => {
                let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..end]);
                &rest[end..]
            }
        };
        if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return Err(Malformed::Quotes);
        }
        spans.push((from, out.len()));
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
    loop {
        rest = match rest {
            [b'"', rest @ ..] => return Ok(rest),
            [b'\\', b'x', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest
            }
            [b'\\', escaped, rest @ ..] => {
                out.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
            [] => return Err(Malformed::Quotes),
        };
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
    loop {
        rest = match rest {
            [b'\'', rest @ ..] => return Ok(rest),
            [b'\\', b'\'', rest @ ..] => {
                out.push(b'\'');
                rest
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
            [] => return Err(Malformed::Quotes),
        };
    }
}

fn hex(digit: u8) -> u8 {
    (digit as char).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    type Command = Vec<Vec<u8>>;

    fn drain(decoder: &mut Decoder, out: &mut Vec<Command>) -> Result<(), Malformed> {
        while decoder.next()? {
            out.push((0..decoder.len()).map(|nth| decoder.arg(nth).to_vec()).collect());
        }
        Ok(())
    }

    fn all(bytes: &[u8]) -> Result<Vec<Command>, Malformed> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        decoder.feed(bytes);
        drain(&mut decoder, &mut out).map(|()| out)
    }

    fn encoded(command: &Command) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for arg in command {
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    #[test]
    fn commands_come_out_whole_however_the_bytes_are_cut() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut bytes = Vec::new();
            let mut sent: Vec<Command> = Vec::new();
            for _ in 0..20 {
                let words: Command = (0..rng.random_range(1..5))
                    .map(|_| (0..rng.random_range(1..40)).map(|_| rng.random_range(b'a'..=b'z')).collect())
                    .collect();
                if rng.random_bool(0.5) {
                    bytes.extend(encoded(&words));
                } else {
                    bytes.extend([words.join(&b' '), b"\r\n".to_vec()].concat());
                }
                sent.push(words);
            }
            let (mut decoder, mut came, mut rest) = (Decoder::default(), Vec::new(), bytes.as_slice());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rng.random_range(1..=rest.len().min(30)));
                decoder.feed(piece);
                drain(&mut decoder, &mut came).expect("sound bytes");
                rest = after;
            }
            assert_eq!(came, sent, "seed {seed}");
            assert_eq!(decoder.waiting(), 0, "seed {seed}");
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_pile_up() {
        for seed in 0..2000 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let likely = b"*$-0123\r\n\"'\\ xGET";
            let bytes: Vec<u8> = (0..rng.random_range(0..200))
                .map(|_| if rng.random_bool(0.9) { likely[rng.random_range(0..likely.len())] } else { rng.random() })
                .collect();
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            for piece in bytes.chunks(rng.random_range(1..20)) {
                decoder.feed(piece);
                if drain(&mut decoder, &mut out).is_err() {
                    break;
                }
            }
            assert!(decoder.waiting() <= bytes.len(), "seed {seed}");
        }
    }

    #[test]
    fn a_line_typed_by_hand_may_have_quotes() {
        let words = all(b"set \"a b\\x41\\n\" 'it\\'s'\r\n\r\nping\n").expect("sound");
        assert_eq!(words, [vec![b"set".to_vec(), b"a bA\n".to_vec(), b"it's".to_vec()], vec![b"ping".to_vec()]]);
        assert_eq!(all(b"set \"x\r\n"), Err(Malformed::Quotes));
        assert_eq!(all(b"set \"x\"y\r\n"), Err(Malformed::Quotes));
    }

    #[test]
    fn an_empty_list_asks_for_nothing() {
        assert_eq!(all(b"*0\r\n*-1\r\nping\r\n"), Ok(vec![vec![b"ping".to_vec()]]));
    }

    #[test]
    fn what_claims_too_much_is_refused_before_it_is_waited_for() {
        assert_eq!(all(b"*16385\r\n"), Err(Malformed::Length("multibulk")));
        assert_eq!(all(b"*2\r\n$1048577\r\n"), Err(Malformed::Length("bulk")));
        assert_eq!(all(b"*2\r\n$-1\r\n"), Err(Malformed::Length("bulk")));
        assert_eq!(all(b"*99999999999999999999999999"), Err(Malformed::Length("multibulk")));
        assert_eq!(all(&[b'a'; INLINE_MAX + 1]), Err(Malformed::LongLine));
        let big = [b"$1048576\r\n".to_vec(), vec![b'x'; BULK_MAX], b"\r\n".to_vec()].concat();
        assert_eq!(all(&[b"*5\r\n".to_vec(), big.repeat(5)].concat()), Err(Malformed::LongCommand));
    }

    #[test]
    fn other_protocols_are_known_for_what_they_are() {
        assert_eq!(all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Err(Malformed::Foreign("HTTP")));
        assert_eq!(all(b"POST /\r\n"), Err(Malformed::Foreign("HTTP")));
        assert_eq!(all(b"\x16\x03\x01\x02"), Err(Malformed::Foreign("binary data")));
        assert_eq!(all(b"*1\r\n+PING\r\n"), Err(Malformed::NoString(b'+')));
        assert_eq!(all(b"*1\r\n$4\r\nPINGxx"), Err(Malformed::NoEnd));
    }
}
