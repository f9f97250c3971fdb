use std::fs;

use super::*;
use crate::sample;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn all_files() -> Vec<String> {
    let mut names: Vec<_> = FILES.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

#[test]
fn a_new_folder_gets_the_whole_set_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("deep/out");
    Target::at(&dir).unwrap().write(&sample::outputs()).unwrap();
    assert_eq!(names(&dir), all_files());
    assert_eq!(names(dir.parent().unwrap()), ["out"]);
}

#[test]
fn an_empty_folder_and_an_earlier_output_are_replaced() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("out");
    fs::create_dir(&dir).unwrap();
    let mut outputs = sample::outputs();
    Target::at(&dir).unwrap().write(&outputs).unwrap();
    outputs.ledger = vec![7];
    Target::at(&dir).unwrap().write(&outputs).unwrap();
    assert_eq!(fs::read(dir.join("ledger.bin")).unwrap(), [7]);
    assert_eq!(names(&dir), all_files());
    assert_eq!(names(home.path()), ["out"]);
}

#[test]
fn a_folder_with_a_foreign_file_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("out");
    Target::at(&dir).unwrap().write(&sample::outputs()).unwrap();
    fs::write(dir.join("thesis.doc"), "years of work").unwrap();
    let said = Target::at(&dir).unwrap_err().to_string();
    assert!(
        said.contains("holds thesis.doc, which no replay wrote; name a new"),
        "{said}"
    );
}

#[test]
fn a_folder_that_has_our_names_but_no_summary_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("accounts.csv"), "mine").unwrap();
    let said = Target::at(home.path()).unwrap_err().to_string();
    assert!(said.contains("no summary.json"), "{said}");
}

#[test]
fn a_foreign_file_that_appears_during_the_replay_stops_the_writing() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("out");
    let target = Target::at(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("thesis.doc"), "years of work").unwrap();
    assert!(target.write(&sample::outputs()).is_err());
    assert_eq!(names(&dir), ["thesis.doc"]);
    assert_eq!(names(home.path()), ["out"]);
}

#[test]
fn a_file_in_the_place_of_the_folder_and_the_root_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("out");
    fs::write(&file, "mine").unwrap();
    assert!(Target::at(&file).is_err());
    assert!(Target::at(Path::new("/")).is_err());
    assert!(Target::at(&file.join("below")).is_err());
}

#[test]
fn a_failed_write_leaves_the_earlier_output_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("out");
    let target = Target::at(&dir).unwrap();
    let mut outputs = sample::outputs();
    target.write(&outputs).unwrap();
    // In the way of the scratch folder, so the second write cannot begin.
    fs::create_dir(home.path().join(format!(".out.new-{}", std::process::id()))).unwrap();
    let before = fs::read(dir.join("ledger.bin")).unwrap();
    outputs.ledger = vec![7];
    assert!(target.write(&outputs).is_err());
    assert_eq!(fs::read(dir.join("ledger.bin")).unwrap(), before);
}
