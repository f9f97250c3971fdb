//! Our receipts against an OCMF library that nobody here wrote.

use crate::process::{self, Workspace};
use crate::python;
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
    let folder = workspace.target.join("ocmf-peer");
    let requirements = workspace.path("xtask/peer/requirements.txt");
    let python = match python::with(&folder, &requirements, "an OCMF library") {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
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
