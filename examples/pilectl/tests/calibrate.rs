//! The correction of a channel from readings of two meters.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

mod common;

use common::Desk;

#[test]
fn the_worked_example_of_the_readme() {
    let told = Desk::new().well("calibrate --low 60.0:59.2 --high 1000:987");
    // By hand: 60 / 59.2 = 1.01351351.., 1000 / 987 = 1.01317122..
    assert_eq!(
        told,
        "\
power
  low   1,000,000 x 60.000 W / 59.200 W = 1,013,513.51351, rounded down, less one million: 13,513 ppm
  high  1,000,000 x 1000.000 W / 987.000 W = 1,013,171.22593, rounded down, less one million: 13,171 ppm
  set   13,171 ppm, the lower: at neither load does the pile say more than the reference

trim = { power_ppm = 13171, voltage_ppm = 0, current_ppm = 0 }
"
    );
}

#[test]
fn a_correction_goes_on_top_of_the_one_in_force_and_what_is_not_measured_stays() {
    let desk = Desk::new();
    // 2 % in force and 1 % too little: 1.02 x 1.01 = 1.0302; below zero rounded down as well.
    let told = desk.well("calibrate --low 10.1:10 --high 101:100 --in-force 20000,-7,12");
    assert!(told.ends_with("{ power_ppm = 30200, voltage_ppm = -7, current_ppm = 12 }\n"));
    let told = desk.well("calibrate --low 60:60 --high 299.999:300.0 --in-force -150,0,0");
    assert!(told.contains("999,846.66716, rounded down, less one million: -154 ppm"));
    assert!(told.ends_with("{ power_ppm = -154, voltage_ppm = 0, current_ppm = 0 }\n"));
}

#[test]
fn voltage_takes_one_reading_and_current_two() {
    let told = Desk::new().well(
        "calibrate --low 60:60 --high 1000:1000 --volts 230.4:229.9 --low-amperes 0.261:0.259 \
         --high-amperes 4.34:4.31"
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .as_str(),
    );
    // 230.4 / 229.9 = 1.002174..; 0.261 / 0.259 = 1.007722..; 4.34 / 4.31 = 1.006960..
    assert!(told.ends_with("{ power_ppm = 0, voltage_ppm = 2174, current_ppm = 6960 }\n"));
}

#[test]
fn a_pulse_chip_may_be_a_quarter_off_and_is_never_left_without_a_correction() {
    let desk = Desk::new();
    // An HLW8012 whose clock is 15 % slow: 60 / 51.1 = 1.174168.., 1000 / 851.4 = 1.174536..
    let readings = "calibrate --low 60.0:51.1 --high 1000:851.4";
    desk.fails(readings, 2, &["more than 10 % (25 % of a pulse chip)"]);
    let told = desk.well(&format!("{readings} --pulses"));
    assert!(told.ends_with("{ power_ppm = 174168, voltage_ppm = 0, current_ppm = 0 }\n"));
    // Once more, with that in force: 1.174168 x 60 / 60 and 1.174168 x 1000 / 1000.1.
    let again = "calibrate --low 60:60 --high 1000:1000.1 --pulses --in-force 174168,0,0";
    assert!(
        desk.well(again)
            .ends_with("{ power_ppm = 174050, voltage_ppm = 0, current_ppm = 0 }\n")
    );
    desk.fails(
        &format!("{readings}0 --in-force 174168,0,0"),
        2,
        &["is no correction"],
    );
    desk.fails(
        "calibrate --low 60:45 --high 1000:750 --pulses",
        2,
        &["--low 60:45: the correction would be more than"],
    );
    let told = desk.well("calibrate --low 60:60 --high 1000:1000 --pulses");
    assert!(told.contains("one part per million less"));
    assert!(told.ends_with("{ power_ppm = -1, voltage_ppm = 0, current_ppm = 0 }\n"));
}

#[test]
fn readings_that_make_no_correction_are_refused_with_what_to_do() {
    let desk = Desk::new();
    for (options, said) in [
        (
            "--low 60 --high 1000:987",
            "--low 60: is no pair of readings; write",
        ),
        ("--low 60:x --high 1000:987", "--low 60:x: is no pair"),
        (
            "--low 60:59.2000 --high 1000:987",
            "with up to three decimals",
        ),
        (
            "--low 60:0 --high 1000:987",
            "--low 60:0: a reading is zero; read both meters while",
        ),
        (
            "--low 60:59 --high 110:109",
            "is less than twice the first; give the smaller",
        ),
        (
            "--low 1000:987 --high 60:59.2",
            "is less than twice the first; give the smaller",
        ),
        (
            "--low 60:59.2 --high 1000:800",
            "--high 1000:800: the correction would be more than 10 %",
        ),
        (
            "--low 60:60 --high 1000:980",
            "more than 1 % apart (0 and 20,408 ppm); read both",
        ),
        (
            "--low 60:60 --high 1000:1000 --in-force 5",
            "--in-force 5: is no correction; write",
        ),
        (
            "--low 60:60 --high 1000:1000 --in-force 100001,0,0",
            "is no correction",
        ),
        (
            "--low 60:60 --high 1000:1000 --volts 230:120",
            "--volts 230:120: the correction would",
        ),
        (
            "--low 60:60 --high 1000:1000 --low-amperes 1:1",
            "--high-amperes",
        ),
        ("--low 60:60", "--high"),
    ] {
        desk.fails(&format!("calibrate {options}"), 2, &[said]);
    }
}
