//! The `no_std` gate and the proof that it can fail.

use std::process::Command;

use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// The gate's manifest, from the workspace's root.
pub const MANIFEST: &str = "xtask/gate/Cargo.toml";

/// The gate's rooms, from the workspace's root.
pub const SOURCE: &str = "xtask/gate/src";

/// What a domain crate must not let in.
#[derive(Debug, Clone, Copy)]
pub enum Leak {
    /// The standard library.
    Std,
    /// The allocator's crate.
    Alloc,
}

impl Leak {
    /// The gate's feature that lets it in.
    const fn feature(self) -> &'static str {
        match self {
            Self::Std => "leak-std",
            Self::Alloc => "leak-alloc",
        }
    }

    /// What the compiler says about it.
    const fn complaint(self) -> &'static str {
        match self {
            Self::Std => "found duplicate lang item `panic_impl`",
            Self::Alloc => "no global memory allocator found",
        }
    }
}

/// Starts a call of cargo on the gate, which builds beside the workspace.
pub fn cargo(workspace: &Workspace, subcommand: &str) -> Command {
    let mut cargo = workspace.cargo(subcommand);
    cargo
        .args(["--manifest-path", MANIFEST, "--target-dir"])
        .arg(workspace.target.join("gate"));
    cargo
}

/// Links the gate and runs it.
pub fn check(workspace: &Workspace) -> Outcome {
    process::run(&mut cargo(workspace, "run"))
}

/// Lets a leak in and tells whether the gate refuses it, for that reason.
pub fn refuses(workspace: &Workspace, leak: Leak) -> Outcome {
    let mut build = cargo(workspace, "build");
    build
        .args(["--features", leak.feature()])
        .env("CARGO_TERM_COLOR", "never");
    let line = process::shown(&build);
    println!("    {line} (must fail)");
    match build.output() {
        Ok(output) => judge(
            leak,
            output.status.success(),
            &String::from_utf8_lossy(&output.stderr),
        ),
        Err(error) => Outcome::Failed(format!("{line}: {error}")),
    }
}

fn judge(leak: Leak, built: bool, said: &str) -> Outcome {
    if built {
        Outcome::Failed(format!(
            "the gate builds with `{}`: it sees nothing",
            leak.feature()
        ))
    } else if said.contains(leak.complaint()) {
        Outcome::Ok
    } else {
        Outcome::Failed(format!(
            "the gate fails for another reason than its leak:\n{said}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_complaint_shows_that_the_gate_sees() {
        assert_eq!(
            judge(
                Leak::Alloc,
                false,
                "error: no global memory allocator found"
            ),
            Outcome::Ok
        );
        assert!(judge(Leak::Alloc, true, "").is_failure());
        assert!(judge(Leak::Std, false, "error: no global memory allocator found").is_failure());
    }
}
