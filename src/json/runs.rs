//! Runs of bytes that mean nothing by themselves, passed eight bytes at a time.
//!
//! The texts that come in are mostly strings, of which only the end matters. A word of eight bytes is
//! looked at in a dozen instructions, and needs no instruction set that some processor may lack.

/// What is left of a JSON string from the first byte on that is a quote, a backslash or a control character.
#[inline(always)]
pub fn from_end_of_plain_json(text: &[u8]) -> &[u8] {
    // A quote is U+0022: with its second bit turned it is U+0020, and control characters stay below that.
    let quote_or_control = |word: u64| (word ^ eight(0x02)).wrapping_sub(eight(0x21));
    from_first(
        text,
        |word| quote_or_control(word) | equal_to(word, b'\\'),
        |byte| matches!(byte, b'"' | b'\\' | 0..0x20),
    )
}

/// What is left of `text` from the first byte on that is `end`, which is ASCII.
#[inline(always)]
pub fn from_byte(text: &[u8], end: u8) -> &[u8] {
    from_first(text, |word| equal_to(word, end), |byte| byte == end)
}

/// The number that digits, and nothing else, stand for: a parser of numbers would take a sign as well.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    let mut number = None;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number = Some(number.unwrap_or(0_u64).checked_mul(10)?.checked_add(digit.into())?);
    }
    number
}

/// What is left of `text` from the first byte on that `ends` a run. In what `borrows` makes of eight bytes the lowest
/// high bit that is set, but was not set before, marks the first of them. What is set above it means nothing: borrows
/// run upwards.
#[inline(always)]
fn from_first(mut text: &[u8], borrows: impl Fn(u64) -> u64, ends: impl Fn(u8) -> bool) -> &[u8] {
    while let Some((chunk, rest)) = text.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        match borrows(word) & !word & eight(0x80) {
            0 => text = rest,
            found => return text.get(first_marked(found)..).unwrap_or_default(),
        }
    }
    while let Some((first, rest)) = text.split_first() {
        if ends(*first) {
            break;
        }
        text = rest;
    }
    text
}

/// A byte that is `byte` becomes zero, and borrows.
#[inline(always)]
fn equal_to(word: u64, byte: u8) -> u64 {
    (word ^ eight(byte)).wrapping_sub(eight(1))
}

/// A word of eight times `byte`.
const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Where the first marked byte stands.
fn first_marked(marks: u64) -> usize {
    (marks.trailing_zeros() / u8::BITS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_from_those_that_end_a_run_wherever_it_stands() {
        for byte in 0..=255_u8 {
            for length in 1..20 {
                for position in 0..length {
                    let mut text = vec![b'a'; length];
                    text[position] = byte;
                    let left = |ends: bool| if ends { length - position } else { 0 };
                    let ends = matches!(byte, b'"' | b'\\' | 0..0x20);
                    assert_eq!(from_end_of_plain_json(&text).len(), left(ends), "{text:?}");
                    assert_eq!(from_byte(&text, b'"').len(), left(byte == b'"'), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        for (text, number) in [("0", 0), ("007", 7), ("1234567890", 1_234_567_890), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(decimal(text.as_bytes()), Some(number));
        }
        for text in ["", "-1", "+1", " 1", "1.0", "1e2", "18446744073709551616", "99999999999999999999999", ":", "/"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_stands_behind_the_first_end_does_not_matter() {
        for behind in 0..=255_u8 {
            let text = [b'a', 0xFF, b'\\', behind, behind, b' ', 0x80, behind, b'"'];
            assert_eq!(from_end_of_plain_json(&text), &text[2..]);
            assert_eq!(from_byte(&text, b'\\'), &text[2..]);
        }
    }
}
