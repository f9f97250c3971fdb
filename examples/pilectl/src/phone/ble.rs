//! A pile by this computer's Bluetooth: the Nordic UART layout, as the pile's GATT service has it.

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

/// The service, what is written to the pile, and what it notifies.
const SERVICE: Uuid = Uuid::from_u128(0x6e40_0001_b5a3_f393_e0a9_e50e_24dc_ca9e);
const TO_PILE: Uuid = Uuid::from_u128(0x6e40_0002_b5a3_f393_e0a9_e50e_24dc_ca9e);
const FROM_PILE: Uuid = Uuid::from_u128(0x6e40_0003_b5a3_f393_e0a9_e50e_24dc_ca9e);

/// How long the pile is looked for.
const SCAN: Duration = Duration::from_secs(15);

struct Ble {
    runtime: Runtime,
    pile: Peripheral,
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
    let Some((pile, to_pile, heard)) = found else {
        return Err(failed(&"no such pile is heard, or it has no such service"));
    };
    Ok(Box::new(Ble {
        runtime,
        pile,
        to_pile,
        heard,
        rest: Vec::new(),
    }))
}

type Found = (
    Peripheral,
    Characteristic,
    Pin<Box<dyn Stream<Item = ValueNotification> + Send>>,
);

async fn find(name: &str) -> Result<Option<Found>, btleplug::Error> {
    let Some(adapter) = Manager::new().await?.adapters().await?.into_iter().next() else {
        return Ok(None);
    };
    let services = vec![SERVICE];
    adapter.start_scan(ScanFilter { services }).await?;
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
    let (Some(to_pile), Some(from_pile)) = (of(TO_PILE), of(FROM_PILE)) else {
        pile.disconnect().await?;
        return Ok(None);
    };
    let heard = pile.notifications().await?;
    pile.subscribe(&from_pile).await?;
    Ok(Some((pile, to_pile, heard)))
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
        // What the connection takes at once, less the head of a write.
        let portion = usize::from(self.pile.mtu()).saturating_sub(3).max(20);
        for portion in bytes.chunks(portion) {
            let written = self
                .pile
                .write(&self.to_pile, portion, WriteType::WithResponse);
            self.runtime.block_on(written).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Drop for Ble {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.pile.disconnect());
    }
}
