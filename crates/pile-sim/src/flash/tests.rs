use std::pin::pin;

use embassy_futures::{block_on, poll_once};
use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};

use super::*;
use crate::world::VirtualTime;

fn plan(progress: usize, tear: Tear, seed: u64) -> CutPlan {
    CutPlan {
        after_operations: 0,
        progress: Progress::Bytes(progress),
        tear,
        seed,
    }
}

#[test]
fn programming_clears_bits_and_never_sets_them() {
    block_on(async {
        let mut flash = W25q80::w25q80();
        flash.write(100, &[0xf0]).await.unwrap();
        flash.write(100, &[0x30]).await.unwrap();
        assert_eq!(
            flash.write(100, &[0x31]).await,
            Err(FlashError::NotErased { address: 100 })
        );
        assert_eq!(flash.image()[100], 0x30);
    });
}

#[test]
fn a_double_word_is_programmed_once_between_erases_even_with_ones() {
    block_on(async {
        let mut flash = Stm32g4::stm32g4();
        flash.write(8, &[0xff; 8]).await.unwrap();
        assert_eq!(
            flash.write(8, &[0; 8]).await,
            Err(FlashError::NotErased { address: 8 })
        );
        flash.erase(0, 2048).await.unwrap();
        flash.write(8, &[0; 8]).await.unwrap();
    });
}

#[test]
fn misaligned_and_outside_accesses_are_refused() {
    block_on(async {
        let mut flash = Stm32g4::stm32g4();
        assert_eq!(flash.write(4, &[0; 8]).await, Err(FlashError::NotAligned));
        assert_eq!(flash.write(8, &[0; 4]).await, Err(FlashError::NotAligned));
        assert_eq!(
            flash.write(65536, &[0; 8]).await,
            Err(FlashError::OutOfBounds)
        );
        assert_eq!(flash.erase(0, 1024).await, Err(FlashError::NotAligned));
        assert_eq!(flash.erase(2048, 0).await, Err(FlashError::OutOfBounds));
        assert_eq!(
            flash.erase(63488, 67584).await,
            Err(FlashError::OutOfBounds)
        );
        assert_eq!(
            flash.read(65535, &mut [0; 2]).await,
            Err(FlashError::OutOfBounds)
        );
        assert_eq!(flash.statistics().operations(), 0);
    });
}

#[test]
fn statistics_count_operations_bytes_and_the_erases_of_each_page() {
    block_on(async {
        let mut flash = W25q80::w25q80();
        flash.erase(4096, 12288).await.unwrap();
        flash.erase(8192, 12288).await.unwrap();
        flash.write(0, b"seven b").await.unwrap();
        flash.read(0, &mut [0; 3]).await.unwrap();
        let seen = flash.statistics();
        assert_eq!(
            (seen.programs, seen.bytes_programmed, seen.erases),
            (1, 7, 2)
        );
        assert_eq!((seen.reads, seen.bytes_read, seen.operations()), (1, 3, 3));
        assert_eq!(seen.page_erases[..4], [0, 1, 2, 0]);
        assert_eq!(seen.max_page_erases(), 2);
    });
}

#[test]
fn a_cut_program_leaves_a_prefix_and_at_most_one_torn_word() {
    block_on(async {
        let mut torn_words = 0;
        for seed in 0..64 {
            for cut in 0..=24 {
                let mut flash = Stm32g4::stm32g4();
                flash.arm_cut(plan(cut, Tear::Prefix, seed));
                assert_eq!(
                    flash.write(16, &[0x55; 24]).await,
                    Err(FlashError::PowerLost)
                );
                let image = flash.image();
                let written = &image[16..40];
                assert!(written[..cut].iter().all(|byte| *byte == 0x55));
                let word_end = if cut % 8 == 0 {
                    cut + 8
                } else {
                    cut.next_multiple_of(8)
                };
                assert!(written.iter().skip(word_end).all(|byte| *byte == 0xff));
                assert!(written.iter().all(|byte| byte & 0x55 == 0x55));
                torn_words += u32::from(written[cut..].iter().any(|b| *b != 0x55 && *b != 0xff));
                assert!(
                    image[..16]
                        .iter()
                        .chain(&image[40..])
                        .all(|byte| *byte == 0xff)
                );
            }
        }
        assert!(torn_words > 500, "{torn_words}");
    });
}

#[test]
fn a_cut_erase_only_sets_bits_and_its_words_are_not_erased() {
    block_on(async {
        for seed in 0..64 {
            let mut flash = Stm32g4::stm32g4();
            flash.write(0, &[0x3c; 2048]).await.unwrap();
            flash.write(2048, &[0x3c; 8]).await.unwrap();
            flash.arm_cut(plan(1000, Tear::Prefix, seed));
            assert_eq!(flash.erase(0, 2048).await, Err(FlashError::PowerLost));
            let image = flash.image();
            assert!(image[..1000].iter().all(|byte| *byte == 0xff));
            assert!(image[..2048].iter().all(|byte| byte & 0x3c == 0x3c));
            assert_eq!(image[2048..2056], [0x3c; 8]);
            flash.power_up();
            assert_eq!(
                flash.write(0, &[0; 8]).await,
                Err(FlashError::NotErased { address: 0 })
            );
        }
    });
}

#[test]
fn the_cut_waits_for_its_operation_and_power_stays_off_until_power_up() {
    block_on(async {
        let mut flash = W25q80::w25q80();
        flash.write(0, b"before").await.unwrap();
        flash.arm_cut(CutPlan {
            after_operations: 2,
            ..plan(1, Tear::Scattered, 3)
        });
        flash.write(16, b"first").await.unwrap();
        flash.read(0, &mut [0; 16]).await.unwrap();
        flash.erase(4096, 8192).await.unwrap();
        assert!(!flash.cut_happened());
        assert_eq!(flash.write(32, b"third").await, Err(FlashError::PowerLost));
        assert!(flash.cut_happened());
        let torn = TornOperation {
            erase: false,
            address: 32,
            length: 5,
        };
        assert_eq!(flash.last_cut(), Some(torn));
        assert_eq!(flash.read(0, &mut [0]).await, Err(FlashError::PowerLost));
        flash.power_up();
        assert!(!flash.cut_happened());
        flash.write(64, b"again").await.unwrap();
    });
}

#[test]
fn a_hanging_operation_never_completes() {
    let mut flash = W25q80::w25q80();
    flash.set_on_cut(OnCut::Hang);
    let world = flash.clone();
    world.arm_cut(CutPlan::random(0, 1));
    let mut write = pin!(flash.write(0, &[0; 4]));
    for _ in 0..3 {
        assert!(poll_once(write.as_mut()).is_pending());
        world.power_up();
    }
}

#[test]
fn the_same_seed_tears_the_same_bits() {
    block_on(async {
        let mut images = Vec::new();
        for seed in [5, 5, 6] {
            let mut flash = W25q80::w25q80();
            flash.arm_cut(plan(30, Tear::Scattered, seed));
            flash.write(0, &[0; 60]).await.unwrap_err();
            images.push(flash.image());
        }
        assert_eq!(images[0], images[1]);
        assert_ne!(images[0], images[2]);
    });
}

#[test]
fn an_image_comes_back_as_it_was_saved() {
    block_on(async {
        let mut flash = Stm32g4::stm32g4();
        flash.write(80, &[1, 2, 3, 4, 5, 6, 7, 8]).await.unwrap();
        let mut again = Stm32g4::from_image(&flash.image(), Words::Once);
        assert_eq!(again.image(), flash.image());
        assert_eq!(
            again.write(80, &[0; 8]).await,
            Err(FlashError::NotErased { address: 80 })
        );
        again.write(88, &[0; 8]).await.unwrap();
        assert!(again.flip_bit(80, 1));
        assert_eq!(again.image()[80], 3);
        assert!(!again.flip_bit(1 << 20, 0));
    });
}

/// A W25Q80 that keeps the time of this clock.
fn timed(speed: Speed) -> (W25q80, VirtualTime) {
    let (flash, time) = (W25q80::w25q80(), VirtualTime::default());
    flash.keep_time(time.clone(), Part::W25q80.times(speed).unwrap());
    (flash, time)
}

#[test]
fn operations_take_the_times_of_the_datasheet_in_whole_milliseconds() {
    for (speed, erase, program) in [(Speed::Typical, 45, 1), (Speed::Worst, 400, 4)] {
        let (flash, time) = timed(speed);
        let (mut first, mut second) = (flash.clone(), flash);
        let mut begun = pin!(first.erase(0, 4096));
        for millis in 0..erase {
            time.advance_to(millis);
            assert!(poll_once(begun.as_mut()).is_pending(), "{millis}");
        }
        time.advance_to(erase);
        assert!(poll_once(begun.as_mut()).is_ready());
        let mut begun = pin!(second.write(0, &[0; 30]));
        assert!(poll_once(begun.as_mut()).is_pending());
        time.advance_to(erase + program);
        assert!(poll_once(begun.as_mut()).is_ready());
    }
    assert_eq!(Part::Stm32g4.times(Speed::Instant), None);
    let times = Part::Stm32g4.times(Speed::Typical).unwrap();
    assert_eq!(times.program(8, 40), 5 * 82_000 + 40 * 6);
    // 200 bytes from 100 on lie in two page buffers.
    let times = Part::W25q80.times(Speed::Typical).unwrap();
    assert_eq!(times.program(100, 200), 1_400_000 + 200 * 400);
}

#[test]
fn short_reads_add_up_to_a_millisecond_before_anybody_waits() {
    let (mut flash, time) = timed(Speed::Typical);
    let mut bytes = [0; 96];
    // 40 us each.
    for _ in 0..24 {
        let mut read = pin!(flash.read(0, &mut bytes));
        assert!(poll_once(read.as_mut()).is_ready());
    }
    let mut read = pin!(flash.read(0, &mut bytes));
    assert!(poll_once(read.as_mut()).is_pending());
    time.advance_to(1);
    assert!(poll_once(read.as_mut()).is_ready());
}

#[test]
fn a_cut_by_time_tears_the_operation_under_way_as_far_as_it_got() {
    for millis in [0, 15, 30, 44] {
        let (mut flash, time) = timed(Speed::Typical);
        let probe = flash.probe();
        let ready = poll_once(pin!(flash.write(0, &[0; 4096])).as_mut());
        assert!(ready.is_pending());
        time.advance_to(20);
        // The program was dropped, not stopped: the chip has done it before it erases.
        let mut erase = pin!(flash.erase(0, 4096));
        assert!(poll_once(erase.as_mut()).is_pending());
        time.advance_to(20 + millis);
        let _ = poll_once(erase.as_mut());
        assert!(probe.is_busy());
        probe.power_off();
        assert!(probe.cut_happened() && probe.last_cut().unwrap().erase);
        let ones: u32 = probe.image()[..4096].iter().map(|it| it.count_ones()).sum();
        assert!(
            ones >= 4096 * 8 * u32::try_from(millis).unwrap() / 50,
            "{ones}"
        );
        assert!(ones < 4096 * 8);
    }
}

#[test]
fn an_armed_cut_strikes_in_its_part_of_the_time() {
    let (mut flash, time) = timed(Speed::Typical);
    let probe = flash.probe();
    probe.arm_cut(plan(2048, Tear::Prefix, 1));
    let mut erase = pin!(flash.erase(0, 4096));
    assert!(poll_once(erase.as_mut()).is_pending());
    time.advance_to(22);
    assert!(poll_once(erase.as_mut()).is_pending());
    time.advance_to(23);
    assert!(poll_once(erase.as_mut()).is_ready());
    assert!(probe.cut_happened());
}

fn programmed(word: usize, words: Words) -> (Cells, Operation, Vec<Outcome>) {
    let cells = Cells::blank(8192, 2048, word, words);
    let bytes = (1..=24).collect();
    let operation = Operation::Program { address: 64, bytes };
    let outcomes = Outcome::all(&operation, word);
    (cells, operation, outcomes)
}

#[test]
fn every_prefix_of_a_program_and_every_missing_bit_of_its_last_word_is_tried() {
    for (word, words) in [(1, Words::ClearBits), (8, Words::Once)] {
        let (blank, operation, outcomes) = programmed(word, words);
        let mut whole = blank.clone();
        whole.apply(&operation);
        let torn: Vec<Vec<u8>> = outcomes
            .iter()
            .map(|outcome| {
                let mut cells = blank.clone();
                outcome.leave(&operation, &mut cells);
                cells.bytes()[64..88].to_vec()
            })
            .collect();
        for done in 0..=24 {
            let mut prefix = vec![0xff; 24];
            prefix[..done].copy_from_slice(&whole.bytes()[64..64 + done]);
            assert!(torn.contains(&prefix), "{word}: {done}");
        }
        for bit in (24 - word) * 8..24 * 8 {
            let mut missing = whole.bytes()[64..88].to_vec();
            missing[bit / 8] |= 1 << (bit % 8);
            assert!(torn.contains(&missing), "{word}: bit {bit}");
        }
        // Nothing outside the operation, and no bit that it does not program.
        for cells in torn {
            assert!(
                cells
                    .iter()
                    .zip(1..=24)
                    .all(|(cell, byte)| cell & byte == byte)
            );
        }
    }
}

#[test]
fn unstable_bits_change_from_read_to_read_until_the_page_is_erased() {
    block_on(async {
        let (mut cells, ..) = programmed(8, Words::Once);
        cells.apply(&Operation::Program {
            address: 0,
            bytes: vec![0; 2048],
        });
        let erase = Operation::Erase { from: 0, to: 2048 };
        Outcome::Unstable { bytes: 1024 }.leave(&erase, &mut cells);
        assert_eq!(cells.unstable(), 1024);
        let mut flash: Stm32g4 = VirtualNor::from_cells(&cells);
        let (mut first, mut second) = ([0; 2048], [0; 2048]);
        flash.read(0, &mut first).await.unwrap();
        flash.read(0, &mut second).await.unwrap();
        assert_eq!(first[..1024], [0xff; 1024]);
        assert_ne!(first, second);
        let refused = flash.write(0, &[0; 8]).await;
        assert_eq!(refused, Err(FlashError::NotErased { address: 0 }));
        flash.erase(0, 2048).await.unwrap();
        flash.read(0, &mut first).await.unwrap();
        assert_eq!(first, [0xff; 2048]);
        flash.write(0, &[0; 8]).await.unwrap();
    });
}

#[test]
fn a_weak_page_reads_erased_nearly_everywhere_and_is_not() {
    let mut cells = Cells::blank(8192, 4096, 1, Words::ClearBits);
    cells.apply(&Operation::Program {
        address: 0,
        bytes: vec![0; 4096],
    });
    let erase = Operation::Erase { from: 0, to: 4096 };
    Outcome::Weak { seed: 3 }.leave(&erase, &mut cells);
    assert_eq!(cells.bytes()[..4096], [0xff; 4096]);
    let mut flash: W25q80 = VirtualNor::from_cells(&cells);
    let mut read = vec![0; 4096];
    block_on(flash.read(0, &mut read)).unwrap();
    let zeros: u32 = read.iter().map(|it| it.count_zeros()).sum();
    assert!(zeros > 0 && zeros < 200, "{zeros}");
    // What is programmed to zero holds; the ones beside it do not.
    block_on(flash.write(0, &[0; 4096])).unwrap();
    assert_eq!(flash.cells().unstable(), cells.unstable());
    block_on(flash.read(0, &mut read)).unwrap();
    assert_eq!(read, vec![0; 4096]);
}

#[test]
fn outcomes_are_many_and_their_fingerprints_tell_them_apart() {
    let (blank, operation, outcomes) = programmed(8, Words::Once);
    let left = |outcome: &Outcome| {
        let mut cells = blank.clone();
        outcome.leave(&operation, &mut cells);
        cells.fingerprint(0..8192)
    };
    let prints: std::collections::BTreeSet<_> = outcomes.iter().map(left).collect();
    assert!(
        prints.len() > outcomes.len() * 3 / 4 && prints.len() > 80,
        "{}",
        prints.len()
    );
    assert_eq!(left(&outcomes[3]), left(&outcomes[3]));
}
