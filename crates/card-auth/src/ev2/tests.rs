//! The worked examples of NXP AN12196 (rev. 2.0 numbering), as the test suite of nfc-ev2-crypto
//! carries them too.

use super::{CommMode, HandshakeError, OpenError, SealError, Session, Start};
use crate::vectors::{block, hex, text, vectors};
use crate::{CardKey, Status};

fn session(enc: &str, mac: &str, ti: &str, counter: u16) -> Session {
    let ti = hex(ti).try_into().unwrap();
    Session::new(block(enc), block(mac), ti, counter)
}

/// The session of table 14.
fn table_14(counter: u16) -> Session {
    let enc = "1309C877509E5A215007FF0ED19CA564";
    session(enc, "4C6626F5E72EA694202139295C7A7FC7", "9D00C4DF", counter)
}

/// The session of table 23.
fn table_23(counter: u16) -> Session {
    let enc = "4CF3CB41A22583A61E89B158D252FC53";
    session(enc, "5529860B2FC5FB6154B7F28361D30BF9", "7614281A", counter)
}

fn answer(data: &str, status: &str) -> std::vec::Vec<u8> {
    [hex(data), hex(status)].concat()
}

#[test]
fn an12196_table_14_authentication_with_key_0_comes_out() {
    let vector = &vectors()["ev2first_an12196_key0_zero"];
    let start = Start::new(0, &CardKey::new(block(&text(vector, "key"))));
    let command = hex(&text(vector, "command"));
    assert_eq!(start.command().unwrap().bytes(), command);
    let first = answer(&text(vector, "enc_rndb"), "91AF");
    let challenged = start
        .challenge(&first, block(&text(vector, "rnda")))
        .unwrap();
    assert_eq!(challenged.rnd_b_for_tests(), block(&text(vector, "rndb")));
    let sent = [hex("90AF000020"), hex(&text(vector, "sent")), hex("00")].concat();
    assert_eq!(challenged.command().unwrap().bytes(), sent);
    let second = answer(&text(vector, "response"), "9100");
    let session = challenged.conclude(&second).unwrap();
    assert_eq!(session.transaction().to_vec(), hex(&text(vector, "ti")));
    let keys = ["session_enc_key", "session_mac_key"].map(|name| block(&text(vector, name)));
    assert_eq!([session.enc, session.mac], keys);
}

#[test]
fn an12196_table_19_authentication_with_key_3_comes_out() {
    let first = answer("B875CEB0E66A6C5CD00898DC371F92D1", "91AF");
    let challenged = Start::new(3, &CardKey::FACTORY)
        .challenge(&first, block("B98F4C50CF1C2E084FD150E33992B048"))
        .unwrap();
    let sent = "90AF000020FF0306E47DFBC50087C4D8A78E88E62DE1E8BE457AA477C707E2F0874916A8B100";
    assert_eq!(challenged.command().unwrap().bytes(), hex(sent));
    let second = "0CC9A8094A8EEA683ECAAC5C7BF20584206D0608D477110FC6B3D5D3F65C3A6A";
    let session = challenged.conclude(&answer(second, "9100")).unwrap();
    assert_eq!(session.transaction().to_vec(), hex("7614281A"));
    assert_eq!(session.enc, block("7A93D6571E4B180FCA6AC90C9A7488D4"));
    assert_eq!(session.mac, block("FC4AF159B62E549B5812394CAB1918CC"));
}

#[test]
fn answer_with_one_wrong_bit_anywhere_is_an_impostors_unless_it_is_no_part_of_rnda() {
    let good = hex("3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F08120663");
    let first = answer("A04C124213C186F22399D33AC2A30215", "91AF");
    for bit in 0..128 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        bad.extend([0x91, 0x00]);
        let outcome = Start::new(0, &CardKey::FACTORY)
            .challenge(&first, block("13C5DB8A5930439FC3DEF9A4C675360F"))
            .unwrap()
            .conclude(&bad);
        assert_eq!(outcome.unwrap_err(), HandshakeError::Impostor, "bit {bit}");
    }
}

#[test]
fn an12196_table_10_get_file_settings_with_a_mac_comes_out() {
    let zero = "00000000000000000000000000000000";
    let mut session = session(zero, "8248134A386E86EB7FAF54A52E536CB6", "7A21085E", 0);
    let command = session.seal(CommMode::Mac, 0xf5, &[0x02], &[]).unwrap();
    assert_eq!(command.bytes(), hex("90F5000009026597A457C8CD442C00"));
    let data = "0040EEEE000100D1FE001F00004400004400002000006A0000";
    let mut reply = answer(data, "2A474282E7A479869100");
    assert_eq!(session.open(CommMode::Mac, &mut reply), Ok(&*hex(data)));
}

#[test]
fn an12196_table_17_write_data_of_the_ndef_file_comes_out() {
    let mut session = table_14(0);
    // The address with places for 32 and 16 digits, zeros after it.
    let mut plain = hex("0051D1014D550463686F6F73652E75726C2E636F6D2F6E7461673432343F653D");
    plain.extend([b'0'; 32]);
    plain.extend(*b"&c=");
    plain.extend([b'0'; 16]);
    plain.resize(128, 0);
    let header = hex("02000000800000");
    let command = session.seal(CommMode::Full, 0x8d, &header, &plain).unwrap();
    let sent = "908D00009F02000000800000421C73A27D827658AF481FDFF20A5025B559D0E3AA21E58D347F343CFFC768BF\
                E596C706BC00F2176781D4B0242642A0FF5A42C461AAF894D9A1284B8C76BCFA658ACD40555D362E08DB15CF\
                421B51283F9064BCBE20E96CAE545B407C9D651A3315B27373772E5DA2367D2064AE054AF996C6F1F669170F\
                A88CE8C4E3A4A7BBBEF0FD971FF532C3A802AF745660F2B4D1D9A8499661EBF300";
    assert_eq!(command.bytes(), hex(sent));
    let mut reply = answer("FC222E5F7A542452", "9100");
    assert_eq!(session.open(CommMode::Full, &mut reply), Ok(&[][..]));
}

#[test]
fn an12196_table_18_change_file_settings_comes_out() {
    let mut session = table_14(1);
    let settings = hex("4000E0C1F121200000430000430000");
    let command = session.seal(CommMode::Full, 0x5f, &[0x02], &settings);
    let sent = "905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400";
    assert_eq!(command.unwrap().bytes(), hex(sent));
    let mut reply = answer("57BFF87B1241E93D", "9100");
    assert_eq!(session.open(CommMode::Full, &mut reply), Ok(&[][..]));
    assert_eq!(session.counter(), 2);
}

#[test]
fn an12196_table_21_write_data_of_the_proprietary_file_comes_out() {
    let enc = "7A93D6571E4B180FCA6AC90C9A7488D4";
    let mut session = session(enc, "FC4AF159B62E549B5812394CAB1918CC", "7614281A", 0);
    let data = hex("0102030405060708090A");
    let command = session.seal(CommMode::Full, 0x8d, &hex("030000000A0000"), &data);
    let sent = "908D00001F030000000A00006B5E6804909962FC4E3FF5522CF0F8436C0C53315B9C73AA00";
    assert_eq!(command.unwrap().bytes(), hex(sent));
    let mut reply = answer("C26D236E4A7C046D", "9100");
    assert_eq!(session.open(CommMode::Full, &mut reply), Ok(&[][..]));
}

#[test]
fn an12196_tables_25_and_26_change_key_come_out() {
    let new = block("F3847D627727ED3BC9C4CC050489B966");
    let data = crate::ntag424::key_data(2, &CardKey::new(new), &CardKey::FACTORY, 1);
    let mut session = table_23(2);
    let command = session.seal(CommMode::Full, 0xc4, &[2], data.bytes());
    let sent = "90C4000029022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E600";
    assert_eq!(command.unwrap().bytes(), hex(sent));
    let mut reply = answer("203BB55D1089D587", "9100");
    assert_eq!(session.open(CommMode::Full, &mut reply), Ok(&[][..]));

    let new = block("5004BF991F408672B1EF00F08F9E8647");
    let data = crate::ntag424::key_data(0, &CardKey::new(new), &CardKey::FACTORY, 1);
    let command = session.seal(CommMode::Full, 0xc4, &[0], data.bytes());
    let sent = "90C400002900C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED643200";
    assert_eq!(command.unwrap().bytes(), hex(sent));
}

#[test]
fn an12196_table_28_get_card_uid_comes_out() {
    let enc = "2B4D963C014DC36F24F69A50A394F875";
    let mut session = session(enc, "379D32130CE61705DD5FD8C36B95D764", "DF055522", 0);
    let command = session.seal(CommMode::Full, 0x51, &[], &[]).unwrap();
    assert_eq!(command.bytes(), hex("90510000088E2C155ADDA99BE300"));
    let mut reply = answer("70756055688505B52A5E26E59E329CD6595F672298EA41B7", "9100");
    let uid = session.open(CommMode::Full, &mut reply);
    assert_eq!(uid, Ok(&*hex("04958CAA5C5E80")));
}

#[test]
fn forged_replayed_or_refused_answer_ends_the_session() {
    for bit in 0..8 * 8 {
        let mut session = table_14(1);
        let mut reply = answer("57BFF87B1241E93D", "9100");
        reply[bit / 8] ^= 1 << (bit % 8);
        let opened = session.open(CommMode::Full, &mut reply);
        assert_eq!(opened, Err(OpenError::Forged), "bit {bit}");
        let next = session.seal(CommMode::Mac, 0xf5, &[2], &[]);
        assert_eq!(next, Err(SealError::Closed));
    }
    let mut session = table_14(1);
    let good = answer("57BFF87B1241E93D", "9100");
    assert_eq!(session.open(CommMode::Full, &mut good.clone()), Ok(&[][..]));
    let mut replayed = good.clone();
    let again = session.open(CommMode::Full, &mut replayed);
    assert_eq!(again, Err(OpenError::Forged), "played again");
    let mut session = table_14(1);
    let mut refusal = [0x91, 0x9d];
    let refused = session.open(CommMode::Full, &mut refusal);
    assert_eq!(refused, Err(OpenError::Refused(Status::PERMISSION_DENIED)));
    let next = session.seal(CommMode::Mac, 0xf5, &[2], &[]);
    assert_eq!(next, Err(SealError::Closed));
}

#[test]
fn command_counter_is_never_used_twice() {
    let mut session = table_14(u16::MAX);
    let sealed = session.seal(CommMode::Mac, 0xf5, &[2], &[]);
    assert_eq!(sealed, Err(SealError::Closed));
}

/// "The session is over after it", says `open`.
#[test]
fn session_that_is_over_stays_over_whatever_comes_next() {
    let mut session = table_14(1);
    let mut refusal = [0x91, 0x9d];
    let refused = session.open(CommMode::Full, &mut refusal);
    assert_eq!(refused, Err(OpenError::Refused(Status::PERMISSION_DENIED)));
    let mut late = answer("57BFF87B1241E93D", "9100");
    assert!(session.open(CommMode::Full, &mut late).is_err());
    let next = session.seal(CommMode::Mac, 0xf5, &[2], &[]);
    assert_eq!(next, Err(SealError::Closed));
}
