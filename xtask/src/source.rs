//! Reads Rust source as far as the checks need: its words, without comments and literals.

/// Returns the source with comments, strings and character literals blanked; lines stay lines.
pub fn code_only(source: &str) -> String {
    Scanner {
        rest: source,
        out: String::with_capacity(source.len()),
    }
    .scan()
}

/// Returns the words of a line of code, each with the character that follows it.
pub fn words(line: &str) -> impl Iterator<Item = (&str, Option<char>)> {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.split_inclusive(move |c| !joins(c)).map(move |piece| {
        let word = piece.trim_end_matches(|c| !joins(c));
        (word, piece.chars().next_back().filter(|c| !joins(*c)))
    })
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
}

impl Scanner<'_> {
    fn scan(mut self) -> String {
        let mut in_word = false;
        while let Some(c) = self.rest.chars().next() {
            let starts_word = !in_word;
            in_word = c.is_alphanumeric() || c == '_';
            if self.rest.starts_with("//") {
                self.blank(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.blank(block_comment(self.rest));
            } else if let Some(length) = raw_string(self.rest).filter(|_| starts_word) {
                self.blank(length);
            } else if c == '"' {
                self.blank(quoted(self.rest, '"'));
            } else if c == '\'' && is_character(self.rest) {
                self.blank(quoted(self.rest, '\''));
            } else {
                self.out.push(c);
                self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
        self.out
    }

    /// Drops `length` bytes and keeps their line ends; a space keeps the neighbours apart.
    fn blank(&mut self, length: usize) {
        let (dropped, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.out.push(' ');
        self.out.extend(dropped.chars().filter(|c| *c == '\n'));
        self.rest = rest;
    }
}

/// The length of the block comment, which may hold others, that the text starts with.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the raw string that the text starts with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes: String = text
        .get(prefix.len()..)?
        .chars()
        .take_while(|c| *c == '#')
        .collect();
    let open = prefix.len() + hashes.len() + 1;
    let close = format!("\"{hashes}");
    let body = text.get(open..)?;
    Some(
        body.find(&close)
            .map_or(text.len(), |end| open + end + close.len()),
    )
}

/// The length of the literal between two `quote`s that the text starts with.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Tells a character literal from a lifetime, both of which start with a quote.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(source: &str, word: &str) -> bool {
        code_only(source)
            .lines()
            .any(|line| words(line).any(|(found, _)| found == word))
    }

    #[test]
    fn words_of_code_are_found() {
        assert!(has("let x: f32 = y;", "f32"));
        assert!(has("fn f<'a>(x: &'a f32)", "f32"));
        assert!(has("let c = 'x'; let y: f32;", "f32"));
        assert!(has("let c = '\\''; let y: f32;", "f32"));
        assert!(has(r##"let s = r#"a " b"#; let y: f32;"##, "f32"));
        assert!(has(r#"let s = "a \" b"; let y: f32;"#, "f32"));
        assert!(has("/* a /* b */ c */ f32", "f32"));
        assert!(has("let r#type: f32 = 0;", "f32"));
        assert!(has("let var\"\"; f32", "f32"));
    }

    #[test]
    fn words_of_comments_and_literals_are_not() {
        assert!(!has("// f32", "f32"));
        assert!(!has("/// f32\nfn f() {}", "f32"));
        assert!(!has("/* /* */ f32 */", "f32"));
        assert!(!has(r#"let s = "f32";"#, "f32"));
        assert!(!has(r##"let s = br#" " f32 "#;"##, "f32"));
        assert!(!has("let s = b\"\\\" f32\";", "f32"));
    }

    #[test]
    fn lines_stay_where_they_were() {
        let code = code_only("a\n/* b\nc */\n\"d\ne\"\nf");
        assert_eq!(code.lines().position(|line| line == "f"), Some(5));
    }

    #[test]
    fn a_macro_is_a_word_with_its_mark() {
        assert!(words(concat!("    todo", "!()")).any(|found| found == ("todo", Some('!'))));
        assert!(!words("todos_done!()").any(|(word, _)| word == "todo"));
    }
}
