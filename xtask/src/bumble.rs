//! The GATT service against a Bluetooth central that nobody here wrote.

use crate::process::{self, Workspace};
use crate::python;
use crate::runner::Outcome;

/// Installs bumble in the build folder, and lets its phone talk to the pile's radio over a virtual
/// air. Without Python or network it is skipped, which CI does not allow.
pub fn check(workspace: &Workspace) -> Outcome {
    let folder = workspace.target.join("bumble");
    let requirements = workspace.path("xtask/peer/bumble_requirements.txt");
    let python = match python::with(&folder, &requirements, "a Bluetooth stack") {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
    let mut test = workspace.cargo("test");
    test.args(["--package", "ble-gatt", "--test", "bumble", "--"]);
    test.args(["--ignored", "--test-threads", "2"]);
    test.env("BLE_PEER_PYTHON", &python);
    test.env(
        "BLE_PEER_SCRIPT",
        workspace.path("xtask/peer/bumble_phone.py"),
    );
    process::run(&mut test)
}
