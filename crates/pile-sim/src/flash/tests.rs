use std::pin::pin;

use embassy_futures::{block_on, poll_once};
use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};

use super::*;

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
