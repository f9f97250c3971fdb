//! What a flash has done.

/// What a flash has done since it was made. Torn operations count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Program operations.
    pub programs: u64,
    /// Bytes handed to program operations.
    pub bytes_programmed: u64,
    /// Erase operations, each of one page or more.
    pub erases: u64,
    /// Erases of each page.
    pub page_erases: Vec<u32>,
    /// Read operations.
    pub reads: u64,
    /// Bytes read.
    pub bytes_read: u64,
}

impl Statistics {
    pub(super) fn new(pages: usize) -> Self {
        Self {
            programs: 0,
            bytes_programmed: 0,
            erases: 0,
            page_erases: vec![0; pages],
            reads: 0,
            bytes_read: 0,
        }
    }

    /// Programs and erases.
    pub const fn operations(&self) -> u64 {
        self.programs + self.erases
    }

    /// Erases of the page that was erased most.
    pub fn max_page_erases(&self) -> u32 {
        self.page_erases.iter().copied().max().unwrap_or(0)
    }
}
