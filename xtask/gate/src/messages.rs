//! `ble-protocol`: what a phone and a pile tell each other.

use ble_protocol::Refusal;
use ble_protocol::message::{Asked, MAX_MESSAGE, Request, RequestId, Response, Told, UpTo};
use ble_protocol::permission::{Role, allows};
use pile_units::PortId;

/// A start is asked, read, allowed, refused and heard of.
pub fn holds() -> bool {
    let Ok(port) = PortId::from_number(3) else {
        return false;
    };
    let id = RequestId::new(17);
    let up_to = UpTo::Full;
    let request = Request::Start { port, up_to };
    let asked = Asked { id, request };
    let mut buffer = [0; MAX_MESSAGE];
    let bytes = asked.encode(&mut buffer);
    let read = bytes == [1, 17, 3, 2, 0] && Asked::decode(bytes) == Ok(asked.clone());
    let allowed = allows(Role::Tenant, &asked.request) && !allows(Role::Card, &asked.request);
    let response = Response::Refused(Refusal::PortTaken);
    let told = Told::Answer { id, response };
    let bytes = told.encode(&mut buffer);
    read && allowed && Told::decode(bytes) == Ok(told)
}
