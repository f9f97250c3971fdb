//! The driver against the modules, in their own time.

use super::*;
use ble_protocol::advert::Name;
use ble_protocol::module::{ByPin, ByPins, ByText, Module as Driver, SetUp, SetUpError, Wiring};
use ble_protocol::{Gone, Pipe};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::Write;
use std::pin::pin;

type ByWords = Driver<Uart, ByText, Delay>;

fn module(kind: Kind) -> VirtualBleModule {
    VirtualBleModule::new(kind, Limits::default())
}

fn hm10(module: &VirtualBleModule) -> ByWords {
    Driver::hm10(module.uart(9_600), ByText, module.delay())
}

fn set_up() -> SetUp {
    SetUp {
        name: Name::with("in the yard").unwrap(),
        ..SetUp::default()
    }
}

/// Sets the module up, lets a phone connect, and waits until the driver knows.
fn connected<W: Wiring>(module: &VirtualBleModule, driver: &mut Driver<Uart, W, Delay>) {
    module
        .run(30_000, driver.set_up(&set_up()))
        .unwrap()
        .unwrap();
    module.connect();
    module.run(1_000, driver.connected()).unwrap();
}

/// A frame as the link makes them: no zero but at its end, its kind in the second place.
fn frame(length: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..length).map(|at| b"OK+LOST"[at % 7]).collect();
    frame[1] = 3;
    frame[length - 1] = 0;
    frame
}

/// Reads until so many bytes have come.
async fn read_all(pipe: &mut impl Pipe, count: usize) -> Result<Vec<u8>, Gone> {
    let (mut all, mut bytes) = (Vec::new(), [0; 50]);
    while all.len() < count {
        let read = pipe.read(&mut bytes).await?;
        all.extend_from_slice(&bytes[..read]);
    }
    Ok(all)
}

/// A phone that keeps to the wire's rate: 20 bytes every 25 ms at 9600 baud.
async fn phone_says(module: &VirtualBleModule, bytes: &[u8]) {
    for packet in bytes.chunks(20) {
        module.phone_writes(packet);
        module.delay().delay_ms(25).await;
    }
}

#[test]
fn an_hm10_is_set_up_and_keeps_it() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    let done = module.run(30_000, driver.set_up(&set_up())).unwrap();
    assert_eq!(done, Ok(()));
    assert_eq!(module.name(), "openpile in");
    assert_eq!((module.interval_step(), module.baud()), ('2', 9_600));
}

#[test]
fn a_jdy16_is_set_up_to_another_rate() {
    let module = module(Kind::Jdy16);
    let wiring = ByPin(module.state_pin());
    let mut driver = Driver::jdy16(module.uart(9_600), wiring, module.delay());
    let fast = SetUp {
        baud: 115_200,
        interval_ms: 450,
        ..set_up()
    };
    module.run(30_000, driver.set_up(&fast)).unwrap().unwrap();
    assert_eq!(module.name(), "openpile in the ya");
    assert_eq!((module.interval_step(), module.baud()), ('4', 115_200));
    // The old rate is garbage now; the new one is heard.
    let again = module.run(30_000, driver.set_up(&fast)).unwrap();
    assert_eq!(again, Err(SetUpError::Silent { command: 0 }));
    let (_, wiring, delay) = driver.release();
    let mut driver = Driver::jdy16(module.uart(115_200), wiring, delay);
    assert_eq!(module.run(30_000, driver.set_up(&fast)).unwrap(), Ok(()));
}

#[test]
fn a_rate_that_no_module_has_is_refused_before_anything_is_said() {
    let module = module(Kind::Hm10);
    let odd = SetUp {
        baud: 14_400,
        ..set_up()
    };
    let done = module.run(10, hm10(&module).set_up(&odd)).unwrap();
    assert_eq!(done, Err(SetUpError::Baud(14_400)));
}

#[test]
fn a_set_up_throws_a_phone_out_and_succeeds() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    assert_eq!(
        module.run(30_000, driver.set_up(&set_up())).unwrap(),
        Ok(())
    );
    assert!(!module.is_connected());
    assert_eq!(module.run(100, driver.read(&mut [0; 8])), Some(Err(Gone)));
}

#[test]
fn frames_go_both_ways_whole_whatever_they_hold() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    for length in [3, 20, 21, 27, 260] {
        let said = frame(length);
        let both = join(phone_says(&module, &said), read_all(&mut driver, length));
        let ((), heard) = module.run(5_000, both).unwrap();
        assert_eq!(heard.as_deref(), Ok(said.as_slice()), "{length}");
        assert_eq!(module.run(5_000, driver.write(&said)), Some(Ok(())));
        module.pass(200);
        assert_eq!(module.phone_heard(), said, "{length}");
    }
    assert_eq!((module.lost(), module.lost_by_host()), (0, 0));
}

#[test]
fn a_loss_is_heard_between_frames_and_within_one() {
    for part in [b"\x05\x03abc\x00".as_slice(), b"\x20\x03abc"] {
        let module = module(Kind::Hm10);
        let mut driver = hm10(&module);
        connected(&module, &mut driver);
        module.phone_writes(part);
        let heard = module
            .run(1_000, read_all(&mut driver, part.len()))
            .unwrap();
        assert_eq!(heard.as_deref(), Ok(part));
        assert_eq!(module.run(100, driver.read(&mut [0; 8])), None);
        module.disconnect();
        assert_eq!(module.run(1_000, driver.read(&mut [0; 8])), Some(Err(Gone)));
        // The next phone is another one.
        module.connect();
        module.phone_writes(b"\x02\x01\x00");
        module.run(1_000, driver.connected()).unwrap();
        let heard = module.run(1_000, read_all(&mut driver, 3)).unwrap();
        assert_eq!(heard.as_deref(), Ok(b"\x02\x01\x00".as_slice()));
    }
}

#[test]
fn a_phone_that_comes_back_at_once_is_not_taken_for_the_old_one() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    module.disconnect();
    module.connect();
    module.phone_writes(b"\x02\x01\x00");
    module.pass(100);
    assert_eq!(module.run(1_000, driver.read(&mut [0; 8])), Some(Err(Gone)));
    assert_eq!(
        module.run(1_000, driver.write(b"\x02\x01\x00")),
        Some(Err(Gone))
    );
    module.run(1_000, driver.connected()).unwrap();
    let heard = module.run(1_000, read_all(&mut driver, 3)).unwrap();
    assert_eq!(heard.as_deref(), Ok(b"\x02\x01\x00".as_slice()));
    assert!(module.phone_heard().is_empty());
}

#[test]
fn by_pin_no_word_is_believed() {
    let module = module(Kind::Hm10);
    let wiring = ByPin(module.state_pin());
    let mut driver = Driver::hm10(module.uart(9_600), wiring, module.delay());
    connected(&module, &mut driver);
    let said = b"OK+LOST";
    module.phone_writes(said);
    module.pass(100);
    let heard = module.run(1_000, read_all(&mut driver, 7)).unwrap();
    assert_eq!(heard.as_deref(), Ok(said.as_slice()));
    module.disconnect();
    assert_eq!(module.run(1_000, driver.read(&mut [0; 8])), Some(Err(Gone)));
    assert!(
        module.run(3_000, driver.connected()).is_none(),
        "the pin does not blink"
    );
    module.connect();
    assert!(module.run(1_000, driver.connected()).is_some());
}

#[test]
fn what_came_before_the_pin_fell_is_read_first() {
    let module = module(Kind::Jdy16);
    let wiring = ByPin(module.state_pin());
    let mut driver = Driver::jdy16(module.uart(9_600), wiring, module.delay());
    connected(&module, &mut driver);
    module.phone_writes(&frame(40));
    module.pass(100);
    module.disconnect();
    let heard = module.run(1_000, read_all(&mut driver, 40)).unwrap();
    assert_eq!(heard.as_deref(), Ok(frame(40).as_slice()));
    assert_eq!(module.run(1_000, driver.read(&mut [0; 8])), Some(Err(Gone)));
}

#[test]
fn the_pile_ends_a_connection_where_the_wiring_lets_it() {
    let module_hm10 = module(Kind::Hm10);
    let mut driver = hm10(&module_hm10);
    connected(&module_hm10, &mut driver);
    module_hm10.run(2_000, driver.disconnect()).unwrap();
    assert!(!module_hm10.is_connected());

    let module_jdy16 = module(Kind::Jdy16);
    let wiring = ByPins {
        stat: module_jdy16.state_pin(),
        pwrc: module_jdy16.command_pin(),
    };
    let mut driver = Driver::jdy16(module_jdy16.uart(9_600), wiring, module_jdy16.delay());
    connected(&module_jdy16, &mut driver);
    module_jdy16.run(2_000, driver.disconnect()).unwrap();
    assert!(!module_jdy16.is_connected());
    assert!(
        module_jdy16.phone_heard().is_empty(),
        "the command is no data"
    );

    // Without PWRC the phone goes when it wants.
    let module_bare = module(Kind::Jdy16);
    let wiring = ByPin(module_bare.state_pin());
    let mut driver = Driver::jdy16(module_bare.uart(9_600), wiring, module_bare.delay());
    connected(&module_bare, &mut driver);
    assert!(module_bare.run(60_000, driver.disconnect()).is_none());
    module_bare.disconnect();
    assert!(module_bare.run(1_000, driver.disconnect()).is_some());
}

/// The data sheet's slowest radio on a fast wire: the driver keeps to it, who does not loses bytes.
#[test]
fn a_fast_wire_overflows_the_module_unless_the_sender_waits() {
    let fast = SetUp {
        baud: 115_200,
        ..set_up()
    };
    let said = frame(2_000);
    for paced in [true, false] {
        let module = module(Kind::Hm10);
        let mut driver = hm10(&module);
        module.run(30_000, driver.set_up(&fast)).unwrap().unwrap();
        let (_, wiring, delay) = driver.release();
        let mut driver = Driver::hm10(module.uart(115_200), wiring, delay);
        module.run(30_000, driver.set_up(&fast)).unwrap().unwrap();
        module.connect();
        module.run(1_000, driver.connected()).unwrap();
        let began = module.now_ms();
        if paced {
            assert_eq!(module.run(60_000, driver.write(&said)), Some(Ok(())));
        } else {
            let (mut uart, _, _) = driver.release();
            module.run(60_000, uart.write_all(&said)).unwrap().unwrap();
        }
        let took = module.now_ms() - began;
        module.pass(1_000);
        if paced {
            assert_eq!((module.lost(), module.phone_heard() == said), (0, true));
            assert!(
                (1_000..1_200).contains(&took),
                "{took} ms at 2,000 bytes a second"
            );
        } else {
            assert!(module.lost() > 1_000, "{} lost in {took} ms", module.lost());
        }
    }
}

/// At 9600 baud the wire is the slow part: 1.04 ms a byte.
#[test]
fn at_9600_baud_a_frame_takes_its_time_on_the_wire() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    let began = module.now_ms();
    module
        .run(5_000, driver.write(&frame(960)))
        .unwrap()
        .unwrap();
    let took = module.now_ms() - began;
    assert!((1_000..1_010).contains(&took), "{took} ms");
    assert_eq!(module.lost(), 0);
}

/// A radio that is slower than its data sheet: the module loses what the link's window has under way
/// at once, if that is more than it keeps.
#[test]
fn a_radio_slower_than_promised_loses_bytes_and_it_is_counted() {
    let slow = Limits {
        interval_us: 50_000,
        ..Limits::default()
    };
    let module = VirtualBleModule::new(Kind::Hm10, slow);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    module
        .run(5_000, driver.write(&frame(960)))
        .unwrap()
        .unwrap();
    assert!(module.lost() > 0);
}

/// The wire takes 960 bytes a second and the air brings 2,000: what a phone writes without a pause
/// fills the module. The phone's end must keep to the wire's rate.
#[test]
fn a_phone_that_does_not_pace_itself_overflows_the_module() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    module.phone_writes(&frame(1_000));
    let heard = module.run(5_000, read_all(&mut driver, 1_000));
    assert!(heard.is_none());
    assert!(module.lost() > 0);
    assert_eq!(module.lost_by_host(), 0);
}

/// Nobody listened in the silence before the word: it is taken for data, and the next phone's word
/// ends that connection.
#[test]
fn a_loss_that_nobody_could_time_is_heard_with_the_next_phone() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    module.phone_writes(b"\x20\x03abc");
    let _ = module.run(1_000, read_all(&mut driver, 5)).unwrap();
    module.pass(100);
    module.disconnect();
    let heard = module.run(1_000, read_all(&mut driver, 7)).unwrap();
    assert_eq!(heard.as_deref(), Ok(b"OK+LOST".as_slice()));
    assert!(module.run(1_000, driver.read(&mut [0; 8])).is_none());
    module.connect();
    assert_eq!(module.run(1_000, driver.read(&mut [0; 8])), Some(Err(Gone)));
    assert!(module.run(1_000, driver.connected()).is_some());
}

#[test]
fn a_read_that_is_dropped_loses_nothing() {
    let module = module(Kind::Hm10);
    let mut driver = hm10(&module);
    connected(&module, &mut driver);
    let said = frame(200);
    let mut said_by_phone = pin!(async {
        phone_says(&module, &said).await;
        std::future::pending::<()>().await;
    });
    let mut heard = Vec::new();
    // Every wait is given up after 3 ms and begun again.
    for _ in 0..1_000 {
        let mut bytes = [0; 16];
        let read = select(driver.read(&mut bytes), &mut said_by_phone);
        if let Some(Either::First(read)) = module.run(3, read) {
            heard.extend_from_slice(&bytes[..read.unwrap()]);
        }
    }
    assert_eq!(heard, said);
}
