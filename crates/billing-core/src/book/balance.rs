//! Invariant I2: what the meters counted is somebody's, or known to be nobody's.

use super::{Book, OpenSession};
use pile_units::Energy;

/// The two sides of invariant I2.
///
/// ```
/// let balance = billing_core::book::Book::new().balance();
/// assert_eq!(balance.metered, balance.accounted());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Sum of the ports' registers.
    pub metered: Energy,
    /// Sum of the accounts' closed sessions.
    pub accounts: Energy,
    /// Sum of the open sessions.
    pub open: Energy,
    /// What belongs to nobody.
    pub unattributed: Energy,
}

impl Balance {
    /// Accounts, open sessions and what is unattributed.
    pub const fn accounted(&self) -> Energy {
        self.accounts
            .saturating_add(self.open)
            .saturating_add(self.unattributed)
    }
}

impl Book {
    /// The two sides of I2.
    pub fn balance(&self) -> Balance {
        Balance {
            metered: self.ports.iter().map(|port| port.register).sum(),
            accounts: self.accounts.iter().map(|account| account.energy).sum(),
            open: self.open_sessions().map(OpenSession::energy).sum(),
            unattributed: self.ports.iter().map(|port| port.unattributed).sum(),
        }
    }
}
