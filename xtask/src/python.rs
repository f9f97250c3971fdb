//! Python software that nobody here wrote, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::process;
use crate::runner::Outcome;

/// The Python of a folder in which the pinned requirements are installed; installs them, and says
/// so, where they are not yet. Without Python or network the step is skipped.
pub fn with(folder: &Path, requirements: &Path, what: &str) -> Result<PathBuf, Outcome> {
    let wanted = std::fs::read_to_string(requirements)
        .map_err(|error| Outcome::Failed(format!("{}: {error}", requirements.display())))?;
    let (venv, stamp) = (folder.join("venv"), folder.join("installed.txt"));
    let python = venv.join("bin").join("python");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let _ = std::fs::create_dir_all(folder);
    println!("    installing {what} with pip in {}", venv.display());
    let make = || {
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        make
    };
    if !process::succeeds(&mut make()) {
        machine::install(&["python3", "python3-venv"]);
        if process::run(&mut make()).is_failure() {
            return Err(Outcome::Skipped(
                "python3 with venv is missing: sudo apt-get install python3-venv, or what your \
                 system calls it"
                    .into(),
            ));
        }
    }
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip.arg("--requirement").arg(requirements);
    if let Some(why) = process::run(&mut pip).reason() {
        return Err(Outcome::Skipped(format!(
            "{why}; pip needs the network and Python 3.11 or later"
        )));
    }
    std::fs::write(&stamp, wanted)
        .map_err(|error| Outcome::Failed(format!("{}: {error}", stamp.display())))?;
    Ok(python)
}
