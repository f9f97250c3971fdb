//! The chip against the datasheet, without a driver.

use super::*;

#[test]
fn registers_read_as_the_published_figures_say() {
    let (_, bus, chip) = one_chip();
    let load = Load {
        power: Power::from_watts(1_000),
        voltage: Voltage::from_millivolts(100_000),
        current: Current::from_milliamperes(10_000),
    };
    chip.set_load(load);
    let read = |register| {
        let bytes = answer(&bus, &[0x58, register]);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
    };
    assert_eq!(read(0x03), 2_512_134); // 251213 an ampere
    assert_eq!(read(0x04) / 100, 15_883); // a volt, at 100 V
    assert_eq!((read(0x06) + 50) / 100, 6_234); // 623.4 a watt
    assert_eq!(read(0x08), 20_000); // 50 Hz
}

#[test]
fn a_burst_is_23_bytes_with_their_check_sum() {
    let (_, bus, chip) = one_chip();
    chip.set_load(watts(800));
    chip.set_count(0x01_0203);
    let frame = answer(&bus, &[0x58, 0xAA]);
    assert_eq!(frame.len(), 23);
    assert_eq!(frame[0], 0x55);
    assert_eq!(frame[13..16], [0x03, 0x02, 0x01]);
    assert_eq!(frame[16..18], [0x20, 0x4E]);
    let sum = frame[..22]
        .iter()
        .fold(0x58, |sum: u8, byte| sum.wrapping_add(*byte));
    assert_eq!(frame[22], !sum);
}

#[test]
fn the_counter_steps_every_1638_4_times_256_over_watt_seconds() {
    // 672.8177 W: a step a second.
    let (clock, _, chip) = one_chip();
    chip.set_load(milliwatts(672_818));
    clock.set(999);
    assert_eq!(chip.count(), 0);
    clock.set(1_000);
    assert_eq!(chip.count(), 1);
    clock.set(3_600_000 * 24);
    assert_eq!(chip.count(), 86_400);
}

#[test]
fn a_kilowatt_hour_is_5350_steps() {
    let (clock, _, chip) = one_chip();
    chip.set_load(watts(1_000));
    clock.set(3_600_000);
    assert_eq!(chip.count(), 5_350);
    assert_eq!(chip.delivered_microjoules(), 3_600_000_000_000);
}

#[test]
fn the_counter_wraps_after_24_bits() {
    let (clock, _, chip) = one_chip();
    chip.set_count(0xFF_FFFF);
    chip.set_load(milliwatts(672_818));
    clock.set(2_000);
    assert_eq!(chip.count(), 1);
}

#[test]
fn only_the_addressed_chip_answers() {
    let bus = VirtualBus::new(Rc::default(), &[Circuit::REFERENCE; 2]);
    bus.chip(0).unwrap().set_count(10);
    bus.chip(1).unwrap().set_count(11);
    assert_eq!(answer(&bus, &[0x58, 0x07])[0], 10);
    assert_eq!(answer(&bus, &[0x59, 0x07])[0], 11);
    assert_eq!(answer(&bus, &[0x5A, 0x07]), []);
    assert!(bus.chip(2).is_none());
}

#[test]
fn a_write_needs_its_check_sum_and_the_protection_open() {
    let (_, bus, _) = one_chip();
    let creep = || answer(&bus, &[0x58, 0x14])[0];
    answer(&bus, &[0xA8, 0x14, 0x19, 0, 0, 0x2A]);
    assert_eq!(creep(), 0x0B, "protected");
    answer(&bus, &[0xA8, 0x1D, 0x55, 0, 0, 0xE5]);
    answer(&bus, &[0xA8, 0x14, 0x19, 0, 0, 0x2B]);
    assert_eq!(creep(), 0x0B, "wrong check sum");
    answer(&bus, &[0xA8, 0x14, 0x19, 0, 0, 0x2A]);
    assert_eq!(creep(), 0x19);
    answer(&bus, &[0xA8, 0x1C, 0x5A, 0x5A, 0x5A, 0x2D]);
    assert_eq!(creep(), 0x0B, "soft reset");
}

#[test]
fn a_part_of_a_command_is_forgotten_after_a_silence() {
    let (clock, bus, _) = one_chip();
    assert_eq!(answer(&bus, &[0xA8, 0x14]), []);
    assert_eq!(
        answer(&bus, &[0x58, 0x19]),
        [],
        "taken for the rest of the write"
    );
    clock.set(19);
    assert_eq!(answer(&bus, &[0x58, 0x19]).len(), 4);
}

#[test]
fn power_below_the_creep_threshold_counts_nothing() {
    let (clock, bus, chip) = one_chip();
    chip.set_load(milliwatts(200));
    clock.set(1_000 * 3_600_000);
    assert_eq!(chip.count(), 0);
    assert_eq!(answer(&bus, &[0x58, 0x09])[0], 0b10);
    chip.set_load(milliwatts(250));
    clock.set(2_000 * 3_600_000);
    assert_eq!(chip.count(), 1_337); // 250 Wh
}

#[test]
fn a_chip_without_supply_forgets_everything_while_the_load_flows_on() {
    let (clock, bus, chip) = one_chip();
    chip.set_load(watts(1_000));
    clock.set(3_600_000);
    chip.set_powered(false);
    assert_eq!(answer(&bus, &[0x58, 0xAA]), []);
    clock.set(7_200_000);
    chip.set_powered(true);
    assert_eq!(chip.count(), 0);
    assert_eq!(chip.delivered_microjoules(), 7_200_000_000_000);
}

#[test]
fn a_counter_that_clears_on_read_does() {
    let (_, bus, chip) = one_chip();
    answer(&bus, &[0xA8, 0x1D, 0x55, 0, 0, 0xE5]);
    answer(&bus, &[0xA8, 0x19, 0xC7, 0, 0, 0x77]);
    chip.set_count(9);
    assert_eq!(answer(&bus, &[0x58, 0xAA])[13], 9);
    assert_eq!(chip.count(), 0);
}

#[test]
fn algebraic_accumulation_counts_back_and_absolute_does_not() {
    for (mode, check, count) in [(0x87, 0xB7, 5_350), (0x07, 0x37, (1 << 24) - 5_351)] {
        let (clock, bus, chip) = one_chip();
        answer(&bus, &[0xA8, 0x1D, 0x55, 0, 0, 0xE5]);
        answer(&bus, &[0xA8, 0x19, mode, 0, 0, check]);
        chip.set_reversed(true);
        chip.set_load(watts(1_000));
        clock.set(3_600_000);
        assert_eq!(chip.count(), count, "{mode:02X}");
    }
}

#[test]
fn a_pending_read_is_woken_by_the_answer() {
    let (_, bus, _) = one_chip();
    let (mut reader, mut writer) = (bus.uart(), bus.uart());
    let mut bytes = [0; 23];
    let read = block_on(async {
        let (read, _) = embassy_futures::join::join(reader.read(&mut bytes), async {
            embassy_futures::yield_now().await;
            writer.write_all(&[0x58, 0xAA]).await
        })
        .await;
        read
    });
    assert_eq!(read, Ok(23));
}

proptest! {
    #[test]
    fn any_bytes_leave_the_line_alive(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (clock, bus, _) = one_chip();
        answer(&bus, &noise);
        // Read away what came, let the silence pass.
        while !answer(&bus, &[]).is_empty() {}
        clock.set(100);
        prop_assert_eq!(answer(&bus, &[0x58, 0xAA]).len(), 23);
    }

    #[test]
    fn the_counter_is_the_delivered_energy_to_the_step(
        loads in proptest::collection::vec((1_000_u32..2_500_000, 1_u64..600_000), 1..100),
    ) {
        let (clock, _, chip) = one_chip();
        for (power, time) in loads {
            chip.set_load(milliwatts(power));
            clock.set(clock.get() + time);
        }
        let delivered = chip.delivered_microjoules();
        let count = u64::from(chip.count());
        prop_assert!(count * (STEP_UJ - 1) <= delivered);
        prop_assert!((count + 1) * STEP_UJ > delivered);
    }
}
