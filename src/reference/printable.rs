//! Decides which characters the server accepts in a path.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Whether Go's `unicode.IsPrint` accepts `character`: letters, marks, numbers, punctuation, symbols and U+0020. For a
/// path with any other character the server returns an empty 400 response.
///
/// Follows Unicode 15.0, as Go 1.21 to 1.26 do. The crate is pinned to that version on purpose: a newer one would let
/// through characters that those servers refuse.
pub fn is_printable(character: char) -> bool {
    use GeneralCategory as Category;
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    !matches!(
        get_general_category(character),
        Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::PrivateUse
            | Category::SpaceSeparator
            | Category::Surrogate
            | Category::Unassigned
    )
}

#[cfg(test)]
mod tests {
    use super::is_printable;

    /// Ranges of code points for which `unicode.IsPrint` of Go 1.26 (Unicode 15.0.0) is true, printed by Go.
    const GO_PRINTABLE: &str = include_str!("../../tests/data/go_printable.txt");

    fn go_ranges() -> Vec<(u32, u32)> {
        let lines = GO_PRINTABLE.lines().filter(|line| !line.starts_with('#'));
        let number = |text| u32::from_str_radix(text, 16).unwrap();
        lines
            .map(|line| line.split_once('-').unwrap_or((line, line)))
            .map(|(first, last)| (number(first), number(last)))
            .collect()
    }

    #[test]
    fn is_printable_agrees_with_go_for_every_code_point() {
        let ranges = go_ranges();
        assert_eq!(ranges.len(), 711);
        for code in 0..=0x10FFFF {
            let Some(character) = char::from_u32(code) else { continue };
            let index = ranges.partition_point(|&(_, last)| last < code);
            let expected = ranges.get(index).is_some_and(|&(first, _)| first <= code);
            assert_eq!(is_printable(character), expected, "U+{code:04X}");
        }
    }

    #[test]
    fn the_tables_have_the_unicode_version_of_the_server() {
        assert_eq!(unicode_general_category::UNICODE_VERSION, (15, 0, 0));
    }
}
