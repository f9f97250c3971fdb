//! What a command says, and the exit code that goes with it.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// What a command found: a text for people, and whether all is well.
///
/// ```
/// use pilectl::answer::Answer;
/// let answer = Answer::well("3 records, all signed.\n");
/// assert!(answer.is_well());
/// assert_eq!(answer.text(), "3 records, all signed.\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    text: String,
    well: bool,
}

impl Answer {
    /// All is well: exit code 0.
    pub fn well(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            well: true,
        }
    }

    /// Something is wrong with what was looked at, and the text says what: exit code 1.
    pub fn wrong(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            well: false,
        }
    }

    /// True if nothing was found wrong.
    pub fn is_well(&self) -> bool {
        self.well
    }

    /// What to print.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// 0, or 1 if something is wrong.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.well))
    }
}

/// Why a command could not be carried out: what is the matter, and what to do. Exit code 2.
///
/// ```
/// use pilectl::answer::Refusal;
/// let no = Refusal::new("a.pem: no public key in it", "give the file public-key.pem");
/// assert_eq!(no.to_string(), "a.pem: no public key in it; give the file public-key.pem");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    what: String,
    remedy: String,
}

impl Refusal {
    /// Makes a refusal of what is the matter and what to do.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for Refusal {}

/// Reads a whole file.
///
/// # Errors
/// [`Refusal`] if it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    std::fs::read(path).map_err(|error| {
        Refusal::new(
            format!("{}: cannot be read: {error}", path.display()),
            "check the name",
        )
    })
}

/// Writes a whole file that is not there yet: what is there may be the only ledger or key there is.
///
/// # Errors
/// [`Refusal`] if there is such a file, or if it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let made = std::fs::File::create_new(path);
    made.and_then(|mut file| file.write_all(bytes))
        .map_err(|error| {
            let name = path.display();
            if error.kind() == ErrorKind::AlreadyExists {
                Refusal::new(format!("{name}: is there already"), "name a new file")
            } else {
                Refusal::new(
                    format!("{name}: cannot be written: {error}"),
                    "check the folder and its permissions",
                )
            }
        })
}
