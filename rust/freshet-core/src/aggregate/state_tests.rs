use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const MICROS: i64 = 1_000_000;

/// A micro-batch: readings (second, value) and the watermark that they bring about, in seconds.
type Batch = (Vec<(i64, i32)>, i64);

/// The panes of readings, as a partial aggregate encodes them; each reading is a record.
fn partial(grid: &PaneGrid, readings: &[(i64, i32)]) -> Vec<u8> {
    let mut panes: BTreeMap<i64, Pane> = BTreeMap::new();
    for (second, value) in readings {
        let at_us = second * MICROS;
        let (start_us, _) = grid.pane_around(at_us);
        let empty = || Pane { start_us, records: 0, stats: WindowStats::default() };
        let pane = panes.entry(start_us).or_insert_with(empty);
        pane.records += 1;
        pane.stats.add(at_us, f64::from(*value));
    }
    let mut bytes = Vec::new();
    encoding::begin(&mut bytes);
    for pane in panes.values() {
        encoding::push(pane.start_us, pane.records, &pane.stats, &mut bytes);
    }
    bytes
}

/// What every window has, by its start: the readings in the order of their size.
type Windows = BTreeMap<i64, Vec<i32>>;

/// Spark's rules, one reading and one window after the other.
#[derive(Default)]
struct Model {
    open: Windows,
}

impl Model {
    /// The windows that the batch hands on, and the number of readings that are counted.
    fn run(
        &mut self,
        spec: &WindowSpec,
        which: Emit,
        marks: Watermarks,
        batch: &[(i64, i32)],
    ) -> (Windows, u64) {
        let mut changed = BTreeSet::new();
        let mut counted = 0;
        for (second, value) in batch {
            let open = spec
                .starts_containing(second * MICROS)
                .into_iter()
                .filter(|start| end_us(spec, *start) > marks.late_us);
            let mut in_any = false;
            for start in open {
                in_any = true;
                changed.insert(start);
                let readings = self.open.entry(start).or_default();
                readings.push(*value);
                readings.sort_unstable();
            }
            counted += u64::from(in_any);
        }
        let is_final = |start: &i64| end_us(spec, *start) <= marks.final_us;
        let concerned = |start: &i64| match which {
            Emit::Changed => changed.contains(start),
            Emit::Final => is_final(start),
        };
        let emitted = self.open.iter().filter(|(start, _)| concerned(start));
        let emitted = emitted.map(|(start, readings)| (*start, readings.clone())).collect();
        self.open.retain(|start, _| !is_final(start));
        (emitted, counted)
    }
}

/// The end of a window that starts then; in a zone, where it is not simply the size later, by the calendar.
fn end_us(spec: &WindowSpec, start_us: i64) -> i64 {
    if spec.longest_ms() == spec.size_ms() {
        start_us + spec.size_ms() * 1_000
    } else {
        spec.end_ms(start_us / 1_000).unwrap() * 1_000
    }
}

fn summary(readings: &[i32]) -> (u64, f64, f64, f64) {
    let values = readings.iter().map(|value| f64::from(*value));
    (
        readings.len() as u64,
        values.clone().sum(),
        values.clone().fold(f64::INFINITY, f64::min),
        values.fold(f64::NEG_INFINITY, f64::max),
    )
}

/// The percentiles of a window, through panes, encodings and merges: those of its readings, in the order of their size.
fn assert_percentiles(stats: &WindowStats, readings: &[i32]) {
    for share in [0.5, 0.95, 0.99] {
        let reached = |position: &usize| (position + 1) as f64 >= share * readings.len() as f64;
        let position = (0..readings.len()).find(reached).unwrap();
        let expected = f64::from(readings[position]);
        let tolerance = if readings.len() <= 32 { 0.0 } else { expected.abs() * 0.010_001 };
        let [found] = stats.percentiles([share]);
        assert!((found - expected).abs() <= tolerance, "{share}: {found} for {expected}");
    }
}

fn run((spec, begin, unit): Kind, which: Emit, batches: &[Batch]) {
    let spec: WindowSpec = spec.parse().unwrap();
    let begin = begin.parse::<jiff::Timestamp>().unwrap().as_second();
    let mut model = Model::default();
    let mut state = Vec::new();
    let mut deadline = None;
    let mut watermarks = Watermarks { late_us: 0, final_us: 0 };
    for (readings, watermark) in batches {
        let in_place = |(second, value): &(i64, i32)| (begin + second * unit, *value);
        let readings: Vec<_> = readings.iter().map(in_place).collect();
        let (expected, expected_count) = model.run(&spec, which, watermarks, &readings);
        let mut found = BTreeMap::new();
        let mut counted = 0;
        // Without readings the state is looked at when it is due, and not before.
        let due = deadline.is_some_and(|at| at <= watermarks.final_us);
        if due || !readings.is_empty() {
            let mut current = WindowState::decode(&spec, &state).unwrap();
            // Two tasks had a share of them.
            let (left, right) = readings.split_at(readings.len() / 2);
            for part in [left, right] {
                counted += current.add(&partial(&current.grid, part), watermarks).unwrap();
            }
            current
                .windows(
                    which,
                    watermarks,
                    |Window { start_us: start, end_us, stats, is_partial }| {
                        assert_eq!(end_us, self::end_us(&spec, start));
                        assert!(!is_partial);
                        let content = (stats.count(), stats.sum(), stats.min(), stats.max());
                        assert!(found.insert(start, content).is_none(), "a window came twice");
                        assert_percentiles(stats, &expected[&start]);
                    },
                )
                .unwrap();
            let mut encoded = Vec::new();
            deadline = current.encode(which, watermarks, &mut encoded);
            assert_eq!(encoded.is_empty(), deadline.is_none());
            assert!(deadline.is_none_or(|at| at > watermarks.final_us));
            state = encoded;
        }
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(start, readings)| (*start, summary(readings))).collect();
        assert_eq!(found, expected);
        assert_eq!(counted, expected_count);
        // The next micro-batch calls late what was final in this one, and its own watermark never goes back.
        let final_us = watermarks.final_us.max((begin + watermark * unit) * MICROS);
        watermarks = Watermarks { late_us: watermarks.final_us, final_us };
    }
    // When every window is final, nothing is left of them.
    let end = Watermarks { late_us: watermarks.final_us, final_us: i64::MAX / 2 };
    let rest = WindowState::decode(&spec, &state).unwrap();
    assert_eq!(rest.encode(which, end, &mut Vec::new()), None);
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    // Some readings are far out.
    let value = prop_oneof![9 => -100_i32..100, 1 => Just(100_000)];
    let readings = prop::collection::vec((0_i64..120, value), 0..12);
    prop::collection::vec((readings, 0_i64..120), 1..12)
}

/// A kind of window, when the readings begin, and what their seconds are to be multiplied by.
type Kind = (&'static str, &'static str, i64);

const EPOCH: &str = "1970-01-01T00:00:00Z";

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        ("10s", EPOCH, 1),
        ("1m", EPOCH, 1),
        ("30s/10s", EPOCH, 1),
        ("10s/4s", EPOCH, 1),
        ("20s/1s", EPOCH, 1),
        ("7s/5s", EPOCH, 1),
        ("20s/10s@3s", EPOCH, 1),
        ("7d@Mon", EPOCH, 30_000),
        ("1d@Europe/Berlin", "2026-03-25T00:00:00Z", 7_200),
        ("7d@Mon@Europe/Berlin", "2026-10-01T00:00:00Z", 30_000),
        ("3d/1d@America/Sao_Paulo", "2018-10-30T00:00:00Z", 7_200),
        ("2d/1d@6h@Pacific/Apia", "2011-12-26T00:00:00Z", 7_200),
        ("2d@Pacific/Apia", "2011-12-26T00:00:00Z", 7_200),
        ("2d@1d@Pacific/Apia", "2011-12-26T00:00:00Z", 7_200),
    ])
}

proptest! {
    #[test]
    fn updates_follow_sparks_rules(spec in kind(), batches in batches()) {
        run(spec, Emit::Changed, &batches);
    }

    #[test]
    fn every_window_is_appended_once(spec in kind(), batches in batches()) {
        run(spec, Emit::Final, &batches);
    }
}

#[test]
fn what_comes_for_final_windows_only_is_late() {
    let spec: WindowSpec = "30s/10s".parse().unwrap();
    let watermarks = Watermarks { late_us: 40 * MICROS, final_us: 40 * MICROS };
    let mut state = WindowState::decode(&spec, &[]).unwrap();
    // The last window of a reading at 9 s ends at 30 s, at 19 s at 40 s, at 20 s at 50 s.
    let readings = partial(&state.grid, &[(9, 1), (19, 1), (20, 1)]);
    assert_eq!(state.add(&readings, watermarks).unwrap(), 1);
    let mut ends = Vec::new();
    state.windows(Emit::Changed, watermarks, |window| ends.push(window.end_us / MICROS)).unwrap();
    assert_eq!(ends, [50]);
}

#[test]
fn a_damaged_state_is_refused() {
    let spec: WindowSpec = "10s".parse().unwrap();
    let readings = partial(&PaneGrid::of(&spec), &[(1, 1)]);
    assert!(WindowState::decode(&spec, &readings[..readings.len() - 1]).is_err());
    assert!(WindowState::decode(&spec, &[9]).is_err());
    let mut state = WindowState::decode(&spec, &[]).unwrap();
    assert!(state.add(&[9], Watermarks::NONE).is_err());
}

/// The windows of readings at these seconds, by their start in seconds: how many readings they have, and whether some
/// may be missing. With the deadline in seconds, and how many readings were counted.
fn limited(
    limits: WindowLimits,
    seconds: &[i64],
    watermark: i64,
) -> (Vec<(i64, u64, bool)>, Option<i64>, u64) {
    let spec: WindowSpec = "30s/10s".parse().unwrap();
    let watermarks = Watermarks { late_us: watermark * MICROS, final_us: watermark * MICROS };
    let mut state = WindowState::decode(&spec, &[]).unwrap().with_limits(limits);
    let readings: Vec<_> = seconds.iter().map(|second| (*second, 1)).collect();
    let counted = state.add(&partial(&state.grid, &readings), watermarks).unwrap();
    let mut found = Vec::new();
    let add = |window: Window<'_>| {
        found.push((window.start_us / MICROS, window.stats.count(), window.is_partial));
    };
    state.windows(Emit::Changed, watermarks, add).unwrap();
    let deadline = state.encode(Emit::Changed, watermarks, &mut Vec::new());
    (found, deadline.map(|at| at / MICROS), counted)
}

#[test]
fn windows_of_a_new_kind_may_lack_readings_until_the_newest_one_before() {
    let partial = |starts: &[(Option<i64>, i64)]| {
        let starts = starts.iter().map(|(after, until)| PartialStarts {
            after_us: after.map(|second| second * MICROS),
            until_us: until * MICROS,
        });
        WindowLimits { partial: starts.collect(), last_start_us: None }
    };
    let marks =
        |limits| limited(limits, &[25], 0).0.iter().map(|window| window.2).collect::<Vec<_>>();
    // The windows start at 0, 10 and 20 s.
    assert_eq!(marks(partial(&[(None, 10)])), [true, true, false]);
    // It was in the list before: what was open then was brought to its end.
    assert_eq!(marks(partial(&[(Some(0), 10)])), [false, true, false]);
    // And it was new then.
    assert_eq!(marks(partial(&[(None, 0), (Some(10), 20)])), [true, false, true]);
}

#[test]
fn windows_of_a_kind_that_was_taken_away_are_brought_to_their_end() {
    let old = WindowLimits { last_start_us: Some(15 * MICROS), partial: Vec::new() };
    // The last window goes from 10 s to 40 s: a reading at 25 s lies in two that are given, one at 45 s in none.
    let (windows, deadline, counted) = limited(old.clone(), &[25, 45], 0);
    assert_eq!(windows, [(0, 1, false), (10, 1, false)]);
    assert_eq!((deadline, counted), (Some(40), 1));
    assert_eq!(limited(old, &[25], 40), (vec![], None, 0));
}

/// The programs bring a database of zones, and another version of them may bring another one.
#[test]
fn panes_that_another_database_of_zones_has_made_go_on() {
    let spec: WindowSpec = "1d@Europe/Berlin".parse().unwrap();
    let us = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let (begin, end) = (us("2026-01-30T23:00:00Z"), us("2026-01-31T23:00:00Z"));
    for begins in ["2026-01-30T22:00:00Z", "2026-01-31T00:00:00Z", "2026-01-30T12:00:00Z"] {
        let mut readings = WindowStats::default();
        readings.add(us(begins), 1.0);
        let mut written = Vec::new();
        encoding::begin(&mut written);
        encoding::push(us(begins), 1, &readings, &mut written);
        let mut state = WindowState::decode(&spec, &written).unwrap();
        let more = partial(&PaneGrid::of(&spec), &[(us("2026-01-31T12:00:00Z") / MICROS, 2)]);
        assert_eq!(state.add(&more, Watermarks::NONE), Ok(1));
        let mut found = Vec::new();
        let push = |window: Window<'_>| {
            found.push((window.start_us, window.end_us, window.stats.count()));
        };
        state.windows(Emit::Changed, Watermarks::NONE, push).unwrap();
        assert_eq!(found, [(begin, end, 2)], "{begins}");
    }
    let week: WindowSpec = "7d@Mon@Europe/Berlin".parse().unwrap();
    let on = |day: i64| {
        let mut written = Vec::new();
        encoding::begin(&mut written);
        let start_us = us("2026-01-25T23:00:00Z") + day * 86_400 * MICROS;
        let mut readings = WindowStats::default();
        readings.add(start_us, 1.0);
        encoding::push(start_us, 1, &readings, &mut written);
        WindowState::decode(&week, &written).err()
    };
    assert_eq!([0, 1, -1].map(on), [None; 3]);
    assert_eq!([2, 3, -2].map(on), [Some(InvalidState::Damaged); 3]);
}

#[test]
fn limits_of_windows_of_days_are_those_of_their_zone() {
    let spec: WindowSpec = "1d@Europe/Berlin".parse().unwrap();
    let second = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_second();
    let noons = ["2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z", "2026-03-30T10:00:00Z"];
    let windows = |limits: WindowLimits, final_us: i64| {
        let watermarks = Watermarks { late_us: i64::MIN / 2, final_us };
        let mut state = WindowState::decode(&spec, &[]).unwrap().with_limits(limits);
        let readings: Vec<_> = noons.iter().map(|noon| (second(noon), 1)).collect();
        let counted = state.add(&partial(&state.grid, &readings), watermarks).unwrap();
        let mut found = Vec::new();
        let push = |window: Window<'_>| found.push((window.start_us / MICROS, window.is_partial));
        state.windows(Emit::Changed, watermarks, push).unwrap();
        let deadline = state.encode(Emit::Changed, watermarks, &mut Vec::new());
        (found, counted, deadline.map(|at| at / MICROS))
    };
    let days = ["2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"].map(second);
    // The kind was taken away at noon of the day with 23 hours, which is brought to its end.
    let last_start_us = Some(second(noons[1]) * MICROS);
    let taken_away = WindowLimits { last_start_us, partial: Vec::new() };
    let given = vec![(days[0], false), (days[1], false)];
    assert_eq!(windows(taken_away.clone(), i64::MIN / 2), (given.clone(), 2, Some(days[2])));
    assert_eq!(windows(taken_away, days[2] * MICROS), (given, 2, None));
    // It was new then.
    let until_us = second(noons[1]) * MICROS;
    let partial = vec![PartialStarts { after_us: None, until_us }];
    let (found, ..) = windows(WindowLimits { partial, last_start_us: None }, i64::MIN / 2);
    assert_eq!(found, [(days[0], true), (days[1], true), (days[2], false)]);
}

#[test]
fn a_state_tells_its_newest_event() {
    let spec: WindowSpec = "30s/10s".parse().unwrap();
    let readings = partial(&PaneGrid::of(&spec), &[(3, 1), (27, 2), (21, 3)]);
    assert_eq!(WindowState::newest_event_us(&spec, &readings), Ok(Some(27 * MICROS)));
    assert_eq!(WindowState::newest_event_us(&spec, &[]), Ok(None));
    for damaged in [&[9][..], &[3, 0], &readings[..readings.len() - 1]] {
        assert!(WindowState::newest_event_us(&spec, damaged).is_err(), "{damaged:?}");
    }
}
