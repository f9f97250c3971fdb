//! One way of saying no: which file, which line, what is wrong, what to do.

/// Why an input or an output folder was refused, as `file:line: what; what to do`.
///
/// ```
/// use virtual_pile::refusal::Refusal;
/// let no = Refusal::new("sessions.csv", "the account is empty", "name the tenant").at_line(7);
/// assert_eq!(no.to_string(), "sessions.csv:7: the account is empty; name the tenant");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    file: String,
    line: Option<u64>,
    what: String,
    remedy: String,
}

impl Refusal {
    /// Makes a refusal of a whole file.
    pub fn new(
        file: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            line: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// Names the line, counted from 1.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The line, counted from 1, where one is to blame.
    pub fn line(&self) -> Option<u64> {
        self.line
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

impl core::error::Error for Refusal {}

/// Counts the lines up to a byte of a text, from 1.
pub(crate) fn line_of(text: &str, byte: usize) -> u64 {
    let before = text.as_bytes().iter().take(byte);
    before.fold(1, |line, &b| line + u64::from(b == b'\n'))
}
