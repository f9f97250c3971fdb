//! The flash as a bench sees it: its power, its cells, its wear.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use super::chip::Chip;
use super::{Cells, CutPlan, OnCut, Operation, Statistics, Times, TornOperation};
use crate::world::VirtualTime;

/// A hand on a virtual flash from outside the pile, whatever its geometry: it cuts the power, reads
/// out the cells, counts. Clones reach the same chip.
///
/// ```
/// use embedded_storage_async::nor_flash::NorFlash;
/// use pile_sim::flash::{CutPlan, Probe, W25q80};
/// let mut flash = W25q80::w25q80();
/// let probe: Probe = flash.probe();
/// probe.arm_cut(CutPlan::random(0, 7));
/// assert!(embassy_futures::block_on(flash.write(0, b"torn")).is_err());
/// assert!(probe.cut_happened());
/// assert_eq!(probe.statistics().programs, 1);
/// ```
#[derive(Debug, Clone)]
pub struct Probe {
    chip: Rc<RefCell<Chip>>,
}

impl Probe {
    pub(super) fn new(cells: Cells) -> Self {
        Self {
            chip: Rc::new(RefCell::new(Chip::new(cells))),
        }
    }

    pub(super) fn chip(&self) -> RefMut<'_, Chip> {
        self.chip.borrow_mut()
    }

    /// Makes operations take time by this clock from now on.
    pub fn keep_time(&self, time: VirtualTime, times: Times) {
        self.chip().time = Some((time, times));
    }

    /// Arms a power cut. A later plan replaces an earlier one.
    pub fn arm_cut(&self, plan: CutPlan) {
        self.chip().arm(plan);
    }

    /// Takes back a cut that has not happened.
    pub fn disarm_cut(&self) {
        self.chip().disarm();
    }

    /// Chooses what operations do without power. [`OnCut::Fail`] at first.
    pub fn set_on_cut(&self, on_cut: OnCut) {
        self.chip().on_cut = on_cut;
    }

    /// True from a cut until [`power_up`](Self::power_up).
    pub fn cut_happened(&self) -> bool {
        self.chip().cut_happened
    }

    /// The operation that the last cut tore, if one was.
    pub fn last_cut(&self) -> Option<TornOperation> {
        self.chip().last_cut
    }

    /// Cuts the power now: the operation that is under way is torn where it stands. Forgets an
    /// armed plan.
    pub fn power_off(&self) {
        self.chip().power_off();
    }

    /// Gives power back. The cells stay as the cut left them.
    pub fn power_up(&self) {
        let mut chip = self.chip();
        chip.powered = true;
        chip.cut_happened = false;
    }

    /// True while an operation is under way.
    pub fn is_busy(&self) -> bool {
        self.chip().busy_until().is_some()
    }

    /// What the chip has done so far.
    pub fn statistics(&self) -> Statistics {
        self.chip().statistics.clone()
    }

    /// Programs and erases so far.
    pub fn operations(&self) -> u64 {
        self.chip().statistics.operations()
    }

    /// Remembers every operation from now on, for [`take_operations`](Self::take_operations).
    pub fn record_operations(&self) {
        self.chip().record.get_or_insert_default();
    }

    /// The operations since they were last taken, oldest first; none unless they are remembered.
    pub fn take_operations(&self) -> Vec<Operation> {
        let mut chip = self.chip();
        chip.record.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// A copy of what the cells hold.
    pub fn image(&self) -> Vec<u8> {
        self.chip().cells.bytes.clone()
    }

    /// A copy of the cells with their condition.
    pub fn cells(&self) -> Cells {
        self.chip().cells.clone()
    }

    /// Flips one bit of the cells: wear, radiation, a probe. False if there is no such byte.
    pub fn flip_bit(&self, address: usize, bit: u8) -> bool {
        let mut chip = self.chip();
        let cell = chip.cells.bytes.get_mut(address);
        cell.map(|cell| *cell ^= 1 << (bit & 7)).is_some()
    }
}
