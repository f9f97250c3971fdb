//! Just enough JSON (RFC 8259) to find a member of an object, without a copy. Total: any text is
//! either an object or refused, in time that grows with its length.

/// How deep values may nest; OCMF needs three.
const MAX_DEPTH: u8 = 16;

/// The text is no JSON object, nests too deep, or has the wanted key twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Finds a member of the object that `text` is: its value as it stands there. The whole text is
/// checked. A key that needs escapes is never found.
pub(super) fn member<'a>(text: &'a str, key: &str) -> Result<Option<&'a str>, Malformed> {
    let mut cursor = Cursor { text, at: 0 };
    let mut found = None;
    cursor.space();
    cursor.expect(b'{')?;
    cursor.members(MAX_DEPTH, |name, value| {
        if name == key && found.replace(value).is_some() {
            return Err(Malformed);
        }
        Ok(())
    })?;
    cursor.space();
    if cursor.at == text.len() {
        Ok(found)
    } else {
        Err(Malformed)
    }
}

/// The inside of a string value that holds no escapes.
pub(super) fn plain_string(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self) -> Result<u8, Malformed> {
        let byte = self.peek().ok_or(Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Malformed> {
        if self.take()? == wanted {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn since(&self, start: usize) -> Result<&'a str, Malformed> {
        self.text.get(start..self.at).ok_or(Malformed)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The members of an object after its `{`, and its `}`.
    fn members(
        &mut self,
        depth: u8,
        mut each: impl FnMut(&'a str, &'a str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.space();
        if self.peek() == Some(b'}') {
            return self.expect(b'}');
        }
        loop {
            self.space();
            let start = self.at;
            self.string()?;
            let name = self.since(start)?;
            self.space();
            self.expect(b':')?;
            self.space();
            let start = self.at;
            self.value(depth)?;
            let value = self.since(start)?;
            each(name.trim_matches('"'), value)?;
            self.space();
            match self.take()? {
                b',' => {}
                b'}' => return Ok(()),
                _ => return Err(Malformed),
            }
        }
    }

    fn value(&mut self, depth: u8) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => {
                self.at += 1;
                self.members(depth, |_, _| Ok(()))
            }
            Some(b'[') => self.array(depth),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: u8) -> Result<(), Malformed> {
        self.expect(b'[')?;
        self.space();
        if self.peek() == Some(b']') {
            return self.expect(b']');
        }
        loop {
            self.space();
            self.value(depth)?;
            self.space();
            match self.take()? {
                b',' => {}
                b']' => return Ok(()),
                _ => return Err(Malformed),
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        word.bytes().try_for_each(|byte| self.expect(byte))
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.expect(b'"')?;
        loop {
            match self.take()? {
                b'"' => return Ok(()),
                b'\\' => match self.take()? {
                    b'u' => {
                        for _ in 0..4 {
                            if !self.take()?.is_ascii_hexdigit() {
                                return Err(Malformed);
                            }
                        }
                    }
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    _ => return Err(Malformed),
                },
                0..=0x1f => return Err(Malformed),
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_member_is_found_as_it_stands() {
        let text = r#" { "A" : [1, {"B": 2}] , "B":-0.5e+3,"C":"x\"}","D":true,"E":null,"F":{} } "#;
        let get = |key| member(text, key).unwrap();
        assert_eq!(get("A"), Some(r#"[1, {"B": 2}]"#));
        assert_eq!(get("B"), Some("-0.5e+3"));
        assert_eq!(get("C"), Some(r#""x\"}""#));
        assert_eq!(get("F"), Some("{}"));
        assert_eq!(get("G"), None);
        assert_eq!(plain_string("\"abc\""), Some("abc"));
        assert_eq!(plain_string(r#""a\"c""#), None);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            "}",
            "{}x",
            "{,}",
            r#"{"A"}"#,
            r#"{"A":}"#,
            r#"{"A":1,}"#,
            r#"{"A":01}"#,
            r#"{"A":.5}"#,
            r#"{"A":1.}"#,
            r#"{"A":+1}"#,
            r#"{"A":tru}"#,
            r#"{"A":"\x"}"#,
            r#"{"A":"\u12g4"}"#,
            "{\"A\":\"\n\"}",
            r#"{"A":[1,]}"#,
            r#"{"A":"x}"#,
            "{A:1}",
            r#"{"A":1 "B":2}"#,
            r#"{"A":1,"A":2}"#,
        ] {
            assert_eq!(member(text, "A"), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn nesting_stops_at_its_bound() {
        let nested = |depth: usize| {
            let mut text = std::string::String::from("{\"A\":");
            text.push_str(&"[".repeat(depth));
            text.push_str(&"]".repeat(depth));
            text.push('}');
            member(&text, "A").is_ok()
        };
        assert!(nested(usize::from(MAX_DEPTH)));
        assert!(!nested(usize::from(MAX_DEPTH) + 1));
        assert!(!nested(100_000));
    }

    proptest! {
        #[test]
        fn i8_no_text_panics_the_scanner(text in r#"[{}\[\]":,a0.e\\u\-tn é]{0,40}"#) {
            let _ = member(&text, "a");
        }
    }
}
