//! A pile by this computer's Bluetooth: a radio of its own (the Nordic UART layout, as the pile's GATT
//! service has it), or a module on a UART (FFE0), which is written to as fast as its wire goes.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::time::Duration;

use btleplug::api::{
    Central, Characteristic, Manager as _, Peripheral as _, ScanFilter, ValueNotification,
    WriteType,
};
use btleplug::platform::{Manager, Peripheral};
use futures_util::{Stream, StreamExt};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::wire::Wire;
use crate::answer::Refusal;

/// Where a pile's bytes go in and come out, and how fast it takes them.
struct Layout {
    /// What is written to the pile.
    to_pile: Uuid,
    /// What it notifies.
    from_pile: Uuid,
    /// How it is written to.
    write: WriteType,
    /// At most so many bytes at a time; none where the connection says it.
    portion: Option<usize>,
    /// And then so long nothing.
    pause: Duration,
}

/// The value FFE1, in full (Bluetooth Core Specification, Vol 3, Part B, 2.5.1).
const FFE1: Uuid = Uuid::from_u128(0x0000_ffe1_0000_1000_8000_0080_5f9b_34fb);

const LAYOUTS: [Layout; 2] = [
    Layout {
        to_pile: Uuid::from_u128(0x6e40_0002_b5a3_f393_e0a9_e50e_24dc_ca9e),
        from_pile: Uuid::from_u128(0x6e40_0003_b5a3_f393_e0a9_e50e_24dc_ca9e),
        write: WriteType::WithResponse,
        portion: None,
        pause: Duration::ZERO,
    },
    // An HM-10 or a JDY-16: at 9600 baud 20 bytes take 21 ms, and nothing holds the
    // radio back.
    Layout {
        to_pile: FFE1,
        from_pile: FFE1,
        write: WriteType::WithoutResponse,
        portion: Some(20),
        pause: Duration::from_millis(25),
    },
];

/// How long the pile is looked for.
const SCAN: Duration = Duration::from_secs(15);

struct Ble {
    runtime: Runtime,
    pile: Peripheral,
    layout: &'static Layout,
    to_pile: Characteristic,
    heard: Pin<Box<dyn Stream<Item = ValueNotification> + Send>>,
    /// Of a notification, what was not read yet.
    rest: Vec<u8>,
}

/// Looks for a pile of this name and connects.
///
/// # Errors
/// [`Refusal`] without Bluetooth, or without such a pile near.
pub fn dial(name: &str) -> Result<Box<dyn Wire>, Refusal> {
    let failed = |error: &dyn std::fmt::Display| {
        Refusal::new(
            format!("{name}: not reached by Bluetooth: {error}"),
            "switch Bluetooth on, go near, and see that no other phone is connected",
        )
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let found = runtime
        .block_on(find(name))
        .map_err(|error| failed(&error))?;
    let Some((pile, layout, to_pile, heard)) = found else {
        return Err(failed(&"no such pile is heard, or it has no such service"));
    };
    Ok(Box::new(Ble {
        runtime,
        pile,
        layout,
        to_pile,
        heard,
        rest: Vec::new(),
    }))
}

type Found = (
    Peripheral,
    &'static Layout,
    Characteristic,
    Pin<Box<dyn Stream<Item = ValueNotification> + Send>>,
);

async fn find(name: &str) -> Result<Option<Found>, btleplug::Error> {
    let Some(adapter) = Manager::new().await?.adapters().await?.into_iter().next() else {
        return Ok(None);
    };
    // By its name alone: a module advertises nothing else.
    adapter.start_scan(ScanFilter::default()).await?;
    let until = tokio::time::Instant::now() + SCAN;
    let mut pile = None;
    while pile.is_none() && tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(250)).await;
        for near in adapter.peripherals().await? {
            let told = near.properties().await?.and_then(|told| told.local_name);
            if told.as_deref() == Some(name) {
                pile = Some(near);
            }
        }
    }
    adapter.stop_scan().await?;
    let Some(pile) = pile else {
        return Ok(None);
    };
    pile.connect().await?;
    pile.discover_services().await?;
    let all = pile.characteristics();
    let of = |uuid| all.iter().find(|it| it.uuid == uuid).cloned();
    let known = LAYOUTS
        .iter()
        .find_map(|it| Some((it, of(it.to_pile)?, of(it.from_pile)?)));
    let Some((layout, to_pile, from_pile)) = known else {
        pile.disconnect().await?;
        return Ok(None);
    };
    let heard = pile.notifications().await?;
    pile.subscribe(&from_pile).await?;
    Ok(Some((pile, layout, to_pile, heard)))
}

impl Wire for Ble {
    fn read(&mut self, bytes: &mut [u8], within: Duration) -> io::Result<usize> {
        if self.rest.is_empty() {
            let next = self.heard.next();
            let next = async { tokio::time::timeout(within, next).await };
            match self.runtime.block_on(next) {
                Err(_) => return Ok(0),
                Ok(None) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(Some(notification)) => self.rest = notification.value,
            }
        }
        let count = self.rest.len().min(bytes.len());
        let portion = self.rest.drain(..count);
        bytes
            .iter_mut()
            .zip(portion)
            .for_each(|(to, from)| *to = from);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Layout {
            write,
            portion,
            pause,
            ..
        } = *self.layout;
        // What the connection takes at once, less the head of a write.
        let at_once = usize::from(self.pile.mtu()).saturating_sub(3).max(20);
        for bytes in bytes.chunks(portion.unwrap_or(at_once)) {
            let written = self.pile.write(&self.to_pile, bytes, write);
            self.runtime.block_on(written).map_err(io::Error::other)?;
            std::thread::sleep(pause);
        }
        Ok(())
    }
}

impl Drop for Ble {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.pile.disconnect());
    }
}
