//! Numbers, times and bytes as people read them.

use std::time::Duration;

/// Writes a count with its thousands apart: `12,431`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a count and its word, in the plural where it belongs: `1 frame`, `2 frames`.
pub fn counted(number: u64, word: &str) -> String {
    format!("{} {word}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Writes a duration with three digits or so: `850 µs`, `40 ms`, `1.25 s`, `3 min 20 s`.
pub fn duration(duration: Duration) -> String {
    let secs = duration.as_secs_f64();
    if secs < 0.001 {
        format!("{} µs", duration.as_micros())
    } else if secs < 1.0 {
        format!("{} ms", duration.as_millis())
    } else if secs < 100.0 {
        format!("{secs:.1} s")
    } else {
        format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

/// Writes an amount of bytes.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{} B", count(bytes)),
        10_000..10_000_000 => format!("{} kB", count(bytes / 1000)),
        10_000_000.. => format!("{} MB", count(bytes / 1_000_000)),
    }
}

/// Writes bytes in hexadecimal, eight to a line, with what is printable beside them.
pub fn hex(bytes: &[u8]) -> String {
    let line = |(at, part): (usize, &[u8])| {
        let digits: Vec<_> = part.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let text: String = part.iter().map(printable).collect();
        format!("{:04x}  {:<23}  {text}", at * 8, digits.join(" "))
    };
    bytes.chunks(8).enumerate().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_is_not_plural() {
        assert_eq!((counted(1, "frame"), counted(2, "frame")), ("1 frame".into(), "2 frames".into()));
    }

    #[test]
    fn durations_keep_the_digits_that_matter() {
        let millis = [0, 40, 1250, 200_000].map(|millis| duration(Duration::from_millis(millis)));
        assert_eq!(millis, ["0 µs", "40 ms", "1.2 s", "3 min 20 s"]);
    }

    #[test]
    fn bytes_are_shown_with_their_place_and_their_text() {
        assert_eq!(hex(b"k=v\0"), "0000  6b 3d 76 00              k=v.");
    }
}
