//! Nothing that the shell runs signs: it takes a pile's processor longer than its safety loop may wait.
//! What is signed is signed from the records, where the key is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::Path;

/// Every source file of the crate but its tests.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn nothing_here_knows_how_to_sign() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    assert!(found.len() > 30, "the sources are not where they were");
    found.push((
        "Cargo.toml".to_owned(),
        fs::read_to_string(root.join("Cargo.toml")).unwrap(),
    ));
    for (name, text) in &found {
        // The room of billing-core that signs, its key, and the curves.
        for word in ["receipt::", "SigningKey", "p256", "ecdsa", "ed25519"] {
            let what = text.replace("inquiry::receipt::", "");
            assert!(!what.contains(word), "{name} knows {word}");
        }
    }
}
