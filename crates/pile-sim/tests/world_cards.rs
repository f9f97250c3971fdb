//! Cards that prove themselves, copies of them, and hands that take them away, before the real shell.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper fails as a test does"
)]

use billing_core::record::{Attempt, Fault, Record};
use billing_core::tariff::{Band, Tariff};
use pile_controller::shell::Line;
use pile_controller::{Command, Outcome, Refusal, Signal};
use pile_sim::cards::VirtualCard;
use pile_sim::world::{Bike, Issued, ReaderChip, Setup, World};
use pile_units::{
    AccountId, CredentialId, Currency, PlanId, PortId, Power, Strength, UidOnly, UtcOffset,
};

const ANNA: [u8; 7] = [0x04, 0x95, 0x8c, 0xaa, 0x5c, 0x5e, 0x80];

fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

fn tariff() -> Tariff {
    let band = Band {
        name: "flat".parse().unwrap(),
        energy: "0.5".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    Tariff::flat(Currency::CNY, UtcOffset::UTC, band)
}

struct Pile {
    world: World,
    landlord: VirtualCard,
    anna: VirtualCard,
    tag: Issued,
}

/// A pile whose landlord's card has no key, and whose policy is everybody's.
fn commissioned(reader: ReaderChip) -> Pile {
    let mut world = World::new(Setup {
        reader,
        ports: 2,
        ..Setup::default()
    });
    world.power_up();
    let landlord = VirtualCard::numbered(1);
    world.tap(&landlord);
    let set = world.command(Command::SetTariff(PlanId::STANDARD, tariff()));
    assert_eq!(set, Some(Outcome::Done));
    let (anna, tag) = world.issue(ANNA).unwrap();
    Pile {
        world,
        landlord,
        anna,
        tag,
    }
}

/// And Anna's card was enrolled, with its key.
fn enrolled(reader: ReaderChip) -> Pile {
    let mut pile = commissioned(reader);
    pile.world.tap(&pile.landlord);
    pile.world.tap(&pile.anna);
    assert_eq!(pile.strengths(), [Strength::UidOnly, Strength::MutualAes]);
    pile
}

impl Pile {
    fn strengths(&self) -> Vec<Strength> {
        let (book, _) = self.world.read_ledger().unwrap();
        book.credentials().iter().map(|it| it.strength).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        let signals = self.world.signals();
        let refusal = |(_, signal): &(u64, Signal)| match signal {
            Signal::Refused(why) => Some(*why),
            _ => None,
        };
        signals.iter().filter_map(refusal).collect()
    }

    /// (how often, why at last) of Anna's card.
    fn attempts(&self) -> Option<(u32, Attempt)> {
        let (book, _) = self.world.read_ledger().unwrap();
        let tried = book.attempts_of(CredentialId::new(1));
        tried.map(|it| (it.count, it.what))
    }

    /// Anna charges at the first port and stops.
    fn charges(&mut self) {
        let anna = self.anna.clone();
        self.world
            .plug(port(1), Bike::constant(Power::from_watts(300)));
        self.world.tap(&anna);
        self.world.press(port(1));
        self.world.run_for(20_000);
        assert!(self.world.relay(port(1)), "{:?}", self.world.signals());
        self.world.tap(&anna);
        self.world.press(port(1));
        self.world.run_for(5_000);
        assert!(!self.world.relay(port(1)));
    }
}

#[test]
fn a_card_with_a_key_charges_and_its_session_says_so() {
    for reader in [ReaderChip::Mfrc522, ReaderChip::Pn532] {
        let mut pile = enrolled(reader);
        pile.world
            .command(Command::AllowUidOnly(UidOnly::Nobody))
            .unwrap();
        pile.charges();
        let (_, records) = pile.world.read_ledger().unwrap();
        let closed = records.iter().find_map(|(_, record)| match record {
            Record::SessionClosed(closed) => Some(closed),
            _ => None,
        });
        assert_eq!(closed.unwrap().strength, Strength::MutualAes, "{reader:?}");
        assert_eq!(pile.tag.failures(), (0, 0));
    }
}

#[test]
fn gonium_2017_golem_2020_a_copy_of_a_number_is_refused_recorded_and_shown() {
    let mut pile = enrolled(ReaderChip::Mfrc522);
    let copy = pile.anna.forged();
    pile.world.tap(&copy);
    pile.world.press(port(1));
    pile.world.run_for(2_000);
    assert!(!pile.world.relay(port(1)));
    assert_eq!(pile.refusals(), [Refusal::TooWeak, Refusal::NoCard]);
    assert_eq!(pile.attempts(), Some((1, Attempt::TooWeak)));
    pile.world.tap(&pile.landlord);
    let told = Signal::CardsTried(CredentialId::new(1), 1);
    assert!(pile.world.signals().iter().any(|it| it.1 == told));
}

#[test]
fn a_copy_with_a_key_of_its_own_is_refused_and_tried_less_and_less_often() {
    let mut pile = enrolled(ReaderChip::Mfrc522);
    let (_, tag) = pile.world.issue_elsewhere(ANNA).unwrap();
    let copy = pile.anna.forged_with(Box::new(tag.clone()));
    pile.world.tap(&copy);
    assert_eq!(pile.refusals(), [Refusal::WrongKey]);
    assert_eq!(tag.failures(), (1, 1));
    // At once again: it is not touched.
    pile.world.tap(&copy);
    assert_eq!(pile.refusals().last(), Some(&Refusal::CardWaits));
    assert_eq!(tag.failures(), (1, 1));
    pile.world.run_for(10_000);
    pile.world.tap(&copy);
    assert_eq!(pile.refusals().last(), Some(&Refusal::WrongKey));
    assert_eq!(tag.failures(), (2, 2));
    // For an hour every few seconds.
    for _ in 0..600 {
        pile.world.tap(&copy);
        pile.world.run_for(4_500);
    }
    assert_eq!(tag.failures(), (9, 9), "10 s, 20 s, ... 2,560 s");
    assert_eq!(pile.tag.failures(), (0, 0), "the real card is another");
    let (book, records) = pile.world.read_ledger().unwrap();
    let recorded = records.iter();
    let recorded = recorded.filter(|(_, it)| matches!(it, Record::Attempted(_)));
    let recorded = recorded.count();
    assert!(
        (2..=3).contains(&recorded),
        "{recorded}: one at once, then one in half an hour"
    );
    let attempts = book.attempts_of(CredentialId::new(1)).unwrap();
    assert!(
        (8..=9).contains(&attempts.count),
        "as often as it was asked"
    );
    assert_eq!(attempts.what, Attempt::WrongKey);
    // The real one cannot be told from it and waits, too, until the landlord stands there.
    let (landlord, anna) = (pile.landlord.clone(), pile.anna.clone());
    pile.world.tap(&anna);
    assert_eq!(pile.refusals().last(), Some(&Refusal::CardWaits));
    pile.world.tap(&landlord);
    pile.world.tap(&anna);
    assert_eq!(pile.refusals().last(), Some(&Refusal::AlreadyAuthorised));
    pile.world.tap(&landlord);
    pile.charges();
}

#[test]
fn a_card_of_another_site_is_not_enrolled_and_a_strangers_card_is_not_asked() {
    let mut pile = commissioned(ReaderChip::Mfrc522);
    let (other, tag) = pile.world.issue_elsewhere(ANNA).unwrap();
    pile.world.tap(&other);
    assert_eq!(pile.refusals(), [Refusal::UnknownCard]);
    assert_eq!(tag.failures(), (0, 0), "nobody expects a key of it");
    pile.world.tap(&pile.landlord);
    pile.world.tap(&other);
    assert_eq!(pile.refusals().last(), Some(&Refusal::WrongKey));
    assert_eq!(tag.failures(), (1, 1));
    assert_eq!(pile.strengths(), [Strength::UidOnly]);
}

#[test]
fn a_number_that_changes_each_time_is_not_enrolled() {
    let mut pile = commissioned(ReaderChip::Mfrc522);
    pile.world.tap(&pile.landlord);
    let phone = VirtualCard::new(&[0x08, 1, 2, 3]).unwrap();
    pile.world.tap(&phone);
    assert_eq!(pile.refusals(), [Refusal::RandomNumber]);
    assert_eq!(pile.strengths(), [Strength::UidOnly]);
}

#[test]
fn charging_goes_on_while_a_slow_card_thinks() {
    let mut pile = enrolled(ReaderChip::Mfrc522);
    let bike = Bike::constant(Power::from_watts(300));
    pile.world.plug(port(1), bike.clone());
    pile.world.tap(&pile.anna);
    pile.world.press(port(1));
    pile.world.run_for(20_000);
    assert!(pile.world.relay(port(1)));
    let before = pile.world.read_ledger().unwrap().0.register(port(1));
    let said = pile.world.signals().len();
    // A card that thinks for half a second before each of its answers, five in all.
    pile.world.cards_think(550);
    let asked = pile.world.now();
    let handle = pile.world.lay_card(&pile.anna);
    let answered = |pile: &Pile| {
        let signals = pile.world.signals();
        let mut new = signals.iter().skip(said);
        new.find(|it| it.1 == Signal::ChoosePort).map(|it| it.0)
    };
    pile.world.run_for(1_000);
    // In the middle of it the residual current device trips.
    let exchanges = pile.world.field().exchanges();
    pile.world.raise(Line::Trip(port(1), Fault::Leakage));
    assert!(!pile.world.relay(port(1)), "I7: at once");
    assert_eq!(answered(&pile), None, "the card is still being asked");
    pile.world.run_for(1_500);
    assert_eq!(answered(&pile), None);
    assert!(pile.world.field().exchanges() > exchanges, "it goes on");
    let book = pile.world.read_ledger().unwrap().0;
    assert_eq!(
        book.fault(port(1)),
        Some(Fault::Leakage),
        "and so does the ledger"
    );
    assert!(book.register(port(1)) > before, "and so do the meters");
    pile.world.run_for(10_000);
    let thought = answered(&pile).unwrap() - asked;
    assert!(thought >= 2_000, "{thought} ms");
    println!("a card was asked for {thought} ms, and nothing waited for it");
    pile.world.take_card(handle);
}

#[test]
fn a_card_that_does_not_come_to_an_end_is_given_up_and_the_next_one_is_read() {
    for reader in [ReaderChip::Mfrc522, ReaderChip::Pn532] {
        let mut pile = enrolled(reader);
        pile.world.cards_think(1_000);
        let handle = pile.world.lay_card(&pile.anna);
        pile.world.run_for(2_900);
        assert_eq!(pile.refusals(), [], "{reader:?}: it is still being asked");
        pile.world.run_for(20_000);
        let once = [Refusal::HoldStill];
        assert_eq!(pile.refusals(), once, "{reader:?}: once a presentation");
        pile.world.take_card(handle);
        pile.world.run_for(1_000);
        pile.world.cards_think(0);
        pile.charges();
        assert_eq!(pile.attempts(), None, "{reader:?}");
        assert_eq!(pile.tag.failures(), (0, 0), "{reader:?}");
    }
}

#[test]
fn a_card_taken_away_at_any_byte_of_enrolment_or_charging_leaves_everything_usable() {
    // What a whole tap puts on the air, whatever it is for.
    let mut pile = commissioned(ReaderChip::Mfrc522);
    pile.world.tap(&pile.landlord);
    let before = pile.world.field().bytes_on_air();
    pile.world.tap(&pile.anna);
    let whole = pile.world.field().bytes_on_air() - before;
    let mut counts = [0u32; 2];
    for cut in 0..=whole {
        // In enrolment: the card is enrolled with its key, or not at all.
        let mut pile = commissioned(ReaderChip::Mfrc522);
        pile.world.tap(&pile.landlord);
        torn(&mut pile, cut);
        let known = pile.strengths();
        assert!(
            known == [Strength::UidOnly] || known == [Strength::UidOnly, Strength::MutualAes],
            "byte {cut}: {known:?}"
        );
        if known.len() == 1 {
            let anna = pile.anna.clone();
            pile.world.tap(&anna);
            assert_eq!(pile.strengths().len(), 2, "byte {cut}: a second whole tap");
        }
        counts[0] += 1;
        // In charging: it is chosen for, or nothing happened.
        pile.world.run_for(31_000);
        torn(&mut pile, cut);
        pile.world.run_for(16_000);
        let open = pile.world.read_ledger().unwrap().0.open_sessions().count();
        assert!(open <= 1, "byte {cut}");
        if open == 1 {
            // The choice ran out with no press: it started at the next free port.
            let anna = pile.anna.clone();
            pile.world.tap(&anna);
            pile.world.run_for(20_000);
        }
        pile.charges();
        counts[1] += 1;
        let (book, _) = pile.world.read_ledger().unwrap();
        assert_eq!(book.balance().metered, book.balance().accounted());
        assert!(book.account(AccountId::new(1)).unwrap().sessions >= 1);
        assert_eq!(
            pile.tag.failures().1,
            0,
            "byte {cut}: nothing is held against it"
        );
        assert_eq!(pile.attempts(), None, "byte {cut}");
    }
    println!(
        "taken away at each of {} bytes of an enrolment and of a charge: {} and {} lives",
        whole + 1,
        counts[0],
        counts[1]
    );
}

/// Lays Anna's card down and takes it away after so many bytes on the air.
fn torn(pile: &mut Pile, bytes: u64) {
    let handle = pile.world.lay_card(&pile.anna);
    pile.world.field().take_after_bytes(handle, bytes);
    pile.world.run_for(500);
    pile.world.take_card(handle);
    pile.world.run_for(1_000);
}
