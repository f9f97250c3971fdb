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
    let desk = workspace.target.join("debug/examples/ble-desk");
    let over_the_air = |package, name, threads| {
        let mut test = workspace.cargo("test");
        test.args(["--package", package, "--test", name, "--"]);
        test.args(["--ignored", "--test-threads", threads]);
        test.env("BLE_PEER_PYTHON", &python);
        test.env(
            "BLE_PEER_SCRIPT",
            workspace.path("xtask/peer/bumble_phone.py"),
        );
        test.env("BLE_DESK", &desk);
        process::run(&mut test)
    };
    let mut build = workspace.cargo("build");
    build.args(["--package", "ble-gatt", "--example", "ble-desk"]);
    over_the_air("ble-gatt", "bumble", "2")
        .and_then(|| process::run(&mut build))
        .and_then(|| over_the_air("virtual-pile", "serve_air", "1"))
}
