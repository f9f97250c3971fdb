//! A controller that hands its packets over one at a time.
//!
//! trouble-host reads packets for as long as the controller has some ready, puts what a phone writes
//! into a queue of eight a connection, and drops the ninth: whoever takes from the queue gets no turn
//! in between. Over a transport that buffers (a socket, a ring of an inter-processor link) a burst of
//! writes without response loses bytes that way. Here every packet is followed by one turn for
//! everybody else.

use bt_hci::cmd::{self, AsyncCmd, SyncCmd};
use bt_hci::controller::{Controller, ControllerCmdAsync, ControllerCmdSync};
use bt_hci::{ControllerToHostPacket, data};

pub(crate) struct Paced<C>(pub C);

impl<C: Controller> embedded_io::ErrorType for Paced<C> {
    type Error = C::Error;
}

impl<C: Controller> Controller for Paced<C> {
    async fn write_acl_data(&self, packet: &data::AclPacket<'_>) -> Result<(), Self::Error> {
        self.0.write_acl_data(packet).await
    }

    async fn write_sync_data(&self, packet: &data::SyncPacket<'_>) -> Result<(), Self::Error> {
        self.0.write_sync_data(packet).await
    }

    async fn write_iso_data(&self, packet: &data::IsoPacket<'_>) -> Result<(), Self::Error> {
        self.0.write_iso_data(packet).await
    }

    async fn read<'a>(&self, buf: &'a mut [u8]) -> Result<ControllerToHostPacket<'a>, Self::Error> {
        // Before and not after: a packet that was read is never lost to a cancelled turn.
        embassy_futures::yield_now().await;
        self.0.read(buf).await
    }
}

impl<C: ControllerCmdSync<Q>, Q: SyncCmd + ?Sized> ControllerCmdSync<Q> for Paced<C> {
    async fn exec(&self, cmd: &Q) -> Result<Q::Return, cmd::Error<Self::Error>> {
        self.0.exec(cmd).await
    }
}

impl<C: ControllerCmdAsync<Q>, Q: AsyncCmd + ?Sized> ControllerCmdAsync<Q> for Paced<C> {
    async fn exec(&self, cmd: &Q) -> Result<(), cmd::Error<Self::Error>> {
        self.0.exec(cmd).await
    }
}
