//! Which tests failed, read from what each language's runner prints.

use super::counts::without_colours;

/// More names than these help nobody.
const MOST_NAMES: usize = 20;

/// The failed tests by name, each once, at most some twenty of them.
pub(super) fn failed_tests(output: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in output.lines() {
        let Some(name) = failed_test(&without_colours(line)) else { continue };
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() == MOST_NAMES {
            break;
        }
    }
    names
}

fn failed_test(line: &str) -> Option<String> {
    let name = of_cargo(line).or_else(|| of_vitest(line)).or_else(|| of_junit(line))?;
    Some(name.trim().to_owned())
}

/// `test schema::a_table_is_altered ... FAILED`; what the test printed may stand before the last word.
fn of_cargo(line: &str) -> Option<&str> {
    let test = line.strip_prefix("test ")?;
    line.ends_with("FAILED").then(|| test.split_once(" ... ").map(|(name, _)| name)).flatten()
}

/// ` FAIL  test/page.test.ts > the page > loads`
fn of_vitest(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("FAIL ")
}

/// `│  ├─ windowsEqual() 12 ms ✘ expected: <1> but was: <2>`
fn of_junit(line: &str) -> Option<&str> {
    line.contains(" ✘").then(|| line.trim_start_matches(|c: char| "│├└─ ".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runner_s_failed_tests_are_named_once() {
        let output = "test window::tests::ends ... ok\n\
                      test window::tests::begins ... FAILED\n\
                      test prints ... {\"age\":7}FAILED\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored\n\
                      \u{1b}[41m FAIL \u{1b}[49m test/page.test.ts > the page > loads\n\
                      \u{1b}[41m FAIL \u{1b}[49m test/page.test.ts > the page > loads\n\
                      │  ├─ aFine() ✔\n\
                      │  │  └─ [2] false 12 ms ✘ expected: <1> but was: <2>";
        assert_eq!(
            failed_tests(output),
            [
                "window::tests::begins",
                "prints",
                "test/page.test.ts > the page > loads",
                "[2] false 12 ms ✘ expected: <1> but was: <2>"
            ]
        );
    }

    #[test]
    fn not_more_are_named_than_can_be_read() {
        let lines: Vec<_> = (0..100).map(|i| format!("test a{i} ... FAILED\n")).collect();
        let output = lines.concat();
        assert_eq!(failed_tests(&output).len(), MOST_NAMES);
    }
}
