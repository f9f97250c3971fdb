//! The list of mutations.

use std::path::Path;

/// Where it is, from the root.
pub const FILE: &str = "xtask/mutations.toml";

/// One change to one file, and what must see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Its name, which says what it breaks.
    pub name: String,
    /// The file, from the root.
    pub file: String,
    /// The text that is changed: once in the file.
    find: String,
    replace: String,
    /// What must go red.
    pub seen: Seen,
}

/// What must go red.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// The bounded power-cut sweep.
    Sweep,
    /// The tests that `cargo test` runs with these arguments.
    Tests(String),
}

impl Seen {
    /// For a table.
    pub fn name(&self) -> String {
        match self {
            Self::Sweep => "the sweep".to_owned(),
            Self::Tests(arguments) => format!("`cargo test {arguments}`"),
        }
    }

    /// For cargo.
    pub fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Sweep => vec!["-p", "pile-sim", "--test", "sweep"],
            Self::Tests(arguments) => arguments.split_whitespace().collect(),
        }
    }
}

impl Mutation {
    /// The text of the file with the change.
    ///
    /// # Errors
    /// Says so if it does not apply.
    pub fn apply(&self, text: &str) -> Result<String, String> {
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            times => Err(format!(
                "no longer applies: its text is there {times} times"
            )),
        }
    }
}

/// Reads the list.
///
/// # Errors
/// Says what is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Mutation>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    parse(&text).map_err(|what| format!("{}: {what}", path.display()))
}

fn parse(text: &str) -> Result<Vec<Mutation>, String> {
    let table: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let list = table.get("mutation").and_then(toml::Value::as_array);
    let list = list.ok_or("has no [[mutation]]")?;
    list.iter()
        .map(|it| {
            let field = |name: &str| {
                let value = it.get(name).and_then(toml::Value::as_str);
                let value = value.ok_or_else(|| format!("a mutation has no text {name}: {it}"));
                Ok::<_, String>(value?.to_owned())
            };
            let seen = field("seen_by")?;
            Ok(Mutation {
                name: field("name")?,
                file: field("file")?,
                find: field("find")?,
                replace: field("replace")?,
                seen: match seen.as_str() {
                    "sweep" => Seen::Sweep,
                    _ => Seen::Tests(seen),
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_applies_to_one_place_and_changes_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let all = read(&root.join(FILE)).unwrap();
        assert!(all.len() >= 12, "{}", all.len());
        let mut rotten = Vec::new();
        for mutation in &all {
            let text = std::fs::read_to_string(root.join(&mutation.file)).unwrap_or_default();
            match mutation.apply(&text) {
                Ok(changed) => assert_ne!(changed, text, "{} changes nothing", mutation.name),
                Err(why) => rotten.push(format!("{} ({}): {why}", mutation.name, mutation.file)),
            }
        }
        assert_eq!(rotten, Vec::<String>::new());
        let mut names: Vec<_> = all.iter().map(|it| &it.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len(), "two share a name");
    }

    #[test]
    fn a_text_that_is_there_twice_or_not_is_no_place() {
        let one = parse(
            "[[mutation]]\nname = \"n\"\nfile = \"f\"\nfind = \"a\"\nreplace = \"b\"\nseen_by = \"sweep\"",
        );
        let one = one.unwrap().remove(0);
        assert_eq!(one.apply("xay").unwrap(), "xby");
        assert!(one.apply("aa").unwrap_err().contains("2 times"));
        assert!(one.apply("").unwrap_err().contains("0 times"));
    }
}
