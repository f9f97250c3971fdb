//! The phone's web app: built, tested in a browser, and its screens drawn.

use std::process::Command;

use crate::browser;
use crate::cross::Builder;
use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// Where the app stands.
const APP: &str = "examples/phone";
/// What it takes from the crates, a workspace of its own.
pub const MANIFEST: &str = "examples/phone/wasm/Cargo.toml";
/// What writes the JavaScript around it.
pub const GLUE: &str = "examples/phone/wasm/glue/Cargo.toml";
const WASM: &str = "wasm32-unknown-unknown";

/// What is done with the app besides building it.
#[derive(clap::Args)]
pub struct Options {
    /// Draws the screens in Chromium, into the folder of pictures that the app's README shows.
    #[arg(long)]
    screens: bool,
}

/// `cargo xtask phone`.
///
/// # Errors
///
/// Says what failed or is missing.
pub fn command(workspace: &Workspace, options: &Options) -> Result<(), String> {
    let outcome = build(workspace).and_then(|| {
        if options.screens {
            chinese_letters().and_then(|| played(workspace, "screens.mjs", "screens"))
        } else {
            Outcome::Ok
        }
    });
    if let Some(reason) = outcome.reason() {
        return Err(reason.to_owned());
    }
    let built = workspace.path(APP).join("dist");
    println!("The app is in {}.", built.display());
    Ok(())
}

/// Half of the pictures are in Chinese: without a font that has its letters they show boxes.
fn chinese_letters() -> Outcome {
    let has_font = || {
        let listed = Command::new("fc-list").arg(":lang=zh").output();
        listed.is_ok_and(|it| !it.stdout.is_empty())
    };
    if !has_font() {
        machine::install(&["fontconfig", "fonts-wqy-microhei"]);
    }
    if has_font() {
        Outcome::Ok
    } else {
        let how = "a Chinese font is missing: sudo apt-get install fontconfig fonts-wqy-microhei";
        Outcome::Skipped(how.into())
    }
}

/// Builds the app, and plays every flow of a tenant and of a landlord in Chromium.
pub fn check(workspace: &Workspace) -> Outcome {
    module_tests(workspace)
        .and_then(|| build(workspace))
        .and_then(|| played(workspace, "flows.mjs", "phone"))
        .and_then(|| played(workspace, "more.mjs", "phone"))
        .and_then(|| played(workspace, "air.mjs", "phone"))
}

/// The module's own tests, on this machine.
fn module_tests(workspace: &Workspace) -> Outcome {
    let mut tests = workspace.cargo("test");
    tests.args(["--package", "phone-wasm", "--target-dir"]);
    tests.arg(workspace.target.join("glue"));
    process::run(tests.arg("--manifest-path").arg(workspace.path(MANIFEST)))
}

/// Builds the module, the JavaScript around it, and the app of both.
fn build(workspace: &Workspace) -> Outcome {
    let (builder, app) =
        match Builder::find(WASM).and_then(|it| Ok((it, browser::node(workspace, APP)?))) {
            Ok(ready) => ready,
            Err(outcome) => return outcome,
        };
    let mut module = builder.cargo_upon(workspace, "build", "std,panic_abort");
    module.args(["--release", "--package", "phone-wasm", "--manifest-path"]);
    process::run(module.arg(workspace.path(MANIFEST)))
        .and_then(|| {
            let mut glue = workspace.cargo("run");
            glue.args(["--package", "glue", "--target-dir"]);
            glue.arg(workspace.target.join("glue"));
            glue.arg("--manifest-path").arg(workspace.path(MANIFEST));
            glue.arg("--")
                .arg(builder.programs(workspace).join("phone_wasm.wasm"));
            process::run(glue.arg(app.join("src/wasm")))
        })
        .and_then(|| {
            let mut npm = Command::new("npm");
            process::run(npm.args(["run", "--silent", "build"]).current_dir(&app))
        })
}

/// Plays a script in a browser, with a pile that it starts and ends.
fn played(workspace: &Workspace, script: &str, pictures: &str) -> Outcome {
    let browser = match browser::chromium() {
        Ok(browser) => browser,
        Err(outcome) => return outcome,
    };
    let mut build = workspace.cargo("build");
    process::run(build.args(["--package", "virtual-pile"])).and_then(|| {
        let mut node = Command::new("node");
        node.arg(format!("tests/{script}"));
        node.current_dir(workspace.path(APP));
        node.env("PILE", workspace.target.join("debug/virtual-pile"));
        node.env("SHOTS", workspace.target.join(pictures));
        process::run(node.env("CHROMIUM", browser))
    })
}
