//! Aligned tables, and the units people read.

use std::fmt;

/// Rows whose columns line up.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let end = if index + 1 == self.rows.len() { "" } else { "\n" };
            write!(formatter, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A duration of milliseconds with the two units that matter: `850 ms`, `7.3 s`, `2 m 5 s`, `3 h 4 m`.
pub fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        ..1 => format!("{milliseconds} ms"),
        1..60 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The time of day of a moment in milliseconds since the epoch: `19:03:04 UTC`.
pub fn clock(time: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(time).unwrap_or_default();
    moment.strftime("%H:%M:%S UTC").to_string()
}

/// A number without its fraction, in groups of three digits: `1,234,567`.
pub fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = if number < 0.0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as MiB.
pub fn memory(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_without_trailing_blanks() {
        let mut table = Table::default();
        table.row(["part", "state", "address"]);
        table.row(["kafka", "ready", "127.0.0.1:9092"]);
        table.row(["producer", "ready", ""]);
        assert_eq!(
            table.to_string(),
            "part      state  address\nkafka     ready  127.0.0.1:9092\nproducer  ready"
        );
    }

    #[test]
    fn durations_have_the_units_that_matter() {
        let texts = [850, 7_340, 125_000, 11_050_000].map(duration);
        assert_eq!(texts, ["850 ms", "7.3 s", "2 m 5 s", "3 h 4 m"]);
    }

    #[test]
    fn a_moment_has_its_time_of_day() {
        assert_eq!(clock(1_795_633_384_999), "19:03:04 UTC");
    }

    #[test]
    fn large_numbers_are_grouped() {
        let texts = [0.4, 999.6, 1234.0, 1_234_567.0, -12_345.0].map(grouped);
        assert_eq!(texts, ["0", "1,000", "1,234", "1,234,567", "-12,345"]);
    }
}
