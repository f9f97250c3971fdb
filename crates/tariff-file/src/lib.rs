#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod parse;
mod write;

pub use parse::parse;
pub use write::to_toml;

use std::path::{Path, PathBuf};

use billing_core::tariff::Tariff;

/// Error returned by [`parse`]: where, what, and what to do about it.
///
/// ```
/// let error = tariff_file::parse("currency = 'yuan'").unwrap_err();
/// assert_eq!(error.line, 1);
/// assert_eq!(error.message, "\"yuan\" is not a currency");
/// assert_eq!(error.hint, "write its three ISO 4217 letters, such as \"CNY\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl std::fmt::Display for TariffFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}; {}", self.line, self.message, self.hint)
    }
}

impl std::error::Error for TariffFileError {}

/// Error returned by [`read`]: it names the file.
///
/// ```
/// let error = tariff_file::read("no/such/tariff.toml").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/tariff.toml: "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The file could not be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file holds no tariff.
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, what, and what to do.
        error: TariffFileError,
    },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Malformed { path, error } => {
                let TariffFileError {
                    line,
                    message,
                    hint,
                } = error;
                write!(f, "{}:{line}: {message}; {hint}", path.display())
            }
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Malformed { error, .. } => Some(error),
        }
    }
}

/// Reads a tariff file.
///
/// # Errors
/// [`ReadError`]: the file cannot be read, is not UTF-8, or holds no tariff.
pub fn read(path: impl AsRef<Path>) -> Result<Tariff, ReadError> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|error| ReadError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| TariffFileError {
        line: parse::line_at(&bytes, error.valid_up_to()),
        message: "the text is not UTF-8".to_owned(),
        hint: "save the file as UTF-8".to_owned(),
    });
    text.and_then(parse).map_err(|error| ReadError::Malformed {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests;
