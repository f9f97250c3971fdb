//! One session, second by second: the power and what it has cost so far.

use pile_units::{PortId, UnixSeconds};

use crate::output::{SegmentRow, SessionRow};
use crate::plan::Plan;

/// The power of one session over its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCurve {
    /// The id in the file of sessions.
    pub session: u32,
    /// The tenant.
    pub account: String,
    /// The outlet.
    pub port: PortId,
    /// When it began.
    pub started: UnixSeconds,
    /// Seconds from the start, and the power from then on in watts. In order.
    pub points: Vec<(u32, u32)>,
}

impl SessionCurve {
    /// The charger's own course in a session, up to its end: for when the meter was not watched.
    pub fn of_plan(session: &SessionRow, plan: &Plan) -> Self {
        let length = session.ended.since(session.started);
        let points = (0..=length).step_by(10).map(|second| {
            let milliwatts = plan.power_mw(u64::from(second) * 1000);
            (second, (milliwatts + 500) / 1000)
        });
        Self {
            session: session.session,
            account: session.account.clone(),
            port: session.port,
            started: session.started,
            points: points.collect(),
        }
    }
}

/// The session that shows most in a picture: charged until full, through the most bands, of an
/// energy in the middle; the first in the file of equals.
pub fn picture_session<'a>(
    sessions: &'a [SessionRow],
    segments: &[SegmentRow],
) -> Option<&'a SessionRow> {
    let bands = |id: u32| {
        segments
            .iter()
            .filter(|segment| segment.session == id)
            .count()
    };
    let mut energies: Vec<_> = sessions.iter().map(|session| session.energy).collect();
    energies.sort_unstable();
    let middle = *energies.get(energies.len() / 2)?;
    sessions.iter().min_by_key(|session| {
        let off_middle = session
            .energy
            .milliwatt_hours()
            .abs_diff(middle.milliwatt_hours());
        let full = session.stop_reason == "full";
        (
            !full,
            core::cmp::Reverse(bands(session.session).min(2)),
            off_middle,
        )
    })
}
