//! The published format. Of each kind of message one is frozen in `golden/messages.hex`, so that no
//! change of a type goes unseen; the shapes are written out here by postcard's rules, not copied from
//! its output: integers are LEB128 varints (bytes, and arrays of bytes, as they are; signed integers
//! zigzag), a `bool` or an `Option` is 0 or 1, an enum its variant's number, a text or a list its
//! length and then its parts, a struct its fields one after the other.

extern crate std;

use super::arbitrary::{Either, Source};
use super::*;
use crate::Refusal;
use crate::permission::Role;
use billing_core::journal::Kind;
use billing_core::receipt::{PublicKey, Signature};
use billing_core::record::Fault;
use billing_core::statement::Period;
use billing_core::tariff::{Band, Tariff};
use pile_units::*;
use std::string::String;
use std::vec::Vec;

const FILE: &str = include_str!("../../golden/messages.hex");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| {
        text + &std::format!("{byte:02x}")
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn every_kind_of_message_is_as_it_was_published() {
    let mut lines = FILE.lines().filter(|line| !line.starts_with('#'));
    for place in 0..Either::COUNT {
        let (name, message) = Either::nth(place, &mut Source::example());
        let line = lines.next().expect(&name);
        let (published, bytes) = line.rsplit_once(' ').expect(line);
        assert_eq!(published, name);
        assert_eq!(hex(&message.encode()), bytes, "{name}");
        assert_eq!(message.decode_alike(&unhex(bytes)), Ok(message), "{name}");
    }
    assert_eq!(lines.next(), None);
}

/// For a new kind of message: prints what the file is to hold, of which only the new line is new,
/// and how long the largest of each is.
#[test]
#[ignore = "it prints, and checks nothing"]
fn print_the_file() {
    for place in 0..Either::COUNT {
        let (name, message) = Either::nth(place, &mut Source::example());
        std::println!("{name} {}", hex(&message.encode()));
    }
    for place in 0..Either::COUNT {
        let (name, message) = Either::nth(place, &mut Source::largest());
        std::println!("# {name}: {} bytes", message.encode().len());
    }
}

#[track_caller]
fn asked(request: Request, parts: &[&[u8]]) {
    let id = RequestId::new(300); // 2 x 128 + 44
    let bytes = [&[1, 0xac, 2][..], &parts.concat()].concat();
    let message = Asked { id, request };
    assert_eq!(message.encode(&mut [0; MAX_MESSAGE]), bytes);
    assert_eq!(Asked::decode(&bytes), Ok(message));
}

#[track_caller]
fn told(message: Told, parts: &[&[u8]]) {
    let bytes = parts.concat();
    assert_eq!(message.encode(&mut [0; MAX_MESSAGE]), bytes);
    assert_eq!(Told::decode(&bytes), Ok(message));
}

fn answered(response: Response, parts: &[&[u8]]) {
    let id = RequestId::new(300);
    told(
        Told::Answer { id, response },
        &[&[1, 1, 0xac, 2], &parts.concat()],
    );
}

fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

/// Second 1000 of the epoch, synchronised: 1000 = 7 x 128 + 0x68.
const AT: [u8; 3] = [0xe8, 0x07, 2];

fn at() -> WallTime {
    WallTime {
        unix: UnixSeconds::new(1000),
        quality: ClockQuality::Synchronised,
    }
}

#[test]
fn requests_are_a_version_a_number_a_kind_and_what_stands_in_it() {
    asked(Request::MyAccount, &[&[8]]);
    // Port 16 is index 15; half a yuan is 500,000 micro-units, 30 x 16384 + 66 x 128 + 32.
    let up_to = UpTo::Cost(Money::from_micros(500_000));
    asked(
        Request::Start {
            port: port(16),
            up_to,
        },
        &[&[3, 15, 3, 0xa0, 0xc2, 0x1e]],
    );
    let sessions = Request::Sessions {
        account: None,
        before: Some(SessionId::new(129)),
        count: 8,
    };
    asked(sessions, &[&[5, 0, 1, 0x81, 1, 8]]);
    let period = Period::Between {
        from: UnixSeconds::new(1),
        to: UnixSeconds::new(2),
    };
    let statement = Request::Statement {
        account: Some(AccountId::new(3)),
        period,
        skip: 16,
    };
    asked(statement, &[&[7, 1, 3, 2, 1, 2, 16]]);
    let rename = Request::Rename {
        account: AccountId::new(3),
        name: "Li 李".parse().unwrap(),
    };
    asked(rename, &[&[22, 3, 6], b"Li \xe6\x9d\x8e"]);
    let band = Band {
        name: "day".parse().unwrap(),
        energy: "0.568".parse().unwrap(),
        service: "0.20".parse().unwrap(),
    };
    let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    // 568,000 and 200,000 micro-units a kWh; the last band and 24 bytes of half hours are 0.
    let prices = [0xc0, 0xd5, 0x22, 0xc0, 0x9a, 0x0c];
    let set = Request::SetTariff {
        plan: PlanId::STANDARD,
        tariff,
    };
    asked(
        set,
        &[&[28, 0], b"CNY", &[0, 1, 3], b"day", &prices, &[0; 25]],
    );
    let (account, card) = (AccountId::new(3), CredentialId::new(300));
    asked(Request::Replace { account, card }, &[&[18, 3, 0xac, 2]]);
    // The fifth fault is a relay that is welded.
    let clear = Request::ClearFault {
        port: port(2),
        fault: Fault::RelayWelded,
    };
    asked(clear, &[&[36, 1, 4]]);
    let session = SessionId::new(129);
    let stop = Request::StopPort {
        port: port(16),
        session,
    };
    asked(stop, &[&[37, 15, 0x81, 1]]);
    asked(Request::SetClock { now: at() }, &[&[39], &AT]);
    let cursor = ExportCursor { seq: 300, place: 7 };
    asked(Request::ExportFrom { cursor }, &[&[42, 0xac, 2, 7]]);
    asked(Request::Recover, &[&[44]]);
    let session = SessionId::new(129);
    asked(Request::SignReceipt { session }, &[&[45, 0x81, 1]]);
}

#[test]
fn answers_are_a_version_their_kind_the_request_s_number_and_what_they_say() {
    answered(Response::Refused(Refusal::UnknownRequest), &[&[0, 34]]);
    answered(Response::Done, &[&[1]]);
    let price = PriceNow {
        band: "day".parse().unwrap(),
        energy: "0.568".parse().unwrap(),
        service: "0.20".parse().unwrap(),
    };
    let running = Running {
        session: SessionId::new(7),
        account: AccountId::new(3),
        since: at(),
        power: Power::from_watts(500),
        energy: Energy::from_watt_hours(500),
        cost: Money::from_micros(384_000),
        price,
    };
    let mut ports = List::new();
    assert!(ports.push(PortView {
        port: port(1),
        condition: PortCondition::Charging,
        mine: true,
        seconds_left: Some(1000),
        running: Some(running),
    }));
    assert!(ports.push(PortView {
        port: port(2),
        condition: PortCondition::Faulted(Fault::RelayWelded),
        mine: false,
        seconds_left: None,
        running: None,
    }));
    let page = PortPage {
        price: None,
        currency: Currency::CNY,
        ports,
        more: false,
    };
    // 500,000 mW, 500,000 mWh; 384,000 = 23 x 16384 + 56 x 128 + 0.
    let figures = [0xa0, 0xc2, 0x1e, 0xa0, 0xc2, 0x1e, 0x80, 0xb8, 0x17];
    let price = [3, b'd', b'a', b'y', 0xc0, 0xd5, 0x22, 0xc0, 0x9a, 0x0c];
    answered(
        Response::Ports(page),
        &[
            &[3, 0],
            b"CNY",
            &[2],
            &[0, 4, 1, 1, 0xe8, 7, 1, 7, 3],
            &AT,
            &figures,
            &price,
            &[1, 8, 4, 0, 0, 0],
            &[0],
        ],
    );
    let mut frames = Frames::new();
    assert!(frames.push(Kind::Record, &[2, 2, 0, 0, 0]));
    assert!(frames.push(Kind::End, &[3, 0, 0, 0]));
    let chunk = ExportChunk {
        identity: [7; 16],
        seq: 300,
        head: [9; 32],
        frames,
        next: ExportCursor {
            seq: 302,
            place: 64,
        },
        done: true,
    };
    answered(
        Response::Export(chunk),
        &[
            &[22],
            &[7; 16],
            &[0xac, 2],
            &[9; 32],
            &[13, 0, 5, 2, 2, 0, 0, 0, 2, 4, 3, 0, 0, 0],
            &[0xae, 2, 64, 1],
        ],
    );
}

#[test]
fn a_signature_is_a_session_a_doubt_an_offset_a_point_and_two_numbers() {
    // The generator of P-256, and the signature of RFC 6979, A.2.5, SHA-256, "sample".
    let key = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    let r = unhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
    let s = unhex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    let signature = Signature::from_fixed(&[&r[..], &s].concat().try_into().unwrap()).unwrap();
    let key = PublicKey::from_compressed(&unhex(key).try_into().unwrap()).unwrap();
    // +08:00 is 480 minutes; zigzag 960 = 7 x 128 + 64.
    let offset: UtcOffset = "+08:00".parse().unwrap();
    let signed = ReceiptSignature::new(SessionId::new(129), true, offset, &key, &signature);
    assert_eq!(signed.key(), Some(key));
    assert_eq!(signed.signature(), Some(signature));
    let point = &key.to_compressed()[1..];
    let parts: [&[u8]; 5] = [&[23, 0x81, 1, 1, 0xc0, 7, 1], point, &r, &s, &[]];
    answered(Response::Signature(signed), &parts);
}

#[test]
fn what_is_told_unasked_has_no_number() {
    let welcome = Welcome {
        version: 1,
        pile: Some(PileId::new([1, 2, 3, 4, 5, 6, 7, 8])),
        name: "yard".parse().unwrap(),
        ports: 10,
        firmware: "0.1.0".parse().unwrap(),
        capabilities: Capabilities::CARD_KEYS.with(Capabilities::TEMPERATURE),
        now: at(),
        role: Role::Tenant,
        phone: Some(PhoneId::new(2)),
        account: Some(AccountId::new(3)),
        last_request: RequestId::new(300),
    };
    told(
        Told::Welcome(welcome),
        &[
            &[1, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 4],
            b"yard",
            &[10, 5],
            b"0.1.0",
            &[5],
            &AT,
            &[1, 1, 2, 1, 3, 0xac, 2],
        ],
    );
    let latched = Notice::FaultLatched {
        port: port(2),
        fault: Fault::RelayWelded,
    };
    told(Told::Notice(latched), &[&[1, 2, 4, 1, 4]]);
    let bound = Bound {
        phone: PhoneId::new(2),
        key: SentKey::new([0x55; 32]),
        pile: PileId::new([8; 8]),
    };
    told(Told::Bound(bound), &[&[1, 3, 2], &[0x55; 32], &[8; 8]]);
}

#[test]
fn frames_that_no_journal_has_are_refused_when_they_are_read() {
    let read = |bytes: &[u8]| postcard::from_bytes::<Frames>(bytes);
    assert!(read(&[0]).unwrap().is_empty());
    assert!(read(&[3, 3, 1, 0xff]).is_ok());
    // An unknown mark, an empty payload, one that ends early, one that is too long.
    assert!(read(&[3, 4, 1, 0xff]).is_err());
    assert!(read(&[2, 0, 0]).is_err());
    assert!(read(&[3, 0, 2, 0xff]).is_err());
    let mut long = std::vec![0xf3, 1, 0, 241];
    long.extend([9; 241]);
    assert!(read(&long).is_err());
}
