//! Our receipts against an OCMF library that nobody here wrote.

use std::path::PathBuf;
use std::process::Command;

use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// How many sessions of the sample are replayed, and how often the supply is cut meanwhile: enough
/// for receipts with a change of price, and with a power failure.
const SESSIONS: usize = 40;
const CUTS: &str = "60";

/// The sessions, and the tariff they are charged by.
const SAMPLE: &str = "examples/virtual-pile/data/residential-sessions-sr2.csv";
const TARIFF: &str = "examples/virtual-pile/data/tariff.toml";

/// Installs the library in the build folder, replays a few sessions, and lets either side verify
/// what the other signed. Without Python or network it is skipped, which CI does not allow.
pub fn check(workspace: &Workspace) -> Outcome {
    let python = match library(workspace) {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
    let folder = workspace.target.join("ocmf-peer");
    let (sessions, replay) = (folder.join("sessions.csv"), folder.join("replay"));
    let sample = match std::fs::read_to_string(workspace.path(SAMPLE)) {
        Ok(sample) => sample,
        Err(error) => return Outcome::Failed(format!("{SAMPLE}: {error}")),
    };
    let few: String = sample.split_inclusive('\n').take(SESSIONS + 1).collect();
    if let Err(error) = std::fs::write(&sessions, few) {
        return Outcome::Failed(format!("{}: {error}", sessions.display()));
    }
    let mut run = workspace.cargo("run");
    run.args(["--release", "--package", "virtual-pile", "--", "replay"]);
    run.arg(&sessions)
        .arg("--tariff")
        .arg(workspace.path(TARIFF));
    run.args(["--power-cuts", CUTS, "--out"]).arg(&replay);
    process::run(&mut run).and_then(|| {
        let mut test = workspace.cargo("test");
        test.args(["--package", "pilectl", "--test", "peer", "--", "--ignored"]);
        test.env("OCMF_PEER_PYTHON", &python);
        test.env("OCMF_PEER_SCRIPT", workspace.path("xtask/peer/peer.py"));
        test.env("OCMF_PEER_REPLAY", &replay);
        process::run(&mut test)
    })
}

/// The Python of a folder in which the pinned library is installed.
fn library(workspace: &Workspace) -> Result<PathBuf, Outcome> {
    let requirements = workspace.path("xtask/peer/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)
        .map_err(|error| Outcome::Failed(format!("{}: {error}", requirements.display())))?;
    let folder = workspace.target.join("ocmf-peer");
    let (venv, stamp) = (folder.join("venv"), folder.join("installed.txt"));
    let python = venv.join("bin").join("python");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let _ = std::fs::create_dir_all(&folder);
    println!(
        "    installing an OCMF library with pip in {}",
        venv.display()
    );
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
    pip.arg("--requirement").arg(&requirements);
    if let Some(why) = process::run(&mut pip).reason() {
        return Err(Outcome::Skipped(format!(
            "{why}; pip needs the network and Python 3.11 or later"
        )));
    }
    std::fs::write(&stamp, wanted)
        .map_err(|error| Outcome::Failed(format!("{}: {error}", stamp.display())))?;
    Ok(python)
}
