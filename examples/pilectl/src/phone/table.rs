//! Tables for people, and the same as JSON for programs.

use std::fmt::Display;

use serde_json::{Map, Value};

/// A cell: what people read, and what programs do.
pub struct Cell {
    text: String,
    value: Value,
}

impl Cell {
    /// One that reads otherwise than programs do.
    pub fn new(text: impl Into<String>, value: impl Into<Value>) -> Self {
        let (text, value) = (text.into(), value.into());
        Self { text, value }
    }

    /// The same for both.
    pub fn of(value: impl Into<Value> + Display) -> Self {
        Self::new(value.to_string(), value)
    }

    /// A name.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(text.clone(), text)
    }

    /// `yes`, or nothing.
    pub fn flag(set: bool, said: &str) -> Self {
        Self::new(if set { said } else { "" }, set)
    }
}

/// Rows of cells under the same heads.
///
/// ```
/// use pilectl::phone::table::{Cell, Table};
/// let mut table = Table::new(&[("port", "Port"), ("condition", "")]);
/// table.row([Cell::of(3), Cell::text("free")]);
/// assert_eq!(table.text(), "Port\n   3  free\n");
/// assert_eq!(table.json(), "[\n  {\n    \"condition\": \"free\",\n    \"port\": 3\n  }\n]\n");
/// ```
pub struct Table {
    /// The member's name, and the head that people read.
    heads: Vec<(&'static str, &'static str)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(heads: &[(&'static str, &'static str)]) -> Self {
        let heads = heads.to_vec();
        Self {
            heads,
            rows: Vec::new(),
        }
    }

    /// Adds a row, a cell a head.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// For people: numbers to the right.
    pub fn text(&self) -> String {
        let width = |column: usize, head: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.text.chars().count()).max();
            widest.unwrap_or(0).max(head.chars().count())
        };
        let heads = self.heads.iter().enumerate();
        let widths: Vec<usize> = heads.map(|(at, (_, head))| width(at, head)).collect();
        let number = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| &cell.text).all(|text| {
                text.is_empty() || text.starts_with(|first: char| first.is_ascii_digit())
            })
        };
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for ((column, cell), width) in cells.enumerate().zip(&widths) {
                let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
                let before = if column == 0 { "" } else { "  " };
                line += before;
                if number(column) {
                    line += &gap;
                    line += cell;
                } else {
                    line += cell;
                    line += &gap;
                }
            }
            format!("{}\n", line.trim_end())
        };
        let mut text = line(&mut self.heads.iter().map(|(_, head)| *head));
        for row in &self.rows {
            text += &line(&mut row.iter().map(|cell| cell.text.as_str()));
        }
        text
    }

    /// For programs: an object a row.
    pub fn json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let members = self.heads.iter().zip(row);
            let object = members.map(|((name, _), cell)| ((*name).to_owned(), cell.value.clone()));
            Value::Object(object.collect::<Map<_, _>>())
        });
        pretty(&Value::Array(rows.collect()))
    }

    /// As it is wanted; `none` is said of no rows to people.
    pub fn shown(&self, json: bool, none: &str) -> String {
        match json {
            true => self.json(),
            false if self.is_empty() => format!("{none}\n"),
            false => self.text(),
        }
    }
}

/// A value as it is printed.
pub fn pretty(value: &Value) -> String {
    // A value is always JSON.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{text}\n")
}
